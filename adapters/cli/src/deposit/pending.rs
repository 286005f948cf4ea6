//! Statements that are signed and not yet receipted, kept as `NAME.pending`.
//!
//! The file holds the salt, which exists nowhere else until the receipt is written: it is
//! durable before the statement is sent, and removed only afterwards.

use super::Form;
use crate::files::{self, NUMBERED_MAX, Readers};
use messages::hash::Hash;
use messages::ids::{Name, StatementId};
use messages::keys::PublicKey;
use messages::statement::{DigestAlgorithm, Lodged, Statement, commit};
use serde::{Deserialize, Serialize};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// Version of the file.
const PENDING_VERSION: u32 = 1;
/// Most bytes of the file: an entry in hexadecimal and a little more.
const PENDING_BYTES_MAX: usize = 200_000;

/// A signed statement with its salt, and where it is kept.
#[derive(Debug)]
pub(crate) struct Draft {
    /// The statement.
    pub(crate) statement: Statement,
    /// The salt of its commitment; none when it logs the plain digest.
    pub(crate) salt: Option<[u8; 32]>,
    /// The document's file name.
    pub(crate) name: String,
    /// Where it is kept.
    pub(crate) path: PathBuf,
}

impl Draft {
    /// Removes the file: the statement has its receipt, or was refused for good.
    pub(crate) fn forget(&self) {
        // One that stays is sent again, and commits no second time.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// The file's JSON; bytes are hexadecimal.
#[derive(Serialize, Deserialize)]
struct Kept {
    version: u32,
    id: String,
    salt: Option<String>,
    entry: String,
}

/// What the statement of a file must be.
pub(crate) struct Wanted<'a> {
    /// Folder of receipts.
    pub(crate) dir: &'a Path,
    /// The document's file name.
    pub(crate) name: &'a str,
    /// The document's SHA-256.
    pub(crate) digest: Hash,
    /// The depositor's key.
    pub(crate) key: PublicKey,
    /// The network, when known.
    pub(crate) network: Option<&'a Name>,
    /// The namespace.
    pub(crate) namespace: &'a Name,
    /// What of the document is lodged.
    pub(crate) form: Form,
    /// The issuer.
    pub(crate) issuer: &'a str,
    /// The subject.
    pub(crate) subject: &'a str,
}

impl Wanted<'_> {
    fn path(&self, number: usize) -> PathBuf {
        files::numbered(self.dir, self.name, number, "pending")
    }

    /// The kept statement that is the one wanted.
    pub(crate) fn find(&self) -> Option<Draft> {
        (1..=NUMBERED_MAX).find_map(|number| {
            let path = self.path(number);
            let bytes = files::read(&path, "pending statement", PENDING_BYTES_MAX).ok()?;
            let kept: Kept = serde_json::from_slice(&bytes).ok()?;
            let statement = Statement::parse(&hex::decode(&kept.entry).ok()?).ok()?;
            let salt = match kept.salt {
                Some(text) => Some(hex::decode(text).ok()?.try_into().ok()?),
                None => None,
            };
            let known = kept.version == PENDING_VERSION
                && StatementId::from_hex(&kept.id) == Some(statement.id());
            (known && self.is_met_by(&statement, salt.as_ref())).then(|| Draft {
                statement,
                salt,
                name: self.name.into(),
                path,
            })
        })
    }

    fn is_met_by(&self, statement: &Statement, salt: Option<&[u8; 32]>) -> bool {
        let deposit = &statement.deposit;
        let algorithm = DigestAlgorithm::Sha256;
        let is_lodged = match (self.form, &deposit.lodged, salt) {
            (Form::Digest, Lodged::Digest(value), None) => *value == self.digest,
            (Form::Commitment, Lodged::Commitment(value), Some(salt)) => {
                *value == commit(salt, algorithm, &self.digest)
            }
            (Form::Content, Lodged::Content(_) | Lodged::Body { .. }, None) => {
                deposit.lodged.value() == self.digest
            }
            _ => false,
        };
        statement.key == self.key
            && is_lodged
            && self.network.is_none_or(|name| *name == deposit.network)
            && deposit.namespace == *self.namespace
            && statement.issuer == self.issuer
            && statement.subject == self.subject
            && statement
                .key
                .verify_strict(&statement.sig_structure(), &statement.signature)
    }

