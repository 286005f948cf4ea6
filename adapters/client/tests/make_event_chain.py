"""Makes event_chain.json: events of version 2 and what every checker must say of them.

    python3 adapters/client/tests/make_event_chain.py > adapters/client/tests/event_chain.json

It computes hashes by itself, from the written form alone; only the receipts in events come from the
corpus, read by the Python client.
"""

import hashlib
import json
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
CORPUS = HERE.parents[2] / "messages/tests/corpus"
sys.path.insert(0, str(HERE.parents[1] / "client-python"))
from wutong_client import verify  # noqa: E402
from wutong_client.event_chain import _lodged  # noqa: E402
from wutong_client.receipt import Receipt  # noqa: E402
from wutong_client.statement import Statement  # noqa: E402

ZERO = "0" * 64
HASHED = ("network", "namespace", "type", "ordinal", "namespace_ordinal", "height", "index",
          "block_time_ms", "id", "previous", "namespace_previous")


def sealed(event: dict) -> dict:
    """The event with the hash of its fields."""
    text = "wutong/event/v2\n" + "".join(f"{event[field]}\n" for field in HASHED)
    return event | {"hash": hashlib.sha256(text.encode()).hexdigest()}


def chain(namespaces: str, network: str = "trial", salt: str = "") -> list[dict]:
    """Events of a network, one for each letter: c is court, n is notary."""
    events, previous, of = [], ZERO, {}
    for ordinal, letter in enumerate(namespaces, start=1):
        count, last = of.get(letter, (0, ZERO))
        word = f"{salt}{ordinal}".encode()
        event = sealed({
            "version": 2, "type": "deposited", "network": network,
            "namespace": {"c": "court", "n": "notary"}[letter], "ordinal": ordinal,
            "namespace_ordinal": count + 1, "previous": previous, "namespace_previous": last,
            "hash": "", "height": 1 + ordinal // 2, "index": 3 * ordinal,
            "block_time_ms": 1_700_000_000_000 + 1_000 * ordinal,
            "id": hashlib.sha256(b"id" + word).hexdigest(), "mode": "digest",
            "value": hashlib.sha256(b"value" + word).hexdigest(),
            "key": hashlib.sha256(b"key" + word).hexdigest()})
        events.append(event)
        previous, of[letter] = event["hash"], (count + 1, event["hash"])
    return events


def step(event, says) -> dict:
    return {"event": event, "says": says}


def gap(expected: int, found: int) -> dict:
    return {"gap": [expected, found]}


def broken(field: str) -> dict:
    return {"broken": field}


def start(namespace=None, ordinal=0, hash_=ZERO, network="trial") -> dict:
    return {"version": 1, "network": network, "namespace": namespace, "ordinal": ordinal,
            "hash": hash_}


