//! What a service manager is told (systemd's sd_notify protocol): ready, stopping, still alive.
//!
//! Nothing happens without `NOTIFY_SOCKET`; nobody is kept waiting by a manager that does not
//! listen.

use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

/// The manager of this service, if it has one.
pub(crate) struct Manager {
    socket: Option<(UnixDatagram, SocketAddr)>,
    watchdog: Option<Duration>,
}

impl Manager {
    /// As the environment says.
    pub(crate) fn of_environment() -> Self {
        let watchdog = std::env::var("WATCHDOG_USEC").ok();
        Self::new(std::env::var("NOTIFY_SOCKET").ok(), watchdog)
    }

    fn new(socket: Option<String>, watchdog: Option<String>) -> Self {
        let socket = socket.and_then(|name| {
            let address = match name.strip_prefix('@') {
                Some(name) => SocketAddr::from_abstract_name(name),
                None => SocketAddr::from_pathname(name),
            };
            Some((UnixDatagram::unbound().ok()?, address.ok()?))
        });
        let micros = watchdog.and_then(|text| text.parse().ok());
        Self {
            watchdog: socket.as_ref().and(micros).map(Duration::from_micros),
            socket,
        }
    }

    /// Tells the manager something.
    pub(crate) fn tell(&self, what: &str) {
        if let Some((socket, address)) = &self.socket {
            // A manager that is gone needs to know nothing.
            let _ = socket.send_to_addr(what.as_bytes(), address);
        }
    }

    /// How often the manager wants to hear that the service is alive: twice in its limit.
    pub(crate) fn watchdog(&self) -> Option<Duration> {
        self.watchdog.map(|limit| limit / 2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manager_hears_what_it_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notify");
        let hears = UnixDatagram::bind(&path).unwrap();
        let name = path.to_str().unwrap().to_owned();
        let manager = Manager::new(Some(name), Some("3000000".into()));
        assert_eq!(manager.watchdog(), Some(Duration::from_millis(1_500)));
        manager.tell("READY=1");
        let mut buffer = [0; 64];
        let length = hears.recv(&mut buffer).unwrap();
        assert_eq!(&buffer[..length], b"READY=1");
        drop(hears);
        manager.tell("STOPPING=1"); // Nobody listens, and nothing happens.
        let none = Manager::new(None, Some("3000000".into()));
        assert_eq!(none.watchdog(), None);
        none.tell("READY=1");
    }
}
