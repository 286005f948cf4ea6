//! The API for clients over NATS: requests and replies, found by the NATS service protocol.
//!
//! | subject | payload | answer |
//! |---|---|---|
//! | `wutong.<network>.v1.tx.submit` | a signed statement (COSE_Sign1) | JSON, as `POST /v1/statements` |
//! | `wutong.<network>.v1.tx.status` | an id in hexadecimal | JSON: where the statement stands |
//! | `wutong.<network>.v1.tx.receipt` | an id in hexadecimal | the receipt (C2SP tlog-proof) |
//! | `wutong.<network>.v1.tx.lookup` | JSON: `value`, `from`, `count` | JSON, as `GET /v1/lookup` |
//! | `wutong.<network>.v1.tx.events`, `.tx.events.<namespace>` | JSON: `height` or `after`, `count` | JSON: events with receipts, made anew from the ledger |
//!
//! All nodes of a network share a queue group, so that any one of them answers. A refusal has the
//! headers of the service protocol, its number that of HTTP, and problem details as its body.
//!
//! Answers go to subjects below `_INBOX` only. A client names the subject of its answer, and a node
//! may have rights that the client has not: it must not speak where the client wants it to.

mod answers;
mod events;
mod requests;

use crate::server::Server;
use answers::{Reply, busy};
use async_nats::connection::State;
use async_nats::service::endpoint::Endpoint;
use async_nats::service::{Request, Service, ServiceExt};
use async_nats::{Client, Error};
use bus::api::NodeApi;
use futures::stream::{BoxStream, SelectAll};
use futures::{FutureExt, StreamExt};
use messages::ids::Name;
use requests::Verb;
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use tokio::sync::Semaphore;
use tokio::task::{JoinHandle, JoinSet};

/// Name of the service: the same for all networks; the metadata tell which.
pub const SERVICE_NAME: &str = "wutong";
/// Queue group of all nodes of a network.
pub const QUEUE_GROUP: &str = "wutong";
/// Most submissions at work; each may wait a minute for its receipt.
const SUBMISSIONS_MAX: usize = 512;
/// Most questions at work.
const QUERIES_MAX: usize = 256;
/// Requests that may wait to be read; more are lost, and their clients ask again.
const UNREAD_MAX: usize = 1_024;
/// Where answers may go.
const INBOX: &str = "_INBOX";

/// What the API needs to know.
pub struct ServiceOptions {
    /// The server; its identity should be one that may do nothing but answer.
    pub server: Server,
    /// The network.
    pub network: Name,
    /// This node.
    pub node: Name,
    /// Version of the software, in the form of semantic versions.
    pub version: &'static str,
}

/// Subject of a verb of the API: `wutong.<network>.v1.tx.<verb>`.
pub fn api_subject(network: &Name, verb: &str) -> String {
    format!("wutong.{network}.v1.tx.{verb}")
}

#[derive(Default)]
struct Shared {
    client: OnceLock<Client>,
    refused: Counters,
}

/// Refusals by subject, for the service's statistics.
#[derive(Default)]
struct Counters(BTreeMap<Verb, AtomicU64>);

impl Counters {
    fn of_all() -> Self {
        Self(Verb::ALL.map(|verb| (verb, AtomicU64::new(0))).into())
    }

    fn add(&self, verb: Verb) {
        if let Some(count) = self.0.get(&verb) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn by_name(&self, name: &str) -> u64 {
        let found = self.0.iter().find(|(verb, _)| verb.name() == name);
        found.map_or(0, |(_, count)| count.load(Ordering::Relaxed))
    }
}

/// The API of one node; dropping it ends it.
///
/// It starts whether or not the server is up, survives its restart, and has its own connection: what
/// clients send never stands before the links between nodes.
pub struct NatsService {
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

impl NatsService {
    /// Starts to answer for `node`.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn start(options: ServiceOptions, node: Arc<dyn NodeApi>) -> Self {
        let shared = Arc::new(Shared {
            client: OnceLock::new(),
            refused: Counters::of_all(),
        });
        let task = tokio::spawn(run(options, node, shared.clone()));
        Self { shared, task }
    }

