//! A small network with a log of two blocks, and receipts from it.

use super::{key, name, plain_deposit};
use messages::batch::{BatchTree, member_commitment, member_salt};
use messages::cbor::Canonical;
use messages::checkpoint::{Checkpoint, cosign, sign_log};
use messages::hash::Hash;
use messages::ids::{Height, LeafIndex, StatementId, TimeMs, TreeSize};
use messages::keys::{PrivateKey, Signature};
use messages::merkle;
use messages::note::{Note, VerifierKey, VerifierKeyType};
use messages::outcome::{Outcome, OutcomeCode, outcomes_root};
use messages::policy::{Policy, Witness};
use messages::policy_entry::PolicyEntry;
use messages::receipt::{BatchProof, OutcomeProof, PolicyLink, Receipt, ReceiptExtra, SealProof};
use messages::seal::Seal;
use messages::statement::{Deposit, DigestAlgorithm, Lodged, Statement, commit};
use messages::verify::DocumentDigest;

pub const ORIGIN: &str = "ledger.example/trial";
pub const DOCUMENT: &[u8] = b"the deposited document\n";
pub const SALT: [u8; 32] = [42; 32];
pub const TIME_S: u64 = 1_700_000_100;

pub struct Network {
    pub n: usize,
    pub logs: Vec<PrivateKey>,
    pub cosigners: Vec<PrivateKey>,
}

impl Network {
    pub fn of(n: usize) -> Self {
        Self::of_keys("", n)
    }

    /// The same network an epoch later, when every validator has other keys.
    pub fn later(n: usize) -> Self {
        Self::of_keys("later ", n)
    }

    /// A network whose keys are named so.
    pub fn of_keys(epoch: &str, n: usize) -> Self {
        let keys = |what: &str| {
            let key = |i| key(&format!("{epoch}{what} {i}"));
            (1..=n).map(key).collect()
        };
        Self {
            n,
            logs: keys("log"),
            cosigners: keys("cosigner"),
        }
    }

    /// The policy of this network, bound by a checkpoint that another one signed.
    pub fn link(&self, epoch: u64, signed_by: &Self) -> PolicyLink {
        let entry = PolicyEntry {
            network: name("trial"),
            epoch,
            policy: self.policy().text(),
            receipt_keys: vec![(name("v1"), key("receipt 1").public())],
        };
        let entry = entry.to_bytes();
        let leaves = [b"genesis".as_slice(), &entry, b"a later entry"].map(Hash::leaf);
        let head = Checkpoint {
            origin: ORIGIN.into(),
            size: TreeSize(leaves.len() as u64),
            root: merkle::root_of_leaves(&leaves),
        };
        PolicyLink {
            entry,
            index: LeafIndex(1),
            path: merkle::inclusion_path(&leaves, 1),
            checkpoint: signed_by.sign(&head, &[0, 2, 3]).encode(),
        }
    }

    pub fn cosigner_name(i: usize) -> String {
        format!("v{}.example/trial", i + 1)
    }

    pub fn policy(&self) -> Policy {
        let logs = self
            .logs
            .iter()
            .map(|k| VerifierKey::try_new(ORIGIN, VerifierKeyType::Log, k.public()).unwrap());
        let witnesses = self.cosigners.iter().enumerate().map(|(i, k)| Witness {
            name: format!("v{}", i + 1),
            key: VerifierKey::try_new(
                &Self::cosigner_name(i),
                VerifierKeyType::Cosigner,
                k.public(),
            )
            .unwrap(),
            organisation: Some(format!("Court {}", i + 1)),
        });
        Policy::of_validators(logs.collect(), witnesses.collect(), false).unwrap()
    }

    /// The checkpoint signed by the first log key and the given cosigners; cosigner i's clock is
    /// i seconds ahead.
    pub fn sign(&self, head: &Checkpoint, signers: &[usize]) -> Note {
        let text = head.text();
        let cosignatures = signers.iter().map(|i| {
            cosign(
                &self.cosigners[*i],
                &Self::cosigner_name(*i),
                TIME_S + *i as u64,
                &text,
            )
        });
        head.note(
            sign_log(&self.logs[0], ORIGIN, &text),
            cosignatures.collect(),
        )
    }
}

/// What one receipt is made of, to be spoilt by tests before it is issued.
pub struct Issue {
    pub deposit: Deposit,
    pub salt: Option<[u8; 32]>,
    pub batch: Option<BatchProof>,
    pub chain: Vec<PolicyLink>,
    pub code: OutcomeCode,
    pub seal_network: String,
    pub origin: String,
    pub signers: Vec<usize>,
    pub signature: Option<Signature>,
}

