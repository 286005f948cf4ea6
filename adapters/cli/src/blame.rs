//! `wutong blame`: from two conflicting things that validators signed to a file that convicts
//! those who signed both, and from such a file to the same verdict, offline.

mod report_text;

use crate::exit::{Exit, Failure};
use crate::files;
use crate::output::Output;
use crate::verify::{load_policy, parse_hash};
use messages::blame::{
    Anchor, AnchorKind, BLAME_BYTES_MAX, BlameFile, BlameFileError, BlameReport, Exhibit, judge,
};
use messages::cbor::Canonical;
use messages::genesis::Genesis;
use messages::hash::Hash;
use std::path::{Path, PathBuf};

/// Most bytes of a genesis document: those of an entry of the log.
const GENESIS_BYTES_MAX: usize = 65_535;

/// Arguments of `blame`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    wutong blame mine.tlog-proof theirs.tlog-proof --policy court.policy --out blame.json\n  \
    wutong blame checkpoint-a checkpoint-b --policy court.policy\n  \
    wutong blame mine.tlog-proof checkpoint --proof inclusion.json --policy court.policy\n  \
    wutong blame vote-a.cbor vote-b.cbor --genesis genesis.cbor --out blame.json\n  \
    wutong blame equivocation.cbor --genesis genesis.cbor --out blame.json\n  \
    wutong blame --check blame.json --policy court.policy\n\n\
    A and B are tree heads (a checkpoint as `wutong show checkpoint` prints it, or a receipt), or\n\
    votes, proposals and certificates (canonical CBOR). A key is convicted when its valid\n\
    signatures are on two that an honest validator never signs both: two heads of one size with\n\
    different roots; two heads whose trees hold different entries at one place, as receipts show;\n\
    two votes or proposals for one step. Who signed one side only is not convicted. Two heads of\n\
    different sizes without receipts, or precommits of different rounds, convict nobody.\n\n\
    No network is used. --genesis is the log's entry 0, as any node serves it at /v1/entries/0:\n\
    compare its fingerprint with what an organisation of the network publishes. docs/blame.md\n\
    describes the file and checks one in Python, without wutong. Exit codes: 0 convicted; 1 nothing\n\
    is proven, or the file does not hold; 2 wrong use.")]
pub struct BlameArgs {
    /// A tree head, receipt, vote, proposal, certificate, equivocation proof or blame file.
    #[arg(value_name = "A", required_unless_present = "check")]
    a: Option<PathBuf>,
    /// What conflicts with it; not needed when A holds both sides.
    #[arg(value_name = "B")]
    b: Option<PathBuf>,
    /// An inclusion proof under A or B, as nodes serve it at /v1/proofs/inclusion; repeats.
    #[arg(long, value_name = "FILE")]
    proof: Vec<PathBuf>,
    /// Check a blame file instead: everything in it is judged anew from the signed bytes.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["a", "b", "proof", "out"])]
    check: Option<PathBuf>,
    /// Whose keys count, for tree heads: the policy that you trust.
    #[arg(
        long,
        value_name = "FILE",
        required_unless_present = "genesis",
        conflicts_with = "genesis"
    )]
    policy: Option<PathBuf>,
    /// Whose keys count, for votes and proposals too: the genesis document that you trust.
    #[arg(long, value_name = "FILE")]
    genesis: Option<PathBuf>,
    /// Refuse any policy or genesis document but the one with this fingerprint.
    #[arg(long, value_name = "HEX", value_parser = parse_hash)]
    fingerprint: Option<Hash>,
    /// Write the conviction to this new file.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &BlameArgs, output: &mut Output<'_>) -> Result<Exit, Failure> {
    let anchor = load_anchor(args)?;
    if let Some(path) = &args.check {
        return check(path, &anchor, args.json, output);
    }
    let mut exhibits = Vec::new();
    for path in [&args.a, &args.b].into_iter().flatten().chain(&args.proof) {
        exhibits.extend(load_exhibits(path)?);
    }
    let report = judge(&exhibits, &anchor);
    let file = BlameFile::of(&report);
    if let (Some(path), Some(file)) = (&args.out, &file) {
        files::create_or_same(path, &file.encode(), "file")?;
    }
    let written = file.and(args.out.as_deref());
    show(&report, &anchor, args.json, written, output);
    match (&args.out, written) {
        (_, Some(path)) => output.note(&format!(
            "written to {}; strangers check it with `wutong blame --check`",
            path.display()
        )),
        (Some(_), None) => output.note("nothing is proven, so no file was written"),
        (None, _) if report.is_proven() => {
            output.note("not written; --out FILE keeps the conviction for others");
        }
        (None, _) => {}
    }
    Ok(exit(&report))
}

