"""A small network in memory: keys, a log of blocks, checkpoints and receipts.

With its defaults it makes the receipts of `messages/tests/corpus` byte for byte: the keys are
derived from the same fixed seeds.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from wutong_client.block import Outcome, Seal
from wutong_client.document import Digest
from wutong_client.keys import PrivateKey
from wutong_client.merkle import inclusion_path, leaf_hash, root_of_leaves, sha256
from wutong_client.note import (COSIGNER, LOG, Checkpoint, Note, NoteSignature, VerifierKey,
                                cosigned_message)
from wutong_client.policy import Policy
from wutong_client.receipt import Link, OutcomeProof, PolicyEntry, Receipt, SealProof
from wutong_client.statement import Deposit, Mode, Statement, commit, sign_statement

REPOSITORY = Path(__file__).resolve().parents[3]
MESSAGES = Path(os.environ.get("WUTONG_MESSAGES", REPOSITORY / "messages")) / "tests"
"""The vectors of the Rust verifier."""
CORPUS = MESSAGES / "corpus"

ORIGIN = "ledger.example/trial"
DOCUMENT = b"the deposited document\n"
SALT = bytes([42]) * 32
TIME_S = 1_700_000_100
"""Clock of the first cosigner; cosigner i is i seconds ahead."""


def key(purpose: str) -> PrivateKey:
    """A key derived from a fixed master seed, as `PrivateKey::derive` does."""
    domain = b"wutong/derive-key/" + purpose.encode() + b"/v1\0"
    return PrivateKey.from_seed(sha256(domain, bytes([7]) * 32))


class Epoch:
    """The validators of one epoch: their keys and their policy."""

    def __init__(self, n: int = 4, prefix: str = "", *, is_demonstration: bool = False) -> None:
        self.logs = [key(f"{prefix}log {i}") for i in range(1, n + 1)]
        self.cosigners = [key(f"{prefix}cosigner {i}") for i in range(1, n + 1)]
        self.is_demonstration = is_demonstration

    def policy_text(self) -> str:
        n = len(self.logs)
        lines = ["# demonstration"] if self.is_demonstration else []
        lines += [f"log {VerifierKey(ORIGIN, LOG, k.public)}" for k in self.logs]
        for i, k in enumerate(self.cosigners, 1):
            lines.append(f"# organisation v{i} Court {i}")
            lines.append(f"witness v{i} {VerifierKey(f'v{i}.example/trial', COSIGNER, k.public)}")
        members = " ".join(f"v{i}" for i in range(1, n + 1))
        lines += [f"group validators {2 * n // 3 + 1} {members}", "quorum validators"]
        return "\n".join(lines) + "\n"

    def policy(self) -> Policy:
        return Policy.parse(self.policy_text())

    def entry(self, number: int, network: str = "trial") -> bytes:
        keys = tuple((f"v{i}", k.public) for i, k in enumerate(self.cosigners, 1))
        return PolicyEntry(network, number, self.policy_text(), keys).encode()

    def sign(self, head: Checkpoint, signers: Sequence[int] = (0, 1, 2)) -> Note:
        text = head.text()
        log = VerifierKey(ORIGIN, LOG, self.logs[0].public)
        first = NoteSignature(ORIGIN, log.key_id, self.logs[0].sign(text.encode()))
        lines = []
        for i in signers:
            k, time_s = self.cosigners[i], TIME_S + i
            cosigner = VerifierKey(f"v{i + 1}.example/trial", COSIGNER, k.public)
            data = time_s.to_bytes(8, "big") + k.sign(cosigned_message(time_s, text))
            lines.append(NoteSignature(cosigner.name, cosigner.key_id, data))
        lines.sort(key=NoteSignature.line)
        return Note(text, (first, *lines))


class Ledger:
    """A log that begins with a genesis entry; blocks and policy entries are added in order."""

    def __init__(self, network: str = "trial") -> None:
        self.network = network
        self.leaves = [leaf_hash(b"genesis")]
        self.height = 0
        self.previous_seal = self.leaves[0]
        self.places: dict[bytes, tuple[int, list[Outcome], Seal, int]] = {}

    def add(self, entry: bytes) -> int:
        self.leaves.append(leaf_hash(entry))
        return len(self.leaves) - 1

    def add_block(self, statements: Sequence[Statement], code: int = 0) -> None:
        first = len(self.leaves)
        self.height += 1
        outcomes = [Outcome(s.id, code) for s in statements]
        for s in statements:
            self.add(s.entry)
        root = root_of_leaves([leaf_hash(o.encode()) for o in outcomes])
        seal = Seal(self.network, self.height, 1_700_000_000_000 + self.height * 1000,
                    self.previous_seal, first, root, sha256(b"state"), sha256(b"validators"), 1)
        seal_index = self.add(seal.encode())
        self.previous_seal = leaf_hash(seal.encode())
        for s in statements:
            self.places[s.id] = (first, outcomes, seal, seal_index)

    def head(self) -> Checkpoint:
        return Checkpoint(ORIGIN, len(self.leaves), root_of_leaves(self.leaves))

    def path(self, index: int) -> tuple[bytes, ...]:
        return tuple(inclusion_path(self.leaves, index))

    def receipt(self, statement: Statement, epoch: Epoch, signers: Sequence[int] = (0, 1, 2), *,
                salt: bytes | None = None) -> Receipt:
        first, outcomes, seal, seal_index = self.places[statement.id]
        position = [o.id for o in outcomes].index(statement.id)
        leaves = [leaf_hash(o.encode()) for o in outcomes]
        proof = OutcomeProof(outcomes[position].encode(), position, len(outcomes),
                             tuple(inclusion_path(leaves, position)))
        return Receipt(
            index=first + position, path=self.path(first + position), entry=statement.entry,
            outcome=proof, seal=SealProof(seal.encode(), seal_index, self.path(seal_index)),
            checkpoint=epoch.sign(self.head(), signers), salt=salt)

    def link(self, entry: bytes, index: int, signed_by: Epoch,
             signers: Sequence[int] = (0, 1, 2)) -> Link:
        note = signed_by.sign(self.head(), signers)
        return Link(entry, index, self.path(index), note.encode())


def statement(deposit: Deposit) -> Statement:
    return sign_statement(key("depositor"), deposit, issuer="urn:example:notary",
                          subject="case 2026-17")


def plain(digest: bytes) -> Deposit:
    return Deposit("trial", "notary", Mode.DIGEST, digest)


def standard_statement() -> Statement:
    value = commit(SALT, Digest(sha256(DOCUMENT)))
    return statement(Deposit("trial", "notary", Mode.COMMITMENT, value))


def issue(ours: Statement, epoch: Epoch, signers: Sequence[int] = (0, 1, 2), *,
          salt: bytes | None = None, code: int = 0) -> Receipt:
    """The receipt of `ours` in the second block of a log, between two others."""
    ledger = Ledger()
    a, b, c = (statement(plain(sha256(word))) for word in (b"a", b"b", b"c"))
    ledger.add_block([a])
    ledger.add_block([b, ours, c], code)
    ledger.add(b"an entry of a later block")
    return ledger.receipt(ours, epoch, signers, salt=salt)


def failed(report) -> list[str]:
    """Names of the checks that refuse."""
    return [finding.check.value for finding in report.failures()]
