//! `wutong verify`: offline, from a trust anchor that the reader chose.

mod report_text;

use crate::digest::sha256_file;
use crate::exit::{Exit, Failure};
use crate::files;
use crate::output::Output;
use messages::hash::Hash;
use messages::policy::Policy;
use messages::statement::DigestAlgorithm;
use messages::tlog_proof::TLOG_PROOF_BYTES_MAX;
use messages::verify::{Check, DocumentDigest, Finding, Report, Verdict, verify_bytes};
use std::path::{Path, PathBuf};

/// Most bytes of a policy file.
pub(crate) const POLICY_BYTES_MAX: usize = 1 << 20;

/// Arguments of `verify`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  \
    wutong verify report.pdf --receipt receipts/report.pdf.tlog-proof --policy court.policy\n\n\
    No network is used. Get the policy from people you trust, or with `wutong policy`, and pin it\n\
    with --fingerprint. Exit codes: 0 verified; 1 refused; 2 wrong use.")]
pub struct VerifyArgs {
    /// The document.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Its receipt [default: FILE.tlog-proof].
    #[arg(long, value_name = "FILE")]
    receipt: Option<PathBuf>,
    /// The trust anchor: whose signatures count, and how many.
    #[arg(long, value_name = "FILE")]
    policy: PathBuf,
    /// Refuse any policy but the one with this fingerprint.
    #[arg(long, value_name = "HEX", value_parser = parse_hash)]
    fingerprint: Option<Hash>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Reads a fingerprint or digest.
pub(crate) fn parse_hash(text: &str) -> Result<Hash, String> {
    let found = text.chars().count();
    Hash::from_hex(text)
        .ok_or_else(|| format!("expected 64 hexadecimal characters, found {found} characters"))
}

/// `FILE.tlog-proof`.
pub(crate) fn receipt_beside(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".tlog-proof");
    name.into()
}

/// Reads a policy file.
pub(crate) fn load_policy(path: &Path) -> Result<Policy, Failure> {
    let bytes = files::read(path, "policy", POLICY_BYTES_MAX)?;
    let wrong = |found: String| {
        Failure::usage(
            format!(
                "--policy {}: expected a tlog-policy file: {found}",
                path.display()
            ),
            "Get the policy from the network's organisations, or with `wutong policy`.",
        )
    };
    if bytes.len() > POLICY_BYTES_MAX {
        return Err(wrong(format!("found more than {POLICY_BYTES_MAX} bytes")));
    }
    let text =
        String::from_utf8(bytes).map_err(|_| wrong("found bytes that are no text".into()))?;
    Policy::parse(&text).map_err(|e| wrong(e.to_string()))
}

pub(crate) fn run(args: &VerifyArgs, output: &mut Output<'_>) -> Result<Exit, Failure> {
    let policy = load_policy(&args.policy)?;
    let path = args
        .receipt
        .clone()
        .unwrap_or_else(|| receipt_beside(&args.file));
    let bytes = files::read(&path, "receipt", TLOG_PROOF_BYTES_MAX)?;
    let document = DocumentDigest {
        algorithm: DigestAlgorithm::Sha256,
        digest: sha256_file(&args.file)?,
    };
    let mut report = verify_bytes(&bytes, &policy, Some(&document));
    if let Some(pinned) = args.fingerprint {
        judge_anchor(&mut report, &pinned, &policy.fingerprint());
    }
    if args.json {
        output.json(&report_text::json(&report, &args.file));
    } else {
        report_text::write(&report, &args.file, output);
    }
    Ok(if report.is_accepted() {
        Exit::Done
    } else {
        Exit::Refused
    })
}

/// A policy that is not the pinned one proves nothing, whatever it accepts.
fn judge_anchor(report: &mut Report, pinned: &Hash, found: &Hash) {
    let matches = pinned == found;
    let finding = Finding {
        check: Check::Anchor,
        verdict: if matches {
            Verdict::Passed
        } else {
            Verdict::Failed
        },
        expected: format!("the policy with fingerprint {pinned}"),
        found: format!("the policy with fingerprint {found}"),
        next_step: if matches {
            String::new()
        } else {
            "Use the policy that the fingerprint was given for.".into()
        },
    };
    report.findings.insert(0, finding);
    if !matches {
        report.evidence = None;
    }
}
