//! Supervision is data: for each actor what happens when it fails.

/// Which actor of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ActorName {
    /// Client submissions and their waiters.
    Gateway,
    /// Signatures and rights.
    Permissions,
    /// Consensus, pool and execution.
    Consensus,
    /// Committed blocks and what is read from them.
    Storage,
    /// Tree heads and cosignatures.
    Checkpoint,
    /// Events to integrators.
    Publisher,
    /// Presence of peers and catching up.
    Sync,
    /// Contents kept beside the log.
    Bodies,
}

impl ActorName {
    /// All actors of a node.
    pub const ALL: [Self; 8] = [
        Self::Gateway,
        Self::Permissions,
        Self::Consensus,
        Self::Storage,
        Self::Checkpoint,
        Self::Publisher,
        Self::Sync,
        Self::Bodies,
    ];

    /// The name as written in logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gateway => "gateway",
            Self::Permissions => "permissions",
            Self::Consensus => "consensus",
            Self::Storage => "storage",
            Self::Checkpoint => "checkpoint",
            Self::Publisher => "publisher",
            Self::Sync => "sync",
            Self::Bodies => "bodies",
        }
    }

    /// What happens when this actor's core panics.
    pub fn policy(self) -> Policy {
        match self {
            // Their state is the ledger's safety: a few refolds, then the whole node stops.
            // What it wrote may be on its way to the disk: only a restart of the process knows
            // what arrived there.
            Self::Storage => Policy {
                restarts_max: 0,
                window_ms: 60_000,
            },
            Self::Consensus | Self::Checkpoint => Policy {
                restarts_max: 3,
                window_ms: 60_000,
            },
            // Their state is soft: generous, but never for ever.
            Self::Gateway | Self::Permissions | Self::Publisher | Self::Sync | Self::Bodies => {
                Policy {
                    restarts_max: 20,
                    window_ms: 60_000,
                }
            }
        }
    }
}

/// Restart with a budget; past it the node stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Restarts allowed within the window.
    pub restarts_max: usize,
    /// Length of the window, in milliseconds.
    pub window_ms: u64,
}

/// What the supervisor decides about a failed actor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Refold the core and go on.
    Restart,
    /// The budget is spent: stop the node.
    StopNode,
}

/// Restarts of one actor within its window.
#[derive(Clone, Debug, Default)]
pub struct RestartBudget {
    at_ms: Vec<u64>,
}

impl RestartBudget {
    /// Counts a failure at `now_ms` and decides.
    pub fn on_failure(&mut self, policy: Policy, now_ms: u64) -> Verdict {
        self.at_ms
            .retain(|at| now_ms.saturating_sub(*at) < policy.window_ms);
        self.at_ms.push(now_ms);
        if self.at_ms.len() > policy.restarts_max {
            Verdict::StopNode
        } else {
            Verdict::Restart
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_is_spent_within_its_window_only() {
        let policy = Policy {
            restarts_max: 2,
            window_ms: 100,
        };
        let mut budget = RestartBudget::default();
        assert_eq!(budget.on_failure(policy, 0), Verdict::Restart);
        assert_eq!(budget.on_failure(policy, 10), Verdict::Restart);
        assert_eq!(budget.on_failure(policy, 20), Verdict::StopNode);
        assert_eq!(budget.on_failure(policy, 500), Verdict::Restart);
    }
}
