//! `wutong show body`: fetches a content that the network keeps beside the log.

use crate::client::{Client, block_on};
use crate::exit::{Exit, Failure};
use crate::files::{self, Readers};
use crate::key_file;
use crate::output::Output;
use crate::time::now;
use adapters_client::{NodeUrl, Reader, distinct};
use messages::hash::Hash;
use serde_json::json;
use std::path::PathBuf;

/// Arguments of `show body`.
#[derive(Debug, clap::Args)]
pub struct ShowBodyArgs {
    /// SHA-256 of the body, 64 hexadecimal characters.
    #[arg(value_name = "DIGEST", value_parser = parse_digest)]
    digest: Hash,
    /// Nodes to ask, in turn: comma lists and repeats.
    #[arg(long, value_name = "URL", required = true, value_delimiter = ',')]
    url: Vec<NodeUrl>,
    /// A listed key, for a body of a namespace that is not public; it signs the request.
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// Where the body goes; no file is replaced.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

fn parse_digest(text: &str) -> Result<Hash, String> {
    let found = text.chars().count();
    Hash::from_hex(text)
        .ok_or_else(|| format!("expected 64 hexadecimal characters, found {found} characters"))
}

pub(super) fn run(args: &ShowBodyArgs, output: &mut Output<'_>) -> Result<Exit, Failure> {
    let key = args.key.as_deref();
    let key = key.map(|path| key_file::load(path, output)).transpose()?;
    let bytes = block_on(async {
        let (client, nodes) = (Client::try_new()?, distinct(&args.url));
        let network = match &key {
            Some(_) => Some(client.network(&nodes).await?),
            None => None,
        };
        let mut last = None;
        for node in &nodes {
            let reader = key.as_ref().zip(network.as_ref());
            let reader = reader.map(|(key, network)| Reader {
                key,
                network,
                now: now(),
            });
            match client.body(node, &args.digest, reader).await {
                Ok(bytes) => return Ok(bytes),
                Err(error) => last = Some(error),
            }
        }
        Err(Failure::from(last.expect("the command demands a node")))
    })??;
    files::create(&args.out, &bytes, Readers::Usual).map_err(|e| {
        Failure::usage(
            format!("--out {}: {e}", args.out.display()),
            "Name a new file in a folder that you may write to.",
        )
    })?;
    if args.json {
        output.json(&json!({
            "digest": args.digest.to_string(), "bytes": bytes.len(),
            "out": args.out.display().to_string(),
        }));
    } else {
        output.line(&format!("wrote {}", args.out.display()));
        output.field("bytes", bytes.len());
        output.field("digest", format!("{} (as asked for)", args.digest));
    }
    Ok(Exit::Done)
}
