//! COSE receipts (RFC 9942): a validator's signature over a tree head, with a Merkle proof.
//!
//! A receipt is a COSE_Sign1 with a detached payload, the root of the tree:
//! `18([<< {1: -8, 4: kid, 15: {1: iss, 2: sub, -65537: size}, 395: 1} >>,
//! {396: {-1: [<< [size, index, [path...]] >>]}}, nil, signature])`. Issuer and subject are both the
//! log's origin, so one signature ([`HeadSignature`]) serves every receipt of its tree head, of
//! inclusion (-1) and of consistency (-2).
//!
//! RFC 9942 signs the root and not the tree's size, and the root does not fix it: the same path
//! leads from leaf 2 of 3 and from leaf 1 of 2. So the size stands among the signed claims too, in
//! the range for private use, and the proof must name the same one. Verifiers that do not know the
//! claim pass it over.

use crate::cbor::{self, Canonical, CborError, Writer, Written};
use crate::checkpoint::Checkpoint;
use crate::hash::Hash;
use crate::ids::{LeafIndex, TreeSize};
use crate::keys::{PublicKey, Signature};
use crate::merkle::{self, MerkleError};
use crate::note::{self, NoteError};
use crate::ports::{ConsensusVerifier, MessageSigner, StrictVerifier};
use crate::statement::cose_key_id;
use crate::tlog_proof::PATH_MAX;
use minicbor::Decoder;
use minicbor::data::Tag;

/// Media type of a receipt (RFC 9943).
pub const RECEIPT_MEDIA_TYPE: &str = "application/scitt-receipt+cose";

/// COSE tag of a COSE_Sign1; RFC 9942 section 4.3 asks for it.
pub(crate) const COSE_SIGN1: u64 = 18;
/// COSE algorithm EdDSA (RFC 9053 section 2.2); ADR 0008 says why not -19.
const EDDSA: i64 = -8;
/// Header parameter `alg`.
const ALGORITHM: i64 = 1;
/// Header parameter `kid`.
const KEY_ID: i64 = 4;
/// Header parameter with CWT claims (RFC 9597).
const CLAIMS: i64 = 15;
/// Claim `iss`.
const ISSUER: i64 = 1;
/// Claim `sub`.
const SUBJECT: i64 = 2;
/// Claim of ours: the size of the tree; integers below -65536 are for private use (RFC 8392).
const SIZE_CLAIM: i64 = -65_537;
/// Header parameter `vds`.
const STRUCTURE: i64 = 395;
/// The structure RFC9162_SHA256.
const RFC9162_SHA256: i64 = 1;
/// Header parameter `vdp`.
const PROOFS: i64 = 396;
/// Label of inclusion proofs under `vdp`.
const INCLUSION: i64 = -1;
/// Label of consistency proofs under `vdp`.
const CONSISTENCY: i64 = -2;

/// Why bytes are not a COSE receipt of this ledger.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CoseReceiptError {
    /// Not CBOR of the expected shape, or not its deterministic form.
    #[error(transparent)]
    Form(#[from] CborError),
    /// The issuer cannot be a log's origin.
    #[error("issuer: {0}")]
    Origin(#[from] NoteError),
    /// The proof is about another size than the signed one.
    #[error("tree size: expected {signed}, as signed, found {found}")]
    Size {
        /// The signed size.
        signed: TreeSize,
        /// The size in the proof.
        found: u64,
    },
}

/// Why a receipt does not hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptRefusal {
    /// The path leads nowhere from here.
    #[error(transparent)]
    Path(#[from] MerkleError),
    /// The signature does not verify over the root that the path leads to.
    #[error("a signature that does not verify over root {root} of {size} entries")]
    Signature {
        /// The root.
        root: Hash,
        /// The size claimed with it.
        size: TreeSize,
    },
    /// The receipt is about other tree heads than those it is judged for.
    #[error("tree heads: expected {expected}, found {found}")]
    Heads {
        /// The heads it is judged for.
        expected: String,
        /// The heads it is about.
        found: String,
    },
}

/// A validator's signature over a tree head: all of a receipt but its proof.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeadSignature {
    /// The log: issuer and subject of the receipt.
    pub origin: String,
    /// Size of the tree.
    pub size: TreeSize,
    /// Key id of the signer's receipt key ([`cose_key_id`]).
    pub key_id: [u8; 8],
    /// Ed25519 signature of the `Sig_structure` (RFC 9052 section 4.4) with the root as payload.
    pub signature: Signature,
}

