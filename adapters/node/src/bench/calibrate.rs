//! The ceiling of DESIGN section 14, computed by loops in the same run:
//! cores / (4 x (batch verification at the run's key mix + leaf hash + block commit)).

use super::machine::cpu_seconds;
use crate::trial::TrialNetwork;
use adapters_fjall::{FjallNode, Options};
use bus::ports::{Commit, StoredBlock};
use bytes::Bytes;
use messages::event::BlockEvents;
use messages::hash::Hash;
use messages::ids::{Height, LeafIndex};
use messages::keys::{StatementCheck, verify_statements};
use messages::statement::Statement;
use std::path::Path;
use std::sync::{Arc, mpsc};
use std::time::Instant;

/// Statements in a calibration block.
const BLOCK: usize = 1000;
/// Calibration blocks.
const BLOCKS: usize = 40;

/// CPU of one deposit on one node that does nothing but what cannot be left out.
pub(crate) struct Bound {
    /// Batch verification, in microseconds.
    pub(crate) verify_us: f64,
    /// Leaf hash, in microseconds.
    pub(crate) hash_us: f64,
    /// Durable commit of entry and leaf in blocks of 1,000, in microseconds.
    pub(crate) commit_us: f64,
    /// Time of an fsync that commits one small block, in milliseconds, median.
    pub(crate) fsync_ms: f64,
}

impl Bound {
    /// Deposits per second that `cores` can carry for `validators` nodes.
    pub(crate) fn ceiling(&self, cores: usize, validators: usize) -> f64 {
        let us = self.verify_us + self.hash_us + self.commit_us;
        cores as f64 * 1e6 / (validators as f64 * us)
    }
}

/// CPU microseconds per item of `work` over `items` items.
fn cpu_us(items: usize, work: impl FnOnce() -> Result<(), String>) -> Result<f64, String> {
    let before = cpu_seconds()?;
    work()?;
    Ok((cpu_seconds()? - before) * 1e6 / items as f64)
}

/// Measures the bound with the run's own entries.
pub(crate) fn measure(
    network: &TrialNetwork,
    dir: &Path,
    entries: &[Bytes],
) -> Result<Bound, String> {
    let sample: Vec<Bytes> = entries
        .iter()
        .cycle()
        .take(BLOCK * BLOCKS)
        .cloned()
        .collect();
    let parsed: Result<Vec<Statement>, _> = sample.iter().map(|e| Statement::parse(e)).collect();
    let parsed = parsed.map_err(|e| e.to_string())?;
    let messages: Vec<Vec<u8>> = parsed.iter().map(Statement::sig_structure).collect();
    let verify_us = cpu_us(sample.len(), || {
        for (statements, messages) in parsed.chunks(BLOCK).zip(messages.chunks(BLOCK)) {
            let checks: Vec<StatementCheck<'_>> = statements
                .iter()
                .zip(messages)
                .map(|(s, m)| StatementCheck {
                    key: s.key,
                    message: m,
                    signature: s.signature,
                })
                .collect();
            if !verify_statements(&checks).iter().all(|good| *good) {
                return Err("a signature of the load does not verify".into());
            }
        }
        Ok(())
    })?;
    // The tick of the CPU clock is 10 ms: hash often enough to be above it.
    let rounds = 50;
    let mut last = Hash::ZERO;
    let hash_us = cpu_us(sample.len() * rounds, || {
        for _ in 0..rounds {
            for entry in &sample {
                last = Hash::leaf(entry);
            }
        }
        Ok(())
    })?;
    std::hint::black_box(last);
    let (commit_us, fsync_ms) = commits(network, dir, &sample)?;
    Ok(Bound {
        verify_us,
        hash_us,
        commit_us,
        fsync_ms,
    })
}

fn commits(network: &TrialNetwork, dir: &Path, sample: &[Bytes]) -> Result<(f64, f64), String> {
    let name = &network.genesis.network;
    FjallNode::init(dir, name).map_err(|e| e.to_string())?;
    let opened = FjallNode::open(dir, name, Options::default()).map_err(|e| e.to_string())?;
    let mut first = 0;
    let mut height = 0;
    let mut write = |entries: &[Bytes]| -> Result<(), String> {
        let (done, durable) = mpsc::channel();
        let done = Box::new(move || {
            let _ = done.send(());
        });
        opened
            .store
            .commit(Arc::new(commit_of(height, first, entries)), done);
        first += entries.len() as u64;
        height += 1;
        durable
            .recv()
            .map_err(|_| "the calibration store stopped".to_owned())
    };
    let commit_us = cpu_us(sample.len(), || {
        sample.chunks(BLOCK).try_for_each(&mut write)
    })?;
    let mut times = Vec::new();
    for _ in 0..50 {
        let began = Instant::now();
        write(&sample[..1])?;
        times.push(began.elapsed().as_secs_f64() * 1e3);
    }
    times.sort_by(f64::total_cmp);
    Ok((commit_us, times[times.len() / 2]))
}

/// A block of nothing but entries and leaves: the least a ledger must write.
fn commit_of(height: u64, first: u64, entries: &[Bytes]) -> Commit {
    let hashes = entries.iter().enumerate();
    Commit {
        block: StoredBlock {
            height: Height(height),
            header: Bytes::new(),
            certificate: Bytes::new(),
            previous_certificate: Bytes::new(),
            first_leaf: LeafIndex(first),
            entry_count: entries.len() as u32,
            outcomes: Vec::new(),
            peaks: Vec::new(),
            first_ordinal: first,
            replay_from: 1,
        },
        first_leaf: LeafIndex(first),
        entries: entries.to_vec(),
        tile_hashes: hashes
            .map(|(i, e)| (0, first + i as u64, Hash::leaf(e)))
            .collect(),
        state_rows: Vec::new(),
        ids: Vec::new(),
        values: Vec::new(),
        events: BlockEvents::default(),
        event_tails: Vec::new(),
    }
}
