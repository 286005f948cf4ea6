//! The steps that bind: each organisation signs, one puts everything together.

use super::files::{self, Signatures, digest, read_proposal};
use super::{refusal, review};
use crate::trial::with_next;
use adapters_cli::Output;
use adapters_keys::Passphrase;
use clap::Args;
use messages::cbor::Canonical;
use messages::founding::{FoundingError, GenesisSignature, check_signatures};
use std::fs;
use std::path::PathBuf;

/// Sign a proposal that was reviewed, with the consensus key of this organisation's validator.
#[derive(Args)]
pub(crate) struct SignArgs {
    /// The proposal.
    #[arg(value_name = "PROPOSAL")]
    proposal: PathBuf,
    /// The folder that `wutong genesis join` made.
    #[arg(long, value_name = "DIR")]
    folder: PathBuf,
    /// The digest that `wutong genesis show` printed when the proposal was reviewed.
    #[arg(long, value_name = "HEX")]
    digest: String,
    /// File to make; to be sent to the organisation that assembles.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Prints one JSON object.
    #[arg(long)]
    json: bool,
}

/// Signs.
pub(super) fn sign(args: &SignArgs, output: &mut Output<'_>) -> Result<(), String> {
    let proposal = read_proposal(&args.proposal)?;
    let genesis = &proposal.genesis;
    review::expect_digest(genesis, &args.digest)?;
    // All five keys, not the signing one alone: a changed key of ours is found before we sign.
    let name = review::own_validator(genesis, &args.folder)?;
    let passphrase = Passphrase::find(None).map_err(with_next)?;
    let path = args.folder.join("keys").join("consensus.pem");
    let key = adapters_keys::read(&path, passphrase.as_ref()).map_err(with_next)?;
    let validator = genesis
        .validator_by_key(&key.public())
        .expect("the validator was found by this key just now");
    let signature = GenesisSignature::make(validator.name.clone(), &genesis.to_bytes(), &key);
    let signed = Signatures {
        genesis: digest(genesis),
        all: vec![signature],
    };
    files::write_new(&args.out, signed.text().as_bytes())?;
    let shown = args.out.display().to_string();
    if args.json {
        output.json(&serde_json::json!({
            "validator": name,
            "organisation": validator.organisation,
            "digest": signed.genesis.to_string(),
            "signature": shown,
        }));
        return Ok(());
    }
    output.say(
        "{organisation} signed as {name}",
        &[("organisation", &validator.organisation), ("name", &name)],
    );
    output.field("digest", signed.genesis);
    output.field("signature", &shown);
    output.line("next:  send the signature to the organisation that assembles");
    Ok(())
}

/// Put proposal and signatures together: genesis.cbor, genesis.signatures and policy.
///
/// Nothing is written unless every validator signed these very bytes.
#[derive(Args)]
pub(crate) struct AssembleArgs {
    /// The proposal.
    #[arg(value_name = "PROPOSAL")]
    proposal: PathBuf,
    /// The signatures, one file of each organisation.
    #[arg(value_name = "SIGNATURE", required = true)]
    signatures: Vec<PathBuf>,
    /// Folder to write to; files that are there are left as they are.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Prints one JSON object.
    #[arg(long)]
    json: bool,
}

/// Assembles.
pub(super) fn assemble(args: &AssembleArgs, output: &mut Output<'_>) -> Result<(), String> {
    let proposal = read_proposal(&args.proposal)?;
    let genesis = &proposal.genesis;
    let all = collect(args, genesis)?;
    check_signatures(genesis, &all).map_err(|e| refusal(&e))?;
    let policy = genesis
        .policy()
        .map_err(|e| refusal(&FoundingError::Policy(e)))?;
    fs::create_dir_all(&args.out).map_err(|e| format!("{}: {e}", args.out.display()))?;
    let signatures = Signatures {
        genesis: digest(genesis),
        all,
    };
    let path = |name: &str| args.out.join(name);
    let shown = |name: &str| path(name).display().to_string();
    files::write_new(&path("policy"), policy.text().as_bytes())?;
    files::write_new(&path("genesis.signatures"), signatures.text().as_bytes())?;
    // Last, so that a stop in between leaves no genesis without its signatures.
    files::write_new(&path("genesis.cbor"), &genesis.to_bytes())?;
    if args.json {
        let mut value = review::json(genesis, Some(&shown("genesis.cbor")));
        value["signatures"] = shown("genesis.signatures").into();
        value["policy"] = shown("policy").into();
        output.json(&value);
        return Ok(());
    }
    output.say(
        "network {network} is founded: all {count} validators signed",
        &[
            ("network", &genesis.network),
            ("count", &genesis.validators.len()),
        ],
    );
    output.field("digest", signatures.genesis);
    output.field("genesis", shown("genesis.cbor"));
    output.field("signatures", shown("genesis.signatures"));
    output.field("policy", format!("{} (the trust anchor)", shown("policy")));
    output.field("fingerprint", policy.fingerprint());
    output.line(
        "next:  send genesis.cbor and genesis.signatures to all; `wutong genesis nats` writes",
    );
    output.line("       nats.conf and a node.toml for each");
    Ok(())
}

/// Reads all signatures, each checked, in the order of validators.
fn collect(
    args: &AssembleArgs,
    genesis: &messages::genesis::Genesis,
) -> Result<Vec<GenesisSignature>, String> {
    let mut all: Vec<GenesisSignature> = Vec::new();
    for path in &args.signatures {
        for signature in Signatures::read(path)?.all {
            let shown = path.display();
            signature
                .check(genesis)
                .map_err(|e| format!("{shown}: {}", refusal(&e)))?;
            // Signing is deterministic, so a second file of one signer is the same signature.
            if all.iter().all(|s| s.validator != signature.validator) {
                all.push(signature);
            }
        }
    }
    let place = |s: &GenesisSignature| {
        let mut validators = genesis.validators.iter();
        validators.position(|v| v.name == s.validator)
    };
    all.sort_by_key(place);
    Ok(all)
}
