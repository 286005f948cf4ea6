//! Whether the world is done, and whether what must hold held.

use super::{HEALED_MS_MAX, LOOK_US, World};
use crate::check::ledger::{self, Summary};
use crate::check::{events, receipts};
use crate::founders::node_name;
use crate::outcome::Verdict;
use crate::plan::Driver;
use crate::replay;
use crate::schedule::Event;
use messages::checkpoint::cosignature_time;
use messages::note::{NoteSignature, VerifierKey, VerifierKeyType};

/// One stepped world in so many replays a journal.
const REPLAY_EVERY: u64 = 4;
/// What a node may keep in memory for clients and peers: in a world of some forty deposits, the
/// bounds of what may come early or wait for a body add up to about this.
const KEPT_MAX: usize = 4_000;
/// What may still wait in the mailboxes of a node at rest.
const WAITING_MAX: usize = 512;

impl World {
    /// The durable and the published height of each honest node.
    fn heights(&self) -> Vec<(u64, u64)> {
        let honest = self.nodes.iter().filter(|n| self.is_honest(n.node));
        let heights = honest.map(|node| {
            let head = node.disk.look(|tables| tables.head());
            let note = node.disk.newest_note();
            (head.map_or(0, |b| b.height.0), note.map_or(0, |n| n.0.0))
        });
        heights.collect()
    }

    /// What others make a node keep is bounded, whoever they are.
    fn check_memory(&self) {
        for node in self.nodes.iter().filter(|n| self.is_honest(n.node)) {
            let kept = node.reachable().map_or(0, |(handle, _)| handle.kept());
            if kept > KEPT_MAX {
                let node = node.node;
                self.around
                    .violations
                    .add(format!("memory: node {node} keeps {kept} things"));
            }
        }
    }

    pub(super) fn look(&mut self, at_us: u64) {
        self.check_memory();
        if !self.healed {
            self.around.schedule.after(LOOK_US, Event::Look);
            return;
        }
        let heights = self.heights();
        let greatest = heights.iter().map(|(head, _)| *head).max().unwrap_or(0);
        if self.goal.is_none() && self.clients.all_done() {
            self.goal = Some(self.plan.heights.max(greatest + 1));
        }
        let reached = |goal: u64| heights.iter().all(|(head, note)| head.min(note) >= &goal);
        if self.goal.is_some_and(reached) {
            self.verdict = Some(self.judge());
        } else if at_us > (self.plan.faults_ms + HEALED_MS_MAX) * 1_000 {
            // A world that lacks what was acknowledged has lost it; others are stalled.
            let stalled = Verdict::Stalled(self.describe());
            self.verdict = Some(match self.judge() {
                Verdict::Held => stalled,
                failed => failed,
            });
        } else {
            self.around.schedule.after(LOOK_US, Event::Look);
        }
    }

    fn describe(&self) -> String {
        let heights = self.heights();
        let heights: Vec<_> = heights.iter().map(|(h, n)| format!("{h}/{n}")).collect();
        let waiting = self.clients.waiting().len();
        let rounds = self.around.spoken.rounds_max();
        format!("heads/notes {heights:?}, {waiting} deposits without receipt, round {rounds}")
    }

    /// Judges ledgers, answers, events and cosignatures.
    fn judge(&mut self) -> Verdict {
        let violations = self.around.violations.clone();
        let mut ledgers: Vec<(usize, Summary)> = Vec::new();
        let submitted = self.clients.submitted();
        for node in self.nodes.iter().filter(|n| self.is_honest(n.node)) {
            let checked = node
                .disk
                .look(|tables| ledger::check(tables, &self.around.founders, &submitted));
            match checked {
                Ok(summary) => ledgers.push((node.node, summary)),
                Err(reason) => violations.add(format!("ledger of node {}: {reason}", node.node)),
            }
            if let Some((handle, _)) = node.reachable() {
                let waiting = handle.waiting();
                if waiting > WAITING_MAX {
                    violations.add(format!("node {}: {waiting} messages wait", node.node));
                }
            }
        }
        let longest = ledgers.iter().max_by_key(|(_, l)| l.height).cloned();
        if let Some((first, longest)) = &longest {
            for (node, summary) in &ledgers {
                if !summary.is_prefix_of(longest) {
                    violations.add(format!(
                        "agreement: the ledgers of nodes {first} and {node} differ"
                    ));
                }
                self.clients.answers.check(*node, summary);
            }
            let publishes = self.is_honest(0);
            events::check(&self.around.sink.events(), longest, publishes, &violations);
            self.check_cosignatures(longest);
        }
        self.check_published();
        self.check_replay();
        if violations.first().is_none() {
            self.ask_testers(|tester, view| tester.at_end(view));
        }
        violations.first().map_or(Verdict::Held, Verdict::Diverged)
    }

