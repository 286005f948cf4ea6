//! What people read before they sign, and what they check afterwards.

use super::files::{Document, digest};
use super::{refusal, signatures};
use crate::home::{NodeHome, Role};
use crate::trial::with_next;
use adapters_cli::Output;
use adapters_keys::Passphrase;
use clap::Args;
use messages::founding::check_genesis;
use messages::genesis::Genesis;
use messages::quorum::quorum;
use messages::verify::utc_text;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

/// Show a proposal or a genesis: organisations first, then everything that will hold.
#[derive(Args)]
pub(crate) struct ShowArgs {
    /// A proposal or genesis.cbor.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Prints one JSON object.
    #[arg(long)]
    json: bool,
}

/// Check that all founders signed a genesis, and that a node's folder holds keys of it.
#[derive(Args)]
pub(crate) struct CheckArgs {
    /// genesis.cbor; genesis.signatures is looked for beside it.
    #[arg(value_name = "GENESIS")]
    genesis: PathBuf,
    /// Folder of a node, whose keys must be those of the genesis.
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,
    /// Refuse any genesis but the one with this digest.
    #[arg(long, value_name = "HEX")]
    digest: Option<String>,
    /// Prints one JSON object.
    #[arg(long)]
    json: bool,
}

/// Shows a document.
pub(super) fn show(args: &ShowArgs, output: &mut Output<'_>) -> Result<(), String> {
    let document = Document::read(&args.file)?;
    let genesis = document.genesis();
    let proposal = matches!(document, Document::Proposal(_));
    if args.json {
        output.json(&json(genesis, None));
        return Ok(());
    }
    write(genesis, output);
    if proposal {
        output.say("every key is proven to be held by its member", &[]);
        output.line("next:  if this is what you agreed on, `wutong genesis sign` with this digest");
    }
    Ok(())
}

/// Refuses a genesis that is not the one that people agreed on.
pub(super) fn expect_digest(genesis: &Genesis, expected: &str) -> Result<(), String> {
    let found = digest(genesis).to_string();
    if found.eq_ignore_ascii_case(expected.trim()) {
        return Ok(());
    }
    Err(format!(
        "--digest: expected a genesis with digest {expected}, found one with {found}\n\
         next:  look at it with `wutong genesis show`, and ask the others what they see"
    ))
}

/// Checks a founding.
pub(super) fn check(args: &CheckArgs, output: &mut Output<'_>) -> Result<(), String> {
    let Document::Genesis(genesis) = Document::read(&args.genesis)? else {
        return Err(format!(
            "{}: this is a proposal\nnext:  collect signatures and run `wutong genesis assemble`",
            args.genesis.display()
        ));
    };
    if let Some(expected) = &args.digest {
        expect_digest(&genesis, expected)?;
    }
    if genesis.demonstration {
        check_genesis(&genesis).map_err(|e| refusal(&e))?;
    } else {
        signatures::check_beside(&args.genesis, &genesis)?;
    }
    let validator = match &args.folder {
        Some(folder) => Some(own_validator(&genesis, folder)?),
        None => None,
    };
    if args.json {
        let mut value = json(&genesis, Some(&args.genesis.display().to_string()));
        value["signed_by_all"] = json!(!genesis.demonstration);
        value["keys_of"] = json!(validator);
        output.json(&value);
        return Ok(());
    }
    write(&genesis, output);
    if genesis.demonstration {
        output.line("a demonstration, which nobody signs");
    } else {
        let count = genesis.validators.len();
        output.say("all {count} validators signed it", &[("count", &count)]);
    }
    if let (Some(name), Some(folder)) = (validator, &args.folder) {
        output.say(
            "{folder} holds the keys of {name}",
            &[("folder", &folder.display()), ("name", &name)],
        );
    }
    Ok(())
}

/// The validator whose keys a folder holds, all of them.
pub(super) fn own_validator(genesis: &Genesis, folder: &std::path::Path) -> Result<String, String> {
    let passphrase = Passphrase::find(None).map_err(with_next)?;
    let path = folder.join("keys").join("consensus.pem");
    let key = adapters_keys::read(&path, passphrase.as_ref()).map_err(with_next)?;
    let Some(validator) = genesis.validator_by_key(&key.public()) else {
        return Err(format!(
            "{}: no validator of this genesis has this key\n\
             next:  name the folder that `wutong genesis join` made, or ask the organisation that \
             proposed why you are not in it",
            path.display()
        ));
    };
    let name = validator.name.to_string();
    let mut home = NodeHome::new(
        Arc::new(genesis.clone()),
        &name,
        Role::Validator,
        folder.to_owned(),
    )?;
    home.passphrase = passphrase;
    home.keys()?;
    Ok(name)
}

