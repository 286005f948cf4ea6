//! The in-process bus between nodes: frames from one to another, in encoded form only.

use actors::NodeHandle;
use bus::ports::Transport;
use bytes::Bytes;
use messages::ids::Name;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, RwLock};

#[derive(Default)]
struct State {
    nodes: BTreeMap<Name, NodeHandle>,
    cut: BTreeSet<Name>,
}

/// Who is reachable. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct Hub(Arc<RwLock<State>>);

/// What carries frames between nodes.
pub(crate) trait Links: Send + Sync {
    /// The transport of one node.
    fn link(&self, own: &Name) -> Arc<dyn Transport>;

    /// A node runs and takes frames.
    fn join(&self, name: &Name, node: NodeHandle);

    /// A node was stopped.
    fn leave(&self, name: &Name);
}

impl Links for Hub {
    fn link(&self, own: &Name) -> Arc<dyn Transport> {
        Arc::new(HubLink {
            own: own.clone(),
            hub: self.clone(),
        })
    }

    fn join(&self, name: &Name, node: NodeHandle) {
        self.put(name.clone(), node);
    }

    fn leave(&self, name: &Name) {
        self.take(name);
    }
}

impl Hub {
    /// Makes a running node reachable.
    fn put(&self, name: Name, node: NodeHandle) {
        self.0
            .write()
            .expect("no code panics under this lock")
            .nodes
            .insert(name, node);
    }

    /// Takes a stopped node away.
    fn take(&self, name: &Name) {
        self.0
            .write()
            .expect("no code panics under this lock")
            .nodes
            .remove(name);
    }

    /// Cuts a running node off from all others, or heals it.
    pub(crate) fn set_cut(&self, name: &Name, cut: bool) {
        let mut state = self.0.write().expect("no code panics under this lock");
        if cut {
            state.cut.insert(name.clone());
        } else {
            state.cut.remove(name);
        }
    }
}

struct HubLink {
    own: Name,
    hub: Hub,
}

impl Transport for HubLink {
    fn send(&self, to: &Name, frame: Bytes) {
        let state = self.hub.0.read().expect("no code panics under this lock");
        let cut = state.cut.contains(&self.own) || state.cut.contains(to);
        if let Some(node) = state.nodes.get(to).filter(|_| !cut)
            && !node.deliver_from(&self.own, frame)
        {
            tracing::warn!(%to, "its inbox is full: a frame is lost, as on any network");
        }
    }

    fn broadcast(&self, frame: Bytes) {
        let others: Vec<Name> = {
            let state = self.hub.0.read().expect("no code panics under this lock");
            state
                .nodes
                .keys()
                .filter(|name| **name != self.own)
                .cloned()
                .collect()
        };
        for name in others {
            self.send(&name, frame.clone());
        }
    }
}
