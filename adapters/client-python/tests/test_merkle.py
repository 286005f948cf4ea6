"""The tree against its definition in RFC 6962 section 2.1, for every size up to 40."""

import hashlib
import unittest

from support import SALT  # noqa: F401  (makes the package importable)
from wutong_client import FormError
from wutong_client.merkle import (inclusion_path, inclusion_paths, leaf_hash, root_from_inclusion,
                                  root_of_leaves, verify_inclusion)

ENTRIES = [bytes([i]) * i for i in range(40)]
LEAVES = [leaf_hash(entry) for entry in ENTRIES]


def sha(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def split(n: int) -> int:
    k = 1
    while k * 2 < n:
        k *= 2
    return k


def tree_hash(entries) -> bytes:
    """MTH of RFC 6962, as written there."""
    if not entries:
        return sha(b"")
    if len(entries) == 1:
        return sha(b"\0" + entries[0])
    k = split(len(entries))
    return sha(b"\1" + tree_hash(entries[:k]) + tree_hash(entries[k:]))


def path(m: int, entries) -> list[bytes]:
    """PATH of RFC 6962, as written there."""
    if len(entries) == 1:
        return []
    k = split(len(entries))
    if m < k:
        return path(m, entries[:k]) + [tree_hash(entries[k:])]
    return path(m - k, entries[k:]) + [tree_hash(entries[:k])]


class Merkle(unittest.TestCase):
    def test_roots_and_paths_are_the_definitions(self):
        for n in range(len(ENTRIES) + 1):
            root = tree_hash(ENTRIES[:n])
            self.assertEqual(root_of_leaves(LEAVES[:n]), root)
            paths = inclusion_paths(LEAVES[:n])
            for m in range(n):
                expected = path(m, ENTRIES[:n])
                self.assertEqual(paths[m], expected)
                self.assertEqual(inclusion_path(LEAVES[:n], m), expected)
                verify_inclusion(LEAVES[m], m, n, expected, root)

    def test_no_other_place_size_or_path_is_accepted(self):
        for n in range(1, 18):
            root = root_of_leaves(LEAVES[:n])
            for m in range(n):
                good = inclusion_path(LEAVES[:n], m)
                for index in range(-1, n + 2):
                    if index != m:
                        self.refuse(LEAVES[m], index, n, good, root)
                self.refuse(LEAVES[m], m, n, good + [LEAVES[0]], root)
                self.refuse(LEAVES[m], m, n, good[:-1] if good else [root], root)
                self.refuse(LEAVES[m], m, 0, good, root)
                for i in range(len(good)):
                    spoilt = [*good]
                    spoilt[i] = bytes([spoilt[i][0] ^ 1]) + spoilt[i][1:]
                    self.refuse(LEAVES[m], m, n, spoilt, root)

    def test_another_size_needs_another_path_length_or_root(self):
        for n in range(1, 18):
            for m in range(n):
                good, root = inclusion_path(LEAVES[:n], m), root_of_leaves(LEAVES[:n])
                for size in range(m + 1, 40):
                    try:
                        found = root_from_inclusion(LEAVES[m], m, size, good)
                    except FormError:
                        continue
                    # Sizes that share a path's shape share its root: the root fixes no size.
                    self.assertEqual(found, root)

    def test_the_largest_tree(self):
        size = 2**64 - 1
        path_ = [bytes(32)] * 64
        self.assertEqual(len(root_from_inclusion(bytes(32), 0, size, path_)), 32)
        self.refuse(bytes(32), size, size, path_, bytes(32))

    def refuse(self, leaf, index, size, path_, root):
        with self.assertRaises(FormError):
            verify_inclusion(leaf, index, size, path_, root)


if __name__ == "__main__":
    unittest.main()
