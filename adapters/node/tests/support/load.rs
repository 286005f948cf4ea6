//! Depositors that work while a test does something to the network.

use super::PATIENCE;
use super::network::Network;
use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Depositors at once.
const DEPOSITORS: usize = 2;
/// One statement of so many is handed to one node, once, and nobody waits for its receipt.
const ONE_SHOT_EVERY: u64 = 8;

/// What depositors at work share.
pub struct Load<'a> {
    network: &'a Network,
    /// Nodes that they submit to, in turn.
    at: &'a [usize],
    next: AtomicU64,
    stop: AtomicBool,
    receipted: AtomicU64,
    sent_elsewhere: AtomicU64,
    /// Ids for which a node gave a receipt, or said that it has the statement.
    acknowledged: Mutex<BTreeSet<String>>,
}

/// What became of the load.
#[derive(Debug)]
pub struct Loaded {
    /// Ids that no node may lose.
    pub acknowledged: BTreeSet<String>,
    /// How many receipts came.
    pub receipted: u64,
    /// How often a node that stops named the others.
    pub sent_elsewhere: u64,
}

/// Stops the depositors also when a test fails, for they are waited for.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Deposits at nodes while `work` goes on.
pub fn under_load<T>(
    network: &Network,
    at: &[usize],
    work: impl FnOnce(&Load<'_>) -> T,
) -> (Loaded, T) {
    under_load_of(network, at, DEPOSITORS, work)
}

/// The same with so many depositors.
pub fn under_load_of<T>(
    network: &Network,
    at: &[usize],
    depositors: usize,
    work: impl FnOnce(&Load<'_>) -> T,
) -> (Loaded, T) {
    let load = Load {
        network,
        at,
        next: AtomicU64::new(1_000_000),
        stop: AtomicBool::new(false),
        receipted: AtomicU64::new(0),
        sent_elsewhere: AtomicU64::new(0),
        acknowledged: Mutex::default(),
    };
    let result = thread::scope(|scope| {
        let _stop = Stop(&load.stop);
        for _ in 0..depositors {
            scope.spawn(|| load.deposit_until_stopped());
        }
        work(&load)
    });
    let loaded = Loaded {
        receipted: load.receipted(),
        sent_elsewhere: load.sent_elsewhere.load(Ordering::Relaxed),
        acknowledged: load.acknowledged.into_inner().unwrap(),
    };
    (loaded, result)
}

impl Load<'_> {
    /// How many receipts came so far.
    pub fn receipted(&self) -> u64 {
        self.receipted.load(Ordering::Relaxed)
    }

    /// Waits until so many more receipts came; gives how long that took.
    pub fn wait_for(&self, more: u64) -> Duration {
        let (began, first) = (Instant::now(), self.receipted());
        while self.receipted() < first + more {
            assert!(began.elapsed() < PATIENCE, "deposits do not go on");
            thread::sleep(Duration::from_millis(5)); // between two looks
        }
        began.elapsed()
    }

    fn deposit_until_stopped(&self) {
        while !self.stop.load(Ordering::Relaxed) {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            if number.is_multiple_of(ONE_SHOT_EVERY) {
                self.attempt(number, 0, 0);
            } else {
                self.deposit(number);
            }
        }
    }

    /// One node after the other is asked until one hands out the receipt.
    fn deposit(&self, number: u64) {
        let began = Instant::now();
        for attempt in 0.. {
            if self.attempt(number, attempt, 3_000) {
                self.receipted.fetch_add(1, Ordering::Relaxed);
                return;
            }
            if self.stop.load(Ordering::Relaxed) {
                return;
            }
            assert!(
                began.elapsed() < PATIENCE,
                "no node ever receipts statement {number}"
            );
            thread::sleep(Duration::from_millis(20)); // a node that is down needs a moment
        }
    }

    /// Whether the receipt came.
    fn attempt(&self, number: u64, attempt: usize, wait_ms: u64) -> bool {
        let node = self.at[(number as usize + attempt) % self.at.len()];
        let Some((status, body)) = self.network.submit(node, number, wait_ms) else {
            return false;
        };
        if status == 503 && body["code"] == "stopping" {
            self.sent_elsewhere.fetch_add(1, Ordering::Relaxed);
        }
        // Without a quorum the node has it too, and says so.
        let is_taken = (200..300).contains(&status) || body["code"] == "no-quorum";
        if let Some(id) = body["id"].as_str().filter(|_| is_taken) {
            self.acknowledged.lock().unwrap().insert(id.to_owned());
        }
        is_taken && body["receipt"].is_string()
    }
}
