"""A client of several nodes of one network.

What a node says proves nothing: give `submit` a policy, or `verify` the receipt afterwards. A
statement may be sent to any number of nodes, any number of times: it commits once.
"""

from __future__ import annotations

import base64
import binascii
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from . import cbor
from .block import Outcome, Seal
from .document import Document, bytes_of
from .errors import FormError, NotReceipted, ProblemError, Unavailable
from .events import Event, Follower
from .http import Reply, call, node_url
from .merkle import leaf_hash, sha256
from .policy import Policy
from .receipt import Link, Receipt
from .report import Check
from .statement import BODY_BYTES_MAX, Statement
from .verify import verify

__all__ = ["Client", "Event", "Submission"]

WAIT_S_MAX = 60.0
"""Longest wait that a node accepts."""
QUERY_S = 10.0
"""Longest that a query may take."""
BODY_S = 60.0
"""Longest that putting or getting a body may take."""
_GRACE_S = 2.0
_ROUND_S_MIN = 1.0
_MEDIA_TYPE = "application/scitt-statement+cose"


@dataclass(frozen=True)
class Submission:
    """Where a statement stands when the nodes have been asked.

    `status` is `receipted` (then `receipt`, `outcome_code`, `height` and `block_time_ms` are
    set), `pending` (admitted, or no node could answer: submit the same statement again) or
    `refused` (by every node that answered; `is_refused_by_all` when each of them answered, so
    that none can have admitted it). `missing` are validators that are absent, when fewer than
    `quorum` are there. `id` is the statement's, 32 bytes.
    """

    status: str
    id: bytes
    receipt: Receipt | None = None
    outcome_code: int | None = None
    height: int | None = None
    block_time_ms: int | None = None
    detail: str = ""
    next_step: str = ""
    missing: tuple[str, ...] = ()
    quorum: int = 0
    is_refused_by_all: bool = False


@dataclass
class _Heard:
    """What the nodes have said in one round."""

    admitted: list[str] = field(default_factory=list)
    unavailable: list[str] = field(default_factory=list)
    refused: tuple[str, str] | None = None
    missing: tuple[str, ...] = ()
    quorum: int = 0

    def standing(self, id_: bytes) -> Submission:
        if self.refused is not None and not self.admitted:
            return Submission("refused", id_, detail=self.refused[0], next_step=self.refused[1],
                              is_refused_by_all=not self.unavailable)
        why = self.admitted + self.unavailable + ([self.refused[0]] if self.refused else [])
        return Submission(
            "pending", id_, detail="; ".join(why), missing=self.missing, quorum=self.quorum,
            next_step="Submit the same statement again, to any node: it commits once.")


