//! From two conflicting things that validators signed to a file that a stranger checks.

#![allow(clippy::unwrap_used)]

mod support;

use messages::blame::{Anchor, BlameFile};
use messages::cbor::Canonical;
use messages::consensus::{
    BlockId, CommitCertificate, ConsensusMessage, EquivocationProof, SignedVote, Vote, VoteKind,
};
use messages::hash::Hash;
use messages::ids::{Height, Name, Round};
use messages::ports::ConsensusSigner;
use messages::receipt::Receipt;
use support::ledger::{consensus_key, forked, founders_heads, genesis, grown, policy, receipt};
use support::*;

/// A folder with receipts of three logs, their checkpoints, and the anchors.
fn desk() -> Desk {
    let desk = Desk::new();
    let write = |name: &str, bytes: &[u8]| std::fs::write(desk.path(name), bytes).unwrap();
    let mine = receipt_of(&desk);
    for (name, receipt) in [
        ("mine", mine.clone()),
        ("forked", forked(&mine)),
        ("grown", grown(&mine, true)),
        ("honest", grown(&mine, false)),
    ] {
        write(&format!("{name}.tlog-proof"), receipt.encode().as_bytes());
        write(name, receipt.checkpoint.encode().as_bytes());
    }
    write("policy", policy(false).text().as_bytes());
    write("demo", policy(true).text().as_bytes());
    write("genesis", &genesis().to_bytes());
    desk
}

fn kept(desk: &Desk, name: &str) -> Receipt {
    let bytes = std::fs::read(desk.path(&format!("{name}.tlog-proof"))).unwrap();
    Receipt::parse_bytes(&bytes).unwrap()
}

fn receipt_of(desk: &Desk) -> Receipt {
    let node = FakeNode::of_trial(support::ledger::committed);
    desk.deposit(&node.url, "").expect(0, &["deposited"]);
    let entry = node.statements.lock().unwrap()[0].clone();
    receipt(&entry)
}

/// What a node answers at `/v1/proofs/inclusion`.
fn served_inclusion(receipt: &Receipt) -> String {
    let base64 = |hash: &Hash| messages::note::encode_base64(&hash.0);
    let head = receipt.tree_head().unwrap();
    let served = serde_json::json!({
        "index": receipt.index.0,
        "size": head.size.0,
        "leaf_hash": base64(&Hash::leaf(&receipt.extra.entry)),
        "root": base64(&head.root),
        "path": receipt.path.iter().map(base64).collect::<Vec<_>>(),
    });
    served.to_string()
}

fn vote(i: usize, round: u32, block: &str) -> SignedVote {
    let key = consensus_key(i);
    let vote = Vote {
        network: Name::try_new("trial").unwrap(),
        height: Height(7),
        round: Round(round),
        kind: VoteKind::Precommit,
        block: Some(BlockId(Hash::of(block.as_bytes()))),
        validator: key.public(),
    };
    SignedVote {
        signature: key.sign_vote(&vote),
        vote,
    }
}

fn certificate(round: u32, block: &str, signers: &[usize]) -> Vec<u8> {
    let votes = signers.iter().map(|i| vote(*i, round, block));
    let mut signatures: Vec<_> = votes.map(|v| (v.vote.validator, v.signature)).collect();
    signatures.sort_unstable();
    let certificate = CommitCertificate {
        height: Height(7),
        round: Round(round),
        block: BlockId(Hash::of(block.as_bytes())),
        signatures,
    };
    certificate.to_bytes()
}

fn blame(desk: &Desk, files: &str, more: &str) -> Ran {
    let files = files.split(' ').map(|name| desk.path(name));
    let files = files.collect::<Vec<_>>().join(" ");
    wutong(&format!("blame {files} {more}"))
}

fn by_policy(desk: &Desk) -> String {
    format!("--policy {}", desk.path("policy"))
}

fn by_genesis(desk: &Desk) -> String {
    format!("--genesis {}", desk.path("genesis"))
}

