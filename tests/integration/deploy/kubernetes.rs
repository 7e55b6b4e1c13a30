//! The manifests of `deploy/kubernetes`: they fit the program, the image and one another. Whether every word of them is
//! one that Kubernetes knows, `./run contract` asks its schemas.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Command;

use serde_json::Value;

use super::{assert_done, image, read, rollcall, root, settings};
use crate::support::service::Service;

const HOME: &str = "deploy/kubernetes";

/// Requests have 10 s, then tasks have 10 s, and some are for the rest.
const STOPPING: u64 = 25;

/// A manifest.
fn manifest(name: &str) -> Value {
    serde_saphyr::from_str(&read(&format!("{HOME}/{name}"))).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text"))
}

fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap_or_else(|| panic!("{value} is no list"))
}

fn directories() -> Vec<String> {
    let entries = fs::read_dir(root().join(HOME)).unwrap().map(|entry| entry.unwrap());
    entries
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect()
}

/// The variables of a container, with what stands for secrets filled in.
fn environment(container: &Value, secrets: &BTreeMap<&str, String>) -> BTreeMap<String, String> {
    let mut environment = BTreeMap::new();
    for variable in list(&container["env"]) {
        let value = match (&variable["value"], &variable["valueFrom"]) {
            (Value::String(value), Value::Null) => value.clone(),
            (Value::Null, from) if from["fieldRef"]["fieldPath"] == "metadata.name" => {
                "rollcall-0".to_owned()
            }
            (Value::Null, from) => secrets[text(&from["secretKeyRef"]["key"])].clone(),
            _ => panic!("{variable}"),
        };
        environment.insert(text(&variable["name"]).to_owned(), value);
    }
    environment
}

#[test]
fn every_file_is_listed_and_everything_listed_is_there() {
    let directories = directories();
    assert_eq!(BTreeSet::from_iter(&directories).len(), 4, "{directories:?}");
    for directory in directories {
        let kustomization = manifest(&format!("{directory}/kustomization.yaml"));
        let listed: BTreeSet<String> =
            list(&kustomization["resources"]).iter().map(|name| text(name).to_owned()).collect();
        let files = fs::read_dir(root().join(HOME).join(&directory)).unwrap();
        let there = files.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let is_manifest = |name: &String| name.ends_with(".yaml") && name != "kustomization.yaml";
        let there: BTreeSet<String> = there.filter(is_manifest).collect();
        let (elsewhere, here): (BTreeSet<_>, BTreeSet<_>) =
            listed.into_iter().partition(|name| name.starts_with("../"));
        assert_eq!(here, there, "{directory}");
        for name in elsewhere {
            let file = root().join(HOME).join(&directory).join(&name).join("kustomization.yaml");
            assert!(file.is_file(), "{directory}: {name}");
        }
        for name in here {
            let manifest = manifest(&format!("{directory}/{name}"));
            assert_eq!(manifest["metadata"]["namespace"], Value::Null, "{name}: who applies it says where");
        }
    }
}

#[tokio::test]
async fn pods_run_the_program_with_settings_that_it_knows() {
    let pod = &manifest("base/deployment.yaml")["spec"]["template"]["spec"];
    let container = &pod["containers"][0];
    let dir = tempfile::tempdir().unwrap();
    let secret = dir.path().join("auth-secret");
    fs::write(&secret, "f3a81c5d9e2b7046f3a81c5d9e2b7046").unwrap();
    let secrets = BTreeMap::from([
        ("redis-url", "redis://127.0.0.1".to_owned()),
        ("database-url", "postgres://localhost/rollcall".to_owned()),
        ("database-migrate-url", "postgres://localhost/rollcall".to_owned()),
    ]);
    let mut environment = environment(container, &secrets);
    // The file stands where the volume puts it.
    let volume = &pod["volumes"][0];
    let mount = &container["volumeMounts"][0];
    assert_eq!(volume["name"], mount["name"]);
    let path = format!("{}/{}", text(&mount["mountPath"]), text(&volume["secret"]["items"][0]["path"]));
    assert_eq!(environment["ROLLCALL_AUTH_SECRET_FILE"], path);
    environment.insert("ROLLCALL_AUTH_SECRET_FILE".to_owned(), secret.display().to_string());
    let configured = manifest("base/configmap.yaml");
    assert_eq!(configured["metadata"]["name"], container["envFrom"][0]["configMapRef"]["name"]);
    for (name, value) in configured["data"].as_object().unwrap() {
        let earlier = environment.insert(name.clone(), text(value).to_owned());
        assert_eq!(earlier, None, "{name} is set twice");
    }
    let job = &manifest("migrate/job.yaml")["spec"]["template"]["spec"]["containers"][0];
    let of_job = self::environment(job, &secrets);
    assert_done(&rollcall(&["config", "check"], &environment), "the settings");
    for (container, environment) in [(container, environment), (job, of_job)] {
        let known = settings();
        assert!(environment.keys().all(|name| known.contains(name)), "{environment:?}");
        let args = list(&container["args"]).iter().map(text).chain(["--help"]);
        assert_done(&rollcall(&args.collect::<Vec<_>>(), &BTreeMap::new()), "the command");
        assert_eq!(text(&container["image"]), concat!("rollcall:", env!("CARGO_PKG_VERSION")));
    }
    let (public, internal) = image::ports();
    assert_eq!(container["ports"][0]["containerPort"], public);
    assert_eq!(container["ports"][1]["containerPort"], internal);
    let service = Service::start().await;
    for probe in ["startupProbe", "livenessProbe", "readinessProbe"] {
        let asks = &container[probe]["httpGet"];
        assert_eq!(asks["port"], container["ports"][1]["name"], "{probe}");
        let answer = reqwest::get(format!("{}{}", service.internal, text(&asks["path"]))).await.unwrap();
        assert_eq!(answer.status(), 200, "{probe}");
    }
}

