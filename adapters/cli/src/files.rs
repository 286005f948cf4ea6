//! Small files: read with a bound, created without ever replacing another.

use crate::exit::Failure;
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

/// Most files of one name and ending in a folder.
pub(crate) const NUMBERED_MAX: usize = 999;

/// Who may read a new file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Readers {
    /// The owner alone: it holds a secret.
    Owner,
    /// Whom the system lets.
    Usual,
}

/// Reads a file of at most `bytes_max` bytes; a longer one is cut one byte above, so that the
/// caller's own check of the length refuses it.
pub(crate) fn read(path: &Path, what: &str, bytes_max: usize) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(bytes_max as u64 + 1).read_to_end(&mut bytes))
        .map_err(|e| {
            Failure::usage(
                format!("{}: cannot read the {what}: {e}", path.display()),
                "Check the path and that you may read it.",
            )
        })?;
    Ok(bytes)
}

/// Creates a file with `bytes`, durably.
///
/// # Errors
/// When a file is there already ([`ErrorKind::AlreadyExists`]) or it cannot be written.
pub(crate) fn create(path: &Path, bytes: &[u8], readers: Readers) -> io::Result<()> {
    create_synced(path, bytes, readers, true)
}

/// Writes `text` to the file that `--out` names, or finds it there already; `what` it is.
pub(crate) fn create_or_same(path: &Path, text: &str, what: &str) -> Result<(), Failure> {
    match create(path, text.as_bytes(), Readers::Usual) {
        Ok(()) => Ok(()),
        Err(e) if e.kind() == ErrorKind::AlreadyExists => {
            if std::fs::read(path).is_ok_and(|there| there == text.as_bytes()) {
                return Ok(());
            }
            Err(Failure::refused(
                format!(
                    "--out {}: another {what} is there; left as it is",
                    path.display()
                ),
                "Find out why they differ before you trust either; write to a new file.",
            ))
        }
        Err(e) => Err(Failure::usage(
            format!("--out {}: cannot write there: {e}", path.display()),
            "Check that the folder exists and that you may write there.",
        )),
    }
}

fn create_synced(path: &Path, bytes: &[u8], readers: Readers, sync: bool) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    if readers == Readers::Owner {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    #[cfg(not(unix))]
    let _ = readers;
    let mut file = options.open(path)?;
    let synced = |file: &File| if sync { file.sync_all() } else { Ok(()) };
    let written = file.write_all(bytes).and_then(|()| synced(&file));
    if written.is_err() {
        // Half a file would be taken for a whole one.
        let _ = std::fs::remove_file(path);
    }
    written
}

/// `NAME.ending`, then `NAME-2.ending` and so on.
pub(crate) fn numbered(dir: &Path, name: &str, number: usize, ending: &str) -> PathBuf {
    match number {
        1 => dir.join(format!("{name}.{ending}")),
        n => dir.join(format!("{name}-{n}.{ending}")),
    }
}

/// Writes `text` to the first of [`numbered`] that is free, or finds it there already.
pub(crate) fn keep(dir: &Path, name: &str, ending: &str, text: &str) -> io::Result<PathBuf> {
    keep_synced((dir, name, ending), text, true)
}

/// [`keep`] without waiting for the disk: for what can be made again from another file.
pub(crate) fn keep_lazily(dir: &Path, name: &str, ending: &str, text: &str) -> io::Result<PathBuf> {
    keep_synced((dir, name, ending), text, false)
}

fn keep_synced(
    (dir, name, ending): (&Path, &str, &str),
    text: &str,
    sync: bool,
) -> io::Result<PathBuf> {
    for number in 1..=NUMBERED_MAX {
        let path = numbered(dir, name, number, ending);
        match create_synced(&path, text.as_bytes(), Readers::Usual, sync) {
            Ok(()) => return Ok(path),
            Err(e) if e.kind() == ErrorKind::AlreadyExists => {
                if std::fs::read(&path).is_ok_and(|there| there == text.as_bytes()) {
                    return Ok(path);
                }
            }
            Err(e) => return Err(e),
        }
    }
    Err(io::Error::other(format!(
        "{NUMBERED_MAX} files of that name exist"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_ever_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let first = keep(dir.path(), "a", "tlog-proof", "one").unwrap();
        assert_eq!(keep(dir.path(), "a", "tlog-proof", "one").unwrap(), first);
        let second = keep(dir.path(), "a", "tlog-proof", "two").unwrap();
        assert!(second.ends_with("a-2.tlog-proof"));
        assert_eq!(std::fs::read(first).unwrap(), b"one");
        assert!(create(&second, b"x", Readers::Usual).is_err());
    }

    #[test]
    fn reading_is_bounded() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        std::fs::write(&path, [0; 100]).unwrap();
        assert_eq!(read(&path, "file", 10).unwrap().len(), 11);
        assert!(read(&dir.path().join("none"), "file", 10).is_err());
    }
}
