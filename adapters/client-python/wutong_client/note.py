"""Signed notes and checkpoints (C2SP signed-note, tlog-checkpoint, tlog-cosignature).

Reading is strict, so that a note is written back byte for byte: canonical base64, no control
character but newline, nothing after the last line. Reading judges no signature.
"""

from __future__ import annotations

import base64
import binascii
import unicodedata
from dataclasses import dataclass

from . import ed25519
from .errors import FormError
from .merkle import sha256

SIGNATURES_MAX = 64
"""Most signature lines of a note."""
NOTE_BYTES_MAX = 65_536
"""Most bytes of a note."""
LOG_SIGNATURE_BYTES = 64
"""Bytes of a log line's signature."""
COSIGNATURE_BYTES = 72
"""Bytes of a cosignature: 8 of time, 64 of signature."""

LOG = 0x01
"""Type byte of a log's key: Ed25519 over the note text."""
COSIGNER = 0x04
"""Type byte of a cosigner's key: Ed25519 over time and note text."""

_PREFIX = "\u2014 "


def encode_base64(data: bytes) -> str:
    """Base64 of RFC 4648 section 4."""
    return base64.b64encode(data).decode("ascii")


def decode_base64(text: str, field: str) -> bytes:
    """The bytes of canonical base64: padded, without stray bits; else `FormError`."""
    try:
        data = base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        data = None
    if data is None or encode_base64(data) != text:
        raise FormError(field, f"expected canonical base64, found {text[:80]!r}")
    return data


def parse_decimal(text: str) -> int | None:
    """An unsigned 64-bit number without sign or leading zeros, or none."""
    # Python's isdigit() takes digits of other scripts too, hence the test for ASCII.
    if not (text.isascii() and text.isdigit()) or (text[0] == "0" and text != "0"):
        return None
    # 2^64 has 20 digits; the length is compared first, to convert no megabytes.
    number = int(text) if len(text) <= 20 else 2**64
    return number if number < 2**64 else None


def is_control(character: str) -> bool:
    """Whether a character is a control character (Unicode category Cc)."""
    return unicodedata.category(character) == "Cc"


def check_key_name(name: str) -> str:
    """`name` when it is a key name: not empty, no space, control character or plus."""
    if not name or any(c.isspace() or is_control(c) or c == "+" for c in name):
        raise FormError("key name", f"expected a text without spaces and '+', found {name!r}")
    return name


def key_id(name: str, key_type: int, key: bytes) -> int:
    """The first four bytes of SHA-256(name || 0x0A || type || key), big endian."""
    digest = sha256(name.encode(), b"\n", bytes([key_type]), key)
    return int.from_bytes(digest[:4], "big")


@dataclass(frozen=True)
class NoteSignature:
    """One signature line: the key's name and 32-bit id, and the bytes after the id."""

    name: str
    key_id: int
    data: bytes

    def line(self) -> str:
        """The line with its newline."""
        blob = encode_base64(self.key_id.to_bytes(4, "big") + self.data)
        return f"{_PREFIX}{self.name} {blob}\n"

    @classmethod
    def parse(cls, line: str) -> NoteSignature:
        """Reads a line, given without its newline; raises `FormError`."""
        parts = line.split(" ", 2)
        if len(parts) != 3 or parts[0] != _PREFIX.strip():
            expected = '"\u2014 <name> <base64>" and a newline'
            raise FormError("signature line", f"expected {expected}, found {line[:80]!r}")
        blob = decode_base64(parts[2], "signature")
        check_key_name(parts[1])
        if len(blob) < 5:
            raise FormError("signature line", f"expected a signature, found {len(blob)} bytes")
        return cls(parts[1], int.from_bytes(blob[:4], "big"), blob[4:])


@dataclass(frozen=True)
class VerifierKey:
    """A named public key: `<name>+<key id in hex>+<base64(type || key)>`."""

    name: str
    key_type: int
    key: bytes

    @property
    def key_id(self) -> int:
        """The id that signature lines carry, 32 bits."""
        return key_id(self.name, self.key_type, self.key)

    def made(self, signature: NoteSignature) -> bool:
        """Whether name and key id of a signature line are this key's."""
        return self.name == signature.name and self.key_id == signature.key_id

    def __str__(self) -> str:
        blob = encode_base64(bytes([self.key_type]) + self.key)
        return f"{self.name}+{self.key_id:08x}+{blob}"

    @classmethod
    def parse(cls, text: str) -> VerifierKey:
        """Reads the text form of a log's or cosigner's Ed25519 key; raises `FormError`."""
        field = "verifier key"
        malformed = FormError(
            field, f'expected "<name>+<8 hex digits>+<base64>", found {text[:120]!r}')
        parts = text.split("+", 2)
        if len(parts) != 3 or len(parts[1]) != 8 or not set("0123456789abcdef") >= set(parts[1]):
            raise malformed
        blob = decode_base64(parts[2], field)
        if not blob:
            raise malformed
        if blob[0] not in (LOG, COSIGNER):
            raise FormError(
                field, f"expected type 1 or 4 with an Ed25519 key, found type {blob[0]}")
        if len(blob) != 33:
            raise malformed
        parsed = cls(check_key_name(parts[0]), blob[0], blob[1:])
        if parsed.key_id != int(parts[1], 16):
            raise FormError(field, f"expected key id {parsed.key_id:08x}, found {parts[1]}")
        return parsed


