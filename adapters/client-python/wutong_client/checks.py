"""The single checks of `verify`, each adding its findings to the report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from . import ed25519, keys
from .block import Outcome, Seal
from .document import Digest, digest_of
from .errors import FormError
from .merkle import leaf_hash, root_from_inclusion, verify_inclusion
from .note import Checkpoint, Note, verify_cosignature, verify_log
from .policy import Policy
from .receipt import Receipt
from .report import Check, Report, utc_text
from .statement import BatchValue, BodyValue, Deposit, Mode, Statement, commit

FETCH_AGAIN = ("Fetch the receipt again from a node of the network and keep the file unchanged; "
               "if it is refused again, treat it as altered.")
CHECK_POLICY = ("Compare the policy's fingerprint with one obtained on another way; verify with "
                "the policy of this receipt's network and epoch.")
DO_NOT_RELY = "Do not rely on this receipt: keep it, and report it to the operators."
BELONG_TOGETHER = ("Check that this is the document and the receipt that belong together, "
                   "unchanged.")
CLIENTS_RECEIPT = "Use the receipt that the depositor's client wrote: only it carries the salt."
MEMBERS_RECEIPT = ("Use the member receipt that the depositor's client wrote for this document: "
                   "this one is of the batch as a whole.")


def check_depositor(report: Report, statement: Statement) -> bool:
    """Judges the depositor's key and signature; tells whether the strict rule holds too."""
    key, key_id = statement.key, keys.fingerprint(statement.key)
    problem = ed25519.key_problem(key)
    if problem is None:
        report.passed(Check.DEPOSITOR_KEY, f"key {key_id}")
    else:
        report.failed(Check.DEPOSITOR_KEY, "a canonical key of prime order", problem, DO_NOT_RELY)
    message, signature = statement.sig_structure(), statement.signature
    strict = ed25519.verify_strict(key, message, signature)
    # A strict signature meets the ledger's rule too; the slow rule is asked only when it must.
    if not strict and not ed25519.verify_zip215(key, message, signature):
        report.failed(Check.DEPOSITOR_SIGNATURE, f"a valid signature by key {key_id}",
                      "a signature that does not verify", FETCH_AGAIN)
        return False
    report.passed(Check.DEPOSITOR_SIGNATURE, f"valid, by key {key_id}")
    if strict:
        report.passed(Check.SIGNATURE_RULE, "strict")
    else:
        report.noted(Check.SIGNATURE_RULE, "strict", "ZIP-215 only",
                     "The ledger's rule accepts this signature, some other libraries may not: "
                     "ask the depositor which software signed it.")
    return strict


def check_document(report: Report, deposit: Deposit, receipt: Receipt,
                   document: Digest | None) -> None:
    """Compares the document, when given, with the value lodged, by the rule of its mode."""
    misfit = _misfit(deposit, receipt)
    if misfit is not None:
        report.failed(Check.DOCUMENT, *misfit, FETCH_AGAIN)
        return
    if document is None:
        report.noted(
            Check.DOCUMENT, "a document to compare",
            "none given: only the statement was verified, not what it is about (nor its salt)",
            "Verify again with the document.")
        return
    if document.algorithm != deposit.algorithm:
        report.failed(Check.DOCUMENT, f"a digest by algorithm {deposit.algorithm}",
                      f"one by algorithm {document.algorithm}",
                      "Digest the document with the statement's algorithm.")
        return
    if deposit.mode is Mode.BATCH:
        _check_member(report, deposit, receipt, document)
        return
    if isinstance(deposit.value, BodyValue):
        _compare(report, "digest", deposit.value.sha256, document.value)
        return
    assert isinstance(deposit.value, bytes), "a value that is no pair is bytes"
    if deposit.mode is Mode.CONTENT:
        _compare(report, "digest", digest_of(deposit.value).value, document.value)
    elif deposit.mode is Mode.DIGEST:
        _compare(report, "digest", deposit.value, document.value)
    elif receipt.salt is None:
        report.failed(Check.DOCUMENT, "the salt of the commitment", "no salt in the receipt",
                      CLIENTS_RECEIPT)
    else:
        _compare(report, "commitment", deposit.value, commit(receipt.salt, document))


def _misfit(deposit: Deposit, receipt: Receipt) -> tuple[str, str] | None:
    """Expected and found where salt or batch path do not go with the mode; none when they do."""
    mode, word = deposit.mode, deposit.mode.name.lower()
    if receipt.batch is not None and mode is not Mode.BATCH:
        return f"no batch path: the deposit is of mode {word}", "a batch path"
    if receipt.salt is None or mode is Mode.COMMITMENT:
        return None
    if mode is Mode.BATCH:
        # A batch's own receipt opens nothing, and a byte that no check reads could be altered.
        whole = receipt.batch is None
        return ("no salt: the receipt is of the whole batch", "a salt") if whole else None
    kind = "a plain digest" if mode is Mode.DIGEST else f"of mode {word}"
    return f"no salt: the deposit is {kind}", "a salt"


