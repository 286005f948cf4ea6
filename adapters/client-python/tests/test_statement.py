"""A statement has one form: the frozen one of the ledger, and no other is read."""

import os
import tempfile
import unittest
from pathlib import Path

from support import MESSAGES, SALT, key, plain, statement
from wutong_client import (Digest, Draft, FormError, Mode, PrivateKey, build_batch, build_deposit,
                           digest_of, sign_statement)
from wutong_client import cbor
from wutong_client.block import Outcome, Seal
from wutong_client.ed25519 import verify_strict
from wutong_client.merkle import leaf_hash, root_of_leaves, sha256
from wutong_client.statement import BodyValue, Deposit, Statement, commit

FULL = Deposit("trial", "notary", Mode.COMMITMENT, sha256(b"a commitment"), 1_700_000_000_123,
               sha256(b"a checkpoint"), (sha256(b"first"), sha256(b"second")))


def snapshot(name: str) -> str:
    text = (MESSAGES / f"snapshots/statement_form__{name}.snap").read_text("utf-8")
    return text.split("---\n", 2)[2]


def frozen(name: str, label: str) -> bytes:
    after = snapshot(name).split(f"{label}:\n")[1]
    return bytes.fromhex("".join(after.split("\n" + "signed")[0].split("\nid")[0].split()))


class Form(unittest.TestCase):
    def test_encodings_are_the_frozen_ones(self):
        for name, deposit in (("statement_plain", plain(sha256(b"x"))), ("statement_full", FULL)):
            made = statement(deposit)
            self.assertEqual(made.entry, frozen(name, "entry"))
            self.assertEqual(made.sig_structure(), frozen(name, "signed"))
            self.assertIn(f"id: {made.id.hex()}", snapshot(name))
            self.assertEqual(Statement.parse(made.entry), made)
        made = commit(bytes([1]) * 32, digest_of(b"document"))
        self.assertEqual(made.hex(), snapshot("commitment").strip())

    def test_seal_and_outcomes_are_the_frozen_ones(self):
        text, _, leaf = snapshot("seal").partition("leaf: ")
        data = bytes.fromhex("".join(text.split()))
        seal = Seal.parse(data)
        self.assertEqual(seal.encode(), data)
        self.assertEqual(leaf_hash(data).hex(), leaf.strip())
        blocks = snapshot("outcomes").split("root:")[0].split("--")
        outcomes = [Outcome.parse(bytes.fromhex("".join(b.split()))) for b in blocks]
        self.assertEqual([o.code for o in outcomes], [0, 7])
        self.assertEqual(outcomes[0].id, statement(FULL).id)
        root = root_of_leaves([leaf_hash(o.encode()) for o in outcomes])
        self.assertIn(f"root: {root.hex()}", snapshot("outcomes"))

    def test_no_altered_byte_passes_form_and_signature(self):
        entry = statement(FULL).entry
        for at in range(len(entry)):
            altered = entry[:at] + bytes([entry[at] ^ 1 << at % 8]) + entry[at + 1:]
            try:
                said = Statement.parse(altered)
            except FormError:
                continue
            self.assertEqual(said.entry, altered)
            self.assertFalse(verify_strict(said.key, said.sig_structure(), said.signature))

    def test_errors_name_the_field(self):
        good = statement(FULL)
        cases = [("entry", b""), ("entry", bytes(65_536)), ("entry", good.entry + b"\0")]
        for field, data in cases:
            with self.assertRaises(FormError) as caught:
                Statement.parse(data)
            self.assertEqual(caught.exception.field, field)
        signer = key("depositor")
        for words, field in (({"issuer": ""}, "issuer"), ({"issuer": "a" * 257}, "issuer"),
                             ({"subject": "a\nb"}, "subject"), ({"subject": "\x7f"}, "subject"),
                             ({"subject": "\u0085"}, "subject"),
                             ({"subject": "\ud800"}, "subject")):
            with self.assertRaises(FormError) as caught:
                sign_statement(signer, FULL, **words)
            self.assertEqual(caught.exception.field, field)

    def test_payloads_of_another_shape_are_refused(self):
        good = [1, "trial", "notary", 0, 1, bytes(32), None, None, []]
        self.assertEqual(Deposit.parse(cbor.encode(good)), plain(bytes(32)))
        for at, value in ((0, 2), (0, None), (1, "Trial"), (2, ""), (3, 5), (3, -1), (4, 2),
                          (5, bytes(31)), (5, [bytes(32), 1]), (6, -1), (6, "now"),
                          (7, bytes(33)), (8, None), (8, [bytes(32)] * 17), (8, [b""])):
            with self.subTest(f"{at} {value!r}"), self.assertRaises(FormError):
                Deposit.parse(cbor.encode(good[:at] + [value] + good[at + 1:]))
        for mode, value in ((2, b""), (2, "text"), (3, bytes(32)), (3, [bytes(32), 0]),
                            (3, [bytes(31), 1]), (3, [bytes(32)]), (4, [bytes(32), 0]),
                            (4, [bytes(32), -1]), (4, [bytes(32), 1, 1]), (0, [bytes(32), 1])):
            with self.subTest(f"mode {mode} {value!r}"), self.assertRaises(FormError):
                Deposit.parse(cbor.encode(good[:3] + [mode, 1, value] + good[6:]))
        largest = good[:3] + [3, 1, [bytes(32), 2**64 - 1], 2**64 - 1] + good[7:]
        self.assertEqual(Deposit.parse(cbor.encode(largest)).value.count, 2**64 - 1)

    def test_an_entry_holds_65535_bytes(self):
        room = 65_535 - len(sign_statement(key("depositor"), self.content(60_000)).entry)
        largest = sign_statement(key("depositor"), self.content(60_000 + room))
        self.assertEqual(len(largest.entry), 65_535)
        with self.assertRaises(FormError):
            sign_statement(key("depositor"), self.content(60_001 + room))

    def content(self, size: int) -> Draft:
        return build_deposit(bytes(size), network="trial", mode=Mode.CONTENT,
                             declared_time_ms=None)


