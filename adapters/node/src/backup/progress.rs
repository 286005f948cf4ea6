//! A bar on a terminal, and nothing elsewhere.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// How far a command is, in blocks.
pub(super) struct Progress(ProgressBar);

impl Progress {
    pub(super) fn new(what: &'static str, blocks: u64) -> Self {
        // The target hides itself where standard error is no terminal.
        let bar = ProgressBar::with_draw_target(Some(blocks), ProgressDrawTarget::stderr());
        let style = ProgressStyle::with_template("{msg} {bar:40} block {pos} of {len}, {eta} left");
        bar.set_style(style.expect("the template is well formed"));
        bar.set_message(what);
        Self(bar)
    }

    pub(super) fn at(&self, block: u64) {
        self.0.set_position(block);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
