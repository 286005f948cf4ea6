"""Events of version 2, and the check that none is missing, repeated, changed or out of order.

Ordinals are dense from 1 in a network and in each of its namespaces, and each event names the hash
of the one before in both. Whoever knows the ordinal and hash of the last event that they took can
tell from the next one alone whether anything lies between. No I/O: save `EventChain.json()` beside
what you made of the events.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .errors import FormError, WutongError
from .policy import Policy
from .receipt import Receipt
from .report import Evidence
from .statement import BatchValue, BodyValue, Mode, Statement
from .verify import verify

ZERO = "0" * 64
"""Stands for the hash of an event before the first."""

_HASH = re.compile(r"[0-9a-f]{64}")
_NAME = re.compile(r"[a-z0-9-]{1,32}")
_TYPE = re.compile(r"[a-z0-9-]{1,32}")


class BrokenEvent(WutongError):
    """An event is not what it says, or does not follow; `field` names the place."""

    def __init__(self, field: str, expected: object, found: object) -> None:
        super().__init__(f"event {field}: expected {expected}, found {found}")
        self.field = field
        self.expected = str(expected)
        self.found = str(found)


@dataclass(frozen=True)
class Gap:
    """Events lie between: ask for those from `expected` on."""

    expected: int
    found: int


def check_form(event: Any) -> Mapping[str, Any]:
    """The event when all its fields have their form; raises `BrokenEvent`."""
    if not isinstance(event, Mapping):
        raise BrokenEvent("form", "an event of version 2", type(event).__name__)
    version = event.get("version")
    if version != 2 or isinstance(version, bool):
        raise BrokenEvent("version", 2, version)
    for field in ("height", "index", "block_time_ms", "ordinal", "namespace_ordinal"):
        number = event.get(field)
        is_number = isinstance(number, int) and not isinstance(number, bool)
        if not is_number or not 0 <= number < 1 << 64:
            raise BrokenEvent("form", f"a number in {field}", repr(number)[:80])
    for field in ("type", "network", "namespace", "previous", "namespace_previous", "hash", "id",
                  "mode", "value", "key"):
        if not isinstance(event.get(field), str):
            raise BrokenEvent("form", f"text in {field}", repr(event.get(field))[:80])
    if not isinstance(event.get("receipt", ""), str | None):
        raise BrokenEvent("form", "text in receipt", type(event["receipt"]).__name__)
    for pattern, what, fields in (
            (_TYPE, "a word", ("type",)),
            (_NAME, "a name", ("network", "namespace")),
            (_HASH, "64 hexadecimal characters in lower case",
             ("previous", "namespace_previous", "hash", "id"))):
        for field in fields:
            if not pattern.fullmatch(event[field]):
                raise BrokenEvent(field, what, repr(event[field])[:80])
    for field in ("ordinal", "namespace_ordinal"):
        if event[field] < 1:
            raise BrokenEvent(field, "1 or more", event[field])
    return event


def event_hash(event: Mapping[str, Any]) -> str:
    """The hash that the fields of an event have, in hexadecimal."""
    fields = ("network", "namespace", "type", "ordinal", "namespace_ordinal", "height", "index",
              "block_time_ms", "id", "previous", "namespace_previous")
    lines = ["wutong/event/v2", *(str(event[field]) for field in fields)]
    return hashlib.sha256("".join(line + "\n" for line in lines).encode()).hexdigest()


class EventChain:
    """Where a reader stands in the events of a network, or of one of its namespaces.

    `ordinal` is that of the last event that was taken (in the namespace for a chain of one) and
    `hash` its hash, none when it is not known: the next event is then not held against it.
    """

    def __init__(self, network: str, namespace: str | None = None, *, ordinal: int = 0,
                 hash: str | None = None) -> None:
        self.network = network
        self.namespace = namespace
        self.ordinal = ordinal
        self.hash = ZERO if ordinal == 0 else hash

    def accept(self, event: Any) -> str | Gap:
        """`"new"`, `"seen"` (drop it) or a `Gap`; only `"new"` moves the chain.

        Raises `BrokenEvent`.
        """
        event = check_form(event)
        if event["network"] != self.network:
            raise BrokenEvent("network", self.network, event["network"])
        if self.namespace not in (None, event["namespace"]):
            raise BrokenEvent("namespace", self.namespace, event["namespace"])
        computed = event_hash(event)
        if computed != event["hash"]:
            raise BrokenEvent("hash", computed, event["hash"])
        prefix = "" if self.namespace is None else "namespace_"
        found, previous = event[f"{prefix}ordinal"], event[f"{prefix}previous"]
        if found <= self.ordinal:
            if found == self.ordinal and self.hash not in (None, event["hash"]):
                raise BrokenEvent("hash", self.hash, event["hash"])
            return "seen"
        if found > self.ordinal + 1:
            return Gap(self.ordinal + 1, found)
        if self.hash not in (None, previous):
            raise BrokenEvent(f"{prefix}previous", self.hash, previous)
        self.ordinal, self.hash = found, event["hash"]
        return "new"

    def json(self) -> str:
        """Where the chain stands, to be saved."""
        return json.dumps({"version": 1, "network": self.network, "namespace": self.namespace,
                           "ordinal": self.ordinal, "hash": self.hash})

    @classmethod
    def from_json(cls, text: str) -> EventChain:
        """Goes on where a saved chain stood; raises `FormError`."""
        try:
            saved = json.loads(text)
        except ValueError as error:
            raise FormError("saved event chain", str(error)) from None
        members = {"version", "network", "namespace", "ordinal", "hash"}
        if not isinstance(saved, dict) or set(saved) != members or saved["version"] != 1:
            raise FormError("saved event chain", f"expected {sorted(members)}, version 1")
        names = [saved["network"]] + [n for n in [saved["namespace"]] if n is not None]
        if not all(isinstance(name, str) and _NAME.fullmatch(name) for name in names):
            raise FormError("saved event chain", "expected names of network and namespace")
        ordinal, hash_ = saved["ordinal"], saved["hash"]
        if not isinstance(ordinal, int) or isinstance(ordinal, bool) or ordinal < 0:
            raise FormError("saved event chain", f"ordinal: expected a number, found {ordinal!r}")
        if hash_ is not None and not (isinstance(hash_, str) and _HASH.fullmatch(hash_)):
            raise FormError("saved event chain", "hash: expected 64 hexadecimal characters")
        return cls(saved["network"], saved["namespace"], ordinal=ordinal, hash=hash_)


def verify_event(event: Any, policy: str | Policy) -> Evidence:
    """Verifies the receipt in an event, and that both tell the same; raises `BrokenEvent`.

    A policy of a demonstration is taken: `Evidence.demonstration` tells.
    """
    event = check_form(event)
    text = event.get("receipt")
    if text is None:
        raise BrokenEvent("receipt", "one that verifies", "none")
    data = text.encode("utf-8", "surrogatepass")
    report = verify(data, policy)
    if report.evidence is None:
        failed = report.failures()[0]
        found = f"{failed.check.value}: expected {failed.expected}, found {failed.found}"
        raise BrokenEvent("receipt", "one that verifies", found)
    proven = report.evidence
    value = _lodged(Statement.parse(Receipt.parse(data).entry))
    for field, expected in (
            ("id", proven.id.hex()), ("network", proven.network), ("namespace", proven.namespace),
            ("height", proven.height), ("index", proven.index),
            ("block_time_ms", proven.block_time_ms), ("mode", proven.mode),
            ("key", proven.depositor_key.hex()), ("value", value)):
        if event[field] != expected:
            raise BrokenEvent(field, expected, event[field])
    return proven


def _lodged(statement: Statement) -> str:
    """What a deposit is looked up by."""
    mode, value = statement.deposit.mode, statement.deposit.value
    if isinstance(value, BatchValue):
        return value.root.hex()
    if isinstance(value, BodyValue):
        return value.sha256.hex()
    return (hashlib.sha256(value).digest() if mode is Mode.CONTENT else value).hex()
