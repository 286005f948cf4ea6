//! Where a node lives: its folder, its keys, and what it is in its network.

use crate::trial::with_next;
use adapters_keys::Passphrase;
use ledger::checkpointing::CheckpointKeys;
use messages::genesis::{Genesis, GenesisValidator};
use messages::ids::Name;
use messages::keys::{PrivateKey, PublicKey};
use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

/// The file beside new keys that says that nothing was signed with them yet. The first start takes
/// it away.
const NEW: &str = "new";

/// Says that the keys in a folder are new.
pub(crate) fn mark_new(folder: &Path) -> Result<(), String> {
    let path = folder.join(NEW);
    let text = "No node has run with these keys. Back them up without this file: a validator whose \
                disk is lost must not take itself for a new one.\n";
    std::fs::write(&path, text).map_err(|e| format!("{}: {e}", path.display()))
}

/// What a node is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Role {
    /// Votes and cosigns; genesis names it.
    #[default]
    Validator,
    /// Follows, and serves reads and receipts.
    Observer,
}

/// What a validator signs with.
#[derive(Clone)]
pub(crate) struct SigningKeys {
    /// Signs proposals and votes.
    pub(crate) consensus: PrivateKey,
    /// Sign tree heads.
    pub(crate) checkpoint: CheckpointKeys,
}

/// Keys of one node, by purpose (FORMATS: each key has one use).
#[derive(Clone)]
pub(crate) struct HomeKeys {
    /// Authenticates links to other hosts.
    pub(crate) transport: PrivateKey,
    /// Those of a validator; an observer has none.
    pub(crate) signing: Option<SigningKeys>,
}

/// Where one node of a network lives.
#[derive(Clone)]
pub(crate) struct NodeHome {
    /// What was founded.
    pub(crate) genesis: Arc<Genesis>,
    /// Its name.
    name: Name,
    /// Its folder.
    pub(crate) dir: PathBuf,
    /// Opens its encrypted keys.
    pub(crate) passphrase: Option<Passphrase>,
    /// Its keys once they are read: opening an encrypted one takes a while.
    keys: Arc<OnceLock<HomeKeys>>,
}

impl NodeHome {
    /// The home of a node in a folder.
    pub(crate) fn new(
        genesis: Arc<Genesis>,
        name: &str,
        role: Role,
        dir: PathBuf,
    ) -> Result<Self, String> {
        let name = Name::try_new(name).map_err(|e| e.to_string())?;
        let is_validator = genesis.validator_by_name(&name).is_some();
        match role {
            Role::Validator if !is_validator => {
                let names = genesis.validators.iter().map(|v| v.name.to_string());
                let names: Vec<String> = names.collect();
                return Err(format!(
                    "{name} is none of the validators: {}\n\
                     next:  correct the name, or set node.role = \"observer\"",
                    names.join(", ")
                ));
            }
            Role::Observer if is_validator => {
                return Err(format!(
                    "{name} is a validator of this network\n\
                     next:  give the observer a name of its own, or leave node.role out"
                ));
            }
            _ => {}
        }
        Ok(Self {
            genesis,
            name,
            dir,
            passphrase: None,
            keys: Arc::default(),
        })
    }

    /// The home of validator `place` of a genesis.
    pub(crate) fn of_validator(genesis: Arc<Genesis>, place: usize, dir: PathBuf) -> Self {
        Self {
            name: genesis.validators[place].name.clone(),
            genesis,
            dir,
            passphrase: None,
            keys: Arc::default(),
        }
    }

    /// The node's name.
    pub(crate) fn name(&self) -> Name {
        self.name.clone()
    }

    /// What genesis says of it; none for an observer.
    pub(crate) fn validator(&self) -> Option<&GenesisValidator> {
        self.genesis.validator_by_name(&self.name)
    }

    /// Its place in genesis; none for an observer.
    pub(crate) fn place(&self) -> Option<usize> {
        let mut all = self.genesis.validators.iter();
        all.position(|v| v.name == self.name)
    }

    /// Whether the node never ran. A validator whose folder says nothing about it is none: it lost
    /// its disk. An observer signs nothing that it could forget.
    pub(crate) fn is_new(&self) -> bool {
        self.validator().is_none() || self.dir.join(NEW).exists()
    }

    /// From now on it is new no more.
    pub(crate) fn has_run(&self) -> std::io::Result<()> {
        match std::fs::remove_file(self.dir.join(NEW)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Its keys; those of a validator are those of genesis.
    pub(crate) fn keys(&self) -> Result<HomeKeys, String> {
        if let Some(keys) = self.keys.get() {
            return Ok(keys.clone());
        }
        let keys = self.read_keys()?;
        Ok(self.keys.get_or_init(|| keys).clone())
    }

    fn read_key(&self, purpose: &str) -> Result<PrivateKey, String> {
        let path = self.dir.join("keys").join(format!("{purpose}.pem"));
        adapters_keys::read(&path, self.passphrase.as_ref()).map_err(with_next)
    }

    fn read_keys(&self) -> Result<HomeKeys, String> {
        let Some(validator) = self.validator() else {
            let transport = self.read_key("transport")?;
            return Ok(HomeKeys {
                transport,
                signing: None,
            });
        };
        let read = |purpose: &str, expected: &PublicKey| {
            let key = self.read_key(purpose)?;
            if key.public() == *expected {
                return Ok(key);
            }
            Err(format!(
                "{}: keys/{purpose}.pem is not the key of {} in genesis",
                self.dir.display(),
                validator.name
            ))
        };
        Ok(HomeKeys {
            transport: read("transport", &validator.transport)?,
            signing: Some(SigningKeys {
                consensus: read("consensus", &validator.consensus)?,
                checkpoint: CheckpointKeys {
                    log: Arc::new(read("log", &validator.log)?),
                    cosigner: Arc::new(read("cosigner", &validator.cosigner)?),
                    receipt: Arc::new(read("receipt", &validator.receipt)?),
                },
            }),
        })
    }
}
