//! A node in a container that holds one static binary, and the compose file of a whole network.
//!
//! Runs when the environment variable `WUTONG_LIVE` names `docker`. It needs a docker daemon,
//! python3 with its yaml module, and the static binary, whose path is in `WUTONG_STATIC`
//! (`adapters/node/deploy/Containerfile` says how it is built).

// The lint does not see that helpers of tests are tests.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod support;

use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use support::processes::{free_ports, succeeds, wait_until};
use support::{get, key, post, statement};

fn is_asked_for() -> bool {
    let asked = std::env::var("WUTONG_LIVE").is_ok_and(|v| v.contains("docker"));
    if !asked {
        println!("skipped: WUTONG_LIVE does not name docker");
    }
    asked
}

fn deploy(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("deploy")
        .join(file)
}

/// Runs docker, which must succeed; gives what it printed.
fn docker(arguments: &[&str]) -> String {
    let ran = Command::new("docker").args(arguments).output();
    let ran = ran.expect("WUTONG_LIVE names docker, so docker must be installed");
    let said = String::from_utf8_lossy(&ran.stderr).into_owned();
    assert!(ran.status.success(), "docker {arguments:?}: {said}");
    String::from_utf8(ran.stdout).unwrap().trim().to_owned()
}

/// Image and container, which go with this.
struct Container {
    name: String,
}

impl Drop for Container {
    fn drop(&mut self) {
        // Either may not be there yet.
        for arguments in [["rm", "-f", &self.name], ["rmi", "-f", &self.name]] {
            let _ = Command::new("docker").args(arguments).output();
        }
    }
}

#[test]
fn one_static_binary_is_a_container_that_stops_gracefully() {
    if !is_asked_for() {
        return;
    }
    let began = Instant::now();
    let binary = std::env::var("WUTONG_STATIC").expect("WUTONG_STATIC names the static binary");
    let dir = tempfile::tempdir().unwrap();
    let context = dir.path().join("image");
    fs::create_dir(&context).unwrap();
    fs::copy(&binary, context.join("wutong")).unwrap();
    let container = Container {
        name: format!("wutong-test-{}", std::process::id()),
    };
    let (name, file) = (container.name.as_str(), deploy("Containerfile"));
    let (file, context) = (file.to_str().unwrap(), context.to_str().unwrap());
    docker(&["build", "-q", "-f", file, "-t", name, context]);
    let size = docker(&["inspect", "-f", "{{.Size}}", name]);
    let bytes = fs::metadata(&binary).unwrap().len();
    assert_eq!(size, bytes.to_string(), "nothing but the binary");
    // One validator needs no links. The folder's owner runs it, for nobody else may read its keys.
    let net = dir.path().join("net");
    let init = [
        "init",
        "--validators",
        "1",
        "--nats",
        "nats://127.0.0.1:4222",
        "--out",
        "net",
    ];
    succeeds(dir.path(), &init);
    let owner = fs::metadata(&net).unwrap();
    let user = format!("{}:{}", owner.uid(), owner.gid());
    let port = free_ports(1);
    let (publish, volume) = (
        format!("127.0.0.1:{port}:8100"),
        format!("{}:/data", net.display()),
    );
    docker(&[
        "run",
        "-d",
        "--name",
        name,
        "--user",
        &user,
        "-p",
        &publish,
        "-v",
        &volume,
        "--read-only",
        "--cap-drop",
        "ALL",
        name,
        "node",
        "--config",
        "/data/node-0/node.toml",
    ]);
    let url = format!("http://127.0.0.1:{port}");
    let health = || get(&format!("{url}/v1/health")).filter(|(status, _)| *status == 200);
    wait_until("health", || health().is_some());
    assert!(docker(&["logs", name]).contains("ready; stop with"));
    let health: Value = serde_json::from_str(&health().unwrap().1).unwrap();
    assert_eq!(health["quorum"], true, "{health}");
    let network = messages::ids::Name::try_new(health["network"].as_str().unwrap()).unwrap();
    let entry = statement(&network, "public", &key("docker"), 1).entry();
    let (status, body) = post(&format!("{url}/v1/statements"), entry).unwrap();
    assert_eq!(status, 201, "{body}");
    // The image's own check of its health.
    docker(&[
        "exec",
        name,
        "/wutong",
        "show",
        "health",
        "--url",
        "http://127.0.0.1:8100",
    ]);
    docker(&["stop", "-t", "30", name]);
    assert_eq!(docker(&["inspect", "-f", "{{.State.ExitCode}}", name]), "0");
    let took = began.elapsed();
    println!("image, container, deposit and stop in {took:?}");
    assert!(took < Duration::from_secs(90), "{took:?}");
}

/// A YAML file, anchors and merges resolved.
fn yaml(path: &Path) -> Value {
    let program = "import json, sys, yaml; print(json.dumps(yaml.safe_load(open(sys.argv[1]))))";
    let ran = Command::new("python3")
        .args(["-c", program])
        .arg(path)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ran.stderr).into_owned();
    assert!(ran.status.success(), "{said}");
    serde_json::from_slice(&ran.stdout).unwrap()
}

fn texts(value: &Value) -> Vec<&str> {
    value
        .as_array()
        .unwrap()
        .iter()
        .map(|v| v.as_str().unwrap())
        .collect()
}

#[test]
fn the_compose_file_names_what_init_makes() {
    if !is_asked_for() {
        return;
    }
    let compose = yaml(&deploy("compose.yaml"));
    let services = compose["services"].as_object().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let urls = "nats://nats-0:4222,nats://nats-1:4222,nats://nats-2:4222";
    let text = fs::read_to_string(deploy("compose.yaml")).unwrap();
    assert!(
        text.contains(urls),
        "the comment and this test say the same"
    );
    succeeds(dir.path(), &["init", "--nats", urls, "--out", "net"]);
    let mut ports = BTreeSet::new();
    for (name, service) in services {
        assert!(
            service["image"].is_string() && service["user"].is_string(),
            "{name}"
        );
        let volumes = texts(&service["volumes"]);
        let parts = |v: &str| {
            let mut parts = v.split(':').map(ToOwned::to_owned);
            (parts.next().unwrap(), parts.next().unwrap())
        };
        let mounts: Vec<(String, String)> = volumes.iter().map(|v| parts(v)).collect();
        for (from, _) in &mounts {
            // Folders of NATS are made by hand, as the comment says.
            let made = dir.path().join(from).exists() || from.starts_with("./net/data-");
            assert!(made, "{name}: {from}");
        }
        // What the command reads is mounted.
        let command = texts(&service["command"]);
        let config = command.last().unwrap();
        let mounted = mounts.iter().any(|(_, to)| config.starts_with(to.as_str()));
        assert!(mounted, "{name}: {config}");
        if name.starts_with("validator-") {
            assert!(
                mounts.iter().any(|(_, to)| to == "/net/genesis.cbor"),
                "{name}"
            );
            ports.insert(texts(&service["ports"])[0].to_owned());
        }
    }
    assert_eq!(ports.len(), 4, "{ports:?}");
    // Servers find one another, and nodes find them, under their names as services.
    let conf = fs::read_to_string(dir.path().join("net/nats-0.conf")).unwrap();
    for other in ["nats-1", "nats-2"] {
        assert!(services.contains_key(other) && conf.contains(&format!("@{other}:6222")));
    }
    assert!(conf.contains("listen: \"0.0.0.0:4222\""), "{conf}");
}
