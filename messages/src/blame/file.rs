//! The blame file, `wutong-blame/v1`: a conviction that a stranger checks offline.
//!
//! It is JSON with what was signed verbatim (docs/blame.md lists the members). There is one text
//! for one conviction: the checker takes nothing from the file but the signed bytes, judges them
//! anew under its own anchor, writes the file again and compares. So nothing that the file says
//! can be other than what its signatures prove.

use super::anchor::{Anchor, AnchorId};
use super::document::Document;
use super::exhibit::Exhibit;
use super::judge;
use super::not_proven::NotProven;
use super::report::BlameReport;

/// The first member of the file: name and version of the format.
pub const BLAME_FORMAT: &str = "wutong-blame/v1";

/// Most bytes of a file: two notes of the largest size with their signatures.
pub const BLAME_BYTES_MAX: usize = 16 << 20;

/// Why a file convicts nobody.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BlameFileError {
    /// Longer than we read.
    #[error("blame file: expected at most {BLAME_BYTES_MAX} bytes, found {found}")]
    TooLong {
        /// Bytes given.
        found: usize,
    },
    /// No JSON of this shape.
    #[error("blame file: {reason}")]
    Form {
        /// What the reader found, and where.
        reason: String,
    },
    /// Another format or version.
    #[error("format: expected {BLAME_FORMAT:?}, found {found:?}")]
    Format {
        /// The member.
        found: String,
    },
    /// A member that does not hold what its name says.
    #[error("{field}: {reason}")]
    Member {
        /// The member.
        field: &'static str,
        /// Expected and found.
        reason: String,
    },
    /// Not the one way in which these members are written.
    #[error("line {line}: not written as blame files are (indented by two spaces, no spare text)")]
    NotCanonical {
        /// The first line that differs, from 1.
        line: usize,
    },
    /// Made under another trust anchor than the checker's.
    #[error("anchor: the file was made under {found}, and yours is {expected}")]
    OtherAnchor {
        /// The checker's.
        expected: String,
        /// The file's.
        found: String,
    },
    /// What was signed convicts nobody.
    #[error(transparent)]
    NotProven(#[from] NotProven),
    /// The file says something else than its signatures prove.
    #[error("line {line}: expected {expected:?}, found {found:?}")]
    Differs {
        /// The first line that differs, from 1.
        line: usize,
        /// What the signatures prove.
        expected: String,
        /// What the file says.
        found: String,
    },
}

impl BlameFileError {
    /// What to do now.
    pub fn next_step(&self) -> &'static str {
        match self {
            Self::OtherAnchor { .. } => {
                "Check it under that anchor if you trust it, or judge what was signed under yours: \
                 wutong blame FILE --policy YOURS --out NEW."
            }
            Self::NotProven(why) => why.next_step(),
            Self::Format { .. } => "Use a version of wutong that reads this format.",
            _ => {
                "The file was altered or cut: get it again, and do not rely on what this one says."
            }
        }
    }
}

/// A conviction in its portable form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlameFile {
    document: Document,
    exhibits: Vec<Exhibit>,
}

impl BlameFile {
    /// The file of a report; none when it convicts nobody.
    pub fn of(report: &BlameReport) -> Option<Self> {
        let document = Document::of(report, report.verdict.as_ref().ok()?);
        let exhibits = document.exhibits();
        let exhibits = exhibits.expect("what a judgement wrote of its exhibits reads again");
        Some(Self { document, exhibits })
    }

    /// The file's text.
    pub fn encode(&self) -> String {
        let text = serde_json::to_string_pretty(&self.document);
        let mut text = text.expect("texts, numbers and lists of them are always JSON");
        text.push('\n');
        text
    }

    /// Reads a file strictly: [`BlameFile::encode`] gives the same bytes. Judges nothing.
    ///
    /// # Errors
    /// When the bytes are no blame file in canonical form.
    pub fn parse(bytes: &[u8]) -> Result<Self, BlameFileError> {
        if bytes.len() > BLAME_BYTES_MAX {
            let found = bytes.len();
            return Err(BlameFileError::TooLong { found });
        }
        let form = |e: serde_json::Error| BlameFileError::Form {
            reason: e.to_string(),
        };
        let document: Document = serde_json::from_slice(bytes).map_err(form)?;
        if document.format != BLAME_FORMAT {
            let found = document.format;
            return Err(BlameFileError::Format { found });
        }
        let exhibits = document.exhibits()?;
        let file = Self { document, exhibits };
        match first_difference(&file.encode(), bytes) {
            Some((line, ..)) => Err(BlameFileError::NotCanonical { line }),
            None => Ok(file),
        }
    }

    /// What was signed: two tree heads, or two messages of each convicted validator.
    pub fn exhibits(&self) -> &[Exhibit] {
        &self.exhibits
    }

    /// Checks a file offline and independently of how it was made: whatever it says is computed
    /// again from the signed bytes, under the checker's own anchor.
    ///
    /// # Errors
    /// When the file is malformed, was made under another anchor, or says anything else than its
    /// signatures prove.
    pub fn check(bytes: &[u8], anchor: &Anchor) -> Result<BlameReport, BlameFileError> {
        let file = Self::parse(bytes)?;
        let report = judge(&file.exhibits, anchor);
        file.check_anchor(anchor, &report.anchor)?;
        if let Err(why) = report.verdict {
            return Err(why.into());
        }
        let proven = Self::of(&report).map(|file| file.encode());
        match first_difference(&proven.unwrap_or_default(), bytes) {
            Some((line, expected, found)) => Err(BlameFileError::Differs {
                line,
                expected,
                found,
            }),
            None => Ok(report),
        }
    }

    fn check_anchor(&self, anchor: &Anchor, used: &AnchorId) -> Result<(), BlameFileError> {
        let named = |kind: &str, fingerprint: &str| format!("{kind} {fingerprint}");
        let member = &self.document.anchor;
        let found = named(&member.kind, &member.fingerprint);
        let expected = named(used.kind.name(), &used.fingerprint.to_string());
        let is_heads = self.exhibits.iter().any(|e| e.head().is_some());
        if expected == found {
            Ok(())
        } else if !is_heads && anchor.genesis().is_none() {
            Err(NotProven::NoGenesis.into())
        } else {
            Err(BlameFileError::OtherAnchor { expected, found })
        }
    }
}

/// The first line, from 1, at which two texts differ, with both.
fn first_difference(expected: &str, found: &[u8]) -> Option<(usize, String, String)> {
    if expected.as_bytes() == found {
        return None;
    }
    let found = String::from_utf8_lossy(found);
    let (mut expected, mut found) = (expected.split('\n'), found.split('\n'));
    let mut line = 1;
    loop {
        match (expected.next(), found.next()) {
            (a, b) if a == b && a.is_some() => line += 1,
            (a, b) => {
                let text = |side: Option<&str>| side.unwrap_or_default().trim().to_owned();
                return Some((line, text(a), text(b)));
            }
        }
    }
}
