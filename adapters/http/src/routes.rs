//! The table of routes. The router and the OpenAPI document are both made from it, so that they
//! say the same.

mod bodies;
mod doc;
mod ledger;
mod log;
mod scitt;

use crate::Surface;
use axum::Router;
pub(crate) use doc::{Place, Route};

/// All routes, in the order of the document.
pub(crate) fn table() -> Vec<Route> {
    let mut routes = ledger::routes();
    routes.extend(bodies::routes());
    routes.extend(log::routes());
    routes.extend(scitt::routes());
    routes
}

/// The router of all routes.
pub(crate) fn router() -> Router<Surface> {
    let add = |router: Router<Surface>, route: Route| router.route(route.path, route.handler);
    table().into_iter().fold(Router::new(), add)
}
