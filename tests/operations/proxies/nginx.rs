//! `deploy/nginx/rollcall.conf`.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use super::story::{self, Nodes};
use super::upstream::Upstream;
use super::{Proxy, certificate, check, free, variant};

/// What stands around the file in nginx.conf, in a directory of its own.
fn write(dir: &Path, nodes: &[SocketAddr], plain: SocketAddr, tls: SocketAddr) -> String {
    let [certificate, key] = certificate(dir).map(|file| file.display().to_string());
    let place = dir.display();
    let servers: String =
        nodes.iter().map(|node| format!("    server {node} max_fails=1 fail_timeout=2s;\n")).collect();
    let text = variant(
        "deploy/nginx/rollcall.conf",
        &[
            ("    server 10.0.0.11:8000 max_fails=1 fail_timeout=2s;\n", servers),
            ("    server 10.0.0.12:8000 max_fails=1 fail_timeout=2s;\n", String::new()),
            ("    server 10.0.0.13:8000 max_fails=1 fail_timeout=2s;\n", String::new()),
            ("    listen 80;\n    listen [::]:80;\n", format!("    listen {};\n", free())),
            // The same server by plain HTTP, for clients of the test that know no TLS.
            (
                "    listen 443 ssl http2;\n    listen [::]:443 ssl http2;\n",
                format!("    listen {tls} ssl http2;\n    listen {plain};\n"),
            ),
            ("/etc/nginx/tls/rollcall.crt", certificate),
            ("/etc/nginx/tls/rollcall.key", key),
            ("/var/log/nginx/rollcall.log", format!("{place}/access.log")),
            ("/var/log/nginx/rollcall.error.log", format!("{place}/error.log")),
        ],
    );
    fs::write(dir.join("rollcall.conf"), text).unwrap();
    // Root gives its workers to somebody who may not write here.
    let user = if rustix::process::getuid().is_root() { "user root;\n" } else { "" };
    let paths: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .iter()
        .map(|name| format!("    {name}_temp_path {place}/{name};\n"))
        .collect();
    let main = format!(
        "{user}pid {place}/pid;\nerror_log stderr;\nworker_processes 1;\nevents {{ worker_connections 512; }}\n\
         http {{\n    access_log off;\n{paths}    include {place}/rollcall.conf;\n}}\n"
    );
    let file = dir.join("nginx.conf");
    fs::write(&file, main).unwrap();
    file.display().to_string()
}

fn start(nodes: &[SocketAddr]) -> Proxy {
    let dir = tempfile::tempdir().unwrap();
    let (plain, tls) = (free(), free());
    let config = write(dir.path(), nodes, plain, tls);
    let mut command = nginx(&dir);
    command.args(["-c", &config, "-g", "daemon off;"]);
    Proxy::start(command, dir, plain, tls)
}

fn nginx(dir: &TempDir) -> Command {
    // Debian's is where only root looks.
    let program = ["/usr/sbin/nginx", "/opt/homebrew/bin/nginx", "/usr/local/bin/nginx"];
    let program = program.into_iter().find(|path| Path::new(path).is_file()).unwrap_or("nginx");
    let mut command = Command::new(program);
    command.arg("-p").arg(dir.path());
    command
}

#[test]
fn nginx_has_nothing_against_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let config = write(dir.path(), &["10.0.0.11:8000".parse().unwrap()], free(), free());
    let said = check(nginx(&dir).args(["-t", "-c", &config]));
    assert!(!said.contains("[warn]") && said.contains("test is successful"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn people_reach_nodes_through_nginx() {
    let nodes = Nodes::start().await;
    let proxy = start(&nodes.addresses());
    story::people(&nodes, &proxy).await;
    story::tls(&proxy);
    story::loses_a_node(nodes, &proxy).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nginx_repeats_what_may_be_repeated_alone() {
    let nodes = Nodes::start().await;
    let upstream = Upstream::that_hangs_up();
    story::repeats(&nodes, &upstream, &start(&[upstream.address, nodes.addresses()[0]])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nginx_keeps_connections() {
    let upstream = Upstream::that_answers();
    story::keeps(&upstream, &start(&[upstream.address])).await;
}
