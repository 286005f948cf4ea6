//! The log: checkpoint, tiles, entries and proofs.

use super::{Place, Route};
use crate::{pages, proofs, reading, tiles};

pub(super) fn routes() -> Vec<Route> {
    let mut routes = static_paths();
    routes.extend(proofs());
    routes
}

fn static_paths() -> Vec<Route> {
    let tile = "Number of the tile: groups of three digits, all but the last with an x before \
                them, and `.p/W` for the first W of a tile that is not full.";
    vec![
        Route::get(
            "/checkpoint",
            reading::checkpoint,
            ("getCheckpoint", "The newest checkpoint (C2SP signed note)."),
        )
        .text("The note."),
        Route::get(
            "/v1/checkpoint",
            reading::checkpoint,
            (
                "getCheckpointV1",
                "The newest checkpoint, under the API's own prefix.",
            ),
        )
        .text("The note."),
        Route::get(
            "/tile/{level}/{*tile}",
            tiles::hashes,
            ("getTile", "A tile of hashes (C2SP tlog-tiles)."),
        )
        .with(Place::Path, "level", "Number", "Level, 0 to 63.")
        .with(Place::Path, "tile", "Tile", tile)
        .bytes("Hashes of 32 bytes each."),
        Route::get(
            "/tile/entries/{*tile}",
            tiles::entries,
            ("getEntryBundle", "A bundle of entries (C2SP tlog-tiles)."),
        )
        .with(Place::Path, "tile", "Tile", tile)
        .bytes("Entries, each behind its length in two bytes."),
    ]
}

fn proofs() -> Vec<Route> {
    vec![
        Route::get(
            "/v1/entries",
            pages::entries,
            ("listEntries", "Entries of the published log, page by page."),
        )
        .page("from", "Entries from this place on.")
        .json("Entries", "A page of entries."),
        Route::get(
            "/v1/entries/{index}",
            pages::entry,
            ("getEntry", "An entry as logged."),
        )
        .with(Place::Path, "index", "Number", "Its place in the log.")
        .bytes("Its bytes."),
        Route::get(
            "/v1/proofs/consistency",
            proofs::consistency,
            (
                "proveConsistency",
                "Proof that a tree extends an earlier one (RFC 6962).",
            ),
        )
        .with(
            Place::Needed,
            "first",
            "Number",
            "Size of the earlier tree.",
        )
        .with(
            Place::Query,
            "second",
            "Number",
            "Size of the later tree; that of the newest checkpoint when left out.",
        )
        .json("ConsistencyProof", "The path and both roots."),
        Route::get(
            "/v1/proofs/inclusion",
            proofs::inclusion,
            (
                "proveInclusion",
                "Proof that an entry is in the log (RFC 6962).",
            ),
        )
        .with(Place::Needed, "index", "Number", "Place of the entry.")
        .with(
            Place::Query,
            "size",
            "Number",
            "Size of the tree; that of the newest checkpoint when left out.",
        )
        .json("InclusionProof", "The path and the root."),
    ]
}
