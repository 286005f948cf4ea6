//! The load of a benchmark: statements made beforehand, so many under way at once.

use super::machine::cpu_seconds;
use actors::NodeHandle;
use bus::api::{NodeApi, SubmitAnswer};
use bytes::Bytes;
use messages::deposit::{Deposit, DigestAlgorithm, Lodged};
use messages::genesis::Genesis;
use messages::ids::Name;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

/// How long an answer is waited for after the last submission.
const WAIT_MS: u64 = 60_000;
/// Of so many receipts one is kept, to be looked at after the run.
const SAMPLED: usize = 1000;

/// How a load is put on.
#[derive(Clone, Copy)]
pub(crate) struct Pressure {
    /// Statements under way at once.
    pub(crate) in_flight: usize,
    /// How long statements are submitted.
    pub(crate) time: Duration,
}

/// What the answers told.
#[derive(Default)]
struct Tally {
    latencies_us: Vec<u32>,
    refused: Vec<String>,
    samples: Vec<String>,
    under_way: usize,
    last: Option<Instant>,
}

struct Load {
    entries: Vec<Bytes>,
    next: AtomicUsize,
    nodes: Vec<NodeHandle>,
    until: Instant,
    tally: Mutex<Tally>,
    ended: Condvar,
}

/// What a load came to.
pub(crate) struct Outcome {
    /// Statements with a receipt.
    pub(crate) committed: usize,
    /// Bytes of those statements.
    pub(crate) entry_bytes: usize,
    /// From the first submission to the last receipt, in seconds.
    pub(crate) elapsed_s: f64,
    /// CPU of the whole process in that time, in seconds.
    pub(crate) cpu_s: f64,
    /// Submission to receipt, sorted.
    pub(crate) latencies_us: Vec<u32>,
    /// Some receipts.
    pub(crate) samples: Vec<String>,
}

/// A deposit of a benchmark.
pub(crate) fn deposit(genesis: &Genesis, lodged: Lodged) -> Result<Deposit, String> {
    Ok(Deposit {
        network: genesis.network.clone(),
        namespace: Name::try_new("public").map_err(|e| e.to_string())?,
        lodged,
        algorithm: DigestAlgorithm::Sha256,
        declared_time: None,
        not_before: None,
        references: Vec::new(),
    })
}

/// Makes `count` things on every core, in order.
pub(crate) fn make<T: Send>(
    count: usize,
    one: impl Fn(usize) -> Result<T, String> + Sync,
) -> Result<Vec<T>, String> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let share = count.div_ceil(threads);
    std::thread::scope(|scope| {
        let parts: Vec<_> = (0..threads)
            .map(|t| {
                let (range, one) = (t * share..((t + 1) * share).min(count), &one);
                scope.spawn(move || range.map(one).collect::<Result<Vec<_>, _>>())
            })
            .collect();
        let mut all = Vec::with_capacity(count);
        for part in parts {
            all.extend(part.join().map_err(|_| "making the load panicked")??);
        }
        Ok(all)
    })
}

/// Submits until the time is over or the entries are used up, and waits for the last answer.
pub(crate) fn drive(
    nodes: Vec<NodeHandle>,
    entries: Vec<Bytes>,
    pressure: Pressure,
) -> Result<Outcome, String> {
    let (began, cpu_before) = (Instant::now(), cpu_seconds()?);
    let load = Arc::new(Load {
        entries,
        next: AtomicUsize::new(0),
        nodes,
        until: began + pressure.time,
        tally: Mutex::new(Tally {
            under_way: pressure.in_flight,
            ..Tally::default()
        }),
        ended: Condvar::new(),
    });
    for lane in 0..pressure.in_flight {
        submit_next(&load, lane);
    }
    let tally = load.tally.lock().map_err(|_| "the load panicked")?;
    let patience = pressure.time + Duration::from_millis(WAIT_MS);
    let waited = load
        .ended
        .wait_timeout_while(tally, patience, |tally| tally.under_way > 0);
    let (mut tally, timeout) = waited.map_err(|_| "the load panicked")?;
    let cpu_s = cpu_seconds()? - cpu_before;
    if timeout.timed_out() {
        return Err(format!("{} deposits got no answer", tally.under_way));
    }
    if let Some(first) = tally.refused.first() {
        let count = tally.refused.len();
        return Err(format!("{count} deposits were refused; the first: {first}"));
    }
    let last = tally.last.ok_or("no deposit was committed")?;
    let mut latencies_us = std::mem::take(&mut tally.latencies_us);
    latencies_us.sort_unstable();
    let committed = latencies_us.len();
    let used = &load.entries[..committed.min(load.entries.len())];
    Ok(Outcome {
        committed,
        entry_bytes: used.iter().map(Bytes::len).sum(),
        elapsed_s: last.duration_since(began).as_secs_f64(),
        cpu_s,
        latencies_us,
        samples: std::mem::take(&mut tally.samples),
    })
}

/// Submits the next statement of a lane, which goes on when the answer comes.
fn submit_next(load: &Arc<Load>, lane: usize) {
    let i = load.next.fetch_add(1, Ordering::Relaxed);
    let Some(entry) = load.entries.get(i).filter(|_| Instant::now() < load.until) else {
        let mut tally = load.tally.lock().expect("no reply panics under the lock");
        tally.under_way -= 1;
        if tally.under_way == 0 {
            load.ended.notify_all();
        }
        return;
    };
    let began = Instant::now();
    let again = load.clone();
    let reply = Box::new(move |answer| {
        let tally = again.tally.lock();
        let mut tally = tally.expect("no reply panics under the lock");
        tally.take(began, answer, i);
        drop(tally);
        submit_next(&again, lane);
    });
    load.nodes[lane % load.nodes.len()].submit(entry.clone(), Some(WAIT_MS), reply);
}

impl Tally {
    fn take(&mut self, began: Instant, answer: SubmitAnswer, i: usize) {
        match answer {
            SubmitAnswer::Committed(committed) => {
                let now = Instant::now();
                let latency = now.duration_since(began).as_micros();
                self.latencies_us.push(latency as u32);
                self.last = Some(now);
                if i.is_multiple_of(SAMPLED) {
                    self.samples.push(committed.receipt);
                }
            }
            other => self.refused.push(format!("{other:?}")),
        }
    }
}
