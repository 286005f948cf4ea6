//! Signals that stop a service.

use tokio::signal::unix::{Signal, SignalKind, signal};

/// SIGINT and SIGTERM, one after the other.
pub(crate) struct StopSignals(Option<(Signal, Signal)>);

impl StopSignals {
    /// Listens from now on; within a tokio runtime.
    pub(crate) fn listen() -> Self {
        let (interrupt, terminate) = (
            signal(SignalKind::interrupt()),
            signal(SignalKind::terminate()),
        );
        if interrupt.is_err() || terminate.is_err() {
            tracing::error!("cannot listen for signals; stop this process by SIGKILL");
        }
        Self(interrupt.ok().zip(terminate.ok()))
    }

    /// Waits for the next of them.
    pub(crate) async fn next(&mut self) {
        let Some((interrupt, terminate)) = &mut self.0 else {
            return std::future::pending().await;
        };
        tokio::select! {
            biased;
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    }
}

/// Waits for SIGINT or SIGTERM.
pub(crate) async fn stop_signal() {
    StopSignals::listen().next().await;
}
