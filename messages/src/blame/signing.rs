//! Votes and proposals: who signed two different ones for one step of consensus.
//!
//! A correct validator sends one proposal in a round that it leads, and one prevote and one
//! precommit a round (Tendermint, arXiv 1807.04938, algorithm 1). Messages of different rounds
//! never convict here, because a lock may be released in between.

use super::anchor::AnchorId;
use super::exhibit::Exhibit;
use super::not_proven::NotProven;
use super::report::{
    BlameReport, Conflict, Conviction, Ignored, KeyHolder, KeyRole, NotConvicted, SignedItem,
};
use crate::cbor::Canonical;
use crate::consensus::{
    BlockId, ConsensusMessage, Proposal, SignedProposal, SignedVote, Vote, VoteKind,
};
use crate::genesis::Genesis;
use crate::ids::{Height, Name, Round};
use crate::keys::{PublicKey, Signature};
use std::collections::BTreeMap;

/// What a validator signs once in a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Proposal,
    Prevote,
    Precommit,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Proposal => "proposal",
            Self::Prevote => "prevote",
            Self::Precommit => "precommit",
        }
    }
}

/// A step at which a validator signs one message at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Step {
    height: Height,
    round: Round,
    kind: Kind,
}

/// A vote or proposal, as one form.
struct Signed {
    network: Name,
    validator: PublicKey,
    step: Step,
    block: Option<BlockId>,
    item: SignedItem,
}

/// What one validator validly signed for one step, by content.
type Contents = BTreeMap<Vec<u8>, (Option<BlockId>, SignedItem)>;
type Pool = BTreeMap<PublicKey, BTreeMap<Step, Contents>>;

/// Judges all messages together by the keys of a genesis document.
pub(super) fn judge(exhibits: &[Exhibit], genesis: &Genesis) -> BlameReport {
    let mut ignored = Vec::new();
    let pool = pool(exhibits, genesis, &mut ignored);
    let (mut convicted, mut not_convicted) = (Vec::new(), Vec::new());
    for validator in &genesis.validators {
        let Some(steps) = pool.get(&validator.consensus) else {
            continue;
        };
        let holder = KeyHolder {
            role: KeyRole::Consensus,
            name: validator.name.to_string(),
            organisation: Some(validator.organisation.clone()),
            key: validator.consensus,
            verifier_key: None,
        };
        match steps.values().find_map(two_of) {
            Some(signed) => convicted.push(Conviction { holder, signed }),
            None => not_convicted.push(NotConvicted {
                holder,
                signed_only: signed_only(steps),
            }),
        }
    }
    let verdict = if convicted.is_empty() {
        Err(why_nothing(&pool))
    } else {
        Ok(Conflict::DoubleSigning(genesis.network.clone()))
    };
    BlameReport {
        anchor: AnchorId::of_genesis(genesis),
        verdict,
        convicted,
        not_convicted,
        ignored,
    }
}

/// Sorts the messages with valid signatures of validators by validator, step and content.
fn pool(exhibits: &[Exhibit], genesis: &Genesis, ignored: &mut Vec<Ignored>) -> Pool {
    let mut pool = Pool::new();
    for signed in exhibits.iter().flat_map(|e| messages(e, &genesis.network)) {
        if let Some(reason) = reason_to_ignore(&signed, genesis) {
            ignored.push(Ignored {
                what: format!("{} by {}", signed.item.says, signed.validator),
                reason,
            });
            continue;
        }
        let content = signed.item.message.clone().unwrap_or_default();
        let steps = pool.entry(signed.validator).or_default();
        let contents = steps.entry(signed.step).or_default();
        // One content may have several valid signatures: the least makes the choice the same in
        // whatever order they come.
        let new = (signed.block, signed.item);
        match contents.get_mut(&content) {
            Some(there) if there.1.signature <= new.1.signature => {}
            Some(there) => *there = new,
            None => {
                contents.insert(content, new);
            }
        }
    }
    pool
}

fn reason_to_ignore(signed: &Signed, genesis: &Genesis) -> Option<String> {
    let Signed { network, item, .. } = signed;
    if *network != genesis.network {
        let expected = &genesis.network;
        return Some(format!("it is of network {network}, expected {expected}"));
    }
    if genesis.validator_by_key(&signed.validator).is_none() {
        return Some("the genesis document lists no validator with this key".into());
    }
    let valid = signed
        .validator
        .verify_strict(&item.signed_bytes, &item.signature);
    (!valid).then(|| "the signature does not verify (strict Ed25519)".into())
}

