//! Whether a node that comes back after a power cut is what it must be.

use super::log::Log;
use super::workload::{self, Plan, RETAIN_HEIGHTS, Step};
use crate::support;
use adapters_fjall::{FailureHook, FjallNode, OpenError, Opened, Options};
use bus::conformance::{completion, holds, wait};
use bus::ports::{Commit, Record, Stream};
use bytes::Bytes;
use messages::hash::Hash;
use messages::ids::{Height, TimeMs};
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Arc, Mutex};

/// Most of a panic's text that is told.
const PANIC_CHARS_MAX: usize = 200;

/// What the child had said by the time of the cut.
#[derive(Clone, Debug, Default)]
pub(crate) struct Facts {
    /// Steps that were begun.
    pub(crate) begun: BTreeSet<usize>,
    /// Steps that were acknowledged.
    pub(crate) done: BTreeSet<usize>,
    /// Steps that were acknowledged before the last acknowledged vote.
    before_vote: BTreeSet<usize>,
}

impl Facts {
    pub(crate) fn at(log: &Log, cut: usize, plan: &Plan) -> Self {
        let mut facts = Self::default();
        for (_, text) in log.marks().take_while(|(i, _)| *i < cut) {
            let (what, step) = text.split_once(' ').unwrap();
            let step: usize = step.parse().unwrap();
            if what == "begin" {
                facts.begun.insert(step);
                continue;
            }
            facts.done.insert(step);
            if matches!(plan.steps[step], Step::Append { votes: true, .. }) {
                facts.before_vote = facts.done.clone();
            }
        }
        facts
    }
}

/// What became of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Outcome {
    /// Everything acknowledged is there.
    Intact,
    /// Something acknowledged after the last released vote is gone.
    LostAfterVote,
    /// It does not vote.
    Amnesiac,
    /// It does not open.
    RefusedToOpen,
    /// The database panicked while it was opened.
    PanickedAtOpening,
    /// The process was aborted.
    Aborted,
    /// It opens, and reading what is damaged stops it.
    RefusedToRead,
    /// Database and vote-state file went back together, to a state that once was.
    RolledBack,
}

impl Outcome {
    /// All, for reading their names again.
    const ALL: [Self; 8] = [
        Self::Intact,
        Self::LostAfterVote,
        Self::Amnesiac,
        Self::RefusedToOpen,
        Self::PanickedAtOpening,
        Self::Aborted,
        Self::RefusedToRead,
        Self::RolledBack,
    ];

    /// The outcome of this name, as `Debug` writes it.
    pub(crate) fn of_name(name: &str) -> Self {
        let found = Self::ALL.into_iter().find(|o| format!("{o:?}") == name);
        found.unwrap_or_else(|| panic!("no outcome has the name {name}"))
    }
}

/// What is asked of the node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Demand {
    /// Everything acknowledged is there, and it goes on.
    Everything,
    /// Everything up to the last released vote is there, or the loss is noticed.
    LossNoticed,
    /// What is there is right.
    NothingWrong,
}

/// Why a check does not hold.
enum Failure {
    /// Something is not there.
    Missing(String),
    /// Something is there and is not what was written, or was never written.
    Wrong(String),
    /// The storage told of a failure.
    Told,
}

/// A violation, for people.
pub(crate) type Verdict = Result<Outcome, String>;

/// Failures that the storage told of.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<Vec<String>>>);

impl Told {
    fn options(&self) -> Options {
        let told = self.0.clone();
        Options {
            failure: FailureHook::new(move |what| told.lock().unwrap().push(what.into())),
            ..workload::options()
        }
    }

    /// Runs a check. A panic is the storage's own refusal when it told of it before.
    fn check(&self, check: impl FnOnce() -> Result<(), Failure>) -> Result<(), Failure> {
        match catch_unwind(AssertUnwindSafe(check)) {
            Ok(result) => result,
            Err(_) if !self.0.lock().unwrap().is_empty() => Err(Failure::Told),
            Err(panic) => Err(Failure::Wrong(text_of(&*panic))),
        }
    }
}