    /// Keeps a new statement, durably, under the first free name.
    pub(crate) fn keep(&self, statement: Statement, salt: Option<[u8; 32]>) -> io::Result<Draft> {
        let kept = Kept {
            version: PENDING_VERSION,
            id: statement.id().to_string(),
            salt: salt.map(hex::encode),
            entry: hex::encode(statement.entry()),
        };
        let text = serde_json::to_string_pretty(&kept)?;
        for number in 1..=NUMBERED_MAX {
            let path = self.path(number);
            match files::create(&path, text.as_bytes(), Readers::Owner) {
                Ok(()) => {
                    return Ok(Draft {
                        statement,
                        salt,
                        name: self.name.into(),
                        path,
                    });
                }
                Err(e) if e.kind() == ErrorKind::AlreadyExists => {}
                Err(e) => return Err(e),
            }
        }
        Err(io::Error::other(format!(
            "{NUMBERED_MAX} pending files of that name exist"
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use messages::keys::PrivateKey;
    use messages::statement::Deposit;

    const SALT: [u8; 32] = [5; 32];

    fn name(text: &str) -> Name {
        Name::try_new(text).unwrap()
    }

    fn statement(digest: Hash) -> Statement {
        let deposit = Deposit {
            network: name("trial"),
            namespace: name("public"),
            lodged: Lodged::Commitment(commit(&SALT, DigestAlgorithm::Sha256, &digest)),
            algorithm: DigestAlgorithm::Sha256,
            declared_time: None,
            not_before: None,
            references: vec![],
        };
        Statement::sign(&PrivateKey::from_seed(&[1; 32]), "i", "s", deposit).unwrap()
    }

    #[test]
    fn a_kept_statement_is_found_again_by_the_same_wish_only() {
        let dir = tempfile::tempdir().unwrap();
        let (trial, other, public) = (name("trial"), name("other"), name("public"));
        let digest = Hash::of(b"document");
        let wanted = |digest, network, form| Wanted {
            dir: dir.path(),
            name: "a.pdf",
            digest,
            key: PrivateKey::from_seed(&[1; 32]).public(),
            network,
            namespace: &public,
            form,
            issuer: "i",
            subject: "s",
        };
        let wish = wanted(digest, Some(&trial), Form::Commitment);
        assert!(wish.find().is_none());
        let kept = wish.keep(statement(digest), Some(SALT)).unwrap();
        assert!(kept.path.ends_with("a.pdf.pending"));
        let found = wish.find().unwrap();
        assert_eq!(
            (found.statement, found.salt),
            (kept.statement.clone(), Some(SALT))
        );
        assert!(wanted(digest, None, Form::Commitment).find().is_some());
        assert!(
            wanted(digest, Some(&other), Form::Commitment)
                .find()
                .is_none()
        );
        assert!(wanted(digest, Some(&trial), Form::Digest).find().is_none());
        let changed = wanted(Hash::of(b"changed"), Some(&trial), Form::Commitment);
        assert!(changed.find().is_none());
        let second = changed
            .keep(statement(Hash::of(b"changed")), Some(SALT))
            .unwrap();
        assert!(second.path.ends_with("a.pdf-2.pending"));
        kept.forget();
        assert!(wish.find().is_none());
        assert!(changed.find().is_some());
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_reads_the_salt() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let public = name("public");
        let wish = Wanted {
            dir: dir.path(),
            name: "a",
            digest: Hash::ZERO,
            key: PublicKey([0; 32]),
            network: None,
            namespace: &public,
            form: Form::Commitment,
            issuer: "i",
            subject: "s",
        };
        let kept = wish.keep(statement(Hash::ZERO), Some(SALT)).unwrap();
        let mode = std::fs::metadata(kept.path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