#[test]
fn two_heads_of_one_size_convict_who_signed_both_in_a_file_that_checks() {
    let desk = desk();
    let out = format!("{} --out {}", by_policy(&desk), desk.path("blame.json"));
    let ran = blame(&desk, "mine forked", &out).expect(
        0,
        &[
            "size 4 with different roots",
            "Second Court (v2, cosigner key)",
            "Third Bank (v3, cosigner key)",
            "not convicted    First Notary (v1, cosigner key)",
            "not convicted    Fourth Lab (v4, cosigner key)",
            "(log key)",
            "written to",
        ],
    );
    assert_eq!(ran.out.lines().next(), Some("CONVICTED"));
    assert_eq!(ran.out.matches("  convicted ").count(), 3);
    let check = format!("blame --check {}", desk.path("blame.json"));
    let checked = wutong(&format!("{check} {}", by_policy(&desk)));
    let checked = checked.expect(0, &["Second Court (v2, cosigner key)"]);
    assert_eq!(checked.out, ran.out, "the checker finds the same");
    // The library's checker, without the command.
    let bytes = std::fs::read(desk.path("blame.json")).unwrap();
    let report = BlameFile::check(&bytes, &Anchor::of_policy(policy(false))).unwrap();
    let names: Vec<_> = report
        .convicted
        .iter()
        .map(|c| c.holder.name.as_str())
        .collect();
    assert_eq!(names[..2], ["v2", "v3"]);
    // The same command again finds the file it wrote; another conviction does not replace it.
    blame(&desk, "forked mine.tlog-proof", &out).expect(0, &["written to"]);
    blame(&desk, "mine.tlog-proof grown.tlog-proof", &out).expect(1, &["another file is there"]);
}

#[test]
fn receipts_of_one_place_convict_across_sizes_and_honest_growth_does_not() {
    let desk = desk();
    let policy = by_policy(&desk);
    let ran = blame(&desk, "mine.tlog-proof grown.tlog-proof", &policy);
    ran.expect(
        0,
        &[
            "sizes 4 and 6 whose trees differ at entry 2",
            "(v2, cosigner key)",
        ],
    );
    blame(&desk, "mine.tlog-proof honest.tlog-proof", &policy).expect(
        1,
        &["NOT PROVEN", "agree in every place", "Compare the places"],
    );
    blame(&desk, "mine grown", &policy).expect(
        1,
        &[
            "a log that grew looks the same",
            "A consistency proof that fails",
        ],
    );
    blame(&desk, "mine mine.tlog-proof", &policy).expect(1, &["the same tree head"]);
    // A proof that a node serves stands for a receipt.
    let served = served_inclusion(&kept(&desk, "grown"));
    std::fs::write(desk.path("served"), served).unwrap();
    let with_proof = format!("{policy} --proof {}", desk.path("served"));
    blame(&desk, "mine.tlog-proof grown", &with_proof).expect(0, &["differ at entry 2"]);
    blame(&desk, "mine.tlog-proof honest", &with_proof).expect(1, &["of neither tree head"]);
    // Neither the document's entry nor its salt is in the file.
    let out = format!("{policy} --out {}", desk.path("blame.json"));
    blame(&desk, "mine.tlog-proof grown.tlog-proof", &out).expect(0, &[]);
    let text = std::fs::read_to_string(desk.path("blame.json")).unwrap();
    let entry = messages::note::encode_base64(&kept(&desk, "mine").extra.entry);
    assert!(!text.contains(&entry[..60]));
}

#[test]
fn votes_are_judged_by_the_genesis_document() {
    let desk = desk();
    let write = |name: &str, bytes: &[u8]| std::fs::write(desk.path(name), bytes).unwrap();
    let message = |i, block| ConsensusMessage::Vote(vote(i, 0, block)).to_bytes();
    write("a", &message(1, "a"));
    write("b", &message(1, "b"));
    write("c", &message(2, "b"));
    let genesis = by_genesis(&desk);
    let out = format!("{genesis} --out {}", desk.path("blame.json"));
    blame(&desk, "a b", &out).expect(
        0,
        &["Second Court (v2, consensus key)", "precommit of block"],
    );
    let check = format!("blame --check {}", desk.path("blame.json"));
    wutong(&format!("{check} {genesis}")).expect(0, &["Second Court (v2, consensus key)"]);
    wutong(&format!("{check} {}", by_policy(&desk))).expect(1, &["REFUSED", "--genesis FILE"]);
    blame(&desk, "a b", &by_policy(&desk)).expect(1, &["a policy does not list", "/v1/entries/0"]);
    blame(&desk, "a c", &genesis).expect(1, &["no validator signed two different"]);
    blame(&desk, "a mine", &genesis).expect(1, &["about different things"]);
    write(
        "proof",
        &EquivocationProof::Votes(vote(3, 2, "a"), vote(3, 2, "b")).to_bytes(),
    );
    blame(&desk, "proof", &genesis).expect(0, &["Fourth Lab (v4, consensus key)"]);
    write("one", &certificate(0, "a", &[0, 1, 2]));
    write("two", &certificate(0, "b", &[1, 2, 3]));
    write("later", &certificate(4, "b", &[1, 2, 3]));
    let json = blame(&desk, "one two", &format!("{genesis} --json"))
        .expect(0, &[])
        .json();
    assert_eq!(json["convicted"].as_array().unwrap().len(), 2);
    assert_eq!(json["not_convicted"][0]["name"], "v1");
    blame(&desk, "one later", &genesis).expect(
        1,
        &[
            "NOT PROVEN",
            "rounds 0 and 4",
            "who cannot show a quorum of prevotes",
        ],
    );
}

