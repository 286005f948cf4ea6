//! Where a passphrase comes from: the environment, a file, or the service manager.

use crate::{KeyFileError, read_text, refuse_open};
use std::fmt;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Name of the credential in which a service manager hands over the passphrase
/// (`LoadCredentialEncrypted=` of systemd).
pub const CREDENTIAL: &str = "wutong-key-passphrase";

/// The passphrase itself.
const VARIABLE: &str = "WUTONG_KEY_PASSPHRASE";
/// A file that holds it.
const FILE_VARIABLE: &str = "WUTONG_KEY_PASSPHRASE_FILE";
/// Folder of the service manager's credentials.
const CREDENTIALS: &str = "CREDENTIALS_DIRECTORY";

/// Fewest characters of a passphrase that a key is encrypted under.
const CHARACTERS_MIN: usize = 12;

/// What to do when there is none.
pub(crate) const HOW_TO_GIVE: &str = "Put it into a file that you alone can read and name that file in \
WUTONG_KEY_PASSPHRASE_FILE (a node: node.passphrase_file), or set WUTONG_KEY_PASSPHRASE, or let \
systemd load the credential wutong-key-passphrase.";

/// A secret text that opens key files; wiped when dropped.
#[derive(Clone)]
pub struct Passphrase {
    text: Zeroizing<String>,
    source: String,
}

impl fmt::Debug for Passphrase {
    /// Without the secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "passphrase from {}", self.source)
    }
}

impl Passphrase {
    /// Looks in `WUTONG_KEY_PASSPHRASE`, then in the file that `WUTONG_KEY_PASSPHRASE_FILE` names, then
    /// in `file`, then in the service manager's credentials; none when none is there.
    ///
    /// # Errors
    /// When a file is named that cannot be read, that others may read, or that is empty.
    pub fn find(file: Option<&Path>) -> Result<Option<Self>, KeyFileError> {
        Self::find_in(|name| std::env::var(name).ok().map(Zeroizing::new), file)
    }

    /// The same, and none is an error: `what` needs it.
    ///
    /// # Errors
    /// Besides those of [`Passphrase::find`], when there is none, or one so short that it is guessed.
    pub fn for_encrypting(what: &str) -> Result<Self, KeyFileError> {
        let found = Self::find(None)?.ok_or_else(|| {
            KeyFileError::new(format!("{what}: no passphrase is given"), HOW_TO_GIVE)
        })?;
        found.refuse_short()?;
        Ok(found)
    }

    fn find_in(
        environment: impl Fn(&str) -> Option<Zeroizing<String>>,
        file: Option<&Path>,
    ) -> Result<Option<Self>, KeyFileError> {
        if let Some(text) = environment(VARIABLE) {
            return Self::new(text, VARIABLE.into()).map(Some);
        }
        let named = environment(FILE_VARIABLE).map(|name| PathBuf::from(name.as_str()));
        if let Some(path) = named.as_deref().or(file) {
            refuse_open(path, "this passphrase")?;
            return Self::from_file(path).map(Some);
        }
        // Whoever may read the manager's credentials is the manager's business.
        let credential =
            environment(CREDENTIALS).map(|dir| Path::new(dir.as_str()).join(CREDENTIAL));
        match credential.filter(|path| path.exists()) {
            Some(path) => Self::from_file(&path).map(Some),
            None => Ok(None),
        }
    }

    fn from_file(path: &Path) -> Result<Self, KeyFileError> {
        let text = read_text(path, "passphrase file")?;
        // Editors and `echo` end a file with a line break that belongs to no passphrase.
        let line = text.strip_suffix('\n').unwrap_or(&text);
        let line = line.strip_suffix('\r').unwrap_or(line);
        Self::new(Zeroizing::new(line.into()), path.display().to_string())
    }

    fn new(text: Zeroizing<String>, source: String) -> Result<Self, KeyFileError> {
        if text.is_empty() {
            let what = format!("{source}: expected a passphrase, found nothing");
            return Err(KeyFileError::new(what, HOW_TO_GIVE));
        }
        Ok(Self { text, source })
    }

    fn refuse_short(&self) -> Result<(), KeyFileError> {
        let found = self.text.chars().count();
        if found >= CHARACTERS_MIN {
            return Ok(());
        }
        Err(KeyFileError::new(
            format!(
                "{}: expected a passphrase of at least {CHARACTERS_MIN} characters, found {found}",
                self.source
            ),
            "Make a long one, such as `openssl rand -base64 24` prints.",
        ))
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.text.as_bytes()
    }

    pub(crate) fn source(&self) -> &str {
        &self.source
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn secret(path: &Path, text: &str, mode: u32) {
        std::fs::write(path, text).unwrap();
        let mode = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(path, mode).unwrap();
    }

    #[test]
    fn the_environment_comes_first_then_files_then_the_manager() {
        let dir = tempfile::tempdir().unwrap();
        let own = dir.path().join("own");
        secret(&own, "from a file\r\n", 0o600);
        secret(&dir.path().join(CREDENTIAL), "from the manager\n", 0o440);
        let shown = dir.path().display().to_string();
        let find = |set: &[(&str, &str)], file: Option<&Path>| {
            let set: Vec<(String, String)> = set
                .iter()
                .map(|(k, v)| ((*k).into(), (*v).into()))
                .collect();
            let environment = move |name: &str| {
                let found = set.iter().find(|(k, _)| k == name);
                found.map(|(_, v)| Zeroizing::new(v.clone()))
            };
            Passphrase::find_in(environment, file)
        };
        let text = |found: Result<Option<Passphrase>, KeyFileError>| {
            found.unwrap().map(|p| p.text.to_string())
        };
        assert_eq!(text(find(&[], None)), None);
        let manager = (CREDENTIALS, shown.as_str());
        assert_eq!(text(find(&[manager], None)).unwrap(), "from the manager");
        assert_eq!(text(find(&[manager], Some(&own))).unwrap(), "from a file");
        let all = [manager, (VARIABLE, "from the environment")];
        assert_eq!(
            text(find(&all, Some(&own))).unwrap(),
            "from the environment"
        );
        assert!(find(&[(VARIABLE, "")], None).is_err());
        assert!(find(&[(FILE_VARIABLE, "/nowhere")], Some(&own)).is_err());
        secret(&own, "from a file", 0o644);
        let error = find(&[], Some(&own)).unwrap_err();
        assert!(
            error.what.contains("others may read this passphrase"),
            "{error}"
        );
        assert!(error.next_step.contains("chmod 600"), "{error:?}");
    }

    #[test]
    fn a_passphrase_is_not_shown() {
        let passphrase =
            Passphrase::new(Zeroizing::new("hunter2".into()), VARIABLE.into()).unwrap();
        assert_eq!(
            format!("{passphrase:?}"),
            "passphrase from WUTONG_KEY_PASSPHRASE"
        );
        assert!(passphrase.refuse_short().is_err());
    }
}
