"""Events followed across nodes: each once, in order, without gaps."""

import contextlib
import io
import itertools
import json
import time
import unittest

from fake_node import FakeNode, closed_url, problem
from support import REPOSITORY
from wutong_client import BrokenEvent, Client, EventChain, EventGap, ProblemError, Unavailable
from wutong_client.events import Frame, read_event, read_frames


def frame(ordinal: int, name: str = "deposited") -> str:
    data = {"ordinal": ordinal, "height": 1, "index": ordinal + 1, "id": "ab" * 32}
    return f"id: {ordinal}\nevent: {name}\ndata: {json.dumps(data)}\n\n"


def stream(*ordinals: int, tail: str = "") -> tuple[int, str]:
    return 200, "".join(map(frame, ordinals)) + tail


class Following(unittest.TestCase):
    def follow(self, *answers, count: int, after: int = 0, **options):
        """The ordinals of `count` events from nodes with these answers, and the nodes."""
        with contextlib.ExitStack() as stack:
            nodes = [stack.enter_context(FakeNode(answer)) for answer in answers]
            client = Client([node.url for node in nodes])
            events = client.follow(after, **{"retry_s": 0.01, "idle_s": 5} | options)
            return [event.ordinal for event in itertools.islice(events, count)], nodes

    def test_a_broken_link_is_resumed_at_the_next_node_after_the_last_event(self):
        first = lambda request: stream(1, 2, tail="id: 3\nevent: depos")
        second = lambda request: stream(3, 4)
        ordinals, (a, b) = self.follow(first, second, count=4)
        self.assertEqual(ordinals, [1, 2, 3, 4])
        self.assertEqual((a.requests[0].path, a.requests[0].query), ("/v1/events", "after=0"))
        self.assertEqual(b.requests[0].query, "after=2")
        self.assertEqual(b.requests[0].headers["last-event-id"], "2")

    def test_repeated_events_are_dropped(self):
        answer = lambda request: stream(5, 6, 6, 7, 5, 8)
        ordinals, (node,) = self.follow(answer, count=2, after=6)
        self.assertEqual(ordinals, [7, 8])
        self.assertEqual(node.requests[0].query, "after=6")

    def test_a_gap_is_filled_by_another_node(self):
        ordinals, (_, b) = self.follow(lambda request: stream(1, 2, 4, 5),
                                       lambda request: stream(3, 4), count=4)
        self.assertEqual(ordinals, [1, 2, 3, 4])
        self.assertEqual(b.requests[0].query, "after=2")

    def test_a_gap_of_every_node_is_told(self):
        with self.assertRaises(EventGap) as caught:
            self.follow(lambda request: stream(1, 3), lambda request: stream(1, 4), count=3)
        self.assertEqual(caught.exception.expected, 2)

    def test_an_ended_stream_is_opened_again(self):
        def answer(request):
            after = int(request.query.removeprefix("after="))
            return stream(after + 1)

        ordinals, (node,) = self.follow(answer, count=3)
        self.assertEqual(ordinals, [1, 2, 3])
        self.assertEqual([r.query for r in node.requests], ["after=0", "after=1", "after=2"])

    def test_a_silent_link_is_left(self):
        def silent(request):
            time.sleep(1)
            return stream()

        ordinals, _ = self.follow(silent, lambda request: stream(1), count=1, idle_s=0.1)
        self.assertEqual(ordinals, [1])

    def test_nonsense_is_left_for_another_node(self):
        for text in ("id: one\ndata: {}\n\n", "id: 1\ndata: []\n\n", "id: 1\ndata: {\n\n",
                     'id: 1\ndata: {"ordinal": 2}\n\n', "id: 0\ndata: {}\n\n"):
            ordinals, _ = self.follow(lambda request, text=text: (200, text),
                                      lambda request: stream(1), count=1)
            self.assertEqual(ordinals, [1])

    def test_a_refusal_of_every_node_is_an_answer(self):
        refuse = lambda request: problem(404, "unknown-route")
        with self.assertRaises(ProblemError):
            self.follow(refuse, refuse, count=1)
        ordinals, _ = self.follow(refuse, lambda request: stream(1), count=1)
        self.assertEqual(ordinals, [1])

    def test_events_of_version_2_are_held_against_their_chain(self):
        vectors = json.loads((REPOSITORY / "adapters/client/tests/event_chain.json").read_text())
        events = [step["event"] for step in vectors["cases"][0]["steps"]]

        def told(*shown):
            text = "".join(f"id: {e['ordinal']}\nevent: deposited\ndata: {json.dumps(e)}\n\n"
                           for e in shown)
            return lambda request: (200, text)

        changed = events[1] | {"height": 99}
        ordinals, (a, b) = self.follow(told(events[0], changed), told(*events), count=5)
        self.assertEqual(ordinals, [1, 2, 3, 4, 5])
        self.assertEqual(b.requests[0].query, "after=1")
        with self.assertRaises(BrokenEvent):
            self.follow(told(events[0], changed), count=2)
        chain = EventChain("trial", ordinal=2, hash="ab" * 32)
        with self.assertRaises(BrokenEvent) as caught:
            self.follow(told(*events[2:]), count=1, chain=chain)
        self.assertEqual(caught.exception.field, "previous")
        chain = EventChain("trial", ordinal=2, hash=events[1]["hash"])
        ordinals, (node,) = self.follow(told(*events), count=3, chain=chain)
        self.assertEqual((ordinals, node.requests[0].query), ([3, 4, 5], "after=2"))
        self.assertEqual((chain.ordinal, chain.hash), (5, events[4]["hash"]))

    def test_patience_can_end(self):
        with self.assertRaises(Unavailable):
            next(Client(closed_url()).follow(retry_s=0.01, give_up_s=0.05))


class Frames(unittest.TestCase):
    def frames(self, text: str) -> list[Frame]:
        return list(read_frames(io.BytesIO(text.encode())))

    def test_fields_are_read_as_the_standard_says(self):
        text = (": keep alive\n\nid:7\r\nevent: deposited\r\ndata: {\ndata:  }\nother: x\n\n"
                "retry: 250\n\ndata: no id\n\nid: 8\ndata: cut")
        self.assertEqual(self.frames(text), [
            Frame("7", "deposited", "{\n }"), Frame("", "message", "", 250),
            Frame("", "message", "no id")])
        self.assertIsNone(read_event(self.frames(text)[2]))

    def test_an_endless_event_is_refused(self):
        for text in ("data: " + "x" * (1 << 20), "data: x\n" * (1 << 18)):
            with self.assertRaises(Unavailable):
                self.frames(text)
        self.assertEqual(self.frames(": hello\n" * (1 << 18)), [])


if __name__ == "__main__":
    unittest.main()
