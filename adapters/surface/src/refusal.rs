//! Refusals as problem details (RFC 9457).

use bus::api::{Problem, ProblemKind};
use http::StatusCode;
use messages::hash::Hash;
use messages::ids::{Name, StatementId};
use serde::{Serialize, Serializer};

/// Seconds after which a busy node may be asked again.
const RETRY_BUSY_S: u64 = 1;
/// Seconds after which a node that cannot answer may be asked again.
const RETRY_UNAVAILABLE_S: u64 = 5;

/// A refusal on its way to the client; in JSON it is a body of problem details.
#[derive(Debug)]
pub struct Refusal {
    status: StatusCode,
    code: &'static str,
    detail: String,
    field: Option<String>,
    next_step: String,
    no_quorum: Option<Box<NoQuorum>>,
}

/// What a client must know about a statement that waits for a quorum.
#[derive(Debug, Serialize)]
struct NoQuorum {
    id: String,
    missing: Vec<String>,
    quorum: usize,
}

/// The body. `type`, `title`, `status` and `detail` are the standard's members.
#[derive(Serialize)]
struct Body<'p> {
    r#type: String,
    title: &'p str,
    status: u16,
    detail: &'p str,
    code: &'p str,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<&'p str>,
    next_step: &'p str,
    #[serde(flatten)]
    no_quorum: Option<&'p NoQuorum>,
}

impl Serialize for Refusal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let body = Body {
            r#type: format!("urn:wutong:problem:{}", self.code),
            title: self.status.canonical_reason().unwrap_or("Problem"),
            status: self.status.as_u16(),
            detail: &self.detail,
            code: self.code,
            field: self.field.as_deref(),
            next_step: &self.next_step,
            no_quorum: self.no_quorum.as_deref(),
        };
        body.serialize(serializer)
    }
}

impl Refusal {
    /// A refusal about nothing in particular.
    pub fn new(
        status: StatusCode,
        code: &'static str,
        detail: impl Into<String>,
        next_step: impl Into<String>,
    ) -> Self {
        Self {
            status,
            code,
            detail: detail.into(),
            field: None,
            next_step: next_step.into(),
            no_quorum: None,
        }
    }

    /// A 400 about `field`, whose expected form and found value `detail` gives.
    pub fn malformed(field: &str, detail: String, next_step: &str) -> Self {
        let code = "malformed-request";
        Self::new(StatusCode::BAD_REQUEST, code, detail, next_step).about(field)
    }

    /// Names the field that the refusal is about.
    pub fn about(mut self, field: &str) -> Self {
        self.field = Some(field.into());
        self
    }

    /// The node admitted the statement, yet too few validators are present to decide.
    pub fn no_quorum(id: &StatementId, missing: &[Name], quorum: usize) -> Self {
        let missing: Vec<String> = missing.iter().map(Name::to_string).collect();
        let detail = format!(
            "the statement is admitted and durable here, yet fewer than {quorum} validators \
             are present; missing: {}",
            missing.join(", ")
        );
        let next_step = format!(
            "Nothing is lost: it commits once when the validators are back. Ask for \
             /v1/statements/{id}/receipt, or submit the same bytes again, here or elsewhere."
        );
        let status = StatusCode::SERVICE_UNAVAILABLE;
        let id = id.to_string();
        Self {
            no_quorum: Some(Box::new(NoQuorum {
                id,
                missing,
                quorum,
            })),
            ..Self::new(status, "no-quorum", detail, next_step)
        }
    }

    /// The node gave no answer, or one to another question.
    pub fn no_answer() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "no-answer",
            "the node gave no answer in time; it may be starting or stopping",
            "Try again, or ask another node: a statement submitted twice commits once.",
        )
    }

    /// No statement lodges this value.
    pub fn nothing_lodged(value: &Hash) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "nothing-lodged",
            format!("no statement here lodges {value}"),
            "A salted deposit is found only by its commitment: compute it from the document and \
             the salt in its receipt (`wutong show lookup FILE --receipt R`).",
        )
        .about("value")
    }

    /// Its status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The field that it is about.
    pub fn field(&self) -> Option<&str> {
        self.field.as_deref()
    }

    /// Its stable code.
    pub fn code(&self) -> &'static str {
        self.code
    }

    /// What is wrong, and what to do about it.
    pub fn texts(&self) -> (&str, &str) {
        (&self.detail, &self.next_step)
    }

    /// Seconds after which the client may come back; none when it need not wait.
    pub fn retry_after_s(&self) -> Option<u64> {
        match self.status {
            StatusCode::TOO_MANY_REQUESTS => Some(RETRY_BUSY_S),
            StatusCode::SERVICE_UNAVAILABLE => Some(RETRY_UNAVAILABLE_S),
            _ => None,
        }
    }
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        let status = match problem.kind {
            ProblemKind::Malformed => StatusCode::BAD_REQUEST,
            ProblemKind::Forbidden => StatusCode::FORBIDDEN,
            ProblemKind::NotFound => StatusCode::NOT_FOUND,
            ProblemKind::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            ProblemKind::Busy => StatusCode::TOO_MANY_REQUESTS,
            ProblemKind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        };
        Self {
            field: problem.field,
            ..Self::new(status, problem.code, problem.detail, problem.next_step)
        }
    }
}
