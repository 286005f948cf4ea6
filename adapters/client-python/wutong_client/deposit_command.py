"""`deposit`: lodges files one by one, and keeps each statement before it is sent.

A run that ends without a receipt is continued by running the same command again: the same
statement is sent, and a statement commits once, at whichever node it arrives.
"""

from __future__ import annotations

import argparse
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from . import pending
from .client import Client, Submission
from .document import Digest, digest_of
from .ed25519 import verify_strict
from .errors import FormError, Unavailable
from .keys import PrivateKey, fingerprint
from .policy import Policy
from .report import utc_text
from .statement import BodyValue, Mode, Statement, build_deposit, commit, sign_statement

DONE, REFUSED, USAGE, PENDING = 0, 1, 2, 3


def parse_declared(text: str) -> int | None:
    """`none`, or an RFC 3339 time from 1970 on as milliseconds; raises `ValueError`."""
    if text == "none":
        return None
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None or moment.timestamp() < 0:
        raise ValueError(f"expected a time with its zone from 1970 on, found {text!r}")
    whole = moment.astimezone(UTC)
    return int(whole.replace(microsecond=0).timestamp()) * 1000 + whole.microsecond // 1000


class Run:
    """What all files of a run share."""

    def __init__(self, args: argparse.Namespace, policy: Policy | None) -> None:
        self.args = args
        self.policy = policy
        self.mode = Mode[args.mode.upper()]
        self.key = PrivateKey.load(args.key)
        self.issuer = args.issuer or f"key:{fingerprint(self.key.public)}"
        self.client = Client(args.url)
        self.folder = Path(args.out)
        self.folder.mkdir(parents=True, exist_ok=True)
        # Not knowing the network stops a new statement, not the resending of a kept one.
        self.network: str | None = args.network
        self.why_no_network: Unavailable | None = None
        if self.network is None:
            try:
                self.network = self.client.network()
            except Unavailable as error:
                self.why_no_network = error

    def one(self, path: Path) -> tuple[int, dict[str, Any]]:
        """Lodges one file; the exit code and what became of it, for programs."""
        digest = digest_of(path)
        kept = pending.find(self.folder, path.name,
                            lambda statement, salt: self._is_wanted(statement, salt, digest))
        kept = kept or self._draft(path, digest)
        if self.mode is Mode.BODY:
            self.client.put_body(path)
        standing = self.client.submit(kept.statement, wait_s=self.args.wait, policy=self.policy,
                                      salt=kept.salt)
        said: dict[str, Any] = {"file": str(path), "status": standing.status,
                                "id": standing.id.hex()}
        if standing.status == "receipted":
            return self._receipted(path, kept, standing, said)
        said |= {"detail": standing.detail, "next_step": standing.next_step}
        if standing.status == "refused":
            if standing.is_refused_by_all:
                kept.forget()
            return REFUSED, said
        said["next_step"] = ("run the same command again: it sends this very statement, which "
                             "commits once")
        said |= {"missing": list(standing.missing), "quorum": standing.quorum,
                 "pending": str(kept.path)}
        return PENDING, said

    def _receipted(self, path: Path, kept: pending.Kept, standing: Submission,
                   said: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        assert standing.receipt is not None, "a receipted submission has its receipt"
        receipt = standing.receipt
        written = pending.keep_receipt(self.folder, path.name, receipt.encode())
        kept.forget()
        is_done = standing.outcome_code == 0
        said |= {"status": "receipted" if is_done else "failed",
                 "outcome_code": standing.outcome_code, "verified": self.policy is not None,
                 "receipt": str(written), "height": standing.height, "index": receipt.index,
                 "block_time_ms": standing.block_time_ms}
        return DONE if is_done else REFUSED, said

    def _draft(self, path: Path, digest: Digest) -> pending.Kept:
        if self.network is None:
            raise self.why_no_network or Unavailable("the network's name is not known")
        # Only the modes that carry the content read the file again.
        source = path if self.mode in (Mode.CONTENT, Mode.BODY) else digest
        draft = build_deposit(source, network=self.network, namespace=self.args.namespace,
                              mode=self.mode,
                              declared_time_ms=self.args.declared_time)
        statement = sign_statement(self.key, draft, issuer=self.issuer, subject=self.args.subject)
        return pending.keep(self.folder, path.name, statement, draft.salt)

    def _is_wanted(self, statement: Statement, salt: bytes | None, digest: Digest) -> bool:
        """Whether a kept statement is the one that this run would make, but for its time."""
        deposit = statement.deposit
        lodged = deposit.value
        if self.mode is Mode.COMMITMENT and salt is not None:
            is_same = lodged == commit(salt, digest)
        elif self.mode is Mode.CONTENT and isinstance(lodged, bytes):
            is_same = digest_of(lodged) == digest
        elif self.mode is Mode.BODY and isinstance(lodged, BodyValue):
            is_same = lodged.sha256 == digest.value
        else:
            is_same = self.mode is Mode.DIGEST and salt is None and lodged == digest.value
        return (is_same and deposit.mode is self.mode and statement.key == self.key.public
                and self.network in (None, deposit.network)
                and deposit.namespace == self.args.namespace
                and (statement.issuer, statement.subject) == (self.issuer, self.args.subject)
                and verify_strict(statement.key, statement.sig_structure(), statement.signature))


def run(args: argparse.Namespace, policy: Policy | None) -> int:
    """Lodges every file; the exit code is that of the worst."""
    paths = [Path(text) for text in args.files]
    for path in paths:
        if not path.is_file():
            raise FormError(str(path), "expected a file, found none; nothing was sent")
    run_ = Run(args, policy)
    codes, deposits = [], []
    try:
        for path in paths:
            code, said = run_.one(path)
            codes.append(code)
            deposits.append(said)
            if not args.json:
                _write(said)
    finally:
        # What was lodged before a failure is told all the same.
        if args.json:
            print(json.dumps({"deposits": deposits}, indent=2))
    return REFUSED if REFUSED in codes else PENDING if PENDING in codes else DONE


def _write(said: dict[str, Any]) -> None:
    words = {"receipted": "deposited", "failed": "LOGGED WITHOUT EFFECT", "refused": "REFUSED",
             "pending": "NOT RECEIPTED YET"}
    print(f"{words[said['status']]} {said['file']}")
    print(f"  {'statement':<16} {said['id']}")
    if "receipt" in said:
        judged = "verified" if said["verified"] else "not verified yet"
        print(f"  {'receipt':<16} {said['receipt']} ({judged})")
        time = utc_text(said["block_time_ms"] // 1000)
        print(f"  {'block':<16} {said['height']}, entry {said['index']}, {time}")
        return
    print(f"  {'reason':<16} {said['detail']}")
    if said.get("missing"):
        print(f"  {'missing':<16} {', '.join(said['missing'])} ({said['quorum']} must be present)")
    if "pending" in said:
        print(f"  {'kept in':<16} {said['pending']}")
    print(f"  {'next':<16} {said['next_step']}")
