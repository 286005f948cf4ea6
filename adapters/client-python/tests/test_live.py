"""A round trip with a running network; only when WUTONG_URL names its nodes (comma list).

`WUTONG_POLICY` may name the policy file; else the nodes' own policy is used, which is enough to
try the path, and proves nothing. `WUTONG_MODES` are further modes that the nodes take, such as
`content,batch,body`.
"""

import itertools
import os
import unittest
from pathlib import Path

from support import SALT  # noqa: F401  (makes the package importable)
from wutong_client import (Client, PrivateKey, ProblemError, build_batch, build_deposit,
                           member_receipt, sign_statement, verify)

URLS = os.environ.get("WUTONG_URL")


@unittest.skipUnless(URLS, "WUTONG_URL names no nodes")
class Live(unittest.TestCase):
    def setUp(self):
        self.client = Client(URLS)
        path = os.environ.get("WUTONG_POLICY")
        agree = len(self.client.urls) // 2 + 1
        self.policy = (Path(path).read_text("utf-8") if path
                       else self.client.policy(agree=agree).text())
        self.network = self.client.network()
        self.key = PrivateKey.generate()
        self.document = os.urandom(100)

    def lodge(self, deposit, salt=None):
        made = sign_statement(self.key, deposit)
        standing = self.client.submit(made, policy=self.policy, salt=salt)
        self.assertEqual(standing.status, "receipted", standing.detail)
        return made, standing.receipt

    def test_submit_wait_verify(self):
        further = os.environ.get("WUTONG_MODES", "").split(",")
        modes = ["digest", "commitment", *filter(None, further)]
        for mode in modes:
            with self.subTest(mode):
                if mode == "batch":
                    self.batch()
                    continue
                draft = build_deposit(self.document, network=self.network, mode=mode)
                if mode == "body":
                    self.client.put_body(self.document)
                made, receipt = self.lodge(draft.deposit, draft.salt)
                self.judge(receipt, self.document)
                again = self.client.wait_for_receipt(made, policy=self.policy, salt=draft.salt)
                self.judge(again, self.document)
                self.assertEqual(self.client.statement(made.id)["status"], "committed")
        print(f"\nlive: {', '.join(modes)} lodged and verified on {self.network}")

    def batch(self):
        documents = [os.urandom(20) for _ in range(5)]
        batch = build_batch(documents, network=self.network)
        _, receipt = self.lodge(batch.deposit)
        for document, member in zip(documents, batch.members):
            self.judge(member_receipt(receipt, member), document)

    def judge(self, receipt, document):
        report = verify(receipt.encode(), self.policy, document)
        self.assertTrue(report.accepted, report.failures())
        self.assertTrue(report.evidence.document_matched)
        self.assertFalse(verify(receipt.encode(), self.policy, document + b"!").accepted)

    def test_events_follow_a_deposit(self):
        try:
            events = self.client.follow(idle_s=10, give_up_s=10)
            draft = build_deposit(self.document, network=self.network)
            made, _ = self.lodge(draft.deposit, draft.salt)
            found = next(e for e in itertools.islice(events, 100_000) if e.id == made.id)
        except ProblemError as error:
            self.skipTest(f"the nodes serve no events: {error}")
        print(f"\nlive: event {found.ordinal} found")


if __name__ == "__main__":
    unittest.main()
