//! A depositor's key file: an unencrypted PKCS#8 PEM document (RFC 8410) that only its owner reads.

use crate::exit::Failure;
use crate::files;
use crate::output::Output;
use messages::keys::PrivateKey;
use std::path::Path;
use zeroize::Zeroizing;

/// Most bytes of a key file.
const KEY_FILE_BYTES_MAX: usize = 4096;

/// Reads a key file, with a note when others may read it too.
pub(crate) fn load(path: &Path, output: &mut Output<'_>) -> Result<PrivateKey, Failure> {
    let bytes = Zeroizing::new(files::read(path, "key file", KEY_FILE_BYTES_MAX)?);
    let wrong = |found: String| {
        Failure::usage(
            format!(
                "{}: expected an Ed25519 private key in PKCS#8 PEM, found {found}",
                path.display()
            ),
            "Make one with `wutong keygen --out FILE`.",
        )
    };
    let text = core::str::from_utf8(&bytes).map_err(|_| wrong("bytes that are no text".into()))?;
    let key = PrivateKey::from_pem(text).map_err(wrong)?;
    key.public()
        .check_registrable()
        .map_err(|e| wrong(e.to_string()))?;
    if is_open_to_others(path) {
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
