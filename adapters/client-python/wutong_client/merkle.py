"""The Merkle tree of RFC 6962 section 2.1 (RFC 9162 section 2.1) over SHA-256.

Functions take *leaf hashes* (32 bytes each, see `leaf_hash`), so that the same code serves the
entries of the log, the outcomes of a block and the members of a batch.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from .errors import FormError


def sha256(*parts: bytes) -> bytes:
    """SHA-256 over the concatenation of `parts`, 32 bytes."""
    hasher = hashlib.sha256()
    for part in parts:
        hasher.update(part)
    return hasher.digest()


def leaf_hash(entry: bytes) -> bytes:
    """Leaf hash of an entry: SHA-256(0x00 || entry)."""
    return sha256(b"\x00", entry)


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash of an interior node: SHA-256(0x01 || left || right)."""
    return sha256(b"\x01", left, right)


def _split(count: int) -> int:
    """The largest power of two below `count`, which is at least 2."""
    return 1 << (count - 1).bit_length() - 1


class _Level:
    """A tree kept by levels: `rows[k][i]` is the root of the i-th whole subtree of 2^k leaves."""

    def __init__(self, leaves: Sequence[bytes]) -> None:
        self.rows = [list(leaves)]
        while len(self.rows[-1]) > 1:
            row = self.rows[-1]
            # A last node without a partner is in no whole subtree of the next level.
            pairs = zip(row[0::2], row[1::2], strict=False)
            self.rows.append([node_hash(left, right) for left, right in pairs])

    def root(self, start: int, end: int) -> bytes:
        """Root of the subtree over the leaves from `start` to below `end`."""
        count = end - start
        if count & (count - 1) == 0 and start % count == 0:
            return self.rows[count.bit_length() - 1][start // count]
        middle = start + _split(count)
        return node_hash(self.root(start, middle), self.root(middle, end))


def root_of_leaves(leaves: Sequence[bytes]) -> bytes:
    """Root of the tree over `leaves`; SHA-256 of nothing when there are none."""
    return _Level(leaves).root(0, len(leaves)) if leaves else sha256()


def inclusion_paths(leaves: Sequence[bytes]) -> list[list[bytes]]:
    """The inclusion path of every leaf, each from leaf to root (RFC 6962 section 2.1.1)."""
    tree = _Level(leaves)
    return [_path(tree, index, len(leaves)) for index in range(len(leaves))]


def inclusion_path(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """The inclusion path of the leaf at `index`, from leaf to root.

    Raises `IndexError` when there is no such leaf: the caller owns both.
    """
    if not 0 <= index < len(leaves):
        raise IndexError(f"leaf {index} of {len(leaves)}")
    return _path(_Level(leaves), index, len(leaves))


def _path(tree: _Level, index: int, size: int) -> list[bytes]:
    start, end, path = 0, size, []
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            path.append(tree.root(middle, end))
            end = middle
        else:
            path.append(tree.root(start, middle))
            start = middle
    path.reverse()
    return path


def root_from_inclusion(leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes:
    """The root that `path` leads to from `leaf` at `index` of a tree of `size` leaves.

    Raises `FormError` when `index` is not below `size`, or the path has not exactly the length
    that both fix: no hash of it is ever left unread.
    """
    if not 0 <= index < size:
        raise FormError("index", f"expected one below the tree size {size}, found {index}")
    # Below the level where leaf and last leaf part every level has a sibling; above it only
    # those where the leaf hangs on the right.
    inner = (index ^ (size - 1)).bit_length()
    length = inner + (index >> inner).bit_count()
    if len(path) != length:
        raise FormError("path", f"expected {length} hashes, found {len(path)}")
    node = leaf
    for level, sibling in enumerate(path):
        is_right = level >= inner or index >> level & 1
        node = node_hash(sibling, node) if is_right else node_hash(node, sibling)
    return node


def verify_inclusion(leaf: bytes, index: int, size: int, path: Sequence[bytes],
                     root: bytes) -> None:
    """Checks that `leaf` is at `index` of the tree of `size` leaves with root `root`.

    Raises `FormError` when it is not.
    """
    found = root_from_inclusion(leaf, index, size, path)
    if found != root:
        raise FormError("root", f"expected {root.hex()}, found {found.hex()}")