fn exit(report: &BlameReport) -> Exit {
    if report.is_proven() {
        Exit::Done
    } else {
        Exit::Refused
    }
}

fn show(
    report: &BlameReport,
    anchor: &Anchor,
    json: bool,
    written: Option<&Path>,
    output: &mut Output<'_>,
) {
    if json {
        output.json(&report_text::json(report, anchor, written));
    } else {
        report_text::write(report, anchor, output);
    }
}

/// Checks a file that somebody else made.
fn check(
    path: &Path,
    anchor: &Anchor,
    json: bool,
    output: &mut Output<'_>,
) -> Result<Exit, Failure> {
    let bytes = files::read(path, "blame file", BLAME_BYTES_MAX)?;
    match BlameFile::check(&bytes, anchor) {
        Ok(report) => {
            show(&report, anchor, json, None, output);
            Ok(Exit::Done)
        }
        Err(error) => {
            if json {
                output.json(&report_text::refused_json(&error));
            } else {
                output.line("REFUSED");
            }
            Err(refusal(path, &error))
        }
    }
}

fn refusal(path: &Path, error: &BlameFileError) -> Failure {
    Failure::refused(format!("{}: {error}", path.display()), error.next_step())
}

fn load_exhibits(path: &Path) -> Result<Vec<Exhibit>, Failure> {
    let bytes = files::read(path, "file", BLAME_BYTES_MAX)?;
    Exhibit::parse(&bytes).map_err(|error| {
        Failure::usage(
            format!("{}: {error}", path.display()),
            "Give it byte for byte as it was signed: a checkpoint from `wutong show checkpoint`, a \
             receipt from its holder, a vote or proof as the node kept it. What `wutong show \
             block` prints holds no signatures.",
        )
    })
}

fn load_anchor(args: &BlameArgs) -> Result<Anchor, Failure> {
    let anchor = match (&args.policy, &args.genesis) {
        (Some(path), _) => Anchor::of_policy(load_policy(path)?),
        (None, Some(path)) => load_genesis(path)?,
        (None, None) => {
            return Err(Failure::usage(
                "expected a trust anchor, found neither --policy nor --genesis",
                "Give --policy FILE for tree heads, or --genesis FILE for votes and proposals.",
            ));
        }
    };
    let found = anchor.id();
    match args.fingerprint {
        Some(pinned) if pinned != found.fingerprint => Err(Failure::refused(
            format!(
                "--fingerprint: expected the {kind} with fingerprint {pinned}, found {}",
                found.fingerprint,
                kind = kind_text(found.kind)
            ),
            "Use the document that the fingerprint was given for.",
        )),
        _ => Ok(anchor),
    }
}

fn kind_text(kind: AnchorKind) -> &'static str {
    match kind {
        AnchorKind::Policy => "policy",
        AnchorKind::Genesis => "genesis document",
    }
}

fn load_genesis(path: &Path) -> Result<Anchor, Failure> {
    let bytes = files::read(path, "genesis document", GENESIS_BYTES_MAX)?;
    let genesis = Genesis::from_bytes(&bytes).map_err(|e| e.to_string());
    genesis.and_then(Anchor::of_genesis).map_err(|found| {
        Failure::usage(
            format!(
                "--genesis {}: expected a genesis document (canonical CBOR): {found}",
                path.display()
            ),
            "Take the entry at index 0 of the log: curl -o genesis.cbor URL/v1/entries/0.",
        )
    })
}
