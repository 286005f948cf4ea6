//! A depositor's key file: a PKCS#8 PEM document, encrypted or not, that only its owner reads.

use crate::exit::Failure;
use crate::output::Output;
use adapters_keys::{KeyFileError, Passphrase};
use messages::keys::PrivateKey;
use std::path::Path;

impl From<KeyFileError> for Failure {
    fn from(error: KeyFileError) -> Self {
        Self::usage(error.what, error.next_step)
    }
}

/// Reads a key file, with a note when others may read it too.
pub(crate) fn load(path: &Path, output: &mut Output<'_>) -> Result<PrivateKey, Failure> {
    let passphrase = if adapters_keys::is_encrypted(path) {
        Passphrase::find(None)?
    } else {
        None
    };
    let key = adapters_keys::read_whoever_may(path, passphrase.as_ref())?;
    // An encrypted one that others read is no secret yet.
    if passphrase.is_none() && is_open_to_others(path) {
        output.note(&format!(
            "note: {} can be read by others on this machine; run `chmod 600` on it",
            path.display()
        ));
    }
    Ok(key)
}

#[cfg(unix)]
fn is_open_to_others(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).is_ok_and(|m| m.permissions().mode() & 0o077 != 0)
}

#[cfg(not(unix))]
fn is_open_to_others(_path: &Path) -> bool {
    false
}
