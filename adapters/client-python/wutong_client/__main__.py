"""Commands: `python -m wutong_client verify|deposit|follow|keygen`.

Exit codes: 0 done; 1 refused; 2 wrong use; 3 not receipted yet (run the same command again).
"""

from __future__ import annotations

import argparse
import io
import json
import sys
from pathlib import Path

from . import deposit_command
from .client import Client
from .deposit_command import DONE, PENDING, REFUSED, USAGE, parse_declared
from .document import digest_of
from .errors import EventGap, PolicyError, ProblemError, Unavailable, WutongError
from .keys import PrivateKey, fingerprint
from .policy import POLICY_BYTES_MAX, Policy
from .receipt import RECEIPT_BYTES_MAX
from .report import Check, Evidence, Finding, Report, Verdict, utc_text
from .statement import NOW
from .verify import verify


EXIT_CODES = "Exit codes: 0 done; 1 refused; 2 wrong use; 3 not receipted yet (run it again)."


def load_policy(path: str) -> Policy:
    """Reads a policy file; raises `OSError` or `PolicyError`."""
    with open(path, "rb") as file:
        data = file.read(POLICY_BYTES_MAX + 1)
    if len(data) > POLICY_BYTES_MAX:
        raise PolicyError(0, f"{path}: expected at most {POLICY_BYTES_MAX} bytes, found more")
    try:
        return Policy.parse(data.decode("utf-8"))
    except UnicodeDecodeError:
        raise PolicyError(0, f"{path}: expected UTF-8 text, found other bytes") from None
    except PolicyError as error:
        raise PolicyError(0, f"{path}: expected a tlog-policy file: {error}") from None


def run_verify(args: argparse.Namespace) -> int:
    """Verifies a file against its receipt; no network is used."""
    policy = load_policy(args.policy)
    with open(args.receipt or f"{args.file}.tlog-proof", "rb") as file:
        receipt = file.read(RECEIPT_BYTES_MAX + 1)
    report = verify(receipt, policy, digest_of(args.file))
    if args.fingerprint is not None:
        judge_anchor(report, args.fingerprint.lower(), policy.fingerprint())
    if args.json:
        print(json.dumps(report.json(args.file), indent=2, ensure_ascii=False))
    else:
        write_report(report, args.file)
    return DONE if report.accepted else REFUSED


def judge_anchor(report: Report, pinned: str, found: str) -> None:
    """A policy that is not the pinned one proves nothing, whatever it accepts."""
    matches = pinned == found
    verdict = Verdict.PASSED if matches else Verdict.FAILED
    step = "" if matches else "Use the policy that the fingerprint was given for."
    report.findings.insert(0, Finding(
        Check.ANCHOR, verdict, f"the policy with fingerprint {pinned}",
        f"the policy with fingerprint {found}", step))
    if not matches:
        report.evidence = None


def write_report(report: Report, document: str) -> None:
    """The report for people, verdict first."""
    print(report.verdict)
    if report.evidence is not None:
        write_evidence(report.evidence, document)
    else:
        write_field("document", document)
        for failure in report.failures():
            write_field("failed check", failure.check.value)
            write_field("expected", failure.expected)
            write_field("found", failure.found)
            write_field("next", failure.next_step)
    print("checks:")
    marks = {Verdict.PASSED: "ok", Verdict.FAILED: "FAILED", Verdict.NOTED: "note"}
    for finding in report.findings:
        print(f"  {marks[finding.verdict]:<7} {finding.check.value:<20} {finding.found}")


def write_field(label: str, text: object) -> None:
    """One labelled line."""
    print(f"  {label:<16} {text}")


