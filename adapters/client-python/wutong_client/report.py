"""What a verification found, in the order of its checks, and what the receipt proves."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from . import keys


class Check(StrEnum):
    """One check of a verification; the value is its name for people, the order is that of use."""

    RECEIPT_FORM = "receipt form"
    STATEMENT_FORM = "statement form"
    DEPOSITOR_KEY = "depositor key"
    DEPOSITOR_SIGNATURE = "depositor signature"
    SIGNATURE_RULE = "signature rule"
    DOCUMENT = "document"
    INCLUSION = "inclusion in the log"
    POLICY_CHAIN = "policy chain"
    ORIGIN = "origin"
    LOG_SIGNATURE = "log signature"
    COSIGNATURES = "cosignatures"
    QUORUM = "quorum"
    SEAL_FORM = "seal form"
    SEAL_INCLUSION = "seal in the log"
    SEAL_PLACE = "seal of this entry"
    OUTCOME = "outcome"
    SUCCESS = "success"
    TIME = "time"
    ANCHOR = "trust anchor"


class Verdict(StrEnum):
    """Result of one check: `NOTED` means nothing is wrong, yet the reader should know."""

    PASSED = "passed"
    FAILED = "failed"
    NOTED = "noted"


@dataclass(frozen=True)
class Finding:
    """One check with what had to be there, what was there, and what to do now."""

    check: Check
    verdict: Verdict
    expected: str
    found: str
    next_step: str = ""

    def json(self) -> dict[str, str]:
        """The finding for programs, as `wutong verify --json` writes it."""
        return {"check": self.check.value, "verdict": self.verdict.value,
                "expected": self.expected, "found": self.found, "next_step": self.next_step}


@dataclass(frozen=True)
class Signer:
    """A cosigner whose valid cosignature the receipt carries; `time_s` is its clock's word."""

    organisation: str
    name: str
    key_id: int
    time_s: int


@dataclass(frozen=True)
class Evidence:
    """What an accepted receipt proves.

    Ids and hashes are bytes (32); `*_ms` are milliseconds, `*_s` seconds since the Unix epoch.
    `existed_before_s` holds even when as many cosigners lie as the policy tolerates; none when its
    quorum is too small to say. `policy` is the fingerprint of the policy that was given,
    `content` the document itself where the entry carries it, `member` the position in a batch.
    """

    id: bytes
    network: str
    namespace: str
    issuer: str
    subject: str
    depositor_key: bytes
    mode: str
    strict: bool
    document_matched: bool
    index: int
    height: int
    block_time_ms: int
    declared_time_ms: int | None
    not_before: bytes | None
    existed_before_s: int | None
    signers: tuple[Signer, ...]
    policy: str
    demonstration: bool
    content: bytes | None = None
    member: int | None = None

    def json(self) -> dict[str, Any]:
        """The evidence for programs, with the members of `wutong verify --json` and our own."""
        before = self.existed_before_s
        signers = [{"organisation": s.organisation, "name": s.name, "key_id": f"{s.key_id:08x}",
                    "time": utc_text(s.time_s), "time_s": s.time_s} for s in self.signers]
        return {
            "id": self.id.hex(),
            "network": self.network,
            "namespace": self.namespace,
            "issuer": self.issuer,
            "subject": self.subject,
            "depositor_key": self.depositor_key.hex(),
            "depositor_key_id": keys.fingerprint(self.depositor_key),
            "mode": self.mode,
            "member": self.member,
            "strict_signature": self.strict,
            "index": self.index,
            "height": self.height,
            "block_time": utc_text(self.block_time_ms // 1000),
            "block_time_ms": self.block_time_ms,
            "declared_time_ms": self.declared_time_ms,
            "not_before": self.not_before.hex() if self.not_before else None,
            "existed_before": None if before is None else utc_text(before),
            "existed_before_s": before,
            "signers": signers,
            "policy": self.policy,
            "demonstration": self.demonstration,
        }


@dataclass
class Report:
    """Outcome of a verification: every check made, in order.

    Checks that need the result of a failed one are left out; all others are made.
    """

    findings: list[Finding] = field(default_factory=list)
    evidence: Evidence | None = None
    demonstration: bool = False
    """Whether a policy that was relied on is a demonstration, whose keys prove nothing."""

    @property
    def accepted(self) -> bool:
        """Whether every check passed."""
        return self.evidence is not None

    @property
    def verdict(self) -> str:
        """The verdict in words, as `wutong verify` prints it."""
        if not self.accepted:
            return "REFUSED"
        return "VERIFIED (DEMONSTRATION)" if self.demonstration else "VERIFIED"

    def failures(self) -> list[Finding]:
        """The findings that refuse the receipt."""
        return [finding for finding in self.findings if finding.verdict is Verdict.FAILED]

    def finding(self, check: Check) -> Finding | None:
        """The finding of a check, when it was made."""
        return next((finding for finding in self.findings if finding.check is check), None)

    def passed(self, check: Check, found: str) -> None:
        """Adds a check that holds."""
        self.findings.append(Finding(check, Verdict.PASSED, found, found))

    def failed(self, check: Check, expected: str, found: str, next_step: str) -> None:
        """Adds a check that does not hold."""
        self.findings.append(Finding(check, Verdict.FAILED, expected, found, next_step))

    def noted(self, check: Check, expected: str, found: str, next_step: str) -> None:
        """Adds what the reader should know."""
        self.findings.append(Finding(check, Verdict.NOTED, expected, found, next_step))

    def json(self, document: str) -> dict[str, Any]:
        """The report for programs; `document` is the name under which it was given."""
        return {
            "verdict": self.verdict,
            "verified": self.accepted,
            "document": document,
            "evidence": self.evidence.json() if self.evidence else None,
            "failed": [finding.json() for finding in self.failures()],
            "checks": [finding.json() for finding in self.findings],
        }


def utc_text(seconds: int) -> str:
    """Seconds since the Unix epoch as `YYYY-MM-DDThh:mm:ssZ` (RFC 3339)."""
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (OverflowError, ValueError, OSError):
        # A signer's clock may say anything, and the calendar here ends with the year 9999.
        return f"{seconds} s after 1970-01-01T00:00:00Z"
