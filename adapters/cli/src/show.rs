//! `wutong show`: what a receipt says and what nodes say. Nothing here is proven; `verify` proves.

mod body;
mod node_text;

mod receipt_text;

pub use body::ShowBodyArgs;

use crate::client::{Client, block_on};
use crate::digest::sha256_file;
use crate::exit::{Exit, Failure};
use crate::files;
use crate::output::Output;
use crate::verify::receipt_beside;
use adapters_client::Problem;
use adapters_client::{NodeUrl, distinct};
use messages::ids::StatementId;
use messages::receipt::Receipt;
use messages::statement::{DigestAlgorithm, commit};
use messages::tlog_proof::TLOG_PROOF_BYTES_MAX;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// What `show` shows.
#[derive(Debug, clap::Subcommand)]
#[command(after_help = "Examples:\n  \
    wutong show receipt receipts/report.pdf.tlog-proof\n  \
    wutong show block 12 --url http://127.0.0.1:8100\n  \
    wutong show lookup report.pdf --receipt report.pdf.tlog-proof --url http://127.0.0.1:8100\n\n\
    Exit codes: 0 shown; 1 no such thing, or refused; 2 wrong use; 3 no node answered.")]
pub enum ShowCommand {
    /// What a receipt file says. Example: wutong show receipt report.pdf.tlog-proof
    Receipt(ShowReceiptArgs),
    /// A statement and where it stands. Example: wutong show statement ID --url http://a:8100
    Statement(ShowStatementArgs),
    /// A block. Example: wutong show block 12 --url http://a:8100
    Block(ShowBlockArgs),
    /// The newest checkpoint. Example: wutong show checkpoint --url http://a:8100
    Checkpoint(ShowNodeArgs),
    /// The validators as a node sees them. Example: wutong show validators --url http://a:8100
    Validators(ShowNodeArgs),
    /// How a node is. Example: wutong show health --url http://a:8100
    Health(ShowNodeArgs),
    /// Fetch a content kept beside the log. Example: wutong show body DIGEST --url URL --out FILE
    Body(ShowBodyArgs),
    /// Statements that lodge a file. Example: wutong show lookup report.pdf --plain --url URL
    Lookup(ShowLookupArgs),
}

