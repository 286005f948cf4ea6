//! Private keys in files: PKCS#8 PEM (RFC 5958), encrypted (PBES2, RFC 8018) or not, and where the
//! passphrase comes from.
//!
//! Encrypted files hold scrypt and AES-256-CBC: `openssl pkey` reads them, and this crate reads what
//! `openssl genpkey -algorithm ed25519 -aes256` writes. A passphrase never comes from an argument,
//! which everybody on the machine could read. Secrets are wiped from memory when they are dropped.

mod passphrase;

pub use passphrase::{CREDENTIAL, Passphrase};

use messages::keys::PrivateKey;
use pkcs8::der::pem::PemLabel;
use pkcs8::pkcs5::{pbes2, scrypt};
use pkcs8::{EncryptedPrivateKeyInfoRef, LineEnding, PrivateKeyInfoRef, SecretDocument};
use std::fs::File;
use std::io::Read;
use std::path::Path;
use zeroize::Zeroizing;

/// Most bytes of a key file.
const FILE_BYTES_MAX: u64 = 4096;

/// scrypt's cost: 2^14 blocks of 8 x 128 bytes, 16 MiB, five times over (OWASP's equivalent of 128
/// MiB once). More memory at once is more than OpenSSL 3 grants by default.
const SCRYPT: (u8, u32, u32) = (14, 8, 5);

/// Why a key cannot be used, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct KeyFileError {
    /// What is wrong, and where.
    pub what: String,
    /// What to do now.
    pub next_step: String,
}

impl KeyFileError {
    fn new(what: impl Into<String>, next_step: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            next_step: next_step.into(),
        }
    }

    fn in_file(path: &Path, what: &str, next_step: impl Into<String>) -> Self {
        Self::new(format!("{}: {what}", path.display()), next_step)
    }
}

/// The PEM text of a key: encrypted under a passphrase, if there is one.
///
/// # Errors
/// When the system gives no randomness for salt and initialisation vector.
pub fn to_pem(
    key: &PrivateKey,
    passphrase: Option<&Passphrase>,
) -> Result<Zeroizing<String>, KeyFileError> {
    let plain = Zeroizing::new(key.to_pem());
    let Some(passphrase) = passphrase else {
        return Ok(plain);
    };
    let (mut salt, mut iv) = ([0; 16], [0; 16]);
    let filled = getrandom::fill(&mut salt).and_then(|()| getrandom::fill(&mut iv));
    filled.map_err(|e| {
        KeyFileError::new(
            format!("the system gave no randomness: {e}"),
            "Nothing was made; repair the system's random source and try again.",
        )
    })?;
    let (log_n, r, p) = SCRYPT;
    let cost = scrypt::Params::new(log_n, r, p).expect("these are costs that scrypt allows");
    let cipher = pbes2::Parameters::generate_scrypt_aes256cbc(cost, &salt, iv)
        .expect("a salt of 16 bytes fits the parameters");
    let (_, document) = SecretDocument::from_pem(&plain).expect("our own PEM text is read back");
    let info = PrivateKeyInfoRef::try_from(document.as_bytes())
        .expect("our own PKCS#8 document is read back");
    let encrypted = info
        .encrypt_with_params(cipher, passphrase.as_bytes())
        .expect("a short document is encrypted in memory");
    let pem = encrypted.to_pem(EncryptedPrivateKeyInfoRef::PEM_LABEL, LineEnding::LF);
    Ok(pem.expect("a short document always encodes"))
}

/// Reads a key file that its owner alone can read.
///
/// # Errors
/// When it cannot be read, others may read it, it is no Ed25519 key in PKCS#8 PEM, it is encrypted
/// and the passphrase is missing or another, or no network would register its public key.
pub fn read(path: &Path, passphrase: Option<&Passphrase>) -> Result<PrivateKey, KeyFileError> {
    refuse_open(path, "this key")?;
    read_whoever_may(path, passphrase)
}

