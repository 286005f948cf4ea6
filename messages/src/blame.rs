//! Convicting validators of misbehavior from what they signed: `wutong blame`.
//!
//! Somebody holds two [`Exhibit`]s: tree heads, or votes and proposals. [`judge`] says whether they
//! contradict each other, and which keys signed both sides. A key is convicted when two valid
//! signatures of it (strict Ed25519) are over things that an honest validator never signs both:
//!
//! - two tree heads of one log and one size with different roots. C2SP tlog-cosignature asks a
//!   cosigner to have seen, and to keep, one history of a log;
//! - two tree heads of one log whose trees differ: inclusion proofs under both give different
//!   hashes for one complete subtree (RFC 6962 section 2.1), of which an append-only log has one;
//! - two votes of one kind, height and round, or two proposals of one height and round.
//!
//! A consistency proof that fails convicts nobody, because anybody can write one that fails. Tree
//! heads of different sizes contradict each other only through proofs that hold under both.
//!
//! The result is a [`BlameReport`]; [`BlameFile`] is its portable form, which a stranger checks
//! with [`BlameFile::check`], or with any Ed25519 tool (docs/blame.md).
//!
//! Invariant: who signed one side only, at any time and however often, is not convicted.

mod anchor;
mod document;
mod exhibit;
mod file;
mod heads;
mod not_proven;
mod report;
mod signing;
mod subtrees;

pub use anchor::{Anchor, AnchorId, AnchorKind};
pub use exhibit::{Exhibit, ExhibitError, Head, Inclusion, LooseProof};
pub use file::{BLAME_BYTES_MAX, BLAME_FORMAT, BlameFile, BlameFileError};
pub use not_proven::NotProven;
pub use report::{
    BlameReport, Conflict, Conviction, Ignored, KeyHolder, KeyRole, NotConvicted, SignedItem,
};
pub use subtrees::{Divergence, Subtree};

use crate::consensus::EquivocationProof;
use crate::genesis::Genesis;

/// Judges what the exhibits prove to somebody who trusts `anchor`: two tree heads and proofs under
/// them, or any number of votes, proposals and certificates. The order of the exhibits does not
/// matter.
pub fn judge(exhibits: &[Exhibit], anchor: &Anchor) -> BlameReport {
    let heads: Vec<&Head> = exhibits.iter().filter_map(Exhibit::head).collect();
    let proofs: Vec<&LooseProof> = exhibits.iter().filter_map(Exhibit::proof).collect();
    let signed = exhibits.len() - proofs.len();
    let nothing = |why| BlameReport::not_proven(anchor.policy_id(), why);
    match heads[..] {
        [first, second] if signed == 2 => heads::judge([first, second], &proofs, anchor.policy()),
        [] if signed == 0 => nothing(NotProven::NeedsTwo { found: 0 }),
        [] => match anchor.genesis() {
            Some(genesis) => signing::judge(exhibits, genesis),
            None => nothing(NotProven::NoGenesis),
        },
        _ if heads.len() == signed => nothing(NotProven::NeedsTwo { found: signed }),
        _ => nothing(NotProven::OtherThings),
    }
}

/// The portable form of the proof that a node saw; none when the proof does not hold, or is not
/// about a validator of `genesis` on its network.
pub fn from_equivocation(proof: &EquivocationProof, genesis: &Genesis) -> Option<BlameFile> {
    BlameFile::of(&signing::judge(&Exhibit::of_proof(proof), genesis))
}
