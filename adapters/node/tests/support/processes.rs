//! Processes that end with the test, free ports for them, and commands that run to their end.

use super::{PATIENCE, WUTONG};
use std::ffi::OsStr;
use std::fs::File;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

/// Whether the suite of tests that need `nats-server` was asked for.
#[allow(clippy::print_stdout)]
pub fn nats_is_asked_for() -> bool {
    let asked = std::env::var("WUTONG_LIVE").is_ok_and(|v| v.contains("nats"));
    if !asked {
        println!("skipped: WUTONG_LIVE does not name nats");
    }
    asked
}

/// Waits until a condition is met.
pub fn wait_until(what: &str, met: impl Fn() -> bool) {
    let began = Instant::now();
    while !met() {
        assert!(began.elapsed() < PATIENCE, "{what} never came");
        thread::sleep(Duration::from_millis(20)); // between two looks, not in place of one
    }
}

/// So many free ports in a row, which no other test of this process gets: below those that the
/// system hands out by itself. `WUTONG_TEST_PORTS` names the first of a thousand to take them from.
pub fn free_ports(count: u16) -> u16 {
    const PER_PROCESS: u16 = 100;
    static TAKEN: Mutex<u16> = Mutex::new(0);
    let asked = std::env::var("WUTONG_TEST_PORTS").ok();
    let asked = asked.map(|port| port.parse().expect("WUTONG_TEST_PORTS is a port"));
    let (first, blocks) = asked.map_or((16_000, 150), |first: u16| (first, 10));
    let own = first + (std::process::id() % blocks) as u16 * PER_PROCESS;
    let end = first + blocks as u16 * PER_PROCESS;
    let mut taken = TAKEN.lock().unwrap();
    for _ in 0..500 {
        let mut candidate = own + *taken;
        if candidate + count > end {
            (candidate, *taken) = (own, 0);
        }
        *taken += count;
        let is_free = |port| TcpListener::bind(("127.0.0.1", port)).is_ok();
        if (candidate..candidate + count).all(is_free) {
            return candidate;
        }
    }
    panic!("no {count} free ports in a row from {first} on");
}

/// A process that is killed when it is dropped.
pub struct Process(Child);

impl Process {
    /// Starts a command, whose words for people go to the end of a file.
    pub fn start(command: &mut Command, log: &Path) -> Self {
        let log = File::options().create(true).append(true).open(log);
        let child = command.stdout(Stdio::null()).stderr(log.unwrap()).spawn();
        Self(child.unwrap_or_else(|e| panic!("{command:?}: {e}")))
    }

    /// Sends a signal, such as `-TERM`.
    pub fn signal(&self, name: &str) {
        let id = self.0.id().to_string();
        let sent = Command::new("kill").args([name, &id]).status();
        assert!(sent.unwrap().success(), "kill {name} {id}");
    }

    /// How it ended, if it did.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.0.try_wait().unwrap()
    }

    /// Waits until it ends.
    pub fn wait(mut self) -> ExitStatus {
        let began = Instant::now();
        loop {
            if let Some(status) = self.ended() {
                return status;
            }
            assert!(began.elapsed() < PATIENCE, "the process never ends");
            thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs the binary in a folder; gives exit code, standard output and standard error.
pub fn wutong<A: AsRef<OsStr>>(dir: &Path, arguments: &[A]) -> (Option<i32>, String, String) {
    wutong_with(dir, &[], arguments)
}

/// The same with variables of the environment.
pub fn wutong_with<A: AsRef<OsStr>>(
    dir: &Path,
    environment: &[(&str, &str)],
    arguments: &[A],
) -> (Option<i32>, String, String) {
    let ran = Command::new(WUTONG)
        .args(arguments)
        .current_dir(dir)
        .env("LC_ALL", "C")
        .env_remove("WUTONG_KEY_PASSPHRASE")
        .env_remove("WUTONG_KEY_PASSPHRASE_FILE")
        .envs(environment.iter().copied())
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (ran.status.code(), text(&ran.stdout), text(&ran.stderr))
}

/// Runs the binary, which must succeed; gives its standard output.
pub fn succeeds<A: AsRef<OsStr>>(dir: &Path, arguments: &[A]) -> String {
    let (code, out, said) = wutong(dir, arguments);
    assert_eq!(code, Some(0), "{out}{said}");
    out
}
