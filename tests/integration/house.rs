//! The rules of the house, kept by a test so that nobody has to remember them: who may use whom, where foreign
//! crates live, heads, sizes.

use std::fs;
use std::path::{Path, PathBuf};

/// The rows, lowest number on top. A module uses modules of lower rows (higher numbers) only.
const ROWS: &[(u8, &[&str])] = &[
    (1, &["cli"]),
    (2, &["tasks"]),
    (3, &["live"]),
    (4, &["http"]),
    (5, &["app"]),
    (6, &["store", "audit", "accounts", "auth", "courier"]),
    (7, &["config", "database", "metrics", "telemetry", "devstack", "moment"]),
    (8, &["presence"]),
];

/// Paths that only some modules may name.
const HOMES: &[(&str, &[&str])] = &[
    ("fred::", &["store"]),
    ("sqlx::", &["audit", "accounts", "database"]),
    ("axum::", &["http", "live"]),
    ("tower::", &["http", "live"]),
    ("tower_http::", &["http", "live"]),
    ("jsonwebtoken::", &["auth"]),
    ("argon2::", &["auth"]),
    ("aws_lc_rs::", &["auth"]),
    ("totp_rs::", &["auth"]),
    ("rust_embed::", &["http"]),
    ("std::env", &["config"]),
];

/// Lines of a file that are not tests.
const MOST_LINES: usize = 300;
const EXCUSE: &str = "Longer than the house number because";

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every file below a directory, with its path from the root. A directory that does not exist has none.
pub fn files(dir: &str) -> Vec<(String, PathBuf)> {
    let (mut found, mut open) = (Vec::new(), vec![root().join(dir)]);
    while let Some(dir) = open.pop() {
        for entry in fs::read_dir(dir).into_iter().flatten() {
            let path = entry.unwrap().path();
            // What others wrote, and what was built.
            if path.file_name().is_some_and(|name| name == "node_modules" || name == "dist") {
                continue;
            }
            if path.is_dir() {
                open.push(path);
            } else {
                let name = path.strip_prefix(root()).unwrap().display().to_string();
                found.push((name, path));
            }
        }
    }
    found.sort();
    found
}

fn rust_files(dir: &str) -> Vec<(String, String)> {
    let rust = files(dir).into_iter().filter(|(name, _)| name.ends_with(".rs"));
    rust.map(|(name, path)| (name, fs::read_to_string(path).unwrap())).collect()
}

/// Scripts and styles of the browser's part, with the text of each.
fn browser_files() -> Vec<(String, String)> {
    let written = |name: &str| [".ts", ".tsx", ".mjs", ".css"].iter().any(|end| name.ends_with(end));
    let files = files("web").into_iter().filter(|(name, _)| written(name));
    files.map(|(name, path)| (name, fs::read_to_string(path).unwrap())).collect()
}

/// The code of a file without comments and tests.
fn code(text: &str) -> String {
    let program = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or(text);
    let lines = program.lines().filter(|line| !line.trim_start().starts_with("//"));
    lines.map(|line| line.split(" // ").next().unwrap_or(line)).collect::<Vec<_>>().join("\n")
}

/// The code of the program, file by file, without its tests.
fn program() -> Vec<(String, String)> {
    let files = rust_files("src").into_iter().filter(|(name, _)| !name.ends_with("/tests.rs"));
    files.map(|(name, text)| (name, code(&text))).collect()
}

/// The top module of a file: `store` for `src/store/keys.rs`, `app` for `src/app.rs`.
fn module(name: &str) -> &str {
    let path = name.trim_start_matches("src/").trim_end_matches(".rs");
    path.split('/').next().unwrap_or(path)
}

fn row(module: &str) -> Option<u8> {
    ROWS.iter().find(|(_, modules)| modules.contains(&module)).map(|(row, _)| *row)
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// What follows each occurrence of a path, where it is not the tail of a longer name.
fn after<'a>(code: &'a str, path: &'a str) -> impl Iterator<Item = &'a str> {
    code.match_indices(path)
        .filter(|(at, _)| !code[..*at].ends_with(|before: char| is_word(before) || before == ':'))
        .map(move |(at, _)| &code[at + path.len()..])
}

/// The modules of the crate that code names by `crate::x` or `crate::{x, y}`.
fn used(code: &str) -> Vec<String> {
    let mut used = Vec::new();
    for rest in after(code, "crate::") {
        match rest.strip_prefix('{') {
            None => used.push(first_word(rest)),
            Some(group) => used.extend(top_level(group).iter().map(|part| first_word(part.trim()))),
        }
    }
    used
}

fn first_word(text: &str) -> String {
    text.chars().take_while(|c| is_word(*c)).collect()
}

/// The parts of a brace group, up to its end, that are separated by commas of its own level.
fn top_level(group: &str) -> Vec<String> {
    let (mut depth, mut parts) = (0, vec![String::new()]);
    for c in group.chars() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(String::new());
                continue;
            }
            _ => {}
        }
        parts.last_mut().unwrap().push(c);
    }
    parts.retain(|part| !part.trim().is_empty());
    parts
}

fn assert_none(broken: &[String], rule: &str) {
    assert!(broken.is_empty(), "{rule}\n  {}", broken.join("\n  "));
}

