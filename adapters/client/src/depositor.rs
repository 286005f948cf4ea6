//! Building and signing statements.

use crate::error::ClientError;
use messages::batch::BatchTree;
use messages::deposit::{Deposit, DigestAlgorithm, Lodged, commit};
use messages::hash::Hash;
use messages::ids::{Name, StatementId, TimeMs};
use messages::keys::PrivateKey;
use messages::receipt::Receipt;
use messages::statement::{Statement, StatementError};
use zeroize::Zeroizing;

/// What is lodged, with what opens it and stays with the depositor.
#[derive(Clone, Debug)]
pub struct Content {
    /// What the ledger sees.
    pub lodged: Lodged,
    /// The salt of a commitment.
    pub salt: Option<Zeroizing<[u8; 32]>>,
}

impl Content {
    /// A freshly salted commitment to a document: the default, for nobody can guess it.
    ///
    /// # Errors
    /// [`ClientError::Randomness`].
    pub fn commitment_to(document: &[u8]) -> Result<Self, ClientError> {
        Self::commitment(Hash::of(document))
    }

    /// A freshly salted commitment to a document with this SHA-256 digest.
    ///
    /// # Errors
    /// [`ClientError::Randomness`].
    pub fn commitment(digest: Hash) -> Result<Self, ClientError> {
        let mut salt = Zeroizing::new([0; 32]);
        getrandom::fill(&mut *salt).map_err(|e| ClientError::Randomness(e.to_string()))?;
        Ok(Self {
            lodged: Lodged::Commitment(commit(&salt, DigestAlgorithm::Sha256, &digest)),
            salt: Some(salt),
        })
    }

    /// The plain digest: whoever has or guesses the document finds the deposit.
    pub fn digest(digest: Hash) -> Self {
        Self::unsalted(Lodged::Digest(digest))
    }

    /// The document itself, in the entry: everybody can read it for ever.
    pub fn inline(document: Vec<u8>) -> Self {
        Self::unsalted(Lodged::Content(document))
    }

    /// A document that the network keeps; hand it over with [`crate::Client::put_body`] first.
    pub fn body(document: &[u8]) -> Self {
        Self::unsalted(Lodged::Body {
            digest: Hash::of(document),
            size: document.len() as u64,
        })
    }

    /// The root of a batch; members' salts are the caller's ([`messages::batch::member_salt`]).
    pub fn batch(tree: &BatchTree) -> Self {
        Self::unsalted(tree.lodged())
    }

    fn unsalted(lodged: Lodged) -> Self {
        Self { lodged, salt: None }
    }
}

/// A signed statement and the salt that its receipt will need.
#[derive(Clone, Debug)]
pub struct Signed {
    /// The statement; send [`Statement::entry`].
    pub statement: Statement,
    /// The salt of its commitment.
    pub salt: Option<Zeroizing<[u8; 32]>>,
}

impl Signed {
    /// The receipt with the salt that opens its commitment.
    pub fn complete(&self, receipt: Receipt) -> Receipt {
        match &self.salt {
            Some(salt) => receipt.with_salt(**salt),
            None => receipt,
        }
    }
}

/// Who deposits, and where.
#[derive(Clone, Debug)]
pub struct Depositor {
    /// Signs; never leaves this process.
    pub key: PrivateKey,
    /// The network that statements are for.
    pub network: Name,
    /// The namespace that they are lodged in.
    pub namespace: Name,
    /// Who deposits, in the depositor's words.
    pub issuer: String,
    /// What is deposited; everybody can read it.
    pub subject: String,
    /// The depositor's own claim of the time.
    pub declared_time: Option<TimeMs>,
    /// Earlier statements that this one builds on.
    pub references: Vec<StatementId>,
}

impl Depositor {
    /// Deposits in the namespace `public`, under the key's id.
    ///
    /// # Panics
    /// Never: the name is a good one.
    pub fn new(key: PrivateKey, network: Name) -> Self {
        let issuer = format!("key:{}", key.public().fingerprint());
        Self {
            key,
            network,
            namespace: Name::try_new("public").expect("a short name of allowed characters"),
            issuer,
            subject: "file".into(),
            declared_time: None,
            references: Vec::new(),
        }
    }

    /// Signs a deposit of `content`.
    ///
    /// # Errors
    /// When issuer or subject cannot stand in a statement, or the key is unsafe.
    pub fn sign(&self, content: Content) -> Result<Signed, StatementError> {
        let deposit = Deposit {
            network: self.network.clone(),
            namespace: self.namespace.clone(),
            lodged: content.lodged,
            algorithm: DigestAlgorithm::Sha256,
            declared_time: self.declared_time,
            not_before: None,
            references: self.references.clone(),
        };
        let statement = Statement::sign(&self.key, &self.issuer, &self.subject, deposit)?;
        Ok(Signed {
            statement,
            salt: content.salt,
        })
    }
}
