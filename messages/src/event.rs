//! Events: committed facts as integrators get them, each linked to the one before.
//!
//! Ordinals are dense, from 1, in the network and in each namespace; each event names the hash of
//! the event before in both. So a reader of the whole network or of one namespace sees loss,
//! repetition and a broker that lies, with nothing but the events themselves. Receipts stand beside
//! the chain, not under it: nodes may hold other quorums of cosignatures for one head.

use crate::hash::Hash;
use crate::ids::{Height, LeafIndex, Name, StatementId, TimeMs};
use std::collections::BTreeMap;
use std::fmt::Write;

/// First line of what an event's hash covers.
const DOMAIN: &str = "wutong/event/v2";

/// Version of the JSON form.
pub const EVENT_VERSION: u32 = 2;

/// The event of a deposit.
pub const DEPOSITED: &str = "deposited";

/// Where a chain of events stands: its newest event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub struct EventTail {
    /// How many events there are; the ordinal of the newest.
    pub count: u64,
    /// Its hash; zeros when there is none.
    pub hash: Hash,
}

impl Default for EventTail {
    fn default() -> Self {
        Self {
            count: 0,
            hash: Hash::ZERO,
        }
    }
}

/// Where the chains stood before a block: events of the block are made from here.
#[derive(
    Clone, Debug, Default, PartialEq, Eq, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize,
)]
pub struct BlockEvents {
    /// The chain of the network.
    pub network: EventTail,
    /// The chains of the namespaces that have events in the block, ordered by name.
    pub namespaces: Vec<(Name, EventTail)>,
}

impl crate::wire::Framed for BlockEvents {
    const SCHEMA: u16 = 13;
    const VERSION: u16 = 1;
}

/// What an event says, apart from its place in the chains.
#[derive(Clone, Copy, Debug)]
pub struct EventFacts<'a> {
    /// Network.
    pub network: &'a Name,
    /// Namespace of the statement.
    pub namespace: &'a Name,
    /// Type of the event, such as [`DEPOSITED`].
    pub kind: &'a str,
    /// Height of its block.
    pub height: Height,
    /// The statement's place in the log.
    pub index: LeafIndex,
    /// Time of the block.
    pub block_time: TimeMs,
    /// The statement, which its id names with all that it says.
    pub id: StatementId,
}

/// An event's place in the chains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventLink {
    /// Ordinal in the network, from 1.
    pub ordinal: u64,
    /// Ordinal in the namespace, from 1.
    pub namespace_ordinal: u64,
    /// Hash of the network's event before; zeros for the first.
    pub previous: Hash,
    /// Hash of the namespace's event before; zeros for the first.
    pub namespace_previous: Hash,
    /// The event's own hash.
    pub hash: Hash,
}

impl EventLink {
    /// The place of an event that follows these tails.
    pub fn after(network: &EventTail, namespace: &EventTail, facts: &EventFacts<'_>) -> Self {
        let (ordinal, namespace_ordinal) = (network.count + 1, namespace.count + 1);
        let mut text = String::with_capacity(448);
        write!(
            text,
            "{DOMAIN}\n{}\n{}\n{}\n{ordinal}\n{namespace_ordinal}\n{}\n{}\n{}\n{}\n{}\n{}\n",
            facts.network,
            facts.namespace,
            facts.kind,
            facts.height,
            facts.index,
            facts.block_time.0,
            facts.id,
            network.hash,
            namespace.hash,
        )
        .expect("a string takes whatever is written");
        Self {
            ordinal,
            namespace_ordinal,
            previous: network.hash,
            namespace_previous: namespace.hash,
            hash: Hash::of(text.as_bytes()),
        }
    }
}

/// The chains of a network as far as they are at hand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventChains {
    network: EventTail,
    namespaces: BTreeMap<Name, EventTail>,
}

impl EventChains {
    /// The chains before a block.
    pub fn before(block: &BlockEvents) -> Self {
        Self {
            network: block.network,
            namespaces: block.namespaces.iter().cloned().collect(),
        }
    }

    /// Chains that stand at `network`; those of namespaces are told when they are needed.
    pub fn at(network: EventTail) -> Self {
        Self {
            network,
            namespaces: BTreeMap::new(),
        }
    }

    /// The chain of the network.
    pub fn network(&self) -> EventTail {
        self.network
    }

    /// The chain of a namespace, looked up by `known` when it is not at hand.
    pub fn namespace(
        &mut self,
        name: &Name,
        known: impl FnOnce(&Name) -> Option<EventTail>,
    ) -> EventTail {
        if let Some(tail) = self.namespaces.get(name) {
            return *tail;
        }
        let tail = known(name).unwrap_or_default();
        self.namespaces.insert(name.clone(), tail);
        tail
    }

    /// Adds an event. The chain of a namespace that is not at hand begins anew.
    pub fn add(&mut self, facts: &EventFacts<'_>) -> EventLink {
        let namespace = self.namespace(facts.namespace, |_| None);
        let link = EventLink::after(&self.network, &namespace, facts);
        self.network = EventTail {
            count: link.ordinal,
            hash: link.hash,
        };
        let tail = EventTail {
            count: link.namespace_ordinal,
            hash: link.hash,
        };
        self.namespaces.insert(facts.namespace.clone(), tail);
        link
    }
}

