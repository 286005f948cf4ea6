//! `wutong-sim diff`: where two runs part.

use super::report;
use clap::Args;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Lines shown before the difference.
const CONTEXT: usize = 5;

/// Options of `diff`.
#[derive(Args)]
pub(super) struct DiffArgs {
    /// A trace: the output of `run --trace`.
    first: PathBuf,
    /// Another.
    second: PathBuf,
}

/// Lines of the event log: a time, then what happened.
fn trace(path: &Path) -> Result<Vec<String>, String> {
    let text = std::fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?;
    let is_event = |line: &&str| {
        line.starts_with(' ') && line.trim_start().starts_with(|c: char| c.is_ascii_digit())
    };
    let lines: Vec<String> = text.lines().filter(is_event).map(Into::into).collect();
    if lines.is_empty() {
        return Err(format!(
            "{}: there is no event log in it: make one with `run --trace`",
            path.display()
        ));
    }
    Ok(lines)
}

/// Compares two traces.
pub(super) fn run(args: &DiffArgs) -> Result<ExitCode, String> {
    let (first, second) = (trace(&args.first)?, trace(&args.second)?);
    let same = first
        .iter()
        .zip(&second)
        .take_while(|(a, b)| a == b)
        .count();
    if same == first.len() && same == second.len() {
        report::line(&format!("identical: {same} events"));
        return Ok(ExitCode::SUCCESS);
    }
    report::line(&format!(
        "the first {same} events are the same; then they part:"
    ));
    for line in &first[same.saturating_sub(CONTEXT)..same] {
        report::line(&format!("  {}", line.trim_start()));
    }
    for (mark, lines) in [("<", &first), (">", &second)] {
        let line = lines
            .get(same)
            .map_or("(the end)", |line| line.trim_start());
        report::line(&format!("{mark} {line}"));
    }
    Ok(ExitCode::FAILURE)
}
