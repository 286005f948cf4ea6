//! Software that we did not write judges what a network hands out: COSE receipts and transparent
//! statements, tlog-proofs with checkpoint and cosignatures, Merkle paths, statement signatures.
//! Each judge must accept the genuine, and refuse every altered copy that it can see.
//!
//! Runs when the environment variable `WUTONG_LIVE` names `interop`. `WUTONG_INTEROP_TOOLS` names
//! the folder that holds the judges then (docs/interop.md); what is missing there fails the suite.

// The lints do not see that helpers of tests are tests.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod support;

use messages::cose_receipt::{HeadSignature, InclusionReceipt};
use messages::ids::{LeafIndex, TreeSize};
use messages::policy_chain;
use messages::receipt::{PolicyLink, Receipt};
use messages::statement::cose_key_id;
use messages::transparent::TransparentStatement;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;
use support::{Devnet, WUTONG, get, key, post, statement};

/// Where the scripts stand.
const SCRIPTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/interop");
/// The page whose script is run as it is written there.
const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/check-a-receipt.md");

/// Programs that judge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Judge {
    /// scitt-cose and pycose: receipts and transparent statement.
    Cose,
    /// aics-tlog and tlog-scales: checkpoint, cosignatures, policy and path.
    TlogProof,
    /// The crates signed_note and tlog_tiles: the same.
    Notes,
    /// pymerkle: the path.
    Pymerkle,
    /// @transmute/rfc9162: the path.
    Transmute,
    /// The script of docs/check-a-receipt.md, with cryptography and cbor2: everything.
    Page,
}

const OF_TLOG_PROOF: [Judge; 5] = [
    Judge::TlogProof,
    Judge::Notes,
    Judge::Pymerkle,
    Judge::Transmute,
    Judge::Page,
];

/// The folder of judges.
struct Tools(PathBuf);

impl Tools {
    fn find() -> Self {
        let dir = std::env::var_os("WUTONG_INTEROP_TOOLS");
        let dir = PathBuf::from(dir.expect("WUTONG_INTEROP_TOOLS names the folder of judges"));
        for needed in [
            "venv/bin/python",
            "node_modules/@transmute/rfc9162",
            "notes",
        ] {
            let path = dir.join(needed);
            assert!(path.exists(), "missing: {}", path.display());
        }
        Self(dir)
    }

    fn command(&self, judge: Judge, case: &Case) -> Command {
        let at = |name: &str| case.dir.join(name);
        let python = |script: PathBuf| {
            let mut command = Command::new(self.0.join("venv/bin/python"));
            command.env("PYTHONDONTWRITEBYTECODE", "1").arg(script);
            command
        };
        let ours = |name: &str| {
            let mut command = python(Path::new(SCRIPTS).join(name));
            command.arg(&case.dir);
            command
        };
        match judge {
            Judge::Cose => ours("cose_receipts.py"),
            Judge::TlogProof => ours("tlog_proof.py"),
            Judge::Pymerkle => ours("merkle_path.py"),
            Judge::Transmute => {
                let mut command = Command::new("node");
                command.arg(Path::new(SCRIPTS).join("merkle_path.mjs"));
                command.arg(&case.dir).env("WUTONG_INTEROP_TOOLS", &self.0);
                command
            }
            Judge::Notes => {
                let mut command = Command::new(self.0.join("notes"));
                command.args([at("receipt.tlog-proof"), at("policy"), at("entry")]);
                command
            }
            Judge::Page => {
                let mut command = python(self.0.join("check.py"));
                command.args([at("document"), at("receipt.tlog-proof"), at("policy")]);
                command
            }
        }
    }

