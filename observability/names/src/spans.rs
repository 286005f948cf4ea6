//! Spans of one deposit's way through the nodes.

/// At the gateway's HTTP: from the request to its answer.
pub const SPAN_SUBMIT: &str = "wutong.submit";
/// A peer's frame told this node of the statement.
pub const SPAN_GOSSIP: &str = "wutong.gossip";
/// Signature and rights are judged.
pub const SPAN_ADMISSION: &str = "wutong.admission";
/// From the verdict until the statement is durable in the pool.
pub const SPAN_POOL: &str = "wutong.pool";
/// The proposer made a block that holds the statement.
pub const SPAN_PROPOSE: &str = "wutong.propose";
/// A proposal that holds the statement was judged.
pub const SPAN_PROPOSAL: &str = "wutong.proposal";
/// A vote left while the statement's block was being decided.
pub const SPAN_VOTE: &str = "wutong.vote";
/// From the first sight of the proposal to the decision.
pub const SPAN_DECIDE: &str = "wutong.decide";
/// From the decision until the block is durable.
pub const SPAN_STORE: &str = "wutong.store";
/// From the durable block to a checkpoint with a quorum.
pub const SPAN_CHECKPOINT: &str = "wutong.checkpoint";
/// From the checkpoint until the client is handed its receipt.
pub const SPAN_RECEIPT: &str = "wutong.receipt";

/// Every span, in the order in which a deposit meets them.
pub const SPANS: [&str; 11] = [
    SPAN_SUBMIT,
    SPAN_GOSSIP,
    SPAN_ADMISSION,
    SPAN_POOL,
    SPAN_PROPOSE,
    SPAN_PROPOSAL,
    SPAN_VOTE,
    SPAN_DECIDE,
    SPAN_STORE,
    SPAN_CHECKPOINT,
    SPAN_RECEIPT,
];
