//! The committed receipts of `tests/corpus`: good ones stay good, bad ones are refused by the
//! check that their file names. Set `UPDATE_CORPUS=1` to write the files again.
#![allow(clippy::unwrap_used)]

mod support;

use messages::checkpoint::{cosign, sign_log};
use messages::hash::Hash;
use messages::ids::LeafIndex;
use messages::outcome::OutcomeCode;
use messages::policy::Policy;
use messages::receipt::Receipt;
use messages::statement::Lodged;
use messages::verify::{DocumentDigest, Verdict, verify_bytes};
use std::fs;
use std::path::{Path, PathBuf};
use support::key;
use support::network::*;

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus")
}

/// A good receipt, spoilt.
fn spoilt(spoil: impl FnOnce(&mut Receipt)) -> Vec<u8> {
    let mut receipt = Issue::standard().receipt(&Network::of(4));
    spoil(&mut receipt);
    receipt.encode().into_bytes()
}

fn issued(issue: Issue) -> Vec<u8> {
    issue.receipt(&Network::of(4)).encode().into_bytes()
}

/// File names after the check that refuses, a double dash, and what was done.
fn refused() -> Vec<(&'static str, Vec<u8>)> {
    [
        refused_by_form(),
        refused_by_contents(),
        refused_by_signatures(),
        refused_by_block(),
        refused_by_form_of_deposit(),
        refused_by_chain(),
    ]
    .concat()
}

fn refused_by_form() -> Vec<(&'static str, Vec<u8>)> {
    let good = Issue::standard().receipt(&Network::of(4)).encode();
    let no_extra = good
        .split_inclusive('\n')
        .filter(|line| !line.starts_with("extra"));
    let log = &Network::of(4).logs[1];
    vec![
        ("receipt-form--empty-file", vec![]),
        ("receipt-form--tail-newline", format!("{good}\n").into()),
        ("receipt-form--cut", good.as_bytes()[..700].to_vec()),
        (
            "receipt-form--carriage-returns",
            good.replace('\n', "\r\n").into(),
        ),
        (
            "receipt-form--index-leading-zero",
            good.replace("index 4", "index 04").into(),
        ),
        (
            "receipt-form--no-extra",
            no_extra.collect::<String>().into(),
        ),
        (
            "receipt-form--second-log-line",
            spoilt(|r| {
                r.checkpoint
                    .signatures
                    .push(sign_log(log, ORIGIN, &r.checkpoint.text))
            }),
        ),
    ]
}

fn refused_by_contents() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        (
            "statement-form--tail-byte",
            spoilt(|r| r.extra.entry.push(0)),
        ),
        (
            "statement-form--no-entry",
            spoilt(|r| r.extra.entry.clear()),
        ),
        (
            "depositor-signature--bit",
            spoilt(|r| *r.extra.entry.last_mut().unwrap() ^= 1),
        ),
        (
            "document--another-salt",
            spoilt(|r| r.extra.salt = Some([1; 32])),
        ),
        ("document--no-salt", spoilt(|r| r.extra.salt = None)),
        (
            "inclusion-in-the-log--index",
            spoilt(|r| r.index = LeafIndex(3)),
        ),
        (
            "inclusion-in-the-log--path",
            spoilt(|r| r.path[0].0[0] ^= 1),
        ),
    ]
}

fn refused_by_signatures() -> Vec<(&'static str, Vec<u8>)> {
    let stranger = key("stranger");
    let log = |r: &Receipt| sign_log(&stranger, ORIGIN, &r.checkpoint.text);
    let cosigner = |r: &Receipt| cosign(&stranger, "stranger.example", TIME_S, &r.checkpoint.text);
    let signed_by = |signers: &[usize]| Issue {
        signers: signers.to_vec(),
        ..Issue::standard()
    };
    vec![
        (
            "log-signature--stranger",
            spoilt(|r| r.checkpoint.signatures[0] = log(r)),
        ),
        (
            "log-signature--bit",
            spoilt(|r| r.checkpoint.signatures[0].bytes[0] ^= 1),
        ),
        (
            "cosignatures--bit",
            spoilt(|r| r.checkpoint.signatures[2].bytes[70] ^= 1),
        ),
        (
            "cosignatures--time",
            spoilt(|r| r.checkpoint.signatures[2].bytes[7] -= 1),
        ),
        (
            "cosignatures--stranger",
            spoilt(|r| r.checkpoint.signatures.push(cosigner(r))),
        ),
        ("quorum--two-of-four", issued(signed_by(&[0, 1]))),
        ("quorum--one-twice", issued(signed_by(&[0, 1, 1]))),
    ]
}

