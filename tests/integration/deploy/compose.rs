//! The Compose file: every word of it is one that is meant, secrets are asked for, containers have as little as they need.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::{assert_done, image, is_pinned, read, rollcall, root, settings};

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
    internal: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Container {
    #[serde(default)]
    profiles: Vec<String>,
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

/// The environment of a container, filled in.
fn environment(container: &Container) -> BTreeMap<String, String> {
    container.environment.iter().map(|(name, value)| (name.clone(), filled(value))).collect()
}

fn compose() -> Compose {
    serde_saphyr::from_str(&read("docker-compose.yml")).unwrap_or_else(|error| panic!("{error}"))
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

#[test]
fn what_the_compose_file_names_is_there() {
    let compose = compose();
    for (name, service) in &compose.services {
        let image = filled(&service.image);
        assert!(is_pinned(&image), "{name}: {image} is not pinned");
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
        assert!(service.networks.iter().all(|network| network != "public") || name == "rollcall", "{name}");
        for (other, dependency) in &service.depends_on {
            let other = compose.services.get(other).unwrap_or_else(|| panic!("{name}: no {other}"));
            let is_checked = matches!(&other.healthcheck, Healthcheck::On { .. });
            assert_eq!(is_checked, dependency.condition == Condition::Healthy, "{name}");
            assert!(
                other.profiles.iter().all(|profile| service.profiles.contains(profile)),
                "{name} needs what does not run"
            );
        }
    }
}

#[test]
fn every_container_has_as_little_as_it_needs() {
    for (name, service) in &compose().services {
        assert!(service.read_only && service.cap_drop == ["ALL"], "{name}");
        assert_eq!(service.security_opt, ["no-new-privileges:true"], "{name}");
        let user = service.user.clone().unwrap_or_else(|| image::user().to_string());
        assert!(
            service.build.is_some() == service.user.is_none() && !user.starts_with('0'),
            "{name}: {user}"
        );
        let ends_by_itself = matches!(&service.healthcheck, Healthcheck::Off { disable: true });
        let restart = if ends_by_itself { Restart::OnFailure } else { Restart::UnlessStopped };
        assert_eq!(service.restart, restart, "{name}");
        assert_eq!(service.stop_grace_period.is_some(), !ends_by_itself, "{name}");
    }
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
        assert_done(&rollcall(&["config", "check"], &environment(service)), "the settings");
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
fn ports_lead_to_this_machine_alone_and_stores_have_none() {
    let compose = compose();
    let (public, _) = image::ports();
    let expected = BTreeMap::from([
        ("rollcall", format!("127.0.0.1:8000:{public}")),
        ("prometheus", "127.0.0.1:9090:9090".to_owned()),
        ("grafana", "127.0.0.1:3000:3000".to_owned()),
    ]);
    for (name, service) in &compose.services {
        let published: Vec<String> = service.ports.iter().map(|port| filled(port)).collect();
        let wanted: Vec<String> = expected.get(name.as_str()).cloned().into_iter().collect();
        assert_eq!(published, wanted, "{name}");
    }
    assert!(compose.networks["stores"].as_ref().is_some_and(|network| network.internal));
    for store in ["redis", "postgres"] {
        assert_eq!(compose.services[store].networks, ["stores"], "{store}");
    }
}

#[test]
fn what_watches_runs_when_it_is_asked_for_and_knows_nobody_without_a_password() {
    let compose = compose();
    let watching: BTreeSet<&str> = compose
        .services
        .iter()
        .filter(|(_, service)| service.profiles == ["observability"])
        .map(|(name, _)| name.as_str())
        .collect();
    assert_eq!(watching, BTreeSet::from(["grafana", "prometheus"]));
    for name in watching {
        assert_eq!(compose.services[name].networks, ["watching"], "{name}");
    }
    let grafana = environment(&compose.services["grafana"]);
    assert_eq!(grafana["GF_AUTH_ANONYMOUS_ENABLED"], "false");
    assert_eq!(grafana["GF_USERS_ALLOW_SIGN_UP"], "false");
    assert!(grafana["GF_SECURITY_ADMIN_PASSWORD"].len() >= 32, "it is asked for");
    // Where Grafana looks for dashboards they are.
    let provider = read("grafana/provisioning/dashboards/rollcall.yml");
    let mounted = |volume: &String| {
        let [source, place, _] = volume.split(':').collect::<Vec<_>>()[..] else { return false };
        source == "./grafana/dashboards"
            && provider.lines().any(|line| line.trim() == format!("path: {place}"))
    };
    assert!(compose.services["grafana"].volumes.iter().any(mounted));
    // Prometheus asks for the container by its name, at the port that is not published.
    let (_, internal) = image::ports();
    assert!(read("deploy/prometheus/prometheus.yml").contains(&format!("rollcall:{internal}")));
    assert!(compose.services["rollcall"].networks.contains(&"watching".to_owned()));
}

#[test]
fn valkey_stands_where_redis_stood() {
    let (text, example) = (read("docker-compose.yml"), read(".env.example"));
    let stores = text.lines().filter(|line| line.trim_start().starts_with("image: ${REDIS_IMAGE:-redis:"));
    assert_eq!(stores.count(), 1, "one of the two runs, under one name");
    let valkey = example.lines().find_map(|line| line.strip_prefix("#REDIS_IMAGE=")).unwrap();
    assert!(valkey.starts_with("valkey/valkey:") && is_pinned(valkey), "{valkey}");
    let compose = compose();
    let redis = &compose.services["redis"];
    assert!(filled(&redis.environment["REDISCLI_AUTH"]).len() >= 32);
    // The names of users and programs differ between the images; the number and the script do not.
    assert_eq!(redis.user.as_deref(), Some("999:999"));
    assert_eq!(redis.command.as_deref().unwrap(), ["sh", "/usr/local/etc/redis/start"]);
}