#[test]
fn a_genesis_document_judges_heads_and_names_the_holder_of_a_log_key() {
    let desk = desk();
    for (name, head) in ["one", "two"].iter().zip(founders_heads()) {
        std::fs::write(desk.path(name), head).unwrap();
    }
    let more = format!("{} --json", by_genesis(&desk));
    let ran = blame(&desk, "one two", &more);
    let json = ran.expect(0, &[]).json();
    assert_eq!(json["verdict"], "CONVICTED");
    assert_eq!(json["conflict"], "heads-of-one-size");
    let log = &json["convicted"][2];
    assert_eq!(
        (&log["role"], &log["held_by"]["name"]),
        (&"log".into(), &"v1".into())
    );
    let demo = format!("--policy {}", desk.path("demo"));
    let ran = blame(&desk, "mine forked", &demo).expect(0, &["One party holds all keys"]);
    assert_eq!(ran.out.lines().next(), Some("CONVICTED (DEMONSTRATION)"));
}

#[test]
fn an_altered_file_is_refused_with_the_line() {
    let desk = desk();
    let out = format!("{} --out {}", by_policy(&desk), desk.path("blame.json"));
    blame(&desk, "mine forked", &out).expect(0, &[]);
    let good = std::fs::read_to_string(desk.path("blame.json")).unwrap();
    let check = |text: &str, more: &str| {
        std::fs::write(desk.path("altered"), text).unwrap();
        let (file, policy) = (desk.path("altered"), by_policy(&desk));
        wutong(&format!("blame --check {file} {policy} {more}"))
    };
    check(&good, "").expect(0, &["CONVICTED"]);
    let framed = good.replace(
        "\"organisation\": \"Second Court\"",
        "\"organisation\": \"First Notary\"",
    );
    let refused = check(&framed, "").expect(1, &["Second Court", "First Notary", "was altered"]);
    assert!(refused.err.contains(": line "), "{refused:?}");
    let json = check(&framed, "--json").expect(1, &[]).json();
    assert_eq!(
        (&json["verdict"], &json["proven"]),
        (&"REFUSED".into(), &false.into())
    );
    check(&good[..good.len() / 2], "").expect(1, &["blame file: EOF"]);
    check("{}", "").expect(1, &["format"]);
    let (file, demo) = (desk.path("blame.json"), desk.path("demo"));
    wutong(&format!("blame --check {file} --policy {demo}"))
        .expect(1, &["anchor: the file was made under policy", "--out NEW"]);
    // What was signed is judged anew under another anchor.
    wutong(&format!("blame {file} --policy {demo}")).expect(0, &["(v2, cosigner key)"]);
}

#[test]
fn wrong_use_is_2_and_anchors_are_pinned() {
    let desk = desk();
    let policy = by_policy(&desk);
    blame(&desk, "mine forked", "").expect(2, &["--policy"]);
    wutong(&format!("blame {policy}")).expect(2, &["<A>"]);
    blame(
        &desk,
        "mine forked",
        &format!("{policy} {}", by_genesis(&desk)),
    )
    .expect(2, &["--genesis"]);
    blame(&desk, "mine forked", &format!("{policy} --check x")).expect(2, &["--check"]);
    blame(&desk, "mine report.pdf", &policy)
        .expect(2, &["report.pdf: expected a checkpoint", "show block"]);
    blame(&desk, "mine none", &policy).expect(2, &["cannot read the file"]);
    let genesis = format!("--genesis {}", desk.path("policy"));
    blame(&desk, "mine forked", &genesis).expect(2, &["--genesis", "/v1/entries/0"]);
    blame(&desk, "mine", &policy).expect(1, &["expected two tree heads"]);
    let pinned = policy_print();
    blame(
        &desk,
        "mine forked",
        &format!("{policy} --fingerprint {pinned}"),
    )
    .expect(0, &[&pinned]);
    let leaf = genesis_print();
    let genesis = by_genesis(&desk);
    blame(
        &desk,
        "mine forked",
        &format!("{genesis} --fingerprint {leaf}"),
    )
    .expect(0, &["log key", "does not list the key"]);
    blame(
        &desk,
        "mine forked",
        &format!("{genesis} --fingerprint {pinned}"),
    )
    .expect(1, &["genesis document with fingerprint", &leaf]);
    blame(
        &desk,
        "mine grown",
        &format!("{policy} --out {}", desk.path("x")),
    )
    .expect(1, &["no file was written"]);
    assert!(!desk.has("x"));
    wutong("blame --help").expect(0, &["wutong blame --check blame.json", "Exit codes"]);
}

fn policy_print() -> String {
    policy(false).fingerprint().to_string()
}

fn genesis_print() -> String {
    genesis().leaf_hash().to_string()
}
