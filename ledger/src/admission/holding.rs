//! Handing on what passed all checks, once the bodies that it lodges are here.

use super::problems::not_held_here;
use super::{Admission, AdmissionEffect, Waiting};
use crate::bodies::{LodgedBody, Source};
use crate::execution::Entry;
use crate::replica::JudgedBlock;
use messages::genesis::Genesis;
use messages::ids::Name;
use messages::statement::Lodged;
use messages::stored::BodyReader;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Which bodies a node must hold, and where they lie.
#[derive(Clone)]
pub struct BodyDuty {
    /// Bodies that are here.
    pub reader: Arc<dyn BodyReader>,
    /// Namespaces whose bodies this node must hold.
    pub held: BTreeSet<Name>,
    /// Holders of every other namespace.
    pub holders: BTreeMap<Name, Vec<Name>>,
}

impl BodyDuty {
    /// The duty that `genesis` lays on the validator called `own`.
    pub fn new(genesis: &Genesis, own: &Name, reader: Arc<dyn BodyReader>) -> Self {
        let (held, others): (Vec<_>, Vec<_>) =
            genesis.namespaces.iter().partition(|n| n.is_held_by(own));
        Self {
            reader,
            held: held.iter().map(|n| n.name.clone()).collect(),
            holders: others
                .iter()
                .map(|n| (n.name.clone(), n.holders.clone()))
                .collect(),
        }
    }
}

impl Admission {
    /// Hands on what passed all checks and waits for no body: proposals first.
    pub(super) fn go_on(&mut self, ready: Vec<Waiting>, out: &mut Vec<AdmissionEffect>) {
        let (mut local, mut gossip, mut proposals) = (Vec::new(), Vec::new(), Vec::new());
        for item in ready {
            match item {
                Waiting::Client { token, entry } => {
                    let id = entry.id;
                    out.push(AdmissionEffect::Passed { token, id });
                    local.push(entry);
                }
                Waiting::Gossip { entry, .. } => gossip.push(entry),
                Waiting::Synced(block) => out.push(AdmissionEffect::Synced(block)),
                Waiting::Proposal {
                    message,
                    parts,
                    entries,
                    ..
                } => {
                    let block = JudgedBlock {
                        parts,
                        entries: Some(entries),
                    };
                    proposals.push(AdmissionEffect::Proposal { message, block });
                }
            }
        }
        out.append(&mut proposals);
        for (entries, is_local) in [(local, true), (gossip, false)] {
            if !entries.is_empty() {
                out.push(AdmissionEffect::Admit {
                    entries,
                    local: is_local,
                });
            }
        }
    }

    /// Parks what lodges bodies that this node must hold and does not; gives the rest.
    pub(super) fn park(
        &mut self,
        passed: Vec<Waiting>,
        out: &mut Vec<AdmissionEffect>,
    ) -> Vec<Waiting> {
        let mut ready = Vec::with_capacity(passed.len());
        for item in passed {
            if let Waiting::Client { token, entry } = &item
                && let Some(holders) = self.holders_elsewhere(entry)
            {
                let (token, problem) = (*token, not_held_here(holders));
                out.push(AdmissionEffect::Refused { token, problem });
                continue;
            }
            let missing: Vec<LodgedBody> = lodged_bodies(&item)
                .into_iter()
                .filter(|body| self.duty.held.contains(&body.namespace))
                .filter(|body| !self.duty.reader.holds_body(&body.digest))
                .collect();
            if missing.is_empty() {
                ready.push(item);
                continue;
            }
            let source = match &item {
                Waiting::Client { .. } => Source::Client,
                Waiting::Gossip { from, .. } | Waiting::Proposal { from, .. } => {
                    Source::Peer(from.clone())
                }
                Waiting::Synced(_) => Source::Holders,
            };
            let digests = missing.iter().map(|body| body.digest).collect();
            if let Some(Waiting::Client { token, .. }) = self.parked.park(item, digests) {
                let problem = crate::gateway::busy();
                out.push(AdmissionEffect::Refused { token, problem });
            }
            out.extend(missing.into_iter().map(|body| AdmissionEffect::WantBody {
                body,
                source: source.clone(),
            }));
        }
        ready
    }

    /// The holders of the body that a statement lodges, when this node is none of them.
    fn holders_elsewhere(&self, entry: &Entry) -> Option<&[Name]> {
        let body = lodged_body(entry)?;
        self.duty.holders.get(&body.namespace).map(Vec::as_slice)
    }
}

/// The bodies that a thing lodges.
fn lodged_bodies(item: &Waiting) -> Vec<LodgedBody> {
    match item {
        Waiting::Synced(block) => {
            let statements = block.block.statements.iter();
            // What does not parse is refused when the block is executed.
            let entries = statements.filter_map(|bytes| Entry::parse(bytes.clone()).ok());
            entries.filter_map(|entry| lodged_body(&entry)).collect()
        }
        _ => item.entries().iter().filter_map(lodged_body).collect(),
    }
}

/// The body that a statement lodges.
pub fn lodged_body(entry: &Entry) -> Option<LodgedBody> {
    let deposit = &entry.statement.deposit;
    match deposit.lodged {
        Lodged::Body { digest, size } => Some(LodgedBody {
            digest,
            size,
            namespace: deposit.namespace.clone(),
        }),
        _ => None,
    }
}
