//! What the surfaces of a node share, so that HTTP and NATS answer the same in the same words: the
//! JSON forms of statements, refusals as problem details (RFC 9457), and calls of the node with the
//! answer awaited and a limit on the time it takes.
//!
//! A surface adds how a request comes in and an answer goes out, and nothing else.

mod asking;
mod refusal;
mod statements;

pub use asking::{WAIT_MS_DEFAULT, WAIT_MS_MAX, ask, ask_within, checked_wait_ms, decimal, submit};
pub use refusal::Refusal;
pub use statements::{CommittedView, LookupJson, PendingView, StatementJson};

use messages::hash::Hash;
use messages::ids::{StatementId, TimeMs};
use messages::report::utc_text;
use messages::statement::ENTRY_BYTES_MAX;

/// A time for people (RFC 3339, UTC).
pub fn time_text(time: TimeMs) -> String {
    utc_text(time.seconds())
}

/// A statement's id in hexadecimal.
///
/// # Errors
/// A 400 about `id`.
pub fn statement_id(text: &str) -> Result<StatementId, Refusal> {
    StatementId::from_hex(text).ok_or_else(|| {
        Refusal::malformed(
            "id",
            format!("id: expected 64 hexadecimal characters, found {text:?}"),
            "Use the id that the submission answered, or look a digest up at /v1/lookup.",
        )
    })
}

/// The hash called `name` in hexadecimal.
///
/// # Errors
/// A 400 about it.
pub fn logged_hash(name: &str, text: Option<&str>) -> Result<Hash, Refusal> {
    text.and_then(Hash::from_hex).ok_or_else(|| {
        Refusal::malformed(
            name,
            format!(
                "{name}: expected 64 hexadecimal characters, found {:?}",
                text.unwrap_or("")
            ),
            "Give the digest or commitment as logged; a salted deposit is found only by its \
             commitment, which needs the salt in its receipt.",
        )
    })
}

/// Refuses a body that has no bytes or more than an entry may have; `found` is its length.
///
/// # Errors
/// A 400 or a 413 about `body`.
pub fn check_entry_size(found: usize) -> Result<(), Refusal> {
    match found {
        0 => Err(Refusal::malformed(
            "body",
            "body: expected a signed statement (COSE_Sign1), found no bytes".into(),
            "Sign a statement with `wutong deposit`, or send one with --data-binary.",
        )),
        1..=ENTRY_BYTES_MAX => Ok(()),
        _ => Err(Refusal::new(
            http::StatusCode::PAYLOAD_TOO_LARGE,
            "entry-too-large",
            format!("body: expected at most {ENTRY_BYTES_MAX} bytes, found at least {found}"),
            "Lodge a digest or commitment of the content, not the content itself.",
        )
        .about("body")),
    }
}
