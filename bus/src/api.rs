//! What a node offers to its surfaces (HTTP, NATS, the in-process bench): one submission and a
//! handful of queries, each answered through a callback.

use bytes::Bytes;
pub use messages::api::*;
use messages::ids::Height;

/// Called once with the answer, from any thread.
pub type Reply<T> = Box<dyn FnOnce(T) + Send>;

/// Called with the height of each checkpoint that is published, in order, by the node's own
/// thread: it must not block. Returns whether it wants to be called again.
pub type Listener = Box<dyn FnMut(Height) -> bool + Send>;

/// What a node offers to its surfaces.
pub trait NodeApi: Send + Sync {
    /// Submits a statement. With a wait, the answer comes with the receipt or when the wait ends;
    /// without one, as soon as the statement is admitted and durable.
    fn submit(&self, entry: Bytes, wait_ms: Option<u64>, reply: Reply<SubmitAnswer>);

    /// Asks a question.
    fn query(&self, query: Query, reply: Reply<Answer>);

    /// Has `listener` called from the next publication on.
    fn subscribe(&self, listener: Listener);
}
