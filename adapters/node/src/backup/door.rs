//! The socket at which a running node hands out its backup.
//!
//! It lies in a folder that only the node's own user enters, so whoever reaches it could read the
//! ledger's files as well. Asking is all that can be done there.

use super::making;
use crate::home::NodeHome;
use crate::trial;
use crate::validator::Ledger;
use std::fs::{DirBuilder, File};
use std::io::{self, BufRead, BufReader, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

/// What a client says first.
const REQUEST: &str = "wutong backup 1\n";
/// A client that takes nothing for so long is left alone.
const PATIENCE: Duration = Duration::from_secs(60);

fn folder(home: &Path) -> PathBuf {
    home.join("run")
}

/// The socket by a path that is short wherever the folder lies: names of sockets end at 107 bytes.
fn short(folder: &File) -> PathBuf {
    format!("/proc/self/fd/{}/backup", folder.as_raw_fd()).into()
}

/// The open door of a running node.
pub(crate) struct Door {
    socket: PathBuf,
}

impl Door {
    /// Opens it; backups are served one after the other until the process ends.
    ///
    /// # Errors
    /// When the socket cannot be made, or others may enter its folder.
    pub(crate) fn open(home: &NodeHome, ledger: Ledger) -> Result<Self, String> {
        let folder = folder(&home.dir);
        let fail = |e: io::Error| format!("{}: {e}", folder.display());
        let made = DirBuilder::new().mode(0o700).create(&folder);
        match made {
            Err(e) if e.kind() != io::ErrorKind::AlreadyExists => return Err(fail(e)),
            _ => {}
        }
        let opened = File::open(&folder).map_err(fail)?;
        let mode = opened.metadata().map_err(fail)?.permissions().mode();
        if mode & 0o077 != 0 {
            let shown = folder.display();
            return Err(format!(
                "{shown}: others may enter\nnext:  chmod 700 {shown}"
            ));
        }
        let socket = folder.join("backup");
        // One that a node before left: this node holds the ledger, so that one is gone.
        match std::fs::remove_file(&socket) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(fail(e)),
            _ => {}
        }
        let listener = UnixListener::bind(short(&opened)).map_err(fail)?;
        let home = home.clone();
        let serve = move || serve(&listener, &home, &ledger);
        let named = thread::Builder::new().name("backup".into());
        named.spawn(serve).map_err(fail)?;
        Ok(Self { socket })
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        // Nobody answers there any more; a client finds out either way.
        let _ = std::fs::remove_file(&self.socket);
    }
}

fn serve(listener: &UnixListener, home: &NodeHome, ledger: &Ledger) {
    for stream in listener.incoming() {
        let answered = stream.and_then(|stream| answer(&stream, home, ledger));
        match answered {
            Ok(()) => tracing::info!("a backup was handed out"),
            Err(error) => tracing::warn!(%error, "a backup broke off"),
        }
    }
}

fn answer(stream: &UnixStream, home: &NodeHome, ledger: &Ledger) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut request = String::new();
    let mut limited = BufReader::new(io::Read::take(stream, REQUEST.len() as u64));
    limited.read_line(&mut request)?;
    if request != REQUEST {
        return Err(io::Error::other("the client asks for something else"));
    }
    making::write(home, ledger, trial::now(), stream)
}

/// Asks a running node for a backup; none when no node runs in the folder.
///
/// # Errors
/// When a node seems to run and cannot be asked.
pub(super) fn knock(home: &Path) -> Result<Option<UnixStream>, String> {
    let folder = folder(home);
    let fail = |e: io::Error| {
        format!(
            "{}: {e}\nnext:  run this as the user of the node",
            folder.display()
        )
    };
    let opened = match File::open(&folder) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other.map_err(fail)?,
    };
    let mut stream = match UnixStream::connect(short(&opened)) {
        Err(e)
            if matches!(
                e.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused
            ) =>
        {
            return Ok(None);
        }
        other => other.map_err(fail)?,
    };
    stream.write_all(REQUEST.as_bytes()).map_err(fail)?;
    stream.set_read_timeout(Some(PATIENCE)).map_err(fail)?;
    Ok(Some(stream))
}