    /// Whether a judge accepts a case; anything but the two verdicts fails the suite.
    fn accepts(&self, judge: Judge, case: &Case) -> bool {
        let ran = self.command(judge, case).output();
        let ran = ran.unwrap_or_else(|e| panic!("{judge:?} does not run: {e}"));
        let said = [ran.stdout, ran.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        match ran.status.code() {
            Some(0) => true,
            // The page's script refuses by an exception, which Python ends with 1 too.
            Some(1) if judge == Judge::Page || said.starts_with("REFUSED") => false,
            code => panic!("{judge:?} on {}: {code:?}\n{said}", case.dir.display()),
        }
    }

    fn accept(&self, judge: Judge, case: &Case) {
        let ran = self.command(judge, case).output().unwrap();
        let said = String::from_utf8_lossy(&ran.stdout).into_owned();
        let wrong = String::from_utf8_lossy(&ran.stderr).into_owned();
        assert!(
            ran.status.success(),
            "{judge:?} refuses the genuine: {said}{wrong}"
        );
        println!("{judge:?} accepts: {}", said.trim_end());
    }

    fn refuse(&self, judges: &[Judge], case: &Case) {
        for judge in judges {
            let name = case.dir.file_name().unwrap().display();
            assert!(!self.accepts(*judge, case), "{judge:?} accepts {name}");
        }
    }

    /// The page's script, extracted from the page.
    fn write_page_script(&self) {
        let page = std::fs::read_to_string(PAGE).unwrap();
        let (_, rest) = page
            .split_once("```python\n")
            .expect("the page has a script");
        let (script, rest) = rest.split_once("```").unwrap();
        assert!(!rest.contains("```python\n"), "the page has one script");
        std::fs::write(self.0.join("check.py"), script).unwrap();
    }
}

/// One deposit's evidence in a folder.
struct Case {
    dir: PathBuf,
}

impl Case {
    fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.dir.join(name)).unwrap()
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        std::fs::write(self.dir.join(name), bytes).unwrap();
    }

    fn receipt(&self) -> Receipt {
        Receipt::parse_bytes(&self.read("receipt.tlog-proof")).unwrap()
    }

    /// A copy in a folder of its own.
    fn copy(&self, name: &str) -> Self {
        let own = self.dir.file_name().unwrap().to_str().unwrap();
        let dir = self.dir.with_file_name(format!("{own}--{name}"));
        std::fs::create_dir(&dir).unwrap();
        for entry in std::fs::read_dir(&self.dir).unwrap() {
            let from = entry.unwrap();
            std::fs::copy(from.path(), dir.join(from.file_name())).unwrap();
        }
        Self { dir }
    }

    /// Puts a receipt in, in all forms that come from a tlog-proof.
    fn put(&self, receipt: &Receipt) {
        self.write("receipt.tlog-proof", receipt.encode());
        self.write("entry", &receipt.extra.entry);
        let file = self.dir.join("receipt.tlog-proof");
        let json = wutong(&["receipt", file.to_str().unwrap(), "--format", "json"]);
        self.write("receipt.json", json);
    }
}

fn wutong(arguments: &[&str]) -> Vec<u8> {
    let ran = Command::new(WUTONG).args(arguments).output().unwrap();
    let wrong = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "wutong {arguments:?}: {wrong}");
    ran.stdout
}

/// Deposits a document and collects all evidence of it.
fn deposit(devnet: &Devnet, root: &Path, name: &str, more: &[&str]) -> Case {
    let dir = root.join(name);
    std::fs::create_dir(&dir).unwrap();
    let case = Case { dir };
    case.write("document", format!("the document {name}\n"));
    let path = |name: &str| case.dir.join(name).display().to_string();
    let (document, out, key) = (path("document"), path("out"), root.join("me.pem"));
    let policy = devnet.dir.join("policy");
    std::fs::copy(&policy, case.dir.join("policy")).unwrap();
    let (key, policy, url) = (
        key.to_str().unwrap(),
        policy.to_str().unwrap(),
        devnet.url(0),
    );
    let deposit = [
        "deposit", &document, "--url", &url, "--key", key, "--out", &out,
    ];
    wutong(&[&deposit[..], &["--policy", policy], more].concat());
    let receipt = std::fs::read(case.dir.join("out/document.tlog-proof")).unwrap();
    std::fs::remove_dir_all(case.dir.join("out")).unwrap();
    case.put(&Receipt::parse_bytes(&receipt).unwrap());
    let (kept, cose) = (path("receipt.tlog-proof"), path("transparent.cose"));
    let convert = ["receipt", &kept, "--format", "cose", "--url", &url];
    wutong(&[&convert[..], &["--policy", policy, "--out", &cose]].concat());
    case.write("receipt-keys.json", receipt_keys(devnet).to_string());
    case
}

/// The validators' receipt keys, proven from the policy.
fn receipt_keys(devnet: &Devnet) -> Value {
    let (_, body) = get(&format!("{}/v1/policy/proof", devnet.url(0))).unwrap();
    let proof: Value = serde_json::from_str(&body).unwrap();
    let hash = |v: &Value| messages::hash::Hash::from_hex(v.as_str().unwrap()).unwrap();
    let link = PolicyLink {
        entry: hex::decode(proof["entry"].as_str().unwrap()).unwrap(),
        index: LeafIndex(proof["index"].as_u64().unwrap()),
        path: proof["path"].as_array().unwrap().iter().map(hash).collect(),
        checkpoint: proof["checkpoint"].as_str().unwrap().into(),
    };
    let entry = policy_chain::entry_of(&devnet.policy(), &link).unwrap();
    let named = entry.receipt_keys.iter().map(|(_, key)| {
        let id = hex::encode(cose_key_id(key));
        (id, Value::from(key.to_string()))
    });
    let keys: serde_json::Map<String, Value> = named.collect();
    json!({ "keys": keys, "quorum": messages::quorum::quorum(entry.receipt_keys.len()) })
}

