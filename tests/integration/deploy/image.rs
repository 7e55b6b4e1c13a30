//! The image: built of what is there, listening where it says, without root.

use std::collections::BTreeSet;
use std::fs;

use super::{is_pinned, read, root};

/// The instructions of the Dockerfile, each with its continuation lines.
fn instructions() -> Vec<(String, String)> {
    let text = read("deploy/Dockerfile").replace("\\\n", " ");
    let lines = text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#'));
    let split = |line: &str| {
        let (word, rest) = line.split_once(' ').unwrap();
        (word.to_owned(), rest.trim().to_owned())
    };
    lines.map(split).collect()
}

/// The user that it runs as, by number.
pub fn user() -> u32 {
    let user = instructions().into_iter().rfind(|(word, _)| word == "USER").unwrap().1;
    let ids: Vec<u32> = user.split(':').map(|id| id.parse().unwrap()).collect();
    assert!(ids.iter().all(|id| *id > 0), "{user}");
    ids[0]
}

/// The public and the internal port, which it exposes.
pub fn ports() -> (u16, u16) {
    let all = instructions();
    let of = |word: &str| {
        all.iter().filter(|(said, _)| said == word).map(|(_, rest)| rest.as_str()).collect::<Vec<_>>()
    };
    let environment = of("ENV").join(" ");
    let port = |name: &str| {
        let value = environment.split(&format!("{name}=0.0.0.0:")).nth(1).unwrap();
        value.split_whitespace().next().unwrap().parse().unwrap()
    };
    let (public, internal): (u16, u16) = (port("ROLLCALL_LISTEN"), port("ROLLCALL_INTERNAL_LISTEN"));
    assert_eq!(of("EXPOSE"), [format!("{public} {internal}")]);
    (public, internal)
}

#[test]
fn the_image_is_built_of_what_is_there_and_listens_where_it_says() {
    let all = instructions();
    let of = |word: &str| {
        all.iter().filter(|(said, _)| said == word).map(|(_, rest)| rest.as_str()).collect::<Vec<_>>()
    };
    for image in of("FROM") {
        assert!(is_pinned(image.split(' ').next().unwrap()), "{image} is not pinned");
    }
    let ignored = read(".dockerignore");
    let mut copied = BTreeSet::new();
    for sources in of("COPY").into_iter().filter(|rest| !rest.starts_with("--from")) {
        let words: Vec<&str> = sources.split_whitespace().collect();
        for source in &words[..words.len() - 1] {
            assert!(root().join(source).exists(), "{source} is not there");
            assert!(ignored.lines().any(|line| line == format!("!{source}")), "{source} is ignored");
            copied.insert((*source).to_owned());
        }
    }
    for (name, path) in embedded() {
        assert!(copied.contains(&path), "{name} takes in {path}, which the image does not get");
    }
    assert_eq!(ports(), (8000, 9000), "as every other file here says");
    assert_eq!(user(), 10_001);
}

/// Files outside of `src` that the program takes in when it is compiled: which file does, and the first part of the path.
fn embedded() -> Vec<(String, String)> {
    let (mut found, mut open) = (Vec::new(), vec![root().join("src")]);
    while let Some(dir) = open.pop() {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
                continue;
            }
            let text = fs::read_to_string(&path).unwrap_or_default();
            // What browsers are sent, by the whole path from the root.
            for rest in text.split("#[folder = \"").skip(1) {
                found.push((path.display().to_string(), rest.split('"').next().unwrap().to_owned()));
            }
            for macro_name in
                ["include_str!(\"", "include_bytes!(\"", "include_dir!(\"", "include_str!(concat!(\""]
            {
                for rest in text.split(macro_name).skip(1) {
                    let target = rest.split('"').next().unwrap();
                    let path_in_root =
                        target.trim_start_matches("../").trim_start_matches("$CARGO_MANIFEST_DIR/");
                    if path_in_root != target {
                        let top = path_in_root.split('/').next().unwrap().to_owned();
                        found.push((path.display().to_string(), top));
                    }
                }
            }
        }
    }
    for taken in ["lua", "web/dist"] {
        assert!(found.iter().any(|(_, path)| path == taken), "{taken} is taken in");
    }
    found
}
