//! `node.toml`: what a node is told about itself and its surroundings.
//!
//! Every key may also come from the environment, as `WUTONG_` and the key in capitals with
//! underscores (`WUTONG_NATS_URL` for `nats.url`); the environment wins.

use crate::genesis::signatures;
use crate::home::{NodeHome, Role};
use crate::nats_config::NatsSection;
use crate::observers::ObserverSection;
use crate::observing_config::{LogSection, OtlpSection};
use crate::trial::with_next;
use adapters_keys::Passphrase;
use adapters_nats::Server;
use messages::cbor::Canonical;
use messages::genesis::Genesis;
use messages::ids::Name;
use messages::keys::PublicKey;
use serde::Deserialize;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The whole file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// The node itself.
    pub(crate) node: NodeSection,
    /// Its HTTP.
    pub(crate) http: HttpSection,
    /// Its links.
    pub(crate) nats: NatsSection,
    /// Observers that it serves.
    #[serde(default)]
    pub(crate) observers: Vec<ObserverSection>,
    /// Its logs.
    #[serde(default)]
    pub(crate) log: LogSection,
    /// Its traces.
    #[serde(default)]
    pub(crate) otlp: OtlpSection,
}

/// `[node]`; paths are relative to the file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NodeSection {
    /// The node's name in genesis.
    name: String,
    /// What it is for.
    #[serde(default)]
    role: Role,
    /// The genesis document.
    genesis: PathBuf,
    /// Folder of the node: `keys/` and `ledger/` are in it.
    folder: PathBuf,
    /// File with the passphrase of encrypted keys; empty: the environment or the service manager.
    #[serde(default)]
    passphrase_file: PathBuf,
    /// How long waiting receipts may take once the node is told to stop, in seconds.
    #[serde(default = "drain_seconds")]
    pub(crate) drain_seconds: u64,
}

fn drain_seconds() -> u64 {
    10
}

/// `[http]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct HttpSection {
    /// Address to listen on.
    pub(crate) listen: SocketAddr,
}

/// Keys that the environment may set, by section.
const KEYS: [(&str, &str); 26] = [
    ("node", "name"),
    ("node", "role"),
    ("node", "genesis"),
    ("node", "folder"),
    ("node", "passphrase_file"),
    ("node", "drain_seconds"),
    ("http", "listen"),
    ("nats", "url"),
    ("nats", "user"),
    ("nats", "password"),
    ("nats", "nkey"),
    ("nats", "credentials"),
    ("nats", "ca"),
    ("nats", "client_certificate"),
    ("nats", "client_key"),
    ("nats", "events"),
    ("nats", "event_replicas"),
    ("nats", "api"),
    ("nats", "api_user"),
    ("nats", "api_password"),
    ("nats", "api_nkey"),
    ("nats", "api_credentials"),
    ("log", "format"),
    ("log", "filter"),
    ("otlp", "endpoint"),
    ("otlp", "sample_ratio"),
];

/// A variable that looks like a key and is none would be overlooked.
fn check_names(set: impl Iterator<Item = String>) -> Result<(), String> {
    let keys = KEYS.map(|(section, key)| format!("WUTONG_{section}_{key}").to_uppercase());
    let sections = ["NODE", "HTTP", "NATS", "LOG", "OTLP"].map(|s| format!("WUTONG_{s}_"));
    for name in set {
        let section = sections.iter().find(|section| name.starts_with(*section));
        let Some(section) = section.filter(|_| !keys.contains(&name)) else {
            continue;
        };
        let known: Vec<&str> = keys
            .iter()
            .filter(|key| key.starts_with(section))
            .map(String::as_str)
            .collect();
        return Err(format!(
            "{name}: the environment sets what is no key of node.toml; expected one of {}",
            known.join(", ")
        ));
    }
    Ok(())
}

impl Config {
    /// Reads a file and what the environment sets.
    pub(crate) fn read(path: &Path) -> Result<Self, String> {
        let shown = path.display();
        let text = std::fs::read_to_string(path).map_err(|e| format!("{shown}: {e}"))?;
        let set = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
        check_names(set)?;
        Self::parse(&text, |name| std::env::var(name).ok()).map_err(|e| format!("{shown}: {e}"))
    }

