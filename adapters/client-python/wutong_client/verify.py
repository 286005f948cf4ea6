"""Offline verification of a receipt: no clock, no network, no files but the document's.

Trust starts from the policy alone. Each check compares what the policy, the checkpoint or the
statement fixes with what the receipt carries. Names and order of the checks are those of
`wutong verify`, whose rules these are, written a second time.
"""

from __future__ import annotations

from . import chain, checks
from .block import Seal
from .document import Digest, Document, digest_of
from .errors import FormError
from .policy import Policy
from .receipt import Receipt
from .report import Check, Evidence, Report, Signer
from .statement import CONTENT_TYPE, Mode, Statement


def verify(receipt_bytes: bytes, policy_text: str | Policy,
           document: Document | None = None) -> Report:
    """Verifies a receipt file's bytes against a policy and, when given, a document.

    A document is a path, bytes, or a `Digest`; files are hashed in a stream. A receipt that is
    not good is no error: it gives a report whose `accepted` is false. Raises `PolicyError` when
    `policy_text` is no policy, `OSError` when the document's file cannot be read.
    """
    policy = policy_text if isinstance(policy_text, Policy) else Policy.parse(policy_text)
    digest = None if document is None else digest_of(document)
    report = Report(demonstration=policy.is_demonstration())
    try:
        receipt = Receipt.parse(bytes(receipt_bytes))
    except FormError as error:
        report.failed(Check.RECEIPT_FORM, "a receipt", str(error), checks.FETCH_AGAIN)
        return report
    report.passed(Check.RECEIPT_FORM, "a receipt in canonical form")
    try:
        statement = Statement.parse(receipt.entry)
    except FormError as error:
        report.failed(Check.STATEMENT_FORM, "a statement", str(error), checks.FETCH_AGAIN)
        return report
    report.passed(Check.STATEMENT_FORM, CONTENT_TYPE)
    _verify_parsed(report, receipt, statement, policy, digest)
    return report


def _verify_parsed(report: Report, receipt: Receipt, statement: Statement, given: Policy,
                   document: Digest | None) -> None:
    head = receipt.tree_head()
    strict = checks.check_depositor(report, statement)
    checks.check_document(report, statement.deposit, receipt, document)
    checks.check_inclusion(report, Check.INCLUSION, receipt.id, receipt.index, receipt.path, head)
    policy = chain.check_chain(report, receipt, statement.deposit.network, given)
    report.demonstration = given.is_demonstration() or policy.is_demonstration()
    times = checks.check_checkpoint(report, receipt.checkpoint, head, policy)
    seal = checks.check_seal(report, receipt, statement, head)
    if seal is not None:
        checks.check_outcome(report, receipt, seal)
    checks.check_time(report, policy, times)
    if report.demonstration:
        report.noted(
            Check.ANCHOR, "the policy of a network run by its organisations",
            "a demonstration policy: whoever ran it holds all keys, so it proves nothing",
            "Rely only on receipts of a network whose policy you got from its organisations.")
    if seal is not None and not report.failures():
        report.evidence = _evidence(receipt, statement, seal, (given, policy), times, strict,
                                    document is not None, report.demonstration)


def _evidence(receipt: Receipt, statement: Statement, seal: Seal,
              policies: tuple[Policy, Policy], times: dict[str, int], strict: bool,
              is_matched: bool, is_demonstration: bool) -> Evidence:
    given, newest = policies
    deposit = statement.deposit
    signers = (Signer(w.display_name, w.name, w.key.key_id, times[w.name])
               for w in newest.witnesses if w.name in times)
    is_content = deposit.mode is Mode.CONTENT and isinstance(deposit.value, bytes)
    return Evidence(
        id=receipt.id,
        network=deposit.network,
        namespace=deposit.namespace,
        issuer=statement.issuer,
        subject=statement.subject,
        depositor_key=statement.key,
        mode=deposit.mode.name.lower(),
        strict=strict,
        document_matched=is_matched,
        index=receipt.index,
        height=seal.height,
        block_time_ms=seal.time_ms,
        declared_time_ms=deposit.declared_time_ms,
        not_before=deposit.not_before,
        existed_before_s=newest.existed_before(times),
        signers=tuple(signers),
        policy=given.fingerprint(),
        demonstration=is_demonstration,
        content=deposit.value if is_content else None,  # type: ignore[arg-type]
        member=None if receipt.batch is None else receipt.batch.index,
    )