def _check_member(report: Report, deposit: Deposit, receipt: Receipt, document: Digest) -> None:
    """The document's salted commitment is a leaf of the batch's tree."""
    batch, value = receipt.batch, deposit.value
    assert isinstance(value, BatchValue), "the value of a batch is a root and a count"
    if batch is None:
        report.failed(Check.DOCUMENT, "the receipt of one member of the batch",
                      f"the receipt of the batch of {value.count} itself", MEMBERS_RECEIPT)
        return
    if receipt.salt is None:
        report.failed(Check.DOCUMENT, "the salt of the member's commitment",
                      "no salt in the receipt", CLIENTS_RECEIPT)
        return
    what = f"member {batch.index} of the batch of {value.count} with root"
    leaf = leaf_hash(commit(receipt.salt, document))
    try:
        found = root_from_inclusion(leaf, batch.index, value.count, batch.path)
    except FormError as error:
        report.failed(Check.DOCUMENT, f"{what} {value.root.hex()}", str(error), BELONG_TOGETHER)
        return
    _compare(report, what, value.root, found)


def _compare(report: Report, what: str, expected: bytes, found: bytes) -> None:
    if found == expected:
        report.passed(Check.DOCUMENT, f"{what} {expected.hex()}")
    else:
        report.failed(Check.DOCUMENT, f"{what} {expected.hex()}", f"{what} {found.hex()}",
                      BELONG_TOGETHER)


def check_inclusion(report: Report, check: Check, leaf: bytes, index: int, path: Sequence[bytes],
                    head: Checkpoint) -> bool:
    """A leaf is in the checkpoint's tree; tells whether it is."""
    expected = f"leaf {index} of the tree of {head.size} with root {head.root.hex()}"
    try:
        verify_inclusion(leaf, index, head.size, path, head.root)
    except FormError as error:
        report.failed(check, expected, str(error), FETCH_AGAIN)
        return False
    report.passed(check, expected)
    return True


@dataclass(frozen=True)
class NoteVerdict:
    """A signed checkpoint judged by a policy.

    `log` is none when a log key of the policy signed, else expected and found; `complaints` are
    of cosignature lines; `times` maps witness names to their valid times, in the policy's order.
    """

    is_origin_known: bool
    log: tuple[str, str] | None
    complaints: tuple[str, ...]
    times: dict[str, int] = field(default_factory=dict)
    is_met: bool = False

    def is_good(self) -> bool:
        """Whether nothing is wrong with the checkpoint under this policy."""
        log_signed = self.is_origin_known and self.log is None
        return log_signed and not self.complaints and self.is_met


def judge_note(note: Note, head: Checkpoint, policy: Policy) -> NoteVerdict:
    """Judges the log line and every cosignature of a checkpoint whose lines have their form."""
    line = note.signatures[0]
    named = f"{line.name} with key id {line.key_id:08x}"
    log_key, log = policy.log_of(line), None
    if log_key is None:
        log = ("a log key of the policy", named)
    elif not verify_log(log_key, note.text, line):
        log = (f"a valid signature by {named}", "a signature that does not verify")
    complaints: list[str] = []
    times: dict[str, int] = {}
    for line in note.signatures[1:]:
        named = f"{line.name} (key id {line.key_id:08x})"
        witness = policy.witness_of(line)
        if witness is None:
            complaints.append(f"unknown cosigner {named}")
            continue
        time_s = verify_cosignature(witness.key, note.text, line)
        if time_s is None:
            complaints.append(f"invalid cosignature of {witness.display_name}, {named}")
            continue
        # A cosigner counts once, however often it signed; the earliest time is its word.
        times[witness.name] = min(time_s, times.get(witness.name, time_s))
    times = {w.name: times[w.name] for w in policy.witnesses if w.name in times}
    return NoteVerdict(policy.knows_origin(head.origin), log, tuple(complaints), times,
                       policy.is_met_by(times.keys()))


