//! What a node says when it does not do what was asked (RFC 9457).

use serde::Deserialize;

/// The members of a problem that people need.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Problem {
    title: String,
    detail: String,
    /// What to do.
    pub next_step: String,
    /// Validators that are missing, when there is no quorum.
    pub missing: Option<Vec<String>>,
    /// Validators needed.
    pub quorum: Option<u64>,
}

impl Problem {
    /// Reads an answer's body; one that is no problem is quoted.
    pub fn read(status: u16, body: &str) -> Self {
        let mut problem: Self = serde_json::from_str(body).unwrap_or_default();
        if problem.detail.is_empty() {
            let start: String = body.trim().chars().take(200).collect();
            problem.detail = match problem.title.is_empty() {
                true => format!("status {status}: {start}"),
                false => problem.title.clone(),
            };
        }
        if problem.next_step.is_empty() {
            problem.next_step = "Check that the address is a Wutong node's.".into();
        }
        problem
    }

    /// What is wrong.
    pub fn detail(&self) -> &str {
        &self.detail
    }
}
