//! Events for integrators: those of the ledger's statements, in order, each once.

use super::Violations;
use super::ledger::Summary;
use bus::ports::Event;
use messages::hash::Hash;
use serde_json::Value;
use std::collections::BTreeMap;

/// Compares what was published with a ledger: events may end earlier, and nothing else. Only an
/// honest publisher must publish.
pub fn check(events: &[Event], ledger: &Summary, publishes: bool, violations: &Violations) {
    let mut chain = Chain::default();
    for (place, event) in events.iter().enumerate() {
        let Some(id) = ledger.order.get(place) else {
            violations.add(format!("event {place} is of no statement of the ledger"));
            return;
        };
        let id = Hash(*id).to_string();
        if let Err(fault) = chain.follow(&event.json, place as u64 + 1, &id) {
            violations.add(format!("event {place}, of statement {id}: {fault}"));
            return;
        }
    }
    // The last blocks may not be published yet; a stream that never moves is a fault.
    if publishes && events.is_empty() && ledger.order.len() > 20 {
        violations.add("no event was published");
    }
}

/// The chains of events as the format says them (docs/nats.md), with nothing of the product but SHA-256.
#[derive(Default)]
struct Chain {
    newest: Option<String>,
    namespaces: BTreeMap<String, (u64, String)>,
}

impl Chain {
    fn follow(&mut self, json: &str, ordinal: u64, id: &str) -> Result<(), String> {
        let event: Value = serde_json::from_str(json).map_err(|e| e.to_string())?;
        let text = |name: &str| match &event[name] {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let zeros = "0".repeat(64);
        let namespace = text("namespace");
        let known = self.namespaces.get(&namespace).cloned();
        let (count, before) = known.unwrap_or((0, zeros.clone()));
        let newest = self.newest.clone().unwrap_or(zeros);
        let expected = [
            ("version", "2".into()),
            ("ordinal", ordinal.to_string()),
            ("namespace_ordinal", (count + 1).to_string()),
            ("previous", newest),
            ("namespace_previous", before),
            ("id", id.to_owned()),
        ];
        for (name, expected) in expected {
            let found = text(name);
            if found != expected {
                return Err(format!("{name}: expected {expected}, found {found}"));
            }
        }
        let fields = [
            "network",
            "namespace",
            "type",
            "ordinal",
            "namespace_ordinal",
            "height",
            "index",
            "block_time_ms",
            "id",
            "previous",
            "namespace_previous",
        ];
        let lines = fields.map(|name| text(name) + "\n").concat();
        let hash = Hash::of(format!("wutong/event/v2\n{lines}").as_bytes()).to_string();
        if text("hash") != hash {
            return Err(format!("hash: expected {hash}, found {}", text("hash")));
        }
        if !text("receipt").starts_with("c2sp.org/tlog-proof@v1\n") {
            return Err("there is no receipt inside".into());
        }
        self.newest = Some(hash.clone());
        self.namespaces.insert(namespace, (count + 1, hash));
        Ok(())
    }
}
