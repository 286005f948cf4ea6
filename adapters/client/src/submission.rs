//! One statement sent to nodes in turn until one of them gives its receipt.

use crate::error::ClientError;
use crate::http::{Client, Submitted};
use crate::url::NodeUrl;
use messages::cbor::Canonical;
use messages::hash::Hash;
use messages::outcome::{Outcome, OutcomeCode};
use messages::policy::Policy;
use messages::receipt::Receipt;
use messages::seal::Seal;
use messages::verify::{Check, verify};
use std::time::{Duration, Instant};

/// Longest wait that a node accepts.
const WAIT_MAX: Duration = Duration::from_secs(60);
/// Time that must be left for another round of nodes.
const ROUND_MIN: Duration = Duration::from_secs(1);

/// Where a statement stands when the nodes have been asked.
pub enum Standing {
    /// Committed.
    Receipted(Box<Receipted>),
    /// Not receipted yet.
    Waiting {
        /// Why, by node.
        why: String,
        /// Validators that are missing, when there is no quorum.
        missing: Vec<String>,
        /// Validators needed; 0 when not known.
        quorum: u64,
    },
    /// Refused by every node that answered.
    Refused {
        /// What is wrong.
        detail: String,
        /// What to do.
        next_step: String,
        /// Whether every node answered, so that none can have admitted it.
        by_all: bool,
    },
}

/// A signed statement's bytes and the body that it lodges, if any.
#[derive(Clone, Copy, Debug)]
pub struct Outgoing<'a> {
    /// The statement's entry.
    pub entry: &'a [u8],
    /// The body; each node gets it before the statement.
    pub body: Option<&'a [u8]>,
}

impl<'a> Outgoing<'a> {
    /// A statement without a body.
    pub fn statement(entry: &'a [u8]) -> Self {
        Self { entry, body: None }
    }

    async fn send(self, client: &Client, node: &NodeUrl, wait: Duration) -> Submitted {
        if let Some(body) = self.body {
            match client.put_body(node, &Hash::of(body), body.to_vec()).await {
                Ok(()) => {}
                Err(ClientError::Refused { detail, next_step }) => {
                    return Submitted::Refused { detail, next_step };
                }
                Err(error) => return Submitted::Unavailable(error.to_string()),
            }
        }
        client.submit(node, self.entry, wait).await
    }
}

/// A receipt of the statement that was sent.
pub struct Receipted {
    /// The receipt.
    pub receipt: Receipt,
    /// The seal of its block.
    pub seal: Seal,
    /// What became of the statement.
    pub outcome: OutcomeCode,
}

/// What the nodes have said so far.
#[derive(Default)]
struct Heard {
    admitted: Vec<String>,
    unavailable: Vec<String>,
    refused: Option<(String, String)>,
    missing: Vec<String>,
    quorum: u64,
}

/// Sends a statement to the nodes in turn, for `wait` in all; each gets an equal share of what is
/// left, so that one that hangs does not use up the wait of the others.
///
/// With a `policy` a receipt counts only when it verifies: a node that forges one is passed over.
pub async fn submit(
    (client, nodes): (&Client, &[NodeUrl]),
    outgoing: Outgoing<'_>,
    policy: Option<&Policy>,
    wait: Duration,
) -> Standing {
    let end = Instant::now() + wait;
    loop {
        let mut heard = Heard::default();
        for (position, node) in nodes.iter().enumerate() {
            let left = end.saturating_duration_since(Instant::now());
            let share = left / u32::try_from(nodes.len() - position).unwrap_or(u32::MAX);
            let answer = outgoing.send(client, node, share.min(WAIT_MAX)).await;
            match judge(answer, outgoing.entry, policy) {
                Ok(receipted) => return Standing::Receipted(Box::new(receipted)),
                Err(answer) => heard.note(node, answer),
            }
            if wait.is_zero() && !heard.admitted.is_empty() {
                break;
            }
        }
        let may_commit = !heard.admitted.is_empty() && heard.missing.is_empty();
        if !may_commit || end.saturating_duration_since(Instant::now()) < ROUND_MIN {
            return heard.standing();
        }
    }
}

/// A receipt is taken only when it is one of the statement that was sent.
fn judge(answer: Submitted, entry: &[u8], policy: Option<&Policy>) -> Result<Receipted, Submitted> {
    let Submitted::Committed(text) = answer else {
        return Err(answer);
    };
    read_receipt(&text, entry, policy)
        .map_err(|why| Submitted::Unavailable(format!("its receipt is unusable: {why}")))
}

fn read_receipt(text: &str, entry: &[u8], policy: Option<&Policy>) -> Result<Receipted, String> {
    let receipt = Receipt::parse(text).map_err(|e| e.to_string())?;
    if receipt.extra.entry != entry {
        return Err("it is of another statement".into());
    }
    let seal = Seal::from_bytes(&receipt.extra.seal.bytes).map_err(|e| e.to_string())?;
    let outcome = Outcome::from_bytes(&receipt.extra.outcome.bytes).map_err(|e| e.to_string())?;
    if let Some(policy) = policy {
        // A failed statement's receipt is a true one: the caller tells its outcome.
        let report = verify(&receipt, policy, None);
        if let Some(failure) = report.failures().find(|f| f.check != Check::Success) {
            let (expected, found) = (&failure.expected, &failure.found);
            return Err(format!(
                "{}: expected {expected}, found {found}",
                failure.check
            ));
        }
    }
    Ok(Receipted {
        receipt,
        seal,
        outcome: outcome.code,
    })
}

impl Heard {
    fn note(&mut self, node: &NodeUrl, answer: Submitted) {
        match answer {
            Submitted::Pending => self
                .admitted
                .push(format!("{node}: admitted, no receipt yet")),
            Submitted::NoQuorum { missing, quorum } => {
                self.admitted.push(format!("{node}: admitted, no quorum"));
                self.missing = missing;
                self.quorum = quorum;
            }
            Submitted::Refused { detail, next_step } => {
                let detail = format!("{node}: {detail}");
                self.refused.get_or_insert((detail, next_step));
            }
            Submitted::Unavailable(why) => self.unavailable.push(format!("{node}: {why}")),
            Submitted::Committed(_) => unreachable!("a commitment is judged before it is noted"),
        }
    }

    fn standing(self) -> Standing {
        let by_all = self.unavailable.is_empty();
        match self.refused {
            Some((detail, next_step)) if self.admitted.is_empty() => Standing::Refused {
                detail,
                next_step,
                by_all,
            },
            refused => {
                let refused = refused.map(|(detail, _)| detail);
                let why = [self.admitted, self.unavailable].concat();
                let why: Vec<String> = why.into_iter().chain(refused).collect();
                Standing::Waiting {
                    why: why.join("; "),
                    missing: self.missing,
                    quorum: self.quorum,
                }
            }
        }
    }
}
