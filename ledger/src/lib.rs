//! Pure state machines of the ledger.
//!
//! Each takes one input enum and answers with effects; time is passed in; there is no I/O, no
//! clock, no thread and no randomness. The `actors` crate wraps each in the same small shell.

pub mod admission;
pub mod bodies;
pub mod checkpointing;
pub mod engine;
pub mod execution;
pub mod following;
pub mod gateway;
pub mod log_tree;
pub mod machine;
pub mod permissions;
pub mod pool;
pub mod presence;
pub mod publisher;
pub mod rebuilding;
pub mod replica;
pub mod state;
pub mod storage;