/// Alters copies of a tlog-proof; each must be refused by the judges named with it.
fn alter_tlog_proof(tools: &Tools, genuine: &Case) {
    use Judge::{Notes, Page, Pymerkle, TlogProof, Transmute};
    type Alter = fn(&mut Receipt);
    let whole = [TlogProof, Notes, Page];
    let all = [TlogProof, Notes, Page, Pymerkle, Transmute];
    let cases: [(&str, Alter, &[Judge]); 8] = [
        (
            "log-signature",
            |r| r.checkpoint.signatures[0].bytes[9] ^= 1,
            &whole,
        ),
        (
            "cosignature",
            |r| r.checkpoint.signatures[1].bytes[40] ^= 1,
            &whole,
        ),
        ("time", |r| r.checkpoint.signatures[2].bytes[7] ^= 1, &whole),
        ("quorum", |r| drop(r.checkpoint.signatures.pop()), &whole),
        ("path", |r| r.path[0].0[0] ^= 1, &all),
        ("index", |r| r.index.0 ^= 1, &all),
        ("entry", |r| *r.extra.entry.last_mut().unwrap() ^= 1, &all),
        ("root", alter_root, &all),
    ];
    for (name, alter, judges) in cases {
        let mut receipt = genuine.receipt();
        alter(&mut receipt);
        let case = genuine.copy(name);
        case.put(&receipt);
        tools.refuse(judges, &case);
    }
    let case = genuine.copy("document");
    case.write("document", "another document\n");
    tools.refuse(&[Page], &case);
}

fn alter_root(receipt: &mut Receipt) {
    let mut head = receipt.tree_head().unwrap();
    head.root.0[5] ^= 1;
    receipt.checkpoint.text = head.text();
}

/// Alters copies of a transparent statement; each must be refused.
fn alter_cose(tools: &Tools, genuine: &Case) {
    type Alter = fn(&mut TransparentStatement);
    let cases: [(&str, Alter); 8] = [
        ("receipt-signature", |t| {
            t.receipts[0].signed.signature.0[3] ^= 1
        }),
        ("receipt-path", |t| t.receipts[1].path[0].0[0] ^= 1),
        ("receipt-index", |t| t.receipts[2].index.0 ^= 1),
        ("receipt-size", |t| t.receipts[0].signed.size.0 += 1),
        ("receipt-quorum", |t| drop(t.receipts.pop())),
        ("receipt-of-a-stranger", |t| {
            t.receipts[0] = of_a_stranger(&t.receipts[0])
        }),
        ("statement-signature", |t| t.statement.signature.0[3] ^= 1),
        ("statement-subject", |t| t.statement.subject.push('!')),
    ];
    for (name, alter) in cases {
        let bytes = genuine.read("transparent.cose");
        let mut transparent = TransparentStatement::parse(&bytes).unwrap();
        alter(&mut transparent);
        let case = genuine.copy(name);
        case.write("transparent.cose", transparent.encode());
        tools.refuse(&[Judge::Cose], &case);
    }
}

/// The same receipt by a key of nobody, over a head that this key did sign.
fn of_a_stranger(receipt: &InclusionReceipt) -> InclusionReceipt {
    let head = messages::checkpoint::Checkpoint {
        origin: receipt.signed.origin.clone(),
        size: TreeSize(receipt.signed.size.0),
        root: messages::hash::Hash::ZERO,
    };
    InclusionReceipt {
        signed: HeadSignature::sign(&key("stranger"), &head),
        ..receipt.clone()
    }
}

#[test]
fn foreign_software_accepts_the_genuine_and_refuses_the_altered() {
    if !std::env::var("WUTONG_LIVE")
        .is_ok_and(|live| live.split([',', ' ']).any(|s| s == "interop"))
    {
        println!("skipped: WUTONG_LIVE does not name interop");
        return;
    }
    let tools = Tools::find();
    tools.write_page_script();
    let root = tempfile::tempdir().unwrap();
    let devnet = Devnet::start(&root.path().join("net"));
    let me = root.path().join("me.pem");
    wutong(&["keygen", "--out", me.to_str().unwrap()]);
    // Some other entries first, so that paths have both turns.
    for i in 0..5 {
        let other = statement(&devnet.network(), "public", &key("other"), i);
        let url = format!("{}/v1/statements?wait_ms=30000", devnet.url(0));
        let (status, said) = post(&url, other.entry()).unwrap();
        assert_eq!(status, 201, "{said}");
    }
    for (name, more) in [("salted", &[][..]), ("digest", &["--plain"])] {
        let case = deposit(&devnet, root.path(), name, more);
        tools.accept(Judge::Cose, &case);
        OF_TLOG_PROOF
            .iter()
            .for_each(|judge| tools.accept(*judge, &case));
        alter_tlog_proof(&tools, &case);
        alter_cose(&tools, &case);
    }
}
