//! Messages of heights to come, kept in arrival order until their height starts.
//!
//! The core has a queue of its own for them, which a journal cut at a height boundary would
//! lose; a validator that replays without them can sign a second, different vote. So they wait
//! here, where a snapshot carries them across the cut.

use super::io::EngineInput;
use messages::consensus::ConsensusMessage;
use messages::ids::Height;
use messages::keys::PublicKey;
use std::collections::BTreeMap;

/// How many heights ahead of the current one are kept.
pub const FUTURE_HEIGHTS_MAX: u64 = 8;

/// Most inputs kept per height for one sender: eleven rounds of two votes and a proposal.
const PER_SENDER_MAX: usize = 36;

/// Most certificates kept per height, whoever sent them.
const CERTIFICATES_MAX: usize = 36;

/// On whose account an input is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Account {
    Signer(PublicKey),
    Body(PublicKey),
    Certificates,
}

#[derive(Debug, Default)]
struct Waiting {
    inputs: Vec<EngineInput>,
    kept: BTreeMap<Account, usize>,
}

/// Inputs that wait for their height.
#[derive(Debug, Default)]
pub(super) struct Future {
    heights: BTreeMap<Height, Waiting>,
}

impl Future {
    /// Whether the same input already waits.
    pub(super) fn holds(&self, height: Height, input: &EngineInput) -> bool {
        self.heights
            .get(&height)
            .is_some_and(|waiting| waiting.inputs.contains(input))
    }

    /// Whether the sender's account at `height` has room.
    pub(super) fn has_room(&self, height: Height, input: &EngineInput) -> bool {
        let account = account_of(input);
        let limit = match account {
            Account::Certificates => CERTIFICATES_MAX,
            Account::Signer(_) | Account::Body(_) => PER_SENDER_MAX,
        };
        let waiting = self.heights.get(&height);
        waiting
            .and_then(|w| w.kept.get(&account))
            .is_none_or(|kept| *kept < limit)
    }

    /// Keeps `input` behind those that arrived before it.
    pub(super) fn push(&mut self, height: Height, input: EngineInput) {
        let waiting = self.heights.entry(height).or_default();
        *waiting.kept.entry(account_of(&input)).or_default() += 1;
        waiting.inputs.push(input);
    }

    /// Takes the inputs of `height` in arrival order and forgets those of lower heights.
    pub(super) fn take(&mut self, height: Height) -> Vec<EngineInput> {
        let later = self.heights.split_off(&height.next());
        let mut until = std::mem::replace(&mut self.heights, later);
        until
            .remove(&height)
            .map(|waiting| waiting.inputs)
            .unwrap_or_default()
    }

    /// Everything that waits, by height and then by arrival.
    pub(super) fn inputs(&self) -> impl Iterator<Item = &EngineInput> {
        self.heights.values().flat_map(|waiting| &waiting.inputs)
    }
}

fn account_of(input: &EngineInput) -> Account {
    match input {
        EngineInput::Message(ConsensusMessage::Vote(m)) => Account::Signer(m.vote.validator),
        EngineInput::Message(ConsensusMessage::Proposal(m)) => Account::Signer(m.proposal.proposer),
        EngineInput::BlockChecked { proposer, .. } => Account::Body(*proposer),
        _ => Account::Certificates,
    }
}
