//! `wutong receipt`: a receipt in another form, from a file or fetched by its statement's id.
//!
//! A salt opens a commitment to whoever has it, so it leaves the receipt's file only when it is
//! asked for. What was not verified is said to be so.

mod cose;
mod json;

use crate::client::{Client, block_on};
use crate::exit::{Exit, Failure};
use crate::files::{self, Readers};
use crate::output::Output;
use crate::show::load_receipt;
use crate::verify::load_policy;
use adapters_client::{NodeUrl, Problem, Reply, distinct};
use messages::ids::StatementId;
use messages::policy::Policy;
use messages::receipt::Receipt;
use messages::verify::verify;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Forms of a receipt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum ReceiptFormat {
    /// The text that depositors keep and `wutong verify` reads (C2SP tlog-proof).
    TlogProof,
    /// The statement with a quorum of COSE receipts (RFC 9942, RFC 9943), as bytes.
    Cose,
    /// All that a tlog-proof says, readable (docs/receipt-json.md).
    Json,
}

/// Arguments of `receipt`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    wutong receipt report.pdf.tlog-proof --format json\n  \
    wutong receipt report.pdf.tlog-proof --format cose --url http://a:8100 \\\n      \
        --policy court.policy --out report.pdf.cose\n  \
    wutong receipt ID --format tlog-proof --url http://a:8100,http://b:8100 --out r.tlog-proof\n\n\
    A tlog-proof and COSE receipts carry different signatures of the same validators, so COSE\n\
    receipts are always fetched; those that are not about the same statement at the same place\n\
    are refused. With --policy everything is verified from that trust anchor; without it the\n\
    receipt's signatures are not, and a note says so. The salt of a deposit stays in the file it\n\
    is in, unless --with-salt asks for it: whoever has it can show which document was lodged.\n\n\
    Exit codes: 0 written; 1 refused; 2 wrong use; 3 no node answered, or no receipt yet.")]
pub struct ReceiptArgs {
    /// A receipt file, or the id of a statement (64 hexadecimal characters).
    #[arg(value_name = "RECEIPT|ID")]
    what: String,
    /// The form wanted.
    #[arg(long, value_enum)]
    format: ReceiptFormat,
    /// Nodes to fetch from, in turn: comma lists and repeats.
    #[arg(long, value_name = "URL", value_delimiter = ',')]
    url: Vec<NodeUrl>,
    /// Trust anchor: write only what verifies from it.
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// File to write; none is ever replaced [default: standard output, but for cose].
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Keep the salt of a receipt file in what is written.
    #[arg(long)]
    with_salt: bool,
}

/// Where the receipt is.
enum Source {
    File(PathBuf),
    Node(StatementId),
}

impl Source {
    /// A file that is there, or else an id.
    fn of(what: &str) -> Result<Self, Failure> {
        let path = Path::new(what);
        match StatementId::from_hex(what) {
            Some(id) if !path.exists() => Ok(Self::Node(id)),
            None if !path.exists() => Err(Failure::usage(
                format!("{what}: expected a receipt file or an id of 64 hexadecimal characters"),
                "Check the path; the id of a receipt is shown by `wutong show receipt FILE`.",
            )),
            _ => Ok(Self::File(path.into())),
        }
    }
}

pub(crate) fn run(args: &ReceiptArgs, output: &mut Output<'_>) -> Result<Exit, Failure> {
    let source = Source::of(&args.what)?;
    check_use(args, &source)?;
    let policy = args.policy.as_deref().map(load_policy).transpose()?;
    if args.format == ReceiptFormat::Cose {
        return cose::run(args, &source, policy.as_ref(), output);
    }
    let mut receipt = load(args, &source)?;
    if args.with_salt && receipt.extra.salt.is_none() {
        return Err(Failure::usage(
            format!(
                "{}: expected a receipt with a salt, found none in it",
                args.what
            ),
            "Name the file that the depositor's client wrote, or leave --with-salt out.",
        ));
    }
    judge(&receipt, policy.as_ref(), output)?;
    let salted = receipt.extra.salt.is_some();
    if !args.with_salt {
        receipt.extra.salt = None;
    }
    let text = match args.format {
        ReceiptFormat::Json => {
            let verified = policy.as_ref().map(Policy::fingerprint);
            format!("{:#}\n", json::receipt(&receipt, salted, verified))
        }
        _ => {
            if salted && !args.with_salt {
                output.note("note: written without the salt; --with-salt keeps it");
            }
            receipt.encode()
        }
    };
    let readers = match args.with_salt {
        true => Readers::Owner,
        false => Readers::Usual,
    };
    match &args.out {
        None => output.line(&text),
        Some(path) => {
            write(path, text.as_bytes(), readers)?;
            output.line(&format!("wrote {}", path.display()));
        }
    }
    Ok(Exit::Done)
}