def check_checkpoint(report: Report, note: Note, head: Checkpoint,
                     policy: Policy) -> dict[str, int]:
    """Judges origin, log line, cosignatures and quorum; returns the valid times by witness."""
    verdict = judge_note(note, head, policy)
    line = note.signatures[0]
    if not verdict.is_origin_known:
        names = sorted({log.name for log in policy.logs})
        report.failed(Check.ORIGIN, " or ".join(names), head.origin, CHECK_POLICY)
    else:
        report.passed(Check.ORIGIN, head.origin)
        if verdict.log is None:
            report.passed(Check.LOG_SIGNATURE, f"{line.name} with key id {line.key_id:08x}")
        else:
            is_unknown = policy.log_of(line) is None
            step = CHECK_POLICY if is_unknown else FETCH_AGAIN
            report.failed(Check.LOG_SIGNATURE, *verdict.log, step)
    if verdict.complaints:
        report.failed(Check.COSIGNATURES, "only valid cosignatures of the policy's cosigners",
                      "; ".join(verdict.complaints), FETCH_AGAIN)
    else:
        count = len(note.signatures) - 1
        report.passed(Check.COSIGNATURES, f"{count} valid cosignatures")
    signed = [w.display_name for w in policy.witnesses if w.name in verdict.times]
    found = f"{len(signed)} valid: {', '.join(signed)}"
    if verdict.is_met:
        report.passed(Check.QUORUM, f"{policy.quorum_rule()} ({found})")
    else:
        report.failed(
            Check.QUORUM, policy.quorum_rule(), found,
            "Fetch the receipt again later: its checkpoint may still lack cosignatures.")
    return verdict.times


def check_seal(report: Report, receipt: Receipt, statement: Statement,
               head: Checkpoint) -> Seal | None:
    """The seal is in the tree and closes the block of the entry, on the statement's network."""
    proof = receipt.seal
    try:
        seal = Seal.parse(proof.data)
    except FormError as error:
        report.failed(Check.SEAL_FORM, "a seal", str(error), FETCH_AGAIN)
        return None
    report.passed(Check.SEAL_FORM, "a seal in canonical form")
    if not check_inclusion(report, Check.SEAL_INCLUSION, leaf_hash(proof.data), proof.index,
                           proof.path, head):
        return None
    first, last = seal.first_leaf, proof.index
    if not first <= receipt.index < last:
        report.failed(
            Check.SEAL_PLACE,
            f"an entry from {first} to below {last}, the block that the seal closes",
            f"entry {receipt.index}", FETCH_AGAIN)
        return None
    if seal.network != statement.deposit.network:
        report.failed(Check.SEAL_PLACE, f"network {seal.network}",
                      f"network {statement.deposit.network}", DO_NOT_RELY)
        return None
    report.passed(Check.SEAL_PLACE,
                  f"block {seal.height} of network {seal.network}, entries {first} to {last}")
    return seal


def check_outcome(report: Report, receipt: Receipt, seal: Seal) -> None:
    """The outcome stands in the outcomes tree where the entry stands in its block.

    The tree's size follows from the seal's place, so that no byte of the proof is free.
    """
    proof = receipt.outcome
    index = receipt.index - seal.first_leaf
    count = receipt.seal.index - seal.first_leaf
    if (proof.index, proof.count) != (index, count):
        report.failed(Check.OUTCOME, f"outcome {index} of {count}",
                      f"outcome {proof.index} of {proof.count}", FETCH_AGAIN)
        return
    try:
        verify_inclusion(leaf_hash(proof.data), index, count, proof.path, seal.outcomes_root)
    except FormError as error:
        report.failed(Check.OUTCOME,
                      f"outcome {index} of {count} under {seal.outcomes_root.hex()}",
                      str(error), FETCH_AGAIN)
        return
    try:
        outcome = Outcome.parse(proof.data)
    except FormError as error:
        report.failed(Check.OUTCOME, "an outcome", str(error), DO_NOT_RELY)
        return
    if outcome.id != receipt.id:
        report.failed(Check.OUTCOME, f"statement {receipt.id.hex()}",
                      f"statement {outcome.id.hex()}", DO_NOT_RELY)
        return
    report.passed(Check.OUTCOME, f"outcome {index} of {count} in block {seal.height}")
    if outcome.code == 0:
        report.passed(Check.SUCCESS, "done")
    else:
        report.failed(
            Check.SUCCESS, "done", str(outcome),
            "The statement was logged and had no effect: see the code and deposit again.")


def check_time(report: Report, policy: Policy, times: dict[str, int]) -> None:
    """The cosignature times prove an upper bound, when there is a quorum of them."""
    # Without a quorum nothing is proven, and the quorum's finding says so.
    if not policy.is_met_by(times.keys()):
        return
    time_s = policy.existed_before(times)
    if time_s is not None:
        report.passed(Check.TIME, f"existed before {utc_text(time_s)}")
    else:
        report.noted(
            Check.TIME, "more cosignatures than the policy lets lie",
            f"{len(times)} cosignatures",
            "The time rests on each cosigner alone: add cosignatures to bound it.")
