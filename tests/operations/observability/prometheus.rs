//! A real Prometheus, which scrapes a node each second and judges by the delivered rules at once.

use std::fs;
use std::net::TcpListener;
use std::process::{Child, Command};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use reqwest::{Client, StatusCode};
use serde_json::Value;
use tempfile::TempDir;

use crate::rules;
use crate::support::eventually;

/// How far back questions about a time go.
const BACK: Duration = Duration::from_secs(60);

/// A running server. It ends with the test.
pub struct Prometheus {
    child: Child,
    base: String,
    client: Client,
    _dir: TempDir,
}

/// What an alert says that is pending or fires.
#[derive(Debug)]
pub struct Alert {
    pub name: String,
    pub description: String,
}

impl Prometheus {
    /// Starts one by the delivered configuration, but for its target (`host:port`) and its patience.
    pub async fn start(target: &str) -> Self {
        let dir = tempfile::Builder::new().prefix("rollcall-prometheus-").tempdir_in("/tmp").unwrap();
        // Free now, and then Prometheus': it cannot be told to choose one.
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let own = format!("localhost:{port}");
        let config = rules::text("prometheus.yml").replace("15s", "1s");
        for stands in ["rollcall:9000", "localhost:9090", "rollcall.rules.yml"] {
            assert!(
                config.contains(&format!("{stands}\n")) || config.contains(&format!("{stands}\"")),
                "{stands}"
            );
        }
        let config = config.replace("rollcall:9000", target).replace("localhost:9090", &own);
        fs::write(dir.path().join("prometheus.yml"), config).unwrap();
        fs::write(dir.path().join("rollcall.rules.yml"), hasty(&rules::text("rollcall.rules.yml"))).unwrap();
        let child = Command::new("prometheus")
            .arg("--config.file=prometheus.yml")
            .arg("--storage.tsdb.path=data")
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .current_dir(dir.path())
            .arg("--log.level=warn")
            .spawn()
            .unwrap_or_else(|error| {
                panic!("prometheus cannot be called ({error}): ./run operations installs it")
            });
        let server = Self { child, base: format!("http://{own}"), client: Client::new(), _dir: dir };
        eventually("prometheus", Duration::from_secs(30), async || server.is_ready().await.then_some(()))
            .await;
        server
    }

    async fn is_ready(&self) -> bool {
        let answer = self.client.get(format!("{}/-/ready", self.base)).send().await;
        answer.is_ok_and(|answer| answer.status() == StatusCode::OK)
    }

    /// What an expression came to within the last minute: its finite values. `Err` if it cannot be asked.
    pub async fn ask(&self, expression: &str) -> Result<Vec<f64>, String> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let (start, end) = ((now - BACK).as_secs().to_string(), now.as_secs().to_string());
        let asked = [("query", expression), ("start", &start), ("end", &end), ("step", "1")];
        let answer = self.get("query_range", &asked).await?;
        let series = answer["result"].as_array().into_iter().flatten();
        let samples = series.flat_map(|series| series["values"].as_array().into_iter().flatten());
        Ok(samples.filter_map(number).collect())
    }

    /// Every rule with its health: `ok` when it has been evaluated well, `unknown` before, else why not.
    pub async fn healths(&self) -> Vec<(String, String)> {
        let answer = self.get("rules", &[]).await.unwrap();
        let groups = answer["groups"].as_array().into_iter().flatten();
        let rules = groups.flat_map(|group| group["rules"].as_array().into_iter().flatten());
        let health = |rule: &Value| {
            let said = rule["lastError"].as_str().filter(|error| !error.is_empty()).unwrap_or_default();
            format!("{}{said}", rule["health"].as_str().unwrap_or_default())
        };
        rules.map(|rule| (rule["name"].as_str().unwrap_or_default().to_owned(), health(rule))).collect()
    }

    /// The alerts that fire.
    pub async fn firing(&self) -> Vec<Alert> {
        let answer = self.get("alerts", &[]).await.unwrap();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let all = answer["alerts"].as_array().into_iter().flatten();
        let firing = all.filter(|alert| alert["state"] == "firing");
        let told = |alert: &Value| Alert {
            name: text(&alert["labels"]["alertname"]),
            description: text(&alert["annotations"]["description"]),
        };
        firing.map(told).collect()
    }

    async fn get(&self, path: &str, asked: &[(&str, &str)]) -> Result<Value, String> {
        let request = self.client.get(format!("{}/api/v1/{path}", self.base)).query(asked);
        let answer: Value = request.send().await.unwrap().json().await.unwrap();
        if answer["status"] == "success" {
            Ok(answer["data"].clone())
        } else {
            Err(answer["error"].as_str().unwrap_or_default().to_owned())
        }
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The number of a sample, `[time, "number"]`, if it is one.
fn number(sample: &Value) -> Option<f64> {
    sample[1].as_str()?.parse().ok().filter(|number: &f64| number.is_finite())
}

/// The rules without patience: what is true now fires now.
fn hasty(rules: &str) -> String {
    let is_patience =
        |line: &&str| ["for: ", "interval: "].iter().any(|word| line.trim_start().starts_with(word));
    rules.lines().filter(|line| !is_patience(line)).collect::<Vec<_>>().join("\n")
}
