//! What an operator's machines are told: alive, ready and why not, metrics.

// The lint does not see that helpers of tests are tests.
#![allow(clippy::unwrap_used)]

mod support;

use adapters_http::{Answered, Beside, Console, Hindrance, Operations, Surroundings};
use bus::api::*;
use bytes::Bytes;
use messages::ids::Height;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use support::*;

/// Links that are down, and what was told of answers.
#[derive(Default)]
struct Around {
    links_down: bool,
    answers: Mutex<Vec<(String, String, u16)>>,
}

impl Surroundings for Around {
    fn hindrances(&self) -> Vec<Hindrance> {
        let down = self
            .links_down
            .then(|| Hindrance::no_links("nats://127.0.0.1:4222"));
        down.into_iter().collect()
    }

    fn metrics(&self, health: Option<&Health>, validators: &[ValidatorStatus]) -> Option<String> {
        let height = health.map(|health| health.height.0);
        Some(format!(
            "height {height:?} of {} validators\n",
            validators.len()
        ))
    }

    fn on_answer(&self, answered: &Answered<'_>) {
        let (method, route) = (answered.method.into(), answered.route.into());
        let mut answers = self.answers.lock().unwrap();
        answers.push((method, route, answered.status));
    }
}

fn beside(around: Arc<Around>) -> Beside {
    Beside {
        console: Console::default(),
        operations: Operations::around(around),
    }
}

fn peer(text: &str, height: u64) -> ValidatorStatus {
    ValidatorStatus {
        name: name(text),
        own: false,
        height: Height(height),
        silent_ms: Some(100),
        ..validator()
    }
}

/// Four validators that hear one another at height 7.
fn all_well() -> FakeNode {
    FakeNode {
        validators: vec![validator(), peer("v2", 7), peer("v3", 6), peer("v4", 7)],
        ..FakeNode::default()
    }
}

/// Codes and details of the reasons that a node gives.
async fn reasons(node: FakeNode) -> Vec<(String, String)> {
    let served = serve_with(node, beside(Arc::default())).await;
    let answer = served.get("/readyz").await;
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let body = answer.json();
    let reasons = body["reasons"].as_array().unwrap();
    let ready = (answer.status, body["status"].as_str().unwrap());
    let expected = match reasons.is_empty() {
        true => (200, "ready"),
        false => (503, "not ready"),
    };
    assert_eq!(ready, expected, "{body}");
    let text = |reason: &serde_json::Value, field: &str| {
        let text = reason[field].as_str().unwrap().to_owned();
        assert!(!text.is_empty(), "{field}: {reason}");
        text
    };
    let told = |reason: &serde_json::Value| {
        text(reason, "next_step");
        (text(reason, "code"), text(reason, "detail"))
    };
    reasons.iter().map(told).collect()
}

fn reason(code: &str, detail: &str) -> Vec<(String, String)> {
    vec![(code.into(), detail.into())]
}

#[tokio::test]
async fn a_node_among_its_peers_is_ready() {
    assert_eq!(reasons(all_well()).await, []);
}

#[tokio::test]
async fn without_a_quorum_the_missing_are_named() {
    let node = FakeNode {
        without_quorum: true,
        ..all_well()
    };
    let expected = reason("no-quorum", "no quorum: missing v3, v4");
    assert_eq!(reasons(node).await, expected);
}

#[tokio::test]
async fn who_heard_of_nobody_yet_is_starting() {
    let unheard = |text| ValidatorStatus {
        silent_ms: None,
        ..peer(text, 0)
    };
    let observer = ValidatorStatus {
        role: NodeRole::Observer,
        ..peer("o1", 90)
    };
    let node = FakeNode {
        validators: vec![
            validator(),
            peer("v2", 7),
            unheard("v3"),
            unheard("v4"),
            observer,
        ],
        ..FakeNode::default()
    };
    let detail = "starting: heard of 2 validators of 4, itself among them; 3 are needed";
    assert_eq!(reasons(node).await, reason("starting", detail));
}

