"""Policies: what is refused, who meets the quorum, and which time is proven."""

import itertools
import unittest

from support import Epoch, key
from wutong_client import Policy, PolicyError
from wutong_client.note import COSIGNER, LOG, VerifierKey

LOG_KEY = VerifierKey("log.example", LOG, key("log").public)


def cosigner(name: str) -> VerifierKey:
    return VerifierKey(name, COSIGNER, key(name).public)


A, B = cosigner("a"), cosigner("b")
BASE = f"log {LOG_KEY}\nwitness a {A}\nwitness b {B}\n"


def nested() -> str:
    text = f"  log\t{LOG_KEY} https://log.example/\n\n# a comment\n"
    for name in ("x1", "x2", "x3", "y1", "y2", "y3"):
        text += f"witness {name} {cosigner(name)} https://w.example/\n"
    text += "group x-witnesses 2 x1 x2 x3\ngroup y-witnesses any y1 y2 y3\n"
    return text + "group both all x-witnesses y-witnesses\nquorum both\n"


class Policies(unittest.TestCase):
    def test_nested_groups_are_met_as_their_thresholds_say(self):
        policy = Policy.parse(nested())
        for signed in ("x1 x2 y1", "x2 x3 y3", "x1 x2 x3 y1 y2 y3"):
            self.assertTrue(policy.is_met_by(set(signed.split())), signed)
        for signed in ("x1 x2 x3", "x1 y1 y2 y3", ""):
            self.assertFalse(policy.is_met_by(set(signed.split())), signed)
        again = Policy.parse(policy.text())
        self.assertEqual((again, again.text()), (policy, policy.text()))
        self.assertEqual(policy.quorum_rule(), "2 of 2 in group both")

    def test_malformed_policies_are_refused(self):
        cases = {
            "no quorum": BASE, "quorum none": BASE + "quorum none\n",
            "two quorums": BASE + "quorum a\nquorum b\n", "an unknown quorum": BASE + "quorum c\n",
            "threshold 0": BASE + "group g 0 a b\nquorum g\n",
            "threshold above": BASE + "group g 3 a b\nquorum g\n",
            "leading zero": BASE + "group g 01 a b\nquorum g\n",
            "a signed threshold": BASE + "group g +1 a b\nquorum g\n",
            "another script's digit": BASE + "group g \u0661 a b\nquorum g\n",
            "a huge threshold": BASE + f"group g {10**30} a b\nquorum g\n",
            "no members": BASE + "group g 1\nquorum g\n",
            "a member twice": BASE + "group g 1 a a\nquorum g\n",
            "a member of two groups": BASE + "group g 1 a\ngroup h 1 a\nquorum g\n",
            "a later member": BASE + "group g 1 h\ngroup h 1 a\nquorum g\n",
            "member none": BASE + "group g 1 none\nquorum g\n",
            "a taken name": BASE + "group a 1 b\nquorum a\n",
            "a group named none": BASE + "group none 1 b\nquorum none\n",
            "a duplicate key": BASE + f"witness c {A}\nquorum a\n",
            "a duplicate log": BASE + f"log {LOG_KEY}\nquorum a\n",
            "a log key as witness": f"log {A}\nwitness b {B}\nquorum b\n",
            "a witness key as log": f"log {LOG_KEY}\nwitness a {LOG_KEY}\nquorum a\n",
            "no log": f"witness a {A}\nquorum a\n",
            "an unknown line": BASE + "witnesses a\nquorum a\n",
            "a control character": BASE + "quorum a\r\n", "a delete": BASE + "quorum a\x7f\n",
            "a quorum of two": BASE + "quorum a b\n", "no key": BASE + "witness c\nquorum a\n",
            "a bad key": BASE + "witness c example+00000000+AAAA\nquorum a\n",
            "a key id in capitals": BASE.replace(f"{A.key_id:08x}", "ABCDEF01") + "quorum a\n",
            "a space of another script": BASE + "quorum\u00a0a\n",
            "a lone surrogate": BASE + "# \ud800\nquorum a\n",
            "too many lines": BASE + "#\n" * 1024 + "quorum a\n",
        }
        for what, text in cases.items():
            with self.subTest(what), self.assertRaises(PolicyError):
                Policy.parse(text)

    def test_errors_name_the_line(self):
        with self.assertRaises(PolicyError) as caught:
            Policy.parse(BASE + "quorum none\n")
        self.assertEqual(caught.exception.line, 4)
        self.assertIn("policy without quorum", str(caught.exception))
        # One key under two names is one key: the cosigned message does not hold the name.
        renamed = VerifierKey("other", COSIGNER, A.key)
        with self.assertRaises(PolicyError) as caught:
            Policy.parse(BASE + f"witness c {renamed}\nquorum a\n")
        self.assertEqual(caught.exception.line, 4)
        self.assertIn("the key of line 2", str(caught.exception))

    def test_people_see_organisations_and_demonstrations(self):
        text = (f"# demonstration\nlog {LOG_KEY}\n"
                "# organisation a \u540c\u6d4e\u5927\u5b66 (Tongji University)\n"
                "#organisation a A second one\n# organisation z no one\n"
                f"witness a {A}\nquorum a\n")
        policy = Policy.parse(text)
        self.assertTrue(policy.is_demonstration())
        self.assertEqual(policy.witnesses[0].display_name,
                         "\u540c\u6d4e\u5927\u5b66 (Tongji University)")
        self.assertEqual(Policy.parse(policy.text()), policy)
        plain_ = Policy.parse(text.replace("# demonstration\n", ""))
        self.assertFalse(plain_.is_demonstration())
        self.assertNotEqual(plain_.fingerprint(), policy.fingerprint())
        commented = Policy.parse("# hello\n\n" + text)
        self.assertEqual(commented.fingerprint(), policy.fingerprint())
        log = VerifierKey("demonstration.example", LOG, key("log").public)
        named = Policy.parse(f"log {log}\nwitness a {A}\nquorum a\n")
        self.assertTrue(named.is_demonstration())

    def test_one_to_seven_validators(self):
        for n in range(1, 8):
            policy = Epoch(n).policy()
            self.assertEqual(Policy.parse(policy.text()), policy)
            needed, names = 2 * n // 3 + 1, [w.name for w in policy.witnesses]
            for size in range(n + 1):
                for signed in itertools.combinations(names, size):
                    self.assertEqual(policy.is_met_by(set(signed)), size >= needed)
                    if size < needed:
                        continue
                    # As many liars as are tolerated never move the proven time.
                    for liars in itertools.combinations(signed, n - needed):
                        times = {w: 1 if w in liars else 100 for w in signed}
                        self.assertEqual(policy.existed_before(times), 100)

    def test_the_proven_time_is_the_next_above_the_liars(self):
        policy = Epoch(4).policy()
        self.assertEqual(policy.existed_before({"v1": 30, "v2": 10, "v3": 20}), 20)
        self.assertEqual(policy.existed_before({"v1": 30, "v2": 10, "v3": 20, "v4": 40}), 20)
        self.assertIsNone(policy.existed_before({"v1": 30}))
        times = {"x1": 5, "x2": 9, "x3": 7, "y1": 3, "y2": 4, "y3": 8}
        self.assertEqual(Policy.parse(nested()).existed_before(times), 7)

    def test_a_tower_of_groups_is_climbed(self):
        tower = "".join(f"group g{i} 1 g{i - 1}\n" for i in range(1, 1000))
        policy = Policy.parse(BASE + "group g0 1 a\n" + tower + "quorum g999\n")
        self.assertTrue(policy.is_met_by({"a"}) and not policy.is_met_by({"b"}))
        self.assertEqual(policy.existed_before({"a": 7}), 7)


if __name__ == "__main__":
    unittest.main()
