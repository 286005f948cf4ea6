//! Why admission refuses a statement, as clients are told.

use crate::permissions::Rejection;
use messages::api::{Problem, ProblemKind};
use messages::hash::Hash;
use messages::ids::Name;
use messages::statement::StatementError;

pub(super) fn body_missing(digest: &Hash) -> Problem {
    Problem {
        kind: ProblemKind::Malformed,
        code: "body-missing",
        detail: format!("body: {digest} was not handed over to this node, or has another size"),
        field: Some("body".into()),
        next_step: format!(
            "PUT the content at /v1/bodies/{digest} of this node, then submit again"
        ),
    }
}

pub(super) fn not_held_here(holders: &[Name]) -> Problem {
    let names: Vec<String> = holders.iter().map(ToString::to_string).collect();
    Problem {
        kind: ProblemKind::Malformed,
        code: "body-not-held-here",
        detail: "namespace: this node does not hold the namespace's bodies".into(),
        field: Some("namespace".into()),
        next_step: format!("submit to one that does: {}", names.join(", ")),
    }
}

pub(super) fn malformed(error: &StatementError) -> Problem {
    Problem {
        kind: ProblemKind::Malformed,
        code: "malformed-statement",
        detail: error.to_string(),
        field: Some(error.field().into()),
        next_step: "send a COSE_Sign1 statement in deterministic CBOR (`wutong deposit` makes one)"
            .into(),
    }
}

pub(super) fn bad_signature() -> Problem {
    Problem {
        kind: ProblemKind::Forbidden,
        code: "bad-signature",
        detail: "the signature does not verify under the key in cnf".into(),
        field: Some("signature".into()),
        next_step: "sign the statement's Sig_structure with the private key of cnf".into(),
    }
}

pub(super) fn forbidden(rejection: &Rejection) -> Problem {
    Problem {
        kind: ProblemKind::Forbidden,
        code: match rejection {
            Rejection::OtherNetwork { .. } => "other-network",
            Rejection::UnknownNamespace { .. } => "unknown-namespace",
            Rejection::NotListed { .. } => "key-not-listed",
            Rejection::UnsafeKey { .. } => "unsafe-key",
            Rejection::NotPublic { .. } => "namespace-not-public",
            Rejection::BodyTooLarge { .. } => "body-too-large",
        },
        detail: rejection.to_string(),
        field: Some(rejection.field().into()),
        next_step: rejection.next_step().into(),
    }
}
