//! `[nats]` of `node.toml`: the server, and who the node is there.

use adapters_nats::{ClientCertificate, Identity, Server};
use serde::Deserialize;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// The section; paths are relative to the file, and an empty one is none.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NatsSection {
    /// Servers, with commas between.
    pub(crate) url: String,
    /// User, if the server wants one.
    #[serde(default)]
    user: String,
    /// Password of the user.
    #[serde(default)]
    password: String,
    /// File with the seed of an nkey.
    #[serde(default)]
    nkey: PathBuf,
    /// File with credentials (JWT and seed).
    #[serde(default)]
    credentials: PathBuf,
    /// Certificates (PEM) of those who may vouch for the server; empty: no TLS.
    #[serde(default)]
    ca: PathBuf,
    /// Certificate (PEM) that the server is shown.
    #[serde(default)]
    client_certificate: PathBuf,
    /// Its private key (PEM).
    #[serde(default)]
    client_key: PathBuf,
    /// Whether this node publishes events to JetStream.
    #[serde(default)]
    pub(crate) events: bool,
    /// On how many servers of a cluster each event is kept (1 to 5).
    #[serde(default = "event_replicas")]
    pub(crate) event_replicas: usize,
    /// Whether this node answers clients.
    #[serde(default)]
    pub(crate) api: bool,
    /// As above, for the connection on which clients are answered; all empty: as above.
    #[serde(default)]
    api_user: String,
    #[serde(default)]
    api_password: String,
    #[serde(default)]
    api_nkey: PathBuf,
    #[serde(default)]
    api_credentials: PathBuf,
}

fn event_replicas() -> usize {
    1
}

/// The keys of one identity.
struct Keys<'s> {
    prefix: &'static str,
    user: (&'s str, &'s str),
    nkey: &'s Path,
    credentials: &'s Path,
}

impl NatsSection {
    /// The server, as links and events know it.
    pub(crate) fn server(&self, beside: &Path, node: &str) -> Result<Server, String> {
        let keys = Keys {
            prefix: "",
            user: (&self.user, &self.password),
            nkey: &self.nkey,
            credentials: &self.credentials,
        };
        self.server_as(keys.identity(beside)?, beside, node)
    }

    /// The server, as the API knows it; none when there is none.
    pub(crate) fn api_server(&self, beside: &Path, node: &str) -> Result<Option<Server>, String> {
        if !self.api {
            return Ok(None);
        }
        let keys = Keys {
            prefix: "api_",
            user: (&self.api_user, &self.api_password),
            nkey: &self.api_nkey,
            credentials: &self.api_credentials,
        };
        let own = keys.identity(beside)?;
        if !matches!(own, Identity::Nobody) {
            return self.server_as(own, beside, node).map(Some);
        }
        let server = self.server(beside, node)?;
        if !matches!(server.identity, Identity::Nobody) && self.events {
            tracing::warn!(
                "nats.api_user, api_nkey and api_credentials are empty: clients are answered with \
                 the rights of {}, which may write to the event stream; give the API an identity \
                 of its own (docs/nats.md)",
                server.identity
            );
        }
        Ok(Some(server))
    }

    fn server_as(&self, identity: Identity, beside: &Path, node: &str) -> Result<Server, String> {
        let ca = given(&self.ca, beside);
        if let Some(ca) = &ca {
            std::fs::read(ca).map_err(|e| format!("nats.ca: {}: {e}", ca.display()))?;
        }
        Ok(Server {
            url: self.url.clone(),
            identity,
            ca,
            client: self.client(beside)?,
            // Answers to this node are for no other user of the server.
            inbox: Some(format!("_INBOX.{node}")),
        })
    }

    fn client(&self, beside: &Path) -> Result<Option<ClientCertificate>, String> {
        let files = (
            given(&self.client_certificate, beside),
            given(&self.client_key, beside),
        );
        let (certificate, key) = match files {
            (None, None) => return Ok(None),
            (Some(certificate), Some(key)) => (certificate, key),
            (Some(_), None) => return Err("nats.client_key: missing beside a certificate".into()),
            (None, Some(_)) => return Err("nats.client_certificate: missing beside a key".into()),
        };
        let shown = certificate.display();
        std::fs::read(&certificate)
            .map_err(|e| format!("nats.client_certificate: {shown}: {e}"))?;
        expect_private("nats.client_key", &key)?;
        Ok(Some(ClientCertificate { certificate, key }))
    }
}

