"""Documents: a path, bytes, or a digest computed elsewhere. Files are hashed in a stream."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass

from .errors import FormError

CHUNK_BYTES = 1 << 20
"""Bytes of a file that are held at a time."""

SHA256 = 1
"""Number of SHA-256 among the digest algorithms of deposits."""


@dataclass(frozen=True)
class Digest:
    """The SHA-256 of a document, 32 bytes; `algorithm` is its number in deposits."""

    value: bytes
    algorithm: int = SHA256

    def __post_init__(self) -> None:
        if len(self.value) != 32:
            raise FormError("digest", f"expected 32 bytes, found {len(self.value)}")

    @classmethod
    def from_hex(cls, text: str) -> Digest:
        """Reads 64 hexadecimal characters; raises `FormError`."""
        try:
            return cls(bytes.fromhex(text))
        except ValueError as error:
            raise FormError("digest", f"expected 64 hexadecimal characters: {error}") from None


Document = str | os.PathLike[str] | bytes | bytearray | memoryview | Digest
"""A path (text or path object), the document's bytes, or its digest."""


def digest_of(document: Document) -> Digest:
    """The digest of a document; a file is read in chunks. Raises `OSError`."""
    if isinstance(document, Digest):
        return document
    if isinstance(document, (bytes, bytearray, memoryview)):
        return Digest(hashlib.sha256(document).digest())
    hasher = hashlib.sha256()
    with open(document, "rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            hasher.update(chunk)
    return Digest(hasher.digest())


def bytes_of(document: Document, length_max: int, what: str) -> bytes:
    """The bytes of a document that has 1 to `length_max` of them.

    Raises `FormError` for a digest, which has none, and for another length; `OSError` for files.
    """
    if isinstance(document, Digest):
        raise FormError(what, "expected the document itself, found its digest")
    if isinstance(document, (bytes, bytearray, memoryview)):
        data = bytes(document)
    else:
        with open(document, "rb") as file:
            data = file.read(length_max + 1)
    if not 1 <= len(data) <= length_max:
        found = len(data) if len(data) <= length_max else f"more than {length_max}"
        raise FormError(what, f"expected 1 to {length_max} bytes, found {found}")
    return data
