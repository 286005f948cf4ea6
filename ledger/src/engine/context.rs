//! Our types in the shape the consensus core asks for.

use malachite_types::{self as core, NilOrVal};
use messages::consensus::{BlockId, Proposal, ValidatorSet, Vote, VoteKind};
use messages::ids::{Height, Name, Round};
use messages::keys::{PublicKey, Signature};
use std::fmt;
use std::sync::Arc;

/// What the core knows of a network: its name, which each vote and proposal carries.
#[derive(Clone, Debug)]
pub(super) struct CoreContext {
    pub(super) network: Name,
}

/// A validator's address: its consensus key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct CoreAddress(pub(super) PublicKey);

impl fmt::Display for CoreAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl core::Address for CoreAddress {}

/// A block's height.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct CoreHeight(pub(super) Height);

impl fmt::Display for CoreHeight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl core::Height for CoreHeight {
    const ZERO: Self = Self(Height(0));
    const INITIAL: Self = Self(Height(1));

    fn increment_by(&self, n: u64) -> Self {
        Self(Height(self.0.0.saturating_add(n)))
    }

    fn decrement_by(&self, n: u64) -> Option<Self> {
        self.0.0.checked_sub(n).map(|h| Self(Height(h)))
    }

    fn as_u64(&self) -> u64 {
        self.0.0
    }
}

/// The value the core agrees on: a block's id. The body travels beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct CoreValue(pub(super) BlockId);

impl core::Value for CoreValue {
    type Id = BlockId;

    fn id(&self) -> BlockId {
        self.0
    }
}

/// Bodies are not streamed through the core.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NoPart;

impl core::ProposalPart<CoreContext> for NoPart {
    fn is_first(&self) -> bool {
        true
    }

    fn is_last(&self) -> bool {
        true
    }
}

/// A validator of weight one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CoreValidator(CoreAddress);

impl core::Validator<CoreContext> for CoreValidator {
    fn address(&self) -> &CoreAddress {
        &self.0
    }

    fn public_key(&self) -> &PublicKey {
        &self.0.0
    }

    fn voting_power(&self) -> u64 {
        1
    }
}

/// A validator set, cheap to clone: the core clones it for each certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CoreValidatorSet {
    pub(super) set: Arc<ValidatorSet>,
    members: Arc<Vec<CoreValidator>>,
}

impl CoreValidatorSet {
    pub(super) fn new(set: &ValidatorSet) -> Self {
        let members = set
            .keys()
            .iter()
            .map(|key| CoreValidator(CoreAddress(*key)))
            .collect();
        Self {
            set: Arc::new(set.clone()),
            members: Arc::new(members),
        }
    }
}

impl core::ValidatorSet<CoreContext> for CoreValidatorSet {
    fn count(&self) -> usize {
        self.members.len()
    }

    fn total_voting_power(&self) -> u64 {
        self.members.len() as u64
    }

    fn get_by_address(&self, address: &CoreAddress) -> Option<&CoreValidator> {
        self.set.index_of(&address.0).map(|i| &self.members[i])
    }

    fn get_by_index(&self, index: usize) -> Option<&CoreValidator> {
        self.members.get(index)
    }
}

/// A vote with the fields the core borrows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CoreVote {
    pub(super) vote: Vote,
    value: NilOrVal<BlockId>,
    address: CoreAddress,
}

impl CoreVote {
    pub(super) fn new(vote: Vote) -> Self {
        let value = vote.block.map_or(NilOrVal::Nil, NilOrVal::Val);
        Self {
            value,
            address: CoreAddress(vote.validator),
            vote,
        }
    }
}

impl core::Vote<CoreContext> for CoreVote {
    fn height(&self) -> CoreHeight {
        CoreHeight(self.vote.height)
    }

    fn round(&self) -> core::Round {
        to_core_round(self.vote.round)
    }

    fn value(&self) -> &NilOrVal<BlockId> {
        &self.value
    }

    fn take_value(self) -> NilOrVal<BlockId> {
        self.value
    }

    fn vote_type(&self) -> core::VoteType {
        to_core_kind(self.vote.kind)
    }

    fn validator_address(&self) -> &CoreAddress {
        &self.address
    }

    fn extension(&self) -> Option<&core::SignedExtension<CoreContext>> {
        None
    }

    fn take_extension(&mut self) -> Option<core::SignedExtension<CoreContext>> {
        None
    }

    fn extend(self, _: core::SignedExtension<CoreContext>) -> Self {
        self
    }
}

/// A proposal with the fields the core borrows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CoreProposal {
    pub(super) proposal: Proposal,
    value: CoreValue,
    address: CoreAddress,
}

