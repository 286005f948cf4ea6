"""The commands: exit codes, JSON, and files that are kept until the receipt is there."""

import contextlib
import io
import json
import os
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from fake_node import FakeNode, closed_url, problem
from support import CORPUS, Epoch, issue
from wutong_client import Mode, PrivateKey, Receipt, verify
from wutong_client.__main__ import main
from wutong_client.statement import Statement

EPOCH = Epoch()


def run(*arguments: object) -> tuple[int, str, str]:
    """Exit code, standard output, standard error."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = main([str(argument) for argument in arguments])
        except SystemExit as wrong_use:
            code = wrong_use.code
    return code, out.getvalue(), err.getvalue()


class Verifying(unittest.TestCase):
    policy = ("--policy", CORPUS / "policy.txt")
    document = CORPUS / "document.txt"

    def test_the_exit_code_is_the_verdict(self):
        good = CORPUS / "accepted/commitment.tlog-proof"
        code, out, _ = run("verify", self.document, "--receipt", good, *self.policy)
        self.assertEqual((code, out.split("\n")[0]), (0, "VERIFIED"))
        bad = CORPUS / "refused/outcome--code.tlog-proof"
        code, out, _ = run("verify", self.document, "--receipt", bad, *self.policy)
        self.assertEqual((code, out.split("\n")[0]), (1, "REFUSED"))
        self.assertIn("failed check     outcome", out)

    def test_wrong_use_is_2(self):
        good = CORPUS / "accepted/commitment.tlog-proof"
        for arguments in (
            ("verify",), (), ("nothing",), ("verify", self.document),
            ("verify", self.document, "--receipt", "/nonexistent", *self.policy),
            ("verify", "/nonexistent", "--receipt", good, *self.policy),
            ("verify", self.document, "--receipt", good, "--policy", good),
            ("verify", self.document, "--receipt", good, "--policy", "/nonexistent"),
        ):
            self.assertEqual(run(*arguments)[0], 2, arguments)

    def test_json_has_the_members_of_the_command(self):
        good = CORPUS / "accepted/commitment.tlog-proof"
        _, out, _ = run("verify", self.document, "--receipt", good, *self.policy, "--json")
        said = json.loads(out)
        self.assertEqual((said["verdict"], said["verified"], said["failed"]),
                         ("VERIFIED", True, []))
        self.assertEqual(len(said["checks"]), 17)
        self.assertEqual(said["evidence"]["existed_before"], "2023-11-14T22:15:01Z")
        self.assertEqual(said["evidence"]["signers"][0]["organisation"], "Court 1")

    def test_a_pinned_policy_is_the_only_one(self):
        good = CORPUS / "accepted/commitment.tlog-proof"
        base = ("verify", self.document, "--receipt", good, *self.policy, "--fingerprint")
        self.assertEqual(run(*base, EPOCH.policy().fingerprint())[0], 0)
        code, out, _ = run(*base, "00" * 32)
        self.assertEqual((code, out.split("\n")[0]), (1, "REFUSED"))
        self.assertIn("trust anchor", out)


class Depositing(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.file = self.folder / "report.pdf"
        self.file.write_bytes(b"a report")
        self.out = self.folder / "receipts"
        self.key = self.folder / "me.pem"
        PrivateKey.generate().save(self.key)
        self.policy = self.folder / "policy"
        self.policy.write_text(EPOCH.policy_text(), encoding="utf-8")

    def commit(self, request):
        """A node that takes everything."""
        if request.path == "/v1/health":
            return 200, {"network": "trial"}
        if request.method == "PUT":
            return 201, {}
        receipt = issue(Statement.parse(request.body), EPOCH)
        return 201, {"receipt": receipt.encode().decode()}

    def deposit(self, url: str, *more: object) -> tuple[int, dict]:
        code, out, err = run("deposit", self.file, "--url", url, "--key", self.key, "--out",
                             self.out, "--wait", 0, "--json", *more)
        return code, json.loads(out)["deposits"][0] if out and json.loads(out)["deposits"] else err

    def names(self) -> list[str]:
        return sorted(path.name for path in self.out.iterdir())

    def test_every_mode_gives_a_receipt_that_verifies(self):
        for mode in ("commitment", "digest", "content", "body"):
            with FakeNode(self.commit) as node:
                code, said = self.deposit(node.url, "--mode", mode, "--policy", self.policy)
            self.assertEqual((code, said["status"], said["verified"]), (0, "receipted", True), mode)
            receipt = Path(said["receipt"])
            code = run("verify", self.file, "--receipt", receipt, "--policy", self.policy)[0]
            self.assertEqual(code, 0, mode)
            entry = Statement.parse(Receipt.parse(receipt.read_bytes()).entry)
            self.assertEqual(entry.deposit.mode, Mode[mode.upper()])
            puts = [r for r in node.requests if r.method == "PUT"]
            self.assertEqual(len(puts), int(mode == "body"))
        self.assertEqual(self.names(), ["report.pdf-2.tlog-proof", "report.pdf-3.tlog-proof",
                                        "report.pdf-4.tlog-proof", "report.pdf.tlog-proof"])

    def test_a_statement_without_receipt_is_kept_and_sent_again(self):
        with FakeNode(lambda request: (202, {})) as node:
            code, said = self.deposit(node.url, "--network", "trial")
            self.assertEqual((code, said["status"]), (3, "pending"))
            first = node.requests[0].body
        self.assertEqual(self.names(), ["report.pdf.pending"])
        mode = (self.out / "report.pdf.pending").stat().st_mode
        self.assertEqual(mode & 0o777, 0o600)
        code, said = self.deposit(closed_url())  # No network's name is needed to send it again.
        self.assertEqual((code, said["status"]), (3, "pending"))
        with FakeNode(self.commit) as node:
            code, said = self.deposit(node.url)
            self.assertEqual([r.body for r in node.requests if r.method == "POST"], [first])
        self.assertEqual((code, self.names()), (0, ["report.pdf.tlog-proof"]))
        report = verify((self.out / "report.pdf.tlog-proof").read_bytes(), EPOCH.policy_text(),
                        self.file)
        self.assertTrue(report.accepted)

    def test_other_wishes_do_not_take_the_kept_statement(self):
        with FakeNode(lambda request: (202, {})) as node:
            base = ("--network", "trial")
            self.deposit(node.url, *base)
            for more in (("--mode", "digest"), ("--subject", "other"), ("--namespace", "other"),
                         ("--issuer", "me")):
                self.deposit(node.url, *base, *more)
            self.file.write_bytes(b"changed")
            self.deposit(node.url, *base)
            self.assertEqual(len({r.body for r in node.requests}), 6)
        self.assertEqual(len(self.names()), 6)

    def test_a_refusal_of_all_forgets_the_statement(self):
        with FakeNode(lambda request: problem(403, "not-listed")) as node:
            code, said = self.deposit(node.url, "--network", "trial")
        self.assertEqual((code, said["status"], self.names()), (1, "refused", []))

    def test_no_node_is_3_and_wrong_use_is_2(self):
        code, _ = self.deposit(closed_url())
        self.assertEqual((code, self.names()), (3, []))
        self.assertEqual(self.deposit("ftp://host")[0], 2)
        self.assertEqual(self.deposit(closed_url(), "--network", "No Name")[0], 2)
        self.assertEqual(self.deposit(closed_url(), "--declared-time", "noon")[0], 2)
        self.file.unlink()
        self.assertEqual(self.deposit(closed_url())[0], 2)

    def test_the_declared_time_is_the_depositors(self):
        for text, time_ms in (("2026-03-01T09:30:00Z", 1772357400000),
                              ("2026-03-01T09:30:00.1239+01:00", 1772353800123), ("none", None)):
            with FakeNode(self.commit) as node:
                self.deposit(node.url, "--declared-time", text)
                entry = Statement.parse(node.requests[-1].body)
            self.assertEqual(entry.deposit.declared_time_ms, time_ms, text)

    def test_a_write_that_fails_leaves_no_half_file(self):
        with FakeNode(self.commit) as node, mock.patch("os.fsync", side_effect=OSError("full")):
            self.assertEqual(self.deposit(node.url)[0], 2)
            self.assertEqual([r for r in node.requests if r.method == "POST"], [])
        self.assertEqual(self.names(), [])


class Others(unittest.TestCase):
    def test_keygen_never_replaces_a_key(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "me.pem")
            code, out, _ = run("keygen", "--out", path)
            self.assertEqual(code, 0)
            self.assertIn("key id", out)
            self.assertEqual(run("keygen", "--out", path)[0], 2)

    def test_follow_prints_json_lines(self):
        text = 'id: 3\nevent: deposited\ndata: {"ordinal":3,"id":"00"}\n\n'
        with FakeNode(lambda request: (200, text)) as node:
            code, out, _ = run("follow", "--url", node.url, "--after", 2, "--count", 1)
        self.assertEqual(code, 0)
        self.assertEqual(json.loads(out), {"ordinal": 3, "event": "deposited", "id": "00"})
        with FakeNode(lambda request: problem(404, "unknown-route")) as node:
            code, _, err = run("follow", "--url", node.url)
        self.assertEqual((code, "next:" in err), (1, True))


if __name__ == "__main__":
    unittest.main()
