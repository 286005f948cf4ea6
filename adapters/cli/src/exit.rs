//! Exit codes, and failures that say what, where and the next step.

use std::process::ExitCode;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done; every deposit receipted; verified.
    Done = 0,
    /// Refused, by a node or by verification.
    Refused = 1,
    /// Wrong use: an argument or a file given is not what the command needs.
    Usage = 2,
    /// Not receipted yet: running the same command again continues.
    Pending = 3,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why a command ended early.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub(crate) struct Failure {
    /// How the process ends.
    pub(crate) exit: Exit,
    /// What is wrong, and where.
    pub(crate) what: String,
    /// What to do now.
    pub(crate) next_step: String,
}

impl Failure {
    /// Something given is wrong.
    pub(crate) fn usage(what: impl Into<String>, next_step: impl Into<String>) -> Self {
        Self::new(Exit::Usage, what, next_step)
    }

    /// Something was refused.
    pub(crate) fn refused(what: impl Into<String>, next_step: impl Into<String>) -> Self {
        Self::new(Exit::Refused, what, next_step)
    }

    pub(crate) fn new(exit: Exit, what: impl Into<String>, next_step: impl Into<String>) -> Self {
        Self {
            exit,
            what: what.into(),
            next_step: next_step.into(),
        }
    }
}