impl Issue {
    /// A salted commitment to [`DOCUMENT`], done, signed by a quorum of four.
    pub fn standard() -> Self {
        let digest = Hash::of(DOCUMENT);
        let value = commit(&SALT, DigestAlgorithm::Sha256, &digest);
        Self {
            deposit: Deposit {
                lodged: Lodged::Commitment(value),
                ..plain_deposit(Hash::ZERO)
            },
            salt: Some(SALT),
            batch: None,
            chain: Vec::new(),
            code: OutcomeCode::DONE,
            seal_network: "trial".into(),
            origin: ORIGIN.into(),
            signers: vec![0, 1, 2],
            signature: None,
        }
    }

    /// A plain digest of [`DOCUMENT`].
    pub fn plain() -> Self {
        Self {
            deposit: plain_deposit(Hash::of(DOCUMENT)),
            salt: None,
            ..Self::standard()
        }
    }

    /// A deposit that lodges `lodged`, without salt.
    pub fn of(lodged: Lodged) -> Self {
        let mut issue = Self::plain();
        issue.deposit.lodged = lodged;
        issue
    }

    /// [`DOCUMENT`] as member 5 of a batch of 11.
    pub fn member() -> Self {
        let digest = |i| match i {
            5 => Hash::of(DOCUMENT),
            _ => Hash::of(&[i as u8]),
        };
        let commitments: Vec<Hash> = (0..11)
            .map(|i| member_commitment(&SALT, i, &digest(i)))
            .collect();
        let tree = BatchTree::of_commitments(&commitments).unwrap();
        Self {
            salt: Some(member_salt(&SALT, 5)),
            batch: tree.prove(5),
            ..Self::of(tree.lodged())
        }
    }

    /// The receipt: genesis, a first block of one statement, a second of three with this one last
    /// but one.
    pub fn receipt(&self, network: &Network) -> Receipt {
        let of_text = |t: &str| super::statement(plain_deposit(Hash::of(t.as_bytes())));
        let ours = self.statement();
        let first = vec![of_text("a")];
        let second = vec![of_text("b"), ours.clone(), of_text("c")];
        let mut leaves = vec![Hash::leaf(b"genesis")];
        let mut seal = None;
        let mut outcomes = Vec::new();
        for (height, block) in [(1, first), (2, second)] {
            let first_leaf = LeafIndex(leaves.len() as u64);
            leaves.extend(block.iter().map(|s| s.id().0));
            outcomes = block
                .iter()
                .map(|s| self.outcome(s.id(), ours.id()))
                .collect();
            let new = Seal {
                network: name(&self.seal_network),
                height: Height(height),
                time: TimeMs(1_700_000_000_000 + height * 1_000),
                previous_seal: seal.map_or(leaves[0], |s: Seal| s.leaf()),
                first_leaf,
                outcomes_root: outcomes_root(&outcomes),
                state_root: Hash::of(b"state"),
                validator_set_hash: Hash::of(b"validators"),
                protocol_version: 1,
            };
            leaves.push(new.leaf());
            seal = Some(new);
        }
        let seal = seal.unwrap();
        let seal_index = leaves.len() - 1;
        leaves.push(Hash::leaf(b"an entry of a later block"));
        let index = leaves.iter().position(|leaf| *leaf == ours.id().0).unwrap();
        let head = Checkpoint {
            origin: self.origin.clone(),
            size: TreeSize(leaves.len() as u64),
            root: merkle::root_of_leaves(&leaves),
        };
        let seal_path = merkle::inclusion_path(&leaves, seal_index);
        Receipt {
            index: LeafIndex(index as u64),
            path: merkle::inclusion_path(&leaves, index),
            extra: ReceiptExtra {
                entry: ours.entry(),
                salt: self.salt,
                batch: self.batch.clone(),
                outcome: OutcomeProof::new(&outcomes, 1),
                seal: SealProof::new(&seal, LeafIndex(seal_index as u64), seal_path),
                chain: self.chain.clone(),
            },
            checkpoint: network.sign(&head, &self.signers),
        }
    }

    /// The standard statement with a signature whose R has a component of order eight: ZIP-215
    /// accepts it, the strict rule does not. Made apart from this code, from RFC 8032's formulas.
    pub fn zip215_only() -> Self {
        let (r, s) = (
            "188a396141658828628321869295196ce807e0bc340be8442dec59bc4823103d",
            "8bead498a21c4f1eab99f1770c2d3eb46408fedc4c82652eb7a0ff250b3e0d0d",
        );
        let bytes = hex::decode([r, s].concat()).unwrap().try_into().unwrap();
        Self {
            signature: Some(Signature(bytes)),
            ..Self::standard()
        }
    }

    pub fn statement(&self) -> Statement {
        let statement = super::statement(self.deposit.clone());
        let signature = self.signature.unwrap_or(statement.signature);
        Statement {
            signature,
            ..statement
        }
    }

    fn outcome(&self, id: StatementId, ours: StatementId) -> Outcome {
        let code = if id == ours {
            self.code
        } else {
            OutcomeCode::DONE
        };
        Outcome {
            code,
            ..Outcome::done(id)
        }
    }
}

pub fn document() -> DocumentDigest {
    DocumentDigest::sha256(DOCUMENT)
}