/// What holds, for people.
pub(super) fn write(genesis: &Genesis, output: &mut Output<'_>) {
    let n = genesis.validators.len();
    let network: [(&str, &dyn std::fmt::Display); 1] = [("network", &genesis.network)];
    if genesis.demonstration {
        output.say("network {network} (DEMONSTRATION)", &network);
    } else {
        output.say("network {network}", &network);
    }
    output.say("organisations:", &[]);
    for validator in &genesis.validators {
        let key_id = validator.consensus.fingerprint();
        output.field(
            validator.name.as_str(),
            format!("{} (key id {key_id})", validator.organisation),
        );
    }
    output.say("what will hold:", &[]);
    output.field("digest", digest(genesis));
    output.field("origin", &genesis.origin);
    output.field("founded", utc_text(genesis.created.seconds()));
    let (needed, faults) = (quorum(n), n - quorum(n));
    let rule = output.words(
        "{needed} of {all} decide and sign; {faults} may fail or lie",
        &[("needed", &needed), ("all", &n), ("faults", &faults)],
    );
    output.field("quorum", rule);
    for fact in facts(genesis) {
        output.field("note", fact);
    }
    for namespace in &genesis.namespaces {
        let who = match namespace.open {
            true => "open to every key".to_owned(),
            false => format!("{} listed keys", namespace.listed.len()),
        };
        let what = match namespace.public {
            true => "contents are public",
            false => "no contents, only digests, commitments and bodies",
        };
        let held: Vec<&str> = namespace.holders.iter().map(|h| h.as_str()).collect();
        let held = match held.is_empty() {
            true => "bodies held by all".to_owned(),
            false => format!("bodies held by {}", held.join(", ")),
        };
        output.field(
            "namespace",
            format!("{}: {who}; {what}; {held}", namespace.name),
        );
        for listed in &namespace.listed {
            let key_id = listed.key.fingerprint();
            output.field("", format!("  {} (key id {key_id})", listed.organisation));
        }
    }
    let p = &genesis.parameters;
    output.field(
        "blocks",
        format!(
            "at most {} statements and {} bytes; an empty one every {} ms; clocks may differ by {} ms",
            p.block_statements_max, p.block_bytes_max, p.heartbeat_ms, p.clock_drift_ms_max
        ),
    );
    output.field("bodies", format!("at most {} bytes", p.body_bytes_max));
    if let Ok(policy) = genesis.policy() {
        output.field("policy", format!("fingerprint {}", policy.fingerprint()));
    }
}

/// What people overlook about a quorum.
fn facts(genesis: &Genesis) -> Vec<String> {
    let n = genesis.validators.len();
    let faults = n - quorum(n);
    let mut facts = Vec::new();
    if faults == 0 {
        facts.push(format!(
            "with {n} validators nothing is decided while one is down; 4 tolerate one"
        ));
    } else if n > 1 && quorum(n - 1) + faults == n - 1 {
        facts.push(format!("{} validators tolerate as many faults", n - 1));
    }
    for namespace in &genesis.namespaces {
        if !namespace.open && namespace.listed.is_empty() {
            facts.push(format!(
                "namespace {} lists no key, so nobody can deposit in it",
                namespace.name
            ));
        }
    }
    let mut runs: BTreeMap<&str, usize> = BTreeMap::new();
    for validator in &genesis.validators {
        *runs.entry(&validator.organisation).or_default() += 1;
    }
    for (organisation, count) in runs.into_iter().filter(|(_, count)| *count > 1) {
        let power = match count {
            _ if count >= quorum(n) => "it alone is a quorum and can sign whatever it likes",
            _ if count > faults => "it alone can stop the network",
            _ => "organisations are counted by validators",
        };
        facts.push(format!(
            "{organisation} runs {count} of {n} validators: {power}"
        ));
    }
    facts
}

/// What holds, for programs.
pub(super) fn json(genesis: &Genesis, file: Option<&str>) -> Value {
    let n = genesis.validators.len();
    let validators = genesis.validators.iter().map(|v| {
        json!({
            "name": v.name.to_string(),
            "organisation": v.organisation,
            "key_id": v.consensus.fingerprint(),
            "consensus": v.consensus.to_string(),
            "log": v.log.to_string(),
            "cosigner": v.cosigner.to_string(),
            "receipt": v.receipt.to_string(),
            "transport": v.transport.to_string(),
        })
    });
    let namespaces = genesis.namespaces.iter().map(|n| {
        let listed = n
            .listed
            .iter()
            .map(|l| json!({ "key": l.key.to_string(), "organisation": l.organisation }));
        json!({
            "name": n.name.to_string(),
            "open": n.open,
            "public": n.public,
            "listed": listed.collect::<Vec<_>>(),
            "holders": n.holders.iter().map(ToString::to_string).collect::<Vec<_>>(),
        })
    });
    let p = &genesis.parameters;
    json!({
        "file": file,
        "network": genesis.network.to_string(),
        "origin": genesis.origin,
        "digest": digest(genesis).to_string(),
        "created_ms": genesis.created.0,
        "demonstration": genesis.demonstration,
        "quorum": quorum(n),
        "faults": n - quorum(n),
        "notes": facts(genesis),
        "validators": validators.collect::<Vec<_>>(),
        "namespaces": namespaces.collect::<Vec<_>>(),
        "parameters": {
            "block_statements_max": p.block_statements_max,
            "block_bytes_max": p.block_bytes_max,
            "heartbeat_ms": p.heartbeat_ms,
            "clock_drift_ms_max": p.clock_drift_ms_max,
            "body_bytes_max": p.body_bytes_max,
        },
        "policy_fingerprint": genesis.policy().ok().map(|p| p.fingerprint().to_string()),
    })
}
