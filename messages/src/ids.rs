//! Checked newtypes for positions, times and names.

use crate::hash::Hash;
use core::fmt;

macro_rules! counter {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug,
            rkyv::Archive, rkyv::Serialize, rkyv::Deserialize,
        )]
        pub struct $name(pub u64);

        impl $name {
            /// The value that follows this one.
            ///
            /// # Panics
            /// At `u64::MAX`, which no ledger reaches.
            #[must_use]
            pub fn next(self) -> Self {
                Self(self.0.checked_add(1).expect("a 64-bit counter is never exhausted"))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

counter!(
    /// Number of a block; the genesis is height 0, the first block height 1.
    Height
);
counter!(
    /// Zero-based position of an entry in the log.
    LeafIndex
);
counter!(
    /// Number of leaves of the log's tree.
    TreeSize
);
counter!(
    /// Dense number of a committed statement, counted from 0 over the network.
    Ordinal
);

/// Milliseconds since the Unix epoch, UTC.
#[derive(
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Default,
    Debug,
    rkyv::Archive,
    rkyv::Serialize,
    rkyv::Deserialize,
)]
pub struct TimeMs(pub u64);

impl TimeMs {
    /// This time and `ms` milliseconds.
    #[must_use]
    pub fn plus_ms(self, ms: u64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// Whole seconds since the Unix epoch.
    pub fn seconds(self) -> u64 {
        self.0 / 1000
    }

    /// Whole seconds since the Unix epoch, rounded up: a second that has not passed before this
    /// time. What is signed as "existed before" must never be earlier than what it is about.
    pub fn seconds_rounded_up(self) -> u64 {
        self.0.div_ceil(1000)
    }

    /// Milliseconds from `earlier` to this time; 0 when `earlier` is later.
    pub fn since_ms(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// Consensus round within a height, counted from 0.
#[derive(
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Default,
    Debug,
    rkyv::Archive,
    rkyv::Serialize,
    rkyv::Deserialize,
)]
pub struct Round(pub u32);

impl fmt::Display for Round {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Identity of a statement: the RFC 6962 leaf hash of its entry bytes.
#[derive(
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    rkyv::Archive,
    rkyv::Serialize,
    rkyv::Deserialize,
)]
pub struct StatementId(pub Hash);

impl StatementId {
    /// The id of an entry's bytes.
    pub fn of_entry(entry: &[u8]) -> Self {
        Self(Hash::leaf(entry))
    }

    /// Parses 64 hexadecimal characters.
    pub fn from_hex(text: &str) -> Option<Self> {
        Hash::from_hex(text).map(Self)
    }
}

impl fmt::Display for StatementId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for StatementId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "id:{}", self.0.short())
    }
}

/// A text that is not a network, namespace or node name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a name: expected 1 to 32 characters of a-z, 0-9 and '-'")]
pub struct NameError {
    /// The refused text.
    pub text: String,
}

/// Name of a network, namespace, organisation or node: `[a-z0-9-]{1,32}`.
#[derive(
    Clone, PartialEq, Eq, PartialOrd, Ord, Hash, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize,
)]
pub struct Name(String);

impl Name {
    /// Checks and wraps `text`.
    ///
    /// # Errors
    /// When `text` has other characters than `a-z`, `0-9`, `-`, or a length outside 1 to 32.
    pub fn try_new(text: &str) -> Result<Self, NameError> {
        let fits = (1..=32).contains(&text.len())
            && text
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if fits {
            Ok(Self(text.into()))
        } else {
            Err(NameError { text: text.into() })
        }
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_refuse_what_a_subject_token_cannot_hold() {
        for bad in ["", "A", "a.b", "a b", "ä", &"a".repeat(33)] {
            assert!(Name::try_new(bad).is_err(), "{bad:?} must be refused");
        }
        assert_eq!(Name::try_new("trial-1").unwrap().as_str(), "trial-1");
    }
}
