//! `wutong keygen`.

use crate::exit::{Exit, Failure};
use crate::files::{self, Readers};
use crate::output::Output;
use adapters_keys::Passphrase;
use messages::keys::PrivateKey;
use serde_json::json;
use std::io::ErrorKind;
use std::path::PathBuf;
use zeroize::Zeroizing;

/// Arguments of `keygen`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  wutong keygen --out me.pem\n\n\
    The file holds the private key: keep it, back it up, show it to nobody. A lost key cannot be\n\
    made again, and receipts made with it stay valid. With --encrypt the file is worth nothing without\n\
    its passphrase, which comes from WUTONG_KEY_PASSPHRASE_FILE (a file that you alone can read) or\n\
    WUTONG_KEY_PASSPHRASE.")]
pub struct KeygenArgs {
    /// File to create; an existing one is never replaced.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Encrypt the file under a passphrase from WUTONG_KEY_PASSPHRASE_FILE or WUTONG_KEY_PASSPHRASE.
    #[arg(long)]
    encrypt: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &KeygenArgs, output: &mut Output<'_>) -> Result<Exit, Failure> {
    let passphrase = match args.encrypt {
        true => Some(Passphrase::for_encrypting("--encrypt")?),
        false => None,
    };
    let mut seed = Zeroizing::new([0; 32]);
    getrandom::fill(&mut *seed).map_err(|e| no_randomness(&e))?;
    let key = PrivateKey::from_seed(&seed);
    let pem = adapters_keys::to_pem(&key, passphrase.as_ref())?;
    files::create(&args.out, pem.as_bytes(), Readers::Owner).map_err(|e| {
        let path = args.out.display();
        match e.kind() {
            ErrorKind::AlreadyExists => Failure::usage(
                format!("--out {path}: expected a new file, found an existing one; left as it is"),
                "Choose another name, or move the old key away.",
            ),
            _ => Failure::usage(
                format!("--out {path}: cannot write the key: {e}"),
                "Check that the folder exists and that you may write there.",
            ),
        }
    })?;
    let public = key.public();
    if args.json {
        output.json(&json!({
            "file": args.out.display().to_string(),
            "public_key": public.to_string(),
            "key_id": public.fingerprint(),
            "encrypted": args.encrypt,
        }));
        return Ok(Exit::Done);
    }
    output.say("key written to {file}", &[("file", &args.out.display())]);
    output.field("public key", public);
    output.field("key id", public.fingerprint());
    output.say("enrol:", &[]);
    let open = output.words("registers the key with its first statement", &[]);
    output.field("open namespace", open);
    let closed = output.words(
        "its founders list the key (trial: wutong devnet --list-key {key})",
        &[("key", &public)],
    );
    output.field("closed namespace", closed);
    Ok(Exit::Done)
}

/// The system gave no randomness, without which no secret is made.
pub(crate) fn no_randomness(error: &getrandom::Error) -> Failure {
    Failure::refused(
        format!("the system gave no randomness: {error}"),
        "Nothing was made; repair the system's random source and try again.",
    )
}
