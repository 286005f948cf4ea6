"""Private keys of depositors: Ed25519 in unencrypted PKCS#8 PEM (RFC 8410), as `wutong keygen`."""

from __future__ import annotations

import os
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from . import ed25519
from .errors import FormError
from .merkle import sha256

KEY_FILE_BYTES_MAX = 4096
"""Most bytes of a key file."""


def cose_key_id(public: bytes) -> bytes:
    """Key id in COSE headers: the first eight bytes of the key's SHA-256."""
    return sha256(public)[:8]


def fingerprint(public: bytes) -> str:
    """Key id for people: the same eight bytes as 16 hexadecimal characters."""
    return cose_key_id(public).hex()


class PrivateKey:
    """An Ed25519 private key in memory. Its representation never shows the secret."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        raw = (serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        self.public: bytes = key.public_key().public_bytes(*raw)
        """The public half, 32 bytes."""

    def __repr__(self) -> str:
        return f"PrivateKey(of {fingerprint(self.public)})"

    @classmethod
    def generate(cls) -> PrivateKey:
        """A new key from the system's randomness."""
        return cls(Ed25519PrivateKey.generate())

    @classmethod
    def from_seed(cls, seed: bytes) -> PrivateKey:
        """The key of a 32-byte seed (RFC 8032). Raises `ValueError` for another length."""
        return cls(Ed25519PrivateKey.from_private_bytes(seed))

    @classmethod
    def from_pem(cls, pem: str | bytes) -> PrivateKey:
        """Reads a PEM document.

        Raises `FormError` when it is no unencrypted Ed25519 key, or one that a ledger refuses.
        """
        data = pem.encode() if isinstance(pem, str) else pem
        expected = "expected an Ed25519 private key in unencrypted PKCS#8 PEM, found"
        try:
            key = serialization.load_pem_private_key(data, password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise FormError("key", f"{expected} {type(error).__name__}: {error}") from None
        if not isinstance(key, Ed25519PrivateKey):
            raise FormError("key", f"{expected} {type(key).__name__}")
        loaded = cls(key)
        problem = ed25519.key_problem(loaded.public)
        if problem is not None:
            raise FormError("key", f"{expected} {problem}")
        return loaded

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> PrivateKey:
        """Reads a key file. Raises `OSError` or `FormError`."""
        with open(path, "rb") as file:
            return cls.from_pem(file.read(KEY_FILE_BYTES_MAX))

    def to_pem(self) -> str:
        """The PKCS#8 PEM document, version 1."""
        pem = self._key.private_bytes(serialization.Encoding.PEM,
                                      serialization.PrivateFormat.PKCS8,
                                      serialization.NoEncryption())
        return pem.decode()

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes a new key file that only its owner reads. Raises `FileExistsError`."""
        handle = os.open(Path(path), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(self.to_pem())

    def sign(self, message: bytes) -> bytes:
        """The 64-byte signature of `message` (deterministic, RFC 8032)."""
        return self._key.sign(message)
