//! SCITT reference endpoints.

use super::{Place, Route};
use crate::scitt::{self, CBOR, CONCISE, RECEIPT};

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::post(
            "/entries",
            scitt::register,
            (
                "registerSignedStatement",
                "Register a signed statement (SCITT).",
            ),
            "application/scitt-statement+cose",
        )
        .media(201, RECEIPT, "Registered, with its receipt.")
        .empty(
            303,
            "Registered or under way; the receipt will be at the location.",
        )
        .refusals(CONCISE),
        Route::get(
            "/entries/{id}",
            scitt::receipt,
            ("resolveReceipt", "The COSE receipt of a statement (SCITT)."),
        )
        .with(Place::Path, "id", "Hash", "Id of a statement.")
        .media(200, RECEIPT, "The receipt.")
        .empty(302, "Under way: ask the location again.")
        .refusals(CONCISE),
        Route::get(
            "/.well-known/scitt-keys",
            scitt::keys,
            ("getServiceKeys", "Keys that sign COSE receipts (SCITT)."),
        )
        .media(200, CBOR, "A COSE key set.")
        .refusals(CONCISE),
        Route::get(
            "/.well-known/scitt-keys/{kid}",
            scitt::key,
            ("getServiceKey", "One of these keys (SCITT)."),
        )
        .with(
            Place::Path,
            "kid",
            "Kid",
            "Its kid in base64url without padding.",
        )
        .media(200, CBOR, "A COSE key.")
        .refusals(CONCISE),
    ]
}
