"""The checker of events, held to the vectors that all clients share."""

import json
import unittest

from support import REPOSITORY as ROOT
from wutong_client import BrokenEvent, EventChain, FormError, Gap, verify_event

VECTORS = json.loads((ROOT / "adapters/client/tests/event_chain.json").read_text())
POLICY = (ROOT / "messages/tests/corpus/policy.txt").read_text()


def said(chain: EventChain, event: object) -> object:
    try:
        answer = chain.accept(event)
    except BrokenEvent as error:
        return {"broken": error.field}
    return {"gap": [answer.expected, answer.found]} if isinstance(answer, Gap) else answer


class Vectors(unittest.TestCase):
    def test_every_step_is_judged_as_written(self):
        steps = 0
        for case in VECTORS["cases"]:
            chain = EventChain.from_json(json.dumps(case["start"]))
            for number, step in enumerate(case["steps"]):
                with self.subTest(case=case["name"], step=number):
                    before = chain.json()
                    self.assertEqual(said(chain, step["event"]), step["says"])
                    self.assertEqual(chain.json() != before, step["says"] == "new")
                    chain = EventChain.from_json(chain.json())
                    steps += 1
        self.assertGreater(steps, 60)

    def test_receipts_prove_every_field(self):
        for case in VECTORS["receipts"]:
            with self.subTest(case["name"]):
                if case["broken"] is None:
                    evidence = verify_event(case["event"], POLICY)
                    self.assertEqual(evidence.id.hex(), case["event"]["id"])
                    continue
                with self.assertRaises(BrokenEvent) as caught:
                    verify_event(case["event"], POLICY)
                self.assertEqual(caught.exception.field, case["broken"])


class Saved(unittest.TestCase):
    def test_nothing_else_is_read(self):
        text = EventChain("trial", "court").json()
        for change in (("1", "2"), ("trial", "tr/al"), ("court", ""), ('"ordinal": 0', '"ordinal": -1'),
                       ("ordinal", "place"), ("000", "00x"), ("}", "")):
            with self.assertRaises(FormError, msg=change):
                EventChain.from_json(text.replace(*change, 1))


if __name__ == "__main__":
    unittest.main()
