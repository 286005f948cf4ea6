//! Deposits over nodes that are down, without a quorum, refusing or lying.

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use support::ledger::{committed, failed, forged, no_quorum, policy};
use support::*;

const DOWN: &str = "http://127.0.0.1:1";

#[test]
fn the_next_node_is_tried() {
    let desk = Desk::new();
    let lying = FakeNode::of_trial(|_| committed(b"another statement"));
    let slow = FakeNode::of_trial(|_| (202, "{}".into()));
    let good = FakeNode::of_trial(committed);
    let urls = format!("{DOWN},{},{} --url {}", lying.url, slow.url, good.url);
    desk.deposit(&urls, "").expect(0, &["deposited"]);
    let first = lying.statements.lock().unwrap()[0].clone();
    assert_eq!(
        good.statements.lock().unwrap()[0],
        first,
        "one statement goes to all"
    );
}

#[test]
fn without_a_quorum_the_same_statement_is_sent_again() {
    let desk = Desk::new();
    let quorum = Arc::new(AtomicBool::new(false));
    let present = quorum.clone();
    let node = FakeNode::of_trial(move |entry| match present.load(Ordering::SeqCst) {
        true => committed(entry),
        false => no_quorum(),
    });
    let waiting = desk.deposit(&node.url, "");
    let waiting = waiting.expect(
        3,
        &["NOT RECEIPTED YET", "v3, v4", "3 must be present", "again"],
    );
    assert!(desk.has("out/report.pdf.pending"), "{waiting:?}");
    let json = desk.deposit(&node.url, "--json").expect(3, &[]).json();
    assert_eq!(
        json["deposits"][0]["missing"],
        serde_json::json!(["v3", "v4"])
    );
    quorum.store(true, Ordering::SeqCst);
    desk.deposit(&node.url, "").expect(0, &["deposited"]);
    assert!(!desk.has("out/report.pdf.pending"));
    let sent = node.statements.lock().unwrap().clone();
    assert_eq!(sent.len(), 3);
    assert!(
        sent.iter().all(|entry| *entry == sent[0]),
        "one statement, however often sent"
    );
}

#[test]
fn an_unsent_statement_is_kept() {
    let desk = Desk::new();
    desk.deposit(DOWN, "")
        .expect(3, &["no node answered", "next"]);
    assert!(
        !desk.has("out/report.pdf.pending"),
        "no network, no statement"
    );
    desk.deposit(DOWN, "--network trial")
        .expect(3, &["NOT RECEIPTED YET"]);
    assert!(desk.has("out/report.pdf.pending"));
    let node = FakeNode::of_trial(committed);
    desk.deposit(&node.url, "").expect(0, &["deposited"]);
    assert!(!desk.has("out/report.pdf.pending"));
}

#[test]
fn a_refusal_is_told_and_not_kept() {
    let desk = Desk::new();
    let stranger = r#"{"detail":"key: expected a listed key, found another","next_step":"enrol"}"#;
    let node = FakeNode::of_trial(move |_| (403, stranger.into()));
    desk.deposit(&node.url, "")
        .expect(1, &["REFUSED", "expected a listed key", "enrol"]);
    assert!(!desk.has("out/report.pdf.pending"));
    // With a node that gave no answer it may have been admitted there.
    desk.deposit(&format!("{},{DOWN}", node.url), "")
        .expect(1, &["REFUSED"]);
    assert!(desk.has("out/report.pdf.pending"));
    assert!(!desk.has("out/report.pdf.tlog-proof"));
}

#[test]
fn admitted_without_a_wait_is_pending() {
    let desk = Desk::new();
    let node = FakeNode::of_trial(|_| (202, "{}".into()));
    desk.deposit(&node.url, "--wait 0").expect(3, &["admitted"]);
    assert_eq!(node.statements.lock().unwrap().len(), 1);
}

#[test]
fn wrong_arguments_send_nothing() {
    let desk = Desk::new();
    let node = FakeNode::of_trial(committed);
    for more in [
        "--namespace Public",
        "--declared-time yesterday",
        "--wait=-1",
        "--wait 3601",
        "--wait x",
        "--subject a --subject b",
        "missing-file",
        "--url https://host",
    ] {
        let ran = desk.deposit(&node.url, more).expect(2, &[]);
        assert!(!ran.err.is_empty());
    }
    std::fs::write(desk.path("me.pem"), "-----BEGIN RSA PRIVATE KEY-----").unwrap();
    desk.deposit(&node.url, "")
        .expect(2, &["Ed25519", "keygen"]);
    assert!(node.statements.lock().unwrap().is_empty());
    assert!(!desk.has("out/report.pdf.pending"));
}

#[test]
fn a_node_that_hangs_leaves_time_for_the_next() {
    let desk = Desk::new();
    let hanging = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", hanging.local_addr().unwrap());
    let good = FakeNode::of_trial(committed);
    let more = format!("--network trial --url {}", good.url);
    desk.deposit(&url, &more).expect(0, &["deposited"]);
}

#[test]
fn with_a_policy_a_forged_receipt_is_passed_over() {
    let desk = Desk::new();
    std::fs::write(desk.path("policy"), policy(false).text()).unwrap();
    let more = format!("--policy {}", desk.path("policy"));
    let (liar, good) = (FakeNode::of_trial(forged), FakeNode::of_trial(committed));
    desk.deposit(&liar.url, &more)
        .expect(3, &["unusable", "log signature"]);
    assert!(desk.has("out/report.pdf.pending"));
    let both = format!("{},{}", liar.url, good.url);
    desk.deposit(&both, &more).expect(0, &["(verified)"]);
    let unsuspecting = desk.deposit(&liar.url, "");
    unsuspecting.expect(0, &["not verified yet", "wutong verify"]);
}

#[test]
fn a_statement_without_effect_is_no_success() {
    let desk = Desk::new();
    std::fs::write(desk.path("policy"), policy(false).text()).unwrap();
    let node = FakeNode::of_trial(failed);
    let more = format!("--policy {}", desk.path("policy"));
    for more in ["", &more] {
        let ran = desk.deposit(&node.url, more);
        ran.expect(1, &["LOGGED WITHOUT EFFECT", "failed with code 7"]);
    }
}
