//! What an operator's machines ask a node: is it alive, is it ready, and its metrics.
//!
//! `/livez` says whether to restart the process, `/readyz` whether to send clients here; neither
//! is part of the API that clients program against, so the OpenAPI document leaves them out.

mod readiness;

use crate::Node;
use crate::asking::ask_within;
use crate::problem::HttpProblem;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use bus::api::{Answer, Health, Query, ValidatorStatus};
pub use readiness::Hindrance;
use serde::Serialize;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Longest that the node may take to answer a probe.
const PROBE_TIMEOUT: Duration = Duration::from_secs(2);

/// Media type of the text format of Prometheus.
const EXPOSITION: HeaderValue =
    HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");

/// An answer of the HTTP surface.
#[derive(Clone, Copy, Debug)]
pub struct Answered<'a> {
    /// Method of the request, as the client wrote it.
    pub method: &'a str,
    /// The route as the table has it; `none` for paths that are in no table.
    pub route: &'a str,
    /// Status of the answer.
    pub status: u16,
    /// From the request to the head of the answer.
    pub took: Duration,
}

/// What surrounds a node, as far as its operator asks about it.
pub trait Surroundings: Send + Sync {
    /// What keeps the node from serving and is not known to itself, such as links that are down.
    fn hindrances(&self) -> Vec<Hindrance>;

    /// The metrics in the text format of Prometheus, with what the node just said; none where
    /// nobody counts.
    fn metrics(&self, health: Option<&Health>, validators: &[ValidatorStatus]) -> Option<String>;

    /// The surface answered a request.
    fn on_answer(&self, answered: &Answered<'_>);
}

/// The routes of an operator.
#[derive(Clone, Default)]
pub struct Operations {
    around: Option<Arc<dyn Surroundings>>,
}

impl Operations {
    /// Probes that also say what `around` knows, metrics, and each answer told to it.
    pub fn around(around: Arc<dyn Surroundings>) -> Self {
        Self {
            around: Some(around),
        }
    }

    /// Adds the routes to those of a node.
    pub(crate) fn over(self, app: Router, node: Node) -> Router {
        let asked = Asked {
            node,
            around: self.around.clone(),
            has_answered: Arc::default(),
        };
        let routes = Router::new()
            .route("/livez", get(live))
            .route("/readyz", get(ready))
            .route("/metrics", get(metrics))
            .method_not_allowed_fallback(crate::problem::wrong_method)
            .with_state(asked);
        let app = app.merge(routes);
        match self.around {
            Some(around) => app.layer(middleware::from_fn_with_state(around, tell)),
            None => app,
        }
    }
}

#[derive(Clone)]
struct Asked {
    node: Node,
    around: Option<Arc<dyn Surroundings>>,
    /// The node answered a probe before: one that begins is not a dead one.
    has_answered: Arc<AtomicBool>,
}

impl Asked {
    async fn health(&self) -> Option<Box<Health>> {
        match ask_within(&self.node, Query::Health, PROBE_TIMEOUT).await {
            Ok(Answer::Health(health)) => {
                self.has_answered.store(true, Ordering::Relaxed);
                Some(health)
            }
            _ => None,
        }
    }

    async fn validators(&self) -> Vec<ValidatorStatus> {
        match ask_within(&self.node, Query::Validators, PROBE_TIMEOUT).await {
            Ok(Answer::Validators(list)) => list,
            _ => Vec::new(),
        }
    }
}

/// Answer of a probe.
#[derive(Serialize)]
struct Probe {
    status: &'static str,
    reasons: Vec<Hindrance>,
}

impl Probe {
    fn answer(good: &'static str, bad: &'static str, reasons: Vec<Hindrance>) -> Response {
        let (code, status) = match reasons.is_empty() {
            true => (StatusCode::OK, good),
            false => (StatusCode::SERVICE_UNAVAILABLE, bad),
        };
        let no_store = [(header::CACHE_CONTROL, "no-store")];
        (code, no_store, Json(Self { status, reasons })).into_response()
    }
}

/// `GET /livez`: 503 when the process is better begun anew.
async fn live(State(asked): State<Asked>) -> Response {
    let had_answered = asked.has_answered.load(Ordering::Relaxed);
    let hangs = asked.health().await.is_none() && had_answered;
    let reasons = hangs.then(readiness::hangs).into_iter().collect();
    Probe::answer("alive", "stuck", reasons)
}

/// `GET /readyz`: 503 when clients are better served elsewhere, with every reason.
async fn ready(State(asked): State<Asked>) -> Response {
    // What is around a node first: without its links everybody else seems to be gone.
    let mut reasons: Vec<Hindrance> = asked.around.iter().flat_map(|a| a.hindrances()).collect();
    match asked.health().await {
        Some(health) => reasons.extend(readiness::reasons(&health, &asked.validators().await)),
        None => reasons.push(readiness::starting()),
    }
    Probe::answer("ready", "not ready", reasons)
}

/// `GET /metrics`.
async fn metrics(State(asked): State<Asked>) -> Response {
    let none = || {
        let detail = "this node counts nothing: it runs without metrics";
        let next = "Ask a node that `wutong node` or `wutong devnet` runs.";
        HttpProblem::new(StatusCode::NOT_FOUND, "no-metrics", detail, next)
    };
    let Some(around) = &asked.around else {
        return none().into_response();
    };
    let health = asked.health().await;
    let validators = match health {
        Some(_) => asked.validators().await,
        None => Vec::new(),
    };
    match around.metrics(health.as_deref(), &validators) {
        Some(text) => {
            let headers = [
                (header::CONTENT_TYPE, EXPOSITION),
                (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
            ];
            (headers, text).into_response()
        }
        None => none().into_response(),
    }
}

/// Tells of each answer.
async fn tell(
    State(around): State<Arc<dyn Surroundings>>,
    request: Request,
    next: Next,
) -> Response {
    let began = Instant::now();
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let response = next.run(request).await;
    around.on_answer(&Answered {
        method: method.as_str(),
        route: route.as_ref().map_or("none", MatchedPath::as_str),
        status: response.status().as_u16(),
        took: began.elapsed(),
    });
    response
}