/// The messages of an exhibit; certificates do not name the network, the signed votes do.
fn messages(exhibit: &Exhibit, network: &Name) -> Vec<Signed> {
    let votes = |votes: &mut dyn Iterator<Item = (Vote, Signature)>| {
        votes.map(|(v, signature)| of_vote(&v, signature)).collect()
    };
    match exhibit {
        Exhibit::Head(_) | Exhibit::Proof(_) => Vec::new(),
        Exhibit::Commit(certificate) => votes(&mut certificate.votes(network)),
        Exhibit::Message(message) => match message {
            ConsensusMessage::Vote(SignedVote { vote, signature }) => {
                vec![of_vote(vote, *signature)]
            }
            ConsensusMessage::Proposal(SignedProposal {
                proposal,
                signature,
            }) => vec![of_proposal(proposal, *signature)],
            ConsensusMessage::Polka(certificate) => votes(&mut certificate.votes(network)),
            ConsensusMessage::RoundCertificate(certificate) => {
                votes(&mut certificate.votes(network))
            }
        },
    }
}

fn of_vote(vote: &Vote, signature: Signature) -> Signed {
    let kind = match vote.kind {
        VoteKind::Prevote => Kind::Prevote,
        VoteKind::Precommit => Kind::Precommit,
    };
    let step = Step {
        height: vote.height,
        round: vote.round,
        kind,
    };
    Signed {
        network: vote.network.clone(),
        validator: vote.validator,
        step,
        block: vote.block,
        item: SignedItem {
            says: says(step, vote.block, ""),
            message: Some(vote.to_bytes()),
            signed_bytes: vote.signing_hash().0.to_vec(),
            signature,
        },
    }
}

fn of_proposal(proposal: &Proposal, signature: Signature) -> Signed {
    let step = Step {
        height: proposal.height,
        round: proposal.round,
        kind: Kind::Proposal,
    };
    let again = match proposal.valid_round {
        Some(round) => format!(", valid in round {round}"),
        None => String::new(),
    };
    Signed {
        network: proposal.network.clone(),
        validator: proposal.proposer,
        step,
        block: Some(proposal.block),
        item: SignedItem {
            says: says(step, Some(proposal.block), &again),
            message: Some(proposal.to_bytes()),
            signed_bytes: proposal.signing_hash().0.to_vec(),
            signature,
        },
    }
}

fn says(step: Step, block: Option<BlockId>, more: &str) -> String {
    let Step {
        height,
        round,
        kind,
    } = step;
    let kind = kind.name();
    let block = block.map_or_else(|| "nil".to_owned(), |id| format!("block {id}"));
    format!("{kind} of {block} at height {height}, round {round}{more}")
}

fn two_of(contents: &Contents) -> Option<[SignedItem; 2]> {
    let mut items = contents.values().map(|(_, item)| item.clone());
    Some([items.next()?, items.next()?])
}

fn signed_only(steps: &BTreeMap<Step, Contents>) -> String {
    let mut said = steps
        .values()
        .flat_map(|c| c.values())
        .map(|(_, i)| &i.says);
    let first = said.next().cloned().unwrap_or_default();
    match said.count() {
        0 => first,
        more => format!("{first}, and {more} further that do not contradict it"),
    }
}

/// Nobody is convicted: because nothing counts, because a lock may have been released, or because
/// nothing is wrong.
fn why_nothing(pool: &Pool) -> NotProven {
    if pool.is_empty() {
        return NotProven::NothingValid;
    }
    let mut across: BTreeMap<(Height, Round, Round), usize> = BTreeMap::new();
    for steps in pool.values() {
        if let Some(key) = changed_precommit(steps) {
            *across.entry(key).or_default() += 1;
        }
    }
    // The pair of rounds in which most validators changed.
    let most = across.into_iter().max_by_key(|(_, validators)| *validators);
    most.map_or(
        NotProven::NoDoubleSigning,
        |((height, first, second), validators)| NotProven::AcrossRounds {
            height,
            first,
            second,
            validators,
        },
    )
}

/// Two rounds of one height in which a validator precommitted different blocks.
fn changed_precommit(steps: &BTreeMap<Step, Contents>) -> Option<(Height, Round, Round)> {
    let precommits: Vec<(Step, BlockId)> = steps
        .iter()
        .filter(|(step, _)| step.kind == Kind::Precommit)
        .flat_map(|(step, contents)| contents.values().map(move |(block, _)| (*step, *block)))
        .filter_map(|(step, block)| Some((step, block?)))
        .collect();
    let changed =
        |pair: &&[(Step, BlockId)]| pair[0].0.height == pair[1].0.height && pair[0].1 != pair[1].1;
    let pair = precommits.windows(2).find(changed)?;
    Some((pair[0].0.height, pair[0].0.round, pair[1].0.round))
}
