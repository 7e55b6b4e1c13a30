//! What runs Rollcall in containers: as far as it can be proved without a container engine. Names, commands, settings and
//! mounts fit the program and the repository, secrets are asked for, and a real Redis takes `deploy/redis.conf`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use reqwest::StatusCode;
use rollcall::devstack::Fleet;
use serde::Deserialize;
use serde_json::json;

use crate::support;
use crate::support::service::Service;

/// The part of the Compose specification that is used here: another word is a mistake.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Compose {
    #[serde(rename = "name")]
    _name: String,
    services: BTreeMap<String, Container>,
    networks: BTreeMap<String, Option<Network>>,
    volumes: BTreeMap<String, Option<()>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Network {
    #[serde(rename = "internal")]
    _internal: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Container {
    build: Option<Build>,
    image: String,
    user: Option<String>,
    command: Option<Vec<String>>,
    #[serde(default)]
    environment: BTreeMap<String, String>,
    #[serde(default)]
    ports: Vec<String>,
    #[serde(default)]
    volumes: Vec<String>,
    networks: Vec<String>,
    #[serde(default)]
    depends_on: BTreeMap<String, Dependency>,
    healthcheck: Healthcheck,
    restart: Restart,
    stop_grace_period: Option<String>,
    #[serde(rename = "shm_size")]
    _shm_size: Option<String>,
    read_only: bool,
    #[serde(rename = "tmpfs")]
    _tmpfs: Vec<String>,
    cap_drop: Vec<String>,
    security_opt: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Build {
    context: String,
    dockerfile: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Dependency {
    condition: Condition,
}

#[derive(Debug, Deserialize, PartialEq, Eq)]
enum Condition {
    #[serde(rename = "service_healthy")]
    Healthy,
    #[serde(rename = "service_completed_successfully")]
    Done,
}

#[derive(Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
enum Restart {
    No,
    Always,
    OnFailure,
    UnlessStopped,
}

#[derive(Debug, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
enum Healthcheck {
    #[serde(rename_all = "snake_case")]
    Off { disable: bool },
    On {
        test: Vec<String>,
        #[serde(rename = "interval")]
        _interval: String,
        #[serde(rename = "timeout")]
        _timeout: String,
        #[serde(rename = "retries")]
        _retries: u32,
        #[serde(rename = "start_period")]
        _start_period: String,
    },
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn compose() -> Compose {
    serde_saphyr::from_str(&read("docker-compose.yml")).unwrap_or_else(|error| panic!("{error}"))
}

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

/// The variables of a text: name, and whether it must be set.
fn variables(text: &str) -> Vec<(String, bool)> {
    text.split("${")
        .skip(1)
        .map(|rest| {
            let inside = rest.split('}').next().unwrap();
            let name: String =
                inside.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
            let required = inside[name.len()..].starts_with(":?");
            (name, required)
        })
        .collect()
}

/// A text as Compose fills it in from an `.env` where every secret is set and nothing else.
fn filled(text: &str) -> String {
    let Some((before, rest)) = text.split_once("${") else {
        return text.to_owned();
    };
    let (inside, after) = rest.split_once('}').unwrap();
    let value = match inside.split_once(":-") {
        Some((_, default)) => default.to_owned(),
        None => "0123456789abcdef".repeat(4),
    };
    format!("{before}{value}{}", filled(after))
}

fn rollcall(args: &[&str], environment: &BTreeMap<String, String>) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rollcall"));
    command.args(args).envs(environment.iter().map(|(name, value)| (name, filled(value)))).output().unwrap()
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

/// `name:1.2.3-variant`: a tag that says at least two numbers.
fn is_pinned(image: &str) -> bool {
    image.rsplit_once(':').is_some_and(|(_, tag)| {
        let version: String = tag.chars().take_while(|c| c.is_ascii_digit() || *c == '.').collect();
        version.split('.').filter(|part| !part.is_empty()).count() >= 2
    })
}

#[test]
fn what_the_compose_file_names_is_there() {
    let compose = compose();
    for (name, service) in &compose.services {
        assert!(is_pinned(&service.image), "{name}: {} is not pinned", service.image);
        if let Some(build) = &service.build {
            assert!(root().join(&build.context).join(&build.dockerfile).is_file(), "{name}");
        }
        for volume in &service.volumes {
            let source = volume.split(':').next().unwrap();
            let is_there = match source.strip_prefix("./") {
                Some(path) => root().join(path).exists(),
                None => compose.volumes.contains_key(source),
            };
            assert!(is_there, "{name}: {volume}");
        }
        assert!(service.networks.iter().all(|network| compose.networks.contains_key(network)), "{name}");
        for (other, dependency) in &service.depends_on {
            let other = compose.services.get(other).unwrap_or_else(|| panic!("{name}: no {other}"));
            let is_checked = matches!(&other.healthcheck, Healthcheck::On { .. });
            assert_eq!(is_checked, dependency.condition == Condition::Healthy, "{name}");
        }
    }
}

#[test]
fn every_container_has_as_little_as_it_needs() {
    for (name, service) in &compose().services {
        assert!(service.read_only && service.cap_drop == ["ALL"], "{name}");
        assert_eq!(service.security_opt, ["no-new-privileges:true"], "{name}");
        assert!(service.build.is_some() || service.user.is_some(), "{name} runs as root");
        let ends_by_itself = matches!(&service.healthcheck, Healthcheck::Off { disable: true });
        let restart = if ends_by_itself { Restart::OnFailure } else { Restart::UnlessStopped };
        assert_eq!(service.restart, restart, "{name}");
        assert_eq!(service.stop_grace_period.is_some(), !ends_by_itself, "{name}");
    }
    let user = instructions().into_iter().rfind(|(word, _)| word == "USER").unwrap().1;
    assert!(user.split(':').all(|id| id.parse::<u32>().is_ok_and(|id| id > 0)), "{user}");
}

#[test]
fn secrets_must_be_set_and_stand_in_the_example() {
    let (text, example) = (read("docker-compose.yml"), read(".env.example"));
    let named: BTreeSet<&str> = example
        .lines()
        .filter_map(|line| line.trim_start_matches('#').split_once('='))
        .map(|(name, _)| name)
        .collect();
    let used = variables(&text);
    for (name, required) in &used {
        let is_secret = name.ends_with("SECRET") || name.ends_with("PASSWORD");
        assert_eq!(*required, is_secret, "{name}");
        assert!(named.contains(name.as_str()), "{name} is not in .env.example");
    }
    for name in named {
        assert!(used.iter().any(|(known, _)| known == name), "nothing uses {name}");
    }
    assert!(read(".gitignore").lines().any(|line| line == "/.env"));
}

#[test]
fn the_program_knows_its_commands_and_settings() {
    let known = settings();
    let ours: Vec<_> = compose().services.into_values().filter(|service| service.build.is_some()).collect();
    for service in &ours {
        for name in service.environment.keys() {
            assert!(known.contains(name), "{name} is no setting");
        }
        assert_done(&rollcall(&["config", "check"], &service.environment), "the settings");
        let mut args: Vec<&str> = service.command.iter().flatten().map(String::as_str).collect();
        args.push("--help");
        assert_done(&rollcall(&args, &BTreeMap::new()), "the command");
        if let Healthcheck::On { test, .. } = &service.healthcheck {
            assert_eq!(test[..2], ["CMD", "rollcall"]);
            let check: Vec<&str> = test[2..].iter().map(String::as_str).chain(["--help"]).collect();
            assert_done(&rollcall(&check, &BTreeMap::new()), "the health check");
        }
    }
    assert_eq!(ours.len(), 2, "serve and migrate");
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
    let environment = of("ENV").join(" ");
    let ports = |name: &str| {
        let value = environment.split(&format!("{name}=0.0.0.0:")).nth(1).unwrap();
        value.split_whitespace().next().unwrap().to_owned()
    };
    let (public, internal) = (ports("ROLLCALL_LISTEN"), ports("ROLLCALL_INTERNAL_LISTEN"));
    assert_eq!(of("EXPOSE"), [format!("{public} {internal}")]);
    for (name, service) in &compose().services {
        let published: Vec<String> = service.ports.iter().map(|port| filled(port)).collect();
        let expected: Vec<String> =
            if name == "rollcall" { vec![format!("127.0.0.1:8000:{public}")] } else { Vec::new() };
        assert_eq!(published, expected, "{name}");
    }
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
    assert!(found.iter().any(|(_, top)| top == "lua"), "the scripts are taken in");
    found
}

#[tokio::test]
async fn a_real_redis_takes_the_configuration_and_is_fit() {
    let options = support::options();
    let mut fleet = Fleet::new(options.data_dir, &options.search).unwrap();
    let settings = format!("{}\nrequirepass secret\n", read("deploy/redis.conf"));
    let redis = fleet.add(false, |_, _| settings.clone()).unwrap_or_else(|error| panic!("{error}"));
    let url = format!("redis://:secret@127.0.0.1:{}", fleet.members()[redis].port());
    let service = Service::on(&url, &support::database_url().await, &[]).await;
    let (status, answer) = service.beat(&service.token("1", "tab"), json!({})).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    let memory = service.app.store.figures().await.unwrap().memory;
    assert_eq!(memory.limit, 1 << 30);
    // What the program would otherwise have to mend at each start.
    for setting in ["maxmemory-policy noeviction", "notify-keyspace-events Ex", "hash-max-listpack-value 512"]
    {
        assert!(settings.lines().any(|line| line == setting), "{setting}");
    }
}
