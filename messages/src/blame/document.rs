//! The members of a blame file, in the order in which they are written.

use super::anchor::AnchorId;
use super::exhibit::{Exhibit, Head, Inclusion};
use super::file::{BLAME_FORMAT, BlameFileError};
use super::report::{BlameReport, Conflict, Conviction, SignedItem};
use super::subtrees::Divergence;
use crate::cbor::Canonical;
use crate::consensus::{ConsensusMessage, Proposal, SignedProposal, SignedVote, Vote};
use crate::hash::Hash;
use crate::ids::LeafIndex;
use crate::keys::Signature;
use crate::note::{Note, decode_base64, encode_base64};
use serde::{Deserialize, Serialize};

const CHECK_KEYS: &str = "Take the keys from the policy or genesis document that you trust: each \
public_key (hexadecimal) stands there. The anchor below names the one that was used.";
const CHECK_SIGNATURES: &str = "Each signature is Ed25519 (RFC 8032) of public_key over \
signed_bytes; both are base64.";
const CHECK_HEADS: &str = "The text of a head is its note up to the blank line: origin, tree size \
and root, one a line. A log key signs the text; a cosigner signs the line cosignature/v1, a line \
with the word time and seconds since 1970, and the text. The first signed_bytes of each key end \
with the text of the first head, the second with that of the second.";
const CHECK_SIZE: &str = "Both texts have one origin and one size, and different roots.";
const CHECK_TREE: &str = "Both texts have one origin. Each inclusion path leads from leaf_hash at \
index to the root (RFC 9162, 2.1.3.2). A head without inclusion has differs_at as its whole tree. \
The hash of the subtree differs_at is on the way, or beside it, and is another under each head: an \
append-only log has one.";
const CHECK_MESSAGES: &str = "signed_bytes is SHA-256 of the word wutong/vote/v1 or \
wutong/proposal/v1, a zero byte, and message. A message is CBOR: a vote is [network, height, \
round, 1 prevote or 2 precommit, block or null, validator], a proposal is [network, height, round, \
block, valid round or null, proposer].";
const CHECK_STEP: &str = "The two messages of each key have one network, height and round, are of \
one kind, and differ.";

/// The whole file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Document {
    pub(super) format: String,
    conflict: String,
    explanation: String,
    how_to_check: Vec<String>,
    pub(super) anchor: AnchorMember,
    heads: Vec<HeadMember>,
    differs_at: Option<DivergenceMember>,
    convicted: Vec<ConvictionMember>,
}

