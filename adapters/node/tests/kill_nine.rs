//! `kill -9` of the whole devnet at random moments under load: nothing acknowledged is lost.

// The lint does not see that helpers of tests are tests.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod support;

use messages::ids::{Name, StatementId};
use messages::verify::verify_bytes;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use support::{Devnet, get, key, post_async, statement};

/// What clients were told.
#[derive(Default)]
struct Told {
    /// Ids that some node acknowledged, with the node that did.
    acknowledged: BTreeMap<String, usize>,
    /// Receipts handed out, by id.
    receipts: BTreeMap<String, BTreeSet<String>>,
}

/// Submits deposits to all nodes in turn until it is told to stop.
async fn load(
    devnet: (u16, Name),
    told: Arc<Mutex<Told>>,
    next: Arc<AtomicU64>,
    stop: Arc<AtomicU64>,
) {
    let (port, network) = devnet;
    let client = support::client();
    let key = key("kill-nine");
    while stop.load(Ordering::Relaxed) == 0 {
        let i = next.fetch_add(1, Ordering::Relaxed);
        let node = (i % 4) as usize;
        let statement = statement(&network, "public", &key, i);
        let wait_ms = [0, 2_000][(i / 4 % 2) as usize];
        let url = format!(
            "http://127.0.0.1:{}/v1/statements?wait_ms={wait_ms}",
            port + node as u16
        );
        let Some((status, body)) = post_async(&client, &url, statement.entry()).await else {
            tokio::time::sleep(Duration::from_millis(5)).await; // nobody listens: it was killed
            continue;
        };
        let id = statement.id().to_string();
        if matches!(status, 201 | 202 | 503) && body["id"] == id.as_str() {
            let mut told = told.lock().unwrap();
            told.acknowledged.insert(id.clone(), node);
            if let Some(receipt) = body["receipt"].as_str() {
                told.receipts
                    .entry(id)
                    .or_default()
                    .insert(receipt.to_owned());
            }
        }
    }
}

/// Every acknowledged statement has a receipt on its node in the end; gives the receipts.
fn read_back(devnet: &Devnet, told: &Told) -> BTreeMap<String, String> {
    let mut receipts = BTreeMap::new();
    for (id, node) in &told.acknowledged {
        let url = format!("{}/v1/statements/{id}/receipt", devnet.url(*node));
        let began = std::time::Instant::now();
        let receipt = loop {
            match get(&url) {
                Some((200, receipt)) => break receipt,
                other => {
                    assert!(
                        began.elapsed() < support::PATIENCE,
                        "{id} is lost: {other:?}"
                    );
                    std::thread::sleep(Duration::from_millis(50));
                }
            }
        };
        receipts.insert(id.clone(), receipt);
    }
    receipts
}

#[test]
fn nothing_acknowledged_is_lost() {
    let kills: u64 =
        std::env::var("WUTONG_KILLS").map_or(8, |text| text.parse().expect("WUTONG_KILLS"));
    let dir = tempfile::tempdir().unwrap();
    let mut devnet = Devnet::start(dir.path());
    let (network, policy) = (devnet.network(), devnet.policy());
    let told = Arc::new(Mutex::new(Told::default()));
    let next = Arc::new(AtomicU64::new(0));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    for kill in 0..kills {
        let stop = Arc::new(AtomicU64::new(0));
        let clients: Vec<_> = (0..16)
            .map(|_| {
                let target = (devnet.port, network.clone());
                runtime.spawn(load(target, told.clone(), next.clone(), stop.clone()))
            })
            .collect();
        // A different moment each time; the load goes on meanwhile.
        std::thread::sleep(Duration::from_millis(300 + kill * 377 % 900));
        devnet.kill();
        stop.store(1, Ordering::Relaxed);
        for client in clients {
            runtime.block_on(client).unwrap();
        }
        devnet.launch(&[]);
    }
    let told = told.lock().unwrap();
    assert!(
        told.acknowledged.len() as u64 > kills * 20,
        "the load was real"
    );
    let receipts = read_back(&devnet, &told);
    for (id, receipt) in receipts.iter().chain(
        told.receipts
            .iter()
            .flat_map(|(id, all)| all.iter().map(move |r| (id, r))),
    ) {
        let report = verify_bytes(receipt.as_bytes(), &policy, None);
        assert!(
            report.is_accepted(),
            "receipt of {id}: {:?}",
            report.failures().next()
        );
        let evidence = report.evidence.as_ref().unwrap();
        assert_eq!(evidence.id, StatementId::from_hex(id).unwrap());
    }
    let (height, _) = devnet.wait_for_agreement();
    committed_once(&devnet, height, &told);
    println!(
        "{kills} kills, {} acknowledged, {} receipts verified, height {height}",
        told.acknowledged.len(),
        receipts.len()
    );
}

/// Each statement stands in the ledger once, and every acknowledged one stands there.
fn committed_once(devnet: &Devnet, height: u64, told: &Told) {
    let mut seen = BTreeSet::new();
    for h in 1..=height {
        let (status, body) = get(&format!("{}/v1/blocks/{h}", devnet.url(0))).unwrap();
        assert_eq!(status, 200, "block {h}");
        let block: Value = serde_json::from_str(&body).unwrap();
        for statement in block["statements"].as_array().unwrap() {
            let id = statement["id"].as_str().unwrap().to_owned();
            assert!(seen.insert(id.clone()), "{id} stands twice");
        }
    }
    for id in told.acknowledged.keys() {
        assert!(
            seen.contains(id),
            "{id} was acknowledged and is not in the ledger"
        );
    }
}
