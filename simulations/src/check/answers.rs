//! What nodes told clients: every id that honest ones acknowledged, and every receipt anybody
//! handed out.

use super::Violations;
use super::altered;
use super::ledger::Summary;
use super::receipt_text::{self, Held};
use crate::founders::Founders;
use bytes::Bytes;
use messages::api::Committed;
use messages::hash::Hash;
use messages::ids::StatementId;
use messages::verify::verify_bytes;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The answers of a world.
pub struct Answers {
    founders: Arc<Founders>,
    /// The keys are real, so the verifier that strangers use judges too.
    real_keys: bool,
    acknowledged: BTreeSet<StatementId>,
    receipts: BTreeMap<StatementId, Vec<Committed>>,
    /// Receipt texts judged already.
    judged: BTreeSet<Hash>,
    /// Roots by size, of receipts that hold.
    roots: BTreeMap<u64, Held>,
    violations: Violations,
}

impl Answers {
    /// No answer yet.
    pub fn new(founders: Arc<Founders>, real_keys: bool, violations: Violations) -> Self {
        Self {
            founders,
            real_keys,
            acknowledged: BTreeSet::new(),
            receipts: BTreeMap::new(),
            judged: BTreeSet::new(),
            roots: BTreeMap::new(),
            violations,
        }
    }

    /// A node said that the statement is durable and will be committed.
    pub fn on_acknowledged(&mut self, id: StatementId) {
        self.acknowledged.insert(id);
    }

    /// A node handed out a receipt for `entry`.
    pub fn on_receipt(&mut self, asked: StatementId, entry: &Bytes, committed: &Committed) {
        self.on_acknowledged(asked);
        if !self.judged.insert(Hash::of(committed.receipt.as_bytes())) {
            return;
        }
        let fail = |reason: String| {
            self.violations
                .add(format!("a receipt of {asked} does not verify: {reason}"));
        };
        match receipt_text::judge(&committed.receipt, entry, &self.founders) {
            Err(reason) => fail(reason),
            Ok(held) if held.index != committed.index.0 || committed.id != asked => {
                fail("it is about something else".into());
            }
            Ok(held) => self.on_head(held),
        }
        if self.real_keys {
            self.ask_the_verifier(asked, committed);
            self.show_altered(asked, committed);
        }
        self.receipts
            .entry(asked)
            .or_default()
            .push(committed.clone());
    }

    /// No two receipts that hold are of different trees of one size.
    fn on_head(&mut self, held: Held) {
        let known = self.roots.entry(held.size).or_insert_with(|| held.clone());
        if known.root != held.root {
            let both: Vec<_> = known.cosigners.intersection(&held.cosigners).collect();
            self.violations.add(format!(
                "conflicting receipts: two roots of size {}, both cosigned by {both:?}",
                held.size
            ));
        }
    }

    fn ask_the_verifier(&self, asked: StatementId, committed: &Committed) {
        let report = verify_bytes(committed.receipt.as_bytes(), &self.founders.policy, None);
        let holds = report.evidence.as_ref().is_some_and(|e| {
            e.id == asked && e.index == committed.index && e.height == committed.height
        });
        if !report.is_accepted() || !holds {
            let failure = report
                .failures()
                .next()
                .map(|f| format!("{:?}: {}", f.check, f.found));
            let reason = failure.unwrap_or("it is about something else".into());
            self.violations.add(format!(
                "the verifier refuses a receipt of {asked}: {reason}"
            ));
        }
    }

    /// The verifier refuses what a receipt does not prove.
    fn show_altered(&self, asked: StatementId, committed: &Committed) {
        for form in altered::places(&committed.receipt) {
            let report = verify_bytes(form.as_bytes(), &self.founders.policy, None);
            if report.is_accepted() {
                self.violations.add(format!(
                    "the verifier accepts a receipt of {asked} whose place was altered"
                ));
                return;
            }
        }
    }

    /// Statements that some node acknowledged.
    pub fn acknowledged(&self) -> usize {
        self.acknowledged.len()
    }

    /// Judges a node's ledger at the end: each acknowledged statement once, where receipts say.
    pub fn check(&self, node: usize, ledger: &Summary) {
        for (id, places) in &ledger.statements {
            if places.len() != 1 {
                let id = StatementId(Hash(*id));
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
