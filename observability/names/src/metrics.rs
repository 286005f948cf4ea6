//! Metrics.

/// How a metric behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Goes up and down.
    Gauge,
    /// Only grows, from zero at the start of the process or of the network.
    Counter,
    /// Counts observations by size.
    Histogram,
}

/// A metric: its name, its unit and what it tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metric {
    /// Name, without the unit.
    pub name: &'static str,
    /// How it behaves.
    pub kind: Kind,
    /// Unit in UCUM notation: `s`, `By`, what is counted in braces, or empty for 0 and 1.
    pub unit: &'static str,
    /// Labels beside `network` and `node`, which every metric has.
    pub labels: &'static [&'static str],
    /// What it tells.
    pub help: &'static str,
}

impl Metric {
    /// The name in the text format of Prometheus, which appends unit and kind.
    pub fn exposed(&self) -> String {
        let unit = match self.unit {
            "s" => "_seconds",
            "By" => "_bytes",
            _ => "",
        };
        let kind = match self.kind {
            Kind::Counter => "_total",
            Kind::Gauge | Kind::Histogram => "",
        };
        format!("{}{unit}{kind}", self.name)
    }
}

/// 1 when the node's actors answered within the scrape, else 0.
pub const ANSWERING: Metric = Metric {
    name: "wutong_answering",
    kind: Kind::Gauge,
    unit: "",
    labels: &[],
    help: "1 when the node's actors answered within the scrape, else 0",
};
/// Last durable height.
pub const HEIGHT: Metric = Metric {
    name: "wutong_height",
    kind: Kind::Gauge,
    unit: "{block}",
    labels: &[],
    help: "last durable height",
};
/// Round being decided at the next height.
pub const ROUND: Metric = Metric {
    name: "wutong_round",
    kind: Kind::Gauge,
    unit: "{round}",
    labels: &[],
    help: "round being decided at the next height",
};
/// Height of the newest checkpoint with a quorum.
pub const PUBLISHED_HEIGHT: Metric = Metric {
    name: "wutong_published_height",
    kind: Kind::Gauge,
    unit: "{block}",
    labels: &[],
    help: "height of the newest checkpoint with a quorum",
};
/// Blocks that a present validator has and this node has not.
pub const BEHIND: Metric = Metric {
    name: "wutong_behind",
    kind: Kind::Gauge,
    unit: "{block}",
    labels: &[],
    help: "blocks that a present validator has and this node has not",
};
/// Entries of the log.
pub const LOG_SIZE: Metric = Metric {
    name: "wutong_log_size",
    kind: Kind::Gauge,
    unit: "{entry}",
    labels: &[],
    help: "entries of the log",
};
/// Statements committed since genesis.
pub const STATEMENTS: Metric = Metric {
    name: "wutong_statements",
    kind: Kind::Counter,
    unit: "{statement}",
    labels: &[],
    help: "statements committed since genesis",
};
/// Statements that wait for a block.
pub const WAITING: Metric = Metric {
    name: "wutong_waiting_statements",
    kind: Kind::Gauge,
    unit: "{statement}",
    labels: &[],
    help: "statements that wait for a block",
};
/// 1 when enough validators are present to decide, else 0.
pub const QUORUM: Metric = Metric {
    name: "wutong_quorum",
    kind: Kind::Gauge,
    unit: "",
    labels: &[],
    help: "1 when enough validators are present to decide, else 0",
};
/// 1 when this node votes, else 0.
pub const VOTING: Metric = Metric {
    name: "wutong_voting",
    kind: Kind::Gauge,
    unit: "",
    labels: &[],
    help: "1 when this node votes, else 0",
};
/// 1 while the node signs nothing because it forgot what it signed, else 0.
pub const AMNESIAC: Metric = Metric {
    name: "wutong_amnesiac",
    kind: Kind::Gauge,
    unit: "",
    labels: &[],
    help: "1 while the node signs nothing because it forgot what it signed, else 0",
};
/// Validators that were not heard of lately.
pub const MISSING: Metric = Metric {
    name: "wutong_missing_validators",
    kind: Kind::Gauge,
    unit: "{validator}",
    labels: &[],
    help: "validators that were not heard of lately",
};
/// 1 when the validator was heard of lately, else 0.
pub const VALIDATOR_PRESENT: Metric = Metric {
    name: "wutong_validator_present",
    kind: Kind::Gauge,
    unit: "",
    labels: &["validator"],
    help: "1 when the validator was heard of lately, else 0",
};
/// Blocks by which the validator is behind the highest that is known.
pub const VALIDATOR_LAG: Metric = Metric {
    name: "wutong_validator_lag",
    kind: Kind::Gauge,
    unit: "{block}",
    labels: &["validator"],
    help: "blocks by which the validator is behind the highest that is known",
};
/// Blocks published since the start, by the validator that proposed them.
pub const BLOCKS: Metric = Metric {
    name: "wutong_blocks",
    kind: Kind::Counter,
    unit: "{block}",
    labels: &["proposer"],
    help: "blocks published since the start, by the validator that proposed them",
};
/// Rounds beyond the first that published blocks took since the start.
pub const EXTRA_ROUNDS: Metric = Metric {
    name: "wutong_extra_rounds",
    kind: Kind::Counter,
    unit: "{round}",
    labels: &[],
    help: "rounds beyond the first that published blocks took since the start",
};
/// From the time of a block to its receipts being readable here.
pub const PUBLISH_LAG: Metric = Metric {
    name: "wutong_publish_lag",
    kind: Kind::Histogram,
    unit: "s",
    labels: &[],
    help: "from the time of a block to its receipts being readable here",
};
/// Proofs that a validator signed two things, since the start.
pub const MISBEHAVIOR: Metric = Metric {
    name: "wutong_misbehavior_proofs",
    kind: Kind::Counter,
    unit: "{proof}",
    labels: &["validator"],
    help: "proofs that a validator signed two things, since the start",
};
/// Messages that wait at an actor.
pub const MAILBOX_MESSAGES: Metric = Metric {
    name: "wutong_mailbox_messages",
    kind: Kind::Gauge,
    unit: "{message}",
    labels: &["actor"],
    help: "messages that wait at an actor",
};
/// Messages refused with busy since the start.
pub const MAILBOX_SHED: Metric = Metric {
    name: "wutong_mailbox_shed",
    kind: Kind::Counter,
    unit: "{message}",
    labels: &["actor"],
    help: "messages refused with busy since the start",
};
/// Messages kept past the bound since the start.
pub const MAILBOX_OVER_BOUND: Metric = Metric {
    name: "wutong_mailbox_over_bound",
    kind: Kind::Counter,
    unit: "{message}",
    labels: &["actor"],
    help: "messages kept past the bound since the start",
};
/// Things that clients and peers make the machines keep in memory.
pub const KEPT: Metric = Metric {
    name: "wutong_kept_items",
    kind: Kind::Gauge,
    unit: "{item}",
    labels: &[],
    help: "things that clients and peers make the machines keep in memory",
};
/// Cores refolded after a panic, since the start.
pub const ACTOR_RESTARTS: Metric = Metric {
    name: "wutong_actor_restarts",
    kind: Kind::Counter,
    unit: "{restart}",
    labels: &[],
    help: "cores refolded after a panic, since the start",
};
/// Inputs rejected because they panicked a core twice, since the start.
pub const POISON_INPUTS: Metric = Metric {
    name: "wutong_poison_inputs",
    kind: Kind::Counter,
    unit: "{input}",
    labels: &[],
    help: "inputs rejected because they panicked a core twice, since the start",
};
/// Frames of peers refused since the start.
pub const FRAMES_REFUSED: Metric = Metric {
    name: "wutong_frames_refused",
    kind: Kind::Counter,
    unit: "{frame}",
    labels: &[],
    help: "frames of peers refused since the start",
};
/// 1 when the server that carries the links is reached, else 0.
pub const NATS_CONNECTED: Metric = Metric {
    name: "wutong_nats_connected",
    kind: Kind::Gauge,
    unit: "",
    labels: &[],
    help: "1 when the server that carries the links is reached, else 0",
};
/// Packets published to peers since the start.
pub const PACKETS_SENT: Metric = Metric {
    name: "wutong_link_packets_sent",
    kind: Kind::Counter,
    unit: "{packet}",
    labels: &[],
    help: "packets published to peers since the start",
};
/// Packets heard since the start, refused ones too.
pub const PACKETS_RECEIVED: Metric = Metric {
    name: "wutong_link_packets_received",
    kind: Kind::Counter,
    unit: "{packet}",
    labels: &[],
    help: "packets heard since the start, refused ones too",
};
/// Packets sent again because a peer asked, since the start.
pub const PACKETS_RESENT: Metric = Metric {
    name: "wutong_link_packets_resent",
    kind: Kind::Counter,
    unit: "{packet}",
    labels: &[],
    help: "packets sent again because a peer asked, since the start",
};
/// Packets of peers given up after asking for them, since the start.
pub const PACKETS_LOST: Metric = Metric {
    name: "wutong_link_packets_lost",
    kind: Kind::Counter,
    unit: "{packet}",
    labels: &[],
    help: "packets of peers given up after asking for them, since the start",
};
/// Packets dropped since the start, by reason.
pub const PACKETS_REFUSED: Metric = Metric {
    name: "wutong_link_packets_refused",
    kind: Kind::Counter,
    unit: "{packet}",
    labels: &["reason"],
    help: "packets dropped since the start, by reason",
};
/// Frames lost because a queue was full, since the start.
pub const FRAMES_LOST: Metric = Metric {
    name: "wutong_link_frames_lost",
    kind: Kind::Counter,
    unit: "{frame}",
    labels: &["queue"],
    help: "frames lost because a queue was full, since the start",
};
/// 1 when the stream takes events, else 0; absent where the node publishes none.
pub const EVENTS_READY: Metric = Metric {
    name: "wutong_events_ready",
    kind: Kind::Gauge,
    unit: "",
    labels: &[],
    help: "1 when the stream takes events, else 0; absent where the node publishes none",
};
/// Ordinal after the newest event that the stream holds.
pub const EVENTS_NEXT: Metric = Metric {
    name: "wutong_events_next_ordinal",
    kind: Kind::Gauge,
    unit: "{event}",
    labels: &[],
    help: "ordinal after the newest event that the stream holds",
};
/// Answers of the HTTP surface since the start.
pub const HTTP_REQUESTS: Metric = Metric {
    name: "wutong_http_requests",
    kind: Kind::Counter,
    unit: "{request}",
    labels: &["method", "route", "status"],
    help: "answers of the HTTP surface since the start",
};
/// From a request to the head of its answer.
pub const HTTP_DURATION: Metric = Metric {
    name: "wutong_http_request_duration",
    kind: Kind::Histogram,
    unit: "s",
    labels: &["method", "route"],
    help: "from a request to the head of its answer",
};
/// Sampled spans since the start.
pub const SPANS_ENDED: Metric = Metric {
    name: "wutong_spans_ended",
    kind: Kind::Counter,
    unit: "{span}",
    labels: &[],
    help: "sampled spans since the start",
};
/// Spans that the collector took since the start.
pub const SPANS_EXPORTED: Metric = Metric {
    name: "wutong_spans_exported",
    kind: Kind::Counter,
    unit: "{span}",
    labels: &[],
    help: "spans that the collector took since the start",
};
/// Spans that the collector did not take since the start.
pub const SPANS_FAILED: Metric = Metric {
    name: "wutong_spans_failed",
    kind: Kind::Counter,
    unit: "{span}",
    labels: &[],
    help: "spans that the collector did not take since the start",
};
/// Room that is left for the node on the disk of its folder.
pub const DISK_FREE: Metric = Metric {
    name: "wutong_disk_free",
    kind: Kind::Gauge,
    unit: "By",
    labels: &[],
    help: "room that is left for the node on the disk of its folder",
};
/// Size of that disk.
pub const DISK_SIZE: Metric = Metric {
    name: "wutong_disk_size",
    kind: Kind::Gauge,
    unit: "By",
    labels: &[],
    help: "size of that disk",
};
/// Always 1; the version of the software is its label.
pub const BUILD_INFO: Metric = Metric {
    name: "wutong_build_info",
    kind: Kind::Gauge,
    unit: "",
    labels: &["version"],
    help: "always 1; the version of the software is its label",
};

