"""Deterministic CBOR: one encoding of each value, and no other is read."""

import random
import unittest

from support import SALT  # noqa: F401  (makes the package importable)
from wutong_client import FormError, cbor
from wutong_client.cbor import Tag, decode, encode

VECTORS = [  # RFC 8949 appendix A, as far as the formats go
    (0, "00"), (1, "01"), (10, "0a"), (23, "17"), (24, "1818"), (25, "1819"), (100, "1864"),
    (1000, "1903e8"), (1000000, "1a000f4240"), (1000000000000, "1b000000e8d4a51000"),
    (18446744073709551615, "1bffffffffffffffff"), (-18446744073709551616, "3bffffffffffffffff"),
    (-1, "20"), (-10, "29"), (-100, "3863"), (-1000, "3903e7"), (None, "f6"), (b"", "40"),
    (bytes([1, 2, 3, 4]), "4401020304"), ("", "60"), ("a", "6161"), ("IETF", "6449455446"),
    ("\u00fc", "62c3bc"), ("\u6c34", "63e6b0b4"), ("\U00010151", "64f0908591"), ([], "80"),
    ([1, 2, 3], "83010203"), ([1, [2, 3], [4, 5]], "8301820203820405"), ({}, "a0"),
    ({1: 2, 3: 4}, "a201020304"), ({"a": 1, "b": [2, 3]}, "a26161016162820203"),
    (Tag(18, [b"", {}]), "d28240a0"),
    (list(range(1, 26)), "98190102030405060708090a0b0c0d0e0f101112131415161718181819"),
]

REFUSED = {
    "one byte too long": "1817", "two bytes too long": "190018",
    "four bytes too long": "1a0000ffff",
    "eight bytes too long": "1b00000000ffffffff", "a long length": "5801ff",
    "a long array": "980101", "a long map": "b8010101", "a long tag": "d81200",
    "an indefinite array": "9f01ff", "indefinite bytes": "5f4101ff", "indefinite text": "7f6161ff",
    "an indefinite map": "bf0101ff", "a reserved length": "1c", "a break": "ff",
    "a tail": "0000", "no bytes": "", "a cut number": "19", "cut bytes": "4201",
    "a cut array": "8201", "a cut map": "a101", "true": "f5", "undefined": "f7",
    "half a float": "f93c00", "a float": "fb3ff0000000000000", "a simple value": "f820",
    "keys out of order": "a203000100", "a key twice": "a201000100", "no UTF-8": "61ff",
    "a surrogate": "63eda080", "an array as key": "a1800100", "a huge array": "9bffffffffffffffff",
    "huge bytes": "5bffffffffffffffff", "deep nesting": "81" * 40 + "00",
}


class Cbor(unittest.TestCase):
    def test_vectors(self):
        for value, text in VECTORS:
            with self.subTest(text):
                self.assertEqual(encode(value).hex(), text)
                self.assertEqual(decode(bytes.fromhex(text), "v"), value)

    def test_everything_else_is_refused(self):
        for what, text in REFUSED.items():
            with self.subTest(what), self.assertRaises(FormError):
                decode(bytes.fromhex(text), "v")

    def test_what_cannot_be_written_is_refused(self):
        for value in (True, 1.5, 2**64, -2**64 - 1, "\ud800", object(), {1, 2}):
            with self.subTest(repr(value)), self.assertRaises(FormError):
                encode(value)

    def test_map_keys_are_sorted_by_their_encoding(self):
        self.assertEqual(encode({-1: 0, 24: 0, 1: 0, "a": 0}).hex(), "a401001818002000616100")

    def test_arbitrary_bytes_are_refused_or_written_back(self):
        draw, read = random.Random(5), 0
        for _ in range(20_000):
            data = bytes(draw.choice((draw.randrange(256), draw.randrange(32), 0x82, 0x41))
                         for _ in range(draw.randrange(1, 12)))
            try:
                value = decode(data, "v")
            except FormError:
                continue
            read += 1
            self.assertEqual(encode(value), data)
        self.assertGreater(read, 500)

    def test_numbers_are_not_booleans_and_not_negative(self):
        for value in (True, -1, 2**64, "1", None):
            with self.subTest(repr(value)), self.assertRaises(FormError):
                cbor.uint(value, "v")
        self.assertEqual(cbor.uint(2**64 - 1, "v"), 2**64 - 1)
        for word in ("", "A", "a.b", "a b", "\u00e4", "a" * 33, b"a"):
            with self.subTest(repr(word)), self.assertRaises(FormError):
                cbor.name(word, "v")


if __name__ == "__main__":
    unittest.main()