class Building(unittest.TestCase):
    def test_a_document_is_a_path_bytes_or_a_digest(self):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "large"
            data = os.urandom(3 << 20) + b"tail"
            path.write_bytes(data)
            expected = Digest(sha256(data))
            for document in (path, str(path), data, memoryview(data), expected):
                self.assertEqual(digest_of(document), expected)
            with self.assertRaises(OSError):
                digest_of(path / "none")
        self.assertEqual(Digest.from_hex(expected.value.hex()), expected)
        for text in ("", "00", "z" * 64, "00" * 33):
            with self.assertRaises(FormError):
                Digest.from_hex(text)

    def test_each_mode_lodges_its_value(self):
        def made(**words):
            return build_deposit(b"document", network="trial", **words)

        digest = digest_of(b"document")
        self.assertEqual(made(mode="digest").deposit.value, digest.value)
        self.assertEqual(made(salt=SALT).deposit.value, commit(SALT, digest))
        self.assertNotEqual(made().salt, made().salt)
        self.assertEqual(made(mode=Mode.CONTENT).deposit.value, b"document")
        self.assertEqual(made(mode="body").deposit.value, BodyValue(digest.value, 8))
        self.assertIsNone(made(declared_time_ms=None).deposit.declared_time_ms)
        self.assertGreater(made().deposit.declared_time_ms, 1_700_000_000_000)

    def test_what_no_deposit_can_have_is_refused(self):
        for words in ({"network": "Trial"}, {"namespace": "a b"}, {"mode": "batch"},
                      {"mode": "digest", "salt": SALT}, {"salt": SALT[1:]},
                      {"declared_time_ms": -1}, {"not_before": b"short"},
                      {"references": [b"short"]}, {"references": [SALT] * 17}):
            with self.subTest(str(words)), self.assertRaises(FormError):
                build_deposit(b"d", **{"network": "trial"} | words)
        for mode, document in (("content", b""), ("content", bytes(65_536)), ("body", b""),
                               ("body", bytes((4 << 20) + 1)), ("body", digest_of(b"d"))):
            with self.subTest(mode), self.assertRaises(FormError):
                build_deposit(document, network="trial", mode=mode)
        with self.assertRaises(FormError):
            build_batch([], network="trial")
        with self.assertRaises(FormError):
            build_batch([b"a"], network="trial", salts=[])


class Keys(unittest.TestCase):
    def test_pem_round_trips_and_only_its_owner_reads_it(self):
        made = PrivateKey.generate()
        self.assertEqual(PrivateKey.from_pem(made.to_pem()).public, made.public)
        self.assertNotIn(made.to_pem().split("\n")[1], repr(made))
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "me.pem"
            made.save(path)
            self.assertEqual(PrivateKey.load(path).public, made.public)
            self.assertEqual(path.stat().st_mode & 0o777, 0o600)
            with self.assertRaises(FileExistsError):
                made.save(path)

    def test_other_files_are_no_keys(self):
        for text in ("", "hello", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"):
            with self.assertRaises(FormError):
                PrivateKey.from_pem(text)


if __name__ == "__main__":
    unittest.main()
