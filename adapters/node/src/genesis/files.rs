//! The files that organisations send one another: members and signatures as text, proposals as they
//! are signed.

use messages::cbor::Canonical;
use messages::founding::{GenesisSignature, Member, PURPOSES, Proposal, keys_of};
use messages::genesis::{Genesis, GenesisValidator};
use messages::hash::Hash;
use messages::ids::Name;
use messages::keys::{PublicKey, Signature};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

/// Most bytes of any of these files.
const BYTES_MAX: u64 = 16 << 20;

/// Reads a file of a founding.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, String> {
    let shown = path.display();
    let size = std::fs::metadata(path).map(|m| m.len());
    let size = size.map_err(|e| format!("{shown}: {e}"))?;
    if size > BYTES_MAX {
        return Err(format!(
            "{shown}: expected at most {BYTES_MAX} bytes, found {size}"
        ));
    }
    std::fs::read(path).map_err(|e| format!("{shown}: {e}"))
}

/// Reads a text file of a founding.
pub(super) fn read_text(path: &Path) -> Result<String, String> {
    String::from_utf8(read(path)?).map_err(|_| format!("{}: expected text", path.display()))
}

/// Writes a new file, whole or not at all; one that is there is left as it is.
pub(super) fn write_new(path: &Path, bytes: &[u8]) -> Result<(), String> {
    use std::io::Write;
    let fail = |e: std::io::Error| match e.kind() {
        std::io::ErrorKind::AlreadyExists => format!(
            "{}: it is there already, and left as it is\nnext:  name a new file",
            path.display()
        ),
        _ => format!("{}: {e}", path.display()),
    };
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(path)
        .map_err(fail)?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
    if written.is_err() {
        // Half a file would be taken for a whole one.
        let _ = std::fs::remove_file(path);
    }
    written.map_err(fail)
}

/// What a file that people pass on looks like: a proposal or a genesis.
pub(super) enum Document {
    /// With proofs of possession.
    Proposal(Proposal),
    /// The genesis alone.
    Genesis(Genesis),
}

impl Document {
    /// Reads and checks a proposal, or a genesis.
    pub(super) fn read(path: &Path) -> Result<Self, String> {
        let bytes = read(path)?;
        if let Ok(genesis) = Genesis::from_bytes(&bytes) {
            return Ok(Self::Genesis(genesis));
        }
        read_proposal(path).map(Self::Proposal)
    }

    pub(super) fn genesis(&self) -> &Genesis {
        match self {
            Self::Proposal(proposal) => &proposal.genesis,
            Self::Genesis(genesis) => genesis,
        }
    }
}

/// Reads a proposal and checks all of it.
pub(super) fn read_proposal(path: &Path) -> Result<Proposal, String> {
    let proposal = Proposal::from_bytes(&read(path)?).map_err(|e| {
        format!(
            "{}: expected a proposal: {e}\nnext:  get the file as `wutong genesis propose` wrote it",
            path.display()
        )
    })?;
    proposal
        .check()
        .map_err(|e| format!("{}: {}", path.display(), super::refusal(&e)))?;
    Ok(proposal)
}

/// What people compare: SHA-256 of the genesis bytes.
pub(super) fn digest(genesis: &Genesis) -> Hash {
    Hash::of(&genesis.to_bytes())
}

/// A key of a member file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyText {
    public: String,
    proof: String,
}

/// A member file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct MemberText {
    name: String,
    organisation: String,
    keys: BTreeMap<String, KeyText>,
}

/// The member file: readable, and with nothing secret in it.
pub(super) fn member_text(member: &Member) -> String {
    let keys = keys_of(&member.validator).into_iter().zip(&member.proofs);
    let texts = PURPOSES.iter().zip(keys).map(|(purpose, (key, proof))| {
        let text = KeyText {
            public: key.to_string(),
            proof: hex::encode(proof.0),
        };
        ((*purpose).to_owned(), text)
    });
    let text = MemberText {
        name: member.validator.name.to_string(),
        organisation: member.validator.organisation.clone(),
        keys: texts.collect(),
    };
    let body = toml::to_string(&text).expect("texts and a table of texts are TOML");
    format!(
        "# A founding validator: its public keys, each with a signature that proves its possession.\n\
         # Nothing in this file is secret. `wutong genesis propose` takes it.\n\n{body}"
    )
}

