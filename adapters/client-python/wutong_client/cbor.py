"""Deterministic CBOR (RFC 8949 section 4.2.1), as much of it as the ledger's formats use.

Python values stand for CBOR items: `int`, `bytes`, `str`, `list`, `dict`, `None` and `Tag`.
`decode` accepts exactly the bytes that `encode` writes: no indefinite lengths, no integer or
length longer than it needs to be, map keys in ascending order, no tail. Integers are those of
CBOR's major types 0 and 1, so from -2^64 to 2^64 - 1; Python holds all of them exactly.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .errors import FormError

UINT_MAX = 2**64 - 1
"""Largest unsigned integer of CBOR's major type 0, and of the ledger's 64-bit counters."""

DEPTH_MAX = 16
"""Most levels of nesting that are read; the ledger's formats have at most six."""

NAME_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-")


@dataclass(frozen=True)
class Tag:
    """A tagged item (major type 6)."""

    number: int
    value: Any


def _head(major: int, argument: int) -> bytes:
    if argument < 24:
        return bytes([major << 5 | argument])
    for code, width in ((24, 1), (25, 2), (26, 4), (27, 8)):
        if argument < 1 << 8 * width:
            return bytes([major << 5 | code]) + argument.to_bytes(width, "big")
    raise FormError("CBOR", f"expected an integer below 2^64, found {argument}")


def encode(value: Any) -> bytes:
    """The deterministic bytes of `value`.

    Raises `FormError` for values outside the types above and for integers outside CBOR's range.
    """
    if value is None:
        return b"\xf6"
    if isinstance(value, bool):
        raise FormError("CBOR", "expected no boolean, found one")
    if isinstance(value, int):
        return _head(0, value) if value >= 0 else _head(1, -1 - value)
    if isinstance(value, (bytes, bytearray)):
        return _head(2, len(value)) + bytes(value)
    if isinstance(value, str):
        try:
            text = value.encode("utf-8")
        except UnicodeEncodeError as error:
            raise FormError("CBOR", f"expected text, found {error.reason}") from None
        return _head(3, len(text)) + text
    if isinstance(value, (list, tuple)):
        return _head(4, len(value)) + b"".join(encode(item) for item in value)
    if isinstance(value, dict):
        pairs = sorted((encode(key), encode(item)) for key, item in value.items())
        return _head(5, len(pairs)) + b"".join(key + item for key, item in pairs)
    if isinstance(value, Tag):
        return _head(6, value.number) + encode(value.value)
    raise FormError("CBOR", f"expected a value of CBOR, found {type(value).__name__}")


class _Decoder:
    """Reads items one after the other; `field` names the whole in errors."""

    def __init__(self, data: bytes, field: str) -> None:
        self.data = data
        self.field = field
        self.position = 0

    def fail(self, detail: str) -> FormError:
        return FormError(self.field, f"{detail} at byte {self.position}")

    def take(self, count: int) -> bytes:
        # The length is compared before anything is allocated: it is the sender's claim.
        if count > len(self.data) - self.position:
            raise self.fail(f"expected {count} more bytes, found the end")
        start, self.position = self.position, self.position + count
        return self.data[start:self.position]

    def argument(self, info: int) -> int:
        if info < 24:
            return info
        if info > 27:
            raise self.fail("expected a definite length, found an indefinite or reserved one")
        width = 1 << (info - 24)
        argument = int.from_bytes(self.take(width), "big")
        least = 24 if width == 1 else 1 << 4 * width
        if argument < least:
            raise self.fail("not in deterministic form (RFC 8949 section 4.2.1)")
        return argument

    def item(self, depth: int) -> Any:
        if depth > DEPTH_MAX:
            raise self.fail(f"expected at most {DEPTH_MAX} levels of nesting, found more")
        head = self.take(1)[0]
        major, info = head >> 5, head & 31
        if major == 7:
            if head != 0xF6:
                raise self.fail("expected null as the only simple value, found another")
            return None
        argument = self.argument(info)
        if major == 0:
            return argument
        if major == 1:
            return -1 - argument
        if major == 2:
            return self.take(argument)
        if major == 3:
            return self.text(argument)
        if major == 6:
            return Tag(argument, self.item(depth + 1))
        # Each item has a byte at least, so a claim beyond the data is refused before the loop.
        if argument * (major - 3) > len(self.data) - self.position:
            raise self.fail(f"expected {argument} items, found the end")
        if major == 4:
            return [self.item(depth + 1) for _ in range(argument)]
        return self.map(argument, depth)

    def text(self, count: int) -> str:
        try:
            return self.take(count).decode("utf-8")
        except UnicodeDecodeError:
            raise self.fail("expected UTF-8 text, found other bytes") from None

    def map(self, count: int, depth: int) -> dict[Any, Any]:
        pairs: dict[Any, Any] = {}
        last = b""
        for _ in range(count):
            start = self.position
            key = self.item(depth + 1)
            encoded = self.data[start:self.position]
            if encoded <= last or not isinstance(key, (int, str, bytes)):
                raise self.fail("expected map keys in ascending order, each once, found others")
            last = encoded
            pairs[key] = self.item(depth + 1)
        return pairs


