"""The client against nodes that answer, refuse, hang, forge and go away."""

import base64
import contextlib
import time
import unittest

from fake_node import FakeNode, closed_url, problem
from support import DOCUMENT, SALT, Epoch, issue, plain, standard_statement, statement
from wutong_client import (Client, FormError, NotReceipted, ProblemError, Unavailable, http,
                           verify)
from wutong_client.merkle import sha256

EPOCH = Epoch()
OURS = standard_statement()
RECEIPT = issue(OURS, EPOCH)
COMMITTED = (201, {"id": OURS.id.hex(), "status": "committed",
                   "receipt": RECEIPT.encode().decode()})
PENDING = (202, {"id": OURS.id.hex(), "status": "pending", "next_step": "wait"})


class Nodes(unittest.TestCase):
    def nodes(self, *answers):
        """A client of nodes with these answers, and the nodes."""
        stack = contextlib.ExitStack()
        self.addCleanup(stack.close)
        made = []
        for answer in answers:
            reply = answer if callable(answer) else (lambda request, fixed=answer: fixed)
            made.append(stack.enter_context(FakeNode(reply)))
        return Client([node.url for node in made]), made


class Addresses(unittest.TestCase):
    def test_addresses_are_normalised_and_distinct(self):
        client = Client("http://a:1/, a:1,http://a:1,https://b/prefix/")
        self.assertEqual(client.urls, ["http://a:1", "https://b/prefix"])

    def test_other_addresses_are_refused(self):
        for text in ("", "ftp://host", "http://", "http://h?x=1", "http://u@h", "http://h#f",
                     "http://h:port", "http://a b"):
            with self.subTest(text), self.assertRaises(FormError):
                Client([text])
        with self.assertRaises(FormError):
            Client([])


class Submitting(Nodes):
    def test_a_receipt_comes_with_the_salt_that_no_node_saw(self):
        client, (node,) = self.nodes(COMMITTED)
        standing = client.submit(OURS, salt=SALT, policy=EPOCH.policy_text())
        self.assertEqual((standing.status, standing.outcome_code), ("receipted", 0))
        self.assertEqual((standing.height, standing.id), (2, OURS.id))
        report = verify(standing.receipt.encode(), EPOCH.policy_text(), DOCUMENT)
        self.assertTrue(report.accepted)
        (request,) = node.requests
        self.assertEqual((request.method, request.path), ("POST", "/v1/statements"))
        self.assertEqual(request.body, OURS.entry)
        self.assertEqual(request.headers["content-type"], "application/scitt-statement+cose")
        self.assertNotIn(SALT, request.body)

    def test_a_node_that_is_away_or_sick_is_passed_over(self):
        for sick in ((500, "?"), (429, ""), (0, b""), (201, {}), (201, "no JSON"), (201, b"\xff"),
                     (200, {"receipt": 1}), (302, "http://127.0.0.1:1/")):
            client, (first, second) = self.nodes(sick, COMMITTED)
            self.assertEqual(client.submit(OURS).status, "receipted", sick)
            self.assertEqual(first.requests[0].body, second.requests[0].body)
        client, _ = self.nodes(COMMITTED)
        client.urls.insert(0, closed_url())
        self.assertEqual(client.submit(OURS).status, "receipted")

    def test_a_redirect_is_not_followed(self):
        client, (node,) = self.nodes(COMMITTED)
        other, _ = self.nodes((302, node.url + "/v1/statements"))
        self.assertEqual(other.submit(OURS, wait_s=0).status, "pending")
        self.assertEqual(node.requests, [])

    def test_a_forged_receipt_is_passed_over(self):
        other = issue(statement(plain(bytes(32))), EPOCH).encode().decode()
        forged = issue(OURS, Epoch(4, "stranger ")).encode().decode()
        for text in (other, forged, RECEIPT.encode().decode() + "\n"):
            client, _ = self.nodes((201, {"receipt": text}), COMMITTED)
            standing = client.submit(OURS, policy=EPOCH.policy())
            self.assertEqual((standing.status, standing.receipt), ("receipted", RECEIPT))
        client, _ = self.nodes((201, {"receipt": forged}))
        standing = client.submit(OURS, policy=EPOCH.policy(), wait_s=0)
        self.assertEqual(standing.status, "pending")
        self.assertIn("log signature", standing.detail)

    def test_a_true_receipt_of_a_failure_is_taken(self):
        receipt = issue(OURS, EPOCH, code=3).encode().decode()
        client, _ = self.nodes((201, {"receipt": receipt}))
        standing = client.submit(OURS, policy=EPOCH.policy())
        self.assertEqual((standing.status, standing.outcome_code), ("receipted", 3))

    def test_no_quorum_is_pending_and_names_who_is_missing(self):
        answer = problem(503, "no-quorum", missing=["v3", "v4"], quorum=3)
        client, nodes = self.nodes(answer, answer)
        standing = client.submit(OURS, wait_s=5)
        self.assertEqual((standing.status, standing.missing, standing.quorum),
                         ("pending", ("v3", "v4"), 3))
        self.assertEqual([len(node.requests) for node in nodes], [1, 1])
        standing = self.nodes(problem(503, "no-answer"))[0].submit(OURS)
        self.assertEqual((standing.status, standing.missing), ("pending", ()))

    def test_pending_statements_are_sent_again_while_there_is_time(self):
        answers = iter([PENDING, PENDING, COMMITTED])
        client, (node,) = self.nodes(lambda request: next(answers))
        self.assertEqual(client.submit(OURS, wait_s=3).status, "receipted")
        self.assertEqual({request.body for request in node.requests}, {OURS.entry})
        client, nodes = self.nodes(PENDING, PENDING)
        self.assertEqual(client.submit(OURS, wait_s=0).status, "pending")
        self.assertEqual([len(node.requests) for node in nodes], [1, 0])

    def test_a_refusal_counts_when_nobody_admitted(self):
        refusal = problem(403, "not-listed", field="namespace")
        client, _ = self.nodes(refusal, refusal)
        standing = client.submit(OURS)
        self.assertEqual((standing.status, standing.is_refused_by_all), ("refused", True))
        self.assertIn("not-listed!", standing.detail)
        self.assertEqual(standing.next_step, "ask")
        client, _ = self.nodes(refusal, (500, ""))
        self.assertFalse(client.submit(OURS).is_refused_by_all)
        client, _ = self.nodes(refusal, PENDING)
        self.assertEqual(client.submit(OURS, wait_s=0.5).status, "pending")

    def test_a_node_that_hangs_gets_its_share_of_the_wait(self):
        def hang(request):
            time.sleep(4)
            return COMMITTED

        client, _ = self.nodes(hang, COMMITTED)
        begin = time.monotonic()
        self.assertEqual(client.submit(OURS, wait_s=1).status, "receipted")
        self.assertLess(time.monotonic() - begin, 3.5)

    def test_an_endless_answer_is_cut(self):
        client, _ = self.nodes((201, b" " * (http.ANSWER_BYTES_MAX + 1)), COMMITTED)
        self.assertEqual(client.submit(OURS).status, "receipted")


