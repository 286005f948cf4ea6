//! One cut in a process of its own.
//!
//! Damage may make the database ask for all the memory there is, or panic while it panics, and then
//! the process aborts. For a node that is a refusal to open; for the suite it must not be the end.

use super::disk::Lost;
use super::judge::{Demand, Outcome};
use super::suite::{self, Cut};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Names the seed of the cut.
const SEED: &str = "WUTONG_POWER_SEED";
/// Names the file of the recording.
const LOG: &str = "WUTONG_POWER_LOG";
/// Set when the disk is judged as an honest one whatever its fault: for the canary.
const STRICT: &str = "WUTONG_POWER_STRICT";

/// The command that cuts once more.
pub(crate) fn command_of(seed: u64, log: &Path) -> String {
    format!(
        "{SEED}={seed} {LOG}={} cargo test --release -p adapters-fjall --test \
         survives_power_cuts one_power_cut_again -- --ignored --nocapture",
        log.display()
    )
}

/// What the test function `one_power_cut_again` does.
pub(crate) fn again() -> Cut {
    let variable = |name| std::env::var(name).unwrap_or_else(|_| panic!("{name} says which"));
    let seed = variable(SEED).parse().unwrap();
    let demand = match std::env::var_os(STRICT) {
        Some(_) => Demand::Everything,
        None => suite::fault_of(seed).demand(),
    };
    suite::again(seed, &PathBuf::from(variable(LOG)), demand)
}

/// One line that says what a cut did, for the process above.
pub(crate) fn line_of(cut: &Cut) -> String {
    let Lost {
        dropped,
        torn,
        lies,
        damaged,
    } = cut.lost;
    let verdict = match &cut.verdict {
        Ok(outcome) => format!("ok {outcome:?}"),
        Err(violation) => format!("violated {}", violation.replace('\n', " ")),
    };
    format!("judged {dropped} {torn} {lies} {damaged} {verdict}")
}

/// Cuts in a process of its own.
pub(crate) fn cut_once(seed: u64, log: &Path, demand: Demand) -> Cut {
    let fault = suite::fault_of(seed);
    let mut child = Command::new(std::env::current_exe().unwrap());
    child
        .args(["--exact", "one_power_cut_again", "--ignored", "--nocapture"])
        .env(SEED, seed.to_string())
        .env(LOG, log);
    if demand == Demand::Everything {
        child.env(STRICT, "1");
    }
    let output = child.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let lines = text.lines();
    let judged = lines
        .filter_map(|line| line.split_once("judged "))
        .next_back();
    let Some((_, judged)) = judged else {
        let aborted = output.status.signal().is_some();
        assert!(aborted, "seed {seed}: {output:?}");
        // At least so much was lost; the numbers are gone with the process.
        let lost = Lost {
            lies: usize::from(fault.lies().is_some()),
            damaged: usize::from(fault.damages().is_some()),
            ..Lost::default()
        };
        let verdict = match demand {
            Demand::Everything => Err("the process was aborted".into()),
            Demand::LossNoticed | Demand::NothingWrong => Ok(Outcome::Aborted),
        };
        return Cut {
            fault,
            lost,
            text,
            verdict,
        };
    };
    let mut words = judged.splitn(6, ' ');
    let mut number = || words.next().unwrap().parse().unwrap();
    let (dropped, torn, lies, damaged) = (number(), number(), number(), number());
    let verdict = match (words.next(), words.next()) {
        (Some("ok"), Some(name)) => Ok(Outcome::of_name(name)),
        (_, violation) => Err(violation.unwrap_or_default().to_owned()),
    };
    let lost = Lost {
        dropped,
        torn,
        lies,
        damaged,
    };
    Cut {
        fault,
        lost,
        text,
        verdict,
    }
}
