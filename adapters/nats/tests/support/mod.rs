//! What live tests share: a server of the test's own.

// Each test file uses a part of it.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used, clippy::print_stdout)]

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

pub const WAIT_MAX: Duration = Duration::from_secs(60);

/// A server of the test's own, ended with it.
pub struct NatsServer(Child);

impl NatsServer {
    /// With JetStream, open to everybody.
    pub fn start(port: u16, dir: &Path) -> Self {
        Self::run(port, dir, &[])
    }

    /// As a configuration says; JetStream's folder is the test's.
    pub fn start_with(port: u16, dir: &Path, config: &str) -> Self {
        let path = dir.join("server.conf");
        std::fs::write(&path, config).unwrap();
        Self::run(port, dir, &["-c", path.to_str().unwrap()])
    }

    fn run(port: u16, dir: &Path, more: &[&str]) -> Self {
        let child = Command::new("nats-server")
            .args(["-a", "127.0.0.1", "-p", &port.to_string(), "-js", "-sd"])
            .arg(dir)
            .args(more)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        Self(child.expect("WUTONG_LIVE names nats, so nats-server must be installed"))
    }
}

impl Drop for NatsServer {
    fn drop(&mut self) {
        self.0.kill().expect("the test's own server can be ended");
        self.0
            .wait()
            .expect("the test's own server can be waited for");
    }
}

pub fn is_asked_for() -> bool {
    let asked = std::env::var("WUTONG_LIVE").is_ok_and(|v| v.contains("nats"));
    if !asked {
        println!("skipped: WUTONG_LIVE does not name nats");
    }
    asked
}

/// A free port that no other test of this process gets, below those that the system hands out by
/// itself: a server that is started again finds it free still.
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let own = 31_000 + (std::process::id() % 50) as u16 * 30;
    let mut ports = std::iter::repeat_with(|| own + NEXT.fetch_add(1, Ordering::Relaxed) % 30);
    let is_free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
    let found = ports.by_ref().take(30).find(is_free);
    found.expect("one of thirty ports is free")
}

/// Looks again until it is so.
pub async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let met = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(20)).await; // between two looks
        }
    };
    let met = tokio::time::timeout(WAIT_MAX, met).await;
    met.unwrap_or_else(|_| panic!("{what}: never came"));
}