class Waiting(Nodes):
    def test_a_receipt_is_awaited_across_nodes(self):
        answers = iter([PENDING, (200, RECEIPT.encode())])
        client, (behind, node) = self.nodes(problem(404, "unknown-statement"),
                                            lambda request: next(answers))
        for what in (OURS, OURS.id):
            receipt = client.wait_for_receipt(what, wait_s=5, poll_s=0.01, salt=SALT,
                                              policy=EPOCH.policy_text())
            self.assertEqual(receipt, RECEIPT.with_salt(SALT))
            answers = iter([(200, RECEIPT.encode())])
        self.assertEqual(node.requests[0].path, f"/v1/statements/{OURS.id.hex()}/receipt")

    def test_the_wait_ends(self):
        client, _ = self.nodes(PENDING)
        with self.assertRaises(NotReceipted):
            client.wait_for_receipt(OURS, wait_s=0.05, poll_s=0.02)
        other = issue(statement(plain(bytes(32))), EPOCH)
        client, _ = self.nodes((200, other.encode()))
        with self.assertRaises(NotReceipted) as caught:
            client.wait_for_receipt(OURS, wait_s=0, poll_s=0.01)
        self.assertIn("another statement", str(caught.exception))


class Bodies(Nodes):
    def test_every_node_is_given_the_body_and_one_is_enough(self):
        client, nodes = self.nodes((500, ""), (201, {}), (200, {}))
        self.assertEqual(client.put_body(b"body"), sha256(b"body"))
        for node in nodes:
            self.assertEqual((node.requests[0].method, node.requests[0].body), ("PUT", b"body"))
            self.assertEqual(node.requests[0].path, f"/v1/bodies/{sha256(b'body').hex()}")
        client, _ = self.nodes((500, ""), problem(413, "too-large"))
        with self.assertRaises(ProblemError):
            client.put_body(b"body")
        with self.assertRaises(Unavailable):
            Client(closed_url()).put_body(b"body")

    def test_a_body_is_checked_against_its_digest(self):
        client, _ = self.nodes((200, b"other"), (200, b"body"))
        self.assertEqual(client.get_body(sha256(b"body")), b"body")
        with self.assertRaises(Unavailable):
            client.get_body(sha256(b"third"))


class Asking(Nodes):
    def test_health_answers_without_a_quorum(self):
        client, _ = self.nodes((503, {"network": "trial", "quorum": False}))
        self.assertEqual(client.network(), "trial")

    def test_nothing_lodged_is_no_error_and_a_missing_route_is(self):
        client, _ = self.nodes(problem(404, "nothing-lodged"))
        self.assertEqual(client.lookup(bytes(32)), [])
        client, _ = self.nodes(problem(404, "unknown-route"))
        with self.assertRaises(ProblemError):
            client.lookup(bytes(32))
        client, _ = self.nodes(problem(404, "nothing-lodged"), (200, {"statements": [{"id": 1}]}))
        self.assertEqual(client.lookup(bytes(32)), [{"id": 1}])

    def test_a_policy_needs_agreement_or_its_fingerprint(self):
        ours, theirs = EPOCH.policy(), Epoch(4, "other ").policy()
        client, _ = self.nodes((200, theirs.text()), (200, ours.text()), (200, ours.text()))
        self.assertEqual(client.policy(agree=2), ours)
        self.assertEqual(client.policy(fingerprint=ours.fingerprint()), ours)
        with self.assertRaises(Unavailable):
            client.policy(agree=3)

    def test_links_of_a_chain(self):
        text = base64.b64encode(bytes(32)).decode()
        link = {"epoch": 1, "entry": text, "index": 7, "path": [text], "checkpoint": "note"}
        client, _ = self.nodes((200, {"network": "trial", "epochs": [], "links": [link]}))
        (found,) = client.policy_chain()
        self.assertEqual((found.entry, found.index, found.path, found.checkpoint),
                         (bytes(32), 7, (bytes(32),), "note"))
        client, _ = self.nodes((200, {"links": [{"entry": "!"}]}))
        with self.assertRaises(Unavailable):
            client.policy_chain()


if __name__ == "__main__":
    unittest.main()
