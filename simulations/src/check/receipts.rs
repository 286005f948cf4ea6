//! Receipt signatures of published tree heads (RFC 9942), judged from the RFC's bytes: nothing of
//! the code that makes them is used here but the signature scheme.

use crate::founders::Founders;
use messages::checkpoint::Checkpoint;
use messages::hash::Hash;
use messages::keys::{PublicKey, Signature};
use messages::stored::HeadSignatures;
use std::collections::BTreeSet;

/// A CBOR head: three bits of major type, and the argument in its shortest form.
fn head(major: u8, n: u64) -> Vec<u8> {
    let major = major << 5;
    match n {
        0..24 => vec![major | n as u8],
        24..0x100 => vec![major | 24, n as u8],
        0x100..0x1_0000 => [&[major | 25][..], &(n as u16).to_be_bytes()].concat(),
        0x1_0000..0x1_0000_0000 => [&[major | 26][..], &(n as u32).to_be_bytes()].concat(),
        _ => [&[major | 27][..], &n.to_be_bytes()].concat(),
    }
}

fn text(text: &str) -> Vec<u8> {
    [head(3, text.len() as u64), text.as_bytes().to_vec()].concat()
}

fn bytes(bytes: &[u8]) -> Vec<u8> {
    [head(2, bytes.len() as u64), bytes.to_vec()].concat()
}

/// `["Signature1", << {1: -8, 4: kid, 15: {1: iss, 2: sub, -65537: size}, 395: 1} >>, h'', root]`.
fn signed(origin: &str, size: u64, key_id: &[u8], root: &[u8]) -> Vec<u8> {
    let claims = [
        head(5, 3),
        [head(0, 1), text(origin)].concat(),
        [head(0, 2), text(origin)].concat(),
        [head(1, 65_536), head(0, size)].concat(),
    ];
    let protected = [
        head(5, 4),
        [head(0, 1), head(1, 7)].concat(),
        [head(0, 4), bytes(key_id)].concat(),
        [head(0, 15), claims.concat()].concat(),
        [head(0, 395), head(0, 1)].concat(),
    ];
    [
        head(4, 4),
        text("Signature1"),
        bytes(&protected.concat()),
        bytes(&[]),
        bytes(root),
    ]
    .concat()
}

fn key_id(key: &PublicKey) -> [u8; 8] {
    let mut id = [0; 8];
    id.copy_from_slice(&Hash::of(&key.0).0[..8]);
    id
}

/// Whether a validator signed receipts of the head with this checkpoint text.
pub fn is_signed(founders: &Founders, node: usize, text: &str, signature: &[u8]) -> bool {
    let genesis = &founders.genesis;
    let key = genesis.validators[node].receipt;
    let Ok(head) = Checkpoint::parse(text) else {
        return false;
    };
    let message = signed(&genesis.origin, head.size.0, &key_id(&key), &head.root.0);
    let signature: Result<[u8; 64], _> = signature.try_into();
    signature.is_ok_and(|signature| {
        let signature = Signature(signature);
        founders.verifier.verify_message(&key, &message, &signature)
    })
}

/// What is wrong with the receipt signatures beside a published note: it needs valid ones of more
/// than two thirds of the validators, each once, as every honest one that cosigns also signs these; `withheld` of
/// those who cosigned may not have.
pub fn complaint(
    founders: &Founders,
    note: &str,
    published: &HeadSignatures,
    withheld: usize,
) -> Option<String> {
    let genesis = &founders.genesis;
    let n = genesis.validators.len();
    let mut signers = BTreeSet::new();
    let text = note.find("\n\n").map_or(note, |end| &note[..=end]);
    for made in &published.signatures {
        let place = (0..n).find(|i| key_id(&genesis.validators[*i].receipt) == made.key_id);
        let valid = place.filter(|i| is_signed(founders, *i, text, &made.signature.0));
        match valid {
            Some(place) if signers.insert(place) => {}
            _ => return Some("a receipt signature is of nobody, invalid, or there twice".into()),
        }
    }
    let (found, all) = (signers.len(), n);
    (3 * (found + withheld) <= 2 * all)
        .then(|| format!("receipt signatures of {found} of {all} validators"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use messages::cose_receipt::HeadSignature;
    use messages::ids::TreeSize;
    use messages::keys::PrivateKey;

    #[test]
    fn the_signed_bytes_are_those_of_the_ledger() {
        let key = PrivateKey::from_seed(&[3; 32]);
        for size in [2, 23, 24, 255, 256, 65_535, 65_536, 1 << 33] {
            let head = Checkpoint {
                origin: "sim.example/log".into(),
                size: TreeSize(size),
                root: Hash::of(b"root"),
            };
            let made = HeadSignature::sign(&key, &head);
            let own = signed(&head.origin, size, &key_id(&key.public()), &head.root.0);
            assert_eq!(made.message(&head.root), own, "size {size}");
        }
    }
}
