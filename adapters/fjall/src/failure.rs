//! What happens when a write or a read of the disk fails: the node stops.

use core::fmt;
use std::sync::Arc;

/// Called once with what failed. The default logs and aborts the process, for no code after a
/// failed fsync could be right; tests put something there that they can observe.
#[derive(Clone)]
pub struct FailureHook(Arc<dyn Fn(&str) + Send + Sync>);

impl FailureHook {
    /// A hook of one's own. When it returns, the calling thread panics.
    pub fn new(hook: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Self(Arc::new(hook))
    }

    /// Calls the hook.
    pub(crate) fn call(&self, what: &str) {
        (self.0)(what);
    }

    /// Calls the hook, and panics should it return.
    pub(crate) fn fatal(&self, what: &str, error: impl fmt::Display) -> ! {
        let text = format!("{what}: {error}");
        self.call(&text);
        panic!("{text}");
    }
}

impl Default for FailureHook {
    fn default() -> Self {
        Self::new(|what| {
            tracing::error!(what, "storage failed; the node stops");
            std::process::abort();
        })
    }
}

impl fmt::Debug for FailureHook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FailureHook")
    }
}
