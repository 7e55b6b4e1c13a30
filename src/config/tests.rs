//! Precedence, messages, contradictions, and the sample file. Longer than the house number because all of it is tried through
//! one command line.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::process::Command;

use clap::{CommandFactory, Parser};

use super::*;
use crate::presence::Role;

const SECRET: &str = "0123456789abcdef0123456789abcdef";

#[derive(Debug, Parser)]
struct Cli {
    #[command(flatten)]
    config: Config,
    #[command(subcommand)]
    sub: Sub,
}

#[derive(Debug, clap::Subcommand)]
enum Sub {
    Serve,
    Dev {
        #[arg(long)]
        demo: bool,
    },
}

impl AsMut<Config> for Cli {
    fn as_mut(&mut self) -> &mut Config {
        &mut self.config
    }
}

impl AsRef<Config> for Cli {
    fn as_ref(&self) -> &Config {
        &self.config
    }
}

fn parse(args: &[&str]) -> Result<Loaded<Cli>, ConfigError> {
    load(["rollcall"].iter().chain(args).map(OsString::from))
}

fn config(args: &[&str]) -> Config {
    parse(args).unwrap().command.config
}

fn refused(args: &[&str]) -> String {
    let error = parse(args).unwrap_err();
    assert_eq!(error.exit_code(), EXIT_USAGE);
    error.to_string()
}

fn file(text: &str) -> (tempfile::TempDir, String) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("rollcall.toml");
    std::fs::write(&path, text).unwrap();
    (dir, path.display().to_string())
}

/// Prints the settings that it is started with. Environments differ by process, so tests of them start this one.
#[test]
#[ignore = "the child of other tests"]
fn child() {
    let args = std::env::var("TEST_ARGS").unwrap();
    let text = match parse(&args.split(' ').collect::<Vec<_>>()) {
        Ok(loaded) => loaded.to_toml(),
        Err(error) => error.to_string(),
    };
    std::fs::write(std::env::var("TEST_OUTPUT").unwrap(), text).unwrap();
}

fn with_environment(args: &str, environment: &[(&str, &str)]) -> String {
    let dir = tempfile::tempdir().unwrap();
    let output = dir.path().join("output");
    let status = Command::new(std::env::current_exe().unwrap())
        .args(["config::tests::child", "--exact", "--ignored"])
        .env("TEST_ARGS", args)
        .env("TEST_OUTPUT", &output)
        .envs(environment.iter().copied())
        .output()
        .unwrap();
    assert!(status.status.success());
    std::fs::read_to_string(output).unwrap()
}

#[test]
fn a_setting_has_one_name_in_three_spellings() {
    for arg in Cli::command().get_arguments().filter(|arg| arg.get_id() != "config_file") {
        let id = arg.get_id().as_str();
        if id == "help" {
            continue;
        }
        assert_eq!(arg.get_env().and_then(|name| name.to_str()), Some(error::variable(id).as_str()));
        assert_eq!(arg.get_long(), Some(id.replace('_', "-").as_str()));
        assert!(
            arg.is_hide_set() == error::is_secret(id) && (arg.get_help().is_some() || arg.is_hide_set()),
            "{id}"
        );
    }
}

