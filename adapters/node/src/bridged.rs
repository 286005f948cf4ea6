//! Links over NATS, for one node of this process or for several.

use crate::hub::Links;
use crate::trial::{self, TrialNetwork};
use actors::NodeHandle;
use adapters_nats::{BridgeOptions, NatsBridge, Peer, Server};
use bus::ports::Transport;
use messages::genesis::Genesis;
use messages::ids::Name;
use messages::keys::PrivateKey;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The bridges of the nodes of this process, by name.
#[derive(Clone)]
pub(crate) struct Bridges(BTreeMap<Name, Arc<NatsBridge>>);

impl Bridges {
    /// That of one node.
    pub(crate) fn of(name: Name, bridge: Arc<NatsBridge>) -> Self {
        Self([(name, bridge)].into())
    }

    /// Those of all validators of a trial network, each with a connection of its own. Inside a
    /// runtime only.
    pub(crate) fn of_trial(network: &TrialNetwork, server: &Server) -> Result<Self, String> {
        let start = |i| {
            let home = network.home(i);
            let key = home.keys()?.transport;
            let options = options(&home.genesis, home.name(), key, server.clone(), Vec::new());
            Ok((home.name(), Arc::new(NatsBridge::start(options)?)))
        };
        let all = (0..network.genesis.validators.len()).map(start);
        all.collect::<Result<_, String>>().map(Self)
    }

    fn get(&self, name: &Name) -> &Arc<NatsBridge> {
        self.0
            .get(name)
            .expect("each node of this process has a bridge")
    }

    /// Whether all of them reach their server now.
    pub(crate) fn are_connected(&self) -> bool {
        self.0.values().all(|bridge| bridge.is_connected())
    }
}

impl Links for Bridges {
    fn link(&self, own: &Name) -> Arc<dyn Transport> {
        self.get(own).clone()
    }

    fn join(&self, name: &Name, node: NodeHandle) {
        self.get(name)
            .deliver_to(Box::new(move |from, frame| node.deliver_from(from, frame)));
    }

    fn leave(&self, _: &Name) {}
}

/// How a node is bridged: validators link with one another and with the observers they serve,
/// observers with validators.
pub(crate) fn options(
    genesis: &Genesis,
    own: Name,
    key: PrivateKey,
    server: Server,
    observers: Vec<Peer>,
) -> BridgeOptions {
    let others = genesis.validators.iter().filter(|v| v.name != own);
    let others = others.map(|v| Peer {
        name: v.name.clone(),
        key: v.transport,
    });
    BridgeOptions {
        server,
        network: genesis.network.clone(),
        peers: others.chain(observers).collect(),
        own,
        key,
        session: trial::now().0,
    }
}
