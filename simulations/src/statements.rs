//! Statements that clients deposit, signed once per process and the same in every world: what a
//! world draws is which of them it uses.

use crate::founders::{key, name};
use bytes::Bytes;
use messages::hash::Hash;
use messages::ids::StatementId;
use messages::keys::StatementCheck;
use messages::ports::{BatchedZip215, SignatureChecker};
use messages::statement::{Deposit, DigestAlgorithm, Lodged, Statement};
use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock, Mutex};

/// Depositors there are.
pub const DEPOSITORS: usize = 4;
/// Sizes of bodies are rounded up to so many bytes, so that few are signed.
const BODY_STEP_BYTES: u64 = 16_384;
/// Verdicts kept; a fuller memory begins anew.
const VERDICTS_MAX: usize = 100_000;

/// A statement ready to be submitted.
#[derive(Clone, Debug)]
pub struct Signed {
    /// Its id.
    pub id: StatementId,
    /// Its entry.
    pub entry: Bytes,
    /// The content it lodges beside the log, if any.
    pub body: Option<Bytes>,
}

type Key = (usize, usize, u64);

/// The statement of a depositor with this number, which lodges a body of about so many bytes when
/// that is not 0.
///
/// # Panics
/// Never: nobody panics while holding the statements.
pub fn statement(depositor: usize, number: usize, body_bytes: u64) -> Signed {
    // Without the bodies, which would fill the memory.
    static SIGNED: LazyLock<Mutex<BTreeMap<Key, Signed>>> = LazyLock::new(Mutex::default);
    let body_bytes = body_bytes.next_multiple_of(BODY_STEP_BYTES);
    let mut signed = SIGNED.lock().expect("no code panics while it signs");
    let place = (depositor, number, body_bytes);
    let signed = signed.entry(place).or_insert_with(|| sign(place)).clone();
    Signed {
        body: body(number, body_bytes),
        ..signed
    }
}

fn body(number: usize, bytes: u64) -> Option<Bytes> {
    (bytes > 0).then(|| Bytes::from([number as u8].repeat(bytes as usize)))
}

fn sign((depositor, number, body_bytes): Key) -> Signed {
    let body = body(number, body_bytes);
    let lodged = match &body {
        Some(body) => Lodged::Body {
            digest: Hash::of(body),
            size: body.len() as u64,
        },
        None => Lodged::Digest(Hash::of(&(number as u64).to_be_bytes())),
    };
    let statement = Statement::sign(
        &key(&format!("depositor-{depositor}")),
        "a depositor",
        "a document",
        deposit("sim", "public", lodged),
    )
    .expect("the simulation's deposits can be signed");
    Signed {
        id: statement.id(),
        entry: statement.entry().into(),
        body: None,
    }
}

/// A deposit of the simulation.
pub fn deposit(network: &str, namespace: &str, lodged: Lodged) -> Deposit {
    Deposit {
        network: name(network),
        namespace: name(namespace),
        lodged,
        algorithm: DigestAlgorithm::Sha256,
        declared_time: None,
        not_before: None,
        references: Vec::new(),
    }
}

/// The ledger's rule for depositors' signatures, each judged once per process: the verdict on the
/// same bytes never changes.
#[derive(Clone, Debug, Default)]
pub struct RememberingChecker(Arc<BatchedZip215>);

impl SignatureChecker for RememberingChecker {
    fn check(&self, statements: &[StatementCheck<'_>]) -> Vec<bool> {
        static VERDICTS: LazyLock<Mutex<BTreeMap<Hash, bool>>> = LazyLock::new(Mutex::default);
        let mut known = VERDICTS.lock().expect("no code panics while it judges");
        if known.len() > VERDICTS_MAX {
            known.clear();
        }
        let mut judge = |check: &StatementCheck<'_>| {
            let parts: [&[u8]; 3] = [&check.key.0, &check.signature.0, check.message];
            let judged = known.entry(Hash::of_parts(&parts));
            *judged.or_insert_with(|| self.0.check(std::slice::from_ref(check))[0])
        };
        statements.iter().map(&mut judge).collect()
    }
}