    /// The journal of one honest node, stepped again without any key, leads to the same.
    fn check_replay(&self) {
        let honest: Vec<_> = self
            .nodes
            .iter()
            .filter(|n| self.is_honest(n.node) && n.validator < self.plan.nodes)
            .collect();
        let often = match self.plan.driver {
            Driver::Actors => 1,
            Driver::Stepped => REPLAY_EVERY,
        };
        if honest.is_empty() || !self.plan.seed.is_multiple_of(often) {
            return;
        }
        let node = honest[(self.plan.seed / often) as usize % honest.len()];
        let (first, records) = node.disk.look(|t| (t.first_seq, t.records.clone()));
        if first != 1 {
            return; // It lost its beginning.
        }
        let (founders, name) = (&self.around.founders, node_name(node.validator));
        let (genesis, verifier) = (&founders.genesis, founders.verifier.clone());
        if let Err(difference) = replay::check(genesis, &name, verifier, records) {
            let node = node.node;
            self.around
                .violations
                .add(format!("replay of node {node}: {difference}"));
        }
    }

    /// Every published checkpoint came with receipt signatures of a quorum.
    fn check_published(&self) {
        let violations = &self.around.violations;
        let byzantine = self.plan.adversaries.len();
        for node in self.nodes.iter().filter(|n| self.is_honest(n.node)) {
            node.disk.look(|tables| {
                for (height, (note, signatures)) in &tables.notes {
                    // Those who cosign and withhold receipt signatures leave fewer.
                    let founders = &self.around.founders;
                    if let Some(found) = receipts::complaint(founders, note, signatures, byzantine)
                    {
                        let place = node.node;
                        violations.add(format!("node {place}, checkpoint {height}: {found}"));
                    }
                }
            });
        }
    }

    /// Every cosignature that an honest node sent is of the one head of its height.
    fn check_cosignatures(&self, ledger: &Summary) {
        let (founders, violations) = (&self.around.founders, &self.around.violations);
        let genesis = &founders.genesis;
        for (node, sent) in self.around.spoken.cosigned() {
            let Some(validator) = genesis.validators.get(self.nodes[node].validator) else {
                violations.add(format!("the observer {node} cosigned"));
                continue;
            };
            let name = format!("{}/{}", genesis.origin, validator.name);
            let key = VerifierKey::try_new(&name, VerifierKeyType::Cosigner, validator.cosigner)
                .expect("the genesis names its cosigners well");
            for cosignature in sent {
                let height = cosignature.height;
                let mut bytes = cosignature.time_s.to_be_bytes().to_vec();
                bytes.extend(cosignature.signature);
                let line = NoteSignature {
                    name: name.clone(),
                    key_id: key.key_id(),
                    bytes,
                };
                let head = ledger.heads.get(&height);
                let signed = |text: &String| {
                    cosignature_time(&*founders.verifier, &key, text, &line).is_some()
                };
                if !head.is_some_and(signed) {
                    violations.add(format!("node {node} cosigned another head at {height}"));
                }
                let receipt = &cosignature.receipt;
                if head.is_none_or(|text| !receipts::is_signed(founders, node, text, receipt)) {
                    violations.add(format!("node {node} signed no receipts of head {height}"));
                }
            }
        }
    }
}
