//! Deposits over NATS with the stock client, and reads events through a durable consumer.
//!
//! ```text
//! cargo run --release -p adapters-nats --example deposit -- NETWORK POLICY_FILE POSITION_FILE
//! ```
//!
//! Addresses and passwords come from the environment: NATS_URL, NATS_PASSWORD (of
//! user `client`) and NATS_EVENTS_PASSWORD (of user `events-public`); `wutong init` writes them
//! into nats.conf. The position file says where the last run stopped reading.

// An example talks to a person.
#![allow(clippy::print_stdout)]

use adapters_client::{Content, Depositor, Signed};
use adapters_nats::{EventReader, Identity, ReaderOptions, ReaderPosition, Server};
use async_nats::{Client, ConnectOptions, HeaderMap, Message};
use messages::ids::{Name, StatementId};
use messages::keys::PrivateKey;
use messages::policy::Policy;
use messages::receipt::Receipt;
use messages::verify::{DocumentDigest, verify};
use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// Asks a node; any of them answers. A refusal is told by the headers of the NATS service protocol,
/// its body says why.
async fn ask(nc: &Client, network: &Name, verb: &str, payload: Vec<u8>) -> Outcome<Message> {
    let mut headers = HeaderMap::new();
    headers.insert("Wutong-Wait-Ms", "30000");
    let subject = format!("wutong.{network}.v1.tx.{verb}");
    let answer = nc.request_with_headers(subject, headers, payload.into());
    let answer = answer.await?;
    let headers = answer.headers.as_ref();
    if headers.is_some_and(|h| h.get("Nats-Service-Error-Code").is_some()) {
        let problem: Value = serde_json::from_slice(&answer.payload)?;
        let (status, code) = (&problem["status"], &problem["code"]);
        let (detail, next) = (&problem["detail"], &problem["next_step"]);
        return Err(format!("{status} {}: {detail}; next: {next}", text(code)).into());
    }
    Ok(answer)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

async fn deposit(nc: &Client, network: &Name, policy: &Policy) -> Outcome<StatementId> {
    let (mut document, mut seed) = ([0; 32], [0; 32]);
    getrandom::fill(&mut document)?;
    getrandom::fill(&mut seed)?;
    let key = PrivateKey::from_seed(&seed);
    let content = Content::commitment_to(&document)?;
    let value = content.lodged.value();
    let signed: Signed = Depositor::new(key, network.clone()).sign(content)?;
    // Keep entry and salt before you send: sent twice, it commits once.
    let (entry, id) = (signed.statement.entry(), signed.statement.id());
    let answer = ask(nc, network, "submit", entry).await?;
    let mut standing: Value = serde_json::from_slice(&answer.payload)?;
    while standing["status"] == "pending" {
        tokio::time::sleep(Duration::from_millis(500)).await;
        let answer = ask(nc, network, "status", id.to_string().into()).await?;
        standing = serde_json::from_slice(&answer.payload)?;
    }
    let (index, height) = (&standing["index"], &standing["height"]);
    println!(
        "{}: entry {index} in block {height}",
        text(&standing["status"])
    );
    let answer = ask(nc, network, "receipt", id.to_string().into()).await?;
    let receipt = signed.complete(Receipt::parse_bytes(&answer.payload)?);
    let report = verify(&receipt, policy, Some(&DocumentDigest::sha256(&document)));
    println!("receipt: accepted {}", report.is_accepted());
    let wanted = json!({ "value": value.to_string() }).to_string();
    let answer = ask(nc, network, "lookup", wanted.into()).await?;
    let found: Value = serde_json::from_slice(&answer.payload)?;
    let same = found["statements"][0]["id"] == id.to_string();
    let count = found["statements"].as_array().map_or(0, Vec::len);
    println!("lookup: {count} found, the same: {same}");
    if let Err(refusal) = ask(nc, network, "submit", b"no statement".into()).await {
        let refusal = refusal.to_string();
        println!("refused: {}", refusal.split(':').next().unwrap_or_default());
    }
    Ok(id)
}

/// Reads on from what was saved until the deposit is seen.
async fn read(options: ReaderOptions, file: &Path, lodged: StatementId) -> Outcome<()> {
    let first = options.from.chain.ordinal() + 1;
    let mut reader = EventReader::connect(options).await?;
    loop {
        let event = reader.next().await?;
        let is_ours = event.id == lodged;
        // Keep what you make of the event together with the position that comes now.
        let position = reader.taken().await?;
        std::fs::write(file, position.to_json())?;
        if is_ours {
            let last = position.chain.ordinal();
            println!("events: {first} to {last}, receipts verified");
            return Ok(());
        }
    }
}

#[tokio::main]
async fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [network, policy, file] = arguments.as_slice() else {
        return Err("expected NETWORK POLICY_FILE POSITION_FILE".into());
    };
    let (network, namespace) = (Name::try_new(network)?, Name::try_new("public")?);
    let policy = Policy::parse(&std::fs::read_to_string(policy)?)?;
    let (url, file) = (std::env::var("NATS_URL")?, Path::new(file));
    let password = std::env::var("NATS_PASSWORD")?;
    // Each user is answered on subjects of its own, which no other user hears.
    let nc = ConnectOptions::with_user_and_password("client".into(), password)
        .custom_inbox_prefix("_INBOX.client")
        .request_timeout(Some(Duration::from_secs(40)))
        .connect(&url)
        .await?;
    let lodged = deposit(&nc, &network, &policy).await?;
    let user = format!("events-{namespace}");
    let from = match std::fs::read_to_string(file) {
        Ok(saved) => ReaderPosition::from_json(&saved)?,
        Err(_) => ReaderPosition::new(network, Some(namespace)),
    };
    let options = ReaderOptions {
        server: Server {
            identity: Identity::User {
                name: user.clone(),
                password: std::env::var("NATS_EVENTS_PASSWORD")?,
            },
            inbox: Some(format!("_INBOX.{user}")),
            ..Server::open(&url)
        },
        durable: user,
        from,
        policy: Some(policy),
    };
    read(options, file, lodged).await
}
