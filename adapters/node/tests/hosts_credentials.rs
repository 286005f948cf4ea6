//! A node that is known to a real NATS server by an nkey, by credentials of an account, or by a
//! certificate; and one that is not; links over TLS, and what the users of `wutong init` may do.
//!
//! Runs when the environment variable `WUTONG_LIVE` names `nats`; `nats-server` and `openssl` must
//! be installed then.

// The lint does not see that helpers of tests are tests.
#![allow(clippy::unwrap_used)]

mod support;

use async_nats::{ConnectOptions, RequestErrorKind};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use nkeys::KeyPair;
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use support::network::{NODES, Network};
use support::processes::{nats_is_asked_for, wait_until};
use support::{books, get, key, statement};

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

/// A network of one.
fn of_one(dir: &Path) -> Network {
    Network::found_with(dir, &["--validators", "1"])
}

/// Submits over NATS as a client; gives the answer once the node is found.
fn submit(network: &Network, options: ConnectOptions, number: u64) -> Value {
    let name = &network.name;
    let entry = statement(name, "public", &key("credentials"), number).entry();
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
fn expect_refused(network: &Network, keys: &str, said: &[&str]) {
    network.kill(0);
    network.configure_nats(0, keys);
    network.start(0);
    let complete = || said.iter().all(|word| network.log(0).contains(word));
    let began = std::time::Instant::now();
    while !complete() {
        assert!(began.elapsed() < support::PATIENCE, "{}", network.log(0));
        std::thread::sleep(Duration::from_millis(20)); // between two looks
    }
    let health = format!("{}/v1/health", network.url(0));
    wait_until("it answers", || get(&health).is_some());
}

#[test]
fn an_nkey_is_known_and_another_is_refused_by_name() {
    if !nats_is_asked_for() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let network = of_one(dir.path());
    let pairs = [(); 3].map(|()| KeyPair::new_user());
    let [node, answers, client] = rights(network.name.as_str());
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
    network.start_server_with(&format!(
        "jetstream {{ store_dir: \"store\" }}\nauthorization {{ users = [\n{users}] }}"
    ));
    let folder = network.home(0);
    for (name, pair) in ["node.nk", "api.nk"].iter().zip(&pairs) {
        write_private(&folder.join(name), &pair.seed().unwrap());
    }
    let keys = "nkey = \"node.nk\"\napi = true\napi_nkey = \"api.nk\"\nevents = true";
    network.configure_nats(0, keys);
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
    expect_refused(&network, keys, &said);
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
    if !nats_is_asked_for() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let network = of_one(dir.path());
    let (operator, account) = (KeyPair::new_operator(), KeyPair::new_account());
    let limits = json!({
        "limits": { "subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1,
            "wildcards": true, "conn": -1, "leaf": -1 }
    });
    let of_operator = token(&operator, &operator, "operator", json!({}));
    let of_account = token(&operator, &account, "account", limits);
    network.start_server_with(&format!(
        "operator: {of_operator}\nresolver: MEMORY\nresolver_preload: {{ {}: {of_account} }}",
        account.public_key()
    ));
    let [node, answers, client] = rights(network.name.as_str());
    let folder = network.home(0);
    write_private(&folder.join("node.creds"), &credentials(&account, &node));
    write_private(&folder.join("api.creds"), &credentials(&account, &answers));
    let keys = "credentials = \"node.creds\"\napi = true\napi_credentials = \"api.creds\"";
    network.configure_nats(0, keys);
    network.start(0);
    let as_client = ConnectOptions::with_credentials(&credentials(&account, &client)).unwrap();
    let answer = submit(&network, as_client, 1);
    assert_eq!(answer["status"], "committed", "{answer}");
    let other = credentials(&KeyPair::new_account(), &node);
    write_private(&folder.join("node.creds"), &other);
    let said = ["the server refuses nats.credentials", "node.creds"];
    expect_refused(&network, keys, &said);
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
    if !nats_is_asked_for() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let network = of_one(dir.path());
    let ca = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=ca";
    openssl(dir.path(), &format!("{ca} -keyout ca.key -out ca.pem"));
    certificate(dir.path(), "server");
    certificate(dir.path(), "client");
    network.start_server_with(
        "tls { cert_file: \"server.pem\", key_file: \"server.key\", ca_file: \"ca.pem\", \
         verify: true }",
    );
    let key = dir.path().join("client.key");
    write_private(&key, &std::fs::read_to_string(&key).unwrap());
    let keys = "ca = \"../../ca.pem\"\nclient_certificate = \"../../client.pem\"\n\
                client_key = \"../../client.key\"\napi = true";
    network.configure_nats(0, keys);
    network.start(0);
    let at = |name: &str| dir.path().join(name);
    let as_client = ConnectOptions::new()
        .require_tls(true)
        .add_root_certificates(at("ca.pem"))
        .add_client_certificate(at("client.pem"), at("client.key"));
    let answer = submit(&network, as_client, 1);
    assert_eq!(answer["status"], "committed", "{answer}");
    expect_refused(
        &network,
        "ca = \"../../ca.pem\"\napi = true",
        &["nats.client_certificate"],
    );
}

async fn connect_as(network: &Network, user: &str) -> async_nats::Client {
    let password = network.password(user);
    let options = ConnectOptions::with_user_and_password(user.into(), password);
    options.connect(network.nats_url()).await.unwrap()
}

#[test]
fn credentials_reach_their_own_subjects_and_no_others() {
    if !nats_is_asked_for() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let network = Network::started(dir.path());
    let name = &network.name;
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        assert!(
            async_nats::connect(network.nats_url()).await.is_err(),
            "nobody without a name"
        );
        let public = connect_as(&network, "events-public").await;
        let members = connect_as(&network, "events-members").await;
        let all = format!("wutong.{name}.v1.events.>");
        let of = |ns: &str| format!("wutong.{name}.v1.events.{ns}.>");
        let mut own = public.subscribe(of("public")).await.unwrap();
        // What is not allowed is refused by the server, and nothing ever comes of it.
        let mut others = [
            members.subscribe(of("public")).await.unwrap(),
            members.subscribe(all).await.unwrap(),
            public
                .subscribe(format!("wutong.{name}.v1.node.>"))
                .await
                .unwrap(),
        ];
        public.flush().await.unwrap();
        members.flush().await.unwrap();
        let node = connect_as(&network, "validator-3").await;
        for number in 0..5 {
            let (status, body) =
                tokio::task::block_in_place(|| network.submit(1, number, 30_000)).unwrap();
            assert_eq!(status, 201, "{body}");
            // In the name of another: never delivered.
            let forged = format!("wutong.{name}.v1.node.validator-1.from.validator-0");
            node.publish(forged, "nothing".into()).await.unwrap();
            let event = futures::StreamExt::next(&mut own).await.unwrap();
            let event: Value = serde_json::from_slice(&event.payload).unwrap();
            assert_eq!(event["ordinal"], number + 1);
        }
        for other in &mut others {
            let came =
                tokio::time::timeout(Duration::from_millis(200), futures::StreamExt::next(other));
            let came = came.await;
            assert!(!matches!(came, Ok(Some(_))), "{came:?}");
        }
    });
    books::wait_for_agreement(&network, &[0, 1, 2, 3]);
}

