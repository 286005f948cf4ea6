//! A node that is known to a real NATS server by an nkey, by credentials of an account, or by a
//! certificate; and one that is not.
//!
//! Runs when the environment variable `WUTONG_LIVE` names `nats`; `nats-server` and `openssl` must
//! be installed then.

// The lint does not see that helpers of tests are tests.
#![allow(clippy::unwrap_used)]

mod support;

#[path = "support/live_nats.rs"]
mod live_nats;

use async_nats::{ConnectOptions, RequestErrorKind};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use live_nats::{Network, is_asked_for, until};
use nkeys::KeyPair;
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use support::{get, key, statement};

fn write_private(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

/// Rights of the node's own user, of the user that answers clients, and of a client.
fn rights(network: &str) -> [Value; 3] {
    let stream = format!("WUTONG_{}_EVENTS", network.replace('-', "_"));
    let api = |verb: &str| format!("$JS.API.STREAM.{verb}.{stream}");
    let node = json!({
        "publish": ["wutong.*.v1.node.*.from.validator-0", "wutong.*.v1.events.>",
            api("INFO"), api("CREATE"), api("MSG.GET")],
        "subscribe": ["wutong.*.v1.node.validator-0.from.*", "_INBOX.validator-0.>"]
    });
    let answers = json!({
        "publish": ["_INBOX.>"], "subscribe": ["$SRV.>", "wutong.*.v1.tx.* wutong"]
    });
    let client =
        json!({ "publish": ["wutong.*.v1.tx.>", "$SRV.>"], "subscribe": ["_INBOX.bank.>"] });
    [node, answers, client]
}

/// The name of the network, as the node's configuration leads to it.
fn network_name(network: &Network) -> String {
    let conf = std::fs::read_to_string(network.dir.join("net/nats.conf")).unwrap();
    let name = conf.split("wutong.").nth(1).unwrap();
    name.split('.').next().unwrap().to_owned()
}

/// Submits over NATS as a client; gives the answer once the node is found.
fn submit(network: &Network, options: ConnectOptions, number: u64) -> Value {
    let name = network_name(network);
    let of = messages::ids::Name::try_new(&name).unwrap();
    let entry = statement(&of, "public", &key("credentials"), number).entry();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let options = options
            .custom_inbox_prefix("_INBOX.bank")
            .request_timeout(Some(Duration::from_secs(30)));
        let client = options.connect(network.nats_url()).await.unwrap();
        let subject = format!("wutong.{name}.v1.tx.submit");
        loop {
            // Nobody answers until the node has reached the server.
            match client.request(subject.clone(), entry.clone().into()).await {
                Ok(answer) => break serde_json::from_slice(&answer.payload).unwrap(),
                Err(error) => assert_eq!(error.kind(), RequestErrorKind::NoResponders),
            }
            tokio::time::sleep(Duration::from_millis(50)).await; // between two looks
        }
    })
}

/// Starts the node with other keys; it says what the server refuses, and answers over HTTP.
fn expect_refused(network: &mut Network, keys: &str, said: &[&str]) {
    network.nodes[0] = None;
    network.configure(0, keys);
    network.start(0);
    let complete = || said.iter().all(|word| network.log(0).contains(word));
    let began = std::time::Instant::now();
    while !complete() {
        assert!(began.elapsed() < support::PATIENCE, "{}", network.log(0));
        std::thread::sleep(Duration::from_millis(20)); // between two looks
    }
    let health = format!("{}/v1/health", network.url(0));
    until("it answers", || get(&health).is_some());
}

#[test]
fn an_nkey_is_known_and_another_is_refused_by_name() {
    if !is_asked_for() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let mut network = Network::found(dir.path(), 1);
    let pairs = [(); 3].map(|()| KeyPair::new_user());
    let [node, answers, client] = rights(&network_name(&network));
    let user = |pair: &KeyPair, rights: &Value| {
        format!("{{ nkey: {}, permissions: {rights} }}\n", pair.public_key())
    };
    let users = [
        (&pairs[0], &node),
        (&pairs[1], &answers),
        (&pairs[2], &client),
    ];
    let users: String = users
        .iter()
        .map(|(pair, rights)| user(pair, rights))
        .collect();
    network.start_nats(Some(&format!(
        "jetstream {{ store_dir: \"store\" }}\nauthorization {{ users = [\n{users}] }}"
    )));
    let folder = network.node_dir(0);
    for (name, pair) in ["node.nk", "api.nk"].iter().zip(&pairs) {
        write_private(&folder.join(name), &pair.seed().unwrap());
    }
    let keys = "nkey = \"node.nk\"\napi = true\napi_nkey = \"api.nk\"\nevents = true";
    network.configure(0, keys);
    network.start(0);
    let as_client = ConnectOptions::with_nkey(pairs[2].seed().unwrap());
    let answer = submit(&network, as_client, 1);
    assert_eq!(answer["status"], "committed", "{answer}");
    // A seed that the server does not know.
    let stranger = KeyPair::new_user();
    write_private(&folder.join("node.nk"), &stranger.seed().unwrap());
    let said = [
        "the server refuses nats.nkey",
        "node.nk",
        &stranger.public_key(),
    ];
    expect_refused(&mut network, keys, &said);
    assert!(!network.log(0).contains(&stranger.seed().unwrap()));
    // One that others may read is refused before anything begins.
    let open = std::fs::Permissions::from_mode(0o644);
    std::fs::set_permissions(folder.join("node.nk"), open).unwrap();
    let checked = Command::new(support::WUTONG)
        .args(["node", "--check", "--config"])
        .arg(folder.join("node.toml"))
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&checked.stderr).into_owned();
    assert!(
        !checked.status.success() && told.contains("nats.nkey"),
        "{told}"
    );
}

