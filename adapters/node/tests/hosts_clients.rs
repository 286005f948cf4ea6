//! Four processes, a NATS server with the users that `wutong init` makes, and the stock NATS
//! clients of three languages; and users that want more than is theirs.
//!
//! Runs when the environment variable `WUTONG_LIVE` names `nats`; then `nats-server` must be
//! installed, `WUTONG_TEST_NATS_TOOLS` must name a folder with `venv/` (nats-py, cryptography) and
//! `node_modules/` (@nats-io/transport-node, @nats-io/jetstream), and the example `deposit` of
//! adapters-nats must be built. `.ci/run` does all of it.

// The lint does not see that helpers of tests are tests.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod support;

use async_nats::Client;
use futures::{FutureExt, StreamExt};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use support::network::{NODES, Network};
use support::processes::{nats_is_asked_for, wait_until};
use support::{key, post, statement};

fn started(dir: &Path) -> (Network, String) {
    let network = Network::started(dir);
    let name = network.name.to_string();
    (network, name)
}

fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap().into()
}

fn tools() -> PathBuf {
    let tools = std::env::var("WUTONG_TEST_NATS_TOOLS");
    tools
        .expect("WUTONG_TEST_NATS_TOOLS names a folder with venv/ and node_modules/; see .ci/run")
        .into()
}

/// The example of adapters-nats, beside the test's own program.
fn rust_example() -> Command {
    let own = std::env::current_exe().unwrap();
    let path = own.ancestors().nth(2).unwrap().join("examples/deposit");
    assert!(
        path.exists(),
        "cargo build --release --workspace --examples"
    );
    Command::new(path)
}

fn python_example() -> Command {
    let folder = root().join("adapters/client-python");
    let mut command = Command::new(tools().join("venv/bin/python"));
    command
        .arg(folder.join("examples/nats_deposit.py"))
        .env("PYTHONPATH", folder);
    command
}

/// Packages are found from where a module lies: the example is tried beside them.
fn js_example(dir: &Path) -> Command {
    let folder = root().join("adapters/client-js");
    let from = tools().join("node_modules/@nats-io");
    let packages = dir.join("node_modules");
    std::fs::create_dir_all(&packages).unwrap();
    std::os::unix::fs::symlink(&folder, packages.join("wutong-client")).unwrap();
    std::os::unix::fs::symlink(from, packages.join("@nats-io")).unwrap();
    let example = dir.join("nats_deposit.mjs");
    std::fs::copy(folder.join("examples/nats_deposit.mjs"), &example).unwrap();
    let mut command = Command::new("node");
    command.arg(example);
    command
}