    /// Whether the server is reached now.
    pub fn is_connected(&self) -> bool {
        let client = self.shared.client.get();
        client.is_some_and(|c| c.connection_state() == State::Connected)
    }
}

impl Drop for NatsService {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn run(options: ServiceOptions, node: Arc<dyn NodeApi>, shared: Arc<Shared>) {
    let server = &options.server;
    let connect = server
        .options(format!("wutong API of {}", options.node))
        .subscription_capacity(UNREAD_MAX);
    let client = match connect.connect(server.addresses()).await {
        Ok(client) => client,
        Err(error) => {
            tracing::error!(%error, ?server, "the API over NATS cannot be built");
            return;
        }
    };
    // Set once: this is the only place.
    let _ = shared.client.set(client.clone());
    match announce(&options, &client, &shared).await {
        Ok((service, requests)) => {
            let _announced = Announced(Some(service));
            serve(requests, node, shared).await;
        }
        Err(error) => tracing::error!(%error, "the API over NATS cannot listen"),
    }
}

/// Answers those who look for services, for as long as it lives.
struct Announced(Option<Service>);

impl Drop for Announced {
    fn drop(&mut self) {
        if let Some(service) = self.0.take() {
            // It waits for nothing.
            let _ = service.stop().now_or_never();
        }
    }
}

type Requests = SelectAll<BoxStream<'static, (Verb, Request)>>;

/// Subscribes, so that the service is found and asked.
async fn announce(
    options: &ServiceOptions,
    client: &Client,
    shared: &Arc<Shared>,
) -> Result<(Service, Requests), Error> {
    let of = [("network", &options.network), ("node", &options.node)];
    let metadata = of.map(|(key, name)| (key.to_owned(), name.to_string()));
    let counted = shared.clone();
    let service = client
        .service_builder()
        .description("Ledger for evidence: submit signed statements, ask for receipts")
        .metadata(HashMap::from(metadata))
        .queue_group(QUEUE_GROUP)
        .stats_handler(
            move |endpoint, _| serde_json::json!({ "refused": counted.refused.by_name(&endpoint) }),
        )
        .start(SERVICE_NAME, options.version)
        .await?;
    let mut requests = Requests::new();
    for verb in Verb::ALL {
        let about = HashMap::from([("payload".into(), verb.payload().into())]);
        for (name, subject) in verb.endpoints(&options.network) {
            let endpoint: Endpoint = service
                .endpoint_builder()
                .name(name)
                .metadata(about.clone())
                .add(subject)
                .await?;
            requests.push(endpoint.map(move |request| (verb, request)).boxed());
        }
    }
    Ok((service, requests))
}

/// Answers until the client is closed.
async fn serve(mut requests: Requests, node: Arc<dyn NodeApi>, shared: Arc<Shared>) {
    let submissions = Arc::new(Semaphore::new(SUBMISSIONS_MAX));
    let queries = Arc::new(Semaphore::new(QUERIES_MAX));
    // Ends with this task: no answer is worked on for a node that is gone.
    let mut at_work = JoinSet::new();
    while let Some((verb, request)) = requests.next().await {
        while at_work.try_join_next().is_some() {}
        if !may_be_answered(&request) {
            shared.refused.add(verb);
            continue;
        }
        let room = match verb {
            Verb::Submit => &submissions,
            Verb::Status | Verb::Receipt | Verb::Lookup | Verb::Events => &queries,
        };
        let Ok(room) = room.clone().try_acquire_owned() else {
            shared.refused.add(verb);
            answers::send(&request, busy()).await;
            continue;
        };
        let (node, shared) = (node.clone(), shared.clone());
        at_work.spawn(async move {
            let reply: Reply = requests::answer(&*node, verb, &request.message).await;
            if reply.is_err() {
                shared.refused.add(verb);
            }
            answers::send(&request, reply).await;
            drop(room);
        });
    }
}

/// Whether the client named a subject for its answer, one on which answers are heard.
fn may_be_answered(request: &Request) -> bool {
    let reply = request.message.reply.as_ref();
    reply.is_some_and(|subject| is_inbox(subject.as_str()))
}

fn is_inbox(subject: &str) -> bool {
    let first = subject.split('.').next().unwrap_or_default();
    first.starts_with(INBOX) && first.len() < subject.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_go_to_inboxes_only() {
        for subject in ["_INBOX.a", "_INBOX.client.a.b", "_INBOX_bank.x"] {
            assert!(is_inbox(subject), "{subject}");
        }
        for subject in [
            "",
            "_INBOX",
            "wutong.n.v1.events.public.deposited",
            "$JS.API.STREAM.PURGE.X",
            "x._INBOX.a",
        ] {
            assert!(!is_inbox(subject), "{subject}");
        }
    }
}
