"""The signed statement: a COSE_Sign1 (RFC 9052 section 4.2) by the depositor's own key.

    entry     = 18([protected, {}, payload, signature])
    protected = {1: -8 (EdDSA), 3: content type, 4: key id, 15: {1: issuer, 2: subject,
                 8: {1: {1: 1, -1: 6, -2: public key}}}}
    payload   = [1, network, namespace, mode, algorithm, value, declared time or null,
                 not-before checkpoint hash or null, [references]]

| mode | name | value |
|---|---|---|
| 0 | digest | SHA-256 of the document |
| 1 | commitment | SHA-256("wutong/commit/v1" || salt || algorithm || digest) |
| 2 | content | the document itself, inside the entry |
| 3 | batch | [root, count] of a tree over commitments |
| 4 | body | [SHA-256, size]; the network keeps the content beside the log |

`Statement.parse` accepts exactly the bytes that `Statement.entry` gives. It judges no signature.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from functools import cached_property
from typing import Any

from . import cbor, ed25519, keys
from .document import SHA256, Digest, Document, bytes_of, digest_of
from .errors import FormError
from .keys import PrivateKey
from .merkle import leaf_hash, sha256
from .note import is_control

ENTRY_BYTES_MAX = 65_535
"""Most bytes of an entry (C2SP tlog-tiles: bundles carry a 16-bit length)."""
BODY_BYTES_MAX = 4 << 20
"""Most bytes of a body that a network keeps."""
PARTY_BYTES_MAX = 256
"""Most bytes of an issuer or subject."""
REFERENCES_MAX = 16
"""Most statements that one deposit may refer to."""
CONTENT_TYPE = "application/vnd.wutong.deposit.v1+cbor"
"""Media type in the protected header of a deposit."""


class Mode(IntEnum):
    """What a deposit's value is."""

    DIGEST = 0
    COMMITMENT = 1
    CONTENT = 2
    BATCH = 3
    BODY = 4


@dataclass(frozen=True)
class BatchValue:
    """Value of a batch: RFC 6962 root over `count` commitments, at least one."""

    root: bytes
    count: int


@dataclass(frozen=True)
class BodyValue:
    """Value of a body: its SHA-256 and its size in bytes, at least one."""

    sha256: bytes
    size: int


Value = bytes | BatchValue | BodyValue


def commit(salt: bytes, digest: Digest) -> bytes:
    """The salted commitment to a digest; without the 32-byte salt nobody recognises it."""
    return sha256(b"wutong/commit/v1", salt, bytes([digest.algorithm]), digest.value)


def new_salt() -> bytes:
    """Thirty-two random bytes."""
    return secrets.token_bytes(32)


@dataclass(frozen=True)
class Deposit:
    """The payload: what a depositor lodges. Time in milliseconds since the Unix epoch."""

    network: str
    namespace: str
    mode: Mode
    value: Value
    declared_time_ms: int | None = None
    not_before: bytes | None = None
    references: tuple[bytes, ...] = ()
    algorithm: int = SHA256

    def encode(self) -> bytes:
        """The payload's canonical bytes."""
        value: Any = self.value
        if isinstance(value, BatchValue):
            value = [value.root, value.count]
        elif isinstance(value, BodyValue):
            value = [value.sha256, value.size]
        return cbor.encode([1, self.network, self.namespace, int(self.mode), self.algorithm,
                            value, self.declared_time_ms, self.not_before,
                            list(self.references)])

    @classmethod
    def parse(cls, data: bytes) -> Deposit:
        """Reads canonical bytes; raises `FormError` that names the field."""
        fields = cbor.array(cbor.decode(data, "payload"), 9, "payload")
        if fields[0] != 1:
            raise FormError("version", f"expected 1, found {cbor.describe(fields[0])}")
        number = cbor.uint(fields[3], "mode")
        if number not in Mode.__members__.values():
            raise FormError("mode", f"expected 0 to {max(Mode)}, found {number}")
        if fields[4] != SHA256:
            raise FormError(
                "algorithm", f"expected 1 (SHA-256), found {cbor.describe(fields[4])}")
        declared, not_before = fields[6], fields[7]
        if declared is not None:
            cbor.uint(declared, "declared time")
        if not_before is not None:
            cbor.byte_string(not_before, "not before", 32)
        return cls(
            network=cbor.name(fields[1], "network"),
            namespace=cbor.name(fields[2], "namespace"),
            mode=Mode(number),
            value=_value(Mode(number), fields[5]),
            declared_time_ms=declared,
            not_before=not_before,
            references=tuple(cbor.hashes(fields[8], "references", REFERENCES_MAX)),
        )