def cases() -> list[dict]:
    e = chain("ccncn")
    court = [event for event in e if event["namespace"] == "court"]
    other = chain("ccncn", salt="other")
    news = [step(event, "new") for event in e]
    changes = [("height", 99, "hash"), ("index", 0, "hash"), ("block_time_ms", 1, "hash"),
               ("id", "ab" * 32, "hash"), ("previous", "cd" * 32, "hash"),
               ("namespace_previous", "cd" * 32, "hash"), ("namespace", "notary", "hash"),
               ("type", "withdrawn", "hash"), ("ordinal", 3, "hash"),
               ("namespace_ordinal", 3, "hash"), ("hash", ZERO, "hash"),
               ("network", "other", "network"), ("version", 1, "version"),
               ("version", "2", "version"), ("ordinal", 0, "ordinal"), ("ordinal", -1, "form"),
               ("ordinal", "2", "form"), ("ordinal", None, "form"), ("height", True, "form"),
               ("namespace", "a\nb", "namespace"), ("type", "a\nb", "type"), ("type", "", "type"),
               ("id", "AB" * 32, "id"), ("hash", e[1]["hash"].upper(), "hash"),
               ("previous", "00", "previous"), ("receipt", 7, "form"), ("mode", None, "form")]
    return [
        {"name": "a whole network", "start": start(), "steps": news},
        {"name": "one namespace", "start": start("court"),
         "steps": [step(event, "new") for event in court]},
        {"name": "an event of another namespace", "start": start("notary"),
         "steps": [step(e[0], broken("namespace")), step(e[2], "new")]},
        {"name": "duplicates are dropped", "start": start(),
         "steps": [news[0], step(e[0], "seen"), news[1], step(e[0], "seen"), step(e[1], "seen"),
                   news[2]]},
        {"name": "a gap says what to ask for, and the chain stays", "start": start(),
         "steps": [news[0], step(e[3], gap(2, 4)), step(e[2], gap(2, 3)), news[1], news[2],
                   news[3]]},
        {"name": "a gap in a namespace counts there", "start": start("court"),
         "steps": [step(court[1], gap(1, 2)), step(court[0], "new"), step(court[2], gap(2, 3)),
                   step(court[1], "new"), step(court[2], "new")]},
        {"name": "resumed", "start": start(ordinal=3, hash_=e[2]["hash"]),
         "steps": [step(e[2], "seen"), step(e[4], gap(4, 5)), news[3], news[4]]},
        {"name": "resumed without a hash", "start": start(ordinal=3, hash_=None),
         "steps": [step(e[1], "seen"), news[3], news[4]]},
        {"name": "resumed in a namespace",
         "start": start("court", 2, court[1]["hash"]), "steps": [step(court[2], "new")]},
        {"name": "another history", "start": start(ordinal=3, hash_=e[2]["hash"]),
         "steps": [step(other[3], broken("previous")), step(other[2], broken("hash")), news[3]]},
        {"name": "another history of a namespace", "start": start("court", 2, court[1]["hash"]),
         "steps": [step(other[3], broken("namespace_previous"))]},
        {"name": "a first event that is not the first",
         "start": start(), "steps": [step(sealed(e[0] | {"previous": "ab" * 32}),
                                          broken("previous"))]},
        {"name": "changed fields", "start": start(ordinal=1, hash_=e[0]["hash"]),
         "steps": [*(step(e[1] | {field: value}, broken(says)) for field, value, says in changes),
                   *(step(value, broken("form")) for value in (7, "x", [], None)),
                   step({k: v for k, v in e[1].items() if k != "id"}, broken("form")),
                   step({}, broken("version")), news[1]]},
        {"name": "members to come are passed over", "start": start(),
         "steps": [step(e[0] | {"more": {"a": 1}}, "new")]},
    ]


def receipts() -> list[dict]:
    policy = (CORPUS / "policy.txt").read_text()
    found = []
    for name in ("digest", "commitment", "content", "body"):
        data = (CORPUS / f"accepted/{name}.tlog-proof").read_bytes()
        proven = verify(data, policy).evidence
        value = _lodged(Statement.parse(Receipt.parse(data).entry))
        event = sealed({
            "version": 2, "type": "deposited", "network": proven.network,
            "namespace": proven.namespace, "ordinal": 1, "namespace_ordinal": 1, "previous": ZERO,
            "namespace_previous": ZERO, "hash": "", "height": proven.height, "index": proven.index,
            "block_time_ms": proven.block_time_ms, "id": proven.id.hex(), "mode": proven.mode,
            "value": value, "key": proven.depositor_key.hex(), "receipt": data.decode()})
        found.append({"name": name, "event": event, "broken": None})
        if name != "digest":
            continue
        for field, changed in (
                ("id", "ab" * 32), ("network", "other"), ("namespace", "other"),
                ("height", proven.height + 1), ("index", proven.index + 1), ("block_time_ms", 1),
                ("mode", "commitment"), ("value", "ab" * 32), ("key", "ab" * 32),
                ("receipt", None), ("receipt", data.decode()[:-9]), ("receipt", "")):
            found.append({"name": f"{name}, {field} changed",
                          "event": sealed(event | {field: changed}), "broken": field})
    return found


if __name__ == "__main__":
    about = "Made by make_event_chain.py; the Rust, JavaScript and Python checkers are held to it."
    print(json.dumps({"about": about, "cases": cases(), "receipts": receipts()}, indent=1))
