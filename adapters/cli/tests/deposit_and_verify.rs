//! From a key to a verified receipt, and what is refused on the way.

#![allow(clippy::unwrap_used)]

mod support;

use support::ledger::{committed, policy, receipt};
use support::*;

/// A desk with a receipted document and the policies `real` and `demo`.
fn receipted(more: &str) -> (Desk, FakeNode) {
    let desk = Desk::new();
    let node = FakeNode::of_trial(committed);
    desk.deposit(&node.url, more)
        .expect(0, &["deposited", "report.pdf.tlog-proof", "block"]);
    std::fs::write(desk.path("real"), policy(false).text()).unwrap();
    std::fs::write(desk.path("demo"), policy(true).text()).unwrap();
    (desk, node)
}

fn verify(desk: &Desk, more: &str) -> Ran {
    let (file, out) = (desk.path("report.pdf"), desk.path("out"));
    wutong(&format!(
        "verify {file} --receipt {out}/report.pdf.tlog-proof {more}"
    ))
}

#[test]
fn a_deposit_verifies_with_organisations_first() {
    let (desk, _node) = receipted("");
    assert!(!desk.has("out/report.pdf.pending"));
    let ran = verify(&desk, &format!("--policy {}", desk.path("real")));
    let ran = ran.expect(
        0,
        &[
            "First Notary (v1, key id",
            "existed before",
            "2023-11-14T22:13:21Z",
        ],
    );
    assert_eq!(ran.out.lines().next(), Some("VERIFIED"));
    let ran = verify(&desk, &format!("--policy {}", desk.path("demo")));
    assert_eq!(ran.out.lines().next(), Some("VERIFIED (DEMONSTRATION)"));
    assert_eq!(ran.code, 0);
    let json = verify(&desk, &format!("--policy {} --json", desk.path("real"))).json();
    assert_eq!(json["verdict"], "VERIFIED");
    assert_eq!(json["evidence"]["height"], 1);
    assert_eq!(json["evidence"]["signers"][2]["organisation"], "Third Bank");
}

#[test]
fn refusals_say_what_was_expected_and_found() {
    let (desk, _node) = receipted("");
    let real = format!("--policy {}", desk.path("real"));
    let print = policy(false).fingerprint().to_string();
    verify(&desk, &format!("{real} --fingerprint {print}")).expect(0, &[&print]);
    let other = "0".repeat(64);
    let refused = verify(&desk, &format!("{real} --fingerprint {other}"));
    let refused = refused.expect(1, &["trust anchor", &print, &other, "next"]);
    assert_eq!(refused.out.lines().next(), Some("REFUSED"));
    std::fs::write(desk.path("report.pdf"), b"another document").unwrap();
    verify(&desk, &real).expect(
        1,
        &["failed check", "document", "expected", "found", "next"],
    );
    let json = verify(&desk, &format!("{real} --json"))
        .expect(1, &[])
        .json();
    assert_eq!(json["failed"][0]["check"], "document");
}

#[test]
fn a_receipt_cut_or_altered_is_refused() {
    let (desk, _node) = receipted("");
    let path = desk.path("out/report.pdf.tlog-proof");
    let whole = std::fs::read(&path).unwrap();
    let real = format!("--policy {}", desk.path("real"));
    for cut in (0..whole.len()).step_by(97) {
        std::fs::write(&path, &whole[..cut]).unwrap();
        verify(&desk, &real).expect(1, &["REFUSED", "next"]);
        let mut altered = whole.clone();
        altered[cut] ^= 1;
        std::fs::write(&path, altered).unwrap();
        verify(&desk, &real).expect(1, &["REFUSED", "next"]);
    }
    std::fs::write(&path, vec![b'x'; 1 << 20]).unwrap();
    verify(&desk, &real).expect(1, &["REFUSED"]);
}

#[test]
fn wrong_use_is_2() {
    let (desk, _node) = receipted("");
    verify(&desk, "").expect(2, &["--policy"]);
    verify(&desk, &format!("--policy {}", desk.path("none")))
        .expect(2, &["cannot read the policy"]);
    let text = policy(false).text();
    let without_quorum = text.rsplit_once("quorum").unwrap().0;
    std::fs::write(desk.path("bad"), without_quorum).unwrap();
    verify(&desk, &format!("--policy {}", desk.path("bad"))).expect(2, &["quorum"]);
    let lone = wutong(&format!("verify {} --policy x", desk.path("report.pdf")));
    lone.expect(2, &["x"]);
}

#[test]
fn the_salt_never_leaves_and_the_receipt_keeps_it() {
    let (desk, node) = receipted("");
    let sent = node.statements.lock().unwrap()[0].clone();
    let text = std::fs::read_to_string(desk.path("out/report.pdf.tlog-proof")).unwrap();
    let kept = messages::receipt::Receipt::parse(&text).unwrap();
    let salt = kept.extra.salt.unwrap();
    assert!(!sent.windows(32).any(|window| window == salt));
    let digest = messages::hash::Hash::of(b"the document").0;
    assert!(!sent.windows(32).any(|window| window == digest));
    assert_eq!(kept, receipt(&sent).with_salt(salt));
}

#[test]
fn plain_deposits_log_the_digest_and_have_no_salt() {
    let (desk, node) = receipted("--plain --issuer urn:example --declared-time none");
    let sent = node.statements.lock().unwrap()[0].clone();
    let digest = messages::hash::Hash::of(b"the document").0;
    assert!(sent.windows(32).any(|window| window == digest));
    verify(&desk, &format!("--policy {}", desk.path("real")))
        .expect(0, &["\"urn:example\" in its own words"]);
    let shown = wutong(&format!(
        "show receipt {}",
        desk.path("out/report.pdf.tlog-proof")
    ));
    shown.expect(0, &["NOT VERIFIED", "digest", "v3.trial.example"]);
}

#[test]
fn an_earlier_receipt_is_never_replaced() {
    let (desk, node) = receipted("");
    let first = std::fs::read(desk.path("out/report.pdf.tlog-proof")).unwrap();
    desk.deposit(&node.url, "")
        .expect(0, &["report.pdf-2.tlog-proof"]);
    assert_eq!(
        std::fs::read(desk.path("out/report.pdf.tlog-proof")).unwrap(),
        first
    );
    wutong(&format!("keygen --out {}", desk.path("me.pem"))).expect(2, &["existing"]);
}
