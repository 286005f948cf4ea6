//! The console: a screen of the network in a browser, served from this binary.
//!
//! No build step and no foreign host: the page is HTML, CSS and modules as they lie in the
//! sources, with the JavaScript client as it is published, and the offline page that verifies
//! receipts. The browser is told to run nothing else and to talk to this origin only, and on a
//! devnet to those of its validators.

mod assets;

use crate::conditional::{Freshness, Kept};
use crate::devnet::{self, DevnetControl};
use assets::{ASSETS, Asset, VERIFY_PAGE};
use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, Method, header};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::get;
use serde::Serialize;
use std::fmt::Write;
use std::sync::Arc;

/// Headers of every answer that a browser shows.
const GUARDS: [(HeaderName, HeaderValue); 4] = [
    (
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    ),
    (
        header::REFERRER_POLICY,
        HeaderValue::from_static("no-referrer"),
    ),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        HeaderValue::from_static("same-origin"),
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        HeaderValue::from_static("same-origin"),
    ),
];

/// What the console of a node shows and may do beyond reading its node.
#[derive(Clone, Default)]
pub struct Console {
    devnet: Option<Arc<dyn DevnetControl>>,
}

impl Console {
    /// The console of a devnet: with buttons, and allowed to read all its validators.
    pub fn of_devnet(control: Arc<dyn DevnetControl>) -> Self {
        Self {
            devnet: Some(control),
        }
    }

    /// Adds the console to the routes of a node.
    pub(crate) fn over(self, node: Router) -> Router {
        let page = |asset: &'static Asset| {
            get(
                move |State(console): State<Self>, kept: Kept| async move { console.show(asset, &kept) },
            )
        };
        let pages = ASSETS
            .iter()
            .fold(Router::new(), |router, asset| {
                router.route(asset.path, page(asset))
            })
            .route("/console/settings.json", get(settings))
            .method_not_allowed_fallback(crate::problem::wrong_method)
            .with_state(self.clone());
        let app = node.merge(pages);
        let Some(control) = self.devnet else {
            return app;
        };
        let readers = middleware::from_fn_with_state(control.clone(), let_validators_read);
        app.merge(devnet::routes(control)).layer(readers)
    }

    fn origins(&self) -> Vec<String> {
        let control = self.devnet.as_deref();
        control.map(devnet::origins).unwrap_or_default()
    }

    fn show(&self, asset: &Asset, kept: &Kept) -> Response {
        // To be asked about again: the binary may have been replaced.
        let mut response = kept.answer(asset.media, asset.text, Freshness::Ask);
        let policy = match asset.path {
            VERIFY_PAGE => assets::verify_page_policy(),
            _ => policy(&self.origins()),
        };
        let policy = HeaderValue::from_str(&policy).expect("policies are printable ASCII");
        let headers = response.headers_mut();
        headers.extend(GUARDS);
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
        response
    }
}

/// The page's Content-Security-Policy: own modules and styles, and these origins to talk to.
fn policy(origins: &[String]) -> String {
    let mut connect = String::from("'self'");
    for origin in origins {
        write!(connect, " {origin}").expect("a string takes whatever is written");
    }
    format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src {connect}; \
         img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
         require-trusted-types-for 'script'; trusted-types 'none'"
    )
}

#[derive(Serialize)]
struct Settings {
    devnet: bool,
}

/// `GET /console/settings.json`: what the page must know before it asks the node.
async fn settings(State(console): State<Console>, kept: Kept) -> Response {
    let devnet = console.devnet.is_some();
    let mut response = kept.json(&Settings { devnet }, Freshness::Ask);
    response.headers_mut().extend(GUARDS);
    response
}

/// Lets pages of the devnet's other validators read here, so that a console outlives its node.
async fn let_validators_read(
    State(control): State<Arc<dyn DevnetControl>>,
    request: Request,
    next: Next,
) -> Response {
    let is_read = request.method() == Method::GET || request.method() == Method::HEAD;
    let origin = request.headers().get(header::ORIGIN).cloned();
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.append(header::VARY, HeaderValue::from_static("origin"));
    let Some(origin) = origin.filter(|_| is_read) else {
        return response;
    };
    let allowed = devnet::origins(&*control);
    if allowed.iter().any(|known| origin == known.as_str()) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    }
    response
}