/// The JSON form of an event (docs/nats.md); `receipt` is C2SP tlog-proof text.
pub fn event_json(
    facts: &EventFacts<'_>,
    link: &EventLink,
    (mode, value, key): (&str, &Hash, &str),
    receipt: Option<&str>,
) -> String {
    // Every value but the receipt is a number, a name or hexadecimal: nothing needs escaping.
    let mut json = format!(
        "{{\"version\":{EVENT_VERSION},\"type\":\"{}\",\"network\":\"{}\",\"namespace\":\"{}\",\
         \"ordinal\":{},\"namespace_ordinal\":{},\"previous\":\"{}\",\"namespace_previous\":\"{}\",\
         \"hash\":\"{}\",\"height\":{},\"index\":{},\"block_time_ms\":{},\
         \"id\":\"{}\",\"mode\":\"{mode}\",\"value\":\"{value}\",\"key\":\"{key}\"",
        facts.kind,
        facts.network,
        facts.namespace,
        link.ordinal,
        link.namespace_ordinal,
        link.previous,
        link.namespace_previous,
        link.hash,
        facts.height,
        facts.index,
        facts.block_time.0,
        facts.id,
    );
    if let Some(receipt) = receipt {
        let text = serde_json::to_string(receipt).expect("text has a JSON form");
        json.push_str(",\"receipt\":");
        json.push_str(&text);
    }
    json.push('}');
    json
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts<'a>(network: &'a Name, namespace: &'a Name, index: u64) -> EventFacts<'a> {
        EventFacts {
            network,
            namespace,
            kind: DEPOSITED,
            height: Height(4),
            index: LeafIndex(index),
            block_time: TimeMs(1_700_000_000_123),
            id: StatementId(Hash([index as u8; 32])),
        }
    }

    /// Frozen: readers in other languages compute the same (adapters/client has the vectors).
    #[test]
    fn the_hash_covers_the_lines_of_the_format() {
        let (network, namespace) = (Name::try_new("trial"), Name::try_new("public"));
        let (network, namespace) = (network.unwrap(), namespace.unwrap());
        let mut chains = EventChains::default();
        chains.add(&facts(&network, &namespace, 2));
        let link = chains.add(&facts(&network, &namespace, 3));
        let zeros = "0".repeat(64);
        let first = format!(
            "wutong/event/v2\ntrial\npublic\ndeposited\n1\n1\n4\n2\n1700000000123\n{}\n{zeros}\n{zeros}\n",
            "02".repeat(32)
        );
        let first = Hash::of(first.as_bytes());
        assert_eq!((link.previous, link.namespace_previous), (first, first));
        let second = format!(
            "wutong/event/v2\ntrial\npublic\ndeposited\n2\n2\n4\n3\n1700000000123\n{}\n{first}\n{first}\n",
            "03".repeat(32)
        );
        assert_eq!(link.hash, Hash::of(second.as_bytes()));
        insta::assert_snapshot!(link.hash, @"e76910a0ae7ee842c59fa238787c270169625f0651d8fba61f006671588c5aaf");
    }

    #[test]
    fn namespaces_have_chains_of_their_own() {
        let names = ["trial", "a", "b"].map(|n| Name::try_new(n).unwrap());
        let [network, a, b] = &names;
        let mut chains = EventChains::default();
        let of_a = chains.add(&facts(network, a, 2));
        let of_b = chains.add(&facts(network, b, 3));
        let again = chains.add(&facts(network, a, 4));
        assert_eq!((again.ordinal, again.namespace_ordinal), (3, 2));
        assert_eq!(again.previous, of_b.hash);
        assert_eq!(again.namespace_previous, of_a.hash);
        assert_eq!(
            (of_b.namespace_ordinal, of_b.namespace_previous),
            (1, Hash::ZERO)
        );
        // A block's record is all that its events need.
        let before = BlockEvents {
            network: EventTail {
                count: 2,
                hash: of_b.hash,
            },
            namespaces: vec![(
                a.clone(),
                EventTail {
                    count: 1,
                    hash: of_a.hash,
                },
            )],
        };
        let mut restored = EventChains::before(&before);
        assert_eq!(restored.add(&facts(network, a, 4)), again);
    }

    #[test]
    fn the_json_reads_back() {
        let names = ["trial", "a"].map(|n| Name::try_new(n).unwrap());
        let [network, a] = &names;
        let facts = facts(network, a, 2);
        let link = EventChains::default().add(&facts);
        let of = ("digest", &Hash::ZERO, "ab");
        let json = event_json(&facts, &link, of, Some("line \"one\"\n\u{2014} two\n"));
        let value: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(value["receipt"], "line \"one\"\n\u{2014} two\n");
        assert_eq!(value["hash"], link.hash.to_string());
        let json = event_json(&facts, &link, of, None);
        let value: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(
            (value["version"].as_u64(), value.get("receipt")),
            (Some(2), None)
        );
    }
}
