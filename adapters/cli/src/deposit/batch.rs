//! `wutong deposit --batch`: many files, one statement, a receipt for each.
//!
//! What opens the batch is kept in one file before anything is sent: the secret that salts derive
//! from, the signed statement and the members with their digests. Running the command again for
//! the same files finds it, sends the same statement and writes the receipts that are missing.

use super::{Done, Run, cannot_write};
use crate::digest::sha256_quietly;
use crate::exit::{Exit, Failure};
use crate::files::{self, NUMBERED_MAX, Readers};
use crate::output::Output;
use adapters_client::{Content, Outgoing, Receipted, Standing, submit};
use indicatif::{ProgressBar, ProgressStyle};
use messages::batch::{BatchTree, member_commitment, member_salt};
use messages::hash::Hash;
use messages::receipt::Receipt;
use messages::statement::Statement;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::io::{BufRead, IsTerminal};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// Version of the kept file.
const KEPT_VERSION: u32 = 1;
/// Most bytes of the kept file: a million members.
const KEPT_BYTES_MAX: usize = 256 << 20;
/// Most members.
const MEMBERS_MAX: usize = 1_000_000;

/// The file's JSON; bytes are hexadecimal.
#[derive(Serialize, Deserialize)]
struct Kept {
    version: u32,
    id: String,
    secret: String,
    entry: String,
    members: Vec<Member>,
}

/// A member: its name and digest; its place is its place in the list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Member {
    name: String,
    sha256: String,
}

/// A batch that is signed.
struct Batch {
    statement: Statement,
    secret: [u8; 32],
    tree: BatchTree,
    members: Vec<Member>,
    path: PathBuf,
}

/// The paths in a list, one a line; `-` reads standard input.
pub(super) fn listed(path: &Path) -> Result<Vec<PathBuf>, Failure> {
    let cannot = |e: std::io::Error| {
        Failure::usage(
            format!("--files-from {}: {e}", path.display()),
            "Name a file with one path a line, or - for standard input.",
        )
    };
    let lines: Box<dyn BufRead> = if path == Path::new("-") {
        Box::new(std::io::stdin().lock())
    } else {
        Box::new(std::io::BufReader::new(
            std::fs::File::open(path).map_err(cannot)?,
        ))
    };
    let lines: Result<Vec<String>, _> = lines.lines().collect();
    let lines = lines.map_err(cannot)?;
    let paths = lines.into_iter().filter(|line| !line.is_empty());
    Ok(paths.map(PathBuf::from).collect())
}

impl Run<'_> {
    /// Deposits `paths` as one batch.
    pub(super) async fn batch(
        &self,
        paths: &[PathBuf],
        output: &mut Output<'_>,
    ) -> Result<Exit, Failure> {
        if paths.is_empty() || paths.len() > MEMBERS_MAX {
            return Err(Failure::usage(
                format!(
                    "--batch: expected 1 to {MEMBERS_MAX} files, found {}",
                    paths.len()
                ),
                "Split the files into several batches.",
            ));
        }
        let members = digest_all(paths)?;
        let batch = match self.find(&members) {
            Some(batch) => batch,
            None => self.make(members)?,
        };
        let entry = batch.statement.entry();
        let wait = Duration::from_secs(self.args.wait);
        let nodes = (&self.client, self.nodes.as_slice());
        let outgoing = Outgoing::statement(&entry);
        let standing = submit(nodes, outgoing, self.policy.as_ref(), wait).await;
        let what = PathBuf::from(format!("batch of {} files", paths.len()));
        let done = match standing {
            Standing::Receipted(receipted) => self.write(&batch, &receipted, output)?,
            Standing::Waiting {
                why,
                missing,
                quorum,
            } => {
                let kept = (batch.statement.id(), batch.path.as_path());
                self.waiting(&what, kept, (&why, &missing, quorum), output)
            }
            Standing::Refused {
                detail, next_step, ..
            } => self.refused(&what, batch.statement.id(), (&detail, &next_step), output),
        };
        if self.args.json {
            output.json(&json!({ "deposits": [done.json] }));
        }
        Ok(done.exit)
    }

    /// The kept batch of these very members.
    fn find(&self, members: &[Member]) -> Option<Batch> {
        (1..=NUMBERED_MAX).find_map(|number| {
            let path = files::numbered(&self.args.out, "batch", number, "batch.json");
            let bytes = files::read(&path, "batch", KEPT_BYTES_MAX).ok()?;
            let kept: Kept = serde_json::from_slice(&bytes).ok()?;
            if kept.version != KEPT_VERSION || kept.members != members {
                return None;
            }
            let statement = Statement::parse(&hex::decode(&kept.entry).ok()?).ok()?;
            let secret = hex::decode(&kept.secret).ok()?.try_into().ok()?;
            let tree = tree(&secret, members)?;
            let deposit = &statement.deposit;
            let is_wanted = deposit.lodged == tree.lodged()
                && statement.key == self.key.public()
                && deposit.namespace == self.args.namespace
                && self.network.as_ref().is_ok_and(|n| *n == deposit.network);
            is_wanted.then_some(Batch {
                statement,
                secret,
                tree,
                members: kept.members,
                path,
            })
        })
    }

    /// A new batch, kept durably.
    fn make(&self, members: Vec<Member>) -> Result<Batch, Failure> {
        let mut secret = [0; 32];
        getrandom::fill(&mut secret).map_err(|e| crate::keygen::no_randomness(&e))?;
        let tree = tree(&secret, &members).expect("a batch has members");
        let depositor = self.depositor(self.network.clone()?);
        let signed = depositor
            .sign(Content::batch(&tree))
            .map_err(|e| super::bad_argument(&e))?;
        let statement = signed.statement;
        let kept = Kept {
            version: KEPT_VERSION,
            id: statement.id().to_string(),
            secret: hex::encode(secret),
            entry: hex::encode(statement.entry()),
            members,
        };
        let text = serde_json::to_vec(&kept).expect("a batch is plain JSON");
        let dir = &self.args.out;
        for number in 1..=NUMBERED_MAX {
            let path = files::numbered(dir, "batch", number, "batch.json");
            match files::create(&path, &text, Readers::Owner) {
                Ok(()) => {
                    return Ok(Batch {
                        statement,
                        secret,
                        tree,
                        members: kept.members,
                        path,
                    });
                }
                Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(e) => return Err(cannot_write(dir, &e)),
            }
        }
        let full = std::io::Error::other(format!("{NUMBERED_MAX} batches are kept there"));
        Err(cannot_write(dir, &full))
    }

    /// Writes every member's receipt.
    fn write(
        &self,
        batch: &Batch,
        receipted: &Receipted,
        output: &mut Output<'_>,
    ) -> Result<Done, Failure> {
        let dir = &self.args.out;
        let bar = bar("receipts", batch.members.len());
        let write = |i: usize| -> Result<(), Failure> {
            let receipt = member_receipt(batch, &receipted.receipt, i as u64);
            let name = &batch.members[i].name;
            files::keep_lazily(dir, name, "tlog-proof", &receipt.encode())
                .map_err(|e| cannot_write(dir, &e))?;
            bar.inc(1);
            Ok(())
        };
        in_parallel(batch.members.len(), write)?;
        bar.finish_and_clear();
        let (id, seal) = (batch.statement.id(), &receipted.seal);
        let count = batch.members.len();
        if !self.args.json {
            output.say(
                "deposited a batch of {count} files in one statement",
                &[("count", &count)],
            );
            let receipts = output.words(
                "{count} in {folder}",
                &[("count", &count), ("folder", &dir.display())],
            );
            output.field("receipts", receipts);
            output.field("statement", id);
            let time = messages::report::utc_text(seal.time.seconds());
            let index = receipted.receipt.index;
            let block = output.words(
                "{height}, entry {index}, {time}",
                &[("height", &seal.height), ("index", &index), ("time", &time)],
            );
            output.field("block", block);
            let kept = batch.path.display();
            let secret = output.words("{file} (keep it secret, or delete it)", &[("file", &kept)]);
            output.field("opens them all", secret);
        }
        Ok(Done {
            exit: Exit::Done,
            json: json!({
                "status": "receipted", "id": id.to_string(), "members": count,
                "receipts": dir.display().to_string(), "height": seal.height.0,
                "index": receipted.receipt.index.0, "block_time_ms": seal.time.0,
                "batch": batch.path.display().to_string(),
            }),
        })
    }
}

