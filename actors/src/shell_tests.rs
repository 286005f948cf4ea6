//! The shell: nothing leaves before it is durable, and a panic costs a refold and no mail.

use crate::counts::Counts;
use crate::host::{ActixHost, Host, Runnable};
use crate::shell::{Core, Origin, Parts, Shell};
use bus::mailbox::{Mailbox, Overflow};
use bus::ports::{Clock, Completion, Journal, NewRecord, Record, Stream};
use bus::supervision::ActorName;
use bytes::Bytes;
use ledger::machine::{At, Keep, Machine};
use messages::hash::Hash;
use messages::ids::TimeMs;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use tokio::time::Instant;

/// Sums what it is told; 13 panics, odd numbers are soft.
#[derive(Default)]
struct Sum(u64);

impl Machine for Sum {
    type Input = u64;
    type Effect = u64;

    fn step(&mut self, _: At, input: &u64, out: &mut Vec<u64>) -> Keep {
        assert!(*input != 13 && *input != 666, "cannot add {input}");
        self.0 += input;
        out.push(self.0);
        if input.is_multiple_of(2) {
            Keep::Yes
        } else {
            Keep::No
        }
    }
}

impl Core for Sum {
    const NAME: ActorName = ActorName::Checkpoint;
    const STREAM: Option<Stream> = Some(Stream::Checkpoint);

    fn to_journal(input: &u64) -> Bytes {
        Bytes::copy_from_slice(&input.to_be_bytes())
    }

    fn from_journal(bytes: &[u8]) -> Result<u64, String> {
        bytes
            .try_into()
            .map(u64::from_be_bytes)
            .map_err(|_| "not a number".into())
    }

    fn origin(input: &u64) -> Origin {
        if *input == 666 {
            Origin::Fact
        } else {
            Origin::Outsider
        }
    }

    fn fingerprint(input: &u64) -> Option<Hash> {
        Some(Hash::of(&input.to_be_bytes()))
    }
}

/// A journal in memory that is durable when the test says so.
#[derive(Default)]
struct Slow {
    records: Mutex<Vec<Record>>,
    waiting: Mutex<Vec<Completion>>,
}

impl Slow {
    fn sync(&self) {
        let waiting: Vec<Completion> = std::mem::take(&mut self.waiting.lock().unwrap());
        waiting.into_iter().for_each(|done| done());
    }
}

impl Journal for Slow {
    fn append(&self, stream: Stream, inputs: Vec<NewRecord>, _: bool, done: Completion) -> u64 {
        let mut records = self.records.lock().unwrap();
        let first = records.len() as u64 + 1;
        for (seq, new) in (first..).zip(inputs) {
            records.push(Record {
                seq,
                stream,
                now: new.now,
                input: new.input,
                effects: new.effects,
            });
        }
        self.waiting.lock().unwrap().push(done);
        first
    }

    fn next_seq(&self) -> u64 {
        self.records.lock().unwrap().len() as u64 + 1
    }

    fn load(&self, _: Stream, seq: u64) -> Vec<Record> {
        let records = self.records.lock().unwrap();
        records
            .iter()
            .filter(|record| record.seq >= seq)
            .cloned()
            .collect()
    }
}

struct Still;

impl Clock for Still {
    fn now(&self) -> TimeMs {
        TimeMs(1)
    }
}

/// A core that is down while the journal catches up asks for no turn, though a timer is due: the
/// journal wakes it.
#[test]
fn a_core_that_waits_for_the_journal_does_not_turn_in_a_circle() {
    let mailbox = Mailbox::new(100, Overflow::Keep);
    let journal = Arc::new(Slow::default());
    let mut shell = Shell::<Sum>::new(Parts {
        build: Box::new(|_| (Sum::default(), 1)),
        interpret: Box::new(|_, timers| timers.start(0, 2)),
        mailbox: mailbox.clone(),
        clock: Arc::new(Still),
        journal: journal.clone(),
        wake: Arc::new(|| ()),
        halt: Arc::new(|_, reason| panic!("{reason}")),
        kept: Arc::default(),
        counts: Arc::default(),
    });
    let now = Instant::now();
    mailbox.post(1); // Soft: its effect leaves at once and starts a timer that is due.
    assert_eq!(shell.turn(now).due, Some(now));
    mailbox.post(4);
    mailbox.post(13);
    let turned = shell.turn(now);
    assert!(!turned.again && turned.due.is_none(), "{turned:?}");
    journal.sync();
    assert_eq!(
        shell.turn(now).due,
        Some(now),
        "it goes on once the journal is there"
    );
}