/// Whose keys counted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AnchorMember {
    pub(super) kind: String,
    pub(super) fingerprint: String,
    demonstration: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct HeadMember {
    note: String,
    inclusion: Option<InclusionMember>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct InclusionMember {
    index: u64,
    leaf_hash: String,
    path: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct DivergenceMember {
    entries: String,
    level: u32,
    index: u64,
    hashes: [String; 2],
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ConvictionMember {
    role: String,
    name: String,
    organisation: Option<String>,
    public_key: String,
    verifier_key: Option<String>,
    signed: [SignedMember; 2],
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SignedMember {
    says: String,
    message: Option<String>,
    signed_bytes: String,
    signature: String,
}

impl Document {
    /// The document of a conflict and the convictions that follow from it.
    pub(super) fn of(report: &BlameReport, conflict: &Conflict) -> Self {
        let differs_at = match conflict {
            Conflict::OtherTree(_, divergence) => Some(divergence_member(divergence)),
            Conflict::SameSize(_) | Conflict::DoubleSigning(_) => None,
        };
        let heads = conflict.heads().into_iter().flatten();
        Self {
            format: BLAME_FORMAT.into(),
            conflict: conflict.name().into(),
            explanation: conflict.to_string(),
            how_to_check: how_to_check(conflict).map(str::to_owned).to_vec(),
            anchor: anchor_member(&report.anchor),
            heads: heads.map(head_member).collect(),
            differs_at,
            convicted: report.convicted.iter().map(conviction_member).collect(),
        }
    }

    /// What was signed, and nothing else of the document.
    pub(super) fn exhibits(&self) -> Result<Vec<Exhibit>, BlameFileError> {
        if !self.heads.is_empty() {
            return self.heads.iter().map(read_head).collect();
        }
        let signed = self.convicted.iter().flat_map(|c| &c.signed);
        signed.map(read_message).collect()
    }
}

fn how_to_check(conflict: &Conflict) -> [&'static str; 4] {
    let (what, conflicts) = match conflict {
        Conflict::SameSize(_) => (CHECK_HEADS, CHECK_SIZE),
        Conflict::OtherTree(..) => (CHECK_HEADS, CHECK_TREE),
        Conflict::DoubleSigning(_) => (CHECK_MESSAGES, CHECK_STEP),
    };
    [CHECK_KEYS, CHECK_SIGNATURES, what, conflicts]
}

fn anchor_member(anchor: &AnchorId) -> AnchorMember {
    AnchorMember {
        kind: anchor.kind.name().into(),
        fingerprint: anchor.fingerprint.to_string(),
        demonstration: anchor.demonstration,
    }
}

fn hash_text(hash: &Hash) -> String {
    encode_base64(&hash.0)
}

fn head_member(head: &Head) -> HeadMember {
    let inclusion = head.proofs().first().map(|proof| InclusionMember {
        index: proof.index.0,
        leaf_hash: hash_text(&proof.leaf),
        path: proof.path.iter().map(hash_text).collect(),
    });
    HeadMember {
        note: head.note().encode(),
        inclusion,
    }
}

fn divergence_member(divergence: &Divergence) -> DivergenceMember {
    let at = divergence.at;
    DivergenceMember {
        entries: at.to_string(),
        level: at.level,
        index: at.index,
        hashes: divergence.hashes.map(|hash| hash_text(&hash)),
    }
}

fn conviction_member(conviction: &Conviction) -> ConvictionMember {
    let holder = &conviction.holder;
    let [first, second] = &conviction.signed;
    ConvictionMember {
        role: holder.role.name().into(),
        name: holder.name.clone(),
        organisation: holder.organisation.clone(),
        public_key: holder.key.to_string(),
        verifier_key: holder.verifier_key.as_ref().map(ToString::to_string),
        signed: [signed_member(first), signed_member(second)],
    }
}

fn signed_member(item: &SignedItem) -> SignedMember {
    SignedMember {
        says: item.says.clone(),
        message: item.message.as_deref().map(encode_base64),
        signed_bytes: encode_base64(&item.signed_bytes),
        signature: encode_base64(&item.signature.0),
    }
}

fn bad(field: &'static str, error: impl ToString) -> BlameFileError {
    BlameFileError::Member {
        field,
        reason: error.to_string(),
    }
}

fn read_head(member: &HeadMember) -> Result<Exhibit, BlameFileError> {
    let note = Note::parse(&member.note).map_err(|e| bad("note", e))?;
    let proofs = match &member.inclusion {
        Some(inclusion) => vec![read_inclusion(inclusion)?],
        None => Vec::new(),
    };
    let head = Head::try_new(note, proofs).map_err(|e| bad("note", e))?;
    match head.broken.first() {
        Some(what) => Err(bad("inclusion", what)),
        None => Ok(Exhibit::Head(Box::new(head))),
    }
}

fn read_inclusion(member: &InclusionMember) -> Result<Inclusion, BlameFileError> {
    let path = member.path.iter().map(|text| read_hash("path", text));
    Ok(Inclusion {
        index: LeafIndex(member.index),
        leaf: read_hash("leaf_hash", &member.leaf_hash)?,
        path: path.collect::<Result<_, _>>()?,
    })
}

fn read_hash(field: &'static str, text: &str) -> Result<Hash, BlameFileError> {
    let bytes = decode_base64(field, text).map_err(|e| bad(field, e))?;
    Hash::from_slice(&bytes)
        .ok_or_else(|| bad(field, format!("expected 32 bytes, found {}", bytes.len())))
}

fn read_message(member: &SignedMember) -> Result<Exhibit, BlameFileError> {
    let text = member.message.as_deref();
    let text = text.ok_or_else(|| bad("message", "expected a vote or proposal, found null"))?;
    let message = decode_base64("message", text).map_err(|e| bad("message", e))?;
    let signature =
        decode_base64("signature", &member.signature).map_err(|e| bad("signature", e))?;
    let found = signature.len();
    let signature = signature.try_into().map(Signature);
    let signature =
        signature.map_err(|_| bad("signature", format!("expected 64 bytes, found {found}")))?;
    // Their fourth items are of different types, so no bytes are both.
    let read = match Proposal::from_bytes(&message) {
        Ok(proposal) => ConsensusMessage::Proposal(SignedProposal {
            proposal,
            signature,
        }),
        Err(_) => ConsensusMessage::Vote(SignedVote {
            vote: Vote::from_bytes(&message).map_err(|e| bad("message", e))?,
            signature,
        }),
    };
    Ok(Exhibit::Message(read))
}
