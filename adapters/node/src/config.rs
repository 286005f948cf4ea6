//! `node.toml`: what a node is told about itself and its surroundings.
//!
//! Every key may also come from the environment, as `WUTONG_` and the key in capitals with
//! underscores (`WUTONG_NATS_URL` for `nats.url`); the environment wins.

use crate::logs::LogFormat;
use crate::trial::NodeHome;
use adapters_nats::Server;
use messages::cbor::Canonical;
use messages::genesis::Genesis;
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
    /// The genesis document.
    genesis: PathBuf,
    /// Folder of the node: `keys/` and `ledger/` are in it.
    folder: PathBuf,
}

/// `[http]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct HttpSection {
    /// Address to listen on.
    pub(crate) listen: SocketAddr,
}

/// `[log]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LogSection {
    /// `text` or `json`.
    #[serde(default)]
    pub(crate) format: LogFormat,
    /// What is logged; `RUST_LOG` wins over it.
    #[serde(default)]
    pub(crate) filter: Option<String>,
}

/// `[otlp]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OtlpSection {
    /// The collector (gRPC), `http://host:4317`; empty: nothing is traced.
    #[serde(default)]
    pub(crate) endpoint: String,
    /// Part of the deposits that is traced, 0 to 1.
    #[serde(default = "one_percent")]
    pub(crate) sample_ratio: f64,
}

fn one_percent() -> f64 {
    0.01
}

impl Default for OtlpSection {
    fn default() -> Self {
        Self {
            endpoint: String::new(),
            sample_ratio: one_percent(),
        }
    }
}

/// `[nats]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NatsSection {
    /// Servers, with commas between.
    pub(crate) url: String,
    /// User, if the server wants one.
    #[serde(default)]
    pub(crate) user: String,
    /// Password of the user.
    #[serde(default)]
    pub(crate) password: String,
    /// Certificates (PEM) of those who may vouch for the server; empty: no TLS.
    #[serde(default)]
    ca: PathBuf,
    /// Whether this node publishes events to JetStream.
    #[serde(default)]
    pub(crate) events: bool,
}

impl NatsSection {
    /// The server, as the bridge and the event sink want it.
    fn server(&self, beside: &Path) -> Server {
        let user = (self.user.clone(), self.password.clone());
        Server {
            url: self.url.clone(),
            user: Some(user).filter(|(user, _)| !user.is_empty()),
            ca: Some(beside.join(&self.ca)).filter(|_| !self.ca.as_os_str().is_empty()),
        }
    }
}

/// Keys that the environment may set, by section.
const KEYS: [(&str, &str); 13] = [
    ("node", "name"),
    ("node", "genesis"),
    ("node", "folder"),
    ("http", "listen"),
    ("nats", "url"),
    ("nats", "user"),
    ("nats", "password"),
    ("nats", "ca"),
    ("nats", "events"),
    ("log", "format"),
    ("log", "filter"),
    ("otlp", "endpoint"),
    ("otlp", "sample_ratio"),
];

impl Config {
    /// Reads a file and what the environment sets.
    pub(crate) fn read(path: &Path) -> Result<Self, String> {
        let shown = path.display();
        let text = std::fs::read_to_string(path).map_err(|e| format!("{shown}: {e}"))?;
        Self::parse(&text, |name| std::env::var(name).ok()).map_err(|e| format!("{shown}: {e}"))
    }

