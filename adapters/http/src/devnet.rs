//! Orders to the validators of a devnet, so that a visitor sees the network hold.
//!
//! A page of another origin must not press these buttons, and neither must one whose own name
//! was made to lead here: a request needs a header that no form sends, a browser's word that it
//! comes from this page's origin, and the address of this devnet as the host it was sent to.

use crate::problem::HttpProblem;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Serialize;
use std::sync::Arc;

/// Says that a page asks on purpose: other pages cannot set it without being asked first.
const PURPOSE: &str = "x-wutong-devnet";
/// What a browser says about where a request comes from.
const FETCH_SITE: &str = "sec-fetch-site";

/// What a visitor may ask of a validator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum DevnetVerb {
    /// Stop it.
    Stop,
    /// Start it, or heal it when it was cut off.
    Start,
    /// Cut it off from the others; it keeps running.
    Cut,
}

impl DevnetVerb {
    fn parse(text: &str) -> Option<Self> {
        match text {
            "stop" => Some(Self::Stop),
            "start" => Some(Self::Start),
            "cut" => Some(Self::Cut),
            _ => None,
        }
    }
}

/// How a validator of a devnet is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum DevnetState {
    /// It runs and reaches the others.
    Running,
    /// It does not run.
    Stopped,
    /// It runs and reaches nobody.
    Cut,
}

/// One validator of a devnet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DevnetValidator {
    /// Its name.
    pub name: String,
    /// Who runs it.
    pub organisation: String,
    /// Base URL of its HTTP surface, which is also its origin; none before it first listened.
    pub url: Option<String>,
    /// How it is.
    pub state: DevnetState,
    /// The order that is being carried out, if any.
    pub ordered: Option<DevnetVerb>,
    /// Why it stopped by itself or an order failed, until the next order.
    pub problem: Option<String>,
}

/// Why an order is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DevnetRefusal {
    /// There is no such validator.
    NoSuchValidator {
        /// How many there are.
        count: usize,
    },
    /// No other validator would be left whose console could start one again.
    LastOne,
    /// Too many orders wait already.
    Busy,
}

/// A devnet that obeys its visitors.
pub trait DevnetControl: Send + Sync {
    /// All validators, by number. Must not block.
    fn validators(&self) -> Vec<DevnetValidator>;

    /// Takes an order and returns at once; [`DevnetControl::validators`] tells what came of it.
    ///
    /// # Errors
    /// When there is no such validator, it is the last one and shall stop, or too many orders wait.
    fn order(&self, validator: usize, verb: DevnetVerb) -> Result<(), DevnetRefusal>;
}

type Control = Arc<dyn DevnetControl>;

/// The routes that only a devnet has.
pub(crate) fn routes(control: Control) -> Router {
    Router::new()
        .route("/v1/devnet", get(validators))
        .route("/v1/devnet/validators/{number}/{verb}", post(order))
        .method_not_allowed_fallback(crate::problem::wrong_method)
        .with_state(control)
}

/// Origins of the devnet's validators.
pub(crate) fn origins(control: &dyn DevnetControl) -> Vec<String> {
    let validators = control.validators();
    validators.into_iter().filter_map(|v| v.url).collect()
}

#[derive(Serialize)]
struct ValidatorsJson {
    validators: Vec<DevnetValidator>,
}

/// `GET /v1/devnet`.
async fn validators(State(control): State<Control>) -> Response {
    let validators = control.validators();
    let unkept = [(header::CACHE_CONTROL, "no-store")];
    (unkept, Json(ValidatorsJson { validators })).into_response()
}

#[derive(Serialize)]
struct OrderedJson {
    validator: usize,
    ordered: DevnetVerb,
    next_step: &'static str,
}

/// `POST /v1/devnet/validators/{number}/{stop|start|cut}`.
async fn order(
    State(control): State<Control>,
    Path((number, verb)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, HttpProblem> {
    check_sender(&headers, &origins(&*control))?;
    let verb = DevnetVerb::parse(&verb).ok_or_else(|| unknown_verb(&verb))?;
    let count = control.validators().len();
    let validator = number.parse().map_err(|_| unknown_validator(count))?;
    control
        .order(validator, verb)
        .map_err(|refusal| match refusal {
            DevnetRefusal::NoSuchValidator { count } => unknown_validator(count),
            DevnetRefusal::LastOne => last_one(),
            DevnetRefusal::Busy => busy(),
        })?;
    // Not when it is done: the validator that answers here may be the one to be stopped.
    let body = Json(OrderedJson {
        validator,
        ordered: verb,
        next_step: "Ask for /v1/devnet, here or at another validator, to see it done.",
    });
    Ok((StatusCode::ACCEPTED, body).into_response())
}

/// Takes orders from the console of this devnet only.
fn check_sender(headers: &HeaderMap, origins: &[String]) -> Result<(), HttpProblem> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if text(PURPOSE) != Some("1") {
        return Err(stranger(PURPOSE, "1", text(PURPOSE)));
    }
    let own = text("host").map(|host| format!("http://{host}"));
    let Some(own) = own.filter(|own| origins.contains(own)) else {
        return Err(stranger("host", "an address of this devnet", text("host")));
    };
    let (site, origin) = (text(FETCH_SITE), text("origin"));
    if site.is_some_and(|site| site != "same-origin") {
        return Err(stranger(FETCH_SITE, "same-origin", site));
    }
    if origin.is_some_and(|origin| origin != own) || (origin, site) == (None, None) {
        return Err(stranger("origin", &own, origin));
    }
    Ok(())
}

fn stranger(field: &str, expected: &str, found: Option<&str>) -> HttpProblem {
    let found = found.unwrap_or("none");
    HttpProblem::new(
        StatusCode::FORBIDDEN,
        "not-from-the-console",
        format!("{field}: expected {expected}, found {found}"),
        "Use the console at a validator's own address, or `wutong devnet stop|start|cut`.",
    )
    .about(field)
}

fn unknown_verb(found: &str) -> HttpProblem {
    HttpProblem::malformed(
        "verb",
        format!("verb: expected stop, start or cut, found {found:?}"),
        "Post to /v1/devnet/validators/0/stop, for example.",
    )
}

fn unknown_validator(count: usize) -> HttpProblem {
    HttpProblem::new(
        StatusCode::NOT_FOUND,
        "no-such-validator",
        format!("number: expected 0 to {}", count.saturating_sub(1)),
        "Ask for /v1/devnet: it lists the validators by number, from 0.",
    )
    .about("number")
}

fn last_one() -> HttpProblem {
    HttpProblem::new(
        StatusCode::CONFLICT,
        "last-validator",
        "no other validator runs, so no console would be left to start one again",
        "Start another validator first, or use `wutong devnet stop`.",
    )
    .about("number")
}

fn busy() -> HttpProblem {
    HttpProblem::new(
        StatusCode::TOO_MANY_REQUESTS,
        "orders-wait",
        "too many orders wait to be carried out",
        "Try again in a moment.",
    )
}
