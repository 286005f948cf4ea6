//! The client library, with its errors as this binary reports them.

use crate::exit::{Exit, Failure};
pub(crate) use adapters_client::Client;
use adapters_client::ClientError;
use std::future::Future;

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        let exit = match error {
            ClientError::Unreachable { .. } => Exit::Pending,
            ClientError::Unusable { .. } | ClientError::Refused { .. } => Exit::Refused,
            ClientError::Setup(_) | ClientError::Randomness(_) => Exit::Usage,
        };
        Self::new(exit, error.to_string(), error.next_step())
    }
}

/// Runs a future to its end on this thread.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = runtime.map_err(|e| {
        Failure::usage(
            format!("cannot set up networking: {e}"),
            "Check this machine's limits on open files.",
        )
    })?;
    Ok(runtime.block_on(future))
}
