//! The network a seed founds: genesis, keys, and who signs votes how.

use crate::life::BEGINNING_MS;
use crate::plan::{NODES, Plan};
use actors::NodeKeys;
use ledger::checkpointing::CheckpointKeys;
use messages::genesis::{Genesis, GenesisValidator, Namespace, Parameters};
use messages::hash::Hash;
use messages::ids::{Name, TimeMs};
use messages::keys::PrivateKey;
use messages::policy::Policy;
use messages::ports::{
    ConsensusSigner, ConsensusVerifier, FakeSigner, FakeVerifier, StrictVerifier,
};
use std::sync::Arc;

/// The founders' work.
pub struct Founders {
    /// The genesis document.
    pub genesis: Arc<Genesis>,
    /// The trust anchor of receipts.
    pub policy: Policy,
    /// Keys of the validators, by place.
    pub keys: Vec<NodeKeys>,
    /// Judges votes.
    pub verifier: Arc<dyn ConsensusVerifier>,
}

/// A name that is known to be one.
pub fn name(text: &str) -> Name {
    Name::try_new(text).expect("names of the simulation are names")
}

/// Name of the node at a place.
pub fn node_name(node: usize) -> Name {
    name(&format!("node-{node}"))
}

/// The key of this seed for a purpose.
pub fn key(seed: u64, purpose: &str) -> PrivateKey {
    let mut master = [0; 32];
    master[..8].copy_from_slice(&seed.to_be_bytes());
    PrivateKey::derive(&master, purpose)
}

impl Founders {
    /// Founds the network of a plan.
    pub fn new(plan: &Plan) -> Self {
        let seed = plan.seed;
        let secret = Hash::of(&seed.to_be_bytes());
        let key_of = |node: usize, purpose: &str| key(seed, &format!("node-{node}/{purpose}"));
        let validator = |node: usize| GenesisValidator {
            name: node_name(node),
            organisation: format!("Organisation {node}"),
            consensus: key_of(node, "consensus").public(),
            log: key_of(node, "log").public(),
            cosigner: key_of(node, "cosigner").public(),
            receipt: key_of(node, "receipt").public(),
            transport: key_of(node, "transport").public(),
        };
        let genesis = Genesis {
            network: name("sim"),
            origin: "sim.example/log".into(),
            created: TimeMs(BEGINNING_MS),
            demonstration: false,
            validators: (0..NODES).map(validator).collect(),
            namespaces: vec![Namespace::open(name("public"))],
            parameters: Parameters {
                block_statements_max: plan.block_statements_max,
                heartbeat_ms: plan.heartbeat_ms,
                ..Parameters::default()
            },
        };
        let keys_of = |node: usize| {
            let consensus = key_of(node, "consensus");
            let public = consensus.public();
            let signer: Arc<dyn ConsensusSigner> = if plan.real_keys {
                Arc::new(consensus)
            } else {
                Arc::new(FakeSigner::new(secret, public))
            };
            let checkpoint = CheckpointKeys {
                log: key_of(node, "log"),
                cosigner: key_of(node, "cosigner"),
                receipt: key_of(node, "receipt"),
            };
            NodeKeys {
                consensus: public,
                signer,
                checkpoint,
            }
        };
        let verifier: Arc<dyn ConsensusVerifier> = if plan.real_keys {
            Arc::new(StrictVerifier)
        } else {
            Arc::new(FakeVerifier::new(secret))
        };
        let policy = genesis
            .policy()
            .expect("the simulation's genesis gives a policy");
        let keys = (0..NODES).map(keys_of).collect();
        Self {
            genesis: Arc::new(genesis),
            policy,
            keys,
            verifier,
        }
    }
}