/// What a test holds of a running shell.
struct Bench {
    mailbox: Mailbox<u64>,
    journal: Arc<Slow>,
    released: Arc<Mutex<Vec<u64>>>,
    halted: Arc<Mutex<Vec<String>>>,
    counts: Arc<Counts>,
}

impl Bench {
    fn start() -> Self {
        let mailbox = Mailbox::new(100, Overflow::Keep);
        let journal = Arc::new(Slow::default());
        let released = Arc::new(Mutex::new(Vec::new()));
        let halted = Arc::new(Mutex::new(Vec::new()));
        let (out, stops) = (released.clone(), halted.clone());
        let on_halt = Arc::new(move |reason| stops.lock().unwrap().push(reason));
        let counted = Arc::<Counts>::default();
        let counts = counted.clone();
        let parts = |wake, halt| Parts {
            build: Box::new(|_| (Sum::default(), 1)),
            interpret: Box::new(move |effect, _| out.lock().unwrap().push(effect)),
            mailbox: mailbox.clone(),
            clock: Arc::new(Still),
            journal: journal.clone(),
            wake,
            halt,
            kept: Arc::default(),
            counts: counts.clone(),
        };
        ActixHost::new("test".into(), on_halt).run(ActorName::Checkpoint, |wake, halt| {
            Shell::<Sum>::new(parts(wake, halt))
        });
        Self {
            mailbox,
            journal,
            released,
            halted,
            counts: counted,
        }
    }

    /// Lets all that can happen now happen.
    async fn settle(&self) {
        for _ in 0..50 {
            tokio::task::yield_now().await;
        }
    }

    fn released(&self) -> Vec<u64> {
        self.released.lock().unwrap().clone()
    }
}

fn run(test: impl Future<Output = ()>) {
    actix_rt::System::new().block_on(test);
}

#[test]
fn effects_leave_in_order_and_only_when_durable() {
    run(async {
        let bench = Bench::start();
        bench.settle().await;
        bench.mailbox.post(1);
        bench.settle().await;
        assert_eq!(
            bench.released(),
            [1],
            "a soft input with nothing before it waits for nothing"
        );
        bench.mailbox.post(2);
        bench.mailbox.post(3);
        bench.settle().await;
        assert_eq!(
            bench.released(),
            [1],
            "the kept input is not durable, the next one waits too"
        );
        bench.journal.sync();
        bench.settle().await;
        assert_eq!(bench.released(), [1, 3, 6]);
    });
}

#[test]
fn an_outsider_that_panics_twice_is_rejected_and_banned() {
    run(async {
        let bench = Bench::start();
        bench.settle().await;
        for input in [2, 13, 4] {
            bench.mailbox.post(input);
        }
        bench.settle().await;
        bench.journal.sync();
        bench.settle().await;
        bench.journal.sync();
        bench.settle().await;
        assert_eq!(
            bench.released().last(),
            Some(&6),
            "refolded from the journal, the mail kept"
        );
        bench.mailbox.post(13);
        bench.mailbox.post(8);
        bench.settle().await;
        bench.journal.sync();
        bench.settle().await;
        assert_eq!(bench.released().last(), Some(&14));
        assert!(bench.halted.lock().unwrap().is_empty());
        let counts = &bench.counts;
        let both = [&counts.restarts, &counts.poison_inputs].map(|c| c.load(Ordering::Relaxed));
        assert_eq!(both, [1, 1], "refolded once, rejected once");
    });
}

#[test]
fn a_fact_that_panics_twice_halts_the_node() {
    run(async {
        let bench = Bench::start();
        bench.settle().await;
        bench.mailbox.post(666);
        bench.settle().await;
        let halted = bench.halted.lock().unwrap().clone();
        assert_eq!(halted.len(), 1, "{halted:?}");
        assert!(halted[0].contains("cannot add 666"), "{halted:?}");
    });
}
