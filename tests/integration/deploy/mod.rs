//! What runs Rollcall: containers, units, proxies, roles and users of the stores, as far as it can be proved without what
//! it is for. Names, commands, settings and mounts fit the program and the repository, secrets are asked for, and a real
//! Redis and Postgres take what is for them. What needs nginx, Caddy or systemd is in `tests/operations`.

mod compose;
mod image;
mod kubernetes;
mod postgres;
mod redis;
mod replication;
mod systemd;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

/// Where the repository is.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A file of the repository.
pub fn read(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Runs the program with these variables and no others of its own.
fn rollcall(args: &[&str], environment: &BTreeMap<String, String>) -> Output {
    Command::new(env!("CARGO_BIN_EXE_rollcall")).args(args).envs(environment).output().unwrap()
}

fn assert_done(output: &Output, what: &str) {
    assert!(output.status.success(), "{what}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Every setting by its name in the environment, from the sample that has them all.
fn settings() -> BTreeSet<String> {
    let (sample, mut section) = (read("rollcall.sample.toml"), String::new());
    let mut names = BTreeSet::new();
    for line in sample.lines() {
        if let Some(name) = line.strip_prefix('[') {
            section = format!("{}_", name.trim_end_matches(']'));
        } else if let Some((key, _)) = line.strip_prefix('#').and_then(|line| line.split_once(" = ")) {
            names.insert(format!("ROLLCALL_{section}{key}").to_uppercase());
        }
    }
    names
}

/// `name:1.2.3-variant`, `name:v1.2.3`: a tag that says at least two numbers.
fn is_pinned(image: &str) -> bool {
    image.rsplit_once(':').is_some_and(|(_, tag)| {
        let version: String =
            tag.trim_start_matches('v').chars().take_while(|c| c.is_ascii_digit() || *c == '.').collect();
        version.split('.').filter(|part| !part.is_empty()).count() >= 2
    })
}
