//! The units of `deploy/systemd`: their commands and settings are those of the program, and the files that they hand it
//! are enough. What systemd makes of them is in `tests/operations`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use rollcall::config::EXIT_USAGE;

use super::{assert_done, read, rollcall, settings};
use crate::support;

/// The settings of a unit: name and value, line by line.
fn unit(name: &str) -> Vec<(String, String)> {
    let text = read(&format!("deploy/systemd/{name}"));
    let lines = text.lines().filter(|line| !line.starts_with(['#', '[']));
    lines.filter_map(|line| line.split_once('=')).map(|(name, value)| (name.into(), value.into())).collect()
}

fn of<'a>(unit: &'a [(String, String)], name: &str) -> Vec<&'a str> {
    unit.iter().filter(|(known, _)| known == name).map(|(_, value)| value.as_str()).collect()
}

/// The environment of a unit, with the directory of its credentials.
fn environment(unit: &[(String, String)], credentials: &str) -> BTreeMap<String, String> {
    let words = of(unit, "Environment").join(" ");
    let filled = words.replace("%d", credentials).replace("%H", "web-1");
    filled.split(' ').map(|word| word.split_once('=').unwrap()).map(|(k, v)| (k.into(), v.into())).collect()
}

fn command(unit: &[(String, String)]) -> Vec<String> {
    let line = of(unit, "ExecStart")[0];
    assert!(line.starts_with("/usr/local/bin/rollcall "), "{line}");
    line.split(' ').skip(1).map(str::to_owned).collect()
}

#[tokio::test]
async fn units_run_the_program_with_files_that_only_it_sees() {
    let dir = tempfile::tempdir().unwrap();
    let place = dir.path().display().to_string();
    let database = support::database_url().await;
    for (name, file) in [
        (
            "rollcall.service",
            format!("[redis]\nurl = \"redis://127.0.0.1\"\n[database]\nurl = \"{database}\"\n"),
        ),
        ("rollcall-migrate.service", format!("[database]\nmigrate_url = \"{database}\"\n")),
    ] {
        let unit = unit(name);
        fs::write(dir.path().join("rollcall.toml"), file).unwrap();
        fs::write(dir.path().join("auth_secret"), "f3a81c5d9e2b7046f3a81c5d9e2b7046\n").unwrap();
        let environment = environment(&unit, &place);
        let known = settings();
        let known = |name: &str| known.contains(name) || name == "ROLLCALL_CONFIG";
        assert!(environment.keys().all(|name| known(name)), "{environment:?}");
        let handed: BTreeSet<&str> =
            of(&unit, "LoadCredential").into_iter().map(|line| line.split_once(':').unwrap().0).collect();
        let read: BTreeSet<&str> =
            environment.values().filter_map(|value| value.strip_prefix(&format!("{place}/"))).collect();
        assert_eq!(handed, read, "{name}");
        let command = command(&unit);
        let mut args: Vec<&str> = command.iter().map(String::as_str).collect();
        // Serving does not end by itself; its settings can be looked at.
        let is_serving = args == ["serve"];
        let tried = if is_serving { vec!["config", "check"] } else { args.clone() };
        assert_done(&rollcall(&tried, &environment), name);
        args.push("--help");
        assert_done(&rollcall(&args, &environment), name);
        assert_eq!(of(&unit, "DynamicUser"), ["yes"], "{name}");
    }
    let serve = unit("rollcall.service");
    assert_eq!(of(&serve, "TimeoutStopSec"), ["25s"], "as docs/operations.md says");
    assert_eq!(of(&serve, "RestartPreventExitStatus"), [EXIT_USAGE.to_string()]);
    assert!(of(&serve, "LimitNOFILE")[0].parse::<u32>().unwrap() > 50_000, "more than http.max_connections");
}