fn text_of(panic: &(dyn core::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    let text = text.or_else(|| panic.downcast_ref::<&str>().map(|s| (*s).to_owned()));
    let text = text.unwrap_or_else(|| "a panic without a text".into());
    // Whole ledgers are compared, and the first words say of what.
    text.chars().take(PANIC_CHARS_MAX).collect()
}

/// Opens the folder and compares it with what had happened.
pub(crate) fn judge(plan: &Plan, facts: &Facts, dir: &Path, demand: Demand) -> Verdict {
    let told = Told::default();
    let open = || FjallNode::open(dir, &support::network(), told.options());
    let opened = match catch_unwind(AssertUnwindSafe(open)) {
        Ok(Ok(opened)) => opened,
        Ok(Err(OpenError::NotInitialised { .. })) if !facts.done.contains(&0) => {
            FjallNode::init(dir, &support::network()).map_err(|e| format!("make it anew: {e}"))?;
            open().map_err(|e| format!("open it new: {e}"))?
        }
        Ok(Err(e)) if demand == Demand::Everything => return Err(format!("does not open: {e}")),
        Ok(Err(_)) => return Ok(Outcome::RefusedToOpen),
        Err(panic) if demand == Demand::Everything => {
            return Err(format!("panicked at opening: {}", text_of(&*panic)));
        }
        Err(_) => return Ok(Outcome::PanickedAtOpening),
    };
    let seen = Seen {
        plan,
        facts,
        opened: &opened,
    };
    if support::is_amnesiac(&opened) {
        let health = format!("{:?}", opened.health);
        return match told.check(|| seen.serves_nothing_wrong()) {
            _ if demand == Demand::Everything => Err(health),
            Err(Failure::Wrong(what)) => Err(format!("amnesiac and wrong: {what}")),
            Err(Failure::Missing(what)) => Err(format!("amnesiac and incomplete: {what}")),
            Ok(()) | Err(Failure::Told) => {
                drop(opened);
                stays_amnesiac(dir, &told)
            }
        };
    }
    let all = told.check(|| {
        seen.serves_nothing_wrong()?;
        seen.records(&facts.done)?;
        seen.holds_all(&facts.done)
    });
    let outcome = match all {
        Ok(()) => Outcome::Intact,
        Err(Failure::Told) if demand != Demand::Everything => return Ok(Outcome::RefusedToRead),
        Err(Failure::Told) => return Err(format!("refuses: {:?}", told.0.lock().unwrap())),
        Err(Failure::Wrong(what)) => return Err(format!("wrong: {what}")),
        Err(Failure::Missing(what)) if demand == Demand::Everything => {
            return Err(format!("missing: {what}"));
        }
        Err(Failure::Missing(_)) => match told.check(|| {
            seen.records(&facts.before_vote)?;
            seen.holds_all(&facts.before_vote)
        }) {
            Ok(()) => Outcome::LostAfterVote,
            Err(Failure::Told) => return Ok(Outcome::RefusedToRead),
            Err(Failure::Wrong(what)) => return Err(format!("wrong: {what}")),
            Err(Failure::Missing(_)) if demand == Demand::NothingWrong => Outcome::RolledBack,
            Err(Failure::Missing(what)) => {
                return Err(format!("opened as intact, and missing: {what}"));
            }
        },
    };
    let went_on = told.check(|| goes_on(plan, opened, dir, &told));
    match went_on {
        Ok(()) => Ok(outcome),
        Err(Failure::Told) if demand != Demand::Everything => Ok(Outcome::RefusedToRead),
        Err(Failure::Told) => Err(format!("cannot go on: {:?}", told.0.lock().unwrap())),
        Err(Failure::Wrong(what) | Failure::Missing(what)) => Err(format!("cannot go on: {what}")),
    }
}

/// What was found is forgotten by no second start.
fn stays_amnesiac(dir: &Path, told: &Told) -> Verdict {
    let open = || FjallNode::open(dir, &support::network(), told.options());
    match catch_unwind(AssertUnwindSafe(open)) {
        Ok(Ok(opened)) if support::is_amnesiac(&opened) => Ok(Outcome::Amnesiac),
        Ok(Ok(_)) => Err("an amnesiac node forgot that it is one".into()),
        Ok(Err(_)) | Err(_) => Ok(Outcome::RefusedToOpen),
    }
}

/// An opened node, and what is known of it.
struct Seen<'a> {
    plan: &'a Plan,
    facts: &'a Facts,
    opened: &'a Opened,
}

