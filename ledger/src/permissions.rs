//! Who may do what: deny by default, decided from genesis and state alone.
//!
//! `decide` turns a statement into events or a rejection, `evolve` folds an event into the state
//! and cannot fail. Validators run both when they check a block; gateways run `decide` to answer
//! a client early.

use crate::state::StateTree;
use bytes::Bytes;
use messages::cbor;
use messages::genesis::Genesis;
use messages::hash::Hash;
use messages::ids::{Height, Name};
use messages::keys::{KeyError, PublicKey};
use messages::statement::{Deposit, Lodged, Statement};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Why a statement is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// Made for another network.
    #[error("network: expected {expected}, found {found}")]
    OtherNetwork {
        /// This network.
        expected: Name,
        /// The statement's.
        found: Name,
    },
    /// The namespace does not exist here.
    #[error("namespace: {found} does not exist in this network")]
    UnknownNamespace {
        /// The statement's.
        found: Name,
    },
    /// The key is not listed in a closed namespace.
    #[error("key: {key} is not listed in namespace {namespace}, which is closed")]
    NotListed {
        /// The author's key.
        key: PublicKey,
        /// The namespace.
        namespace: Name,
    },
    /// A content in a namespace whose entries must not be readable.
    #[error("mode: namespace {namespace} is not public, and every byte of an entry is")]
    NotPublic {
        /// The namespace.
        namespace: Name,
    },
    /// A body larger than the network keeps.
    #[error("size: expected a body of at most {expected} bytes, found {found}")]
    BodyTooLarge {
        /// The network's limit.
        expected: u64,
        /// The size that the statement names.
        found: u64,
    },
    /// The key may not be registered.
    #[error("key: {reason}")]
    UnsafeKey {
        /// What is wrong with it.
        reason: KeyError,
    },
}

impl Rejection {
    /// The field the rejection is about.
    pub fn field(&self) -> &'static str {
        match self {
            Self::OtherNetwork { .. } => "network",
            Self::UnknownNamespace { .. } => "namespace",
            Self::NotListed { .. } | Self::UnsafeKey { .. } => "key",
            Self::NotPublic { .. } => "mode",
            Self::BodyTooLarge { .. } => "size",
        }
    }

    /// What the depositor can do about it.
    pub fn next_step(&self) -> &'static str {
        match self {
            Self::OtherNetwork { .. } => "sign the statement for this network",
            Self::UnknownNamespace { .. } => "choose a namespace of `GET /v1/namespaces`",
            Self::NotListed { .. } => {
                "ask the operator to list your key (`wutong keygen` prints it), or deposit in an \
                 open namespace"
            }
            Self::NotPublic { .. } => {
                "lodge a salted commitment (the default of `wutong deposit`), or a body"
            }
            Self::BodyTooLarge { .. } => "lodge a salted commitment and keep the document yourself",
            Self::UnsafeKey { .. } => "make a new key with `wutong keygen`",
        }
    }
}

/// A committed fact about rights.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A key's first statement registered it in an open namespace.
    KeyRegistered {
        /// The namespace.
        namespace: Name,
        /// The key.
        key: PublicKey,
        /// Height of the block.
        height: Height,
    },
}

impl Event {
    /// The state row this event writes.
    pub fn row(&self) -> (Bytes, Bytes) {
        match self {
            Self::KeyRegistered {
                namespace,
                key,
                height,
            } => {
                let value = cbor::to_vec(|w| {
                    w.array(2)?.u8(1)?.u64(height.0)?;
                    Ok(())
                });
                (identity_key(namespace, key), value.into())
            }
        }
    }
}

fn identity_parts<'a>(namespace: &'a Name, key: &'a PublicKey) -> [&'a [u8]; 4] {
    [b"identity/", namespace.as_str().as_bytes(), b"/", &key.0]
}

/// Key of the state row of an identity.
pub fn identity_key(namespace: &Name, key: &PublicKey) -> Bytes {
    identity_parts(namespace, key).concat().into()
}