/// Makes a key and a certificate that vouches for itself, for this host.
fn vouching_certificate(dir: &Path) {
    let made = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
        ])
        .args(["-nodes", "-days", "2", "-subj", "/CN=localhost"])
        .args(["-addext", "subjectAltName=IP:127.0.0.1"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        .args(["-keyout", "key.pem", "-out", "ca.pem"])
        .current_dir(dir)
        .output()
        .expect("openssl makes the certificate");
    let said = String::from_utf8_lossy(&made.stderr).into_owned();
    assert!(made.status.success(), "{said}");
}

#[test]
fn links_speak_tls_with_those_whom_the_certificate_vouches_for() {
    if !nats_is_asked_for() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let network = Network::found(dir.path());
    vouching_certificate(dir.path());
    network.start_server_with("tls { cert_file: \"ca.pem\", key_file: \"key.pem\" }");
    for i in 0..NODES {
        // Node 3 does not know the certificate, and is not heard.
        if i < 3 {
            network.reconfigure(i, "events =", "ca = \"../../ca.pem\"\nevents =");
        }
        network.start(i);
    }
    for i in 0..3 {
        // It hears those who speak TLS.
        network.wait_for_health(i, |h| h["missing"] == json!(["validator-3"]));
    }
    let (status, body) = network.submit(1, 1, 30_000).unwrap();
    assert_eq!(status, 201, "{body}");
}