def _value(mode: Mode, value: Any) -> Value:
    if mode is Mode.CONTENT:
        content = cbor.byte_string(value, "value")
        if not content:
            raise FormError("value", "expected at least one byte of content, found none")
        return content
    if mode in (Mode.BATCH, Mode.BODY):
        first, number = cbor.array(value, 2, "value")
        cbor.byte_string(first, "value", 32)
        if cbor.uint(number, "value") == 0:
            raise FormError("value", "expected a number of 1 or more, found 0")
        return BatchValue(first, number) if mode is Mode.BATCH else BodyValue(first, number)
    return cbor.byte_string(value, "value", 32)


@dataclass(frozen=True)
class Statement:
    """A statement as logged: its unprotected header is empty.

    `issuer` and `subject` are the author's words; `key` is the author's key (32 bytes).
    """

    issuer: str
    subject: str
    key: bytes
    deposit: Deposit
    signature: bytes

    @cached_property
    def entry(self) -> bytes:
        """The bytes that are logged."""
        parts = [self._protected(), {}, self.deposit.encode(), self.signature]
        return cbor.encode(cbor.Tag(18, parts))

    @cached_property
    def id(self) -> bytes:
        """The statement's identity: the RFC 6962 leaf hash of its entry, 32 bytes."""
        return leaf_hash(self.entry)

    def sig_structure(self) -> bytes:
        """The signed bytes (RFC 9052 section 4.4)."""
        return cbor.encode(["Signature1", self._protected(), b"", self.deposit.encode()])

    def _protected(self) -> bytes:
        cose_key = {1: 1, -1: 6, -2: self.key}
        claims = {1: self.issuer, 2: self.subject, 8: {1: cose_key}}
        return cbor.encode({1: -8, 3: CONTENT_TYPE, 4: keys.cose_key_id(self.key), 15: claims})

    @classmethod
    def parse(cls, entry: bytes) -> Statement:
        """Reads an entry strictly; raises `FormError` that names the field."""
        if not 1 <= len(entry) <= ENTRY_BYTES_MAX:
            raise FormError("entry", f"expected 1 to {ENTRY_BYTES_MAX} bytes, found {len(entry)}")
        tag = cbor.decode(entry, "entry")
        if not isinstance(tag, cbor.Tag) or tag.number != 18:
            raise FormError("entry", "expected CBOR tag 18, found something else")
        protected, unprotected, payload, signature = cbor.array(tag.value, 4, "entry")
        if unprotected != {}:
            raise FormError("unprotected header", "expected an empty map, found something else")
        header = cbor.decode(cbor.byte_string(protected, "protected header"), "protected header")
        issuer, subject, key = _read_header(header)
        statement = cls(issuer, subject, key,
                        Deposit.parse(cbor.byte_string(payload, "payload")),
                        cbor.byte_string(signature, "signature", 64))
        if statement.entry != entry:
            raise FormError("entry", "not in deterministic form (RFC 8949 section 4.2.1)")
        return statement


def _map(value: Any, wanted: Sequence[int], field: str) -> list[Any]:
    """The values of a map that has exactly the keys `wanted`, in their order."""
    if not isinstance(value, dict) or set(value) != set(wanted):
        raise FormError(field, f"expected a map of {list(wanted)}, found something else")
    return [value[key] for key in wanted]


def _read_header(header: Any) -> tuple[str, str, bytes]:
    """Issuer, subject and key of a protected header."""
    algorithm, kind, key_id, claims = _map(header, (1, 3, 4, 15), "protected header")
    if algorithm != -8:
        raise FormError(
            "algorithm of the signature", f"expected -8, found {cbor.describe(algorithm)}")
    if kind != CONTENT_TYPE:
        raise FormError("content type", f"expected {CONTENT_TYPE}, found {str(kind)[:80]!r}")
    issuer, subject, confirmation = _map(claims, (1, 2, 8), "claims")
    (cose_key,) = _map(confirmation, (1,), "key")
    key_type, curve, key = _map(cose_key, (1, -1, -2), "key")
    if (key_type, curve) != (1, 6):
        raise FormError("key", "expected a COSE key of type 1 on curve 6, found another")
    cbor.byte_string(key, "key", 32)
    if key_id != keys.cose_key_id(key):
        raise FormError("key id", f"expected {keys.cose_key_id(key).hex()}, found another")
    return check_party(issuer, "issuer"), check_party(subject, "subject"), key


