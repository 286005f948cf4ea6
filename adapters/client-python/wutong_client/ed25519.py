"""Ed25519 as the ledger judges it: a strict rule, and ZIP-215 for statements.

`verify_strict` (checkpoints) is RFC 8032 without cofactor, with a canonical R, and neither R nor
the key of small order. `verify_statement` is ZIP-215 with a canonical R that is not of small
order. Every signature that meets the first meets the second; the second needs curve arithmetic,
written here from RFC 8032 section 5.1. It handles public data only, so it is not constant in
time, and it must never be used to sign.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

P = 2**255 - 19
"""The field's prime."""
L = 2**252 + 27742317777372353535851937790883648493
"""The order of the base point."""
D = -121665 * pow(121666, -1, P) % P
SQRT_MINUS_ONE = pow(2, (P - 1) // 4, P)

Point = tuple[int, int, int, int]
"""Extended coordinates (X, Y, Z, T): x = X/Z, y = Y/Z, xy = T/Z."""

IDENTITY: Point = (0, 1, 1, 0)


def _add(p: Point, q: Point) -> Point:
    a = (p[1] - p[0]) * (q[1] - q[0]) % P
    b = (p[1] + p[0]) * (q[1] + q[0]) % P
    c = 2 * p[3] * q[3] * D % P
    d = 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def _double(p: Point) -> Point:
    a = p[0] * p[0] % P
    b = p[1] * p[1] % P
    h = a + b
    e = h - (p[0] + p[1]) ** 2 % P
    g = a - b
    f = 2 * p[2] * p[2] % P + g
    return e * f % P, g * h % P, f * g % P, e * h % P


def _negate(p: Point) -> Point:
    return -p[0] % P, p[1], p[2], -p[3] % P


def _is_identity(p: Point) -> bool:
    return p[0] % P == 0 and (p[1] - p[2]) % P == 0


def _times_two_scalars(m: int, p: Point, n: int, q: Point) -> Point:
    """[m]p + [n]q, both scalars read bit by bit together."""
    table = {(1, 0): p, (0, 1): q, (1, 1): _add(p, q)}
    total = IDENTITY
    for bit in range(max(m.bit_length(), n.bit_length()) - 1, -1, -1):
        total = _double(total)
        pair = (m >> bit & 1, n >> bit & 1)
        if pair != (0, 0):
            total = _add(total, table[pair])
    return total


def decompress(encoded: bytes) -> Point | None:
    """The point of 32 bytes, or none. ZIP-215: y may be p or more, and x may be minus zero."""
    number = int.from_bytes(encoded, "little")
    y, sign = (number & (1 << 255) - 1) % P, number >> 255
    u, v = (y * y - 1) % P, (D * y * y + 1) % P
    x = u * pow(v, 3, P) * pow(u * pow(v, 7, P), (P - 5) // 8, P) % P
    if (v * x * x - u) % P != 0:
        x = x * SQRT_MINUS_ONE % P
        if (v * x * x - u) % P != 0:
            return None
    if x & 1 != sign:
        x = -x % P
    return x, y, 1, x * y % P


def _base_point() -> Point:
    point = decompress((4 * pow(5, -1, P) % P).to_bytes(32, "little"))
    assert point is not None, "RFC 8032 section 5.1 gives this point"
    return point


BASE = _base_point()


def is_small_order(point: Point) -> bool:
    """Whether eight times the point is the identity."""
    return _is_identity(_double(_double(_double(point))))


@lru_cache(maxsize=4096)
def _has_small_order(encoded: bytes) -> bool:
    point = decompress(encoded)
    return point is not None and is_small_order(point)


def _is_canonical(encoded: bytes) -> bool:
    """Whether 32 bytes that encode a point are its one canonical encoding."""
    number = int.from_bytes(encoded, "little")
    y, sign = number & (1 << 255) - 1, number >> 255
    # x is zero for y = 1 and y = -1 only, and zero has no sign.
    return y < P and not (sign == 1 and y in (1, P - 1))


@lru_cache(maxsize=4096)
def key_problem(key: bytes) -> str | None:
    """Why a 32-byte key may not be registered; none when it may.

    A key is canonical, not of small order, and without a torsion component.
    """
    point = decompress(key)
    if point is None or not _is_canonical(key):
        return "not a canonical Ed25519 public key"
    if is_small_order(point):
        return "weak key: of small order"
    if not _is_identity(_times_two_scalars(L, point, 0, IDENTITY)):
        return "weak key: has a torsion component"
    return None


def verify_strict(key: bytes, message: bytes, signature: bytes) -> bool:
    """Whether a 64-byte signature of `message` by a 32-byte key holds by the strict rule."""
    if len(key) != 32 or len(signature) != 64:
        return False
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    # Libraries differ in what they let pass; what is left is judged here.
    r, s = signature[:32], int.from_bytes(signature[32:], "little")
    weak = _has_small_order(key) or _has_small_order(r)
    return s < L and _is_canonical(r) and not weak


def verify_zip215(key: bytes, message: bytes, signature: bytes) -> bool:
    """Whether [8][s]B = [8]R + [8][k]A (ZIP-215), R canonical and not of small order."""
    if len(key) != 32 or len(signature) != 64:
        return False
    r_bytes, s = signature[:32], int.from_bytes(signature[32:], "little")
    if s >= L or not _is_canonical(r_bytes):
        return False
    a, r = decompress(key), decompress(r_bytes)
    if a is None or r is None or is_small_order(r):
        return False
    digest = hashlib.sha512(r_bytes + key + message).digest()
    k = int.from_bytes(digest, "little") % L
    difference = _add(_times_two_scalars(s, BASE, k, _negate(a)), _negate(r))
    return is_small_order(difference)


def verify_statement(key: bytes, message: bytes, signature: bytes) -> bool:
    """The ledger's rule for statements; the cheap strict rule, which implies it, comes first."""
    return verify_strict(key, message, signature) or verify_zip215(key, message, signature)
