//! `deploy/caddy/Caddyfile`.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use super::story::{self, Nodes};
use super::upstream::Upstream;
use super::{Proxy, certificate, check, free, variant};

const FILE: &str = "deploy/caddy/Caddyfile";

fn caddy(dir: &Path) -> Command {
    let mut command = Command::new("caddy");
    command.env("XDG_DATA_HOME", dir).env("XDG_CONFIG_HOME", dir).env("HOME", dir);
    command
}

/// The file with its site once more by plain HTTP, for clients of the test that know no TLS.
fn write(dir: &Path, nodes: &[SocketAddr], plain: SocketAddr, tls: SocketAddr) -> String {
    let [certificate, key] = certificate(dir).map(|file| file.display().to_string());
    let nodes: Vec<String> = nodes.iter().map(ToString::to_string).collect();
    let text = variant(
        FILE,
        &[
            // Without redirects: they would take port 80.
            ("admin unix//run/caddy/admin.sock", "admin off\n\tauto_https disable_redirects".to_owned()),
            ("10.0.0.11:8000 10.0.0.12:8000 10.0.0.13:8000", nodes.join(" ")),
        ],
    );
    let (global, site) = text.split_once("rollcall.example.com {").unwrap();
    let text = format!("{global}http://{plain} {{{site}\nhttps://{tls} {{\n\ttls {certificate} {key}{site}");
    let file = dir.join("Caddyfile");
    fs::write(&file, text).unwrap();
    file.display().to_string()
}

fn start(nodes: &[SocketAddr]) -> Proxy {
    let dir = tempfile::tempdir().unwrap();
    let (plain, tls) = (free(), free());
    let config = write(dir.path(), nodes, plain, tls);
    let mut command = caddy(dir.path());
    command.args(["run", "--adapter", "caddyfile", "--config", &config]);
    Proxy::start(command, dir, plain, tls)
}

#[test]
fn caddy_has_nothing_against_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(FILE).display().to_string();
    let said = check(caddy(dir.path()).args(["validate", "--adapter", "caddyfile", "--config", &file]));
    assert!(said.contains("Valid configuration") && !said.contains("\"level\":\"warn\""), "{said}");
    assert_eq!(check(caddy(dir.path()).args(["fmt", &file])), fs::read_to_string(&file).unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn people_reach_nodes_through_caddy() {
    let nodes = Nodes::start().await;
    let proxy = start(&nodes.addresses());
    story::people(&nodes, &proxy).await;
    story::tls(&proxy);
    story::loses_a_node(nodes, &proxy).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn caddy_repeats_what_may_be_repeated_alone() {
    let nodes = Nodes::start().await;
    let upstream = Upstream::that_hangs_up();
    story::repeats(&nodes, &upstream, &start(&[upstream.address, nodes.addresses()[0]])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn caddy_keeps_connections() {
    let upstream = Upstream::that_answers();
    story::keeps(&upstream, &start(&[upstream.address])).await;
}