@dataclass(frozen=True)
class Note:
    """A text, its last newline included, and its signature lines, none judged yet."""

    text: str
    signatures: tuple[NoteSignature, ...]

    def encode(self) -> str:
        """The note's text form."""
        return self.text + "\n" + "".join(signature.line() for signature in self.signatures)

    @classmethod
    def parse(cls, note: str) -> Note:
        """Reads a note so that `encode` gives the same text; raises `FormError`."""
        size = len(note.encode())
        if size > NOTE_BYTES_MAX:
            raise FormError("note", f"expected at most {NOTE_BYTES_MAX} bytes, found {size}")
        control = next((c for c in note if c < " " and c != "\n"), None)
        if control is not None:
            raise FormError(
                "note", f"expected no control characters but newline, found {control!r}")
        blank = note.rfind("\n\n")
        if blank < 0:
            raise FormError(
                "note", "expected a blank line between text and signatures, found none")
        lines = note[blank + 2:].split("\n")
        if lines.pop() != "":
            raise FormError("signature line", "expected a newline at its end, found none")
        if not 1 <= len(lines) <= SIGNATURES_MAX:
            raise FormError("signatures", f"expected 1 to {SIGNATURES_MAX}, found {len(lines)}")
        return cls(note[:blank + 1], tuple(NoteSignature.parse(line) for line in lines))


@dataclass(frozen=True)
class Checkpoint:
    """A tree head: the log's origin, its number of leaves, its 32-byte root."""

    origin: str
    size: int
    root: bytes

    def text(self) -> str:
        """The note text: three lines, the last newline included."""
        return f"{self.origin}\n{self.size}\n{encode_base64(self.root)}\n"

    @classmethod
    def parse(cls, text: str) -> Checkpoint:
        """Reads a note text without extension lines; raises `FormError`."""
        lines = text.split("\n")
        if len(lines) != 4 or lines[3] != "":
            raise FormError(
                "checkpoint",
                f"expected three lines (origin, size, root), found {len(lines)}")
        origin = check_key_name(lines[0])
        size = parse_decimal(lines[1])
        if size is None:
            raise FormError("tree size", f"expected a decimal number, found {lines[1][:40]!r}")
        root = decode_base64(lines[2], "root")
        if len(root) != 32:
            raise FormError("root", f"expected 32 bytes, found {len(root)}")
        return cls(origin, size, root)


def check_signature_lines(note: Note) -> Checkpoint:
    """The tree head of a signed checkpoint as a receipt carries it.

    The first line, and no other, is named like the origin; every line has the length of its
    kind. Raises `FormError`.
    """
    head = Checkpoint.parse(note.text)
    named = [signature.name == head.origin for signature in note.signatures]
    if named.count(True) != 1 or not named[0]:
        raise FormError(
            "log line",
            f"expected the first signature, and no other, by {head.origin!r}, "
            f"found {named.count(True)}")
    for position, signature in enumerate(note.signatures):
        expected = COSIGNATURE_BYTES if position else LOG_SIGNATURE_BYTES
        if len(signature.data) != expected:
            raise FormError(
                f"signature of {signature.name!r}",
                f"expected {expected} bytes, found {len(signature.data)}")
    return head


def cosigned_message(time_s: int, text: str) -> bytes:
    """What a cosigner signs: its clock (seconds since the Unix epoch) and the note text."""
    return f"cosignature/v1\ntime {time_s}\n{text}".encode()


def verify_log(key: VerifierKey, text: str, signature: NoteSignature) -> bool:
    """Whether a line is a log key's valid signature of `text`, judged strictly."""
    fits = key.key_type == LOG and key.made(signature)
    return fits and ed25519.verify_strict(key.key, text.encode(), signature.data)


def verify_cosignature(key: VerifierKey, text: str, signature: NoteSignature) -> int | None:
    """The time (seconds since the Unix epoch) of a valid cosignature, else none."""
    if key.key_type != COSIGNER or not key.made(signature):
        return None
    if len(signature.data) != COSIGNATURE_BYTES:
        return None
    time_s = int.from_bytes(signature.data[:8], "big")
    message = cosigned_message(time_s, text)
    valid = time_s < 2**63 and ed25519.verify_strict(key.key, message, signature.data[8:])
    return time_s if valid else None