def decode(data: bytes, field: str) -> Any:
    """The one item that `data` is the deterministic encoding of.

    Raises `FormError` about `field` when there is none.
    """
    decoder = _Decoder(bytes(data), field)
    value = decoder.item(0)
    if decoder.position != len(decoder.data):
        raise decoder.fail("expected no bytes after the value, found some")
    # The second half of the pair: what is read is what would be written.
    if encode(value) != decoder.data:
        raise FormError(field, "not in deterministic form (RFC 8949 section 4.2.1)")
    return value


def array(value: Any, length: int, field: str) -> list[Any]:
    """`value` as an array of exactly `length` items, else `FormError`."""
    if not isinstance(value, list) or len(value) != length:
        raise FormError(field, f"expected an array of {length}, found {describe(value)}")
    return value


def array_up_to(value: Any, length_max: int, field: str) -> list[Any]:
    """`value` as an array of at most `length_max` items, else `FormError`."""
    if not isinstance(value, list) or len(value) > length_max:
        raise FormError(field, f"expected at most {length_max} items, found {describe(value)}")
    return value


def byte_string(value: Any, field: str, length: int | None = None) -> bytes:
    """`value` as a byte string, of exactly `length` bytes when given, else `FormError`."""
    if not isinstance(value, bytes) or (length is not None and len(value) != length):
        expected = "bytes" if length is None else f"{length} bytes"
        raise FormError(field, f"expected {expected}, found {describe(value)}")
    return value


def text(value: Any, field: str) -> str:
    """`value` as a text string, else `FormError`."""
    if not isinstance(value, str):
        raise FormError(field, f"expected text, found {describe(value)}")
    return value


def uint(value: Any, field: str, largest: int = UINT_MAX) -> int:
    """`value` as an unsigned integer of at most `largest`, else `FormError`."""
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= largest:
        raise FormError(field, f"expected 0 to {largest}, found {describe(value)}")
    return value


def name(value: Any, field: str) -> str:
    """`value` as a name of a network, namespace or node, `[a-z0-9-]{1,32}`, else `FormError`."""
    word = text(value, field)
    if not 1 <= len(word) <= 32 or not NAME_LETTERS.issuperset(word):
        raise FormError(field, f"{word!r} is not a name: expected 1 to 32 of a-z, 0-9 and '-'")
    return word


def hashes(value: Any, field: str, length_max: int = 64) -> list[bytes]:
    """`value` as an array of at most `length_max` 32-byte hashes, else `FormError`.

    The default is the longest path that a tree of 2^64 leaves has.
    """
    items = array_up_to(value, length_max, field)
    return [byte_string(item, field, 32) for item in items]


def describe(value: Any) -> str:
    """A short word for a value that is not what was expected."""
    if value is None:
        return "null"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, (bytes, str, list, dict)):
        kind = {bytes: "bytes", str: "characters", list: "items", dict: "pairs"}[type(value)]
        return f"{len(value)} {kind}"
    return "a tag" if isinstance(value, Tag) else type(value).__name__
