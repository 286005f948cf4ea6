//! Contents that the network keeps, and evidence in the COSE forms.

use super::{Place, Route};
use crate::conditional::OCTETS;
use crate::{bodies, cose};
use messages::transparent::STATEMENT_MEDIA_TYPE;

const DIGEST: &str = "SHA-256 of the body.";

pub(super) fn routes() -> Vec<Route> {
    let put = (
        "putBody",
        "Hand a body over, ahead of the statement that lodges it.",
    );
    let get = ("getBody", "A body, as a download.");
    let content = (
        "getContent",
        "The document that a statement lodges, as a download.",
    );
    let transparent = (
        "getTransparentStatement",
        "A statement with a quorum of COSE receipts (RFC 9942, RFC 9943).",
    );
    let proof = (
        "getPolicyProof",
        "The policy's entry in the log, which lists the receipt keys.",
    );
    vec![
        Route::get(
            "/v1/statements/{id}/transparent",
            cose::transparent,
            transparent,
        )
        .with(Place::Path, "id", "Hash", "Id of the statement.")
        .media(200, STATEMENT_MEDIA_TYPE, "The transparent statement.")
        .status(202, "Pending", "Not published yet."),
        Route::get("/v1/policy/proof", cose::policy_proof, proof)
            .json("PolicyProof", "The entry under the newest checkpoint."),
        Route::put("/v1/bodies/{digest}", bodies::put, put, OCTETS)
            .with(Place::Path, "digest", "Hash", DIGEST)
            .status(201, "BodyTaken", "It waits for its statement, or is here."),
        signed(
            Route::get("/v1/bodies/{digest}", bodies::get, get)
                .with(Place::Path, "digest", "Hash", DIGEST)
                .bytes("The body."),
        ),
        signed(
            Route::get("/v1/statements/{id}/content", bodies::content, content)
                .with(Place::Path, "id", "Hash", "Id of the statement.")
                .bytes("The document."),
        ),
    ]
}

/// Adds the headers with which a listed key reads what is not public.
fn signed(route: Route) -> Route {
    route
        .with(
            Place::Header,
            "wutong-key",
            "Hash",
            "The reader's public key; all three headers or none.",
        )
        .with(
            Place::Header,
            "wutong-time",
            "Number",
            "Milliseconds since the Unix epoch, within a minute of the node's clock.",
        )
        .with(
            Place::Header,
            "wutong-signature",
            "Signature",
            "Ed25519 over \"wutong/read-body/v1\" NUL digest time (8 bytes) network.",
        )
        .empty(304, "The client has it.")
}
