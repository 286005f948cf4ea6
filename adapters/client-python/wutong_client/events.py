"""Events of deposits (server-sent events), followed across nodes without loss.

Ordinals are dense from 1, over the network and not over a node, so any node can continue where
another broke off. An event whose ordinal was seen is dropped; one that leaves a gap is not handed
on: the next node is asked for what follows the last event that was. Events of version 2 are held
against the hash of the one before besides (`event_chain`).
"""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from .errors import EventGap, ProblemError, Unavailable
from .event_chain import BrokenEvent, EventChain, Gap
from .http import open_stream

LINE_BYTES_MAX = 1 << 20
"""Most bytes of a line, and of the data of an event."""


@dataclass(frozen=True)
class Event:
    """A committed fact, as a node tells it; only a receipt proves it.

    `ordinal` counts from 1 without gaps, `name` is the kind (`deposited`), `data` the members of
    the JSON: `height`, `index`, `id`, `namespace`, `mode`, `previous` and what else there is.
    """

    ordinal: int
    name: str
    data: dict[str, Any]

    @property
    def id(self) -> bytes:
        """Id of the statement, 32 bytes."""
        return bytes.fromhex(self.data["id"])


@dataclass
class Frame:
    """Fields of one event of the stream before it is judged."""

    id: str = ""
    name: str = "message"
    data: str = ""
    retry_ms: int | None = None


def read_frames(stream: Any) -> Iterator[Frame]:
    """The events of a stream (WHATWG HTML, server-sent events); ends with the stream.

    Raises `Unavailable` for a line or data longer than is read, or bytes that are no text.
    """
    lines: list[str] = []
    frame, size = Frame(), 0
    while line := stream.readline(LINE_BYTES_MAX + 1):
        size += len(line)
        if size > LINE_BYTES_MAX:
            raise Unavailable(f"an event is longer than {LINE_BYTES_MAX} bytes")
        if not line.endswith(b"\n"):
            return  # The stream broke within a line: what was meant is unknown.
        try:
            text = line.decode("utf-8").rstrip("\r\n")
        except UnicodeDecodeError:
            raise Unavailable("an event is not text") from None
        if text == "":
            if lines or frame.retry_ms is not None:
                frame.data = "\n".join(lines)
                yield frame
            lines, frame, size = [], Frame(), 0
            continue
        key, _, value = text.partition(":")
        value = value.removeprefix(" ")
        if key == "data":
            lines.append(value)
        elif key == "id":
            frame.id = value
        elif key == "event":
            frame.name = value
        elif key == "retry" and value.isascii() and value.isdigit() and len(value) < 10:
            frame.retry_ms = int(value)
        elif key == "":
            size -= len(line)  # A comment keeps the link alive and belongs to no event.


def read_event(frame: Frame) -> Event | None:
    """The event of a frame, none for a frame without id; raises `Unavailable` for nonsense."""
    if not frame.id:
        return None
    try:
        data = json.loads(frame.data)
        ordinal = int(frame.id)
        fits = isinstance(data, dict) and data.get("ordinal", ordinal) == ordinal
    except (ValueError, RecursionError):
        fits = False
    if not fits or ordinal < 1:
        raise Unavailable(f"expected an event with its ordinal as id, found id {frame.id[:40]!r}")
    return Event(ordinal, frame.name, data)


class Follower:
    """Follows events from `after` on; an iterator that ends only with an error.

    `idle_s` bounds the silence of a link before another is made, `retry_s` is the first pause
    after a failed round over all nodes (it doubles up to 30 s), `give_up_s` ends following when
    links failed for so long (none: never). A quiet network is no failure. With `chain`, one of the
    whole network, it goes on from there instead of `after`; the chain is moved on with each event,
    so save it with what you made of the event.
    """

    RETRY_S_MAX = 30.0

    def __init__(self, urls: Sequence[str], after: int = 0, *, idle_s: float = 60.0,
                 retry_s: float = 0.5, give_up_s: float | None = None,
                 chain: EventChain | None = None) -> None:
        self.urls = list(urls)
        self.chain = chain
        """Where the chain of events stands; none before the first of version 2."""
        self.last = after if chain is None else chain.ordinal
        """Ordinal of the last event that was handed on: what to resume from."""
        self.idle_s = idle_s
        self.retry_s = retry_s
        self.give_up_s = give_up_s
        self._failures = 0
        self._refusals = 0
        self._gaps = 0
        self._heard_at = time.monotonic()

    def __iter__(self) -> Iterator[Event]:
        turn, why = 0, "no event yet"
        while True:
            url = self.urls[turn % len(self.urls)]
            try:
                yield from self._stream(url)
                why, refusal = f"{url}: the stream ended", None
            except ProblemError as error:
                is_final = error.status < 500 and error.status not in (408, 429)
                why, refusal = f"{url}: {error}", error if is_final else None
            except (Unavailable, OSError, http.client.HTTPException) as error:
                why, refusal = f"{url}: {error}", None
            # Another node may serve what this one refuses; when none does it is an answer.
            self._refusals = self._refusals + 1 if refusal else 0
            if refusal and self._refusals >= len(self.urls):
                raise refusal
            turn += 1
            self._failures += 1
            self._pause(why)

    def _stream(self, url: str) -> Iterator[Event]:
        headers = {"accept": "text/event-stream", "last-event-id": str(self.last)}
        address = f"{url}/v1/events?after={self.last}"
        with open_stream(address, headers, self.idle_s) as stream:
            self._heard_at = time.monotonic()
            for frame in read_frames(stream):
                if frame.retry_ms is not None:
                    self.retry_s = min(frame.retry_ms / 1000, self.RETRY_S_MAX)
                event = read_event(frame)
                if event is None or not self._is_next(event):
                    continue
                self.last, self._failures, self._gaps = event.ordinal, 0, 0
                self._heard_at = time.monotonic()
                yield event

    def _is_next(self, event: Event) -> bool:
        """Whether to hand it on; by the chain for what has one, else by ordinals alone."""
        if event.data.get("version") != 2:
            if event.ordinal > self.last + 1:
                self._miss(EventGap(self.last + 1, event.ordinal))
            return event.ordinal == self.last + 1
        network = str(event.data.get("network"))
        chain = self.chain or EventChain(network, ordinal=self.last)
        try:
            answer = chain.accept(event.data)
        except BrokenEvent as error:
            self._miss(error)
        if isinstance(answer, Gap):
            self._miss(EventGap(answer.expected, answer.found))
        self.chain = chain
        return answer == "new"

    def _miss(self, error: EventGap | BrokenEvent) -> NoReturn:
        """It is final when every node, and the first one again, leaves the event out."""
        self._gaps += 1
        if self._gaps > len(self.urls):
            raise error
        raise Unavailable(str(error))

    def _pause(self, why: str) -> None:
        silent_s = time.monotonic() - self._heard_at
        if self.give_up_s is not None and silent_s >= self.give_up_s:
            raise Unavailable(f"no link for {silent_s:.0f} s; {why}")
        rounds = self._failures // len(self.urls)
        if rounds:
            time.sleep(min(self.retry_s * 2 ** min(rounds - 1, 10), self.RETRY_S_MAX))