/// Arguments of `show receipt`.
#[derive(Debug, clap::Args)]
pub struct ShowReceiptArgs {
    /// The receipt file.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Which nodes to ask, and how to print.
#[derive(Debug, clap::Args)]
pub struct ShowNodeArgs {
    /// Nodes to ask, the first that answers counts: comma lists and repeats.
    #[arg(long, value_name = "URL", required = true, value_delimiter = ',')]
    url: Vec<NodeUrl>,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Arguments of `show statement`.
#[derive(Debug, clap::Args)]
pub struct ShowStatementArgs {
    /// The statement's id, 64 hexadecimal characters.
    #[arg(value_name = "ID", value_parser = parse_id, allow_hyphen_values = true)]
    id: StatementId,
    #[command(flatten)]
    node: ShowNodeArgs,
}

/// Arguments of `show block`.
#[derive(Debug, clap::Args)]
pub struct ShowBlockArgs {
    /// The block's height, from 0.
    #[arg(value_name = "HEIGHT", allow_hyphen_values = true)]
    height: u64,
    #[command(flatten)]
    node: ShowNodeArgs,
}

/// Arguments of `show lookup`.
#[derive(Debug, clap::Args)]
pub struct ShowLookupArgs {
    /// The file.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Its receipt, whose salt opens the commitment [default: FILE.tlog-proof].
    #[arg(long, value_name = "FILE", conflicts_with = "plain")]
    receipt: Option<PathBuf>,
    /// Look the plain digest up; a salted deposit is not found by it.
    #[arg(long)]
    plain: bool,
    #[command(flatten)]
    node: ShowNodeArgs,
}

fn parse_id(text: &str) -> Result<StatementId, String> {
    let found = text.chars().count();
    StatementId::from_hex(text)
        .ok_or_else(|| format!("expected 64 hexadecimal characters, found {found} characters"))
}

pub(crate) fn run(what: &ShowCommand, output: &mut Output<'_>) -> Result<Exit, Failure> {
    match what {
        ShowCommand::Body(args) => body::run(args, output),
        ShowCommand::Receipt(args) => {
            let receipt = load_receipt(&args.file)?;
            if args.json {
                output.json(&receipt_text::json(&receipt));
            } else {
                receipt_text::write(&receipt, &args.file, output);
            }
            Ok(Exit::Done)
        }
        ShowCommand::Checkpoint(node) => show_checkpoint(node, output),
        ShowCommand::Statement(args) => {
            let path = format!("/v1/statements/{}", args.id);
            show(&args.node, &path, node_text::statement, output)
        }
        ShowCommand::Block(args) => {
            let path = format!("/v1/blocks/{}", args.height);
            show(&args.node, &path, node_text::block, output)
        }
        ShowCommand::Validators(node) => {
            show(node, "/v1/validators", node_text::validators, output)
        }
        ShowCommand::Health(node) => show(node, "/v1/health", node_text::health, output),
        ShowCommand::Lookup(args) => {
            let value = lookup_value(args)?;
            let path = format!("/v1/lookup?value={value}");
            show(&args.node, &path, node_text::lookup, output)
        }
    }
}

/// What the file's deposit logged: the digest, or the commitment that file and salt give.
fn lookup_value(args: &ShowLookupArgs) -> Result<messages::hash::Hash, Failure> {
    let digest = sha256_file(&args.file)?;
    if args.plain {
        return Ok(digest);
    }
    let path = args
        .receipt
        .clone()
        .unwrap_or_else(|| receipt_beside(&args.file));
    match load_receipt(&path)?.extra.salt {
        Some(salt) => Ok(commit(&salt, DigestAlgorithm::Sha256, &digest)),
        None => Err(Failure::usage(
            format!(
                "{}: expected a receipt with a salt, found none in it",
                path.display()
            ),
            "Give the receipt that the depositor kept, or --plain for a plain digest.",
        )),
    }
}

pub(crate) fn load_receipt(path: &Path) -> Result<Receipt, Failure> {
    let bytes = files::read(path, "receipt", TLOG_PROOF_BYTES_MAX)?;
    Receipt::parse_bytes(&bytes).map_err(|error| {
        Failure::refused(
            format!("{}: no receipt of ours: {error}", path.display()),
            "Fetch the receipt again: run the same `wutong deposit`, or ask who gave it to you.",
        )
    })
}

/// Shows an answer by `write`; without a quorum, health is an answer too.
fn show(
    node: &ShowNodeArgs,
    path: &str,
    write: fn(&Value, &mut Output<'_>),
    output: &mut Output<'_>,
) -> Result<Exit, Failure> {
    let value = ask(node, path)?;
    if node.json {
        output.json(&value);
    } else {
        write(&value, output);
    }
    Ok(Exit::Done)
}

/// The object that the first node gives which answers.
pub(crate) fn ask(node: &ShowNodeArgs, path: &str) -> Result<Value, Failure> {
    let reply = fetch(node, path)?;
    let value: Value = serde_json::from_str(&reply.body).unwrap_or_default();
    let answered = matches!(reply.status, 200 | 202) || value["network"].is_string();
    if !answered || !value.is_object() {
        return Err(refusal(path, reply.status, &reply.body));
    }
    Ok(value)
}

fn show_checkpoint(node: &ShowNodeArgs, output: &mut Output<'_>) -> Result<Exit, Failure> {
    let reply = fetch(node, "/v1/checkpoint")?;
    if reply.status != 200 {
        return Err(refusal("/v1/checkpoint", reply.status, &reply.body));
    }
    if node.json {
        output.json(&json!({ "checkpoint": reply.body }));
    } else {
        output.line(&reply.body);
    }
    Ok(Exit::Done)
}

fn fetch(node: &ShowNodeArgs, path: &str) -> Result<adapters_client::Reply, Failure> {
    block_on(async {
        let reply = Client::try_new()?.first(&distinct(&node.url), path).await?;
        Ok(reply)
    })?
}

fn refusal(path: &str, status: u16, body: &str) -> Failure {
    let problem = Problem::read(status, body);
    Failure::refused(format!("{path}: {}", problem.detail()), problem.next_step)
}
