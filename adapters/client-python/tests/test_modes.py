"""Receipts of every mode of deposit, members of batches, and what does not go together."""

import unittest
from dataclasses import replace

from support import DOCUMENT, SALT, Epoch, failed, issue, statement
from wutong_client import (Digest, Mode, Receipt, build_batch, build_deposit, digest_of,
                           member_receipt, verify)
from wutong_client.merkle import sha256
from wutong_client.receipt import BatchMember
from wutong_client.report import Check

EPOCH = Epoch()
POLICY = EPOCH.policy()


def receipt_of(deposit, salt=None, **words) -> Receipt:
    return issue(statement(deposit), EPOCH, salt=salt, **words)


def judged(receipt: Receipt, document=DOCUMENT):
    return verify(receipt.encode(), POLICY, document)


def document_check(report) -> str:
    return report.finding(Check.DOCUMENT).verdict.value


class SingleDocuments(unittest.TestCase):
    def test_every_mode_verifies_with_its_document_and_no_other(self):
        for mode in ("digest", "commitment", "content", "body"):
            draft = build_deposit(DOCUMENT, network="trial", mode=mode)
            receipt = receipt_of(draft.deposit, draft.salt)
            for document in (DOCUMENT, digest_of(DOCUMENT)):
                report = judged(receipt, document)
                self.assertTrue(report.accepted, f"{mode}: {report.findings}")
            self.assertTrue(report.evidence.document_matched)
            self.assertEqual(report.evidence.mode, mode)
            other = judged(receipt, DOCUMENT + b"!")
            self.assertEqual(failed(other), ["document"], mode)
            unread = judged(receipt, None)
            self.assertTrue(unread.accepted and not unread.evidence.document_matched)
            self.assertEqual(document_check(unread), "noted")

    def test_content_is_in_the_evidence(self):
        draft = build_deposit(DOCUMENT, network="trial", mode="content")
        self.assertEqual(judged(receipt_of(draft.deposit), None).evidence.content, DOCUMENT)

    def test_a_salt_goes_with_commitments_alone(self):
        for mode in ("digest", "content", "body"):
            draft = build_deposit(DOCUMENT, network="trial", mode=mode)
            for document in (DOCUMENT, None):
                report = judged(receipt_of(draft.deposit, SALT), document)
                self.assertEqual(failed(report), ["document"], mode)
        draft = build_deposit(DOCUMENT, network="trial")
        self.assertEqual(failed(judged(receipt_of(draft.deposit))), ["document"])
        self.assertTrue(judged(receipt_of(draft.deposit), None).accepted)
        self.assertEqual(failed(judged(receipt_of(draft.deposit, SALT))), ["document"])

    def test_a_batch_path_goes_with_batches_alone(self):
        for mode in ("digest", "commitment", "content", "body"):
            draft = build_deposit(DOCUMENT, network="trial", mode=mode)
            receipt = replace(receipt_of(draft.deposit, draft.salt), batch=BatchMember(0, ()))
            for document in (DOCUMENT, None):
                self.assertEqual(failed(judged(receipt, document)), ["document"], mode)

    def test_another_algorithm_is_another_digest(self):
        draft = build_deposit(DOCUMENT, network="trial", mode="digest")
        digest = Digest(sha256(DOCUMENT), algorithm=2)
        self.assertEqual(failed(judged(receipt_of(draft.deposit), digest)), ["document"])

    def test_a_statement_without_effect_is_refused(self):
        draft = build_deposit(DOCUMENT, network="trial", mode="digest")
        self.assertEqual(failed(judged(receipt_of(draft.deposit, code=3))), ["success"])

    def test_a_demonstration_is_said_to_be_one(self):
        epoch = Epoch(is_demonstration=True)
        draft = build_deposit(DOCUMENT, network="trial", mode="digest")
        receipt = issue(statement(draft.deposit), epoch)
        report = verify(receipt.encode(), epoch.policy_text(), DOCUMENT)
        self.assertTrue(report.accepted and report.demonstration)
        self.assertEqual(report.verdict, "VERIFIED (DEMONSTRATION)")
        self.assertEqual(report.finding(Check.ANCHOR).verdict.value, "noted")


class Batches(unittest.TestCase):
    def setUp(self):
        self.documents = [f"document {i}".encode() for i in range(7)]
        self.batch = build_batch(self.documents, network="trial")
        self.receipt = receipt_of(self.batch.deposit)

    def member(self, i: int) -> Receipt:
        return member_receipt(self.receipt, self.batch.members[i])

    def test_each_member_verifies_with_its_document_and_no_other(self):
        for count in (1, 2, 3, 7):
            batch = build_batch(self.documents[:count], network="trial")
            receipt = receipt_of(batch.deposit)
            for i, member in enumerate(batch.members):
                ours = member_receipt(receipt, member)
                for j, document in enumerate(self.documents):
                    report = judged(ours, document)
                    self.assertEqual(failed(report), [] if i == j else ["document"])
                    if i == j:
                        self.assertEqual(report.evidence.member, i)
                self.assertEqual(Receipt.parse(ours.encode()), ours)

    def test_the_receipt_of_the_batch_has_no_document(self):
        report = judged(self.receipt, None)
        self.assertTrue(report.accepted and report.evidence.mode == "batch")
        report = judged(self.receipt, self.documents[0])
        self.assertEqual(failed(report), ["document"])
        self.assertIn("member receipt", report.finding(Check.DOCUMENT).next_step)
        # A salt would open nothing, and could be altered unseen.
        self.assertEqual(failed(judged(self.receipt.with_salt(SALT), None)), ["document"])

    def test_altered_members_are_refused(self):
        good = self.member(2)
        path = good.batch.path
        for batch in (BatchMember(3, path), BatchMember(7, path), BatchMember(2**64 - 1, path),
                      BatchMember(2, path[:-1]), BatchMember(2, path + path[:1]),
                      BatchMember(2, path[::-1]), BatchMember(2, ())):
            report = judged(replace(good, batch=batch), self.documents[2])
            self.assertEqual(failed(report), ["document"], batch)
        for salt in (None, SALT):
            report = judged(good.with_salt(salt), self.documents[2])
            self.assertEqual(failed(report), ["document"])

    def test_a_batch_cannot_be_opened_as_a_commitment(self):
        # The root is no commitment, though both have 32 bytes.
        value = self.batch.deposit.value
        self.assertEqual(self.batch.deposit.mode, Mode.BATCH)
        self.assertEqual((value.count, len(value.root)), (7, 32))


class AlteredForms(unittest.TestCase):
    def test_every_flipped_bit_of_a_members_receipt_is_refused(self):
        batch = build_batch([b"a", b"b", b"c"], network="trial", declared_time_ms=None)
        receipt = member_receipt(receipt_of(batch.deposit), batch.members[1]).encode()
        self.assertTrue(verify(receipt, POLICY, b"b").accepted)
        altered = bytearray(receipt)
        for at in range(0, len(receipt)):
            altered[at] ^= 1 << at % 8
            self.assertFalse(verify(bytes(altered), POLICY, b"b").accepted, f"byte {at}")
            altered[at] ^= 1 << at % 8


if __name__ == "__main__":
    unittest.main()
