//! The network a plan founds: genesis, keys, and who signs how.
//!
//! Keys are the same in every world: deriving them anew would cost a seed more than its blocks.

use crate::life::BEGINNING_MS;
use crate::plan::Plan;
use actors::NodeKeys;
use ledger::checkpointing::CheckpointKeys;
use messages::genesis::{Genesis, GenesisValidator, Namespace, Parameters};
use messages::hash::Hash;
use messages::ids::{Name, TimeMs};
use messages::keys::{PrivateKey, PublicKey};
use messages::policy::Policy;
use messages::ports::{
    ConsensusSigner, ConsensusVerifier, FakeSigner, FakeVerifier, MessageSigner, StrictVerifier,
};
use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock, Mutex};

/// The founders' work.
pub struct Founders {
    /// The genesis document.
    pub genesis: Arc<Genesis>,
    /// The trust anchor of receipts.
    pub policy: Policy,
    /// Keys of the validators, by place.
    pub keys: Vec<NodeKeys>,
    /// Names of the observers, who have no keys.
    pub observers: Vec<Name>,
    /// What keyed hashes are made with in a world without real keys.
    pub secret: Hash,
    /// Judges what validators sign.
    pub verifier: Arc<dyn ConsensusVerifier>,
}

/// A name that is known to be one.
///
/// # Panics
/// When it is none.
pub fn name(text: &str) -> Name {
    Name::try_new(text).expect("names of the simulation are names")
}

/// Name of the validator at a place.
pub fn node_name(node: usize) -> Name {
    name(&format!("node-{node}"))
}

/// The key for a purpose.
///
/// # Panics
/// Never: nobody panics while holding the keys.
pub fn key(purpose: &str) -> PrivateKey {
    static KEYS: LazyLock<Mutex<BTreeMap<String, PrivateKey>>> = LazyLock::new(Mutex::default);
    let mut keys = KEYS.lock().expect("no code panics while it holds the keys");
    let made = keys.entry(purpose.into());
    made.or_insert_with(|| PrivateKey::derive(&[1; 32], purpose))
        .clone()
}

fn public(purpose: &str) -> PublicKey {
    static KEYS: LazyLock<Mutex<BTreeMap<String, PublicKey>>> = LazyLock::new(Mutex::default);
    let mut keys = KEYS.lock().expect("no code panics while it holds the keys");
    *keys
        .entry(purpose.into())
        .or_insert_with(|| key(purpose).public())
}

/// One purpose of a validator's keys.
fn purpose(node: usize, of: &str) -> String {
    format!("node-{node}/{of}")
}

impl Founders {
    /// Founds the network of a plan.
    ///
    /// # Panics
    /// Never: the genesis is one that gives a policy.
    pub fn new(plan: &Plan) -> Self {
        let secret = Hash::of(&plan.seed.to_be_bytes());
        let validator = |node: usize| GenesisValidator {
            name: node_name(node),
            organisation: format!("Organisation {node}"),
            consensus: public(&purpose(node, "consensus")),
            log: public(&purpose(node, "log")),
            cosigner: public(&purpose(node, "cosigner")),
            receipt: public(&purpose(node, "receipt")),
            transport: public(&purpose(node, "transport")),
        };
        let genesis = Genesis {
            network: name("sim"),
            origin: "sim.example/log".into(),
            created: TimeMs(BEGINNING_MS),
            demonstration: false,
            validators: (0..plan.nodes).map(validator).collect(),
            namespaces: vec![Namespace::open(name("public"))],
            parameters: Parameters {
                block_statements_max: plan.block_statements_max,
                heartbeat_ms: plan.heartbeat_ms,
                ..Parameters::default()
            },
        };
        let signing = Signing {
            secret,
            real: plan.real_keys,
        };
        let policy = genesis
            .policy()
            .expect("the simulation's genesis gives a policy");
        let verifier: Arc<dyn ConsensusVerifier> = if plan.real_keys {
            Arc::new(StrictVerifier)
        } else {
            Arc::new(FakeVerifier::new(secret))
        };
        Self {
            genesis: Arc::new(genesis),
            policy,
            keys: (0..plan.nodes).map(|node| signing.keys_of(node)).collect(),
            observers: (plan.nodes..plan.nodes + plan.observers)
                .map(node_name)
                .collect(),
            secret,
            verifier,
        }
    }
}

/// How everybody signs in one world.
struct Signing {
    secret: Hash,
    real: bool,
}

impl Signing {
    fn keys_of(&self, node: usize) -> NodeKeys {
        let consensus = purpose(node, "consensus");
        let signer: Arc<dyn ConsensusSigner> = if self.real {
            Arc::new(key(&consensus))
        } else {
            Arc::new(FakeSigner::new(self.secret, public(&consensus)))
        };
        NodeKeys {
            consensus: public(&consensus),
            signer,
            checkpoint: CheckpointKeys {
                log: self.signer(&purpose(node, "log")),
                cosigner: self.signer(&purpose(node, "cosigner")),
                receipt: self.signer(&purpose(node, "receipt")),
            },
        }
    }

    fn signer(&self, purpose: &str) -> Arc<dyn MessageSigner> {
        if self.real {
            Arc::new(key(purpose))
        } else {
            Arc::new(FakeSigner::new(self.secret, public(purpose)))
        }
    }
}
