//! The HTTP surface of a node.
//!
//! It translates and decides nothing: a request becomes one call of [`NodeApi`], the answer
//! becomes a status and a body. Refusals are problem details (RFC 9457) that name the field and
//! the next step. Bodies are bounded before they are read, and no request can make it panic.
//!
//! | route | answer |
//! |---|---|
//! | `POST /v1/statements?wait_ms=N` | 201 with receipt, 202 when the wait ends, 503 without quorum |
//! | `GET /v1/statements/{id}` | a statement and where it stands |
//! | `GET /v1/statements/{id}/receipt` | its receipt (C2SP tlog-proof) |
//! | `GET /v1/statements/{id}/content` | the content that it lodges, as a download |
//! | `GET /v1/statements/{id}/transparent` | it with a quorum of COSE receipts (RFC 9943) |
//! | `GET /v1/lookup?value=HEX` | statements that lodge a digest or commitment |
//! | `GET /v1/blocks/{height}` | a block |
//! | `PUT /v1/bodies/{digest}`, `GET /v1/bodies/{digest}` | a content kept beside the log |
//! | `GET /checkpoint`, `GET /v1/checkpoint` | the newest checkpoint (C2SP signed note) |
//! | `GET /v1/policy` | the trust anchor (C2SP tlog-policy) |
//! | `GET /v1/policy/proof` | the policy's entry in the log, which lists the receipt keys |
//! | `GET /v1/validators`, `GET /v1/health` | the node's view of the network and of itself |

mod asking;
mod bodies;
mod cose;
mod problem;
mod reading;
mod submitting;
mod views;

use axum::Router;
use axum::routing::{get, post};
use bus::api::NodeApi;
use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

/// Longest that open requests may take to end once the server shuts down.
const DRAIN: Duration = Duration::from_secs(2);

/// What handlers share: the node behind the surface.
pub(crate) type Node = Arc<dyn NodeApi>;

/// The routes over a node.
pub fn router(api: Arc<dyn NodeApi>) -> Router {
    Router::new()
        .route("/v1/statements", post(submitting::submit))
        .route("/v1/statements/{id}", get(reading::statement))
        .route("/v1/statements/{id}/receipt", get(reading::receipt))
        .route("/v1/statements/{id}/content", get(bodies::content))
        .route("/v1/statements/{id}/transparent", get(cose::transparent))
        .route("/v1/lookup", get(reading::lookup))
        .route(
            "/v1/bodies/{digest}",
            get(bodies::get)
                .put(bodies::put)
                .layer(axum::extract::DefaultBodyLimit::disable()),
        )
        .route("/v1/blocks/{height}", get(reading::block))
        .route("/checkpoint", get(reading::checkpoint))
        .route("/v1/checkpoint", get(reading::checkpoint))
        .route("/v1/policy", get(reading::policy))
        .route("/v1/policy/proof", get(cose::policy_proof))
        .route("/v1/validators", get(reading::validators))
        .route("/v1/health", get(reading::health))
        .fallback(problem::unknown_route)
        .method_not_allowed_fallback(problem::wrong_method)
        .with_state(api)
}

/// Serves the node until `shutdown` ends, then gives open requests two seconds to finish.
///
/// # Errors
/// When the listener fails.
pub async fn serve(
    listener: TcpListener,
    api: Arc<dyn NodeApi>,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let (began, stopping) = oneshot::channel();
    let shutdown = async move {
        shutdown.await;
        // The receiver is gone only when the server has already ended.
        let _ = began.send(());
    };
    let server = axum::serve(listener, router(api)).with_graceful_shutdown(shutdown);
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
