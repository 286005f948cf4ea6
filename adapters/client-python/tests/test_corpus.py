"""The committed receipts of the Rust verifier: same verdict, same failing check, same report."""

import os
import re
import json
import subprocess
import unittest

from support import CORPUS, DOCUMENT, MESSAGES, SALT, Epoch, failed, issue, plain
from support import standard_statement, statement
from wutong_client import Receipt, verify
from wutong_client.merkle import sha256
from wutong_client.report import Check

POLICY = (CORPUS / "policy.txt").read_text(encoding="utf-8")


class Corpus(unittest.TestCase):
    def test_every_file_is_judged_as_its_name_says(self):
        for folder, count_min in (("accepted", 4), ("refused", 28)):
            files = sorted((CORPUS / folder).glob("*.tlog-proof"))
            self.assertGreaterEqual(len(files), count_min)
            for path in files:
                with self.subTest(path.name):
                    report = verify(path.read_bytes(), POLICY, CORPUS / "document.txt")
                    self.assertEqual(report.accepted, folder == "accepted", report.findings)
                    if folder == "refused":
                        check = path.name.split("--")[0].replace("-", " ")
                        self.assertIn(check, failed(report))

    def test_the_order_and_words_of_the_checks_are_the_rust_verifiers(self):
        snapshot = (MESSAGES / "snapshots/receipt_verified__report.snap").read_text("utf-8")
        expected = snapshot.split("---\n")[2].strip().split("\n")
        receipt = (CORPUS / "accepted/commitment.tlog-proof").read_bytes()
        report = verify(receipt, POLICY, DOCUMENT)
        found = [f"{f.verdict.value.capitalize()} {f.check.value}: {f.found}"
                 for f in report.findings]
        self.assertEqual(found, expected)

    def test_a_zip_215_signature_is_a_note(self):
        receipt = (CORPUS / "accepted/zip-215-only.tlog-proof").read_bytes()
        report = verify(receipt, POLICY, DOCUMENT)
        finding = report.finding(Check.SIGNATURE_RULE)
        self.assertEqual((finding.verdict.value, finding.found), ("noted", "ZIP-215 only"))
        self.assertFalse(report.evidence.strict)

    def test_the_receipts_are_written_here_byte_for_byte(self):
        epoch, ours = Epoch(), standard_statement()
        self.assertEqual(epoch.policy_text(), POLICY)
        digest = statement(plain(sha256(DOCUMENT)))
        for name, receipt in (
            ("commitment", issue(ours, epoch, salt=SALT)),
            ("all-validators", issue(ours, epoch, (0, 1, 2, 3), salt=SALT)),
            ("digest", issue(digest, epoch)),
        ):
            data = (CORPUS / f"accepted/{name}.tlog-proof").read_bytes()
            self.assertEqual(receipt.encode(), data, name)
            self.assertEqual(Receipt.parse(data), receipt, name)

    def test_the_frozen_receipt_and_policy(self):
        text = (MESSAGES / "snapshots/policy_rules__policy.snap").read_text("utf-8")
        fingerprint = re.search(r"--\n([0-9a-f]{64})", text.split("---\n")[2])[1]
        self.assertEqual(Epoch().policy().fingerprint(), fingerprint)

    @unittest.skipUnless(os.environ.get("WUTONG_BIN"), "WUTONG_BIN names no wutong command")
    def test_every_report_equals_that_of_the_command(self):
        compared = 0
        for path in sorted(CORPUS.glob("*/*.tlog-proof")):
            command = [os.environ["WUTONG_BIN"], "verify", str(CORPUS / "document.txt"),
                       "--receipt", str(path), "--policy", str(CORPUS / "policy.txt"), "--json"]
            theirs = json.loads(subprocess.run(command, capture_output=True).stdout)
            ours = verify(path.read_bytes(), POLICY, DOCUMENT).json(theirs["document"])
            with self.subTest(path.name):
                self.assertEqual([c["check"] for c in theirs["checks"]],
                                 [c["check"] for c in ours["checks"]])
                for mine, other in zip(ours["checks"], theirs["checks"]):
                    # Each verifier has its own words for these; the verdicts are the same.
                    worded = mine["check"] in ("document", "policy chain") or (
                        mine["check"].endswith("form") and mine["verdict"] == "failed"
                    )
                    for field in ("verdict",) if worded else ("verdict", "expected", "found"):
                        self.assertEqual(mine[field], other[field], mine["check"])
                self.assertEqual(ours["verdict"], theirs["verdict"])
                if theirs["evidence"]:
                    evidence = {k: ours["evidence"][k] for k in theirs["evidence"]}
                    self.assertEqual(evidence, theirs["evidence"])
            compared += 1
        print(f"\n{compared} reports compared with the command's")


if __name__ == "__main__":
    unittest.main()
