//! The first two steps: each organisation makes its keys, one proposes.

use super::files::{self, digest, member_text, read_member};
use super::{network_file, refusal};
use crate::home::mark_new;
use crate::trial::{now, random, with_next, write_secret};
use adapters_cli::Output;
use adapters_keys::Passphrase;
use clap::Args;
use messages::cbor::Canonical;
use messages::founding::{Member, PURPOSES, Proposal};
use messages::ids::Name;
use messages::keys::PrivateKey;
use std::fs;
use std::path::PathBuf;
use zeroize::Zeroizing;

/// Make a validator's keys on this machine, and the member file to hand out.
///
/// Private keys go to DIR/keys and leave this machine never; NAME.member.toml holds public keys and
/// proofs. With --encrypt the key files are worth nothing without the passphrase, which comes from
/// WUTONG_KEY_PASSPHRASE_FILE or WUTONG_KEY_PASSPHRASE.
#[derive(Args)]
pub(crate) struct JoinArgs {
    /// Name of the validator: a-z, 0-9 and '-', at most 32 characters.
    #[arg(long)]
    name: String,
    /// The organisation that runs it, as people know it.
    #[arg(long)]
    organisation: String,
    /// Folder of the node, to be made; keys that are there are left as they are.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Encrypt the key files.
    #[arg(long)]
    encrypt: bool,
    /// Prints one JSON object.
    #[arg(long)]
    json: bool,
}

/// Makes keys and member file.
pub(super) fn join(args: &JoinArgs, output: &mut Output<'_>) -> Result<(), String> {
    let name = Name::try_new(&args.name).map_err(|e| format!("--name: {e}"))?;
    let organisation = args.organisation.trim();
    if organisation.is_empty()
        || organisation.len() > 256
        || organisation.chars().any(char::is_control)
    {
        return Err("--organisation: expected a name of at most 256 bytes on one line".into());
    }
    let passphrase = match args.encrypt {
        true => Some(Passphrase::for_encrypting("--encrypt").map_err(with_next)?),
        false => None,
    };
    let keys = args.out.join("keys");
    if keys.exists() {
        return Err(format!(
            "{}: there are keys already, and they are left as they are\n\
             next:  name a new folder, or move the old one away",
            keys.display()
        ));
    }
    let mut made = Vec::new();
    for _ in PURPOSES {
        let seed = Zeroizing::new(random()?);
        made.push(PrivateKey::from_seed(&seed));
    }
    let made: [PrivateKey; 5] = made
        .try_into()
        .unwrap_or_else(|_| unreachable!("one key was made for each purpose"));
    let member = Member::new(name.clone(), organisation.into(), &made);
    fs::create_dir_all(&keys).map_err(|e| format!("{}: {e}", keys.display()))?;
    for (purpose, key) in PURPOSES.iter().zip(&made) {
        let pem = adapters_keys::to_pem(key, passphrase.as_ref()).map_err(with_next)?;
        write_secret(&keys.join(format!("{purpose}.pem")), &pem)?;
    }
    mark_new(&args.out)?;
    let file = args.out.join(format!("{name}.member.toml"));
    files::write_new(&file, member_text(&member).as_bytes())?;
    let (file, keys) = (file.display().to_string(), keys.display().to_string());
    if args.json {
        output.json(&serde_json::json!({
            "name": name.to_string(),
            "organisation": organisation,
            "member": file,
            "keys": keys,
            "encrypted": args.encrypt,
            "key_id": member.validator.consensus.fingerprint(),
        }));
        return Ok(());
    }
    output.say(
        "{organisation} will run {name}",
        &[("organisation", &organisation), ("name", &name)],
    );
    let kept = output.words(
        "{folder} (keep them here; back them up)",
        &[("folder", &keys)],
    );
    output.field("private keys", kept);
    let encrypted = output.text(if args.encrypt { "yes" } else { "no" });
    output.field("encrypted", encrypted);
    output.field("member file", &file);
    output.field("key id", member.validator.consensus.fingerprint());
    output.line(
        "next:  send the member file to the organisation that proposes, and tell it the key id",
    );
    output.line("       over another channel");
    Ok(())
}

/// Put the network file and all member files together into a proposal for review.
#[derive(Args)]
pub(crate) struct ProposeArgs {
    /// The network file; `wutong genesis template` writes one.
    #[arg(long, value_name = "FILE")]
    network: PathBuf,
    /// File to make: the proposal that all organisations review and sign.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// The members' files; their order is that in which validators propose blocks.
    #[arg(value_name = "MEMBER", required = true)]
    members: Vec<PathBuf>,
    /// Prints one JSON object.
    #[arg(long)]
    json: bool,
}

/// Makes a proposal.
pub(super) fn propose(args: &ProposeArgs, output: &mut Output<'_>) -> Result<(), String> {
    let members: Result<Vec<Member>, String> =
        args.members.iter().map(|path| read_member(path)).collect();
    let members = members?;
    let genesis = network_file::read(&args.network, &members, now())?;
    let proposal = Proposal {
        genesis,
        proofs: members.iter().map(|m| m.proofs).collect(),
    };
    proposal.check().map_err(|e| refusal(&e))?;
    let bytes = proposal.to_bytes();
    // The document's own reader is the last judge: holders, lengths, counts.
    Proposal::from_bytes(&bytes).map_err(|e| {
        let file = args.network.display();
        format!("{file}: {e}\nnext:  change the file and propose again")
    })?;
    files::write_new(&args.out, &bytes)?;
    let shown = args.out.display().to_string();
    if args.json {
        output.json(&super::review::json(&proposal.genesis, Some(&shown)));
        return Ok(());
    }
    super::review::write(&proposal.genesis, output);
    output.say("proposal written to {file}", &[("file", &shown)]);
    output.line(&format!(
        "next:  send it to all {} organisations, and read them the digest {}",
        members.len(),
        digest(&proposal.genesis)
    ));
    Ok(())
}