/// Refuses what cannot be meant.
fn check_use(args: &ReceiptArgs, source: &Source) -> Result<(), Failure> {
    let is_cose = args.format == ReceiptFormat::Cose;
    if args.with_salt && is_cose {
        return Err(Failure::usage(
            "--with-salt: expected the format tlog-proof or json, found cose",
            "COSE receipts have no place for a salt: keep the tlog-proof beside them.",
        ));
    }
    match source {
        Source::Node(_) if args.with_salt => Err(Failure::usage(
            "--with-salt: expected a receipt file, found an id",
            "No node ever knows a salt: name the file that the depositor's client wrote.",
        )),
        Source::Node(_) if args.url.is_empty() => Err(Failure::usage(
            "--url: expected a node's address to fetch the receipt from, found none",
            "Name the nodes to ask: --url http://HOST:PORT.",
        )),
        Source::File(_) if is_cose && args.url.is_empty() => Err(Failure::usage(
            "--url: expected a node's address, found none: a tlog-proof carries no signatures of \
             COSE receipts",
            "Name the nodes to fetch them from: --url http://HOST:PORT.",
        )),
        _ if is_cose && args.out.is_none() => Err(Failure::usage(
            "--out: expected a file for the bytes of the transparent statement, found none",
            "Name a file: --out report.cose.",
        )),
        _ => Ok(()),
    }
}

fn load(args: &ReceiptArgs, source: &Source) -> Result<Receipt, Failure> {
    match source {
        Source::File(path) => load_receipt(path),
        Source::Node(id) => fetch(&args.url, id),
    }
}

/// The receipt of a statement from the first node that has it.
fn fetch(urls: &[NodeUrl], id: &StatementId) -> Result<Receipt, Failure> {
    let path = format!("/v1/statements/{id}/receipt");
    let reply = block_on(async { Client::try_new()?.first(&distinct(urls), &path).await })??;
    let text = settled(&path, &reply)?;
    let wrong = |found: String| {
        Failure::refused(
            format!("{path}: expected the receipt of this statement, found {found}"),
            "Ask another node: --url A,B,C.",
        )
    };
    let receipt = Receipt::parse(text).map_err(|e| wrong(e.to_string()))?;
    let found = StatementId::of_entry(&receipt.extra.entry);
    if found == *id {
        Ok(receipt)
    } else {
        Err(wrong(format!("that of {found}")))
    }
}

/// The body of a final answer.
fn settled<'r>(path: &str, reply: &'r Reply) -> Result<&'r str, Failure> {
    match reply.status {
        200 => Ok(&reply.body),
        202 => Err(not_yet(path)),
        _ => {
            let problem = Problem::read(reply.status, &reply.body);
            let what = format!("{path}: {}", problem.detail());
            Err(Failure::refused(what, problem.next_step))
        }
    }
}

fn not_yet(path: &str) -> Failure {
    Failure::new(
        Exit::Pending,
        format!("{path}: the statement is admitted and has no receipt yet"),
        "Run the same command again in a moment.",
    )
}

/// Verifies a receipt, or says that nobody did.
fn judge(
    receipt: &Receipt,
    policy: Option<&Policy>,
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    let Some(policy) = policy else {
        output.note("note: NOT VERIFIED; give --policy to verify the receipt from a trust anchor");
        return Ok(());
    };
    let report = verify(receipt, policy, None);
    let mut failures = report.failures();
    match failures.next() {
        None => Ok(()),
        Some(first) => Err(Failure::refused(
            format!(
                "the receipt does not verify: {}: expected {}, found {}",
                first.check, first.expected, first.found
            ),
            first.next_step.clone(),
        )),
    }
}

/// Creates a file.
fn write(path: &Path, bytes: &[u8], readers: Readers) -> Result<(), Failure> {
    files::create(path, bytes, readers).map_err(|e| {
        let next_step = match e.kind() {
            ErrorKind::AlreadyExists => "Name another file: none is ever replaced.",
            _ => "Check the path and that you may write there.",
        };
        Failure::usage(format!("--out {}: {e}", path.display()), next_step)
    })
}
