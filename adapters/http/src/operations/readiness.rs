//! Why a node is not ready, each reason with a next step.

use bus::api::{Health, NodeRole, ValidatorStatus};
use messages::ids::Name;
use serde::Serialize;

/// Blocks by which a node may be behind and still serve. Peers tell where they stand a few times a
/// second, so a node of an idle network that is well is behind by one at most.
const BEHIND_MAX: u64 = 10;

/// Something that keeps a node from serving.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Hindrance {
    /// Stable code, for programs.
    pub code: &'static str,
    /// What is so, with names and numbers.
    pub detail: String,
    /// What an operator can do.
    pub next_step: &'static str,
}

impl Hindrance {
    /// The server that carries the links is not reached.
    pub fn no_links(server: &str) -> Self {
        Self {
            code: "nats-not-connected",
            detail: format!("NATS not connected: {server}"),
            next_step: "Look whether the server runs and takes this node's user; the node connects \
                        by itself when it does.",
        }
    }
}

/// The node answered before and does not now.
pub(super) fn hangs() -> Hindrance {
    Hindrance {
        code: "no-answer",
        detail: "the node's actors gave no answer within two seconds".into(),
        next_step: "Restart the process: nothing that was acknowledged is lost. Keep its log.",
    }
}

/// The node's actors do not answer yet.
pub(super) fn starting() -> Hindrance {
    Hindrance {
        code: "starting",
        detail: "starting: the node's actors do not answer yet".into(),
        next_step: "Wait: a node folds its journal first. If it never ends, look at its log.",
    }
}

/// Everything that the node itself knows to be in the way.
pub(super) fn reasons(health: &Health, validators: &[ValidatorStatus]) -> Vec<Hindrance> {
    let mut reasons = Vec::new();
    reasons.extend(quorum(health, validators));
    reasons.extend(behind(validators));
    if let Some(why) = &health.amnesiac {
        reasons.push(Hindrance {
            code: "amnesiac",
            detail: format!("amnesiac: {why}; it signs nothing yet"),
            next_step: "Wait: it votes again three heights after the others told where they \
                        stand. A lone validator stays so.",
        });
    }
    reasons
}

fn quorum(health: &Health, validators: &[ValidatorStatus]) -> Option<Hindrance> {
    if !health.quorum {
        let missing: Vec<&str> = health.missing.iter().map(Name::as_str).collect();
        let mute = |v: &&ValidatorStatus| {
            v.present && v.role == NodeRole::Validator && v.about.as_ref().is_some_and(|a| !a.votes)
        };
        let mute: Vec<&str> = validators
            .iter()
            .filter(mute)
            .map(|v| v.name.as_str())
            .collect();
        let mut parts = Vec::new();
        if !missing.is_empty() {
            parts.push(format!("missing {}", missing.join(", ")));
        }
        if !mute.is_empty() {
            parts.push(format!("here without a vote: {}", mute.join(", ")));
        }
        return Some(Hindrance {
            code: "no-quorum",
            detail: format!("no quorum: {}", parts.join("; ")),
            next_step: "Bring the missing validators back. Deposits are admitted and wait here; \
                        they commit once.",
        });
    }
    // A node that begins gives everybody some time before it misses them.
    let is_heard = |v: &&&ValidatorStatus| v.own || v.silent_ms.is_some();
    let deciding = validators.iter().filter(|v| v.role == NodeRole::Validator);
    let deciding: Vec<&ValidatorStatus> = deciding.collect();
    let heard = deciding.iter().filter(is_heard).count();
    (heard < health.quorum_size).then(|| Hindrance {
        code: "starting",
        detail: format!(
            "starting: heard of {heard} validators of {}, itself among them; {} are needed",
            deciding.len(),
            health.quorum_size
        ),
        next_step: "Wait two seconds: the others are heard of, or reported as missing.",
    })
}

fn behind(validators: &[ValidatorStatus]) -> Option<Hindrance> {
    let own = validators.iter().find(|v| v.own)?;
    // What an observer says of itself counts for nobody else.
    let decides = |v: &&ValidatorStatus| v.present && !v.own && v.role == NodeRole::Validator;
    let ahead = validators.iter().filter(decides);
    let ahead = ahead.max_by_key(|v| v.height)?;
    let behind = ahead.height.0.saturating_sub(own.height.0);
    (behind > BEHIND_MAX).then(|| Hindrance {
        code: "behind",
        detail: format!(
            "behind by {behind} blocks: here {}, {} is at {}",
            own.height, ahead.name, ahead.height
        ),
        next_step: "Wait: it fetches what it lacks. If the number does not fall, look at its log.",
    })
}