/// Runs an example once; gives the lines that it printed.
fn run(command: &mut Command, network: &Network) -> Vec<String> {
    let done = command
        .env("NATS_URL", network.nats_url())
        .env("NATS_PASSWORD", network.password("client"))
        .env("NATS_EVENTS_PASSWORD", network.password("events-public"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(done.status.success(), "{command:?}: {said}");
    let printed = String::from_utf8(done.stdout).unwrap();
    printed.lines().map(ToOwned::to_owned).collect()
}

#[test]
fn stock_clients_of_three_languages_deposit_and_read() {
    if !nats_is_asked_for() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let (network, name) = started(dir.path());
    let policy = dir.path().join("net/policy");
    let mut examples = [
        ("rust", rust_example(), "receipt: accepted true"),
        (
            "python",
            python_example(),
            "receipt: VERIFIED (DEMONSTRATION)",
        ),
        ("js", js_example(dir.path()), "receipt: demonstration"),
    ];
    let mut deposits = 0;
    for (language, command, verified) in &mut examples {
        let position = dir.path().join(format!("{language}.json"));
        command.arg(&name).arg(&policy).arg(&position);
        for first in [1, deposits + 2] {
            deposits += 1;
            let lines = run(command, &network);
            assert!(lines[0].starts_with("committed: entry "), "{lines:?}");
            assert_eq!(lines[1], *verified);
            assert_eq!(lines[2].to_lowercase(), "lookup: 1 found, the same: true");
            assert_eq!(lines[3], "refused: 400 malformed-statement");
            // Without a position it reads from the beginning, with one it goes on behind it.
            let read = format!("events: {first} to {deposits}, receipts verified");
            assert_eq!(lines[4..], [read], "{language}");
            let saved = std::fs::read_to_string(&position).unwrap();
            let saved: Value = serde_json::from_str(&saved).unwrap();
            assert_eq!(saved["chain"]["ordinal"], deposits, "{language}");
        }
    }
}

/// What is asked over NATS and over HTTP is answered in the same words.
#[test]
fn answers_are_those_of_http() {
    if !nats_is_asked_for() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let (network, name) = started(dir.path());
    let lodged = |number| statement(&network.name, "public", &key("same"), number);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let client = network.user("client").connect(network.nats_url());
    let client = runtime.block_on(client).unwrap();
    let ask = |verb: &str, wait_ms: &str, payload: Vec<u8>| {
        let mut headers = async_nats::HeaderMap::new();
        headers.insert("Wutong-Wait-Ms", wait_ms);
        let subject = format!("wutong.{name}.v1.tx.{verb}");
        let asked = client.request_with_headers(subject, headers, payload.into());
        let answer = runtime.block_on(asked).unwrap();
        let code = answer
            .headers
            .as_ref()
            .unwrap()
            .get("Nats-Service-Error-Code");
        let code = code.map_or(200, |code| code.as_str().parse::<u16>().unwrap());
        (code, String::from_utf8(answer.payload.to_vec()).unwrap())
    };
    let url = network.url(0);
    let made = lodged(1);
    let (code, committed) = ask("submit", "30000", made.entry());
    assert_eq!(code, 200, "{committed}");
    let again = post(&format!("{url}/v1/statements?wait_ms=30000"), made.entry())
        .unwrap()
        .1;
    let committed: Value = serde_json::from_str(&committed).unwrap();
    for field in ["id", "status", "height", "index", "block_time_ms"] {
        assert_eq!(committed[field], again[field], "{field}");
    }
    let (id, value) = (made.id().to_string(), made.deposit.lodged.value());
    let same = |path: &str, verb: &str, payload: String| {
        let (status, over_http) = support::get(&format!("{url}{path}")).unwrap();
        let (code, over_nats) = ask(verb, "0", payload.into_bytes());
        assert_eq!((code, over_nats), (status, over_http), "{path}");
    };
    same(&format!("/v1/statements/{id}"), "status", id.clone());
    let wanted = json!({ "value": value.to_string() }).to_string();
    same(&format!("/v1/lookup?value={value}"), "lookup", wanted);
    let unknown = "ab".repeat(32);
    same(
        &format!("/v1/statements/{unknown}"),
        "status",
        unknown.clone(),
    );
    same(
        &format!("/v1/statements/{unknown}/receipt"),
        "receipt",
        unknown,
    );
    same("/v1/statements/short", "status", "short".into());
    // Two nodes are not enough: admitted, and said so with the number of HTTP.
    network.kill(2);
    network.kill(3);
    wait_until("two are missed", || {
        [0, 1].iter().all(|i| {
            let health = support::get(&format!("{}/v1/health", network.url(*i)));
            health.is_some_and(|(status, _)| status == 503)
        })
    });
    let (code, refused) = ask("submit", "1000", lodged(2).entry());
    let refused: Value = serde_json::from_str(&refused).unwrap();
    assert_eq!(
        (code, &refused["code"]),
        (503, &json!("no-quorum")),
        "{refused}"
    );
    assert_eq!(refused["missing"], json!(["validator-2", "validator-3"]));
}

/// Asks JetStream; none when the server does not let it through.
async fn api(client: &Client, subject: &str, body: &Value) -> Option<Value> {
    let payload = match body {
        Value::Null => String::new(),
        body => body.to_string(),
    };
    let asked = client.request(subject.to_owned(), payload.into());
    let answer = tokio::time::timeout(Duration::from_millis(500), asked).await;
    let answer = answer.ok()?.ok()?;
    Some(serde_json::from_slice(&answer.payload).unwrap())
}

/// Asks for a consumer with a filter in the subject and a body.
async fn create(client: &Client, subject: &str, config: Value) -> Option<Value> {
    let stream = subject.split('.').nth(4).unwrap();
    let mut body = json!({ "stream_name": stream, "config": {
        "name": "events-members", "durable_name": "events-members",
        "ack_policy": "explicit", "deliver_policy": "all"
    }});
    for (name, value) in config.as_object().unwrap() {
        body["config"][name] = value.clone();
    }
    api(client, subject, &body).await
}

fn refusal(answer: Option<Value>) -> Option<u64> {
    answer.expect("the server answers")["error"]["err_code"].as_u64()
}

#[test]
fn a_reader_of_one_namespace_reads_no_other() {
    if !nats_is_asked_for() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let (network, name) = started(dir.path());
    let stream = format!("WUTONG_{}_EVENTS", name.replace('-', "_"));
    let of = |namespace: &str| format!("wutong.{name}.v1.events.{namespace}.>");
    let (public, members) = (of("public"), of("members"));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let reader = network.user("events-members").connect(network.nats_url());
        let reader = reader.await.unwrap();
        // Core subscriptions to what is not its own bring nothing.
        let mut heard = Vec::new();
        for subject in [
            public.clone(),
            format!("wutong.{name}.v1.events.>"),
            format!("wutong.{name}.v1.node.>"),
            format!("wutong.{name}.v1.tx.>"),
            "_INBOX.>".into(),
            "_INBOX.client.>".into(),
            format!("$JS.ACK.{stream}.>"),
            ">".into(),
        ] {
            heard.push(reader.subscribe(subject).await.unwrap());
        }
        reader.flush().await.unwrap();
        let entry = statement(&network.name, "public", &key("reader"), 1).entry();
        let url = format!("{}/v1/statements?wait_ms=30000", network.url(1));
        let (status, body) = tokio::task::block_in_place(|| post(&url, entry)).unwrap();
        assert_eq!(status, 201, "{body}");
        // Its own consumer, by the subject that ends with its filter.
        let own = format!("$JS.API.CONSUMER.CREATE.{stream}.events-members.{members}");
        let made = create(&reader, &own, json!({ "filter_subject": members })).await;
        assert_eq!(made.unwrap()["config"]["filter_subject"], members);
        let delete = format!("$JS.API.CONSUMER.DELETE.{stream}.events-members");
        assert_eq!(
            api(&reader, &delete, &Value::Null).await.unwrap()["success"],
            true
        );
        // A body that says other than the subject is refused by the server.
        for (config, code) in [
            (json!({ "filter_subject": public }), 10_131),
            (json!({}), 10_131),
            (json!({ "filter_subjects": [public] }), 10_131),
            (
                json!({ "filter_subject": members, "durable_name": "events-public" }),
                10_017,
            ),
            (
                json!({ "filter_subject": members, "deliver_subject":
                    format!("wutong.{name}.v1.events.public.deposited") }),
                10_081,
            ),
        ] {
            assert_eq!(
                refusal(create(&reader, &own, config.clone()).await),
                Some(code),
                "{config}"
            );
        }
        // Subjects that are not its own do not get through.
        let request = json!({ "filter_subject": public });
        for (subject, body) in [
            (
                format!("CONSUMER.CREATE.{stream}.events-members.{public}"),
                &request,
            ),
            (format!("CONSUMER.CREATE.{stream}.events-members"), &request),
            (format!("CONSUMER.CREATE.{stream}"), &request),
            (
                format!("CONSUMER.DURABLE.CREATE.{stream}.events-members"),
                &request,
            ),
            (
                format!("CONSUMER.MSG.NEXT.{stream}.events-public"),
                &json!({ "batch": 1 }),
            ),
            (format!("STREAM.MSG.GET.{stream}"), &json!({ "seq": 1 })),
            (format!("DIRECT.GET.{stream}"), &json!({ "seq": 1 })),
            (format!("STREAM.INFO.{stream}"), &Value::Null),
            (format!("STREAM.PURGE.{stream}"), &Value::Null),
            (format!("STREAM.DELETE.{stream}"), &Value::Null),
        ] {
            let answer = api(&reader, &format!("$JS.API.{subject}"), body).await;
            assert_eq!(answer, None, "{subject}");
        }
        for heard in &mut heard {
            let came = heard.next().now_or_never().flatten();
            assert!(came.is_none(), "{came:?}");
        }
        // All that is there to be read, by the one whose it is.
        let owner = network.user("events-public").connect(network.nats_url());
        let owner = owner.await.unwrap();
        let own = format!("$JS.API.CONSUMER.CREATE.{stream}.events-public.{public}");
        let name = json!({ "name": "events-public", "durable_name": "events-public",
            "filter_subject": public });
        let made = create(&owner, &own, name).await.unwrap();
        assert_eq!(made["num_pending"], 1, "{made}");
        let next = format!("$JS.API.CONSUMER.MSG.NEXT.{stream}.events-public");
        let inbox = owner.new_inbox();
        let mut events = owner.subscribe(inbox.clone()).await.unwrap();
        let wanted = json!({ "batch": 1 }).to_string();
        owner
            .publish_with_reply(next, inbox, wanted.into())
            .await
            .unwrap();
        let event = tokio::time::timeout(support::PATIENCE, events.next()).await;
        let event: Value = serde_json::from_slice(&event.unwrap().unwrap().payload).unwrap();
        assert_eq!(event["version"], 2, "{event}");
        assert!(event["receipt"].is_string(), "{event}");
    });
}

