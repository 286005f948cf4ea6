//! What the recorded node does, made from a seed: the child runs it, the parent knows it.

use super::recording::Acknowledges;
use super::rng::Rng;
use crate::support;
use adapters_fjall::{FjallNode, Opened, Options};
use bus::conformance::{Chain, completion, wait};
use bus::ports::{Commit, Completion, HeadSignatures, NewRecord, Record, Stream};
use bytes::Bytes;
use messages::hash::Hash;
use messages::ids::{Height, TimeMs};
use messages::keys::Signature;
use messages::stored::ReceiptSignature;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::Receiver;

/// Steps after the first block.
const STEPS: usize = 110;

/// Heights whose journal is kept.
pub(crate) const RETAIN_HEIGHTS: u64 = 3;

/// Workloads from this seed on begin with bodies of more bytes than the database writes into one
/// file of its journal, so that later steps fall into the next file.
pub(crate) const HEAVY: u64 = 1 << 40;

/// One thing the node is told.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Init,
    Append {
        records: Vec<Record>,
        votes: bool,
    },
    Commit(Arc<Commit>),
    Checkpoint {
        note: String,
        signatures: HeadSignatures,
    },
    Body {
        digest: Hash,
        bytes: Bytes,
    },
    /// Wait for all that was asked for.
    Wait,
    /// Close the storage and open it again.
    Reopen,
}

/// All steps, and blocks to go on with after a cut.
pub(crate) struct Plan {
    pub(crate) steps: Vec<Step>,
    /// The blocks of the steps, and one more.
    pub(crate) commits: Vec<Arc<Commit>>,
    /// The records of the steps, in order of seq from 1.
    pub(crate) records: Vec<Record>,
}

/// Short memory tables and index runs, so that tables are written and compacted too.
pub(crate) fn options() -> Options {
    Options {
        retain_heights: Some(RETAIN_HEIGHTS),
        index_run_rows: 7,
        memtable_bytes_max: 8 << 10,
        cache_bytes: 1 << 20,
        ..support::options()
    }
}

impl Plan {
    pub(crate) fn new(seed: u64) -> Self {
        let mut maker = Maker {
            rng: Rng::new(seed),
            chain: Chain::default(),
            plan: Self {
                steps: vec![Step::Init],
                commits: Vec::new(),
                records: Vec::new(),
            },
            replay_from: 1,
        };
        maker.append();
        maker.commit();
        if seed >= HEAVY {
            maker.fill_a_journal();
        }
        for _ in 0..STEPS {
            maker.step();
        }
        maker.plan.steps.push(Step::Wait);
        let spare = maker.chain.next(2, maker.replay_from);
        maker.plan.commits.push(spare);
        maker.plan
    }
}

struct Maker {
    rng: Rng,
    chain: Chain,
    plan: Plan,
    replay_from: u64,
}

impl Maker {
    fn step(&mut self) {
        match self.rng.below(100) {
            0..45 => self.append(),
            45..65 => self.commit(),
            65..75 => self.checkpoint(),
            75..83 => self.body(),
            83..98 => self.plan.steps.push(Step::Wait),
            _ => self.plan.steps.push(Step::Reopen),
        }
    }

    /// Writes more than the 64 MB at which the database begins another file.
    fn fill_a_journal(&mut self) {
        for _ in 0..24 {
            self.body_of(2_800_000);
            self.append();
            self.commit();
            self.checkpoint();
        }
        self.plan.steps.push(Step::Wait);
    }

    fn append(&mut self) {
        let first = self.plan.records.len() as u64 + 1;
        let stream = match self.rng.percent(30) {
            true => Stream::Checkpoint,
            false => Stream::Consensus,
        };
        let count = 1 + self.rng.below(4) as u64;
        let records: Vec<Record> = (first..first + count)
            .map(|seq| {
                let size = if self.rng.percent(10) { 4000 } else { 200 };
                let size = self.rng.below(size);
                Record {
                    seq,
                    stream,
                    now: TimeMs(seq * 10),
                    input: self.rng.bytes(size).into(),
                    effects: seq,
                }
            })
            .collect();
        self.plan.records.extend(records.clone());
        let votes = self.rng.percent(40);
        self.plan.steps.push(Step::Append { records, votes });
    }