fn refused_by_form_of_deposit() -> Vec<(&'static str, Vec<u8>)> {
    let with = |spoil: fn(&mut Issue), mut issue: Issue| {
        spoil(&mut issue);
        issued(issue)
    };
    let content = || Issue::of(Lodged::Content(DOCUMENT.to_vec()));
    let member = Issue::member;
    vec![
        (
            "document--another-content",
            issued(Issue::of(Lodged::Content(b"another".to_vec()))),
        ),
        (
            "document--salt-of-content",
            with(|i| i.salt = Some(SALT), content()),
        ),
        (
            "document--batch-proof-of-content",
            with(|i| i.batch = Issue::member().batch, content()),
        ),
        (
            "document--batch-itself",
            with(|i| (i.batch, i.salt) = (None, None), member()),
        ),
        (
            "document--salt-of-batch-itself",
            with(|i| i.batch = None, member()),
        ),
        (
            "document--member-without-salt",
            with(|i| i.salt = None, member()),
        ),
        (
            "document--another-member",
            with(|i| i.batch.as_mut().unwrap().index = 4, member()),
        ),
        (
            "document--path-of-member",
            with(|i| i.batch.as_mut().unwrap().path[1].0[9] ^= 1, member()),
        ),
    ]
}

fn refused_by_chain() -> Vec<(&'static str, Vec<u8>)> {
    let (first, later, stranger) = (Network::of(4), Network::later(4), Network::of(7));
    let link = |spoil: &dyn Fn(&mut messages::receipt::PolicyLink)| {
        let mut link = later.link(1, &first);
        spoil(&mut link);
        let issue = Issue {
            chain: vec![link],
            ..Issue::standard()
        };
        issue.receipt(&later).encode().into_bytes()
    };
    vec![
        (
            "policy-chain--signed-by-itself",
            chained(&[(&later, &later)]),
        ),
        ("policy-chain--signed-by-strangers", {
            chained(&[(&stranger, &later), (&later, &first)])
        }),
        ("policy-chain--path", link(&|l| l.path[0].0[0] ^= 1)),
        ("policy-chain--index", link(&|l| l.index = LeafIndex(0))),
        ("policy-chain--entry", link(&|l| l.entry[40] ^= 1)),
        (
            "policy-chain--checkpoint",
            link(&|l| l.checkpoint = l.checkpoint.replace("\n3\n", "\n4\n")),
        ),
        ("log-signature--of-a-later-epoch", issued_by(&later)),
    ]
}

fn issued_by(network: &Network) -> Vec<u8> {
    Issue::standard().receipt(network).encode().into_bytes()
}

fn refused_by_block() -> Vec<(&'static str, Vec<u8>)> {
    let elsewhere = Issue {
        seal_network: "other".into(),
        ..Issue::standard()
    };
    vec![
        (
            "seal-form--tail-byte",
            spoilt(|r| r.extra.seal.bytes.push(0)),
        ),
        (
            "seal-in-the-log--index",
            spoilt(|r| r.extra.seal.index = LeafIndex(5)),
        ),
        ("seal-of-this-entry--network", issued(elsewhere)),
        ("outcome--count", spoilt(|r| r.extra.outcome.count = 4)),
        ("outcome--index", spoilt(|r| r.extra.outcome.index = 0)),
        ("outcome--code", spoilt(|r| r.extra.outcome.bytes[35] = 1)),
        (
            "success--failed",
            issued(Issue {
                code: OutcomeCode(3),
                ..Issue::standard()
            }),
        ),
    ]
}