impl HeadSignature {
    /// Signs a tree head with a validator's receipt key.
    pub fn sign(key: &dyn MessageSigner, head: &Checkpoint) -> Self {
        let mut signed = Self {
            origin: head.origin.clone(),
            size: head.size,
            key_id: cose_key_id(&key.public()),
            signature: Signature([0; 64]),
        };
        signed.signature = key.sign(&signed.message(&head.root));
        signed
    }

    /// The signature that `key` is said to have made over `head`; nothing is judged.
    pub fn claimed(key: &PublicKey, head: &Checkpoint, signature: Signature) -> Self {
        Self {
            origin: head.origin.clone(),
            size: head.size,
            key_id: cose_key_id(key),
            signature,
        }
    }

    /// Whether this is `key`'s over `root`, judged strictly.
    pub fn verify(&self, key: &PublicKey, root: &Hash) -> bool {
        self.verify_with(&StrictVerifier, key, root)
    }

    /// Whether this is `key`'s over `root` by the rule of `verifier`.
    pub fn verify_with(
        &self,
        verifier: &dyn ConsensusVerifier,
        key: &PublicKey,
        root: &Hash,
    ) -> bool {
        self.key_id == cose_key_id(key)
            && verifier.verify_message(key, &self.message(root), &self.signature)
    }

    /// The signed bytes: `["Signature1", protected, h'', root]`.
    pub fn message(&self, root: &Hash) -> Vec<u8> {
        let protected = self.protected();
        cbor::to_vec(|w| {
            w.array(4)?
                .str("Signature1")?
                .bytes(&protected)?
                .bytes(&[])?
                .bytes(&root.0)?
                .ok()
        })
    }

    fn protected(&self) -> Vec<u8> {
        cbor::to_vec(|w| {
            w.map(4)?.i64(ALGORITHM)?.i64(EDDSA)?;
            w.i64(KEY_ID)?.bytes(&self.key_id)?;
            w.i64(CLAIMS)?.map(3)?;
            w.i64(ISSUER)?.str(&self.origin)?;
            w.i64(SUBJECT)?.str(&self.origin)?;
            w.i64(SIZE_CLAIM)?.u64(self.size.0)?;
            w.i64(STRUCTURE)?.i64(RFC9162_SHA256)?.ok()
        })
    }

    fn read(d: &mut Decoder<'_>, signature: Signature) -> Result<Self, CoseReceiptError> {
        cbor::map(d, 4, "protected header")?;
        cbor::integer(d, ALGORITHM, "protected header")?;
        cbor::integer(d, EDDSA, "algorithm")?;
        cbor::integer(d, KEY_ID, "protected header")?;
        let key_id = cbor::fixed(d, "key id")?;
        cbor::integer(d, CLAIMS, "protected header")?;
        cbor::map(d, 3, "claims")?;
        cbor::integer(d, ISSUER, "claims")?;
        let origin = d.str().map_err(CborError::at("issuer"))?;
        note::check_key_name(origin)?;
        cbor::integer(d, SUBJECT, "claims")?;
        let subject = d.str().map_err(CborError::at("subject"))?;
        if subject != origin {
            let reason = format!("expected the issuer {origin:?}, found {subject:?}");
            return Err(CborError::bad("subject", reason).into());
        }
        cbor::integer(d, SIZE_CLAIM, "claims")?;
        let size = TreeSize(d.u64().map_err(CborError::at("tree size claim"))?);
        cbor::integer(d, STRUCTURE, "protected header")?;
        cbor::integer(d, RFC9162_SHA256, "verifiable data structure")?;
        Ok(Self {
            origin: origin.into(),
            size,
            key_id,
            signature,
        })
    }

