//! `wutong demo`: the whole idea in under a minute.
//!
//! It runs the very commands a user would type, against four validators in this process.

use crate::Cli;
use crate::cluster::{Cluster, ClusterOptions};
use crate::trial::{Founding, TrialNetwork};
use adapters_cli::{ClientCommand, Output};
use clap::{Args, Parser};
use messages::ports::BatchedZip215;
use std::ffi::OsString;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

/// Shows the whole way of a deposit: four validators in one process, files lodged, receipts
/// written and verified offline, one changed byte refused.
///
/// Without files it deposits its own executable. Example: `wutong demo contract.pdf`
#[derive(Args)]
pub(crate) struct DemoArgs {
    /// Files to deposit; this executable when none is given.
    files: Vec<PathBuf>,
    /// Folder for the network, the key and the receipts; a new one under the system's temporary
    /// folder when left out.
    #[arg(long)]
    data: Option<PathBuf>,
    /// Leave the network running until Ctrl-C.
    #[arg(long)]
    keep: bool,
}

/// Runs the demo.
pub(crate) fn run(args: &DemoArgs, output: &mut Output<'_>) -> Result<(), String> {
    let began = Instant::now();
    let files = files(args)?;
    let dir = folder(args)?;
    let network = TrialNetwork::open_or_found(
        &dir.join("network"),
        &Founding {
            validators: 4,
            listed: Vec::new(),
        },
    )?;
    let cluster = Cluster::start(
        network,
        ClusterOptions {
            nats: None,
            statements: Arc::new(BatchedZip215),
            http: Some(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))),
            events: None,
            board: None,
            on_halt: Arc::new(|i, reason| {
                tracing::error!(validator = i, reason, "a validator stopped by itself");
            }),
        },
    )?;
    let stage = Stage {
        receipts: fresh_folder(&dir, "receipts"),
        dir: dir.clone(),
        cluster,
    };
    stage.introduce(output);
    stage.deposit(&files, output)?;
    for file in &files {
        stage.verify(file, output)?;
    }
    stage.refuse_a_changed_byte(&files[0], output)?;
    stage.where_things_lie(&files[0], output);
    output.line(&format!(
        "\nDone in {:.1} s.",
        began.elapsed().as_secs_f64()
    ));
    if args.keep {
        stage.keep(output);
    }
    Ok(())
}

fn files(args: &DemoArgs) -> Result<Vec<PathBuf>, String> {
    if !args.files.is_empty() {
        for file in &args.files {
            fs::metadata(file).map_err(|e| format!("{}: {e}", file.display()))?;
        }
        return Ok(args.files.clone());
    }
    let own = std::env::current_exe().map_err(|e| format!("cannot find this executable: {e}"))?;
    Ok(vec![own])
}

fn folder(args: &DemoArgs) -> Result<PathBuf, String> {
    if let Some(dir) = &args.data {
        fs::create_dir_all(dir).map_err(|e| format!("{}: {e}", dir.display()))?;
        return Ok(dir.clone());
    }
    let dir = tempfile::Builder::new().prefix("wutong-demo-").tempdir();
    let dir = dir.map_err(|e| format!("no temporary folder: {e}"))?;
    Ok(dir.keep())
}

/// The first of `name`, `name-2`, `name-3`, ... that is not there yet.
fn fresh_folder(dir: &Path, name: &str) -> PathBuf {
    let numbered = (2..).map(|n| dir.join(format!("{name}-{n}")));
    let mut all = std::iter::once(dir.join(name)).chain(numbered);
    all.find(|path| !path.exists())
        .unwrap_or_else(|| dir.join(name))
}

/// The running network and the folder it plays in.
struct Stage {
    dir: PathBuf,
    /// Folder of this run's receipts: those of earlier runs stay apart.
    receipts: PathBuf,
    cluster: Cluster,
}

/// What a command wrote, and how it ended.
struct Ran {
    ok: bool,
    answers: String,
    notes: String,
}

/// Runs a client command as a user would type it.
fn run_command(words: &[OsString]) -> Result<Ran, String> {
    let all = std::iter::once(OsString::from("wutong")).chain(words.iter().cloned());
    let cli = Cli::try_parse_from(all).map_err(|e| e.to_string())?;
    let crate::Command::Client(command) = cli.command else {
        return Err("the demo runs client commands only".into());
    };
    let (mut answers, mut notes) = (Vec::new(), Vec::new());
    let exit = run_client(command, &mut answers, &mut notes);
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Ok(Ran {
        ok: exit == ExitCode::SUCCESS,
        answers: text(answers),
        notes: text(notes),
    })
}

fn run_client(command: ClientCommand, answers: &mut Vec<u8>, notes: &mut Vec<u8>) -> ExitCode {
    adapters_cli::run(command, &mut Output::new(answers, notes))
}

/// The words as a person would type them.
fn typed(words: &[OsString]) -> String {
    let quoted = words.iter().map(|w| {
        let word = w.to_string_lossy();
        if word.contains(' ') {
            format!("'{word}'")
        } else {
            word.into_owned()
        }
    });
    quoted.collect::<Vec<_>>().join(" ")
}

fn words<const N: usize>(words: [&std::ffi::OsStr; N]) -> Vec<OsString> {
    words.iter().map(|w| (*w).to_owned()).collect()
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("   {line}\n")).collect()
}