/// A client names the subject of the answer. It must not have a node speak with the node's rights.
#[test]
fn a_client_cannot_have_a_node_write_to_the_stream() {
    if !nats_is_asked_for() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let (network, name) = started(dir.path());
    let stream = format!("WUTONG_{}_EVENTS", name.replace('-', "_"));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let client = network.user("client").connect(network.nats_url());
        let client = client.await.unwrap();
        let inbox = client.new_inbox();
        let mut answers = client.subscribe(inbox.clone()).await.unwrap();
        let subject = "$SRV.INFO.wutong".to_owned();
        client
            .publish_with_reply(subject, inbox.clone(), "".into())
            .await
            .unwrap();
        let mut nodes = Vec::new();
        while nodes.len() < NODES {
            let answer = tokio::time::timeout(support::PATIENCE, answers.next()).await;
            let answer = answer.unwrap().unwrap();
            let info: Value = serde_json::from_slice(&answer.payload).unwrap();
            assert_eq!(info["metadata"]["network"], name);
            nodes.push(info["metadata"]["node"].as_str().unwrap().to_owned());
        }
        nodes.sort_unstable();
        assert_eq!(
            nodes,
            (0..NODES)
                .map(|i| format!("validator-{i}"))
                .collect::<Vec<_>>()
        );
        let tx = |verb: &str| format!("wutong.{name}.v1.tx.{verb}");
        for target in [
            format!("wutong.{name}.v1.events.public.deposited"),
            format!("$JS.API.STREAM.PURGE.{stream}"),
            format!("$JS.API.STREAM.DELETE.{stream}"),
        ] {
            for subject in ["$SRV.PING".into(), "$SRV.STATS.wutong".into(), tx("status")] {
                client
                    .publish_with_reply(subject, target.clone(), "x".into())
                    .await
                    .unwrap();
            }
        }
        // Nodes answer in turn: what was sent before is dealt with once they answer this.
        let again = "$SRV.PING".to_owned();
        client
            .publish_with_reply(again, inbox, "".into())
            .await
            .unwrap();
        for _ in 0..NODES {
            let answer = tokio::time::timeout(support::PATIENCE, answers.next()).await;
            assert!(answer.unwrap().is_some());
        }
        let node = network.user("validator-0").connect(network.nats_url());
        let node = node.await.unwrap();
        let info = api(
            &node,
            &format!("$JS.API.STREAM.INFO.{stream}"),
            &Value::Null,
        )
        .await;
        assert_eq!(info.unwrap()["state"]["last_seq"], 0, "nothing was written");
        // Larger than the server takes is the client's own error.
        let large = client
            .request(tx("submit"), vec![0; (1 << 20) + 1].into())
            .await;
        assert!(large.is_err());
    });
}
