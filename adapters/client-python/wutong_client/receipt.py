"""The receipt: what a depositor keeps, and all that a stranger with the policy needs.

It is a C2SP tlog-proof: a first line, `extra`, `index`, the inclusion path, a blank line, the
signed checkpoint. The extra data is CBOR:

    [1, entry, salt or null, batch or null, [outcome, index, count, path],
     [seal, leaf index, path], chain, null]
    batch = [member index, path]
    chain = [[policy entry, index, path, checkpoint text], ...], at most 64 links

Nothing in it is trusted: `verify` proves every part again. A receipt carries exactly one log
line, written first, and no spare bytes, so that a receipt altered anywhere is refused.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from . import cbor
from .errors import FormError
from .merkle import leaf_hash
from .note import (Checkpoint, Note, check_signature_lines, decode_base64, encode_base64,
                   parse_decimal)

HEADER = "c2sp.org/tlog-proof@v1"
"""First line of a receipt."""
RECEIPT_BYTES_MAX = 262_144
"""Most bytes of a receipt."""
PATH_MAX = 64
"""Most hashes of a path: a tree of 2^64 leaves has no longer one."""
LINKS_MAX = 64
"""Most links of a policy chain."""


@dataclass(frozen=True)
class OutcomeProof:
    """An outcome's bytes and its place among the `count` statements of its block."""

    data: bytes
    index: int
    count: int
    path: tuple[bytes, ...]


@dataclass(frozen=True)
class SealProof:
    """A seal's bytes and its place in the log."""

    data: bytes
    index: int
    path: tuple[bytes, ...]


@dataclass(frozen=True)
class BatchMember:
    """A member's position in its batch and the path from its leaf to the batch's root."""

    index: int
    path: tuple[bytes, ...]


@dataclass(frozen=True)
class Link:
    """A policy entry of the log, proven by a checkpoint that a policy trusted before signed.

    `checkpoint` is the text of a signed note; it is read when the link is judged.
    """

    entry: bytes
    index: int
    path: tuple[bytes, ...]
    checkpoint: str


@dataclass(frozen=True)
class PolicyEntry:
    """`[1, network, epoch, policy text, [[validator name, receipt key], ...]]`."""

    network: str
    epoch: int
    policy_text: str
    receipt_keys: tuple[tuple[str, bytes], ...]

    def encode(self) -> bytes:
        """The canonical bytes, an entry of the log."""
        keys = [[name, key] for name, key in self.receipt_keys]
        return cbor.encode([1, self.network, self.epoch, self.policy_text, keys])

    @classmethod
    def parse(cls, data: bytes) -> PolicyEntry:
        """Reads canonical bytes; raises `FormError`."""
        fields = cbor.array(cbor.decode(data, "policy entry"), 5, "policy entry")
        if fields[0] != 1:
            raise FormError(
                "policy entry version", f"expected 1, found {cbor.describe(fields[0])}")
        if not isinstance(fields[4], list):
            raise FormError("receipt keys", "expected an array, found something else")
        pairs = [cbor.array(pair, 2, "receipt keys") for pair in fields[4]]
        keys = ((cbor.name(name, "validator"), cbor.byte_string(key, "receipt key", 32))
                for name, key in pairs)
        return cls(cbor.name(fields[1], "policy network"), cbor.uint(fields[2], "epoch"),
                   cbor.text(fields[3], "policy text"), tuple(keys))