/// What `wutong verify` says, without its list of checks: how many there were instead.
fn brief(text: &str) -> String {
    let (verdict, checks) = text.split_once("\nchecks:\n").unwrap_or((text, ""));
    let passed = checks
        .lines()
        .filter(|line| line.trim_start().starts_with("ok "))
        .count();
    let failed = checks
        .lines()
        .filter(|line| line.trim_start().starts_with("FAILED "))
        .count();
    format!(
        "{}     checks           {passed} passed, {failed} failed; the command lists them\n",
        indented(verdict)
    )
}

impl Stage {
    fn key(&self) -> PathBuf {
        self.dir.join("depositor.pem")
    }

    fn receipts(&self) -> PathBuf {
        self.receipts.clone()
    }

    fn policy(&self) -> PathBuf {
        self.dir.join("network").join("policy")
    }

    fn receipt_of(&self, file: &Path) -> PathBuf {
        let mut name = file.file_name().unwrap_or_default().to_owned();
        name.push(".tlog-proof");
        self.receipts().join(name)
    }

    fn introduce(&self, output: &mut Output<'_>) {
        let genesis = &self.cluster.network().genesis;
        output.line(&format!(
            "1. A network of four organisations: {}",
            genesis.network
        ));
        for (validator, address) in genesis.validators.iter().zip(self.cluster.addresses()) {
            output.line(&format!(
                "   {:<30} http://{address}",
                validator.organisation
            ));
        }
    }

    fn deposit(&self, files: &[PathBuf], output: &mut Output<'_>) -> Result<(), String> {
        let (key, out) = (self.key(), self.receipts());
        if !key.exists() {
            let made = run_command(&words([
                "keygen".as_ref(),
                "--out".as_ref(),
                key.as_os_str(),
            ]))?;
            if !made.ok {
                return Err(made.notes);
            }
        }
        let urls: Vec<String> = self
            .cluster
            .addresses()
            .iter()
            .map(|a| format!("http://{a}"))
            .collect();
        let urls = OsString::from(urls.join(","));
        let mut command = words(["deposit".as_ref()]);
        command.extend(files.iter().map(|f| f.clone().into_os_string()));
        command.extend(words([
            "--url".as_ref(),
            urls.as_os_str(),
            "--key".as_ref(),
            key.as_os_str(),
            "--out".as_ref(),
            out.as_os_str(),
        ]));
        output
            .line("\n2. Lodge evidence. The file stays here; a signed, salted commitment is sent.");
        output.line(&format!("   $ wutong {}", typed(&command)));
        let ran = run_command(&command)?;
        output.line(&indented(&ran.answers));
        if ran.ok { Ok(()) } else { Err(ran.notes) }
    }

    fn verify_command(&self, file: &Path, receipt: &Path) -> Vec<OsString> {
        words([
            "verify".as_ref(),
            file.as_os_str(),
            "--receipt".as_ref(),
            receipt.as_os_str(),
            "--policy".as_ref(),
            self.policy().as_os_str(),
        ])
    }

    fn verify(&self, file: &Path, output: &mut Output<'_>) -> Result<(), String> {
        let command = self.verify_command(file, &self.receipt_of(file));
        output.line("3. Verify offline: file, receipt and policy are all it takes.");
        output.line(&format!("   $ wutong {}", typed(&command)));
        let ran = run_command(&command)?;
        output.line(&brief(&ran.answers));
        if ran.ok {
            Ok(())
        } else {
            Err(format!("{}{}", ran.answers, ran.notes))
        }
    }

    /// Changes one byte of a copy and expects the verifier to say which check fails.
    fn refuse_a_changed_byte(&self, file: &Path, output: &mut Output<'_>) -> Result<(), String> {
        let fail = |e: std::io::Error| format!("cannot make a changed copy: {e}");
        let name = file.file_name().unwrap_or_default();
        let changed = self.dir.join("changed");
        fs::create_dir_all(&changed).map_err(fail)?;
        let copy = changed.join(name);
        change_one_byte(file, &copy).map_err(fail)?;
        let command = self.verify_command(&copy, &self.receipt_of(file));
        output.line("4. Change one byte of a copy, and verify that.");
        output.line(&format!("   $ wutong {}", typed(&command)));
        let ran = run_command(&command)?;
        output.line(&brief(&ran.answers));
        if ran.ok {
            return Err("a file with a changed byte was accepted: this must never happen".into());
        }
        Ok(())
    }

    fn where_things_lie(&self, file: &Path, output: &mut Output<'_>) {
        output.line("5. Where everything lies");
        output.line(&format!("   receipt  {}", self.receipt_of(file).display()));
        output.line(&format!("   policy   {}", self.policy().display()));
        output.line(&format!("   key      {}", self.key().display()));
        output.line(&format!(
            "   ledgers  {}",
            self.dir.join("network").display()
        ));
    }

    fn keep(&self, output: &mut Output<'_>) {
        output.line("The network keeps running; stop it with Ctrl-C.");
        loop {
            std::thread::park();
        }
    }
}

/// Copies `file` to `copy` with one bit of one byte changed; an empty file gets a byte.
fn change_one_byte(file: &Path, copy: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::FileExt;
    fs::copy(file, copy)?;
    let mut permissions = fs::metadata(copy)?.permissions();
    std::os::unix::fs::PermissionsExt::set_mode(&mut permissions, 0o600);
    fs::set_permissions(copy, permissions)?;
    let changed = fs::OpenOptions::new().read(true).write(true).open(copy)?;
    let len = changed.metadata()?.len();
    let mut byte = [0];
    if len > 0 {
        changed.read_exact_at(&mut byte, len / 2)?;
    }
    byte[0] ^= 1;
    changed.write_all_at(&byte, len / 2)
}