#[test]
fn pods_have_as_little_as_they_need() {
    for name in ["base/deployment.yaml", "migrate/job.yaml"] {
        let pod = &manifest(name)["spec"]["template"]["spec"];
        assert_eq!(pod["automountServiceAccountToken"], false, "{name}");
        assert_eq!(pod["enableServiceLinks"], false, "{name}: ROLLCALL_PORT would be a setting");
        let of_pod = &pod["securityContext"];
        assert_eq!((&of_pod["runAsNonRoot"], &of_pod["runAsUser"]), (&true.into(), &image::user().into()));
        assert_eq!(of_pod["seccompProfile"]["type"], "RuntimeDefault", "{name}");
        let container = &pod["containers"][0]["securityContext"];
        assert_eq!(container["allowPrivilegeEscalation"], false, "{name}");
        assert_eq!(container["readOnlyRootFilesystem"], true, "{name}");
        assert_eq!(container["capabilities"]["drop"], serde_json::json!(["ALL"]), "{name}");
        let resources = &pod["containers"][0]["resources"];
        assert!(
            resources["limits"]["memory"].is_string() && resources["requests"]["cpu"].is_string(),
            "{name}"
        );
        assert!(resources["limits"]["cpu"].is_null(), "{name}: a throttled node is late");
    }
}

#[test]
fn a_roll_out_has_all_nodes_and_time_to_stop() {
    let deployment = manifest("base/deployment.yaml");
    assert_eq!(deployment["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"], 0);
    let pod = &deployment["spec"]["template"]["spec"];
    let pause = &pod["containers"][0]["lifecycle"]["preStop"]["exec"]["command"];
    assert_eq!(pause[0], "sleep");
    let pause: u64 = text(&pause[1]).parse().unwrap();
    let grace = pod["terminationGracePeriodSeconds"].as_u64().unwrap();
    assert!(pause >= 5 && grace >= pause + STOPPING, "{pause} s and {grace} s");
    let replicas = deployment["spec"]["replicas"].as_u64().unwrap();
    assert!(manifest("base/disruption.yaml")["spec"]["maxUnavailable"].as_u64().unwrap() < replicas);
}

#[test]
fn everything_finds_the_pods_and_only_some_reach_each_port() {
    let deployment = manifest("base/deployment.yaml");
    let labels = &deployment["spec"]["template"]["metadata"]["labels"];
    let network = manifest("base/network.yaml");
    let service = manifest("base/service.yaml");
    let monitor = manifest("monitoring/podmonitor.yaml");
    for (what, selector) in [
        ("deployment", &deployment["spec"]["selector"]["matchLabels"]),
        ("disruption", &manifest("base/disruption.yaml")["spec"]["selector"]["matchLabels"]),
        ("network", &network["spec"]["podSelector"]["matchLabels"]),
        ("service", &service["spec"]["selector"]),
        ("monitor", &monitor["spec"]["selector"]["matchLabels"]),
    ] {
        assert_eq!(selector, labels, "{what}");
    }
    for constraint in list(&deployment["spec"]["template"]["spec"]["topologySpreadConstraints"]) {
        assert_eq!(&constraint["labelSelector"]["matchLabels"], labels);
    }
    let job = manifest("migrate/job.yaml");
    assert_ne!(&job["spec"]["template"]["metadata"]["labels"], labels, "a job takes no requests");
    let [public, internal] = list(&deployment["spec"]["template"]["spec"]["containers"][0]["ports"]) else {
        panic!("two ports")
    };
    let rules = list(&network["spec"]["ingress"]);
    assert_eq!(rules.len(), 2);
    for (rule, port, namespace) in [(&rules[0], public, "ingress-nginx"), (&rules[1], internal, "monitoring")]
    {
        assert_eq!((&rule["ports"][0]["port"], list(&rule["ports"]).len()), (&port["name"], 1));
        let from = list(&rule["from"]);
        assert_eq!(from.len(), 1, "{namespace}");
        let named = &from[0]["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"];
        assert_eq!(named, namespace);
    }
    assert_eq!(list(&service["spec"]["ports"]).len(), 1);
    assert_eq!(service["spec"]["ports"][0]["targetPort"], public["name"]);
    assert_eq!(monitor["spec"]["podMetricsEndpoints"][0]["port"], internal["name"]);
    let backend =
        &manifest("ingress/ingress.yaml")["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"];
    assert_eq!(backend["name"], service["metadata"]["name"]);
    assert_eq!(backend["port"]["name"], service["spec"]["ports"][0]["name"]);
}

#[test]
fn the_operator_gets_the_rules_that_prometheus_gets() {
    let made = Command::new("sh").arg(root().join(HOME).join("monitoring/rules")).output().unwrap();
    assert_done(&made, "the script");
    let made: Value = serde_saphyr::from_str(&String::from_utf8(made.stdout).unwrap()).unwrap();
    assert_eq!(made["kind"], "PrometheusRule");
    let written: Value = serde_saphyr::from_str(&read("deploy/prometheus/rollcall.rules.yml")).unwrap();
    assert_eq!(made["spec"], written);
    assert!(!list(&written["groups"]).is_empty());
}

#[test]
fn secrets_are_named_as_the_guide_makes_them() {
    let (base, guide) = (read(&format!("{HOME}/base/deployment.yaml")), read("docs/deployment.md"));
    for key in ["redis-url", "database-url", "auth-secret"] {
        assert!(base.contains(&format!("key: {key}")), "{key}");
        assert!(guide.contains(&format!("={key}")) || guide.contains(&format!("{key}=")), "{key}");
    }
    assert!(guide.contains("database-migrate-url="));
}
