//! Statements, blocks, state and the node itself.

use super::{Place, Route};
use crate::{events, openapi, pages, reading, rights, state, submitting};

const STATEMENT: &str = "application/scitt-statement+cose";
const ID: &str = "Id of a statement: the leaf hash of its bytes.";

pub(super) fn routes() -> Vec<Route> {
    let mut routes = statements();
    routes.extend(finding());
    routes.extend(blocks());
    routes.extend(rights_and_state());
    routes.extend(node());
    routes
}

fn statements() -> Vec<Route> {
    vec![
        Route::post(
            "/v1/statements",
            submitting::submit,
            ("submitStatement", "Submit a signed statement."),
            STATEMENT,
        )
        .with(
            Place::Query,
            "wait_ms",
            "Number",
            "How long to wait for the receipt, at most 60000; 10000 when left out.",
        )
        .status(201, "Committed", "Committed, with its receipt.")
        .status(
            202,
            "Pending",
            "Admitted and durable; the wait ended before the receipt.",
        ),
        Route::get(
            "/v1/statements",
            pages::statements,
            ("listStatements", "Published statements, page by page."),
        )
        .page("after", "Statements with a greater ordinal, oldest first.")
        .json("Statements", "A page of statements."),
        Route::get(
            "/v1/statements/{id}",
            reading::statement,
            ("getStatement", "A statement and where it stands."),
        )
        .with(Place::Path, "id", "Hash", ID)
        .json("Statement", "The statement.")
        .status(202, "Pending", "Admitted here and not committed yet."),
        Route::get(
            "/v1/statements/{id}/receipt",
            reading::receipt,
            (
                "getReceipt",
                "The receipt of a statement (C2SP tlog-proof).",
            ),
        )
        .with(Place::Path, "id", "Hash", ID)
        .text("The receipt, without the depositor's salt.")
        .status(202, "Pending", "Not published yet."),
        Route::get(
            "/v1/statements/{id}/outcome",
            pages::outcome,
            ("getOutcome", "What became of a statement, with its proof."),
        )
        .with(Place::Path, "id", "Hash", ID)
        .json(
            "Outcome",
            "The outcome, its path under the seal, and the seal.",
        )
        .status(202, "Pending", "Not published yet."),
    ]
}

fn finding() -> Vec<Route> {
    vec![
        Route::get(
            "/v1/lookup",
            pages::lookup,
            (
                "lookup",
                "Statements that lodge a digest or commitment, oldest first.",
            ),
        )
        .with(
            Place::Needed,
            "value",
            "Hash",
            "The digest or commitment as logged.",
        )
        .with(
            Place::Query,
            "from",
            "Number",
            "First place in the log that counts.",
        )
        .counted()
        .json("Lookup", "A page of statements."),
        Route::get(
            "/v1/events",
            events::events,
            (
                "streamEvents",
                "Events as they are published (server-sent events).",
            ),
        )
        .with(
            Place::Query,
            "after",
            "Number",
            "Events with a greater ordinal; from now on when left out.",
        )
        .with(
            Place::Header,
            "last-event-id",
            "Number",
            "Id of the last event that the client has; wins over `after`.",
        )
        .media(
            200,
            "text/event-stream",
            "Events, each with its ordinal as id.",
        ),
    ]
}

fn blocks() -> Vec<Route> {
    vec![
        Route::get(
            "/v1/blocks",
            pages::blocks,
            ("listBlocks", "Durable blocks, page by page."),
        )
        .page("from", "Blocks from this height on, oldest first.")
        .json("Blocks", "A page of blocks, their statements left out."),
        Route::get(
            "/v1/blocks/{block}",
            reading::block,
            ("getBlock", "A block."),
        )
        .with(
            Place::Path,
            "block",
            "HeightOrId",
            "Height, or id of 64 characters.",
        )
        .json("Block", "The block."),
    ]
}

fn rights_and_state() -> Vec<Route> {
    vec![
        Route::get(
            "/v1/namespaces",
            rights::namespaces,
            ("listNamespaces", "Namespaces and their listed keys."),
        )
        .with(Place::Query, "after", "Name", "Namespaces after this one.")
        .counted()
        .json("Namespaces", "A page of namespaces."),
        Route::get(
            "/v1/namespaces/{namespace}/keys",
            rights::listed_keys,
            ("listKeys", "Listed keys of a namespace."),
        )
        .with(Place::Path, "namespace", "Name", "The namespace.")
        .with(Place::Query, "after", "Hash", "Keys after this one.")
        .counted()
        .json("ListedKeys", "A page of keys."),
        Route::get(
            "/v1/identities/{key}",
            rights::identity,
            ("getIdentity", "What a key may do."),
        )
        .with(Place::Path, "key", "Hash", "An Ed25519 public key.")
        .with(Place::Query, "namespace", "Name", "Only this namespace.")
        .json("Identity", "Its rights in each namespace."),
        Route::get(
            "/v1/state",
            state::row_of_key,
            (
                "getStateOfKey",
                "A row of the state, or the proof that there is none.",
            ),
        )
        .with(Place::Needed, "key", "Bytes", "The key in hexadecimal.")
        .json("StateRow", "The row with its proof."),
        Route::get(
            "/v1/state/{state_key}",
            state::row,
            (
                "getState",
                "A row of the state, or the proof that there is none.",
            ),
        )
        .with(Place::Path, "state_key", "Bytes", "The key in hexadecimal.")
        .json("StateRow", "The row with its proof."),
    ]
}

fn node() -> Vec<Route> {
    vec![
        Route::get(
            "/v1/policy",
            reading::policy,
            ("getPolicy", "The trust anchor in force."),
        )
        .text("The policy (C2SP tlog-policy)."),
        Route::get(
            "/v1/policy/chain",
            state::policy_chain,
            (
                "getPolicyChain",
                "All policies of the network, and what binds each to the next.",
            ),
        )
        .json("PolicyChain", "Policies and links."),
        Route::get(
            "/v1/validators",
            reading::validators,
            ("getValidators", "The validators as this node sees them."),
        )
        .json("Validators", "The validators."),
        Route::get(
            "/v1/health",
            reading::health,
            ("getHealth", "How this node is."),
        )
        .json("Health", "There is a quorum.")
        .status(503, "Health", "There is none."),
        Route::get(
            "/v1/openapi.json",
            openapi::document,
            ("getOpenApi", "This document."),
        )
        .json("OpenApi", "The document."),
    ]
}