    fn parse(text: &str, environment: impl Fn(&str) -> Option<String>) -> Result<Self, String> {
        let mut table: toml::Table = toml::from_str(text).map_err(|e| e.to_string())?;
        let mut set = Vec::new();
        for (section, key) in KEYS {
            let name = format!("WUTONG_{section}_{key}").to_uppercase();
            let Some(value) = environment(&name) else {
                continue;
            };
            let value = match key {
                "events" | "api" => value
                    .parse::<bool>()
                    .map(toml::Value::Boolean)
                    .map_err(|_| format!("{name}: expected true or false, found {value}"))?,
                "drain_seconds" | "event_replicas" => value
                    .parse::<u32>()
                    .map(|number| toml::Value::Integer(number.into()))
                    .map_err(|_| format!("{name}: expected a number, found {value}"))?,
                "sample_ratio" => value
                    .parse::<f64>()
                    .map(toml::Value::Float)
                    .map_err(|_| format!("{name}: expected a number from 0 to 1, found {value}"))?,
                _ => toml::Value::String(value),
            };
            let section = table
                .entry(section)
                .or_insert_with(|| toml::Table::new().into());
            if let Some(section) = section.as_table_mut() {
                section.insert(key.into(), value);
            }
            set.push(name);
        }
        // From text, for its errors name line and key: that of the file, if nothing else was said.
        if set.is_empty() {
            return toml::from_str(text).map_err(|e| e.to_string());
        }
        let merged = toml::to_string(&table).map_err(|e| e.to_string())?;
        toml::from_str(&merged).map_err(|e| {
            let set = set.join(", ");
            format!("with what the environment sets ({set}) merged in, lines moved: {e}")
        })
    }

    /// The server, as links and events know it; files are found beside the node's.
    pub(crate) fn server(&self, file: &Path) -> Result<Server, String> {
        adapters_nats::check_urls(&self.nats.url).map_err(|e| format!("nats.url: {e}"))?;
        self.nats.server(beside(file), &self.node.name)
    }

    /// The server, as the API for clients knows it; none when this node answers none.
    pub(crate) fn api_server(&self, file: &Path) -> Result<Option<Server>, String> {
        self.nats.api_server(beside(file), &self.node.name)
    }

    /// The node's home, with the genesis document read and checked.
    pub(crate) fn home(&self, file: &Path) -> Result<NodeHome, String> {
        let beside = beside(file);
        let path = beside.join(&self.node.genesis);
        let shown = path.display();
        let bytes = std::fs::read(&path).map_err(|e| format!("node.genesis: {shown}: {e}"))?;
        let genesis =
            Genesis::from_bytes(&bytes).map_err(|e| format!("node.genesis: {shown}: {e}"))?;
        genesis
            .policy()
            .map_err(|e| format!("node.genesis: {shown}: {e}"))?;
        if !genesis.demonstration {
            signatures::check_beside(&path, &genesis)?;
        }
        let folder = beside.join(&self.node.folder);
        let mut home = NodeHome::new(Arc::new(genesis), &self.node.name, self.node.role, folder)
            .map_err(|e| format!("node.name: {e}"))?;
        let file = &self.node.passphrase_file;
        let file = Some(beside.join(file)).filter(|_| !file.as_os_str().is_empty());
        home.passphrase = Passphrase::find(file.as_deref()).map_err(with_next)?;
        Ok(home)
    }
}

fn beside(file: &Path) -> &Path {
    file.parent().unwrap_or(Path::new("."))
}

/// Users and passwords of a validator at the servers.
#[derive(Clone, Debug, Default)]
pub(crate) struct NodeUsers {
    /// Of links and events.
    pub(crate) node: (String, String),
    /// Of the API for clients.
    pub(crate) api: (String, String),
}

/// What a new `node.toml` says.
pub(crate) struct NodeFile<'a> {
    /// First line: what the node is part of.
    pub(crate) about: &'a str,
    /// Its name in genesis.
    pub(crate) name: &'a str,
    /// The genesis document, relative to the file.
    pub(crate) genesis: &'a str,
    /// Address of its HTTP.
    pub(crate) http: SocketAddr,
    /// Servers, with commas between.
    pub(crate) url: &'a str,
    /// Who it is there.
    pub(crate) users: &'a NodeUsers,
    /// On how many servers each event is kept.
    pub(crate) event_replicas: usize,
    /// What it is for; only validators publish events.
    pub(crate) role: Role,
    /// Observers that it serves, with their transport keys.
    pub(crate) observers: &'a [(Name, PublicKey)],
}