class Client:
    """Speaks HTTP to the nodes of one network, in the order of their addresses.

    Raises `FormError` for an address that is none, or when there is none.
    """

    def __init__(self, urls: str | Iterable[str]) -> None:
        listed = urls.split(",") if isinstance(urls, str) else urls
        # A dict keeps the order and each address once.
        self.urls = list(dict.fromkeys(node_url(url) for url in listed))
        if not self.urls:
            raise FormError("url", "expected at least one address of a node, found none")

    # Depositing

    def submit(self, statement: Statement | bytes, *, wait_s: float = 30.0,
               policy: Policy | str | None = None, salt: bytes | None = None) -> Submission:
        """Sends a statement to the nodes in turn until one gives its receipt.

        Each node gets an equal share of what is left of `wait_s`, so that one that hangs does not
        use up the wait of the others. With a policy a receipt counts only when it verifies: a
        node that forges one is passed over. `salt` is put into the receipt, which nodes never
        see. Never raises for what nodes say: see `Submission`.
        """
        entry = statement.entry if isinstance(statement, Statement) else bytes(statement)
        policy = Policy.parse(policy) if isinstance(policy, str) else policy
        end = time.monotonic() + wait_s
        while True:
            heard = _Heard()
            for position, url in enumerate(self.urls):
                left = max(end - time.monotonic(), 0.0)
                share = min(left / (len(self.urls) - position), WAIT_S_MAX)
                receipt = self._submit_to(url, entry, share, policy, heard)
                if receipt is not None:
                    return _receipted(receipt.with_salt(salt))
                if wait_s <= 0 and heard.admitted:
                    break
            may_commit = heard.admitted and not heard.missing
            if not may_commit or end - time.monotonic() < _ROUND_S_MIN:
                return heard.standing(leaf_hash(entry))

    def _submit_to(self, url: str, entry: bytes, wait_s: float, policy: Policy | None,
                   heard: _Heard) -> Receipt | None:
        """One node's receipt, or none; what it said instead is noted."""
        address = f"{url}/v1/statements?wait_ms={int(wait_s * 1000)}"
        try:
            reply = call("POST", address, timeout_s=wait_s + _GRACE_S, body=entry,
                         headers={"content-type": _MEDIA_TYPE})
            if reply.status in (200, 201):
                return _usable(reply.json().get("receipt"), leaf_hash(entry), policy)
            if reply.status == 202:
                heard.admitted.append(f"{url}: admitted, no receipt yet")
                return None
            self._note_problem(url, reply, heard)
        except (Unavailable, FormError) as error:
            heard.unavailable.append(f"{url}: {error}")
        return None

    @staticmethod
    def _note_problem(url: str, reply: Reply, heard: _Heard) -> None:
        problem = reply.problem()
        if reply.status == 503 and problem.code == "no-quorum":
            said = reply.json()
            missing, quorum = said.get("missing"), said.get("quorum")
            heard.admitted.append(f"{url}: admitted, no quorum")
            heard.missing = tuple(map(str, missing)) if isinstance(missing, list) else ("unknown",)
            heard.quorum = quorum if isinstance(quorum, int) else 0
        elif reply.status in (408, 429) or not 400 <= reply.status < 500:
            heard.unavailable.append(f"{url}: {problem.detail}")
        elif heard.refused is None:
            heard.refused = (f"{url}: {problem.detail}", problem.next_step)

    def wait_for_receipt(self, statement: Statement | bytes, *, wait_s: float = 60.0,
                         poll_s: float = 0.5, policy: Policy | str | None = None,
                         salt: bytes | None = None) -> Receipt:
        """The receipt of a statement that was submitted (or its 32-byte id), once it exists.

        Asks the nodes in turn, every `poll_s`. Raises `NotReceipted` when the wait ends first.
        """
        id_ = statement.id if isinstance(statement, Statement) else statement
        cbor.byte_string(id_, "id", 32)
        policy = Policy.parse(policy) if isinstance(policy, str) else policy
        end = time.monotonic() + wait_s
        while True:
            reasons = []
            for url in self.urls:
                try:
                    left = min(QUERY_S, max(end - time.monotonic(), 1.0))
                    reply = call("GET", f"{url}/v1/statements/{id_.hex()}/receipt",
                                 timeout_s=left)
                    if reply.status == 200:
                        return _usable(reply.text(), id_, policy).with_salt(salt)
                    word = "no receipt yet" if reply.status == 202 else reply.problem().detail
                    reasons.append(f"{url}: {word}")
                except (Unavailable, FormError) as error:
                    reasons.append(f"{url}: {error}")
            if time.monotonic() + poll_s > end:
                raise NotReceipted("; ".join(reasons))
            time.sleep(poll_s)

    def put_body(self, body: Document) -> bytes:
        """Hands content to every node, to be kept beside the log; returns its SHA-256.

        Do it before submitting a statement of mode `BODY`. One node that takes it is enough.
        Raises `FormError` for a body of another size than 1 byte to 4 MiB, `ProblemError` or
        `Unavailable` when no node takes it.
        """
        data = bytes_of(body, BODY_BYTES_MAX, "body")
        digest = sha256(data)
        errors: list[ProblemError | Unavailable] = []
        for url in self.urls:
            try:
                reply = call("PUT", f"{url}/v1/bodies/{digest.hex()}", timeout_s=BODY_S,
                             body=data, headers={"content-type": "application/octet-stream"})
                if reply.status not in (200, 201, 204):
                    errors.append(reply.problem())
            except Unavailable as error:
                errors.append(Unavailable(f"{url}: {error}"))
        if len(errors) == len(self.urls):
            raise next((e for e in errors if isinstance(e, ProblemError)), errors[0])
        return digest

    # Asking

    def get_body(self, digest: bytes) -> bytes:
        """The body with this SHA-256, checked against it. Raises as `put_body`."""
        reply = self._get(f"/v1/bodies/{digest.hex()}", timeout_s=BODY_S,
                          is_good=lambda reply: sha256(reply.body) == digest)
        return reply.body

    def network(self) -> str:
        """The network's name, as the first node that answers says."""
        return cbor.name(self.health().get("network"), "network")

    def health(self) -> dict[str, Any]:
        """How a node is; it answers without a quorum too."""
        # Without a quorum the status is 503 and the body the same.
        return self._get("/v1/health", statuses=(200, 503)).json()

    def validators(self) -> list[dict[str, Any]]:
        """The validators as a node sees them."""
        return list(self._get("/v1/validators").json().get("validators", []))

    def statement(self, id_: bytes) -> dict[str, Any]:
        """A statement and where it stands. Raises `ProblemError` when no node knows it."""
        return self._get(f"/v1/statements/{id_.hex()}").json()

    def lookup(self, value: bytes) -> list[dict[str, Any]]:
        """Statements that lodge a digest or commitment (32 bytes), oldest first; may be none."""
        try:
            return list(self._get(f"/v1/lookup?value={value.hex()}").json().get("statements", []))
        except ProblemError as error:
            # Every node that answered looked and found none; a missing route is another matter.
            if error.status == 404 and error.code != "unknown-route":
                return []
            raise

    def block(self, height: int) -> dict[str, Any]:
        """A block."""
        return self._get(f"/v1/blocks/{quote(str(height))}").json()

    def checkpoint(self) -> str:
        """The newest checkpoint, a signed note."""
        return self._get("/checkpoint").text()

    def policy(self, *, agree: int = 1, fingerprint: str | None = None) -> Policy:
        """The policy that `agree` nodes give alike, or the one with a fingerprint.

        A policy taken from one node in silence only proves that the node agrees with itself.
        Raises `Unavailable` when no policy has enough voices.
        """
        voices: dict[str, int] = {}
        reasons = []
        for url in self.urls:
            try:
                reply = call("GET", f"{url}/v1/policy", timeout_s=QUERY_S)
                policy = Policy.parse(reply.text())
            except (Unavailable, ValueError) as error:
                reasons.append(f"{url}: {error}")
                continue
            text = policy.text()
            voices[text] = voices.get(text, 0) + 1
            is_pinned = fingerprint is None or policy.fingerprint() == fingerprint.lower()
            if is_pinned and voices[text] >= agree:
                return policy
        counts = sorted(voices.values(), reverse=True)
        raise Unavailable(f"expected {agree} nodes with one policy, found {counts or 'none'}: "
                          + "; ".join(reasons))

    def policy_chain(self) -> list[Link]:
        """The links from one epoch's policy to the next, for `chain.connect_policies`."""
        links = self._get("/v1/policy/chain").json().get("links", [])
        try:
            return [Link(_base64(link["entry"]), int(link["index"]),
                         tuple(_base64(node) for node in link["path"]), str(link["checkpoint"]))
                    for link in links]
        except (KeyError, TypeError, ValueError) as error:
            raise Unavailable(f"expected links of a policy chain: {error!r}") from None

    def follow(self, after: int = 0, **options: Any) -> Iterator[Event]:
        """Events with an ordinal above `after`, in order and without gaps, for as long as asked.

        Links that break are made again, with the next node; `options` are those of
        `events.Follower`. Raises `EventGap` when every node leaves one out.
        """
        return iter(Follower(self.urls, after, **options))

    def _get(self, path: str, *, statuses: tuple[int, ...] = (200,), timeout_s: float = QUERY_S,
             is_good: Any = lambda reply: True) -> Reply:
        """The first good answer; a node that is behind or away is passed over."""
        problem: ProblemError | None = None
        reasons = []
        for url in self.urls:
            try:
                reply = call("GET", url + path, timeout_s=timeout_s)
            except Unavailable as error:
                reasons.append(f"{url}: {error}")
                continue
            if reply.status not in statuses:
                said = reply.problem()
                reasons.append(f"{url}: {said.detail}")
                if 400 <= reply.status < 500 and problem is None:
                    problem = said
            elif is_good(reply):
                return reply
            else:
                reasons.append(f"{url}: the answer is not what was asked for")
        raise problem or Unavailable("; ".join(reasons))


def _base64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError(str(error)) from None


def _usable(text: Any, id_: bytes, policy: Policy | None) -> Receipt:
    """The receipt of the statement that was asked for; raises `FormError` for any other."""
    if not isinstance(text, str):
        raise FormError("receipt", "expected one in the answer, found none")
    receipt = Receipt.parse(text.encode("utf-8", "surrogatepass"))
    if receipt.id != id_:
        raise FormError("receipt", "it is of another statement")
    Seal.parse(receipt.seal.data)
    Outcome.parse(receipt.outcome.data)
    if policy is not None:
        # A failed statement's receipt is a true one: the caller tells its outcome.
        failures = verify(receipt.encode(), policy).failures()
        failure = next((f for f in failures if f.check is not Check.SUCCESS), None)
        if failure is not None:
            raise FormError(f"receipt, {failure.check.value}",
                            f"expected {failure.expected}, found {failure.found}")
    return receipt


def _receipted(receipt: Receipt) -> Submission:
    seal, outcome = Seal.parse(receipt.seal.data), Outcome.parse(receipt.outcome.data)
    return Submission("receipted", receipt.id, receipt=receipt, outcome_code=outcome.code,
                      height=seal.height, block_time_ms=seal.time_ms)
