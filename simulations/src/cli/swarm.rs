//! Many worlds at once, reported in the order of their seeds.

use super::report;
use super::run::{RunArgs, Source, tell, wall_clock};
use super::slices::Slices;
use super::totals::Totals;
use crate::outcome::Outcome;
use crate::plan::Plan;
use crate::{Options, run_plan};
use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// How often progress is shown.
const PROGRESS_MIN: Duration = Duration::from_millis(200);
/// How often a run in slices remembers how far it came.
const KEEP_MIN: Duration = Duration::from_secs(5);

/// A swarm of worlds.
pub(super) struct Swarm<'a> {
    pub(super) args: &'a RunArgs,
    pub(super) source: &'a Source,
    pub(super) options: &'a Options,
    pub(super) slices: &'a Slices,
    pub(super) began: Instant,
}

type Ran = Result<(Plan, Outcome), String>;

impl Swarm<'_> {
    /// Runs the worlds on so many threads.
    pub(super) fn run(&self, threads: usize) -> Result<Totals, String> {
        let (first, totals) = self.slices.begin(&self.args.seeds)?;
        let next = AtomicU64::new(first);
        let (done, outcomes) = mpsc::channel();
        std::thread::scope(|scope| {
            for _ in 0..threads {
                let (done, next, options) = (done.clone(), &next, self.options.clone());
                let (seeds, source) = (&self.args.seeds, self.source);
                scope.spawn(move || {
                    loop {
                        let seed = next.fetch_add(1, Ordering::Relaxed);
                        if !seeds.contains(&seed) {
                            return;
                        }
                        let ran = source.plan(seed).map(|plan| {
                            let outcome = run_plan(plan.clone(), &options);
                            (plan, outcome)
                        });
                        if done.send((seed, ran)).is_err() {
                            return; // Nobody listens any more.
                        }
                    }
                });
            }
            drop(done);
            self.collect(first, totals, &outcomes)
        })
    }

    fn collect(
        &self,
        mut next: u64,
        mut totals: Totals,
        outcomes: &mpsc::Receiver<(u64, Ran)>,
    ) -> Result<Totals, String> {
        let mut waiting = BTreeMap::new();
        let many = self.args.seeds.end - self.args.seeds.start;
        let shows = std::io::stderr().is_terminal() && many > 1;
        let (mut shown, mut kept) = (None::<Instant>, wall_clock());
        for (seed, ran) in outcomes {
            waiting.insert(seed, ran);
            while let Some(ran) = waiting.remove(&next) {
                let (plan, outcome) = ran?;
                let expected = self.source.allows(&outcome.verdict);
                totals.found |= self.source.is_found(&outcome.verdict);
                totals.add(next, &outcome, expected);
                tell(self.args, &plan, &outcome, expected);
                next += 1;
            }
            if kept.elapsed() > KEEP_MIN {
                kept = wall_clock();
                self.slices.keep(next, &totals, self.began.elapsed())?;
            }
            if shows && shown.is_none_or(|at| at.elapsed() > PROGRESS_MIN) {
                shown = Some(wall_clock());
                let seconds = totals.wall(self.began.elapsed()).as_secs();
                let (seeds, failed) = (totals.seeds, totals.failed.len());
                report::progress(&format!(
                    "{seeds}/{many} seeds, {failed} failed, {seconds} s"
                ));
            }
        }
        if shows {
            report::progress("");
        }
        self.slices.keep(next, &totals, self.began.elapsed())?;
        Ok(totals)
    }
}