#[test]
fn flags_go_before_the_environment_and_that_before_the_file() {
    let (_dir, path) = file("listen = '127.0.0.1:1'\nnode = 'file'\n[redis]\nprefix = 'file'\nshards = 8");
    let environment =
        [("ROLLCALL_CONFIG", path.as_str()), ("ROLLCALL_LISTEN", "127.0.0.1:2"), ("ROLLCALL_NODE", "env")];
    let text = with_environment("serve --listen 127.0.0.1:3", &environment);
    for line in [
        "listen = \"127.0.0.1:3\"  # command line",
        "node = \"env\"  # environment",
        "prefix = \"file\"  # file",
        "shards = 8  # file",
        "internal_listen = \"127.0.0.1:9000\"  # default",
        "allow = \"127.0.0.0/8,::1/128\"  # default",
        "# hidden_ttl = \"200s\"  # derived",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
}

#[test]
fn flags_stand_before_or_after_the_subcommand() {
    assert_eq!(config(&["--redis-shards", "2", "serve"]).redis.shards, 2);
    assert_eq!(config(&["serve", "--redis-shards", "2"]).redis.shards, 2);
    assert!(config(&["serve", "--live-query-token"]).live.query_token);
}

#[test]
fn dev_has_no_limits_unless_told() {
    let serve = config(&["serve"]);
    assert_eq!(serve.limits.requests.to_string(), "200/s burst 400");
    assert_eq!(serve.auth.refresh_rotation, RefreshRotation::Rotate);
    assert_eq!(serve.limits.allow.to_string(), "127.0.0.0/8,::1/128");
    let dev = config(&["dev", "--demo", "--limits-login", "7/min"]);
    assert_eq!((dev.limits.requests.0, dev.limits.login.to_string().as_str()), (None, "7/min"));
    assert_eq!(dev.auth.refresh_rotation, RefreshRotation::Fixed);
    assert_eq!(config(&["dev"]).auth.refresh_rotation, RefreshRotation::Rotate);
}

#[test]
fn a_second_factor_is_demanded_of_a_role_and_those_above() {
    let lowest = |args: &[&str]| config(args).auth.require_totp.lowest_role();
    assert_eq!(lowest(&["serve"]), None);
    assert_eq!(lowest(&["serve", "--auth-require-totp", "admin"]), Some(Role::Admin));
    assert_eq!(lowest(&["serve", "--auth-require-totp", "moderator"]), Some(Role::Moderator));
    assert!(refused(&["serve", "--auth-require-totp", "user"]).contains("ROLLCALL_AUTH_REQUIRE_TOTP"));
    let text = with_environment("serve", &[("ROLLCALL_AUTH_REQUIRE_TOTP", "admin")]);
    assert!(text.contains("require_totp = \"admin\"  # environment"), "{text}");
}

#[test]
fn a_wrong_value_is_named_with_its_variable_its_flag_and_its_source() {
    let text = refused(&["serve", "--redis-shards", "300"]);
    for part in ["ROLLCALL_REDIS_SHARDS", "--redis-shards", "\"300\"", "1..=256", "command line"] {
        assert!(text.contains(part), "{text}");
    }
    let (_dir, path) = file("[presence]\nttl = 'soon'");
    let text = refused(&["serve", "--config", &path]);
    for part in ["ROLLCALL_PRESENCE_TTL", "[presence] ttl", "\"soon\"", "30s", &path] {
        assert!(text.contains(part), "{text}");
    }
    let text = with_environment("serve", &[("ROLLCALL_LOG_FORMAT", "yaml")]);
    for part in ["ROLLCALL_LOG_FORMAT", "\"yaml\"", "text or json", "environment"] {
        assert!(text.contains(part), "{text}");
    }
    let text = refused(&["serve", "--redis-url", "http://u:hidden@h"]);
    assert!(text.contains("ROLLCALL_REDIS_URL") && !text.contains("hidden"), "{text}");
}

#[test]
fn contradictions_are_refused() {
    let text = refused(&["serve", "--presence-ttl", "60s"]);
    assert!(text.contains("ROLLCALL_PRESENCE_TTL") && text.contains("ROLLCALL_PRESENCE_HEARTBEAT"), "{text}");
    for (args, name) in [
        (["--presence-socket-ttl", "1s"], "ROLLCALL_PRESENCE_SOCKET_TTL"),
        (["--presence-hidden-heartbeat", "100s"], "ROLLCALL_PRESENCE_HIDDEN_TTL"),
        (["--internal-listen", "127.0.0.1:8000"], "ROLLCALL_INTERNAL_LISTEN"),
        (["--auth-refresh-ttl", "1m"], "ROLLCALL_AUTH_REFRESH_TTL"),
        (["--audit-retention", "7d"], "ROLLCALL_AUDIT_RETENTION"),
        (["--audit-address-retention", "1h"], "ROLLCALL_AUDIT_ADDRESS_RETENTION"),
    ] {
        let text = refused(&["serve", args[0], args[1]]);
        assert!(text.contains(name), "{text}");
    }
}

#[test]
fn derived_times_follow_from_others() {
    assert_eq!(config(&["serve"]).policy(), Policy::default());
    let policy = config(&["serve", "--presence-hidden-ttl", "21s", "--presence-socket-ttl", "5s"]).policy();
    assert_eq!((policy.hidden.interval.0, policy.socket.interval.0), (10_000, 2_000));
    let long = config(&["serve", "--presence-ttl", "10m"]).policy();
    assert_eq!((long.hidden.ttl.0, long.hidden.interval.0), (600_000, 60_000));
}

#[test]
fn secrets_come_by_file_or_environment_and_are_not_shown() {
    assert!(refused(&["serve", "--auth-secret", SECRET]).contains("ROLLCALL_AUTH_SECRET_FILE"));
    let (_dir, path) = file(&format!("{SECRET}\n"));
    let loaded = parse(&["serve", "--auth-secret-file", &path]).unwrap();
    let secret = loaded.command.config.auth.secret().unwrap();
    assert_eq!(secrecy::ExposeSecret::expose_secret(secret), SECRET);
    assert!(!format!("{loaded:?}{}", loaded.to_toml()).contains(SECRET));
    let text = with_environment("serve", &[("ROLLCALL_AUTH_SECRET", SECRET)]);
    assert!(text.contains("# secret is set") && !text.contains(SECRET), "{text}");
    let text = with_environment("serve", &[("ROLLCALL_AUTH_SECRET", "short")]);
    assert!(
        text.contains("ROLLCALL_AUTH_SECRET") && text.contains("at least 32") && !text.contains("short"),
        "{text}"
    );
    assert!(refused(&["serve", "--auth-secret-file", "/nowhere"]).contains("/nowhere"));
}

#[test]
fn issuers_stand_in_the_file_and_are_printed_without_their_secrets() {
    let (_dir, path) = file(&format!(
        "[auth]\nissuer = 'us'\n[[issuers]]\nname = 'shop'\nissuer = 'them'\naudience = 'us'\nsecret = '{SECRET}'"
    ));
    let loaded = parse(&["serve", "--config", &path]).unwrap();
    assert_eq!(loaded.command.config.auth.longest_life().to_string(), "1d");
    let text = loaded.to_toml();
    assert!(text.contains("[[issuers]]\nname = \"shop\"") && !text.contains(SECRET), "{text}");
    let (_dir, path) =
        file("[[issuers]]\nname = 'shop'\nissuer = 'rollcall'\naudience = 'us'\njwks_file = 'k'");
    assert!(refused(&["serve", "--config", &path]).contains("another issuer"));
    assert!(refused(&["serve", "--auth-issuers-file", "/nowhere"]).contains("/nowhere"));
}

#[test]
fn serving_needs_servers_and_a_secret() {
    let text = config(&["serve"]).check_serving().unwrap_err().to_string();
    for name in ["ROLLCALL_REDIS_URL", "ROLLCALL_DATABASE_URL", "ROLLCALL_AUTH_SECRET", "rollcall dev"] {
        assert!(text.contains(name), "{text}");
    }
}

#[test]
fn what_is_printed_can_be_read() {
    let (_dir, path) = file(&parse(&["serve"]).unwrap().to_toml());
    assert_eq!(config(&["serve", "--config", &path]).policy(), Policy::default());
}

#[test]
fn the_sample_file_has_every_setting_with_its_default() {
    let sample = include_str!("../../rollcall.sample.toml");
    // In the sample `#key = value` is a setting that may be switched on, and `# ` begins a comment.
    let lines = sample.lines().map(|line| match line.strip_prefix('#') {
        Some(rest) if !rest.starts_with(' ') => rest,
        _ => line,
    });
    let mut table = file::parse(&lines.collect::<Vec<_>>().join("\n")).unwrap();
    assert!(table.remove(file::ISSUERS).is_some());
    let values = file::flatten(&table).unwrap();
    let (shown, known): (BTreeSet<_>, BTreeSet<_>) =
        (values.keys().cloned().collect(), load::known().into_iter().collect());
    assert_eq!(shown, known);
    for arg in Cli::command().get_arguments() {
        if let Some(default) = arg.get_default_values().first().and_then(|value| value.to_str()) {
            assert_eq!(values[arg.get_id().as_str()].1, default, "{}", arg.get_id());
        }
    }
    let (_dir, path) = file(sample);
    config(&["serve", "--config", &path]);
}

#[test]
fn secrets_of_the_examples_are_refused() {
    for (id, text) in [("redis_url", "redis://:password@h"), ("database_url", "postgres://u:password@h/d")] {
        let flag = format!("--{}", id.replace('_', "-"));
        let message = refused(&[&flag, text, "serve"]);
        assert!(message.starts_with(&error::names(id)) && message.contains("examples"), "{message}");
    }
    let secret = "change me: at least thirty-two random bytes";
    for name in ["ROLLCALL_AUTH_SECRET", "ROLLCALL_AUTH_PREVIOUS_SECRET"] {
        let message = with_environment("serve", &[(name, secret)]);
        assert!(message.starts_with(name) && message.contains("examples"), "{message}");
        assert!(!message.contains(secret), "{message}");
        let message = with_environment("serve", &[(name, &"x".repeat(64))]);
        assert!(message.starts_with(name) && message.contains("different"), "{message}");
    }
}

#[test]
fn what_is_unwise_in_production_is_told_and_nothing_else() {
    let of = |args: &[&str]| {
        let all = [&["serve"], args].concat();
        let told: Vec<String> = config(&all).unwise().into_iter().map(|unwise| unwise.setting).collect();
        told
    };
    assert_eq!(of(&[]), [""; 0], "as it comes");
    let proxied = ["--listen", "0.0.0.0:8000", "--trusted-proxies", "10.0.0.0/8"];
    assert_eq!(of(&proxied), [""; 0]);
    for (args, setting) in [
        (&["--internal-listen", "0.0.0.0:9000"][..], "ROLLCALL_INTERNAL_LISTEN"),
        (&["--listen", "0.0.0.0:8000"], "ROLLCALL_TRUSTED_PROXIES"),
        (&["--trusted-proxies", "0.0.0.0/0"], "ROLLCALL_TRUSTED_PROXIES"),
        (&["--cors-origins", "http://app.example.com"], "ROLLCALL_CORS_ORIGINS"),
        (&["--redis-url", "redis://redis.example.com:6379"], "ROLLCALL_REDIS_URL"),
        (&["--auth-access-ttl", "2h"], "ROLLCALL_AUTH_ACCESS_TTL"),
        (&["--auth-refresh-rotation", "fixed"], "ROLLCALL_AUTH_REFRESH_ROTATION"),
        (&["--live-query-token"], "ROLLCALL_LIVE_QUERY_TOKEN"),
        (&["--live-rooms", "open"], "ROLLCALL_LIVE_ROOMS"),
        (&["--webhooks-allow-private"], "ROLLCALL_WEBHOOKS_ALLOW_PRIVATE"),
        (&["--presence-ttl", "61s"], "ROLLCALL_PRESENCE_TTL"),
        (&["--presence-linger", "0s"], "ROLLCALL_PRESENCE_LINGER"),
        (&["--audit-retention", "31d"], "ROLLCALL_AUDIT_RETENTION"),
        (&["--limits-login-account", "none"], "ROLLCALL_LIMITS_LOGIN_ACCOUNT"),
    ] {
        let told = of(args);
        assert_eq!(told.len(), 1, "{args:?}: {told:?}");
        assert!(told[0].starts_with(setting), "{args:?}: {told:?}");
    }
    let near =
        ["redis://localhost", "redis+unix:///s", "redis://[::1]:6379", "redis://:secret@redis.example.com"];
    for url in near {
        assert_eq!(of(&["--redis-url", url]), [""; 0], "{url}");
    }
}