def check_party(value: Any, field: str) -> str:
    """`value` as an issuer or subject: 1 to 256 bytes of text without control characters."""
    text = cbor.text(value, field)
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        raise FormError(field, "expected Unicode text, found lone surrogates") from None
    if not 1 <= size <= PARTY_BYTES_MAX:
        raise FormError(field, f"expected 1 to {PARTY_BYTES_MAX} bytes, found {size}")
    control = next((c for c in text if is_control(c)), None)
    if control is not None:
        raise FormError(field, f"expected no control characters, found {control!r}")
    return text


@dataclass(frozen=True)
class Draft:
    """A deposit to be signed, and the salt that opens its commitment (none in other modes).

    The salt exists nowhere else: keep it before anything is sent.
    """

    deposit: Deposit
    salt: bytes | None = None


NOW = object()
"""Stands for this machine's clock as the declared time."""


def build_deposit(document: Document, *, network: str, namespace: str = "public",
                  mode: Mode | str = Mode.COMMITMENT, salt: bytes | None = None,
                  declared_time_ms: int | None | object = NOW, not_before: bytes | None = None,
                  references: Sequence[bytes] = ()) -> Draft:
    """The deposit of one document, in any mode but `BATCH` (see `batch.build_batch`).

    `mode` is a `Mode` or its name in lower case; a commitment gets a random salt unless `salt`
    (32 bytes) is given. `declared_time_ms` is the depositor's own claim, none for no claim.
    Raises `FormError` for values that a deposit cannot have, `OSError` for unreadable files.
    """
    mode = Mode[mode.upper()] if isinstance(mode, str) else Mode(mode)
    if mode is Mode.BATCH:
        raise FormError("mode", "expected a mode of one document: use batch.build_batch")
    if mode is not Mode.COMMITMENT and salt is not None:
        raise FormError("salt", f"expected none in mode {mode.name.lower()}, found one")
    value: Value
    if mode is Mode.CONTENT:
        value = bytes_of(document, ENTRY_BYTES_MAX, "content")
    elif mode is Mode.BODY:
        body = bytes_of(document, BODY_BYTES_MAX, "body")
        value = BodyValue(sha256(body), len(body))
    elif mode is Mode.COMMITMENT:
        salt = new_salt() if salt is None else cbor.byte_string(salt, "salt", 32)
        value = commit(salt, digest_of(document))
    else:
        value = digest_of(document).value
    return Draft(checked(Deposit(network, namespace, mode, value, declared(declared_time_ms),
                                 not_before, tuple(references))), salt)


def declared(time_ms: int | None | object) -> int | None:
    """The declared time in milliseconds; `NOW` is read from this machine's clock."""
    return time.time_ns() // 1_000_000 if time_ms is NOW else time_ms  # type: ignore[return-value]


def checked(deposit: Deposit) -> Deposit:
    """`deposit` when a reader would take it; raises `FormError` that names the field."""
    again = Deposit.parse(deposit.encode())
    if again != deposit:
        raise FormError("payload", "expected values that are read as they were written")
    return deposit


def sign_statement(key: PrivateKey, deposit: Deposit | Draft, *, issuer: str | None = None,
                   subject: str = "file") -> Statement:
    """Signs a deposit; the issuer is `key:KEYID` when not given, as `wutong deposit` writes it.

    Everybody can read issuer and subject: keep them opaque in namespaces that are not public.
    Raises `FormError` when a field is not of its form or the entry would be too long.
    """
    payload = deposit.deposit if isinstance(deposit, Draft) else deposit
    issuer = f"key:{keys.fingerprint(key.public)}" if issuer is None else issuer
    draft = Statement(check_party(issuer, "issuer"), check_party(subject, "subject"), key.public,
                      checked(payload), bytes(64))
    message = draft.sig_structure()
    statement = replace(draft, signature=key.sign(message))
    assert ed25519.verify_strict(key.public, message, statement.signature), "it was just signed"
    return Statement.parse(statement.entry)
