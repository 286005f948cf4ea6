//! A tlog-proof judged by the crates `signed_note` and `tlog_tiles`: the log's signature, the
//! cosignatures, and the entry's path. Exit 0 accepted, 1 refused.
//!
//! Reading the proof and the policy is done by hand. `signed_note` knows the log's signature type
//! only, so cosignatures (C2SP tlog-cosignature, Ed25519) come in by its trait `Verifier`.
//! Arguments: RECEIPT POLICY ENTRY, the entry as bytes.

use base64::prelude::{BASE64_STANDARD, Engine};
use ed25519_dalek::{Signature, VerifyingKey};
use signed_note::{Note, StandardVerifier, Verifier, VerifierList, key_id};
use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::process::ExitCode;
use tlog_tiles::{Checkpoint, Hash, check_record, record_hash};

type Judged<T> = Result<T, Box<dyn Error>>;

/// Signature type of an Ed25519 cosignature.
const COSIGNATURE: u8 = 4;

/// A cosigner of the policy.
struct Cosigner {
    name: String,
    id: u32,
    key: VerifyingKey,
}

impl Cosigner {
    fn new(vkey: &str) -> Judged<Self> {
        let mut parts = vkey.splitn(3, '+');
        let (name, id, key) = match (parts.next(), parts.next(), parts.next()) {
            (Some(name), Some(id), Some(key)) => (name, u32::from_str_radix(id, 16)?, key),
            _ => return Err("a verifier key has three parts".into()),
        };
        let bytes = BASE64_STANDARD.decode(key)?;
        let public = match bytes.split_first() {
            Some((&COSIGNATURE, public)) if id == key_id(name, &bytes) => public.try_into()?,
            _ => return Err(format!("{name}: not a cosigner's key").into()),
        };
        Ok(Self {
            name: name.into(),
            id,
            key: VerifyingKey::from_bytes(&public)?,
        })
    }
}

impl Verifier for Cosigner {
    fn name(&self) -> &str {
        &self.name
    }

    fn key_id(&self) -> u32 {
        self.id
    }

    fn verify(&self, text: &[u8], signature: &[u8]) -> bool {
        let Some((time, rest)) = signature.split_first_chunk::<8>() else {
            return false;
        };
        let head = format!("cosignature/v1\ntime {}\n", u64::from_be_bytes(*time));
        let message = [head.as_bytes(), text].concat();
        Signature::from_slice(rest).is_ok_and(|s| self.key.verify_strict(&message, &s).is_ok())
    }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    match judge(&arguments[1], &arguments[2], &arguments[3]) {
        Ok(told) => {
            println!("ACCEPTED: {told}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            println!("REFUSED: {error}");
            ExitCode::FAILURE
        }
    }
}

fn judge(receipt: &str, policy: &str, entry: &str) -> Judged<String> {
    let receipt = std::fs::read_to_string(receipt)?;
    let (proof, checkpoint) = receipt.split_once("\n\n").ok_or("no blank line")?;
    let mut lines = proof.lines().skip(2);
    let index = lines.next().and_then(|line| line.strip_prefix("index "));
    let index: u64 = index.ok_or("no index")?.parse()?;
    let path: Vec<Hash> = lines.map(Hash::parse_hash).collect::<Result<_, _>>()?;

    let policy = std::fs::read_to_string(policy)?;
    let words: Vec<Vec<&str>> = policy.lines().map(|l| l.split(' ').collect()).collect();
    let mut known: Vec<Box<dyn Verifier>> = Vec::new();
    let mut witnesses = BTreeMap::new();
    for line in &words {
        match line[..] {
            ["log", vkey] => known.push(Box::new(StandardVerifier::new(vkey)?)),
            ["witness", name, vkey] => {
                let cosigner = Cosigner::new(vkey)?;
                witnesses.insert(cosigner.name.clone(), name);
                known.push(Box::new(cosigner));
            }
            _ => {}
        }
    }
    let group = words.iter().find(|line| line[0] == "group");
    let group = group.ok_or("no group")?;
    let (needed, members) = (group[2].parse::<usize>()?, &group[3..]);

    let note = Note::from_bytes(checkpoint.as_bytes())?;
    let (verified, unverified) = note.verify(&VerifierList::new(known))?;
    if !unverified.is_empty() {
        return Err("a signature by somebody whom the policy does not name".into());
    }
    let head = Checkpoint::from_bytes(note.text()).map_err(|e| e.to_string())?;
    let logged = verified
        .iter()
        .filter(|s| s.name() == head.origin())
        .count();
    let cosigned: BTreeSet<&str> = verified
        .iter()
        .filter_map(|s| witnesses.get(s.name()).copied())
        .filter(|name| members.contains(name))
        .collect();
    if logged != 1 || cosigned.len() < needed {
        return Err(format!(
            "{logged} log lines, {} of {needed} cosigned",
            cosigned.len()
        )
        .into());
    }
    let leaf = record_hash(&std::fs::read(entry)?);
    check_record(&path, head.size(), *head.hash(), index, leaf)?;
    Ok(format!("entry {index} of {}, by {cosigned:?}", head.size()))
}