/// A JWT as NATS has it: claims signed by an nkey.
fn token(issuer: &KeyPair, subject: &KeyPair, kind: &str, mut nats: Value) -> String {
    nats["type"] = kind.into();
    nats["version"] = 2.into();
    let claims = json!({
        "jti": format!("{kind}-{}", subject.public_key()), "iat": 1_700_000_000,
        "iss": issuer.public_key(), "name": kind, "sub": subject.public_key(), "nats": nats
    });
    let header = json!({ "typ": "JWT", "alg": "ed25519-nkey" });
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", part(&header), part(&claims));
    let signature = issuer.sign(signed.as_bytes()).unwrap();
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// Content of a `.creds` file of a new user of an account.
fn credentials(account: &KeyPair, rights: &Value) -> String {
    let user = KeyPair::new_user();
    let nats = json!({
        "pub": { "allow": rights["publish"] }, "sub": { "allow": rights["subscribe"] },
        "subs": -1, "data": -1, "payload": -1
    });
    let token = token(account, &user, "user", nats);
    let seed = user.seed().unwrap();
    format!(
        "-----BEGIN NATS USER JWT-----\n{token}\n------END NATS USER JWT------\n\n\
         -----BEGIN USER NKEY SEED-----\n{seed}\n------END USER NKEY SEED------\n"
    )
}

#[test]
fn credentials_of_an_account_are_known_and_those_of_another_are_not() {
    if !is_asked_for() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let mut network = Network::found(dir.path(), 1);
    let (operator, account) = (KeyPair::new_operator(), KeyPair::new_account());
    let limits = json!({
        "limits": { "subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1,
            "wildcards": true, "conn": -1, "leaf": -1 }
    });
    let of_operator = token(&operator, &operator, "operator", json!({}));
    let of_account = token(&operator, &account, "account", limits);
    network.start_nats(Some(&format!(
        "operator: {of_operator}\nresolver: MEMORY\nresolver_preload: {{ {}: {of_account} }}",
        account.public_key()
    )));
    let [node, answers, client] = rights(&network_name(&network));
    let folder = network.node_dir(0);
    write_private(&folder.join("node.creds"), &credentials(&account, &node));
    write_private(&folder.join("api.creds"), &credentials(&account, &answers));
    let keys = "credentials = \"node.creds\"\napi = true\napi_credentials = \"api.creds\"";
    network.configure(0, keys);
    network.start(0);
    let as_client = ConnectOptions::with_credentials(&credentials(&account, &client)).unwrap();
    let answer = submit(&network, as_client, 1);
    assert_eq!(answer["status"], "committed", "{answer}");
    let other = credentials(&KeyPair::new_account(), &node);
    write_private(&folder.join("node.creds"), &other);
    let said = ["the server refuses nats.credentials", "node.creds"];
    expect_refused(&mut network, keys, &said);
}

fn openssl(dir: &Path, arguments: &str) {
    let made = Command::new("openssl")
        .args(arguments.split_whitespace())
        .current_dir(dir)
        .output()
        .expect("openssl makes certificates");
    let said = String::from_utf8_lossy(&made.stderr).into_owned();
    assert!(made.status.success(), "{arguments}: {said}");
}

/// A key and a certificate `name`, signed by the authority.
fn certificate(dir: &Path, name: &str) {
    let new = "req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
    openssl(
        dir,
        &format!("{new} -keyout {name}.key -out {name}.csr -subj /CN={name}"),
    );
    std::fs::write(dir.join("san"), "subjectAltName=IP:127.0.0.1").unwrap();
    openssl(
        dir,
        &format!(
            "x509 -req -in {name}.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 \
             -extfile san -out {name}.pem"
        ),
    );
}

#[test]
fn a_certificate_is_shown_to_a_server_that_asks_for_one() {
    if !is_asked_for() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let mut network = Network::found(dir.path(), 1);
    let ca = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=ca";
    openssl(dir.path(), &format!("{ca} -keyout ca.key -out ca.pem"));
    certificate(dir.path(), "server");
    certificate(dir.path(), "client");
    network.start_nats(Some(
        "tls { cert_file: \"server.pem\", key_file: \"server.key\", ca_file: \"ca.pem\", \
         verify: true }",
    ));
    let key = dir.path().join("client.key");
    write_private(&key, &std::fs::read_to_string(&key).unwrap());
    let keys = "ca = \"../../ca.pem\"\nclient_certificate = \"../../client.pem\"\n\
                client_key = \"../../client.key\"\napi = true";
    network.configure(0, keys);
    network.start(0);
    let at = |name: &str| dir.path().join(name);
    let as_client = ConnectOptions::new()
        .require_tls(true)
        .add_root_certificates(at("ca.pem"))
        .add_client_certificate(at("client.pem"), at("client.key"));
    let answer = submit(&network, as_client, 1);
    assert_eq!(answer["status"], "committed", "{answer}");
    expect_refused(
        &mut network,
        "ca = \"../../ca.pem\"\napi = true",
        &["nats.client_certificate"],
    );
}
