"""The policy chain: from the policy that the reader trusts to the one of the receipt's epoch.

A link holds a policy entry of the log and a checkpoint that includes it. When a policy trusted so
far finds that checkpoint good, the policy in the entry is trusted too. So a reader with an old
policy verifies new receipts, and one with a new policy verifies old ones.
"""

from __future__ import annotations

from collections.abc import Iterable

from .checks import CHECK_POLICY, judge_note
from .errors import FormError, PolicyError
from .merkle import leaf_hash, verify_inclusion
from .note import Note, check_signature_lines
from .policy import Policy
from .receipt import Link, PolicyEntry, Receipt
from .report import Check, Report
from .statement import Statement


def check_chain(report: Report, receipt: Receipt, network: str, given: Policy) -> Policy:
    """Judges the links in the order written; returns the newest policy that is trusted.

    A receipt without links is judged by the policy given, and no finding is made. After a link
    that is not good the later ones are left out.
    """
    trusted = [given]
    epochs: list[int] = []
    for number, link in enumerate(receipt.chain, 1):
        try:
            epoch, policy = _follow(link, network, trusted)
        except (FormError, PolicyError) as error:
            report.failed(Check.POLICY_CHAIN,
                          f"{len(receipt.chain)} links, each signed under a policy trusted before",
                          f"link {number}: {error}", CHECK_POLICY)
            return trusted[-1]
        trusted.append(policy)
        epochs.append(epoch)
    if epochs:
        names = ", ".join(str(epoch) for epoch in epochs)
        report.passed(Check.POLICY_CHAIN, f"{len(epochs)} links, to the policy of epoch {names}")
    return trusted[-1]


def connect_policies(receipt: Receipt, links: Iterable[Link], given: Policy | str) -> Receipt:
    """The receipt with those of `links` that lead from the policy given to its own.

    `links` are in the order of epochs, as `Client.policy_chain` gives them; links that the policy
    given does not bear out, or that lead further than the receipt needs, are left out. Raises
    `FormError` when the links do not reach the receipt, or it holds no statement.
    """
    policy = Policy.parse(given) if isinstance(given, str) else given
    network = Statement.parse(receipt.entry).deposit.network
    head, trusted, used = receipt.tree_head(), [policy], list[Link]()
    for link in links:
        if judge_note(receipt.checkpoint, head, trusted[-1]).is_good():
            break
        try:
            _, found = _follow(link, network, trusted)
        except (FormError, PolicyError):
            continue
        if found not in trusted:
            trusted.append(found)
            used.append(link)
    if not judge_note(receipt.checkpoint, head, trusted[-1]).is_good():
        raise FormError("policy chain", "expected links to the policy of the receipt's epoch, "
                                        f"found {len(used)} that hold and do not reach it")
    return receipt.with_chain(used)


def _follow(link: Link, network: str, trusted: list[Policy]) -> tuple[int, Policy]:
    """Epoch and policy of a good link; raises `FormError` or `PolicyError`."""
    entry = PolicyEntry.parse(link.entry)
    if entry.network != network:
        raise FormError("network", f"expected {network}, found {entry.network}")
    note = Note.parse(link.checkpoint)
    if note.encode() != link.checkpoint:
        raise FormError("checkpoint", "not in canonical form")
    head = check_signature_lines(note)
    if not any(judge_note(note, head, policy).is_good() for policy in reversed(trusted)):
        raise FormError("checkpoint", _complaint(note, trusted[-1]))
    verify_inclusion(leaf_hash(link.entry), link.index, head.size, link.path, head.root)
    return entry.epoch, Policy.parse(entry.policy_text)


def _complaint(note: Note, policy: Policy) -> str:
    """Why the newest trusted policy does not find a checkpoint good."""
    verdict = judge_note(note, check_signature_lines(note), policy)
    if not verdict.is_origin_known:
        return "of a log that no trusted policy names"
    if verdict.log is not None:
        return f"log line: expected {verdict.log[0]}, found {verdict.log[1]}"
    if verdict.complaints:
        return "; ".join(verdict.complaints)
    return f"expected {policy.quorum_rule()}, found {len(verdict.times)} valid cosignatures"