impl Keys<'_> {
    fn identity(&self, beside: &Path) -> Result<Identity, String> {
        let key = |name: &str| format!("nats.{}{name}", self.prefix);
        let nkey = given(self.nkey, beside);
        let credentials = given(self.credentials, beside);
        let (user, password) = self.user;
        match (user.is_empty(), nkey, credentials) {
            (true, None, None) => Ok(Identity::Nobody),
            (false, None, None) => Ok(Identity::User {
                name: user.into(),
                password: password.into(),
            }),
            (true, Some(path), None) => {
                expect_private(&key("nkey"), &path)?;
                Identity::nkey_file(&path).map_err(|e| format!("{}: {e}", key("nkey")))
            }
            (true, None, Some(path)) => {
                expect_private(&key("credentials"), &path)?;
                Identity::credentials_file(&path)
                    .map_err(|e| format!("{}: {e}", key("credentials")))
            }
            _ => Err(format!(
                "{}, {}, {}: expected one of them, found more; leave the others empty",
                key("user"),
                key("nkey"),
                key("credentials")
            )),
        }
    }
}

/// A path that is given, beside the file.
fn given(path: &Path, beside: &Path) -> Option<PathBuf> {
    (!path.as_os_str().is_empty()).then(|| beside.join(path))
}

/// Refuses a file that others than its owner may read.
fn expect_private(key: &str, path: &Path) -> Result<(), String> {
    let shown = path.display();
    let found = std::fs::metadata(path).map_err(|e| format!("{key}: {shown}: {e}"))?;
    let mode = found.permissions().mode() & 0o777;
    if mode & 0o077 == 0 {
        return Ok(());
    }
    Err(format!(
        "{key}: {shown}: expected a file that only its owner can read, found mode {mode:o}\n\
         next:  chmod 600 {shown}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn section(keys: &str) -> NatsSection {
        toml::from_str(&format!("url = \"nats://127.0.0.1:4222\"\n{keys}")).unwrap()
    }

    fn write(path: &Path, mode: u32) {
        std::fs::write(path, "no seed").unwrap();
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn one_identity_is_enough_and_two_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let server = section("user = \"a\"\npassword = \"b\"\napi = true");
        let api = server.api_server(dir.path(), "node-0").unwrap().unwrap();
        assert!(matches!(api.identity, Identity::User { name, .. } if name == "a"));
        assert_eq!(api.inbox.as_deref(), Some("_INBOX.node-0"));
        let both = section("user = \"a\"\nnkey = \"x\"");
        let error = both.server(dir.path(), "n").unwrap_err();
        assert!(error.contains("expected one of them"), "{error}");
        let both = section("api = true\napi_user = \"a\"\napi_credentials = \"x\"");
        let error = both.api_server(dir.path(), "n").unwrap_err();
        assert!(error.starts_with("nats.api_user"), "{error}");
        let none = section("user = \"a\"").api_server(dir.path(), "n");
        assert!(none.unwrap().is_none());
    }

    #[test]
    fn secrets_that_others_may_read_are_refused_by_name() {
        let dir = tempfile::tempdir().unwrap();
        for (key, more) in [
            ("nkey", ""),
            ("credentials", ""),
            ("client_key", "client_certificate = \"file\""),
        ] {
            let section = section(&format!("{key} = \"file\"\n{more}"));
            let error = |mode| {
                write(&dir.path().join("file"), mode);
                section.server(dir.path(), "n").err()
            };
            let open = error(0o640).unwrap();
            assert!(open.starts_with(&format!("nats.{key}: ")), "{open}");
            assert!(open.contains("mode 640") && open.contains("chmod 600"));
            // What is private is read, and is neither a seed nor credentials.
            let private = error(0o600);
            assert_eq!(private.is_none(), key == "client_key", "{private:?}");
            assert!(private.is_none_or(|e| e.contains(&format!("nats.{key}: "))));
        }
        let lonely = section("client_certificate = \"file\"").server(dir.path(), "n");
        assert!(lonely.unwrap_err().starts_with("nats.client_key"));
    }
}
