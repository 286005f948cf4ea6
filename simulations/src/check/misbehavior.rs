//! Misbehavior is detected, and never pinned on the honest.

use super::Violations;
use crate::founders::Founders;
use crate::plan::Plan;
use messages::consensus::EquivocationProof;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

/// Proofs that nodes found; clones share them.
#[derive(Clone)]
pub struct Misbehavior {
    proven: Arc<Mutex<BTreeSet<EquivocationProof>>>,
    founders: Arc<Founders>,
    plan: Arc<Plan>,
    violations: Violations,
}

impl Misbehavior {
    /// Nothing was proven yet.
    pub fn new(plan: Arc<Plan>, founders: Arc<Founders>, violations: Violations) -> Self {
        Self {
            proven: Arc::default(),
            founders,
            plan,
            violations,
        }
    }

    /// A process hands out a proof.
    ///
    /// # Panics
    /// Never: nobody panics while holding the proofs.
    pub fn on_proof(&self, by: usize, proof: &EquivocationProof) {
        let key = proof.validator();
        let validators = &self.founders.genesis.validators;
        let place = validators.iter().position(|v| v.consensus == key);
        match place {
            None => self
                .violations
                .add(format!("process {by} accuses nobody: {proof:?}")),
            Some(place) if self.plan.is_honest(place) => self
                .violations
                .add(format!("process {by} accuses the honest validator {place}")),
            Some(_) if !conflict(proof, &*self.founders.verifier) => self.violations.add(format!(
                "process {by} hands out a proof that is none: {proof:?}"
            )),
            Some(_) => {}
        }
        let mut proven = self.proven.lock().expect("no code panics here");
        proven.insert(proof.clone());
    }

    /// Validators that were proven to misbehave, by place.
    ///
    /// # Panics
    /// Never: nobody panics while holding the proofs.
    pub fn guilty(&self) -> BTreeSet<usize> {
        let validators = &self.founders.genesis.validators;
        let place = |proof: &EquivocationProof| {
            let key = proof.validator();
            validators.iter().position(|v| v.consensus == key)
        };
        let proven = self.proven.lock().expect("no code panics here");
        proven.iter().filter_map(place).collect()
    }
}

/// Two different things for one step of one validator, both with its signature: judged here from
/// the fields, and not by the proof's own predicate.
fn conflict(proof: &EquivocationProof, verifier: &dyn messages::ports::ConsensusVerifier) -> bool {
    match proof {
        EquivocationProof::Votes(a, b) => {
            let step = |v: &messages::consensus::Vote| {
                (v.network.clone(), v.validator, v.height, v.round, v.kind)
            };
            step(&a.vote) == step(&b.vote)
                && a.vote.block != b.vote.block
                && [a, b].iter().all(|s| {
                    verifier.verify(&s.vote.validator, &s.vote.signing_hash(), &s.signature)
                })
        }
        EquivocationProof::Proposals(a, b) => {
            let step = |p: &messages::consensus::Proposal| {
                (p.network.clone(), p.proposer, p.height, p.round)
            };
            step(&a.proposal) == step(&b.proposal)
                && (a.proposal.block, a.proposal.valid_round)
                    != (b.proposal.block, b.proposal.valid_round)
                && [a, b].iter().all(|s| {
                    let p = &s.proposal;
                    verifier.verify(&p.proposer, &p.signing_hash(), &s.signature)
                })
        }
    }
}