/// Reads a key file whoever may read it.
///
/// # Errors
/// Those of [`read`] but the one about others.
pub fn read_whoever_may(
    path: &Path,
    passphrase: Option<&Passphrase>,
) -> Result<PrivateKey, KeyFileError> {
    let text = read_text(path, "key file")?;
    let key =
        parse(&text, passphrase).map_err(|e| KeyFileError::in_file(path, &e.what, e.next_step))?;
    key.public().check_registrable().map_err(|e| {
        KeyFileError::in_file(path, &format!("this key proves nothing: {e}"), NEW_KEY)
    })?;
    Ok(key)
}

/// Whether a file holds an encrypted key.
pub fn is_encrypted(path: &Path) -> bool {
    read_text(path, "key file").is_ok_and(|text| is_encrypted_text(&text))
}

const NEW_KEY: &str = "Make one with `wutong keygen --out FILE`.";

fn is_encrypted_text(text: &str) -> bool {
    text.trim_start()
        .starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----")
}

/// Reads a PEM text.
fn parse(text: &str, passphrase: Option<&Passphrase>) -> Result<PrivateKey, KeyFileError> {
    let wrong = |found: String| {
        KeyFileError::new(
            format!("expected an Ed25519 private key in PKCS#8 PEM, found {found}"),
            NEW_KEY,
        )
    };
    if !is_encrypted_text(text) {
        return PrivateKey::from_pem(text).map_err(wrong);
    }
    let passphrase = passphrase.ok_or_else(|| {
        KeyFileError::new(
            "this key is encrypted, and no passphrase is given",
            passphrase::HOW_TO_GIVE,
        )
    })?;
    let (_, document) = SecretDocument::from_pem(text.trim_start())
        .map_err(|e| wrong(format!("a malformed encrypted one: {e}")))?;
    let encrypted = EncryptedPrivateKeyInfoRef::try_from(document.as_bytes())
        .map_err(|e| wrong(format!("a malformed encrypted one: {e}")))?;
    // What comes out under a wrong passphrase is no document, if its padding happens to fit at all.
    let plain = encrypted.decrypt(passphrase.as_bytes()).map_err(|_| {
        KeyFileError::new(
            "the passphrase does not open this key",
            format!(
                "Give the passphrase that it was made with (from {}); a lost one cannot be found \
                 again.",
                passphrase.source()
            ),
        )
    })?;
    let pem = plain
        .to_pem(PrivateKeyInfoRef::PEM_LABEL, LineEnding::LF)
        .map_err(|e| wrong(e.to_string()))?;
    PrivateKey::from_pem(&pem).map_err(wrong)
}

/// Reads a small text file with secrets in it.
fn read_text(path: &Path, what: &str) -> Result<Zeroizing<String>, KeyFileError> {
    let mut text = Zeroizing::new(String::with_capacity(FILE_BYTES_MAX as usize + 1));
    File::open(path)
        .and_then(|file| file.take(FILE_BYTES_MAX + 1).read_to_string(&mut text))
        .map_err(|e| {
            KeyFileError::in_file(
                path,
                &format!("cannot read the {what}: {e}"),
                "Check the path and that you may read it.",
            )
        })?;
    if text.len() as u64 > FILE_BYTES_MAX {
        let what = format!("{what}: expected at most {FILE_BYTES_MAX} bytes, found more");
        return Err(KeyFileError::in_file(path, &what, "Check the path."));
    }
    Ok(text)
}

/// Refuses a file that others may read; `what` is in it.
fn refuse_open(path: &Path, what: &str) -> Result<(), KeyFileError> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(path).map(|m| m.permissions().mode() & 0o077);
        if mode.is_ok_and(|others| others != 0) {
            return Err(KeyFileError::in_file(
                path,
                &format!("others may read {what}"),
                format!("chmod 600 {}", path.display()),
            ));
        }
    }
    #[cfg(not(unix))]
    let _ = (path, what);
    Ok(())
}

#[cfg(test)]
mod tests;