def write_evidence(evidence: Evidence, document: str) -> None:
    """What an accepted receipt proves."""
    if evidence.demonstration:
        print("  One party holds all keys of a demonstration network: it proves nothing.")
    write_field("document", document)
    key_id = fingerprint(evidence.depositor_key)
    own = f"{evidence.issuer!r} in its own words (key id {key_id})"
    is_key = evidence.issuer == f"key:{key_id}"
    write_field("deposited by", f"the holder of key {key_id}" if is_key else own)
    write_field("subject", evidence.subject)
    before = evidence.existed_before_s
    write_field("existed before", "each signer's own time below, no joint bound"
                if before is None else utc_text(before))
    if evidence.not_before is not None:
        write_field("made after", f"checkpoint {evidence.not_before.hex()}")
    if evidence.declared_time_ms is not None:
        write_field("declared time", f"{utc_text(evidence.declared_time_ms // 1000)}, not proven")
    for position, signer in enumerate(evidence.signers):
        key = f"{signer.name}, key id {signer.key_id:08x}, {utc_text(signer.time_s)}"
        write_field("" if position else "signed by", f"{signer.organisation} ({key})")
    time = utc_text(evidence.block_time_ms // 1000)
    write_field("place", f"block {evidence.height} of {time}, entry {evidence.index}")
    if evidence.member is not None:
        write_field("batch", f"member {evidence.member}")
    write_field("network", f"{evidence.network}, namespace {evidence.namespace}")
    write_field("statement", evidence.id.hex())
    write_field("policy", evidence.policy)


def run_deposit(args: argparse.Namespace) -> int:
    """Lodges files; see `deposit_command`."""
    policy = load_policy(args.policy) if args.policy else None
    return deposit_command.run(args, policy)


def run_follow(args: argparse.Namespace) -> int:
    """Prints each event as a line of JSON, until interrupted or `--count` were printed."""
    left = args.count
    for event in Client(args.url).follow(args.after):
        print(json.dumps({"ordinal": event.ordinal, "event": event.name} | event.data,
                         ensure_ascii=False), flush=True)
        left = None if left is None else left - 1
        if left == 0:
            break
    return DONE


def run_keygen(args: argparse.Namespace) -> int:
    """Makes a depositor's key; it never leaves this machine."""
    key = PrivateKey.generate()
    key.save(args.out)
    print(f"wrote {Path(args.out)}, key id {fingerprint(key.public)}")
    return DONE


def parser() -> argparse.ArgumentParser:
    """The arguments; those of `verify` and `deposit` are `wutong`'s."""
    top = argparse.ArgumentParser(prog="wutong_client", epilog=EXIT_CODES)
    commands = top.add_subparsers(required=True, metavar="COMMAND")

    one = commands.add_parser("verify", help="verify a file against its receipt, without network")
    one.add_argument("file", metavar="FILE")
    one.add_argument("--receipt", metavar="FILE", help="default: FILE.tlog-proof")
    one.add_argument("--policy", metavar="FILE", required=True, help="the trust anchor")
    one.add_argument("--fingerprint", metavar="HEX", help="refuse any policy but this one")
    one.add_argument("--json", action="store_true")
    one.set_defaults(run=run_verify)

    one = commands.add_parser("deposit", help="lodge evidence of files")
    one.add_argument("files", metavar="FILE", nargs="+")
    one.add_argument("--url", metavar="URL,...", required=True, help="nodes, in turn")
    one.add_argument("--key", metavar="FILE", required=True, help="the private key")
    one.add_argument("--out", metavar="DIR", required=True, help="folder for receipts")
    one.add_argument("--mode", default="commitment",
                     choices=["commitment", "digest", "content", "body"],
                     help="content and body hand the file itself to the network")
    one.add_argument("--namespace", metavar="NAME", default="public")
    one.add_argument("--network", metavar="NAME", help="default: asked of a node")
    one.add_argument("--issuer", metavar="TEXT", help="who deposits; default: key:KEYID")
    one.add_argument("--subject", metavar="TEXT", default="file", help="everybody can read it")
    one.add_argument("--declared-time", metavar="RFC3339|none", type=parse_declared, default=NOW)
    one.add_argument("--wait", metavar="SECONDS", type=float, default=30.0)
    one.add_argument("--policy", metavar="FILE", help="take only receipts that verify")
    one.add_argument("--json", action="store_true")
    one.set_defaults(run=run_deposit)

    one = commands.add_parser("follow", help="print events of deposits as JSON lines")
    one.add_argument("--url", metavar="URL,...", required=True)
    one.add_argument("--after", metavar="ORDINAL", type=int, default=0)
    one.add_argument("--count", metavar="N", type=int, help="stop after so many")
    one.set_defaults(run=run_follow)

    one = commands.add_parser("keygen", help="make a depositor's key")
    one.add_argument("--out", metavar="FILE", required=True)
    one.set_defaults(run=run_keygen)
    return top


def main(arguments: list[str] | None = None) -> int:
    """Runs a command; wrong use and failures are told on standard error."""
    args = parser().parse_args(arguments)
    for stream in (sys.stdout, sys.stderr):
        # A name that the terminal cannot show must not end the command.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        return int(args.run(args))
    except Unavailable as error:
        code, text = PENDING, str(error)
    except (ProblemError, EventGap) as error:
        step = getattr(error, "next_step", "")
        code, text = REFUSED, f"{error}\nnext:  {step}" if step else str(error)
    except (WutongError, OSError) as error:
        code, text = USAGE, str(error)
    except KeyboardInterrupt:
        return 130
    print(f"error: {text}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
