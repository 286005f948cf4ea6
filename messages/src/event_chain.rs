//! Events of version 2, and the check that none is missing, repeated, changed or out of order.
//!
//! Ordinals are dense from 1 in a network and in each of its namespaces, and each event names the
//! hash of the one before in both. Whoever knows the ordinal and hash of the last event that they
//! took can tell from the next one alone whether anything lies between. What the hash covers is in
//! [`crate::event`].
//!
//! A chain shows that two readers saw the same; the receipt in an event is what proves it.

mod event;
mod proof;

pub use event::ChainEvent;

use crate::hash::Hash;
use crate::ids::Name;
use core::fmt;
use serde::{Deserialize, Serialize};

/// What became of an event that was shown to an [`EventChain`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Accepted {
    /// The next one: the chain stands at it now.
    New,
    /// One that was taken before: drop it.
    Seen,
    /// Events lie between: ask for those from `expected` on. The chain did not move.
    Gap {
        /// Ordinal of the event to come.
        expected: u64,
        /// Ordinal of the event that came.
        found: u64,
    },
    /// It is not what it says, or does not follow. The chain did not move.
    Broken(Broken),
}

/// A field of an event that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("event {field}: expected {expected}, found {found}")]
pub struct Broken {
    /// Name of the field; `form` for what is no event at all.
    pub field: &'static str,
    /// What had to be there.
    pub expected: String,
    /// What was there.
    pub found: String,
}

impl Broken {
    pub(crate) fn new(
        field: &'static str,
        expected: impl fmt::Display,
        found: impl fmt::Display,
    ) -> Self {
        Self {
            field,
            expected: expected.to_string(),
            found: found.to_string(),
        }
    }
}

/// Where a reader stands in the events of a network, or of one of its namespaces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventChain {
    network: Name,
    namespace: Option<Name>,
    ordinal: u64,
    /// Hash of the event with that ordinal; none when it is not known.
    hash: Option<Hash>,
}

/// The saved form.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Saved {
    version: u64,
    network: String,
    namespace: Option<String>,
    ordinal: u64,
    hash: Option<String>,
}

impl EventChain {
    /// Before the first event of a network; of one namespace when that is given.
    pub fn new(network: Name, namespace: Option<Name>) -> Self {
        Self {
            network,
            namespace,
            ordinal: 0,
            hash: Some(Hash::ZERO),
        }
    }

    /// After an event whose ordinal is known, and perhaps its hash; without it the next event
    /// cannot be held against the one before.
    pub fn after(self, ordinal: u64, hash: Option<Hash>) -> Self {
        let hash = if ordinal == 0 { Some(Hash::ZERO) } else { hash };
        Self {
            ordinal,
            hash,
            ..self
        }
    }

    /// Ordinal of the last event that was taken; 0 before the first. It counts in the namespace when
    /// the chain is of one.
    pub fn ordinal(&self) -> u64 {
        self.ordinal
    }

    /// Hash of the last event that was taken, where it is known.
    pub fn hash(&self) -> Option<Hash> {
        self.hash
    }

    /// The network.
    pub fn network(&self) -> &Name {
        &self.network
    }

    /// The namespace, for a chain of one.
    pub fn namespace(&self) -> Option<&Name> {
        self.namespace.as_ref()
    }

    /// Shows the next event that came. Only [`Accepted::New`] moves the chain.
    pub fn accept(&mut self, event: &ChainEvent) -> Accepted {
        if let Err(broken) = self.check_place(event) {
            return Accepted::Broken(broken);
        }
        let of_namespace = self.namespace.is_some();
        let (found, previous, field) = if of_namespace {
            let previous = event.namespace_previous;
            (event.namespace_ordinal, previous, "namespace_previous")
        } else {
            (event.ordinal, event.previous, "previous")
        };
        let expected = self.ordinal.saturating_add(1);
        if found < expected {
            return self.seen_before(found, event);
        }
        if found > expected {
            return Accepted::Gap { expected, found };
        }
        if let Some(hash) = self.hash
            && hash != previous
        {
            return Accepted::Broken(Broken::new(field, hash, previous));
        }
        (self.ordinal, self.hash) = (found, Some(event.hash));
        Accepted::New
    }

    /// Of events before the last one nothing is known here but that they were taken.
    fn seen_before(&self, found: u64, event: &ChainEvent) -> Accepted {
        match self.hash {
            Some(hash) if found == self.ordinal && hash != event.hash => {
                Accepted::Broken(Broken::new("hash", hash, event.hash))
            }
            _ => Accepted::Seen,
        }
    }

    fn check_place(&self, event: &ChainEvent) -> Result<(), Broken> {
        if event.network != self.network {
            return Err(Broken::new("network", &self.network, &event.network));
        }
        if let Some(namespace) = &self.namespace
            && event.namespace != *namespace
        {
            return Err(Broken::new("namespace", namespace, &event.namespace));
        }
        let hash = event.computed_hash();
        if hash != event.hash {
            return Err(Broken::new("hash", hash, event.hash));
        }
        Ok(())
    }

    /// Where the chain stands, as JSON to be saved.
    ///
    /// # Panics
    /// Never: it is made of text and numbers.
    pub fn to_json(&self) -> String {
        let saved = Saved {
            version: 1,
            network: self.network.to_string(),
            namespace: self.namespace.as_ref().map(Name::to_string),
            ordinal: self.ordinal,
            hash: self.hash.map(|hash| hash.to_string()),
        };
        serde_json::to_string(&saved).expect("text and numbers become JSON")
    }

    /// Goes on where a saved chain stood.
    ///
    /// # Errors
    /// When it is not what [`EventChain::to_json`] writes.
    pub fn from_json(text: &str) -> Result<Self, Broken> {
        let form = |e: &dyn fmt::Display| Broken::new("form", "a saved event chain", e);
        let saved: Saved = serde_json::from_str(text).map_err(|e| form(&e))?;
        if saved.version != 1 {
            return Err(Broken::new("version", 1, saved.version));
        }
        let name = |text: &str| Name::try_new(text).map_err(|e| form(&e));
        let hash = match &saved.hash {
            None => None,
            Some(text) => Some(Hash::from_hex(text).ok_or_else(|| {
                Broken::new("hash", "64 hexadecimal characters", format!("{text:?}"))
            })?),
        };
        let namespace = saved.namespace.as_deref().map(name).transpose()?;
        Ok(Self::new(name(&saved.network)?, namespace).after(saved.ordinal, hash))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_saved_chain_is_read_again_and_nothing_else() {
        let network = Name::try_new("trial").unwrap();
        let chain = EventChain::new(network, Some(Name::try_new("court").unwrap()));
        assert_eq!(EventChain::from_json(&chain.to_json()).unwrap(), chain);
        let chain = chain.after(7, None);
        assert_eq!(EventChain::from_json(&chain.to_json()).unwrap(), chain);
        let chain = chain.after(7, Some(Hash::of(b"x")));
        assert_eq!(EventChain::from_json(&chain.to_json()).unwrap(), chain);
        for (from, to) in [
            ("\"version\":1", "\"version\":2"),
            ("trial", "tr/al"),
            ("7", "-7"),
        ] {
            assert!(EventChain::from_json(&chain.to_json().replacen(from, to, 1)).is_err());
        }
        assert!(EventChain::from_json("").is_err());
    }
}
