//! `wutong deposit`.
//!
//! A signed statement is kept beside the receipts before it is sent, so that a run that ends
//! without a receipt is continued by running the same command again: the same statement is sent,
//! and a statement commits once, at whichever node it arrives.

mod batch;
mod pending;

use crate::client::{Client, block_on};
use crate::digest::sha256_file;
use crate::exit::{Exit, Failure};
use crate::key_file;
use crate::output::{Output, one_line};
use crate::time::{DeclaredTime, now, parse_declared};

use crate::verify::load_policy;
use adapters_client::{
    ClientError, Content, Depositor, NodeUrl, Outgoing, Receipted, Signed, Standing, distinct,
    submit,
};
use messages::deposit::BODY_BYTES_MAX;
use messages::hash::Hash;
use messages::ids::{Name, StatementId};
use messages::keys::PrivateKey;
use messages::policy::Policy;
use messages::statement::{Lodged, StatementError};
use pending::{Draft, Wanted};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Arguments of `deposit`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    wutong deposit report.pdf --url http://127.0.0.1:8100 --key me.pem --out receipts\n  \
    wutong deposit --batch scans/*.tif --url http://a:8100 --key me.pem --out receipts\n  \
    wutong deposit *.jpg --url http://a:8100,http://b:8100 --key me.pem --out receipts\n\n\
    Exit codes: 0 every file has its receipt; 1 refused; 2 wrong use; 3 not receipted yet: run\n\
    the same command again, it sends the same statement, which commits once.")]
pub struct DepositArgs {
    /// Files to lodge; their bytes stay on this machine.
    #[arg(required_unless_present = "files_from", value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Lodge all files in one statement, up to a million; each gets a receipt of its own.
    #[arg(long, conflicts_with_all = ["plain", "content"])]
    batch: bool,
    /// With --batch: read further paths from a file, one a line; "-" is standard input.
    #[arg(long, value_name = "FILE", requires = "batch")]
    files_from: Option<PathBuf>,
    /// Nodes to submit to, in turn: comma lists and repeats.
    #[arg(long, value_name = "URL", required = true, value_delimiter = ',')]
    url: Vec<NodeUrl>,
    /// The depositor's private key (`wutong keygen`).
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// Folder for receipts; made when missing.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Namespace to deposit in.
    #[arg(long, value_name = "NAME", default_value = "public", value_parser = Name::try_new)]
    namespace: Name,
    /// Network; asked of the first node that answers when not given.
    #[arg(long, value_name = "NAME", value_parser = Name::try_new)]
    network: Option<Name>,
    /// Log the plain digest: whoever has or guesses the file can then find the deposit.
    #[arg(long, conflicts_with = "content")]
    plain: bool,
    /// Lodge the files themselves, for everybody to read for ever: in the log while they fit into
    /// an entry, else beside it, up to 4 MiB.
    #[arg(long)]
    content: bool,
    /// Who deposits, in your words [default: key:KEYID].
    #[arg(long, value_name = "TEXT")]
    issuer: Option<String>,
    /// What is deposited; everybody can read it, so keep it opaque.
    #[arg(long, value_name = "TEXT", default_value = "file")]
    subject: String,
    /// Your own claim of the time, or "none" [default: now].
    #[arg(long, value_name = "RFC3339|none", value_parser = parse_declared)]
    declared_time: Option<DeclaredTime>,
    /// Seconds to wait for each receipt; 0 to be answered when admitted.
    #[arg(long, value_name = "SECONDS", default_value_t = 30,
          value_parser = clap::value_parser!(u64).range(..=3600))]
    wait: u64,
    /// Trust anchor: take a receipt only when it verifies, and ask the next node else.
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// What of a document is lodged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// A salted commitment.
    Commitment,
    /// The plain digest.
    Digest,
    /// The document itself.
    Content,
}

impl DepositArgs {
    fn form(&self) -> Form {
        match (self.plain, self.content) {
            (true, _) => Form::Digest,
            (false, true) => Form::Content,
            (false, false) => Form::Commitment,
        }
    }
}

/// What became of one file.
struct Done {
    exit: Exit,
    json: Value,
}

/// What all files of a run share.
struct Run<'a> {
    args: &'a DepositArgs,
    key: PrivateKey,
    issuer: String,
    nodes: Vec<NodeUrl>,
    network: Result<Name, ClientError>,
    policy: Option<Policy>,
    client: Client,
}

pub(crate) fn run(args: &DepositArgs, output: &mut Output<'_>) -> Result<Exit, Failure> {
    let mut files = args.files.clone();
    if let Some(list) = &args.files_from {
        files.extend(batch::listed(list)?);
    }
    if !args.batch {
        files.iter().try_for_each(|file| check_file(file))?;
    }
    let policy = args.policy.as_deref().map(load_policy).transpose()?;
    let key = key_file::load(&args.key, output)?;
    std::fs::create_dir_all(&args.out).map_err(|e| cannot_write(&args.out, &e))?;
    let issuer = args.issuer.clone();
    let issuer = issuer.unwrap_or_else(|| format!("key:{}", key.public().fingerprint()));
    let exit = block_on(async {
        let (client, nodes) = (Client::try_new()?, distinct(&args.url));
        let network = match &args.network {
            Some(name) => Ok(name.clone()),
            None => client.network(&nodes).await,
        };
        let run = Run {
            args,
            key,
            issuer,
            nodes,
            network,
            policy,
            client,
        };
        match args.batch {
            true => run.batch(&files, output).await,
            false => run.all(output).await,
        }
    })??;
    Ok(exit)
}

fn check_file(file: &Path) -> Result<(), Failure> {
    let found = match std::fs::metadata(file) {
        Ok(m) if m.is_file() && file.file_name().is_some_and(|n| n.to_str().is_some()) => {
            return Ok(());
        }
        Ok(m) if m.is_file() => "a name that is not UTF-8".to_owned(),
        Ok(_) => "something else".to_owned(),
        Err(e) => e.to_string(),
    };
    Err(Failure::usage(
        format!(
            "{}: expected a file, found {found}; nothing was sent",
            file.display()
        ),
        "Name files only; for a folder, name the files in it.",
    ))
}

fn bad_argument(error: &StatementError) -> Failure {
    Failure::usage(error.to_string(), "Correct the argument of that name.")
}

/// A document that is lodged itself; never empty and never longer than a body may be.
fn read_content(file: &Path) -> Result<Vec<u8>, Failure> {
    let most = BODY_BYTES_MAX as usize;
    let bytes = crate::files::read(file, "file", most)?;
    if (1..=most).contains(&bytes.len()) {
        return Ok(bytes);
    }
    let found = match bytes.len() {
        0 => "none",
        _ => "more",
    };
    Err(Failure::usage(
        format!(
            "--content {}: expected 1 to {most} bytes, found {found}",
            file.display()
        ),
        "Lodge a commitment to it instead: leave --content out.",
    ))
}

fn cannot_write(path: &Path, error: &std::io::Error) -> Failure {
    Failure::usage(
        format!("--out {}: cannot write there: {error}", path.display()),
        "Name a folder that you may write to, and run the same command again.",
    )
}

impl Run<'_> {
    async fn all(&self, output: &mut Output<'_>) -> Result<Exit, Failure> {
        let mut deposits = Vec::new();
        let mut exit = Exit::Done;
        for file in &self.args.files {
            let done = match self.one(file, output).await {
                Ok(done) => done,
                Err(failure) => {
                    self.print_json(&deposits, output);
                    return Err(failure);
                }
            };
            exit = match (exit, done.exit) {
                (Exit::Refused, _) | (_, Exit::Refused) => Exit::Refused,
                (Exit::Done, last) => last,
                (first, _) => first,
            };
            deposits.push(done.json);
        }
        self.print_json(&deposits, output);
        if !self.args.json && exit == Exit::Done && self.policy.is_none() {
            output.say(
                "verify: wutong verify FILE --receipt RECEIPT --policy POLICY",
                &[],
            );
        }
        Ok(exit)
    }

    fn print_json(&self, deposits: &[Value], output: &mut Output<'_>) {
        if self.args.json {
            output.json(&json!({ "deposits": deposits }));
        }
    }

    async fn one(&self, file: &Path, output: &mut Output<'_>) -> Result<Done, Failure> {
        let digest = sha256_file(file)?;
        let draft = self.draft(file, digest)?;
        let wait = Duration::from_secs(self.args.wait);
        let entry = draft.statement.entry();
        let body = match draft.statement.deposit.lodged {
            Lodged::Body { .. } => Some(read_content(file)?),
            _ => None,
        };
        let outgoing = Outgoing {
            entry: &entry,
            body: body.as_deref(),
        };
        let nodes = (&self.client, self.nodes.as_slice());
        let standing = submit(nodes, outgoing, self.policy.as_ref(), wait).await;
        let done = match standing {
            Standing::Receipted(receipted) => self.receipted(file, draft, *receipted, output)?,
            Standing::Waiting {
                why,
                missing,
                quorum,
            } => {
                let kept = (draft.statement.id(), draft.path.as_path());
                self.waiting(file, kept, (&why, &missing, quorum), output)
            }
            Standing::Refused {
                detail,
                next_step,
                by_all,
            } => {
                if by_all {
                    draft.forget();
                }
                let id = draft.statement.id();
                self.refused(file, id, (&detail, &next_step), output)
            }
        };
        Ok(done)
    }

    /// The statement of an earlier run for the same file and arguments, else a new one, kept.
    fn draft(&self, file: &Path, digest: Hash) -> Result<Draft, Failure> {
        let args = self.args;
        let wanted = Wanted {
            dir: &args.out,
            name: file.file_name().and_then(|n| n.to_str()).unwrap_or("file"),
            digest,
            key: self.key.public(),
            network: self.network.as_ref().ok(),
            namespace: &args.namespace,
            form: args.form(),
            issuer: &self.issuer,
            subject: &args.subject,
        };
        if let Some(draft) = wanted.find() {
            return Ok(draft);
        }
        let signed = self.sign(self.network.clone()?, file, digest)?;
        wanted
            .keep(signed.statement, signed.salt.map(|salt| *salt))
            .map_err(|e| cannot_write(&args.out, &e))
    }

    /// A new statement, with the salt of its commitment.
    fn sign(&self, network: Name, file: &Path, digest: Hash) -> Result<Signed, Failure> {
        let depositor = self.depositor(network);
        let content = match self.args.form() {
            Form::Commitment => Content::commitment(digest)?,
            Form::Digest => Content::digest(digest),
            Form::Content => {
                let bytes = read_content(file)?;
                let body = Content::body(&bytes);
                match depositor.sign(Content::inline(bytes)) {
                    // Too long for an entry: beside the log, then.
                    Err(StatementError::Length { .. }) => body,
                    inline => return inline.map_err(|e| bad_argument(&e)),
                }
            }
        };
        depositor.sign(content).map_err(|e| bad_argument(&e))
    }

    fn depositor(&self, network: Name) -> Depositor {
        let args = self.args;
        Depositor {
            namespace: args.namespace.clone(),
            issuer: self.issuer.clone(),
            subject: args.subject.clone(),
            declared_time: match args.declared_time {
                Some(DeclaredTime::None) => None,
                Some(DeclaredTime::At(time)) => Some(time),
                None => Some(now()),
            },
            ..Depositor::new(self.key.clone(), network)
        }
    }

    fn receipted(
        &self,
        file: &Path,
        draft: Draft,
        receipted: Receipted,
        output: &mut Output<'_>,
    ) -> Result<Done, Failure> {
        let mut receipt = receipted.receipt;
        if let Some(salt) = draft.salt {
            receipt = receipt.with_salt(salt);
        }
        let (dir, name) = (&self.args.out, draft.name.as_str());
        let path = crate::files::keep(dir, name, "tlog-proof", &receipt.encode())
            .map_err(|e| cannot_write(dir, &e))?;
        draft.forget();
        let (id, seal) = (draft.statement.id().to_string(), receipted.seal);
        let done = receipted.outcome.is_done();
        let (word, status) = match done {
            true => ("deposited {file}", "receipted"),
            false => ("LOGGED WITHOUT EFFECT {file}", "failed"),
        };
        let verified = self.policy.is_some();
        if !self.args.json {
            output.say(word, &[("file", &one_line(file.display()))]);
            if !done {
                output.field("outcome", receipted.outcome);
            }
            let judged = if verified {
                output.words("{file} (verified)", &[("file", &path.display())])
            } else {
                output.words("{file} (not verified yet)", &[("file", &path.display())])
            };
            output.field("receipt", judged);
            output.field("statement", &id);
            let time = messages::report::utc_text(seal.time.seconds());
            let block = output.words(
                "{height}, entry {index}, {time}",
                &[
                    ("height", &seal.height),
                    ("index", &receipt.index),
                    ("time", &time),
                ],
            );
            output.field("block", block);
        }
        Ok(Done {
            exit: if done { Exit::Done } else { Exit::Refused },
            json: json!({
                "file": file.display().to_string(), "status": status, "id": id,
                "outcome_code": receipted.outcome.0, "verified": verified,
                "receipt": path.display().to_string(), "height": seal.height.0,
                "index": receipt.index.0, "block_time_ms": seal.time.0,
            }),
        })
    }

    fn refused(
        &self,
        file: &Path,
        id: StatementId,
        (detail, next_step): (&str, &str),
        output: &mut Output<'_>,
    ) -> Done {
        let id = id.to_string();
        if !self.args.json {
            output.say("REFUSED {file}", &[("file", &one_line(file.display()))]);
            output.field("statement", &id);
            output.field("reason", detail);
            output.field("next", next_step);
        }
        Done {
            exit: Exit::Refused,
            json: json!({
                "file": file.display().to_string(), "status": "refused", "id": id,
                "detail": detail, "next_step": next_step,
            }),
        }
    }

    fn waiting(
        &self,
        file: &Path,
        (id, kept): (StatementId, &Path),
        (why, missing, quorum): (&str, &[String], u64),
        output: &mut Output<'_>,
    ) -> Done {
        let id = id.to_string();
        let next = "run the same command again: it sends this very statement, which commits once";
        if !self.args.json {
            output.say(
                "NOT RECEIPTED YET {file}",
                &[("file", &one_line(file.display()))],
            );
            output.field("statement", &id);
            output.field("reason", why);
            if !missing.is_empty() {
                let names = missing.join(", ");
                let missing = output.words(
                    "{names} ({quorum} must be present)",
                    &[("names", &names), ("quorum", &quorum)],
                );
                output.field("missing", missing);
            }
            output.field("kept in", kept.display());
            output.field("next", next);
        }
        Done {
            exit: Exit::Pending,
            json: json!({
                "file": file.display().to_string(), "status": "pending", "id": id,
                "detail": why, "missing": missing, "quorum": quorum,
                "pending": kept.display().to_string(), "next_step": next,
            }),
        }
    }
}
