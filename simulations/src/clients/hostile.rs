//! Clients that mean harm: what they submit is refused, and never stands in a ledger.

use super::Reachable;
use crate::check::Violations;
use crate::dice::Dice;
use crate::founders::key;
use crate::plan::Plan;
use crate::schedule::{Event, Schedule};
use crate::statements::{deposit, statement};
use bus::api::{NodeApi, Query, SubmitAnswer};
use bytes::Bytes;
use messages::hash::Hash;
use messages::statement::{Lodged, Statement};
use std::sync::LazyLock;

/// Longest statement that a network takes, and more.
const OVERSIZED_BYTES: usize = 70_000;

pub(super) struct Hostile {
    dice: Dice,
    violations: Violations,
}

/// Statements of other networks and namespaces, signed once.
fn foreign(which: usize) -> Bytes {
    static FOREIGN: LazyLock<Vec<Bytes>> = LazyLock::new(|| {
        let sign = |network: &str, namespace: &str| {
            let lodged = Lodged::Digest(Hash::of(network.as_bytes()));
            let payload = deposit(network, namespace, lodged);
            let signed = Statement::sign(&key("hostile"), "a stranger", "a document", payload);
            let signed = signed.expect("a strange deposit can be signed");
            Bytes::from(signed.entry())
        };
        vec![sign("other", "public"), sign("sim", "nowhere")]
    });
    FOREIGN[which % FOREIGN.len()].clone()
}

impl Hostile {
    pub(super) fn new(plan: &Plan, schedule: &Schedule, violations: Violations) -> Self {
        let mut dice = Dice::new(plan.seed, "hostile");
        for which in 0..plan.workload.hostile {
            let at_us = dice.within(10_000..plan.faults_ms * 1_000);
            let event = super::ClientEvent::Hostile(which);
            schedule.at(at_us, Event::Client(event));
        }
        Self { dice, violations }
    }

    /// Submits something bad to some node.
    pub(super) fn on(&mut self, which: usize, nodes: &[Reachable<'_>]) {
        let node = self.dice.index(nodes.len());
        let Some((handle, _)) = nodes[node] else {
            return;
        };
        let (what, entry) = self.draw();
        let violations = self.violations.clone();
        let reply = move |answer: SubmitAnswer| {
            if !matches!(answer, SubmitAnswer::Refused(_)) {
                violations.add(format!(
                    "hostile submission {which} ({what}) is not refused: {answer:?}"
                ));
            }
        };
        // Asking for the impossible costs an answer, and nothing more.
        let digest = Hash::of(&entry);
        if self.dice.within(0..3) == 0 {
            let bytes = entry.clone();
            handle.query(Query::PutBody { digest, bytes }, Box::new(drop));
        }
        handle.submit(entry, None, Box::new(reply));
    }

    fn draw(&mut self) -> (&'static str, Bytes) {
        let depositor = self.dice.index(crate::statements::DEPOSITORS);
        let good = statement(depositor, self.dice.index(50), 0).entry;
        let mut changed = good.to_vec();
        match self.dice.within(0..6) {
            0 => {
                let at = self.dice.index(changed.len());
                changed[at] ^= 1 << self.dice.within(0..8);
                ("a changed bit", changed.into())
            }
            1 => {
                changed.truncate(self.dice.index(changed.len()));
                ("cut short", changed.into())
            }
            2 => {
                changed.push(0);
                ("a byte more", changed.into())
            }
            3 => ("oversized", Bytes::from(vec![0xd2; OVERSIZED_BYTES])),
            4 => (
                "of another network or namespace",
                foreign(self.dice.index(2)),
            ),
            _ => ("nothing", Bytes::new()),
        }
    }
}