impl CoreProposal {
    pub(super) fn new(proposal: Proposal) -> Self {
        let (value, address) = (CoreValue(proposal.block), CoreAddress(proposal.proposer));
        Self {
            proposal,
            value,
            address,
        }
    }
}

impl core::Proposal<CoreContext> for CoreProposal {
    fn height(&self) -> CoreHeight {
        CoreHeight(self.proposal.height)
    }

    fn round(&self) -> core::Round {
        to_core_round(self.proposal.round)
    }

    fn value(&self) -> &CoreValue {
        &self.value
    }

    fn take_value(self) -> CoreValue {
        self.value
    }

    fn pol_round(&self) -> core::Round {
        self.proposal
            .valid_round
            .map_or(core::Round::Nil, to_core_round)
    }

    fn validator_address(&self) -> &CoreAddress {
        &self.address
    }
}

/// Ed25519 as the core names it; signing and judging happen in our effects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CoreScheme;

impl core::SigningScheme for CoreScheme {
    type DecodingError = &'static str;
    type Signature = Signature;
    type PublicKey = PublicKey;
    type PrivateKey = ();

    fn decode_signature(bytes: &[u8]) -> Result<Signature, &'static str> {
        bytes
            .try_into()
            .map(Signature)
            .map_err(|_| "a signature has 64 bytes")
    }

    fn encode_signature(signature: &Signature) -> Vec<u8> {
        signature.0.to_vec()
    }

    fn decode_public_key(bytes: &[u8]) -> Result<PublicKey, &'static str> {
        bytes
            .try_into()
            .map(PublicKey)
            .map_err(|_| "a public key has 32 bytes")
    }

    fn encode_public_key(public_key: &PublicKey) -> Vec<u8> {
        public_key.0.to_vec()
    }
}

impl core::Context for CoreContext {
    type Address = CoreAddress;
    type Height = CoreHeight;
    type ProposalPart = NoPart;
    type Proposal = CoreProposal;
    type Validator = CoreValidator;
    type ValidatorSet = CoreValidatorSet;
    type Timeouts = core::LinearTimeouts;
    type Value = CoreValue;
    type Vote = CoreVote;
    type Extension = ();
    type SigningScheme = CoreScheme;

    fn select_proposer<'a>(
        &self,
        validators: &'a CoreValidatorSet,
        height: CoreHeight,
        round: core::Round,
    ) -> &'a CoreValidator {
        let key = validators.set.proposer(height.0, from_core_round(round));
        let at = validators
            .set
            .index_of(&key)
            .expect("the proposer is chosen from the set");
        &validators.members[at]
    }

    fn new_proposal(
        &self,
        height: CoreHeight,
        round: core::Round,
        value: CoreValue,
        pol_round: core::Round,
        address: CoreAddress,
    ) -> CoreProposal {
        CoreProposal::new(Proposal {
            network: self.network.clone(),
            height: height.0,
            round: from_core_round(round),
            block: value.0,
            valid_round: pol_round.as_u32().map(Round),
            proposer: address.0,
        })
    }

    fn new_prevote(
        &self,
        height: CoreHeight,
        round: core::Round,
        value_id: NilOrVal<BlockId>,
        address: CoreAddress,
    ) -> CoreVote {
        self.vote(VoteKind::Prevote, height, round, value_id, address)
    }

    fn new_precommit(
        &self,
        height: CoreHeight,
        round: core::Round,
        value_id: NilOrVal<BlockId>,
        address: CoreAddress,
    ) -> CoreVote {
        self.vote(VoteKind::Precommit, height, round, value_id, address)
    }
}

impl CoreContext {
    fn vote(
        &self,
        kind: VoteKind,
        height: CoreHeight,
        round: core::Round,
        value: NilOrVal<BlockId>,
        address: CoreAddress,
    ) -> CoreVote {
        let (network, height, round) = (self.network.clone(), height.0, from_core_round(round));
        let (block, validator) = (from_core_value(value), address.0);
        CoreVote::new(Vote {
            network,
            height,
            round,
            kind,
            block,
            validator,
        })
    }
}

pub(super) fn to_core_round(round: Round) -> core::Round {
    core::Round::new(round.0)
}

/// The core's round; its "no round yet" becomes round 0, which is where a height starts.
pub(super) fn from_core_round(round: core::Round) -> Round {
    Round(round.as_u32().unwrap_or(0))
}

pub(super) fn to_core_kind(kind: VoteKind) -> core::VoteType {
    match kind {
        VoteKind::Prevote => core::VoteType::Prevote,
        VoteKind::Precommit => core::VoteType::Precommit,
    }
}

pub(super) fn from_core_value(value: NilOrVal<BlockId>) -> Option<BlockId> {
    match value {
        NilOrVal::Nil => None,
        NilOrVal::Val(block) => Some(block),
    }
}