fn accepted() -> Vec<(&'static str, Vec<u8>)> {
    let network = Network::of(4);
    let of = |issue: Issue| issue.receipt(&network).encode().into_bytes();
    vec![
        ("commitment", of(Issue::standard())),
        ("digest", of(Issue::plain())),
        ("zip-215-only", of(Issue::zip215_only())),
        ("batch-member", of(Issue::member())),
        ("content", of(Issue::of(Lodged::Content(DOCUMENT.to_vec())))),
        ("body", of(Issue::of(body()))),
        ("chain-forward", chained(&[(&Network::later(4), &network)])),
        (
            "all-validators",
            of(Issue {
                signers: vec![0, 1, 2, 3],
                ..Issue::standard()
            }),
        ),
    ]
}

fn body() -> Lodged {
    Lodged::Body {
        digest: Hash::of(DOCUMENT),
        size: DOCUMENT.len() as u64,
    }
}

/// The standard receipt under the policy that the last link binds; each link is a policy and who
/// signed it.
fn chained(links: &[(&Network, &Network)]) -> Vec<u8> {
    let (last, _) = links.last().unwrap();
    let chain = links.iter().zip(1..);
    let issue = Issue {
        chain: chain.map(|((p, by), epoch)| p.link(epoch, by)).collect(),
        ..Issue::standard()
    };
    issue.receipt(last).encode().into_bytes()
}

/// The files as generated equal the files as committed.
fn compare(path: PathBuf, bytes: &[u8]) {
    if std::env::var_os("UPDATE_CORPUS").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
    }
    let committed = fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    assert_eq!(committed, bytes, "{} drifted", path.display());
}

#[test]
fn the_corpus_is_judged_as_its_names_say() {
    compare(
        corpus().join("policy.txt"),
        Network::of(4).policy().text().as_bytes(),
    );
    compare(corpus().join("document.txt"), DOCUMENT);
    for (name, bytes) in accepted() {
        compare(
            corpus().join("accepted").join(format!("{name}.tlog-proof")),
            &bytes,
        );
    }
    for (name, bytes) in refused() {
        compare(
            corpus().join("refused").join(format!("{name}.tlog-proof")),
            &bytes,
        );
    }
    let (first, later) = (Network::of(4), Network::later(4));
    compare(
        corpus().join("later-policy.txt"),
        later.policy().text().as_bytes(),
    );
    let backward = chained(&[(&first, &later)]);
    compare(corpus().join("later/chain-backward.tlog-proof"), &backward);
    let report = verify_bytes(&backward, &later.policy(), Some(&document()));
    assert!(report.is_accepted(), "{report:#?}");
    let policy = fs::read_to_string(corpus().join("policy.txt")).unwrap();
    let policy = Policy::parse(&policy).unwrap();
    let lodged = DocumentDigest::sha256(&fs::read(corpus().join("document.txt")).unwrap());
    for (folder, good) in [("accepted", true), ("refused", false)] {
        let mut files = 0;
        for file in fs::read_dir(corpus().join(folder)).unwrap() {
            let path = file.unwrap().path();
            let report = verify_bytes(&fs::read(&path).unwrap(), &policy, Some(&lodged));
            assert_eq!(
                report.is_accepted(),
                good,
                "{}: {report:#?}",
                path.display()
            );
            files += 1;
            if !good {
                let stem = path.file_stem().unwrap().to_str().unwrap();
                let check = stem.split("--").next().unwrap().replace('-', " ");
                let named = report
                    .findings
                    .iter()
                    .any(|f| f.verdict == Verdict::Failed && f.check.name() == check);
                assert!(
                    named,
                    "{stem}: {:#?}",
                    report.failures().collect::<Vec<_>>()
                );
            }
        }
        assert_eq!(
            files,
            if good {
                accepted().len()
            } else {
                refused().len()
            }
        );
    }
}