/// Whether a key is registered in a namespace. Asked for every statement: it makes no copy.
fn is_registered(state: &StateTree, namespace: &Name, key: &PublicKey) -> bool {
    let path = Hash::of_parts(&identity_parts(namespace, key));
    state.get_hashed(&path).is_some()
}

/// The rules of genesis, looked up fast.
#[derive(Clone, Debug)]
pub struct Permissions {
    network: Name,
    body_bytes_max: u64,
    namespaces: Arc<BTreeMap<Name, Rule>>,
}

/// The rule of a namespace.
#[derive(Clone, Debug)]
struct Rule {
    /// Keys that may deposit, sorted; none when any key may.
    listed: Option<Vec<PublicKey>>,
    public: bool,
}

impl Permissions {
    /// The rules `genesis` lays down.
    pub fn new(genesis: &Genesis) -> Self {
        let rule = |n: &messages::genesis::Namespace| {
            let mut keys: Vec<PublicKey> = n.listed.iter().map(|l| l.key).collect();
            keys.sort();
            let rule = Rule {
                listed: (!n.open).then_some(keys),
                public: n.public,
            };
            (n.name.clone(), rule)
        };
        Self {
            network: genesis.network.clone(),
            body_bytes_max: u64::from(genesis.parameters.body_bytes_max),
            namespaces: Arc::new(genesis.namespaces.iter().map(rule).collect()),
        }
    }

    /// Whether the author may make this statement, and what follows for the state.
    ///
    /// # Errors
    /// The rejection, when the author may not.
    pub fn decide(
        &self,
        state: &StateTree,
        statement: &Statement,
        height: Height,
    ) -> Result<Option<Event>, Rejection> {
        self.decide_with(state, statement, height, PublicKey::check_registrable)
    }

    /// [`Permissions::decide`] with a caller's memory of keys that it checked before: the check
    /// costs as much as several signatures.
    ///
    /// # Errors
    /// As [`Permissions::decide`].
    pub fn decide_with(
        &self,
        state: &StateTree,
        statement: &Statement,
        height: Height,
        check: impl FnOnce(&PublicKey) -> Result<(), KeyError>,
    ) -> Result<Option<Event>, Rejection> {
        let deposit = &statement.deposit;
        if deposit.network != self.network {
            return Err(Rejection::OtherNetwork {
                expected: self.network.clone(),
                found: deposit.network.clone(),
            });
        }
        let unknown = || Rejection::UnknownNamespace {
            found: deposit.namespace.clone(),
        };
        let rule = self
            .namespaces
            .get(&deposit.namespace)
            .ok_or_else(unknown)?;
        self.decide_mode(rule, deposit)?;
        match &rule.listed {
            Some(listed) if listed.binary_search(&statement.key).is_ok() => Ok(None),
            Some(_) => Err(Rejection::NotListed {
                key: statement.key,
                namespace: deposit.namespace.clone(),
            }),
            None if is_registered(state, &deposit.namespace, &statement.key) => Ok(None),
            None => {
                let refused = |reason| Rejection::UnsafeKey { reason };
                check(&statement.key).map_err(refused)?;
                Ok(Some(Event::KeyRegistered {
                    namespace: deposit.namespace.clone(),
                    key: statement.key,
                    height,
                }))
            }
        }
    }

    /// Whether a namespace takes this kind of deposit.
    fn decide_mode(&self, rule: &Rule, deposit: &Deposit) -> Result<(), Rejection> {
        match deposit.lodged {
            Lodged::Content(_) if !rule.public => Err(Rejection::NotPublic {
                namespace: deposit.namespace.clone(),
            }),
            Lodged::Body { size, .. } if size > self.body_bytes_max => {
                Err(Rejection::BodyTooLarge {
                    expected: self.body_bytes_max,
                    found: size,
                })
            }
            _ => Ok(()),
        }
    }

    /// Folds an event into the state.
    pub fn evolve(state: &mut StateTree, event: &Event) {
        let (key, value) = event.row();
        state.insert(key, value);
    }
}
