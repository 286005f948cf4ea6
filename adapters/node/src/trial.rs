//! Trial networks: genesis and keys made on this machine, marked as a demonstration.

use crate::home::{NodeHome, mark_new};
use clap::builder::RangedU64ValueParser;
use messages::cbor::Canonical;
use messages::genesis::{Genesis, GenesisValidator, ListedKey, Namespace, Parameters};
use messages::ids::{Name, TimeMs};
use messages::keys::{PrivateKey, PublicKey};
use messages::policy::DEMONSTRATION_ORIGIN;
use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// Organisations of a trial network, by validator.
const ORGANISATIONS: [&str; 7] = [
    "Demonstration University",
    "Demonstration Notary Office",
    "Demonstration Bank",
    "Demonstration Court",
    "Demonstration Insurer",
    "Demonstration Archive",
    "Demonstration Ministry",
];

/// Most validators of a trial network.
pub(crate) const VALIDATORS_MAX: usize = 64;

/// How `--validators` is read: what cannot be is wrong use, before anything is begun.
pub(crate) fn validators() -> RangedU64ValueParser<usize> {
    RangedU64ValueParser::new().range(1..=VALIDATORS_MAX as u64)
}

/// How a count that must not be 0 is read.
pub(crate) fn at_least_one() -> RangedU64ValueParser<usize> {
    RangedU64ValueParser::new().range(1..)
}

/// Milliseconds since the Unix epoch by this machine's clock.
pub(crate) fn now() -> TimeMs {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    TimeMs(since.map_or(0, |d| d.as_millis() as u64))
}

/// Thirty-two bytes from the operating system.
pub(crate) fn random() -> Result<[u8; 32], String> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|e| format!("no randomness: {e}"))?;
    Ok(bytes)
}

/// A trial network in a folder.
pub(crate) struct TrialNetwork {
    /// The folder.
    pub(crate) dir: PathBuf,
    /// What was founded.
    pub(crate) genesis: Arc<Genesis>,
}

/// What a new trial network is founded with.
pub(crate) struct Founding {
    /// How many validators.
    pub(crate) validators: usize,
    /// Keys that may deposit in the closed namespace `members`.
    pub(crate) listed: Vec<PublicKey>,
}

fn node_name(i: usize) -> Name {
    Name::try_new(&format!("validator-{i}")).expect("a short name of allowed characters")
}

impl TrialNetwork {
    /// Opens the network in `dir`, founding it first when there is none.
    pub(crate) fn open_or_found(dir: &Path, founding: &Founding) -> Result<Self, String> {
        let path = dir.join("genesis.cbor");
        if path.exists() {
            let network = Self::open(dir)?;
            let found = network.genesis.validators.len();
            if found != founding.validators {
                return Err(format!(
                    "{} holds a network of {found} validators, not {}\n\
                     next:  use --validators {found}, or another --data folder",
                    dir.display(),
                    founding.validators
                ));
            }
            return Ok(network);
        }
        Self::found(dir, founding)
    }

    /// Opens the network in `dir`.
    pub(crate) fn open(dir: &Path) -> Result<Self, String> {
        let path = dir.join("genesis.cbor");
        let bytes = fs::read(&path).map_err(|e| format!("{}: {e}", path.display()))?;
        let genesis =
            Genesis::from_bytes(&bytes).map_err(|e| format!("{}: {e}", path.display()))?;
        genesis
            .policy()
            .map_err(|e| format!("{}: {e}", path.display()))?;
        Ok(Self {
            dir: dir.to_owned(),
            genesis: Arc::new(genesis),
        })
    }