    /// The whole receipt around the encoded proof.
    fn encode(&self, label: i64, proof: &[u8]) -> Vec<u8> {
        let protected = self.protected();
        cbor::to_vec(|w| {
            w.tag(Tag::new(COSE_SIGN1))?.array(4)?.bytes(&protected)?;
            w.map(1)?.i64(PROOFS)?.map(1)?;
            w.i64(label)?.array(1)?.bytes(proof)?;
            w.null()?.bytes(&self.signature.0)?.ok()
        })
    }

    /// Takes a receipt apart: the signature, and its one proof of the kind that `label` names.
    fn parse(bytes: &[u8], label: i64) -> Result<(Self, &[u8]), CoseReceiptError> {
        let mut d = Decoder::new(bytes);
        cbor::tag(&mut d, COSE_SIGN1, "receipt")?;
        cbor::array(&mut d, 4, "receipt")?;
        let protected = d.bytes().map_err(CborError::at("protected header"))?;
        cbor::map(&mut d, 1, "unprotected header")?;
        cbor::integer(&mut d, PROOFS, "unprotected header")?;
        cbor::map(&mut d, 1, "proofs")?;
        cbor::integer(&mut d, label, "kind of proof")?;
        cbor::array(&mut d, 1, "proofs")?;
        let proof = d.bytes().map_err(CborError::at("proof"))?;
        d.null().map_err(CborError::at("payload"))?;
        let signature = Signature(cbor::fixed(&mut d, "signature")?);
        Ok((Self::read(&mut Decoder::new(protected), signature)?, proof))
    }
}

/// A proof of either kind: two numbers and a path that is not empty.
struct Proof {
    first: u64,
    second: u64,
    path: Vec<Hash>,
}

impl Proof {
    fn write(first: u64, second: u64, path: &[Hash], w: &mut Writer<'_>) -> Written {
        w.array(3)?.u64(first)?.u64(second)?;
        w.array(path.len() as u64)?;
        for hash in path {
            w.bytes(&hash.0)?;
        }
        Ok(())
    }
}

impl Canonical for Proof {
    const NAME: &'static str = "proof";

    fn write(&self, w: &mut Writer<'_>) -> Written {
        Self::write(self.first, self.second, &self.path, w)
    }

    fn read(d: &mut Decoder<'_>) -> Result<Self, CborError> {
        cbor::array(d, 3, "proof")?;
        let mut number = |field| d.u64().map_err(CborError::at(field));
        let (first, second) = (number("tree size")?, number("position")?);
        let count = cbor::array_len(d, PATH_MAX as u64, "path")?;
        if count == 0 {
            // The RFC's form has no empty path; no head of a log with a genesis needs one.
            return Err(CborError::bad(
                "path",
                "expected at least one hash, found 0",
            ));
        }
        let path = (0..count)
            .map(|_| cbor::hash(d, "path"))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            first,
            second,
            path,
        })
    }
}

/// A receipt of inclusion: an entry is in the tree under a signed head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InclusionReceipt {
    /// The signature over the head.
    pub signed: HeadSignature,
    /// Position of the entry.
    pub index: LeafIndex,
    /// Path from the entry's leaf to the root; never empty.
    pub path: Vec<Hash>,
}

impl InclusionReceipt {
    /// The receipt's bytes.
    pub fn encode(&self) -> Vec<u8> {
        let (size, index) = (self.signed.size.0, self.index.0);
        let proof = cbor::to_vec(|w| Proof::write(size, index, &self.path, w));
        self.signed.encode(INCLUSION, &proof)
    }

    /// Reads a receipt strictly: [`InclusionReceipt::encode`] gives the same bytes. Judges neither
    /// path nor signature.
    ///
    /// # Errors
    /// When the bytes are no receipt in the one form; the error names the field.
    pub fn parse(bytes: &[u8]) -> Result<Self, CoseReceiptError> {
        let (signed, proof) = HeadSignature::parse(bytes, INCLUSION)?;
        let proof = Proof::from_bytes(proof)?;
        check_size(&signed, proof.first)?;
        let receipt = Self {
            signed,
            index: LeafIndex(proof.second),
            path: proof.path,
        };
        check_form(&receipt.encode(), bytes)?;
        Ok(receipt)
    }

