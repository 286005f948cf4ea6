//! Tree heads, receipts, votes and proposals of validators that may sign anything.

use super::network::{Network, ORIGIN, TIME_S};
use super::{key, name};
use messages::blame::{Exhibit, Head, Inclusion};
use messages::checkpoint::{Checkpoint, cosign, sign_log};
use messages::consensus::{
    BlockId, CommitCertificate, ConsensusMessage, Proposal, SignedProposal, SignedVote, Vote,
    VoteKind,
};
use messages::genesis::{Genesis, GenesisValidator, Namespace, Parameters};
use messages::hash::Hash;
use messages::ids::{Height, LeafIndex, Round, TimeMs, TreeSize};
use messages::keys::PrivateKey;
use messages::merkle;
use messages::note::Note;
use messages::ports::ConsensusSigner;
use messages::receipt::{OutcomeProof, Receipt, ReceiptExtra, SealProof};

/// Entries `0..size` of a log; from `fork` on, those of another one.
pub fn entries(size: usize, fork: usize) -> Vec<Vec<u8>> {
    let entry = |i| match i < fork {
        true => format!("entry {i}"),
        false => format!("other entry {i}"),
    };
    (0..size).map(|i| entry(i).into_bytes()).collect()
}

pub fn leaves(entries: &[Vec<u8>]) -> Vec<Hash> {
    entries.iter().map(|entry| Hash::leaf(entry)).collect()
}

pub fn checkpoint(entries: &[Vec<u8>]) -> Checkpoint {
    Checkpoint {
        origin: ORIGIN.into(),
        size: TreeSize(entries.len() as u64),
        root: merkle::root_of_leaves(&leaves(entries)),
    }
}

pub fn inclusion(entries: &[Vec<u8>], index: usize) -> Inclusion {
    let leaves = leaves(entries);
    Inclusion {
        index: LeafIndex(index as u64),
        leaf: leaves[index],
        path: merkle::inclusion_path(&leaves, index),
    }
}

/// A head of these entries with the log line of validator `log` and the cosignatures of `signers`.
pub fn note(network: &Network, entries: &[Vec<u8>], log: usize, signers: &[usize]) -> Note {
    let head = checkpoint(entries);
    let text = head.text();
    let cosignature = |i: &usize| {
        let name = Network::cosigner_name(*i);
        cosign(&network.cosigners[*i], &name, TIME_S + *i as u64, &text)
    };
    head.note(
        sign_log(&network.logs[log], ORIGIN, &text),
        signers.iter().map(cosignature).collect(),
    )
}

pub fn head(note: Note, proofs: Vec<Inclusion>) -> Exhibit {
    Exhibit::Head(Box::new(Head::try_new(note, proofs).unwrap()))
}

/// The receipt of the entry at `index`, with the last entry as its seal.
pub fn receipt(entries: &[Vec<u8>], index: usize, checkpoint: Note) -> Receipt {
    let (last, at) = (entries.len() - 1, inclusion(entries, index));
    Receipt {
        index: at.index,
        path: at.path,
        extra: ReceiptExtra {
            entry: entries[index].clone(),
            salt: Some([42; 32]),
            batch: None,
            outcome: OutcomeProof {
                bytes: b"an outcome".to_vec(),
                index: 0,
                count: 1,
                path: vec![],
            },
            seal: SealProof {
                bytes: entries[last].clone(),
                index: LeafIndex(last as u64),
                path: inclusion(entries, last).path,
            },
            chain: vec![],
        },
        checkpoint,
    }
}

pub fn consensus_key(i: usize) -> PrivateKey {
    key(&format!("consensus {i}"))
}

/// The genesis document of [`Network::of`].
pub fn genesis(n: usize) -> Genesis {
    let network = Network::of(n);
    let validator = |i: usize| GenesisValidator {
        name: name(&format!("v{}", i + 1)),
        organisation: format!("Court {}", i + 1),
        consensus: consensus_key(i).public(),
        log: network.logs[i].public(),
        cosigner: network.cosigners[i].public(),
        receipt: key(&format!("receipt {i}")).public(),
        transport: key(&format!("transport {i}")).public(),
    };
    Genesis {
        network: name("trial"),
        origin: ORIGIN.into(),
        created: TimeMs(1_700_000_000_000),
        demonstration: false,
        validators: (0..n).map(validator).collect(),
        namespaces: vec![Namespace::open(name("notary"))],
        parameters: Parameters::default(),
    }
}

pub fn block(text: &str) -> BlockId {
    BlockId(Hash::of(text.as_bytes()))
}

/// A vote of validator `i` at height 7 of the network `trial`.
pub fn vote(i: usize, round: u32, kind: VoteKind, block: Option<BlockId>) -> SignedVote {
    let signer = consensus_key(i);
    let vote = Vote {
        network: name("trial"),
        height: Height(7),
        round: Round(round),
        kind,
        block,
        validator: signer.public(),
    };
    SignedVote {
        signature: signer.sign_vote(&vote),
        vote,
    }
}

pub fn precommit(i: usize, round: u32, text: &str) -> SignedVote {
    vote(i, round, VoteKind::Precommit, Some(block(text)))
}

pub fn proposal(i: usize, round: u32, text: &str, valid: Option<u32>) -> SignedProposal {
    let signer = consensus_key(i);
    let proposal = Proposal {
        network: name("trial"),
        height: Height(7),
        round: Round(round),
        block: block(text),
        valid_round: valid.map(Round),
        proposer: signer.public(),
    };
    SignedProposal {
        signature: signer.sign_proposal(&proposal),
        proposal,
    }
}

pub fn voted(vote: SignedVote) -> Exhibit {
    Exhibit::Message(ConsensusMessage::Vote(vote))
}

pub fn proposed(proposal: SignedProposal) -> Exhibit {
    Exhibit::Message(ConsensusMessage::Proposal(proposal))
}

/// A commit certificate of height 7 by these validators.
pub fn certificate(round: u32, text: &str, signers: &[usize]) -> CommitCertificate {
    let mut signatures: Vec<_> = signers
        .iter()
        .map(|i| precommit(*i, round, text))
        .map(|signed| (signed.vote.validator, signed.signature))
        .collect();
    signatures.sort_unstable();
    CommitCertificate {
        height: Height(7),
        round: Round(round),
        block: block(text),
        signatures,
    }
}