/// Reads a member file and checks its keys and proofs.
pub(super) fn read_member(path: &Path) -> Result<Member, String> {
    let shown = path.display();
    let text: MemberText =
        toml::from_str(&read_text(path)?).map_err(|e| format!("{shown}: {e}"))?;
    let name = Name::try_new(&text.name).map_err(|e| format!("{shown}: name: {e}"))?;
    let mut public = Vec::new();
    let mut proofs = [Signature([0; 64]); 5];
    for (purpose, proof) in PURPOSES.iter().zip(&mut proofs) {
        let field = |what: &str| format!("{shown}: keys.{purpose}.{what}");
        let key = text.keys.get(*purpose);
        let key =
            key.ok_or_else(|| format!("{shown}: keys.{purpose}: expected a key, found none"))?;
        public.push(PublicKey(
            unhex(&key.public).map_err(|e| field("public") + &e)?,
        ));
        *proof = Signature(unhex(&key.proof).map_err(|e| field("proof") + &e)?);
    }
    let unknown = text
        .keys
        .keys()
        .find(|key| !PURPOSES.contains(&key.as_str()));
    if let Some(unknown) = unknown {
        return Err(format!(
            "{shown}: keys.{unknown}: expected one of {}",
            PURPOSES.join(", ")
        ));
    }
    let member = Member {
        validator: GenesisValidator {
            name,
            organisation: text.organisation,
            consensus: public[0],
            log: public[1],
            cosigner: public[2],
            receipt: public[3],
            transport: public[4],
        },
        proofs,
    };
    member
        .check()
        .map_err(|e| format!("{shown}: {}", super::refusal(&e)))?;
    Ok(member)
}

/// Reads so many bytes of hexadecimal text.
pub(super) fn unhex<const N: usize>(text: &str) -> Result<[u8; N], String> {
    let bytes = hex::decode(text)
        .ok()
        .and_then(|bytes| bytes.try_into().ok());
    bytes.ok_or_else(|| {
        format!(
            ": expected {} hexadecimal characters, found {text:?}",
            2 * N
        )
    })
}

/// A signature of a signatures file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SignatureText {
    validator: String,
    signature: String,
}

/// A signatures file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SignaturesText {
    genesis: String,
    #[serde(default)]
    signature: Vec<SignatureText>,
}

/// Signatures over a genesis, of one founder or of all.
pub(super) struct Signatures {
    /// SHA-256 of the genesis bytes, as the file says.
    pub(super) genesis: Hash,
    /// The signatures.
    pub(super) all: Vec<GenesisSignature>,
}

impl Signatures {
    /// The signatures file.
    pub(super) fn text(&self) -> String {
        let text = SignaturesText {
            genesis: self.genesis.to_string(),
            signature: self
                .all
                .iter()
                .map(|s| SignatureText {
                    validator: s.validator.to_string(),
                    signature: hex::encode(s.signature.0),
                })
                .collect(),
        };
        let body = toml::to_string(&text).expect("texts and a list of texts are TOML");
        format!(
            "# Signatures of founding validators over a genesis, whose SHA-256 is below, by their\n\
             # consensus keys. A node wants this file beside the genesis.\n\n{body}"
        )
    }

    /// Reads a signatures file; what it says is not judged yet.
    pub(super) fn read(path: &Path) -> Result<Self, String> {
        let shown = path.display();
        let text: SignaturesText =
            toml::from_str(&read_text(path)?).map_err(|e| format!("{shown}: {e}"))?;
        let genesis = Hash::from_hex(&text.genesis);
        let genesis = genesis.ok_or_else(|| format!("{shown}: genesis: expected a SHA-256"))?;
        let read = |s: &SignatureText| {
            let name = Name::try_new(&s.validator);
            Ok(GenesisSignature {
                validator: name.map_err(|e| format!("{shown}: validator: {e}"))?,
                signature: Signature(
                    unhex(&s.signature).map_err(|e| format!("{shown}: signature{e}"))?,
                ),
            })
        };
        let all: Result<_, String> = text.signature.iter().map(read).collect();
        Ok(Self { genesis, all: all? })
    }
}
