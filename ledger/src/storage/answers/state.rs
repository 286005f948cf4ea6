//! State with proofs, rights, namespaces, outcomes and policies.

use super::{malformed, problem_not_found, unknown_statement};
use crate::permissions::identity_key;
use crate::storage::Storage;
use bytes::Bytes;
use messages::api::{
    Answer, IdentityView, Membership, NamespaceView, OutcomeView, PAGE_MAX, Paged, PolicyChain,
    PolicyEpoch, Problem, ProblemKind, SealView, Start, StateView,
};
use messages::cbor::Canonical;
use messages::genesis::Namespace;
use messages::ids::{Height, LeafIndex, Name, StatementId, TreeSize};
use messages::keys::PublicKey;
use messages::outcome::Outcome;
use minicbor::Decoder;

/// Longest key of a state row that is answered, in bytes.
const STATE_KEY_BYTES_MAX: usize = 1024;

impl Storage {
    pub(super) fn state_row(&self, key: &Bytes) -> Answer {
        if !(1..=STATE_KEY_BYTES_MAX).contains(&key.len()) {
            let detail = format!(
                "key: expected 1 to {STATE_KEY_BYTES_MAX} bytes, found {}",
                key.len()
            );
            return malformed("key", detail, "give the key of a state row in hexadecimal");
        }
        let Some((height, state)) = self.state() else {
            return not_now();
        };
        Answer::State(Box::new(StateView {
            key: key.clone(),
            value: state.get(key).cloned(),
            height,
            root: state.root(),
            proof: state.prove(key),
            seal: self.seal_view(height),
        }))
    }

    /// The seal of a block, with its inclusion under the newest checkpoint when that covers it.
    fn seal_view(&self, height: Height) -> Option<SealView> {
        if height == Height(0) {
            return None;
        }
        let block = self.reader.block(height)?;
        let index = LeafIndex(block.first_leaf.0 + u64::from(block.entry_count) - 1);
        let published = self.published.as_ref().and_then(|published| {
            let proof = self.inclusion_at(index, TreeSize(published.size.0))?;
            Some((proof, published.note.encode()))
        });
        Some(SealView {
            entry: self.reader.entry(index)?,
            index,
            published,
        })
    }

    pub(super) fn identity(&self, key: &PublicKey, wanted: Option<&Name>) -> Answer {
        let Some((height, state)) = self.state() else {
            return not_now();
        };
        if let Some(name) = wanted
            && self.genesis.namespace(name).is_none()
        {
            return Answer::Problem(unknown_namespace(name));
        }
        let is_registrable = key.check_registrable().is_ok();
        let membership = |namespace: &Namespace| {
            let listed = namespace.listed.iter().find(|l| l.key == *key);
            let row = state.get(&identity_key(&namespace.name, key));
            Membership {
                namespace: namespace.name.clone(),
                open: namespace.open,
                organisation: listed.map(|l| l.organisation.clone()),
                registered: row.and_then(|row| registered_at(row)),
                may_deposit: if namespace.open {
                    is_registrable
                } else {
                    listed.is_some()
                },
            }
        };
        let namespaces = self.genesis.namespaces.iter();
        let memberships = namespaces
            .filter(|namespace| wanted.is_none_or(|name| *name == namespace.name))
            .map(membership)
            .collect();
        Answer::Identity(Box::new(IdentityView {
            key: *key,
            height,
            memberships,
        }))
    }

    pub(super) fn namespaces(&self, after: Option<&Name>, count: usize) -> Answer {
        let count = count.clamp(1, PAGE_MAX);
        let mut all: Vec<&Namespace> = self.genesis.namespaces.iter().collect();
        all.sort_by(|a, b| a.name.cmp(&b.name));
        all.retain(|namespace| after.is_none_or(|after| namespace.name > *after));
        let more = all.len() > count;
        all.truncate(count);
        let items: Vec<NamespaceView> = all
            .into_iter()
            .map(|namespace| NamespaceView {
                name: namespace.name.clone(),
                open: namespace.open,
                public: namespace.public,
                holders: namespace.holders.clone(),
                listed: listed(namespace, None, PAGE_MAX).items,
                listed_count: namespace.listed.len(),
            })
            .collect();
        let next = items.last().filter(|_| more).map(|last| last.name.clone());
        let next = next.map(Start::From);
        Answer::Namespaces(Paged { items, next })
    }

    pub(super) fn listed_keys(
        &self,
        namespace: &Name,
        after: Option<&PublicKey>,
        count: usize,
    ) -> Answer {
        match self.genesis.namespace(namespace) {
            Some(found) => Answer::ListedKeys(listed(found, after, count.clamp(1, PAGE_MAX))),
            None => Answer::Problem(unknown_namespace(namespace)),
        }
    }

    pub(super) fn outcome(&self, id: &StatementId) -> Answer {
        let Some(place) = self.place(id) else {
            return unknown_statement(id);
        };
        if place.seal_index.0 >= self.published_size().0 {
            return Answer::Waiting(*id);
        }
        let outcome = Outcome::from_bytes(&place.outcome.bytes);
        let outcome = outcome.expect("an outcome that was written here is read");
        Answer::Outcome(Box::new(OutcomeView {
            id: *id,
            height: place.height,
            index: place.index,
            block_time: place.time,
            code: outcome.code.0,
            outcome: place.outcome.bytes,
            position: place.outcome.index,
            count: place.outcome.count,
            path: place.outcome.path,
            seal: place.seal,
            seal_index: place.seal_index,
        }))
    }

    pub(super) fn policy_chain(&self) -> Answer {
        let index = LeafIndex(1);
        let Some(entry) = self.reader.entry(index) else {
            return not_now();
        };
        let first = PolicyEpoch {
            epoch: 0,
            policy: self.policy_text.clone(),
            entry,
            index,
        };
        Answer::PolicyChain(Box::new(PolicyChain {
            network: self.genesis.network.clone(),
            epochs: vec![first],
            links: Vec::new(),
        }))
    }
}

/// Listed keys of a namespace after a key, ordered by key.
fn listed(
    namespace: &Namespace,
    after: Option<&PublicKey>,
    count: usize,
) -> Paged<(PublicKey, String), PublicKey> {
    let mut all: Vec<_> = namespace.listed.iter().collect();
    all.sort_by_key(|l| l.key);
    all.retain(|l| after.is_none_or(|after| l.key > *after));
    let more = all.len() > count;
    all.truncate(count);
    let next = all.last().filter(|_| more).map(|l| Start::From(l.key));
    let items = all.into_iter().map(|l| (l.key, l.organisation.clone()));
    Paged {
        items: items.collect(),
        next,
    }
}

/// Height in the row of an identity: `[version = 1, height, ...]`.
fn registered_at(row: &[u8]) -> Option<Height> {
    let mut d = Decoder::new(row);
    d.array().ok()?;
    d.u8().ok().filter(|version| *version == 1)?;
    d.u64().ok().map(Height)
}

fn unknown_namespace(name: &Name) -> Problem {
    problem_not_found(
        "unknown-namespace",
        format!("namespace: {name} does not exist in this network"),
        "namespace",
        "choose a namespace of `GET /v1/namespaces`",
    )
}

fn not_now() -> Answer {
    Answer::Problem(Problem {
        kind: ProblemKind::Unavailable,
        code: "state-not-ready",
        detail: "this node has just started and is writing a block".into(),
        field: None,
        next_step: "ask again in a second, or ask another node".into(),
    })
}
