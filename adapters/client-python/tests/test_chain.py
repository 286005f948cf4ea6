"""Policy chains: from an old policy to a new receipt, and from a new policy to an old receipt."""

import unittest
from dataclasses import replace

from support import DOCUMENT, Epoch, Ledger, failed, plain, statement
from wutong_client import FormError, Link, Receipt, connect_policies, verify
from wutong_client.merkle import sha256
from wutong_client.note import Note
from wutong_client.receipt import PolicyEntry
from wutong_client.report import Check

OURS = statement(plain(sha256(DOCUMENT)))


class World:
    """A log in which three epochs follow each other; our statement is in the first or last."""

    def __init__(self, *, is_late: bool = True) -> None:
        self.epochs = [Epoch(4), Epoch(4, "second "), Epoch(7, "third ")]
        self.entries = [epoch.entry(number) for number, epoch in enumerate(self.epochs)]
        self.ledger = Ledger()
        self.indexes = [self.ledger.add(self.entries[0])]
        if not is_late:
            self.ledger.add_block([OURS])
            self.early = self.ledger.receipt(OURS, self.epochs[0])
        self.indexes.append(self.ledger.add(self.entries[1]))
        self.to_second = self.link(1, signed_by=0)
        self.indexes.append(self.ledger.add(self.entries[2]))
        self.to_third = self.link(2, signed_by=1, signers=(0, 1, 3))
        if is_late:
            self.ledger.add_block([OURS])
            self.late = self.ledger.receipt(OURS, self.epochs[2], (0, 1, 2, 3, 4))

    def link(self, number: int, *, signed_by: int, signers=(0, 1, 2)) -> Link:
        return self.ledger.link(self.entries[number], self.indexes[number],
                                self.epochs[signed_by], signers)

    def judged(self, receipt: Receipt, given: int):
        return verify(receipt.encode(), self.epochs[given].policy_text(), DOCUMENT)


class Forward(unittest.TestCase):
    def setUp(self):
        self.world = World()
        self.links = [self.world.to_second, self.world.to_third]
        self.receipt = self.world.late.with_chain(self.links)

    def refuse(self, *links: Link, given: int = 0):
        report = self.world.judged(self.world.late.with_chain(links), given)
        self.assertIn("policy chain", failed(report))
        return report

    def test_an_old_policy_verifies_a_new_receipt(self):
        report = self.world.judged(self.receipt, 0)
        self.assertTrue(report.accepted, report.findings)
        self.assertEqual(report.finding(Check.POLICY_CHAIN).verdict.value, "passed")
        self.assertEqual(report.finding(Check.QUORUM).found.split(" (")[0],
                         "5 of 7 in group validators")
        self.assertEqual(report.evidence.policy, self.world.epochs[0].policy().fingerprint())
        order = [f.check for f in report.findings]
        self.assertEqual(order, sorted(order, key=list(Check).index))
        self.assertEqual(Receipt.parse(self.receipt.encode()), self.receipt)

    def test_without_links_only_its_own_policy_verifies(self):
        self.assertTrue(self.world.judged(self.world.late, 2).accepted)
        for given in (0, 1):
            report = self.world.judged(self.world.late, given)
            self.assertIn("cosignatures", failed(report))
            self.assertIsNone(report.finding(Check.POLICY_CHAIN))

    def test_links_begin_where_trust_does(self):
        report = self.world.judged(self.world.late.with_chain(self.links[1:]), 1)
        self.assertTrue(report.accepted)
        self.refuse(*self.links, given=2)

    def test_a_missing_or_swapped_link_is_refused(self):
        self.refuse(self.links[1])
        self.refuse(*self.links[::-1])
        # With the first link alone the receipt is judged by the second epoch's policy.
        report = self.world.judged(self.world.late.with_chain(self.links[:1]), 0)
        self.assertEqual(report.finding(Check.POLICY_CHAIN).verdict.value, "passed")
        self.assertIn("quorum", failed(report))

    def test_a_link_that_is_not_good_is_refused(self):
        first, second = self.links
        note = Note.parse(first.checkpoint)
        thin = self.world.link(1, signed_by=0, signers=(0, 1))
        stranger = Epoch(4, "stranger ")
        forged = self.world.ledger.link(self.world.entries[1], 1, stranger)
        spoilt = first.checkpoint.replace("trial\n", "other\n", 1)
        for what, link in (
            ("no quorum", thin),
            ("signed by strangers", forged),
            ("another index", replace(first, index=first.index - 1)),
            ("another path", replace(first, path=first.path[::-1] + first.path[:1])),
            ("another entry", replace(first, entry=self.world.entries[2])),
            ("an entry with a tail", replace(first, entry=first.entry + b"\0")),
            ("no entry", replace(first, entry=b"")),
            ("no checkpoint", replace(first, checkpoint="")),
            ("a checkpoint with a tail", replace(first, checkpoint=first.checkpoint + "\n")),
            ("another origin", replace(first, checkpoint=spoilt)),
            ("no log line", replace(first, checkpoint=Note(note.text,
                                                           note.signatures[1:]).encode())),
            ("log line last", replace(first, checkpoint=Note(
                note.text, note.signatures[1:] + note.signatures[:1]).encode())),
        ):
            with self.subTest(what):
                self.refuse(link, second)

    def test_an_unknown_cosignature_is_refused_as_in_receipts(self):
        first, second = self.links
        note = Note.parse(first.checkpoint)
        theirs = Note.parse(second.checkpoint).signatures[-1]
        both = Note(note.text, (*note.signatures, theirs))
        self.refuse(replace(first, checkpoint=both.encode()), second)

    def test_entries_of_another_network_or_shape_are_refused(self):
        ledger, epoch = self.world.ledger, self.world.epochs[0]
        good = PolicyEntry.parse(self.world.entries[1])
        for what, entry in (
            ("another network", replace(good, network="other").encode()),
            ("no policy", replace(good, policy_text="quorum none\n").encode()),
            ("no name", replace(good, receipt_keys=(("V 1", bytes(32)),)).encode()),
            ("a short key", replace(good, receipt_keys=(("v1", bytes(31)),)).encode()),
        ):
            index = ledger.add(entry)
            with self.subTest(what):
                report = self.refuse(ledger.link(entry, index, epoch))
                self.assertIn("link 1", report.finding(Check.POLICY_CHAIN).found)

    def test_more_links_than_64_are_no_receipt(self):
        link = replace(self.links[0], entry=b"", checkpoint="")
        report = self.world.judged(self.world.late.with_chain([link] * 65), 0)
        self.assertEqual(failed(report), ["receipt form"])
        report = self.world.judged(self.world.late.with_chain([link] * 64), 0)
        self.assertIn("policy chain", failed(report))

    def test_every_flipped_bit_is_refused(self):
        data = self.receipt.encode()
        policy, altered = self.world.epochs[0].policy(), bytearray(data)
        for at in range(0, len(data), 3):
            altered[at] ^= 1 << at % 8
            self.assertFalse(verify(bytes(altered), policy, DOCUMENT).accepted, f"byte {at}")
            altered[at] ^= 1 << at % 8


