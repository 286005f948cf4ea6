//! What keeps a client from an answer.

/// Why there is no usable answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    /// HTTP cannot be set up on this machine.
    #[error("cannot set up HTTP: {0}")]
    Setup(String),
    /// No node answered.
    #[error("no node answered: {reasons}")]
    Unreachable {
        /// Why, by node.
        reasons: String,
    },
    /// Nodes answered, and none as a node of a network does.
    #[error("{reasons}")]
    Unusable {
        /// What each answered.
        reasons: String,
    },
    /// The node refused.
    #[error("{detail}")]
    Refused {
        /// What is wrong.
        detail: String,
        /// What to do.
        next_step: String,
    },
    /// The operating system gives no randomness.
    #[error("no randomness: {0}")]
    Randomness(String),
}

impl ClientError {
    /// Whether asking again later may help.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Unreachable { .. })
    }

    /// What to do about it.
    pub fn next_step(&self) -> &str {
        match self {
            Self::Setup(_) => "Check this machine's network settings.",
            Self::Unreachable { .. } => "Check the addresses, or name further nodes: --url A,B,C.",
            Self::Unusable { .. } => {
                "Check that the addresses are Wutong nodes', name further ones: --url A,B,C."
            }
            Self::Refused { next_step, .. } => next_step,
            Self::Randomness(_) => "Check that the system's random source works.",
        }
    }
}