    fn commit(&mut self) {
        // A block is replayed from a record that was appended before it.
        let next = self.plan.records.len() as u64 + 1;
        let back = self.rng.below(8) as u64;
        self.replay_from = next.saturating_sub(back).max(self.replay_from);
        let statements = self.rng.below(6);
        let commit = self.chain.next(statements, self.replay_from);
        self.plan.commits.push(commit.clone());
        self.plan.steps.push(Step::Commit(commit));
    }

    /// The note of the newest block.
    fn checkpoint(&mut self) {
        let height = Height(self.plan.commits.len() as u64 - 1);
        let signatures = (0..height.0 % 5).map(|i| ReceiptSignature {
            key_id: (height.0 + i).to_be_bytes(),
            signature: Signature([i as u8; 64]),
        });
        let signatures = HeadSignatures {
            height,
            signatures: signatures.collect(),
        };
        let note = format!("note of {height}\n");
        self.plan.steps.push(Step::Checkpoint { note, signatures });
    }

    fn body(&mut self) {
        let size = if self.rng.percent(30) { 20_000 } else { 600 };
        let size = self.rng.below(size);
        self.body_of(size);
    }

    fn body_of(&mut self, size: usize) {
        let bytes: Bytes = self.rng.bytes(size).into();
        let digest = Hash::of(&bytes);
        self.plan.steps.push(Step::Body { digest, bytes });
    }
}

/// What the child does. `begin n` is marked before step n is asked for, `done n` when it is durable.
pub(crate) fn run(seed: u64, dir: &Path, marks: File, acknowledges: Acknowledges) {
    let plan = Plan::new(seed);
    let marks = Marks {
        file: Arc::new(marks),
        acknowledges,
    };
    let mut opened: Option<Opened> = None;
    let mut waits = Vec::new();
    for (i, step) in plan.steps.iter().enumerate() {
        marks.say("begin", i);
        if matches!(step, Step::Init) {
            FjallNode::init_with(dir, &support::network(), &options()).unwrap();
            marks.say("done", i);
            opened = Some(open(dir));
            continue;
        }
        let Some(node) = &opened else {
            panic!("the first step makes the storage");
        };
        match step {
            Step::Wait => waits.drain(..).for_each(|told| wait(&told)),
            Step::Reopen => {
                drop(opened.take());
                opened = Some(open(dir));
                continue;
            }
            _ => waits.extend(ask(node, step, i, &marks)),
        }
    }
    waits.iter().for_each(wait);
}

fn open(dir: &Path) -> Opened {
    let opened = FjallNode::open(dir, &support::network(), options());
    let opened = opened.unwrap_or_else(|e| panic!("{e}"));
    assert!(!support::is_amnesiac(&opened), "{:?}", opened.health);
    opened
}

fn ask(node: &Opened, step: &Step, i: usize, marks: &Marks) -> Option<Receiver<()>> {
    let (tell, told) = completion();
    let done = marks.done(i, tell);
    match step.clone() {
        Step::Append { records, votes } => {
            let stream = records[0].stream;
            let inputs = records.iter().map(kept).collect();
            let first = node.journal.append(stream, inputs, votes, done);
            assert_eq!(first, records[0].seq, "the plan knows the seqs");
        }
        Step::Commit(commit) => node.store.commit(commit, done),
        Step::Body { digest, bytes } => node.bodies.put_body(digest, bytes, done),
        Step::Checkpoint { note, signatures } => {
            node.store.put_checkpoint(note, signatures);
            return None;
        }
        Step::Init | Step::Wait | Step::Reopen => panic!("{step:?} is asked of nobody"),
    }
    Some(told)
}

/// Writes marks into the log of the recorder.
#[derive(Clone)]
struct Marks {
    file: Arc<File>,
    acknowledges: Acknowledges,
}

impl Marks {
    fn say(&self, what: &str, step: usize) {
        let line = format!("{what} {step}");
        let written = (&*self.file).write(line.as_bytes()).unwrap();
        assert_eq!(written, line.len(), "a mark is written at once");
    }

    fn done(&self, step: usize, tell: Completion) -> Completion {
        if self.acknowledges == Acknowledges::Early {
            self.say("done", step);
            return tell;
        }
        let this = self.clone();
        Box::new(move || {
            this.say("done", step);
            tell();
        })
    }
}

/// A record on its way to the journal.
fn kept(record: &Record) -> NewRecord {
    NewRecord {
        now: record.now,
        input: record.input.clone(),
        effects: record.effects,
    }
}