impl Seen<'_> {
    /// Blocks up to the head are whole and right, and nothing is there that was not begun.
    fn serves_nothing_wrong(&self) -> Result<(), Failure> {
        let head = self.opened.store.head();
        let begun = self.commits(&self.facts.begun).last();
        if head.as_ref().map(|h| h.height) > begun {
            return Err(Failure::Wrong(format!(
                "a block that was not made: {head:?}"
            )));
        }
        if let Some(head) = head {
            let commits = &self.plan.commits[..=head.height.0 as usize];
            holds(&*self.opened.store, commits);
        }
        for record in self.loaded() {
            if self.plan.records.get(record.seq as usize - 1) != Some(&record) {
                return Err(Failure::Wrong(format!("record {}", record.seq)));
            }
        }
        for (i, step) in self.plan.steps.iter().enumerate() {
            match step {
                Step::Body { digest, bytes } => match self.opened.bodies.body(digest) {
                    Some(found) if found != bytes || !self.facts.begun.contains(&i) => {
                        return Err(Failure::Wrong(format!("body of step {i}")));
                    }
                    _ => {}
                },
                Step::Checkpoint { note, signatures } => {
                    let height = signatures.height;
                    let found = self.opened.store.checkpoint_from(height);
                    let found = found.filter(|(h, _)| *h == height);
                    let stored = self.opened.store.head_signatures(height);
                    let both = found.is_some() == stored.is_some();
                    let right = found.is_none_or(|(_, n)| n == *note);
                    if !both || !right || stored.is_some_and(|s| s != *signatures) {
                        return Err(Failure::Wrong(format!("checkpoint of {height}")));
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// The heights of the blocks of some steps.
    fn commits(&self, steps: &BTreeSet<usize>) -> impl Iterator<Item = Height> {
        steps.iter().filter_map(|i| match &self.plan.steps[*i] {
            Step::Commit(commit) => Some(commit.block.height),
            _ => None,
        })
    }

    fn loaded(&self) -> Vec<Record> {
        let mut records = self.opened.journal.load(Stream::Consensus, 1);
        records.extend(self.opened.journal.load(Stream::Checkpoint, 1));
        records.sort_by_key(|r| r.seq);
        records
    }

    /// The records of these steps are there, but for those that no retained height needs.
    fn records(&self, steps: &BTreeSet<usize>) -> Result<(), Failure> {
        let head = self.opened.store.head();
        let oldest = head.and_then(|h| h.height.0.checked_sub(RETAIN_HEIGHTS));
        let from = oldest.map_or(1, |h| self.plan.commits[h as usize].block.replay_from);
        let loaded: BTreeSet<u64> = self.loaded().iter().map(|r| r.seq).collect();
        if let (Some(first), Some(last)) = (loaded.first(), loaded.last())
            && last - first + 1 != loaded.len() as u64
        {
            return Err(Failure::Wrong(format!("a gap in the journal: {loaded:?}")));
        }
        for step in steps {
            if let Step::Append { records, .. } = &self.plan.steps[*step]
                && let Some(lost) = records
                    .iter()
                    .find(|r| r.seq >= from && !loaded.contains(&r.seq))
            {
                return Err(Failure::Missing(format!(
                    "record {} of step {step}",
                    lost.seq
                )));
            }
        }
        Ok(())
    }

    /// Blocks, bodies and checkpoints of these steps are there. A checkpoint is durable with the
    /// next block, and a body that is held and does not read was noticed.
    fn holds_all(&self, steps: &BTreeSet<usize>) -> Result<(), Failure> {
        let head = self.opened.store.head().map(|h| h.height);
        let newest = self.commits(steps).last();
        if head < newest {
            return Err(Failure::Missing(format!(
                "block {newest:?}, the head is {head:?}"
            )));
        }
        let last_commit = steps
            .iter()
            .rfind(|i| matches!(self.plan.steps[**i], Step::Commit(_)));
        for (i, step) in self.plan.steps.iter().enumerate() {
            match step {
                Step::Body { digest, .. } if steps.contains(&i) => {
                    if !self.opened.bodies.holds_body(digest) {
                        return Err(Failure::Missing(format!("body of step {i}")));
                    }
                }
                Step::Checkpoint { signatures, .. } if last_commit > Some(&i) => {
                    if self
                        .opened
                        .store
                        .head_signatures(signatures.height)
                        .is_none()
                    {
                        return Err(Failure::Missing(format!("checkpoint of step {i}")));
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// The node works on, and remembers that too.
fn goes_on(plan: &Plan, opened: Opened, dir: &Path, told: &Told) -> Result<(), Failure> {
    let seq = opened.journal.next_seq();
    let inputs = vec![(TimeMs(7), Bytes::from_static(b"after the cut"))];
    let (done, voted) = completion();
    opened.journal.append(Stream::Consensus, inputs, true, done);
    let next = opened.store.head().map_or(0, |h| h.height.0 as usize + 1);
    let mut commit = Commit::clone(&plan.commits[next]);
    commit.block.replay_from = commit.block.replay_from.min(seq);
    let mut commits = plan.commits[..next].to_vec();
    commits.push(Arc::new(commit));
    let (done, committed) = completion();
    opened.store.commit(commits[next].clone(), done);
    let body = Bytes::from_static(b"a body after the cut");
    let digest = Hash::of(&body);
    let (done, stored) = completion();
    opened.bodies.put_body(digest, body.clone(), done);
    for waits in [voted, committed, stored] {
        wait(&waits);
    }
    holds(&*opened.store, &commits);
    drop(opened);
    let opened = FjallNode::open(dir, &support::network(), told.options());
    let opened = opened.map_err(|e| Failure::Wrong(format!("open again: {e}")))?;
    if support::is_amnesiac(&opened) {
        return Err(Failure::Wrong(format!("open again: {:?}", opened.health)));
    }
    holds(&*opened.store, &commits);
    let loaded = opened.journal.load(Stream::Consensus, seq);
    let inputs: Vec<_> = loaded.iter().map(|r| (r.seq, &r.input[..])).collect();
    if inputs != [(seq, &b"after the cut"[..])] {
        return Err(Failure::Wrong(format!("records from {seq} on: {loaded:?}")));
    }
    if opened.bodies.body(&digest) != Some(body) {
        return Err(Failure::Missing("the body after the cut".into()));
    }
    Ok(())
}