fn member_receipt(batch: &Batch, receipt: &Receipt, index: u64) -> Receipt {
    let proof = batch.tree.prove(index).expect("the member is one of these");
    let salt = member_salt(&batch.secret, index);
    receipt.clone().for_member(salt, proof)
}

fn tree(secret: &[u8; 32], members: &[Member]) -> Option<BatchTree> {
    let commitments: Option<Vec<Hash>> = members
        .iter()
        .zip(0..)
        .map(|(member, i)| {
            Some(member_commitment(
                secret,
                i,
                &Hash::from_hex(&member.sha256)?,
            ))
        })
        .collect();
    BatchTree::of_commitments(&commitments?)
}

/// Digests all files, on every core.
fn digest_all(paths: &[PathBuf]) -> Result<Vec<Member>, Failure> {
    let bar = bar("digest", paths.len());
    let digests: Vec<std::sync::OnceLock<Hash>> =
        paths.iter().map(|_| std::sync::OnceLock::new()).collect();
    in_parallel(paths.len(), |i| {
        super::check_file(&paths[i])?;
        let digest = sha256_quietly(&paths[i])?;
        digests[i].set(digest).expect("each place is filled once");
        bar.inc(1);
        Ok(())
    })?;
    bar.finish_and_clear();
    let member = |(path, digest): (&PathBuf, &std::sync::OnceLock<Hash>)| Member {
        name: path
            .file_name()
            .and_then(|n| n.to_str())
            .unwrap_or("file")
            .into(),
        sha256: digest.get().expect("every file was digested").to_string(),
    };
    Ok(paths.iter().zip(&digests).map(member).collect())
}

/// Does `work` for 0 to `count`, on every core; the first failure ends it.
fn in_parallel(
    count: usize,
    work: impl Fn(usize) -> Result<(), Failure> + Sync,
) -> Result<(), Failure> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let next = AtomicUsize::new(0);
    let lane = || loop {
        let i = next.fetch_add(1, Ordering::Relaxed);
        if i >= count {
            return Ok(());
        }
        if let Err(failure) = work(i) {
            next.store(count, Ordering::Relaxed);
            return Err(failure);
        }
    };
    std::thread::scope(|scope| {
        let lanes: Vec<_> = (0..threads).map(|_| scope.spawn(lane)).collect();
        lanes
            .into_iter()
            .try_for_each(|lane| lane.join().expect("no lane panics"))
    })
}

fn bar(what: &'static str, count: usize) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("  {msg} {bar:32} {pos}/{len} {eta}")
        .expect("the template names only known fields");
    ProgressBar::new(count as u64)
        .with_style(style)
        .with_message(what)
}
