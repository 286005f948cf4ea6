"""The two signature rules, on the vectors that tell rules apart."""

import random
import unittest

from support import CORPUS, key
from wutong_client import Receipt
from wutong_client.ed25519 import (BASE, IDENTITY, L, P, Point, _add, _times_two_scalars,
                                   decompress, key_problem, verify_statement, verify_strict,
                                   verify_zip215)
from wutong_client.statement import Statement

ORDER_EIGHT = bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a")
IDENTITY_BYTES = bytes([1]) + bytes(31)


def compress(point: Point) -> bytes:
    inverse = pow(point[2], -1, P)
    x, y = point[0] * inverse % P, point[1] * inverse % P
    return (y | (x & 1) << 255).to_bytes(32, "little")


class Rules(unittest.TestCase):
    def test_rfc_8032_section_7_1(self):
        for public, message, signature in (
            ("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
             "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e"
             "39701cf9b46bd25bf5f0595bbe24655141438e7a100b"),
            ("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
             "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f"
             "3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"),
        ):
            public, message, signature = map(bytes.fromhex, (public, message, signature))
            self.assertTrue(verify_strict(public, message, signature))
            self.assertTrue(verify_zip215(public, message, signature))
            self.assertIsNone(key_problem(public))
            for i in range(64):
                spoilt = bytearray(signature)
                spoilt[i] ^= 1
                self.assertFalse(verify_statement(public, message, bytes(spoilt)))

    def test_the_vector_that_only_zip_215_accepts(self):
        receipt = Receipt.parse((CORPUS / "accepted/zip-215-only.tlog-proof").read_bytes())
        said = Statement.parse(receipt.entry)
        case = (said.key, said.sig_structure(), said.signature)
        self.assertFalse(verify_strict(*case))
        self.assertTrue(verify_zip215(*case) and verify_statement(*case))
        self.assertFalse(verify_zip215(said.key, said.sig_structure() + b"x", said.signature))

    def test_both_rules_agree_on_honest_signatures(self):
        draw = random.Random(3)
        for i in range(20):
            signer, message = key(f"signer {i}"), draw.randbytes(i)
            signature = signer.sign(message)
            self.assertTrue(verify_strict(signer.public, message, signature))
            self.assertTrue(verify_zip215(signer.public, message, signature))

    def test_the_scalar_is_below_the_order(self):
        signer = key("signer")
        signature = signer.sign(b"m")
        s = int.from_bytes(signature[32:], "little") + L
        malleable = signature[:32] + s.to_bytes(32, "little")
        self.assertFalse(verify_strict(signer.public, b"m", malleable))
        self.assertFalse(verify_zip215(signer.public, b"m", malleable))

    def test_small_order_is_refused_in_r_and_in_strict_keys(self):
        # R and key the identity, s = 0: the equation holds for every message.
        nothing = IDENTITY_BYTES + bytes(32)
        self.assertFalse(verify_statement(IDENTITY_BYTES, b"any", nothing))
        for low in (0, 1):  # The other encodings of the identity: y + p, and minus zero.
            r = (P + 1).to_bytes(32, "little") if low else bytes([1]) + bytes(30) + b"\x80"
            self.assertFalse(verify_zip215(IDENTITY_BYTES, b"any", r + bytes(32)))
        # A key of small order under an honest R: ZIP-215 takes it, the strict rule does not.
        signature = compress(_times_two_scalars(5, BASE, 0, IDENTITY)) + (5).to_bytes(32, "little")
        self.assertTrue(verify_zip215(IDENTITY_BYTES, b"any", signature))
        self.assertFalse(verify_strict(IDENTITY_BYTES, b"any", signature))

    def test_weak_keys_are_named(self):
        self.assertEqual(key_problem(IDENTITY_BYTES), "weak key: of small order")
        self.assertEqual(key_problem(ORDER_EIGHT), "weak key: of small order")
        honest, torsion = decompress(key("honest").public), decompress(ORDER_EIGHT)
        mixed = compress(_add(honest, torsion))
        self.assertEqual(key_problem(mixed), "weak key: has a torsion component")
        not_a_point = "not a canonical Ed25519 public key"
        for encoded in (b"\xff" * 32, (P + 1).to_bytes(32, "little"), bytes([2]) + bytes(31)):
            self.assertEqual(key_problem(encoded), not_a_point)
        self.assertIsNone(key_problem(key("honest").public))

    def test_lengths(self):
        signer = key("signer")
        signature = signer.sign(b"m")
        for case in ((signer.public[:-1], signature), (signer.public, signature[:-1]),
                     (signer.public, signature + b"\0"), (b"", b"")):
            self.assertFalse(verify_statement(case[0], b"m", case[1]))


if __name__ == "__main__":
    unittest.main()
