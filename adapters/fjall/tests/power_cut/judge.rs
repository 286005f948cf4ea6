//! Whether a node that comes back after a power cut is what it must be.

use super::log::Log;
use super::seen::{Failure, Seen};
use super::workload::{self, Plan, Step};
use crate::support;
use adapters_fjall::{FailureHook, FjallNode, OpenError, Opened, Options};
use bus::conformance::{completion, holds, wait};
use bus::ports::{Commit, NewRecord, Stream};
use bytes::Bytes;
use messages::hash::Hash;
use messages::ids::TimeMs;
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
    /// It opens, and its state is not that of its newest block. Only the ledger can tell, and does:
    /// it compares the state's root when it restores the chain, and stops.
    RefusedForState,
    /// Database and vote-state file went back together, to a state that once was.
    RolledBack,
}

impl Outcome {
    /// All, for reading their names again.
    const ALL: [Self; 9] = [
        Self::Intact,
        Self::LostAfterVote,
        Self::Amnesiac,
        Self::RefusedToOpen,
        Self::PanickedAtOpening,
        Self::Aborted,
        Self::RefusedToRead,
        Self::RefusedForState,
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

/// What became of a node, or a violation, for people.
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

    /// The outcome when a check holds; a refusal when the storage told of it, and may.
    fn verdict(&self, check: Result<(), Failure>, outcome: Outcome, demand: Demand) -> Verdict {
        match check {
            Ok(()) => Ok(outcome),
            Err(Failure::Told) if demand != Demand::Everything => Ok(Outcome::RefusedToRead),
            Err(Failure::Told) => Err(format!("refuses: {:?}", self.0.lock().unwrap())),
            Err(Failure::Wrong(what)) => Err(format!("{outcome:?}, and wrong: {what}")),
            Err(Failure::Missing(what)) => Err(format!("{outcome:?}, and missing: {what}")),
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
    let opened = match open(facts, dir, &told) {
        Ok(opened) => opened,
        Err((_, why)) if demand == Demand::Everything => return Err(why),
        Err((outcome, _)) => return Ok(outcome),
    };
    let seen = Seen {
        plan,
        facts,
        opened: &opened,
        demand,
    };
    if demand != Demand::Everything {
        match told.check(|| seen.state_is_of_head()) {
            Err(Failure::Wrong(_)) => return Ok(Outcome::RefusedForState),
            Err(_) => return Ok(Outcome::RefusedToRead),
            Ok(()) => {}
        }
    }
    if !support::is_amnesiac(&opened) {
        let verdict = judge_voting(&seen, &told);
        return match verdict {
            Ok(Outcome::RefusedToRead) | Err(_) => verdict,
            Ok(outcome) => {
                let went_on = told.check(|| goes_on(plan, opened, dir, &told));
                told.verdict(went_on, outcome, demand)
            }
        };
    }
    if demand == Demand::Everything {
        return Err(format!("{:?}", opened.health));
    }
    let served = told.check(|| seen.serves_nothing_wrong());
    let verdict = told.verdict(served, Outcome::Amnesiac, demand);
    drop(opened);
    verdict.and_then(|_| stays_amnesiac(dir, &told))
}

/// What becomes of a node that votes.
fn judge_voting(seen: &Seen<'_>, told: &Told) -> Verdict {
    let facts = seen.facts;
    let all = told.check(|| {
        seen.serves_nothing_wrong()?;
        seen.holds_all(&facts.done)
    });
    if seen.demand == Demand::Everything || !matches!(all, Err(Failure::Missing(_))) {
        return told.verdict(all, Outcome::Intact, seen.demand);
    }
    match told.check(|| seen.holds_all(&facts.before_vote)) {
        Err(Failure::Missing(_)) if seen.demand == Demand::NothingWrong => Ok(Outcome::RolledBack),
        voted => told.verdict(voted, Outcome::LostAfterVote, seen.demand),
    }
}

/// Opens the node, which is made anew when it was not made yet; or tells why it does not open.
fn open(facts: &Facts, dir: &Path, told: &Told) -> Result<Opened, (Outcome, String)> {
    let open = || FjallNode::open(dir, &support::network(), told.options());
    let opened = catch_unwind(AssertUnwindSafe(|| match open() {
        Err(OpenError::NotInitialised { .. }) if !facts.done.contains(&0) => {
            FjallNode::init(dir, &support::network())?;
            open()
        }
        other => other,
    }));
    match opened {
        Ok(Ok(opened)) => Ok(opened),
        Ok(Err(e)) => Err((Outcome::RefusedToOpen, format!("does not open: {e}"))),
        Err(panic) => {
            let why = format!("panicked at opening: {}", text_of(&*panic));
            Err((Outcome::PanickedAtOpening, why))
        }
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

/// The node works on, and remembers that too.
fn goes_on(plan: &Plan, opened: Opened, dir: &Path, told: &Told) -> Result<(), Failure> {
    let seq = opened.journal.next_seq();
    let inputs = vec![NewRecord::plain(
        TimeMs(7),
        Bytes::from_static(b"after the cut"),
    )];
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