@dataclass(frozen=True)
class Receipt:
    """An entry, its place in the log, its outcome and seal, and a signed checkpoint over them.

    `salt` (32 bytes) opens a commitment; only the depositor's copy has it.
    """

    index: int
    path: tuple[bytes, ...]
    entry: bytes
    outcome: OutcomeProof
    seal: SealProof
    checkpoint: Note
    salt: bytes | None = None
    batch: BatchMember | None = None
    chain: tuple[Link, ...] = ()

    @property
    def id(self) -> bytes:
        """Id of the statement, 32 bytes."""
        return leaf_hash(self.entry)

    def tree_head(self) -> Checkpoint:
        """The tree head that the receipt is proven by."""
        return Checkpoint.parse(self.checkpoint.text)

    def with_salt(self, salt: bytes | None) -> Receipt:
        """The same receipt with the salt that opens its commitment; nodes never know it."""
        return replace(self, salt=salt)

    def with_chain(self, links: Iterable[Link]) -> Receipt:
        """The same receipt with links from an older or newer policy to its own."""
        return replace(self, chain=tuple(links))

    def extra(self) -> bytes:
        """The extra data's canonical bytes."""
        outcome, seal, batch = self.outcome, self.seal, self.batch
        member = None if batch is None else [batch.index, list(batch.path)]
        links = [[link.entry, link.index, list(link.path), link.checkpoint]
                 for link in self.chain]
        return cbor.encode([
            1, self.entry, self.salt, member,
            [outcome.data, outcome.index, outcome.count, list(outcome.path)],
            [seal.data, seal.index, list(seal.path)],
            links, None,
        ])

    def encode(self) -> bytes:
        """The receipt file's bytes."""
        lines = [HEADER, f"extra {encode_base64(self.extra())}", f"index {self.index}"]
        lines += [encode_base64(node) for node in self.path]
        return ("\n".join(lines) + "\n\n" + self.checkpoint.encode()).encode()

    @classmethod
    def parse(cls, data: bytes) -> Receipt:
        """Reads a receipt file so that `encode` gives the same bytes.

        Judges no signature. Raises `FormError` for anything else.
        """
        if len(data) > RECEIPT_BYTES_MAX:
            raise FormError(
                "proof", f"expected at most {RECEIPT_BYTES_MAX} bytes, found {len(data)}")
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError:
            raise FormError("receipt", "expected UTF-8 text, found other bytes") from None
        head, blank, note = text.partition("\n\n")
        if not blank:
            raise FormError("proof", "expected a blank line before the checkpoint, found none")
        extra, index, path = _read_head(head.split("\n"))
        checkpoint = Note.parse(note)
        receipt = _read_extra(extra, index, path, checkpoint)
        check_signature_lines(checkpoint)
        if receipt.encode() != data:
            raise FormError("receipt", "not in canonical form")
        return receipt


def _read_head(lines: list[str]) -> tuple[bytes, int, tuple[bytes, ...]]:
    """Extra data, index and path of the lines above the checkpoint."""
    if lines[0] != HEADER:
        raise FormError("first line", f"expected {HEADER!r}, found {lines[0][:80]!r}")
    if len(lines) < 2 or not lines[1].startswith("extra "):
        raise FormError("extra", "expected the entry and its proofs, found none")
    extra = decode_base64(lines[1].removeprefix("extra "), "extra")
    line = lines[2] if len(lines) > 2 else ""
    index = parse_decimal(line.removeprefix("index ")) if line.startswith("index ") else None
    if index is None:
        raise FormError("index", f'expected "index <decimal>", found {line[:80]!r}')
    if len(lines) - 3 > PATH_MAX:
        raise FormError("path", f"expected at most {PATH_MAX} hashes, found {len(lines) - 3}")
    path = tuple(decode_base64(encoded, "path") for encoded in lines[3:])
    for position, node in enumerate(path, 1):
        if len(node) != 32:
            raise FormError(f"path line {position}", f"expected 32 bytes, found {len(node)}")
    return extra, index, path


def _read_extra(data: bytes, index: int, path: tuple[bytes, ...], checkpoint: Note) -> Receipt:
    fields = cbor.array(cbor.decode(data, "extra"), 8, "extra")
    if fields[0] != 1:
        raise FormError("extra version", f"expected 1, found {cbor.describe(fields[0])}")
    salt, token = fields[2], fields[7]
    if salt is not None:
        cbor.byte_string(salt, "salt", 32)
    if token is not None:
        raise FormError("time-stamp token", "expected null, found something else")
    outcome = cbor.array(fields[4], 4, "outcome proof")
    seal = cbor.array(fields[5], 3, "seal proof")
    links = cbor.array_up_to(fields[6], LINKS_MAX, "policy chain")
    return Receipt(
        index=index,
        path=path,
        entry=cbor.byte_string(fields[1], "entry"),
        outcome=OutcomeProof(cbor.byte_string(outcome[0], "outcome"),
                             cbor.uint(outcome[1], "outcome index"),
                             cbor.uint(outcome[2], "outcome count"),
                             _path(outcome[3], "outcome path")),
        seal=SealProof(cbor.byte_string(seal[0], "seal"), cbor.uint(seal[1], "seal index"),
                       _path(seal[2], "seal path")),
        checkpoint=checkpoint,
        salt=salt,
        batch=_read_batch(fields[3]),
        chain=tuple(_read_link(link) for link in links),
    )


def _path(value: Any, field: str) -> tuple[bytes, ...]:
    return tuple(cbor.hashes(value, field, PATH_MAX))


def _read_batch(value: Any) -> BatchMember | None:
    if value is None:
        return None
    index, path = cbor.array(value, 2, "batch path")
    return BatchMember(cbor.uint(index, "batch index"), _path(path, "batch path"))


def _read_link(value: Any) -> Link:
    entry, index, path, checkpoint = cbor.array(value, 4, "policy chain")
    return Link(cbor.byte_string(entry, "policy entry"), cbor.uint(index, "policy index"),
                _path(path, "policy path"), cbor.text(checkpoint, "policy checkpoint"))
