//! SHA-256 of a file of any size in constant memory.

use crate::exit::Failure;
use indicatif::{ProgressBar, ProgressStyle};
use messages::hash::Hash;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{IsTerminal, Read};
use std::path::Path;

/// Bytes read at a time.
const CHUNK_BYTES: usize = 1 << 20;
/// Files below this many bytes are done before a bar could be read.
const BAR_BYTES_MIN: u64 = 64 << 20;

/// Digests the file at `path`, with a progress bar when a person watches.
pub(crate) fn sha256_file(path: &Path) -> Result<Hash, Failure> {
    sha256(path, bar)
}

/// Digests the file at `path` without a bar of its own.
pub(crate) fn sha256_quietly(path: &Path) -> Result<Hash, Failure> {
    sha256(path, |_| ProgressBar::hidden())
}

fn sha256(path: &Path, bar: impl FnOnce(u64) -> ProgressBar) -> Result<Hash, Failure> {
    let cannot = |e: std::io::Error| {
        Failure::usage(
            format!("{}: cannot read the file: {e}", path.display()),
            "Check the path and that you may read it.",
        )
    };
    let mut file = File::open(path).map_err(cannot)?;
    let bar = bar(file.metadata().map_err(cannot)?.len());
    let mut hasher = Sha256::new();
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        match file.read(&mut chunk) {
            Ok(0) => break,
            Ok(count) => {
                hasher.update(&chunk[..count]);
                bar.inc(count as u64);
            }
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
            Err(e) => return Err(cannot(e)),
        }
    }
    bar.finish_and_clear();
    Ok(Hash(hasher.finalize().into()))
}

fn bar(bytes: u64) -> ProgressBar {
    if bytes < BAR_BYTES_MIN || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("  digest {bar:32} {bytes}/{total_bytes} {eta}")
        .expect("the template names only known fields");
    ProgressBar::new(bytes).with_style(style)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_several_chunks_is_digested_whole() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        let bytes: Vec<u8> = (0..CHUNK_BYTES * 2 + 17).map(|i| i as u8).collect();
        std::fs::write(&path, &bytes).unwrap();
        assert_eq!(sha256_file(&path).unwrap(), Hash::of(&bytes));
        let missing = sha256_file(&dir.path().join("none")).unwrap_err();
        assert_eq!(missing.exit, crate::exit::Exit::Usage);
    }
}
