//! Events for integrators: those of the ledger's statements, in order, each once.

use super::Violations;
use super::ledger::Summary;
use bus::ports::Event;

/// Compares what was published with a ledger: events may end earlier, and nothing else. Only an
/// honest publisher must publish.
pub fn check(events: &[Event], ledger: &Summary, publishes: bool, violations: &Violations) {
    for (place, event) in events.iter().enumerate() {
        let Some(id) = ledger.order.get(place) else {
            violations.add(format!("event {place} is of no statement of the ledger"));
            return;
        };
        let id = messages::hash::Hash(*id).to_string();
        if !event.json.contains(&id) {
            violations.add(format!("event {place} is not that of statement {id}"));
            return;
        }
    }
    // The last blocks may not be published yet; a stream that never moves is a fault.
    if publishes && events.is_empty() && ledger.order.len() > 20 {
        violations.add("no event was published");
    }
}
