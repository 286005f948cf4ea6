"""Batches: many documents under one statement, each with a receipt of its own.

The statement logs the root and the count of an RFC 6962 tree whose leaves are
SHA-256(0x00 || commitment), one salted commitment per document in the order given. A member's
receipt is the batch's with the member's salt, index and path added: nobody who holds one learns
anything of the others.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from . import cbor
from .document import Document, digest_of
from .errors import FormError
from .merkle import inclusion_paths, leaf_hash, root_of_leaves
from .receipt import BatchMember, Receipt
from .statement import NOW, BatchValue, Deposit, Mode, checked, commit, declared, new_salt


@dataclass(frozen=True)
class Member:
    """One document of a batch: its salt (32 bytes), its position, its path to the root."""

    salt: bytes
    index: int
    path: tuple[bytes, ...]


@dataclass(frozen=True)
class Batch:
    """The deposit of a batch and what opens each member.

    The salts exist nowhere else: keep them before anything is sent.
    """

    deposit: Deposit
    members: tuple[Member, ...]


def build_batch(documents: Iterable[Document], *, network: str, namespace: str = "public",
                salts: Sequence[bytes] | None = None,
                declared_time_ms: int | None | object = NOW, not_before: bytes | None = None,
                references: Sequence[bytes] = ()) -> Batch:
    """The deposit of at least one document under one root.

    Files are hashed in a stream, one after the other. `salts` are 32 bytes each, random when not
    given. Raises `FormError` for no documents or salts of another number, `OSError` for files.
    """
    digests = [digest_of(document) for document in documents]
    salts = [new_salt() for _ in digests] if salts is None else list(salts)
    if not digests or len(salts) != len(digests):
        raise FormError(
            "batch", f"expected documents and a salt each, found {len(digests)} documents "
                     f"and {len(salts)} salts")
    leaves = [leaf_hash(commit(cbor.byte_string(salt, "salt", 32), digest))
              for salt, digest in zip(salts, digests, strict=True)]
    value = BatchValue(root_of_leaves(leaves), len(leaves))
    deposit = checked(Deposit(network, namespace, Mode.BATCH, value, declared(declared_time_ms),
                              not_before, tuple(references)))
    paths = inclusion_paths(leaves)
    members = (Member(salt, index, tuple(path))
               for index, (salt, path) in enumerate(zip(salts, paths, strict=True)))
    return Batch(deposit, tuple(members))


def member_receipt(receipt: Receipt, member: Member) -> Receipt:
    """The receipt of one member, from the batch's receipt as a node gives it."""
    batch = BatchMember(member.index, member.path)
    return replace(receipt, salt=member.salt, batch=batch)
