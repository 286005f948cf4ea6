//! Bodies about state, rights and policies.

use super::log::{InclusionJson, path};
use bus::api::{
    IdentityView, Membership, NamespaceView, PolicyChain, PolicyEpoch, PolicyLink, SealView,
    StateView,
};
use messages::keys::PublicKey;
use messages::note::encode_base64;
use serde::Serialize;

#[derive(Serialize)]
struct EndJson {
    key_hash: String,
    value_hash: String,
}

#[derive(Serialize)]
struct SealJson {
    entry: String,
    index: u64,
    inclusion: Option<InclusionJson>,
    checkpoint: Option<String>,
}

impl From<SealView> for SealJson {
    fn from(view: SealView) -> Self {
        let (inclusion, checkpoint) = view.published.unzip();
        Self {
            entry: encode_base64(&view.entry),
            index: view.index.0,
            inclusion: inclusion.as_ref().map(InclusionJson::from),
            checkpoint,
        }
    }
}

/// A row of the state, or the proof that there is none.
#[derive(Serialize)]
pub(crate) struct StateJson {
    key: String,
    present: bool,
    value: Option<String>,
    height: u64,
    root: String,
    siblings: Vec<String>,
    end: Option<EndJson>,
    seal: Option<SealJson>,
}

impl From<StateView> for StateJson {
    fn from(view: StateView) -> Self {
        let end = view.proof.end.map(|(key, value)| EndJson {
            key_hash: key.to_string(),
            value_hash: value.to_string(),
        });
        Self {
            key: hex::encode(&view.key),
            present: view.value.is_some(),
            value: view.value.map(hex::encode),
            height: view.height.0,
            root: view.root.to_string(),
            siblings: view
                .proof
                .siblings
                .iter()
                .map(ToString::to_string)
                .collect(),
            end,
            seal: view.seal.map(Into::into),
        }
    }
}

#[derive(Serialize)]
struct MembershipJson {
    namespace: String,
    open: bool,
    listed: bool,
    organisation: Option<String>,
    registered_height: Option<u64>,
    may_deposit: bool,
}

impl From<Membership> for MembershipJson {
    fn from(membership: Membership) -> Self {
        Self {
            namespace: membership.namespace.to_string(),
            open: membership.open,
            listed: membership.organisation.is_some(),
            organisation: membership.organisation,
            registered_height: membership.registered.map(|height| height.0),
            may_deposit: membership.may_deposit,
        }
    }
}

/// What a key may do.
#[derive(Serialize)]
pub(crate) struct IdentityJson {
    key: String,
    height: u64,
    namespaces: Vec<MembershipJson>,
}

impl From<IdentityView> for IdentityJson {
    fn from(view: IdentityView) -> Self {
        Self {
            key: view.key.to_string(),
            height: view.height.0,
            namespaces: view.memberships.into_iter().map(Into::into).collect(),
        }
    }
}

#[derive(Serialize)]
struct ListedKeyJson {
    key: String,
    organisation: String,
}

fn keys(items: Vec<(PublicKey, String)>) -> Vec<ListedKeyJson> {
    let keys = items.into_iter().map(|(key, organisation)| ListedKeyJson {
        key: key.to_string(),
        organisation,
    });
    keys.collect()
}

/// A page of listed keys.
#[derive(Serialize)]
pub(crate) struct ListedKeysJson {
    keys: Vec<ListedKeyJson>,
    next: Option<String>,
}

impl ListedKeysJson {
    pub(crate) fn new(items: Vec<(PublicKey, String)>, next: Option<String>) -> Self {
        Self {
            keys: keys(items),
            next,
        }
    }
}

#[derive(Serialize)]
struct NamespaceJson {
    name: String,
    open: bool,
    public: bool,
    holders: Vec<String>,
    listed_count: usize,
    listed: Vec<ListedKeyJson>,
    listed_next: Option<String>,
}

impl From<NamespaceView> for NamespaceJson {
    fn from(view: NamespaceView) -> Self {
        let more = view.listed.len() < view.listed_count;
        let last = view.listed.last().filter(|_| more);
        let next = last.map(|(key, _)| format!("/v1/namespaces/{}/keys?after={key}", view.name));
        Self {
            name: view.name.to_string(),
            open: view.open,
            public: view.public,
            holders: view.holders.iter().map(ToString::to_string).collect(),
            listed_count: view.listed_count,
            listed_next: next,
            listed: keys(view.listed),
        }
    }
}

/// A page of namespaces.
#[derive(Serialize)]
pub(crate) struct NamespacesJson {
    namespaces: Vec<NamespaceJson>,
    next: Option<String>,
}

impl NamespacesJson {
    pub(crate) fn new(items: Vec<NamespaceView>, next: Option<String>) -> Self {
        Self {
            namespaces: items.into_iter().map(Into::into).collect(),
            next,
        }
    }
}

#[derive(Serialize)]
struct EpochJson {
    epoch: u64,
    policy: String,
    entry: String,
    index: u64,
}

impl From<PolicyEpoch> for EpochJson {
    fn from(epoch: PolicyEpoch) -> Self {
        Self {
            epoch: epoch.epoch,
            policy: epoch.policy,
            entry: encode_base64(&epoch.entry),
            index: epoch.index.0,
        }
    }
}

#[derive(Serialize)]
struct LinkJson {
    epoch: u64,
    entry: String,
    index: u64,
    path: Vec<String>,
    checkpoint: String,
}

impl From<PolicyLink> for LinkJson {
    fn from(link: PolicyLink) -> Self {
        Self {
            epoch: link.epoch,
            entry: encode_base64(&link.entry),
            index: link.index.0,
            path: path(&link.path),
            checkpoint: link.checkpoint,
        }
    }
}

/// All policies of the network.
#[derive(Serialize)]
pub(crate) struct PolicyChainJson {
    network: String,
    epochs: Vec<EpochJson>,
    links: Vec<LinkJson>,
}

impl From<PolicyChain> for PolicyChainJson {
    fn from(chain: PolicyChain) -> Self {
        Self {
            network: chain.network.to_string(),
            epochs: chain.epochs.into_iter().map(Into::into).collect(),
            links: chain.links.into_iter().map(Into::into).collect(),
        }
    }
}