#[tokio::test]
async fn behind_counts_from_the_highest_that_is_present() {
    let absent = ValidatorStatus {
        present: false,
        ..peer("v4", 90)
    };
    let at = |height| FakeNode {
        validators: vec![
            validator(),
            peer("v2", height),
            peer("v3", 7),
            absent.clone(),
        ],
        ..FakeNode::default()
    };
    assert_eq!(reasons(at(17)).await, [], "ten blocks are nothing");
    let expected = reason("behind", "behind by 11 blocks: here 7, v2 is at 18");
    assert_eq!(reasons(at(18)).await, expected);
}

#[tokio::test]
async fn an_amnesiac_says_why() {
    let node = FakeNode {
        health: Some(Health {
            amnesiac: Some("the vote-state file is missing".into()),
            voting: false,
            ..health(true)
        }),
        ..all_well()
    };
    let detail = "amnesiac: the vote-state file is missing; it signs nothing yet";
    assert_eq!(reasons(node).await, reason("amnesiac", detail));
}

#[tokio::test]
async fn links_that_are_down_are_a_reason_beside_others() {
    let around = Arc::new(Around {
        links_down: true,
        ..Around::default()
    });
    let node = FakeNode {
        without_quorum: true,
        ..all_well()
    };
    let served = serve_with(node, beside(around)).await;
    let answer = served.get("/readyz").await;
    let body = answer.json();
    let codes: Vec<&str> = body["reasons"]
        .as_array()
        .unwrap()
        .iter()
        .map(|reason| reason["code"].as_str().unwrap())
        .collect();
    assert_eq!(
        (answer.status, codes),
        (503, vec!["nats-not-connected", "no-quorum"])
    );
}

/// Answers until it is told to fall silent.
#[derive(Default)]
struct Falls {
    inner: FakeNode,
    silent: AtomicBool,
}

impl NodeApi for Falls {
    fn submit(&self, _: Bytes, _: Option<u64>, _: Reply<SubmitAnswer>) {}

    fn query(&self, query: Query, reply: Reply<Answer>) {
        if !self.silent.load(Ordering::Relaxed) {
            self.inner.query(query, reply);
        }
    }

    fn subscribe(&self, _: Listener) {}
}

#[tokio::test]
async fn a_node_that_falls_silent_is_dead_and_one_that_begins_is_not() {
    let node = Arc::new(Falls::default());
    node.silent.store(true, Ordering::Relaxed);
    let served = serve_node(node.clone(), beside(Arc::default())).await;
    let live = served.get("/livez").await;
    assert_eq!(
        (live.status, live.json()["status"].as_str()),
        (200, Some("alive"))
    );
    let ready = served.get("/readyz").await.json();
    assert_eq!(ready["reasons"][0]["code"], "starting");
    node.silent.store(false, Ordering::Relaxed);
    assert_eq!(served.get("/livez").await.status, 200);
    node.silent.store(true, Ordering::Relaxed);
    let live = served.get("/livez").await;
    assert_eq!(
        (live.status, live.json()["reasons"][0]["code"].as_str()),
        (503, Some("no-answer"))
    );
}

#[tokio::test]
async fn metrics_are_text_and_every_answer_is_told_by_its_route() {
    let around = Arc::new(Around::default());
    let served = serve_with(all_well(), beside(around.clone())).await;
    let answer = served.get("/metrics").await;
    assert_eq!(
        answer.header("content-type"),
        Some("text/plain; version=0.0.4; charset=utf-8")
    );
    assert_eq!(answer.body, "height Some(7) of 4 validators\n");
    served.get(&format!("/v1/statements/{}", id())).await;
    served.get("/no/such/path/at/all").await;
    served.get("/console/app.js").await;
    let told = |method: &str, route: &str, status| (method.to_owned(), route.to_owned(), status);
    let expected = [
        told("GET", "/metrics", 200),
        told("GET", "/v1/statements/{id}", 200),
        told("GET", "none", 404),
        told("GET", "/console/app.js", 200),
    ];
    assert_eq!(*around.answers.lock().unwrap(), expected);
}

#[tokio::test]
async fn where_nobody_counts_there_are_probes_and_no_metrics() {
    let served = serve(all_well()).await;
    assert_eq!(served.get("/readyz").await.status, 200);
    let answer = served.get("/metrics").await;
    assert_eq!(
        (answer.status, answer.json()["code"].as_str()),
        (404, Some("no-metrics"))
    );
    answer.problem_field();
    assert_eq!(served.send("POST", "/livez", &[], b"").await.status, 405);
}