    /// The root that the path leads to from `leaf` (RFC 9162 section 2.1.3.2).
    ///
    /// # Errors
    /// When the index is outside the tree or the path has another length than both fix.
    pub fn root(&self, leaf: &Hash) -> Result<Hash, MerkleError> {
        merkle::root_from_inclusion(leaf, self.index.0, self.signed.size.0, &self.path)
    }

    /// Judges the receipt for an entry's leaf: the path first, then the signature over the root it
    /// leads to (RFC 9942 section 5.2.1). Gives the root.
    ///
    /// # Errors
    /// When either does not hold.
    pub fn verify(&self, key: &PublicKey, leaf: &Hash) -> Result<Hash, ReceiptRefusal> {
        let root = self.root(leaf)?;
        let size = self.signed.size;
        let holds = self.signed.verify(key, &root);
        holds
            .then_some(root)
            .ok_or(ReceiptRefusal::Signature { root, size })
    }
}

/// A receipt of consistency: a signed head's tree extends an older one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsistencyReceipt {
    /// The signature over the newer head.
    pub signed: HeadSignature,
    /// Size of the older tree.
    pub old: TreeSize,
    /// Path between the two; never empty.
    pub path: Vec<Hash>,
}

impl ConsistencyReceipt {
    /// The receipt's bytes.
    pub fn encode(&self) -> Vec<u8> {
        let (old, new) = (self.old.0, self.signed.size.0);
        let proof = cbor::to_vec(|w| Proof::write(old, new, &self.path, w));
        self.signed.encode(CONSISTENCY, &proof)
    }

    /// Reads a receipt strictly: [`ConsistencyReceipt::encode`] gives the same bytes. Judges
    /// neither path nor signature.
    ///
    /// # Errors
    /// When the bytes are no receipt in the one form; the error names the field.
    pub fn parse(bytes: &[u8]) -> Result<Self, CoseReceiptError> {
        let (signed, proof) = HeadSignature::parse(bytes, CONSISTENCY)?;
        let proof = Proof::from_bytes(proof)?;
        check_size(&signed, proof.second)?;
        let receipt = Self {
            signed,
            old: TreeSize(proof.first),
            path: proof.path,
        };
        check_form(&receipt.encode(), bytes)?;
        Ok(receipt)
    }

    /// Judges the receipt for two heads that the verifier has: the signature over the newer root
    /// first, then the path (RFC 9942 section 5.3.1).
    ///
    /// # Errors
    /// When either does not hold, or the receipt is about other heads.
    pub fn verify(
        &self,
        key: &PublicKey,
        old: &Checkpoint,
        new: &Checkpoint,
    ) -> Result<(), ReceiptRefusal> {
        let signed = &self.signed;
        let named = [(&old.origin, self.old), (&new.origin, signed.size)];
        let expected = [(&signed.origin, old.size), (&signed.origin, new.size)];
        if named != expected {
            return Err(ReceiptRefusal::Heads {
                expected: format!("{} from {} to {}", new.origin, old.size, new.size),
                found: format!("{} from {} to {}", signed.origin, self.old, signed.size),
            });
        }
        let (root, size) = (new.root, new.size);
        if !signed.verify(key, &root) {
            return Err(ReceiptRefusal::Signature { root, size });
        }
        Ok(merkle::verify_consistency(
            old.size.0, size.0, &old.root, &root, &self.path,
        )?)
    }
}

fn check_size(signed: &HeadSignature, found: u64) -> Result<(), CoseReceiptError> {
    let signed = signed.size;
    if signed.0 == found {
        Ok(())
    } else {
        Err(CoseReceiptError::Size { signed, found })
    }
}

fn check_form(canonical: &[u8], bytes: &[u8]) -> Result<(), CborError> {
    if canonical == bytes {
        Ok(())
    } else {
        Err(CborError::NotDeterministic { field: "receipt" })
    }
}