/// Every metric, for exporters and dashboards.
pub const METRICS: [Metric; 42] = [
    ANSWERING,
    HEIGHT,
    ROUND,
    PUBLISHED_HEIGHT,
    BEHIND,
    LOG_SIZE,
    STATEMENTS,
    WAITING,
    QUORUM,
    VOTING,
    AMNESIAC,
    MISSING,
    VALIDATOR_PRESENT,
    VALIDATOR_LAG,
    BLOCKS,
    EXTRA_ROUNDS,
    PUBLISH_LAG,
    MISBEHAVIOR,
    MAILBOX_MESSAGES,
    MAILBOX_SHED,
    MAILBOX_OVER_BOUND,
    KEPT,
    ACTOR_RESTARTS,
    POISON_INPUTS,
    FRAMES_REFUSED,
    NATS_CONNECTED,
    PACKETS_SENT,
    PACKETS_RECEIVED,
    PACKETS_RESENT,
    PACKETS_LOST,
    PACKETS_REFUSED,
    FRAMES_LOST,
    EVENTS_READY,
    EVENTS_NEXT,
    HTTP_REQUESTS,
    HTTP_DURATION,
    SPANS_ENDED,
    SPANS_EXPORTED,
    SPANS_FAILED,
    DISK_FREE,
    DISK_SIZE,
    BUILD_INFO,
];

/// Metrics of the process, as every Prometheus client names them; they have no unit of their own.
pub const PROCESS_METRICS: [&str; 7] = [
    "process_cpu_seconds_total",
    "process_max_fds",
    "process_open_fds",
    "process_resident_memory_bytes",
    "process_start_time_seconds",
    "process_threads",
    "process_virtual_memory_bytes",
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn names_are_single_and_carry_no_unit() {
        let names: BTreeSet<&str> = METRICS.iter().map(|metric| metric.name).collect();
        assert_eq!(names.len(), METRICS.len());
        for metric in METRICS {
            let name = metric.name;
            assert!(name.starts_with("wutong_"), "{name}");
            let bare = ["_seconds", "_bytes", "_total", "_ratio"];
            assert!(bare.iter().all(|end| !name.ends_with(end)), "{name}");
        }
        assert_eq!(PUBLISH_LAG.exposed(), "wutong_publish_lag_seconds");
        assert_eq!(STATEMENTS.exposed(), "wutong_statements_total");
    }
}