#[test]
fn modules_use_lower_rows_only() {
    let mut broken = Vec::new();
    for (name, code) in program() {
        let own = module(&name);
        if matches!(own, "lib" | "main") {
            continue;
        }
        let Some(row_of_own) = row(own) else {
            broken.push(format!("{name}: the module {own} has no row"));
            continue;
        };
        for other in used(&code).into_iter().filter(|other| other != own) {
            if row(&other).is_some_and(|row| row <= row_of_own) {
                broken.push(format!("{name} (row {row_of_own}) uses {other}"));
            }
        }
        let depth = name.trim_start_matches("src/").trim_end_matches("/mod.rs").matches('/').count() + 1;
        if code.contains(&"super::".repeat(depth)) {
            broken.push(format!("{name} leaves its module by `super`"));
        }
    }
    assert_none(&broken, "a module uses modules of lower rows only");
}

#[test]
fn foreign_crates_have_one_home() {
    let mut broken = Vec::new();
    for (name, code) in program() {
        for (path, homes) in HOMES {
            if !homes.contains(&module(&name)) && after(&code, path).next().is_some() {
                broken.push(format!("{name} names {path}, whose home is {}", homes.join(", ")));
            }
        }
    }
    assert_none(&broken, "foreign crates have one home each");
}

#[test]
fn the_core_knows_std_and_serde_only() {
    let manifest: toml::Table = fs::read_to_string(root().join("Cargo.toml")).unwrap().parse().unwrap();
    let crates = manifest["dependencies"].as_table().unwrap().keys().map(|name| name.replace('-', "_"));
    let foreign: Vec<_> = crates.filter(|name| name != "serde").map(|name| format!("{name}::")).collect();
    let mut broken = Vec::new();
    for (name, code) in program().iter().filter(|(name, _)| module(name) == "presence") {
        let named = foreign.iter().filter(|path| after(code, path).next().is_some());
        broken.extend(named.map(|path| format!("{name} names {path}")));
        for clock in ["SystemTime", "Instant::now", "async fn"] {
            if code.contains(clock) {
                broken.push(format!("{name} has {clock}"));
            }
        }
    }
    assert_none(&broken, "presence is std and serde, without clock and I/O");
}

#[test]
fn every_file_says_what_it_is_for() {
    let mut broken = Vec::new();
    for (name, text) in ["src", "tests", "benches", "grafana"].iter().flat_map(|dir| rust_files(dir)) {
        if !text.starts_with("//! ") {
            broken.push(format!("{name} begins without //!"));
        }
    }
    for (name, path) in files("lua").into_iter().filter(|(name, _)| name.ends_with(".lua")) {
        let text = fs::read_to_string(path).unwrap();
        if !text.lines().find(|line| !line.starts_with("#!")).is_some_and(|line| line.starts_with("--")) {
            broken.push(format!("{name} begins without a comment"));
        }
    }
    // A test that stands beside what it tries is named after it.
    for (name, text) in
        browser_files().into_iter().filter(|(name, _)| !name.contains("/src/") || !name.contains(".test."))
    {
        if !text.starts_with("//") && !text.starts_with("/*") {
            broken.push(format!("{name} begins without a comment"));
        }
    }
    assert_none(&broken, "every file has a head");
}

#[test]
#[allow(clippy::print_stdout, reason = "the sizes are a report")]
fn files_are_short_or_say_why_not() {
    let mut broken = Vec::new();
    let mut sizes = Vec::new();
    for (name, text) in rust_files("src").into_iter().filter(|(name, _)| !name.ends_with("/tests.rs")) {
        let lines = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or(&text).lines().count();
        let head = text.lines().take_while(|line| line.starts_with("//!"));
        if lines > MOST_LINES && !head.collect::<String>().contains(EXCUSE) {
            broken.push(format!("{name} has {lines} lines"));
        }
        sizes.push((lines, name));
    }
    for (name, text) in browser_files().into_iter().filter(|(name, _)| !name.contains(".test.")) {
        let (lines, head) = (text.lines().count(), text.split("\n\n").next().unwrap_or_default());
        if lines > MOST_LINES && !head.replace("\n// ", " ").contains(EXCUSE) {
            broken.push(format!("{name} has {lines} lines"));
        }
    }
    sizes.sort();
    let at = |share: usize| sizes[(sizes.len() - 1) * share / 100].0;
    println!(
        "{} files: median {} lines, nine in ten up to {}, most {}",
        sizes.len(),
        at(50),
        at(90),
        at(100)
    );
    for (lines, name) in sizes.iter().rev().take(10) {
        println!("{lines:5} {name}");
    }
    assert_none(&broken, "a file has at most 300 lines without its tests, or its head says why");
}

#[test]
fn nothing_is_left_for_later() {
    // In two parts, for this file is searched, too.
    let word = ["TO", "DO"].concat();
    let mut broken = Vec::new();
    for dir in ["src", "tests", "benches", "lua", "migrations", "web", "deploy", "docs", "grafana"] {
        for (name, path) in files(dir) {
            // What is not text (an icon) has no words.
            let text = fs::read_to_string(path).unwrap_or_default();
            if after(&text, &word).any(|rest| !rest.starts_with(is_word)) {
                broken.push(name);
            }
        }
    }
    assert_none(&broken, "work that is left is not noted in the code");
}

#[test]
fn the_checks_see_what_they_should() {
    let code =
        code("use crate::{a::{b, c}, d};\nlet x = crate::e::f(); // crate::g\n/// crate::h\nxcrate::i;");
    assert_eq!(used(&code), ["a", "d", "e"]);
    assert_eq!(after("tower::x my_tower::y a::tower::z", "tower::").count(), 1);
    assert_eq!((module("src/app.rs"), module("src/store/keys.rs")), ("app", "store"));
}