    fn parse(text: &str, environment: impl Fn(&str) -> Option<String>) -> Result<Self, String> {
        let mut table: toml::Table = toml::from_str(text).map_err(|e| e.to_string())?;
        for (section, key) in KEYS {
            let name = format!("WUTONG_{section}_{key}").to_uppercase();
            let Some(value) = environment(&name) else {
                continue;
            };
            let value = match key {
                "events" => value
                    .parse::<bool>()
                    .map(toml::Value::Boolean)
                    .map_err(|_| format!("{name}: expected true or false, found {value}"))?,
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
        }
        // From text, for its errors name line and key.
        let merged = toml::to_string(&table).map_err(|e| e.to_string())?;
        toml::from_str(&merged).map_err(|e| e.to_string())
    }

    /// The server of the links; its certificates are found beside the file.
    pub(crate) fn server(&self, file: &Path) -> Result<Server, String> {
        let server = self.nats.server(file.parent().unwrap_or(Path::new(".")));
        if let Some(ca) = &server.ca {
            std::fs::read(ca).map_err(|e| format!("nats.ca: {}: {e}", ca.display()))?;
        }
        Ok(server)
    }

    /// The node's home, with the genesis document read and checked.
    pub(crate) fn home(&self, file: &Path) -> Result<NodeHome, String> {
        let beside = file.parent().unwrap_or(Path::new("."));
        let path = beside.join(&self.node.genesis);
        let shown = path.display();
        let bytes = std::fs::read(&path).map_err(|e| format!("node.genesis: {shown}: {e}"))?;
        let genesis =
            Genesis::from_bytes(&bytes).map_err(|e| format!("node.genesis: {shown}: {e}"))?;
        genesis
            .policy()
            .map_err(|e| format!("node.genesis: {shown}: {e}"))?;
        let folder = beside.join(&self.node.folder);
        NodeHome::new(Arc::new(genesis), &self.node.name, folder)
            .map_err(|e| format!("node.name: {e}"))
    }
}

/// The file of a validator of a trial network.
pub(crate) fn trial_file(name: &str, http: SocketAddr, nats: &Server, events: bool) -> String {
    let (user, password) = nats.user.clone().unwrap_or_default();
    let url = &nats.url;
    format!(
        "# A node of a trial network; `wutong node --config THIS_FILE` runs it.\n\
         # Every key may also come from the environment: WUTONG_NATS_URL for nats.url.\n\
         \n\
         [node]\n\
         # Its name in genesis.\n\
         name = \"{name}\"\n\
         # The genesis document, relative to this file.\n\
         genesis = \"../genesis.cbor\"\n\
         # Folder of the node: keys/ (readable by its owner alone) and ledger/ are in it.\n\
         folder = \".\"\n\
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
         # ca = \"ca.pem\"  (certificates that vouch for the server: speak TLS only)\n\
         # Whether this node publishes events to JetStream: one node of a network does.\n\
         events = {events}\n\
         \n\
         [log]\n\
         # text for people, or json: one object a line.\n\
         format = \"text\"\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file() -> String {
        let http = "127.0.0.1:8100".parse().unwrap();
        let nats = Server::open("nats://127.0.0.1:4222");
        trial_file("validator-0", http, &nats, true)
    }

    #[test]
    fn a_trial_file_is_read_and_the_environment_wins() {
        let config = Config::parse(&file(), |_| None).unwrap();
        assert_eq!(config.http.listen.port(), 8100);
        assert!(config.nats.events && config.nats.user.is_empty());
        let set = |name: &str| match name {
            "WUTONG_HTTP_LISTEN" => Some("0.0.0.0:9".into()),
            "WUTONG_NATS_EVENTS" => Some("false".into()),
            "WUTONG_LOG_FORMAT" => Some("json".into()),
            _ => None,
        };
        let config = Config::parse(&file(), set).unwrap();
        assert_eq!(config.http.listen.port(), 9);
        assert!(!config.nats.events);
        assert_eq!(config.log.format, LogFormat::Json);
    }

    #[test]
    fn what_is_wrong_is_named() {
        let refused =
            |from: &str, to: &str| Config::parse(&file().replace(from, to), |_| None).unwrap_err();
        assert!(refused("events", "event").contains("unknown field `event`"));
        assert!(refused("127.0.0.1:8100", "8100").contains("listen"));
        assert!(refused("[http]", "[https]").contains("https"));
        assert!(refused("\"text\"", "\"xml\"").contains("expected `text` or `json`"));
        let set = |name: &str| (name == "WUTONG_NATS_EVENTS").then(|| "yes".into());
        let error = Config::parse(&file(), set).unwrap_err();
        assert!(error.contains("expected true or false"), "{error}");
    }
}
