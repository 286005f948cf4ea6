//! A run in slices: a file says how far it came, so that it can be stopped and go on.

use super::totals::Totals;
use serde::{Deserialize, Serialize};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How far a run came.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct State {
    /// What was asked for: another run must not go on with it.
    run: String,
    /// The next seed.
    next: u64,
    totals: Totals,
}

/// The file of a run in slices; without one, a run is one slice.
pub(super) struct Slices {
    path: Option<PathBuf>,
    run: String,
}

impl Slices {
    /// The slices of a run, which `run` describes.
    pub(super) fn new(path: Option<&Path>, run: String) -> Self {
        Self {
            path: path.map(Into::into),
            run,
        }
    }

    /// Where to begin, and what came of the slices before.
    pub(super) fn begin(&self, seeds: &Range<u64>) -> Result<(u64, Totals), String> {
        let fresh = (seeds.start, Totals::default());
        let Some(path) = self.path.as_ref().filter(|path| path.exists()) else {
            return Ok(fresh);
        };
        let shown = path.display();
        let text = std::fs::read_to_string(path).map_err(|e| format!("{shown}: {e}"))?;
        let state: State = serde_json::from_str(&text).map_err(|e| format!("{shown}: {e}"))?;
        if state.run != self.run {
            return Err(format!(
                "{shown} belongs to another run: expected \"{}\", found \"{}\"",
                self.run, state.run
            ));
        }
        Ok((state.next, state.totals))
    }

    /// Remembers how far it came.
    pub(super) fn keep(&self, next: u64, totals: &Totals, slice: Duration) -> Result<(), String> {
        let Some(path) = &self.path else {
            return Ok(());
        };
        let mut totals = totals.clone();
        totals.add_wall(slice);
        let state = State {
            run: self.run.clone(),
            next,
            totals,
        };
        let text = serde_json::to_string(&state).map_err(|e| e.to_string())?;
        // Written beside and renamed: a run that is killed leaves the state before.
        let beside = path.with_extension("new");
        let kept = std::fs::write(&beside, text).and_then(|()| std::fs::rename(&beside, path));
        kept.map_err(|e| format!("{}: {e}", path.display()))
    }
}
