//! Why exhibits convict nobody, and what would.

use crate::hash::Hash;
use crate::ids::{Height, Round, TreeSize};

/// Why nobody is convicted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotProven {
    /// Tree heads conflict in pairs.
    #[error("expected two tree heads, or votes and proposals, found {found} of them")]
    NeedsTwo {
        /// Exhibits given.
        found: usize,
    },
    /// A tree head beside a vote.
    #[error("a tree head and a vote or proposal are about different things: they cannot conflict")]
    OtherThings,
    /// Votes, and an anchor that lists no consensus keys.
    #[error("votes and proposals are signed with consensus keys, which a policy does not list")]
    NoGenesis,
    /// One head twice; the times of its cosignatures do not matter.
    #[error("both are the same tree head: size {size}, root {root}")]
    SameHead {
        /// Its size.
        size: TreeSize,
        /// Its root.
        root: Hash,
    },
    /// Heads of two logs.
    #[error("the tree heads are of two logs, {first} and {second}")]
    OtherOrigin {
        /// Origin of the one.
        first: String,
        /// Origin of the other.
        second: String,
    },
    /// A log that the anchor does not know.
    #[error("the tree heads are of the log {origin}, of which the trust anchor lists no key")]
    UnknownOrigin {
        /// The origin.
        origin: String,
    },
    /// Heads of different sizes, and nothing that compares their trees.
    #[error(
        "the trees have {first} and {second} entries, and nothing given says what both hold at \
         one place: a log that grew looks the same"
    )]
    NothingInCommon {
        /// The smaller size.
        first: TreeSize,
        /// The larger size.
        second: TreeSize,
    },
    /// Heads of different sizes that agree as far as can be seen.
    #[error(
        "the trees of {first} and {second} entries agree in every place that the proofs of both \
         show ({compared})"
    )]
    TreesAgree {
        /// The smaller size.
        first: TreeSize,
        /// The larger size.
        second: TreeSize,
        /// Complete subtrees compared.
        compared: usize,
    },
    /// A conflict of which no listed key signed both sides.
    #[error("{conflict}: they conflict, yet no key of the trust anchor signed both")]
    NobodySignedBoth {
        /// The conflict.
        conflict: String,
    },
    /// No message of a validator with a valid signature.
    #[error(
        "no vote or proposal here has a valid signature of a validator of the genesis document"
    )]
    NothingValid,
    /// Precommits for different blocks in different rounds of a height.
    #[error(
        "height {height}: different blocks have precommits of the same validators \
         ({validators}) in rounds {first} and {second}, which is no double signing: a validator may change its \
         precommit when a quorum of prevotes of a round between released its lock"
    )]
    AcrossRounds {
        /// The height.
        height: Height,
        /// The earlier round.
        first: Round,
        /// The later round.
        second: Round,
        /// Validators with a valid precommit in both.
        validators: usize,
    },
    /// Valid messages that do not conflict.
    #[error("no validator signed two different votes of one kind, or proposals, for one round")]
    NoDoubleSigning,
}

impl NotProven {
    /// What to do now.
    pub fn next_step(&self) -> &'static str {
        match self {
            Self::NeedsTwo { .. } => "Give two files: wutong blame A B.",
            Self::OtherThings => "Give two tree heads, or two votes or proposals.",
            Self::NoGenesis => {
                "Give --genesis FILE: the entry at index 0 of the log, which any node serves at \
                 /v1/entries/0."
            }
            Self::SameHead { .. } => {
                "Nothing is wrong with it: a validator may cosign one head at several times."
            }
            Self::OtherOrigin { .. } => "Give two tree heads of one log: their first lines agree.",
            Self::UnknownOrigin { .. } => "Give the policy of that log, from people you trust.",
            Self::NothingInCommon { .. } => {
                "Show one entry's place under both heads: by receipts (.tlog-proof), or by --proof \
                 FILE with what a node answers at /v1/proofs/inclusion?index=I&size=SIZE. A \
                 consistency proof that fails proves nothing: anybody can write one."
            }
            Self::TreesAgree { .. } => {
                "Nothing is wrong so far. Compare the places of other entries under both heads."
            }
            Self::NobodySignedBoth { .. } => {
                "One of the two may be a forgery. Collect further cosignatures of either: ask \
                 other nodes for /v1/checkpoint, and other holders for their receipts."
            }
            Self::NothingValid => {
                "Check that the genesis document is of the network that the messages name."
            }
            Self::AcrossRounds { .. } => {
                "The height is decided twice if both have a quorum, so at least a third of the \
                 validators misbehaved, and these signatures do not tell which. Collect the \
                 prevotes and precommits of all rounds between from every validator: who cannot \
                 show a quorum of prevotes for its change broke its lock."
            }
            Self::NoDoubleSigning => {
                "Look for another message of the same validator, height, round and kind."
            }
        }
    }
}