class Connecting(unittest.TestCase):
    def test_the_links_that_are_needed_are_taken_and_no_others(self):
        world = World()
        links = [world.to_second, world.to_third]
        for given, needed in ((0, links), (1, links[1:]), (2, [])):
            policy = world.epochs[given].policy()
            connected = connect_policies(world.late, links, policy)
            self.assertEqual(list(connected.chain), needed)
            self.assertTrue(verify(connected.encode(), policy, DOCUMENT).accepted)
        early = World(is_late=False)
        own = connect_policies(early.early, links, early.epochs[0].policy_text())
        self.assertEqual(own.chain, ())
        back = early.link(0, signed_by=2, signers=(0, 1, 2, 3, 4))
        old = connect_policies(early.early, [early.to_third, back], early.epochs[2].policy())
        self.assertEqual(old.chain, (back,))

    def test_links_that_do_not_reach_are_told(self):
        world = World()
        for links in ([], [world.to_second], [world.to_third]):
            with self.assertRaises(FormError):
                connect_policies(world.late, links, world.epochs[0].policy())


class Backward(unittest.TestCase):
    def test_a_new_policy_verifies_an_old_receipt(self):
        world = World(is_late=False)
        to_first = world.link(0, signed_by=2, signers=(0, 2, 3, 5, 6))
        report = world.judged(world.early.with_chain([to_first]), 2)
        self.assertTrue(report.accepted, report.findings)
        self.assertEqual(report.evidence.policy, world.epochs[2].policy().fingerprint())
        self.assertNotIn("cosignatures", failed(report))
        self.assertIn("cosignatures", failed(world.judged(world.early, 2)))

    def test_step_by_step_back_and_never_by_the_old_epoch_itself(self):
        world = World(is_late=False)
        to_second = world.link(1, signed_by=2, signers=(0, 1, 2, 3, 4))
        to_first = world.link(0, signed_by=1)
        self.assertTrue(world.judged(world.early.with_chain([to_second, to_first]), 2).accepted)
        own = world.link(0, signed_by=0)
        report = world.judged(world.early.with_chain([own]), 2)
        self.assertIn("policy chain", failed(report))

    def test_any_policy_trusted_before_may_sign_a_link(self):
        world = World(is_late=False)
        policy_of = {number: world.link(number, signed_by=2, signers=(0, 1, 2, 3, 4))
                     for number in (0, 1)}
        chain = [policy_of[1], policy_of[0]]
        self.assertTrue(world.judged(world.early.with_chain(chain), 2).accepted)


if __name__ == "__main__":
    unittest.main()
