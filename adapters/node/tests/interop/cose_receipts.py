"""COSE receipts and the transparent statement, judged by scitt-cose and by pycose.

scitt-cose reads the receipts, follows their paths and verifies statement and receipts. pycose, a
COSE library of other authors, verifies the same signatures over the roots that scitt-cose found.
Neither counts a quorum of receipts, so that is done here.
"""

import cbor2
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from pycose.headers import KID
from pycose.keys import OKPKey
from pycose.keys.curves import Ed25519
from pycose.messages import Sign1Message
from scitt_cose import extract_receipts, parse_signed_statement, verify_receipt

from reading import receipt_keys, verdict


def pem(key):
    public = Ed25519PublicKey.from_public_bytes(key)
    return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def pycose_verifies(message, key, payload=None):
    decoded = Sign1Message.decode(message)
    if payload is not None:
        decoded.payload = payload
    decoded.key = OKPKey(crv=Ed25519, x=key)
    return decoded.verify_signature()


def judge(case):
    transparent = (case / "transparent.cose").read_bytes()
    keys, quorum = receipt_keys(case)
    protected, unprotected, payload, signature = cbor2.loads(transparent).value
    assert set(unprotected) == {394}, "receipts and nothing else beside the statement"
    # What is logged is the statement with an empty unprotected header (RFC 9943).
    logged = cbor2.dumps(cbor2.CBORTag(18, [protected, {}, payload, signature]))
    depositor = cbor2.loads(protected)[15][8][1][-2]
    statement = parse_signed_statement(transparent, public_key_pem=pem(depositor))
    assert statement["signature_verified"] is True, "the depositor's signature"
    assert pycose_verifies(logged, depositor), "the depositor's signature, by pycose"
    signers, heads = set(), set()
    for receipt in extract_receipts(transparent):
        kid = Sign1Message.decode(receipt).phdr[KID]
        assert kid in keys, f"a receipt by a stranger, {kid.hex()}"
        result = verify_receipt(
            receipt, leaf_entry_hex=logged.hex(), log_public_key_pem=pem(keys[kid])
        )
        assert result.ok, f"receipt of {kid.hex()}: {result.errors}"
        assert result.issuer and result.issuer == result.subject, "issuer and subject are the log"
        root = bytes.fromhex(result.root)
        assert pycose_verifies(receipt, keys[kid], root), "the same receipt, by pycose"
        signers.add(kid)
        heads.add((result.issuer, result.tree_size, result.leaf_index, result.root))
    assert len(heads) == 1, f"receipts of one tree head: {heads}"
    assert len(signers) >= quorum, f"a quorum of {quorum}: {len(signers)}"
    return f"{len(signers)} receipts of {statement['issuer']} over {heads.pop()}"


verdict(judge)
