//! Which server, and who we are there.

use async_nats::{ClientError, ConnectOptions, Event, ServerAddr};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

/// Most bytes of a file with credentials or a seed.
const SECRET_BYTES_MAX: u64 = 64 << 10;

/// Who we are at a server.
#[derive(Clone, Default)]
pub enum Identity {
    /// Nobody: the server asks for no name.
    #[default]
    Nobody,
    /// A user with a password.
    User {
        /// Its name.
        name: String,
        /// Its password.
        password: String,
    },
    /// The holder of an Ed25519 key, which signs what the server asks (NATS nkey).
    Nkey {
        /// `U` and the public key, as the server's configuration has it.
        public: String,
        /// The seed; never sent.
        seed: String,
        /// Where it was read, for messages.
        path: PathBuf,
    },
    /// The holder of a token of an account (JWT) and of the key that it names.
    Credentials {
        /// Content of a `.creds` file.
        text: String,
        /// Where it was read, for messages.
        path: PathBuf,
    },
}

impl Identity {
    /// The holder of the seed in a file.
    ///
    /// # Errors
    /// When it cannot be read or holds no seed of a user.
    pub fn nkey_file(path: &Path) -> Result<Self, String> {
        let shown = path.display();
        let text = read_secret(path)?;
        // Tools put comments around a seed, or nothing.
        let seed = text.lines().map(str::trim).find(|l| l.starts_with("SU"));
        let seed = seed.ok_or_else(|| {
            format!("{shown}: expected the seed of a user (SU...), as `nk -gen user` prints it")
        })?;
        let pair = nkeys::KeyPair::from_seed(seed).map_err(|e| format!("{shown}: {e}"))?;
        Ok(Self::Nkey {
            public: pair.public_key(),
            seed: seed.into(),
            path: path.into(),
        })
    }

    /// The holder of a `.creds` file.
    ///
    /// # Errors
    /// When it cannot be read or is none.
    pub fn credentials_file(path: &Path) -> Result<Self, String> {
        let text = read_secret(path)?;
        let read = ConnectOptions::new().credentials(&text);
        read.map_err(|e| {
            let shown = path.display();
            format!("{shown}: expected a user's JWT and seed, as `nsc` writes them: {e}")
        })?;
        Ok(Self::Credentials {
            text,
            path: path.into(),
        })
    }

    fn apply(&self, options: ConnectOptions) -> ConnectOptions {
        match self.clone() {
            Self::Nobody => options,
            Self::User { name, password } => options.user_and_password(name, password),
            Self::Nkey { seed, .. } => options.nkey(seed),
            Self::Credentials { text, .. } => options
                .credentials(&text)
                .expect("the credentials were read once"),
        }
    }
}

impl fmt::Display for Identity {
    /// Names the key of node.toml that it comes from, and no secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nobody => write!(
                f,
                "nobody (nats.user, nats.nkey and nats.credentials are empty)"
            ),
            Self::User { name, .. } => write!(f, "nats.user {name}"),
            Self::Nkey { public, path, .. } => {
                write!(f, "nats.nkey {} (public key {public})", path.display())
            }
            Self::Credentials { path, .. } => write!(f, "nats.credentials {}", path.display()),
        }
    }
}

/// Looks whether a list of URLs with commas between names servers that can be spoken to.
///
/// # Errors
/// The first that does not, and what is expected.
pub fn check_urls(urls: &str) -> Result<(), String> {
    for url in urls.split(',').map(str::trim) {
        let parsed = url.parse::<ServerAddr>();
        let fits = parsed.is_ok_and(|address| {
            !address.host().is_empty() && matches!(address.scheme(), "nats" | "tls")
        });
        if !fits {
            return Err(format!(
                "expected nats://HOST:PORT or tls://HOST:PORT, found {url:?}"
            ));
        }
    }
    Ok(())
}

/// What we show a server that wants to see a certificate.
#[derive(Clone, Debug)]
pub struct ClientCertificate {
    /// The certificate and those that vouch for it (PEM).
    pub certificate: PathBuf,
    /// Its private key (PEM).
    pub key: PathBuf,
}

/// A NATS server, or the servers of a cluster.
#[derive(Clone)]
pub struct Server {
    /// `nats://host:port`; several with commas between.
    pub url: String,
    /// Who we are there.
    pub identity: Identity,
    /// Certificates (PEM) of those who may vouch for the server; with them only TLS is spoken.
    pub ca: Option<PathBuf>,
    /// What we show the server; with it only TLS is spoken.
    pub client: Option<ClientCertificate>,
    /// First words of the subjects on which we are answered; none for `_INBOX`. A server that binds
    /// them to a user keeps answers from all others.
    pub inbox: Option<String>,
}

impl fmt::Debug for Server {
    /// Without any secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} as {}", self.shown(), self.identity)
    }
}

impl Server {
    /// A server that asks for nobody's name.
    pub fn open(url: &str) -> Self {
        Self {
            url: url.into(),
            identity: Identity::Nobody,
            ca: None,
            client: None,
            inbox: None,
        }
    }

    /// The addresses for people: what stands before an `@` may be a password and is left out.
    pub fn shown(&self) -> String {
        let bare = |address: &str| {
            let (scheme, rest) = address.split_once("://").unwrap_or(("nats", address));
            let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
            format!("{scheme}://{host}")
        };
        let addresses: Vec<String> = self.url.split(',').map(bare).collect();
        addresses.join(",")
    }

