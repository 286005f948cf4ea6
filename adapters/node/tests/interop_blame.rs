//! The script of docs/blame.md, with libraries of other authors, judges the blame files of the
//! corpus, and altered ones.
//!
//! Runs when the environment variable `WUTONG_LIVE` names `interop`, with the Python of the folder
//! that `WUTONG_INTEROP_TOOLS` names (docs/interop.md).

// The lints do not see that helpers of tests are tests.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use messages::blame::{Anchor, BlameFile};
use messages::cbor::Canonical;
use messages::genesis::Genesis;
use messages::policy::Policy;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

const PAGE: &str = include_str!("../../../docs/blame.md");
const CORPUS: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../messages/tests/corpus/blame"
);

/// The blame files, each with its anchor.
const FILES: [(&str, &str); 4] = [
    ("one_size.json", "policy"),
    ("one_place.json", "policy"),
    ("votes.json", "genesis.cbor"),
    ("proposals.json", "genesis.cbor"),
];

struct Script {
    python: PathBuf,
    dir: tempfile::TempDir,
}

impl Script {
    fn of_page() -> Self {
        let tools = std::env::var_os("WUTONG_INTEROP_TOOLS");
        let tools = PathBuf::from(tools.expect("WUTONG_INTEROP_TOOLS names the folder of judges"));
        let dir = tempfile::tempdir().unwrap();
        let (_, rest) = PAGE.split_once("```python\n").unwrap();
        let (script, rest) = rest.split_once("```").unwrap();
        assert!(!rest.contains("```python\n"), "the page has one script");
        std::fs::write(dir.path().join("check_blame.py"), script).unwrap();
        let python = tools.join("venv/bin/python");
        Self { python, dir }
    }

    /// What it prints when it accepts.
    fn run(&self, blame: &Value, anchor: &str) -> Option<String> {
        let file = self.dir.path().join("blame.json");
        std::fs::write(&file, blame.to_string()).unwrap();
        let mut command = Command::new(&self.python);
        let script = self.dir.path().join("check_blame.py");
        command
            .arg(script)
            .arg(file)
            .arg(Path::new(CORPUS).join(anchor));
        let ran = command.output().unwrap();
        ran.status
            .success()
            .then(|| String::from_utf8(ran.stdout).unwrap())
    }
}

fn read(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(CORPUS).join(name)).unwrap()
}

fn anchor(name: &str) -> Anchor {
    if name == "policy" {
        let text = String::from_utf8(read(name)).unwrap();
        Anchor::of_policy(Policy::parse(&text).unwrap())
    } else {
        Anchor::of_genesis(Genesis::from_bytes(&read(name)).unwrap()).unwrap()
    }
}

/// Flips a bit of a base64 text's first byte.
fn flip(value: &mut Value) {
    let text = value.as_str().unwrap();
    let other = if text.starts_with('A') { "B" } else { "A" };
    *value = format!("{other}{}", &text[1..]).into();
}

/// What is altered, and how.
type Alteration = (&'static str, fn(&mut Value));

fn alterations() -> Vec<Alteration> {
    vec![
        ("no convict", |b| b["convicted"] = Value::Array(vec![])),
        ("a signature", |b| {
            flip(&mut b["convicted"][0]["signed"][0]["signature"])
        }),
        ("signed bytes", |b| {
            flip(&mut b["convicted"][0]["signed"][1]["signed_bytes"])
        }),
        ("one side twice", |b| {
            let first = b["convicted"][0]["signed"][0].clone();
            b["convicted"][0]["signed"][1] = first;
        }),
        ("a key of nobody", |b| {
            b["convicted"][0]["public_key"] = "22".repeat(32).into();
        }),
        ("another role", |b| b["convicted"][0]["role"] = "log".into()),
        ("one head twice", |b| {
            let first = b["heads"][0].clone();
            b["heads"][1] = first;
        }),
        ("a root", |b| {
            let note = b["heads"][1]["note"].as_str().unwrap();
            let mut lines: Vec<String> = note.split('\n').map(str::to_owned).collect();
            lines[2] = lines[2].chars().rev().collect();
            b["heads"][1]["note"] = lines.join("\n").into();
        }),
        ("a leaf", |b| {
            flip(&mut b["heads"][0]["inclusion"]["leaf_hash"])
        }),
        ("a path", |b| {
            flip(&mut b["heads"][1]["inclusion"]["path"][1])
        }),
        ("the place", |b| b["differs_at"]["index"] = 0.into()),
        ("a message", |b| {
            flip(&mut b["convicted"][0]["signed"][0]["message"])
        }),
    ]
}

#[test]
fn the_script_of_the_page_convicts_the_same_and_refuses_the_altered() {
    if !std::env::var("WUTONG_LIVE")
        .is_ok_and(|live| live.split([',', ' ']).any(|s| s == "interop"))
    {
        println!("skipped: WUTONG_LIVE does not name interop");
        return;
    }
    let script = Script::of_page();
    for (name, by) in FILES {
        let good: Value = serde_json::from_slice(&read(name)).unwrap();
        let report = BlameFile::check(&read(name), &anchor(by)).unwrap();
        let said = script
            .run(&good, by)
            .unwrap_or_else(|| panic!("{name}: refused"));
        assert_eq!(said.lines().count(), report.convicted.len(), "{name}");
        for (convicted, line) in report.convicted.iter().zip(said.lines()) {
            assert!(line.starts_with(&convicted.holder.name), "{name}: {line}");
        }
        let mut refused = 0;
        for (what, alter) in alterations() {
            let is_heads = good["heads"][0].is_object();
            let has_path = good["differs_at"].is_object();
            match what {
                "one head twice" | "a root" if !is_heads => continue,
                "a leaf" | "a path" | "the place" if !has_path => continue,
                "a message" if is_heads => continue,
                _ => {}
            }
            let mut altered = good.clone();
            alter(&mut altered);
            assert_ne!(altered, good, "{name}: {what}");
            assert_eq!(script.run(&altered, by), None, "{name}: {what}");
            refused += 1;
        }
        println!("{name}: accepted, {refused} alterations refused");
    }
}
