"""Deposit evidence on a Wutong ledger, and verify its receipts offline.

    from wutong_client import Client, PrivateKey, build_deposit, sign_statement, verify

Verification (`verify`) is a second, independent implementation of the rules of `wutong verify`.
It needs no network: document, receipt and policy are all it takes.
"""

from .batch import Batch, Member, build_batch, member_receipt
from .chain import connect_policies
from .client import Client, Event, Submission
from .document import Digest, Document, digest_of
from .errors import (EventGap, FormError, NotReceipted, PolicyError, ProblemError, Unavailable,
                     WutongError)
from .event_chain import BrokenEvent, EventChain, Gap, check_form, event_hash, verify_event
from .keys import PrivateKey
from .policy import Policy
from .receipt import Link, PolicyEntry, Receipt
from .report import Check, Evidence, Finding, Report, Signer, Verdict
from .statement import Deposit, Draft, Mode, Statement, build_deposit, sign_statement
from .verify import verify

__all__ = [
    "Batch", "BrokenEvent", "Check", "Client", "Deposit", "Digest", "Document", "Draft",
    "Event", "EventChain", "EventGap", "Evidence", "Finding", "FormError", "Gap", "Link",
    "Member", "Mode", "NotReceipted", "Policy", "PolicyEntry", "PolicyError", "PrivateKey",
    "ProblemError", "Receipt", "Report", "Signer", "Statement", "Submission", "Unavailable",
    "Verdict", "WutongError", "build_batch", "build_deposit", "check_form", "connect_policies",
    "digest_of", "event_hash", "member_receipt", "sign_statement", "verify", "verify_event",
]

__version__ = "0.1.0"