    /// Options to connect with: the connection is made whenever the server is there.
    pub(crate) fn options(&self, name: impl ToString) -> ConnectOptions {
        let mut options = ConnectOptions::new()
            .name(name.to_string())
            .retry_on_initial_connect();
        if let Some(ca) = &self.ca {
            options = options.require_tls(true).add_root_certificates(ca.clone());
        }
        if let Some(client) = self.client.clone() {
            options = options
                .require_tls(true)
                .add_client_certificate(client.certificate, client.key);
        }
        if let Some(inbox) = &self.inbox {
            options = options.custom_inbox_prefix(inbox);
        }
        let teller = Arc::new(Teller::new(self, name.to_string()));
        let options = options.event_callback(move |event| {
            teller.tell(&event);
            std::future::ready(())
        });
        self.identity.apply(options)
    }

    /// The addresses.
    pub(crate) fn addresses(&self) -> Vec<&str> {
        self.url.split(',').collect()
    }
}

/// Says once what keeps us from the server, and once that it is over: the library tries for ever.
struct Teller {
    name: String,
    url: String,
    identity: String,
    tls: bool,
    certificate: bool,
    last: Mutex<Option<String>>,
}

impl Teller {
    fn new(server: &Server, name: String) -> Self {
        Self {
            name,
            url: server.shown(),
            identity: server.identity.to_string(),
            tls: server.ca.is_some() || server.client.is_some(),
            certificate: server.client.is_some(),
            last: Mutex::default(),
        }
    }

    fn tell(&self, event: &Event) {
        let said = match event {
            Event::Connected => None,
            Event::ClientError(ClientError::Other(text)) => Some(text.clone()),
            Event::ServerError(error) => Some(error.to_string()),
            _ => return,
        };
        let mut last = self.last.lock().expect("no code panics under this lock");
        if *last == said {
            return;
        }
        if let Some(text) = &said {
            let (connection, url) = (&self.name, &self.url);
            tracing::warn!(connection, url, "{}", self.explain(text));
        }
        *last = said;
    }

    fn explain(&self, error: &str) -> String {
        let lower = error.to_lowercase();
        let tls = if self.certificate {
            "nats.ca, nats.client_certificate and nats.client_key"
        } else {
            "nats.ca; a server that asks for a certificate needs nats.client_certificate"
        };
        match () {
            () if lower.contains("authorization") || lower.contains("authentication") => format!(
                "the server refuses {}: {error}; give it rights there, or name another",
                self.identity
            ),
            () if lower.contains("permissions") => format!(
                "the server does not allow this to {}: {error}; docs/nats.md lists the rights",
                self.identity
            ),
            () if lower.contains("tls") => {
                format!("no TLS with the server: {error}; check {tls}")
            }
            // A server that misses a certificate hangs up without a word.
            () if self.tls && !self.certificate => format!(
                "the server is not reached: {error}; trying on; a server that asks for a \
                 certificate needs nats.client_certificate and nats.client_key"
            ),
            () => format!("the server is not reached: {error}; trying on"),
        }
    }
}

fn read_secret(path: &Path) -> Result<String, String> {
    let shown = path.display();
    let size = std::fs::metadata(path).map(|m| m.len());
    let size = size.map_err(|e| format!("{shown}: {e}"))?;
    if size > SECRET_BYTES_MAX {
        return Err(format!(
            "{shown}: expected at most {SECRET_BYTES_MAX} bytes, found {size}"
        ));
    }
    std::fs::read_to_string(path).map_err(|e| format!("{shown}: {e}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_never_shown() {
        let server = Server::open("nats://me:secret@one:4222,two:4223,tls://token-secret@three:1");
        let shown = "nats://one:4222,nats://two:4223,tls://three:1";
        assert_eq!(server.shown(), shown);
        assert!(!format!("{server:?}").contains("secret"), "{server:?}");
    }

    #[test]
    fn a_seed_is_found_among_comments_and_never_shown() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("node.nk");
        let pair = nkeys::KeyPair::new_user();
        let seed = pair.seed().unwrap();
        std::fs::write(&path, format!("# of node 0\n{seed}\n")).unwrap();
        let identity = Identity::nkey_file(&path).unwrap();
        let server = Server {
            identity,
            ..Server::open("nats://a:1")
        };
        let shown = format!("{server:?}");
        assert!(shown.contains(&pair.public_key()) && shown.contains("nats.nkey"));
        assert!(!shown.contains(&seed), "{shown}");
    }

    #[test]
    fn what_is_no_seed_and_no_credentials_is_refused_with_its_name() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x");
        let account = nkeys::KeyPair::new_account().seed().unwrap();
        for text in ["", "SUA", "S", &account] {
            std::fs::write(&path, text).unwrap();
            let error = Identity::nkey_file(&path).err().unwrap();
            assert!(error.contains("/x: "), "{error}");
            let error = Identity::credentials_file(&path).err().unwrap();
            assert!(error.contains("JWT"), "{error}");
        }
        std::fs::write(&path, vec![b'S'; 1 << 20]).unwrap();
        assert!(Identity::nkey_file(&path).is_err());
        assert!(Identity::credentials_file(&dir.path().join("none")).is_err());
    }

    #[test]
    fn a_refusal_names_the_key_of_the_file() {
        let user = Identity::User {
            name: "validator-0".into(),
            password: "secret".into(),
        };
        let server = Server {
            identity: user,
            ..Server::open("nats://a:1")
        };
        let told = Teller::new(&server, "t".into()).explain("authorization violation");
        assert!(told.contains("nats.user validator-0") && !told.contains("secret"));
        let told = Teller::new(&server, "t".into()).explain("TLS error");
        assert!(told.contains("nats.client_certificate"), "{told}");
    }
}