    fn found(dir: &Path, founding: &Founding) -> Result<Self, String> {
        let n = founding.validators;
        if !(1..=VALIDATORS_MAX).contains(&n) {
            return Err(format!(
                "--validators: expected 1 to {VALIDATORS_MAX}, found {n}"
            ));
        }
        let fail = |e: std::io::Error| format!("{}: {e}", dir.display());
        let occupied = fs::read_dir(dir).is_ok_and(|mut entries| entries.next().is_some());
        if occupied {
            return Err(format!(
                "{}: the folder is not empty and holds no genesis.cbor\n\
                 next:  name a new or empty folder, or put the network's genesis back",
                dir.display()
            ));
        }
        fs::create_dir_all(dir).map_err(fail)?;
        let network = format!("trial-{}", hex::encode(&random()?[..4]));
        let mut validators = Vec::new();
        for i in 0..n {
            validators.push(make_validator(dir, i)?);
        }
        let mut listed: Vec<ListedKey> = founding
            .listed
            .iter()
            .map(|key| ListedKey {
                key: *key,
                organisation: "Listed depositor".into(),
            })
            .collect();
        listed.sort_by_key(|l| l.key);
        let name = |text| Name::try_new(text).expect("a short name of allowed characters");
        // Two of the validators hold the bodies that members lodge; the others never see them.
        let holders = (0..n.min(2)).map(node_name).collect();
        let genesis = Genesis {
            network: name(&network),
            origin: format!("{DEMONSTRATION_ORIGIN}wutong.example/{network}"),
            created: now(),
            demonstration: true,
            validators,
            namespaces: vec![
                Namespace {
                    name: name("members"),
                    open: false,
                    public: false,
                    listed,
                    holders,
                },
                Namespace::open(name("public")),
            ],
            parameters: Parameters::default(),
        };
        let policy = genesis.policy()?;
        fs::write(dir.join("policy"), policy.text()).map_err(fail)?;
        // Last, so that a stop in between leaves no half-made network behind.
        let unfinished = dir.join("genesis.cbor.new");
        fs::write(&unfinished, genesis.to_bytes()).map_err(fail)?;
        fs::rename(&unfinished, dir.join("genesis.cbor")).map_err(fail)?;
        Ok(Self {
            dir: dir.to_owned(),
            genesis: Arc::new(genesis),
        })
    }

    /// Name of validator `i`.
    pub(crate) fn name(&self, i: usize) -> Name {
        self.genesis.validators[i].name.clone()
    }

    /// Where validator `i` lives.
    pub(crate) fn home(&self, i: usize) -> NodeHome {
        NodeHome::of_validator(self.genesis.clone(), i, node_dir(&self.dir, i))
    }
}

fn node_dir(dir: &Path, i: usize) -> PathBuf {
    dir.join(format!("node-{i}"))
}

/// Makes an observer's folder and key; gives its folder and transport key.
pub(crate) fn make_observer(dir: &Path, i: usize) -> Result<(PathBuf, PublicKey), String> {
    let dir = dir.join(format!("observer-{i}"));
    let keys = dir.join("keys");
    fs::create_dir_all(&keys).map_err(|e| format!("{}: {e}", keys.display()))?;
    let key = PrivateKey::from_seed(&random()?);
    write_secret(&keys.join("transport.pem"), &key.to_pem())?;
    Ok((dir, key.public()))
}

fn make_validator(dir: &Path, i: usize) -> Result<GenesisValidator, String> {
    let keys = node_dir(dir, i).join("keys");
    fs::create_dir_all(&keys).map_err(|e| format!("{}: {e}", keys.display()))?;
    let make = |purpose: &str| -> Result<PublicKey, String> {
        let key = PrivateKey::from_seed(&random()?);
        let path = keys.join(format!("{purpose}.pem"));
        write_secret(&path, &key.to_pem())?;
        Ok(key.public())
    };
    mark_new(&node_dir(dir, i))?;
    Ok(GenesisValidator {
        name: node_name(i),
        organisation: ORGANISATIONS.get(i).map_or_else(
            || format!("Demonstration Organisation {i}"),
            |o| (*o).to_owned(),
        ),
        consensus: make("consensus")?,
        log: make("log")?,
        cosigner: make("cosigner")?,
        receipt: make("receipt")?,
        transport: make("transport")?,
    })
}

/// Writes a file that its owner alone may read.
pub(crate) fn write_secret(path: &Path, text: &str) -> Result<(), String> {
    let mut options = fs::OpenOptions::new();
    let file = options
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path);
    file.and_then(|mut f| f.write_all(text.as_bytes()))
        .map_err(|e| format!("{}: {e}", path.display()))
}

/// An error of a key file as commands of this crate print it.
pub(crate) fn with_next(error: adapters_keys::KeyFileError) -> String {
    format!("{}\nnext:  {}", error.what, error.next_step)
}
