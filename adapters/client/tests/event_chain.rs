//! The checker of events, held to the vectors that all clients share.

// The lint does not see that helpers of tests are tests.
#![allow(clippy::unwrap_used)]

use adapters_client::event_chain::{Accepted, ChainEvent, EventChain};
use messages::policy::Policy;
use serde_json::{Value, json};

fn vectors() -> Value {
    serde_json::from_str(include_str!("event_chain.json")).unwrap()
}

fn said(chain: &mut EventChain, event: &Value) -> Value {
    let read = ChainEvent::from_value(event.clone());
    let accepted = read.map_or_else(Accepted::Broken, |event| chain.accept(&event));
    match accepted {
        Accepted::New => json!("new"),
        Accepted::Seen => json!("seen"),
        Accepted::Gap { expected, found } => json!({ "gap": [expected, found] }),
        Accepted::Broken(broken) => json!({ "broken": broken.field }),
    }
}

#[test]
fn every_step_is_judged_as_written() {
    let mut steps = 0;
    for case in vectors()["cases"].as_array().unwrap() {
        let mut chain = EventChain::from_json(&case["start"].to_string()).unwrap();
        for (number, step) in case["steps"].as_array().unwrap().iter().enumerate() {
            let (before, at) = (chain.clone(), format!("{}, step {number}", case["name"]));
            assert_eq!(said(&mut chain, &step["event"]), step["says"], "{at}");
            assert_eq!(chain != before, step["says"] == "new", "{at}");
            chain = EventChain::from_json(&chain.to_json()).unwrap();
            steps += 1;
        }
    }
    assert!(steps > 60, "{steps}");
}

#[test]
fn receipts_prove_every_field() {
    let policy = include_str!("../../../messages/tests/corpus/policy.txt");
    let policy = Policy::parse(policy).unwrap();
    for case in vectors()["receipts"].as_array().unwrap() {
        let event = ChainEvent::from_value(case["event"].clone()).unwrap();
        let verified = event.verify_receipt(&policy).map_err(|broken| broken.field);
        match case["broken"].as_str() {
            None => assert_eq!(verified.unwrap().id, event.id, "{}", case["name"]),
            Some(field) => assert_eq!(verified.unwrap_err(), field, "{}", case["name"]),
        }
    }
}