impl NodeFile<'_> {
    /// The file.
    pub(crate) fn text(&self) -> String {
        let ((user, password), (api_user, api_password)) = (&self.users.node, &self.users.api);
        let Self {
            about,
            name,
            genesis,
            http,
            url,
            event_replicas,
            ..
        } = self;
        let (role, events) = match self.role {
            Role::Validator => ("validator", true),
            Role::Observer => ("observer", false),
        };
        let served = |(name, key): &(Name, PublicKey)| {
            format!("\n[[observers]]\nname = \"{name}\"\nkey = \"{key}\"\n")
        };
        let served: String = self.observers.iter().map(served).collect();
        format!(
            "# {about}; `wutong node --config THIS_FILE` runs it.\n\
             # Every key may also come from the environment: WUTONG_NATS_URL for nats.url.\n\
             \n\
             [node]\n\
             # Its name; a validator's is in genesis.\n\
             name = \"{name}\"\n\
             # validator, which genesis names; or observer, which follows and serves reads.\n\
             role = \"{role}\"\n\
             # The genesis document, relative to this file.\n\
             genesis = \"{genesis}\"\n\
             # Folder of the node: keys/ (readable by its owner alone) and ledger/ are in it.\n\
             folder = \".\"\n\
             # passphrase_file = \"passphrase\"  (opens encrypted keys; readable by its owner alone)\n\
             # How long waiting receipts may take once the node is told to stop, in seconds.\n\
             drain_seconds = 10\n\
             \n\
             [http]\n\
             # Address of API and console.\n\
             listen = \"{http}\"\n\
             \n\
             [nats]\n\
             # Servers that carry the links to the other nodes, with commas between.\n\
             url = \"{url}\"\n\
             # Who this node is there; empty where the server asks nobody.\n\
             user = \"{user}\"\n\
             password = \"{password}\"\n\
             # nkey = \"node.nk\", credentials = \"node.creds\", ca = \"ca.pem\", client_certificate,\n\
             # client_key: other ways to be known, and TLS; docs/hosts.md has them.\n\
             # Whether this node publishes events to JetStream. Several may: the first of genesis does, and\n\
             # the others go on when it does not.\n\
             events = {events}\n\
             # On how many servers of a cluster each event is kept.\n\
             event_replicas = {event_replicas}\n\
             # Whether this node answers clients over NATS, as a user that may do nothing else.\n\
             api = true\n\
             api_user = \"{api_user}\"\n\
             api_password = \"{api_password}\"\n\
             \n\
             [log]\n\
             # text for people, or json: one object a line.\n\
             format = \"text\"\n\
             {served}"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file() -> String {
        let http = "127.0.0.1:8100".parse().unwrap();
        let file = NodeFile {
            about: "A node of a trial network",
            name: "validator-0",
            genesis: "../genesis.cbor",
            http,
            url: "nats://127.0.0.1:4222",
            users: &NodeUsers::default(),
            event_replicas: 1,
            role: Role::Validator,
            observers: &[],
        };
        file.text()
    }

    #[test]
    fn a_trial_file_is_read_and_the_environment_wins() {
        let config = Config::parse(&file(), |_| None).unwrap();
        assert_eq!(config.http.listen.port(), 8100);
        assert!(config.nats.events && config.nats.api);
        let set = |name: &str| match name {
            "WUTONG_HTTP_LISTEN" => Some("0.0.0.0:9".into()),
            "WUTONG_NATS_EVENTS" => Some("false".into()),
            "WUTONG_NATS_EVENT_REPLICAS" => Some("3".into()),
            "WUTONG_NODE_DRAIN_SECONDS" => Some("0".into()),
            "WUTONG_LOG_FORMAT" => Some("json".into()),
            _ => None,
        };
        let config = Config::parse(&file(), set).unwrap();
        assert_eq!(config.http.listen.port(), 9);
        assert!(!config.nats.events);
        assert_eq!(
            (config.nats.event_replicas, config.node.drain_seconds),
            (3, 0)
        );
        assert_eq!(config.log.format, crate::logs::LogFormat::Json);
    }

    #[test]
    fn a_variable_that_is_no_key_is_named() {
        let check = |names: &[&str]| check_names(names.iter().map(|n| (*n).to_owned()));
        check(&[
            "WUTONG_LIVE",
            "WUTONG_KEY_PASSPHRASE",
            "WUTONG_NODE_NAME",
            "PATH",
        ])
        .unwrap();
        let error = check(&["WUTONG_NODE_DRAIN_SECOND"]).unwrap_err();
        assert!(error.contains("WUTONG_NODE_DRAIN_SECONDS"), "{error}");
    }

    #[test]
    fn what_is_wrong_is_named() {
        let refused =
            |from: &str, to: &str| Config::parse(&file().replace(from, to), |_| None).unwrap_err();
        assert!(refused("events =", "event =").contains("unknown field `event`"));
        assert!(refused("127.0.0.1:8100", "8100").contains("listen"));
        assert!(refused("[http]", "[https]").contains("https"));
        // The line is that of the file.
        let line = file()
            .lines()
            .position(|l| l.starts_with("listen"))
            .unwrap()
            + 1;
        let error = refused("127.0.0.1:8100", "8100");
        assert!(error.contains(&format!("line {line},")), "{error}");
        assert!(refused("\"text\"", "\"xml\"").contains("expected `text` or `json`"));
        let set = |name: &str| (name == "WUTONG_NATS_EVENTS").then(|| "yes".into());
        let error = Config::parse(&file(), set).unwrap_err();
        assert!(error.contains("expected true or false"), "{error}");
    }
}
