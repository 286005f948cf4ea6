//! The HTTP surface of a node.
//!
//! It translates and decides nothing: a request becomes one call of [`NodeApi`], the answer
//! becomes a status and a body. Refusals are problem details (RFC 9457) that name the field and
//! the next step. Bodies are bounded before they are read, and no request can make it panic.
//!
//! | route | answer |
//! |---|---|
//! | `POST /v1/statements?wait_ms=N` | 201 with receipt, 202 when the wait ends, 503 without quorum |
//! | `GET /v1/statements?after=ORDINAL` | published statements, page by page |
//! | `GET /v1/statements/{id}` | a statement and where it stands |
//! | `GET /v1/statements/{id}/receipt` | its receipt (C2SP tlog-proof) |
//! | `GET /v1/statements/{id}/content` | the content that it lodges, as a download |
//! | `GET /v1/statements/{id}/transparent` | it with a quorum of COSE receipts (RFC 9943) |
//! | `PUT /v1/bodies/{digest}`, `GET /v1/bodies/{digest}` | a content kept beside the log |
//! | `GET /v1/statements/{id}/outcome` | what became of it, with its proof |
//! | `GET /v1/lookup?value=HEX` | statements that lodge a digest or commitment |
//! | `GET /v1/events?after=ORDINAL` | events as they are published (server-sent events) |
//! | `GET /v1/blocks`, `GET /v1/blocks/{height or id}` | blocks |
//! | `GET /v1/namespaces`, `GET /v1/namespaces/{name}/keys` | who may deposit where |
//! | `GET /v1/identities/{key}` | what a key may do |
//! | `GET /v1/state/{key}`, `GET /v1/state?key=HEX` | a row of the state, or the proof that there is none |
//! | `GET /checkpoint`, `GET /v1/checkpoint` | the newest checkpoint (C2SP signed note) |
//! | `GET /tile/{level}/{n}`, `GET /tile/entries/{n}` | tiles and bundles (C2SP tlog-tiles) |
//! | `GET /v1/entries`, `GET /v1/entries/{index}` | entries of the log |
//! | `GET /v1/proofs/consistency`, `GET /v1/proofs/inclusion` | proofs (RFC 6962) |
//! | `GET /v1/policy`, `GET /v1/policy/chain` | the trust anchor (C2SP tlog-policy), and all there were |
//! | `GET /v1/policy/proof` | the policy's entry in the log, which lists the receipt keys |
//! | `GET /v1/validators`, `GET /v1/health` | the node's view of the network and of itself |
//! | `GET /v1/openapi.json` | the OpenAPI document |
//! | `GET /`, `/console/*`, `/client/*`, `/verify` | the console and what it consists of |
//! | `GET /v1/devnet`, `POST /v1/devnet/validators/{number}/{verb}` | a devnet's validators, and orders to them |
//! | `GET /livez`, `GET /readyz`, `GET /metrics` | what an operator's machines ask |
//! | `POST /entries`, `GET /entries/{id}`, `GET /.well-known/scitt-keys` | SCITT reference endpoints |
//!
//! The table in `routes` is what both the router and the OpenAPI document are made from; the
//! console's routes and an operator's stand beside it.

mod asking;
mod bodies;
mod conditional;
mod console;
mod cose;
mod devnet;
mod events;
mod openapi;
mod operations;
mod pages;
mod problem;
mod proofs;
mod reading;
mod rights;
mod routes;
mod scitt;
mod state;
mod submitting;
mod tiles;
mod tracing;
mod views;

pub use console::Console;
pub use devnet::{DevnetControl, DevnetRefusal, DevnetState, DevnetValidator, DevnetVerb};
pub use operations::{Answered, Hindrance, Operations, Surroundings};

use axum::Router;
use axum::extract::FromRef;
use bus::api::NodeApi;
use events::Streams;
use messages::ids::Height;
use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::{oneshot, watch};

/// Longest that open requests may take to end once the server shuts down.
const DRAIN: Duration = Duration::from_secs(2);

/// The node behind the surface.
pub(crate) type Node = Arc<dyn NodeApi>;

/// What is served beside a node's API.
#[derive(Clone, Default)]
pub struct Beside {
    /// The console.
    pub console: Console,
    /// Probes and metrics.
    pub operations: Operations,
}

impl From<Console> for Beside {
    fn from(console: Console) -> Self {
        Self {
            console,
            operations: Operations::default(),
        }
    }
}

/// What handlers share.
#[derive(Clone)]
pub(crate) struct Surface {
    pub(crate) node: Node,
    pub(crate) streams: Streams,
}

impl Surface {
    /// Newest height that was published since the surface began; 0 before.
    pub(crate) fn published(&self) -> Height {
        self.streams.published()
    }
}

impl FromRef<Surface> for Node {
    fn from_ref(surface: &Surface) -> Self {
        surface.node.clone()
    }
}

/// The routes over a node. Event streams end with the connections.
pub fn router(api: Arc<dyn NodeApi>) -> Router {
    let (_, never) = watch::channel(false);
    routed(api, never)
}

fn routed(node: Node, closing: watch::Receiver<bool>) -> Router {
    let streams = Streams::new(&*node, closing);
    routes::router()
        .fallback(problem::unknown_route)
        .method_not_allowed_fallback(problem::wrong_method)
        .with_state(Surface { node, streams })
}

/// Serves the node and what stands beside its API until `shutdown` ends, then gives open requests two seconds
/// to finish.
///
/// # Errors
/// When the listener fails.
pub async fn serve(
    listener: TcpListener,
    api: Arc<dyn NodeApi>,
    beside: impl Into<Beside>,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let (began, stopping) = oneshot::channel();
    let (close, closing) = watch::channel(false);
    let shutdown = async move {
        shutdown.await;
        close.send_replace(true);
        // The receiver is gone only when the server has already ended.
        let _ = began.send(());
    };
    let Beside {
        console,
        operations,
    } = beside.into();
    let app = console.over(routed(api.clone(), closing));
    let app = operations.over(app, api);
    let server = axum::serve(listener, app).with_graceful_shutdown(shutdown);
    let drained = async move {
        match stopping.await {
            Ok(()) => tokio::time::sleep(DRAIN).await,
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        result = async { server.await } => result,
        () = drained => Ok(()),
    }
}
