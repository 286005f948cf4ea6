//! What nodes told clients: every id they acknowledged, and every receipt they handed out.

use super::Violations;
use super::ledger::Summary;
use messages::api::Committed;
use messages::ids::StatementId;
use messages::policy::Policy;
use messages::verify::verify_bytes;
use std::collections::{BTreeMap, BTreeSet};

/// The answers of a world.
pub struct Answers {
    policy: Policy,
    acknowledged: BTreeSet<StatementId>,
    receipts: BTreeMap<StatementId, Vec<Committed>>,
    /// Receipt texts judged already.
    judged: BTreeSet<String>,
    violations: Violations,
}

impl Answers {
    /// No answer yet; receipts are judged by `policy`.
    pub fn new(policy: Policy, violations: Violations) -> Self {
        Self {
            policy,
            acknowledged: BTreeSet::new(),
            receipts: BTreeMap::new(),
            judged: BTreeSet::new(),
            violations,
        }
    }

    /// A node said that the statement is durable and will be committed.
    pub fn on_acknowledged(&mut self, id: StatementId) {
        self.acknowledged.insert(id);
    }

    /// A node handed out a receipt.
    pub fn on_receipt(&mut self, asked: StatementId, committed: &Committed) {
        self.on_acknowledged(asked);
        if !self.judged.insert(committed.receipt.clone()) {
            return;
        }
        let report = verify_bytes(committed.receipt.as_bytes(), &self.policy, None);
        let evidence = report.evidence.as_ref();
        let holds = evidence.is_some_and(|e| {
            e.id == asked && e.index == committed.index && e.height == committed.height
        });
        if !report.is_accepted() || !holds || committed.id != asked {
            let failure = report
                .failures()
                .next()
                .map(|f| format!("{:?}: {}", f.check, f.found));
            let reason = failure.unwrap_or("it is about something else".into());
            self.violations
                .add(format!("a receipt of {asked} does not verify: {reason}"));
        }
        self.receipts
            .entry(asked)
            .or_default()
            .push(committed.clone());
    }

    /// Statements that some node acknowledged.
    pub fn acknowledged(&self) -> usize {
        self.acknowledged.len()
    }

    /// Judges a node's ledger at the end: each acknowledged statement once, where receipts say.
    pub fn check(&self, node: usize, ledger: &Summary) {
        for (id, places) in &ledger.statements {
            if places.len() != 1 {
                let id = StatementId(messages::hash::Hash(*id));
                self.violations
                    .add(format!("node {node}: {id} is at {places:?}: expected once"));
            }
        }
        for id in &self.acknowledged {
            if !ledger.statements.contains_key(&id.0.0) {
                self.violations
                    .add(format!("node {node}: {id} was acknowledged and is lost"));
            }
        }
        for committed in self.receipts.values().flatten() {
            let places = ledger.statements.get(&committed.id.0.0);
            if places.is_none_or(|places| places[..] != [committed.index.0]) {
                let id = committed.id;
                self.violations
                    .add(format!("node {node}: {id} is not where its receipt says"));
            }
        }
    }
}
