//! Which server, and who we are there.

use async_nats::ConnectOptions;
use std::fmt;
use std::path::PathBuf;

/// A NATS server, or the servers of a cluster.
#[derive(Clone)]
pub struct Server {
    /// `nats://host:port`; several with commas between.
    pub url: String,
    /// User and password, if the server wants them.
    pub user: Option<(String, String)>,
    /// Certificates (PEM) of those who may vouch for the server; with them only TLS is spoken.
    pub ca: Option<PathBuf>,
}

impl fmt::Debug for Server {
    /// Without the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let user = self.user.as_ref().map(|(user, _)| user);
        write!(f, "{} as {user:?}", self.shown())
    }
}

impl Server {
    /// A server that asks for nobody's name.
    pub fn open(url: &str) -> Self {
        Self {
            url: url.into(),
            user: None,
            ca: None,
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
        let options = ConnectOptions::new().name(name).retry_on_initial_connect();
        let options = match &self.ca {
            Some(ca) => options.require_tls(true).add_root_certificates(ca.clone()),
            None => options,
        };
        match self.user.clone() {
            Some((user, password)) => options.user_and_password(user, password),
            None => options,
        }
    }

    /// The addresses.
    pub(crate) fn addresses(&self) -> Vec<&str> {
        self.url.split(',').collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_never_shown() {
        let server = Server {
            user: Some(("validator-0".into(), "secret".into())),
            ..Server::open("nats://me:secret@one:4222,two:4223,tls://token-secret@three:1")
        };
        let shown = "nats://one:4222,nats://two:4223,tls://three:1";
        assert_eq!(server.shown(), shown);
        assert!(!format!("{server:?}").contains("secret"), "{server:?}");
    }
}
