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
        write!(f, "{} as {user:?}", self.url)
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
