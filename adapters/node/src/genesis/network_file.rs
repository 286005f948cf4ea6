//! The network file: what one organisation writes down before all of them review it.

use super::files::{self, unhex};
use adapters_cli::Output;
use clap::Args;
use messages::deposit::BODY_BYTES_MAX;
use messages::founding::Member;
use messages::genesis::{Genesis, ListedKey, Namespace, Parameters};
use messages::ids::{Name, TimeMs};
use messages::keys::PublicKey;
use messages::statement::ENTRY_BYTES_MAX;
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// Write a commented network file, to be filled in by the organisation that proposes.
#[derive(Args)]
pub(crate) struct TemplateArgs {
    /// File to make.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Prints one JSON object.
    #[arg(long)]
    json: bool,
}

/// The template; it is a network file that can be proposed as it stands.
pub(super) const TEMPLATE: &str = r#"# A network to be founded. One organisation fills this in; `wutong genesis propose` makes a
# proposal of it, which all organisations review and sign. Nothing here can be changed later.

# Name of the network: a-z, 0-9 and '-', at most 32 characters. It is part of every statement.
network = "court-ledger"

# Name of the log: a URL without https://, which the organisations own. It is in every receipt,
# and people read it for years.
origin = "ledger.example.org/court-ledger"

# Who may deposit where. A namespace that is open takes statements of every key; one that is not
# takes those of listed keys alone. In a public one, contents may be lodged and read by everybody;
# in the others only digests, commitments and bodies.
[[namespace]]
name = "public"
open = true
public = true

[[namespace]]
name = "members"
open = false
public = false
# Validators that hold the bodies lodged here; none named: all do.
holders = []

# A depositor of that namespace: the public key that `wutong keygen` printed.
# [[namespace.listed]]
# key = "hexadecimal"
# organisation = "Example Notary Office"

# Limits and intervals; these are the defaults.
[parameters]
# Most statements, and most bytes of statements, in a block.
block_statements_max = 4096
block_bytes_max = 2097152
# An empty block is made after so many milliseconds without a statement.
heartbeat_ms = 10000
# How far a proposal's time may lie from a validator's clock, in milliseconds.
clock_drift_ms_max = 10000
# Most bytes of a body.
body_bytes_max = 4194304
"#;

/// Writes the template.
pub(super) fn run(args: &TemplateArgs, output: &mut Output<'_>) -> Result<(), String> {
    files::write_new(&args.out, TEMPLATE.as_bytes())?;
    let shown = args.out.display().to_string();
    if args.json {
        output.json(&serde_json::json!({ "file": shown }));
        return Ok(());
    }
    output.line(&format!("network file written to {shown}"));
    output.line("next:  fill it in, collect the member files, and run `wutong genesis propose`");
    Ok(())
}

/// The whole file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NetworkText {
    network: String,
    origin: String,
    namespace: Vec<NamespaceText>,
    #[serde(default)]
    parameters: ParametersText,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NamespaceText {
    name: String,
    open: bool,
    public: bool,
    #[serde(default)]
    holders: Vec<String>,
    #[serde(default)]
    listed: Vec<ListedText>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListedText {
    key: String,
    organisation: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct ParametersText {
    block_statements_max: u32,
    block_bytes_max: u32,
    heartbeat_ms: u32,
    clock_drift_ms_max: u32,
    body_bytes_max: u32,
}

impl Default for ParametersText {
    fn default() -> Self {
        let p = Parameters::default();
        Self {
            block_statements_max: p.block_statements_max,
            block_bytes_max: p.block_bytes_max,
            heartbeat_ms: p.heartbeat_ms,
            clock_drift_ms_max: p.clock_drift_ms_max,
            body_bytes_max: p.body_bytes_max,
        }
    }
}

impl ParametersText {
    fn checked(&self) -> Result<Parameters, String> {
        let defaults = Parameters::default();
        let bounds = [
            (
                "block_statements_max",
                self.block_statements_max,
                1,
                defaults.block_statements_max,
            ),
            (
                "block_bytes_max",
                self.block_bytes_max,
                ENTRY_BYTES_MAX as u32,
                defaults.block_bytes_max,
            ),
            ("heartbeat_ms", self.heartbeat_ms, 100, 3_600_000),
            ("clock_drift_ms_max", self.clock_drift_ms_max, 100, 600_000),
            (
                "body_bytes_max",
                self.body_bytes_max,
                1,
                BODY_BYTES_MAX as u32,
            ),
        ];
        for (field, found, least, most) in bounds {
            if !(least..=most).contains(&found) {
                return Err(format!(
                    "parameters.{field}: expected {least} to {most}, found {found}"
                ));
            }
        }
        Ok(Parameters {
            block_statements_max: self.block_statements_max,
            block_bytes_max: self.block_bytes_max,
            heartbeat_ms: self.heartbeat_ms,
            clock_drift_ms_max: self.clock_drift_ms_max,
            body_bytes_max: self.body_bytes_max,
        })
    }
}

fn name(field: &str, text: &str) -> Result<Name, String> {
    Name::try_new(text).map_err(|e| format!("{field}: {e}"))
}

impl NamespaceText {
    fn checked(&self) -> Result<Namespace, String> {
        let field = |what: &str| format!("namespace {}: {what}", self.name);
        let mut listed = Vec::new();
        for entry in &self.listed {
            let key = PublicKey(unhex(&entry.key).map_err(|e| field("listed key") + &e)?);
            let check = key.check_registrable();
            check.map_err(|e| format!("{} {key}: {e}", field("listed key")))?;
            listed.push(ListedKey {
                key,
                organisation: entry.organisation.clone(),
            });
        }
        listed.sort_by_key(|l| l.key);
        if listed.windows(2).any(|pair| pair[0].key == pair[1].key) {
            return Err(field("a key is listed twice"));
        }
        let holders: Result<_, String> = self
            .holders
            .iter()
            .map(|h| name(&field("holders"), h))
            .collect();
        Ok(Namespace {
            name: name("namespace", &self.name)?,
            open: self.open,
            public: self.public,
            listed,
            holders: holders?,
        })
    }
}

/// Reads a network file, and makes the genesis that these members found.
pub(super) fn read(path: &Path, members: &[Member], created: TimeMs) -> Result<Genesis, String> {
    let shown = path.display();
    let parsed = parse(&files::read_text(path)?, members, created);
    parsed.map_err(|e| format!("{shown}: {e}\nnext:  change the file and propose again"))
}

fn parse(text: &str, members: &[Member], created: TimeMs) -> Result<Genesis, String> {
    let text: NetworkText = toml::from_str(text).map_err(|e| e.to_string())?;
    let namespaces: Result<Vec<Namespace>, String> =
        text.namespace.iter().map(NamespaceText::checked).collect();
    let mut namespaces = namespaces?;
    namespaces.sort_by(|a, b| a.name.cmp(&b.name));
    if let Some(pair) = namespaces
        .windows(2)
        .find(|pair| pair[0].name == pair[1].name)
    {
        return Err(format!("two namespaces are called {}", pair[0].name));
    }
    if namespaces.is_empty() {
        return Err("namespace: expected at least one, found none".into());
    }
    Ok(Genesis {
        network: name("network", &text.network)?,
        origin: text.origin,
        created,
        demonstration: false,
        validators: members.iter().map(|m| m.validator.clone()).collect(),
        namespaces,
        parameters: text.parameters.checked()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(from: &str, to: &str) -> String {
        let text = TEMPLATE.replacen(from, to, 1);
        assert_ne!(text, TEMPLATE, "{from}");
        parse(&text, &[], TimeMs(0)).unwrap_err()
    }

    #[test]
    fn the_template_can_be_proposed_and_says_the_defaults() {
        let genesis = parse(TEMPLATE, &[], TimeMs(0)).unwrap();
        assert_eq!(genesis.parameters, Parameters::default());
        assert_eq!(genesis.namespaces.len(), 2);
        assert!(!genesis.demonstration);
    }

    #[test]
    fn what_is_wrong_is_named() {
        assert!(refused("\"court-ledger\"", "\"Court Ledger\"").starts_with("network: "));
        assert!(refused("heartbeat_ms = 10000", "heartbeat_ms = 1").contains("100 to 3600000"));
        assert!(refused("name = \"members\"", "name = \"public\"").contains("two namespaces"));
        assert!(refused("open = true", "opened = true").contains("unknown field `opened`"));
        let listed = "[[namespace.listed]]\nkey = \"00\"\norganisation = \"A\"\n[parameters]";
        assert!(refused("[parameters]", listed).contains("expected 64 hexadecimal characters"));
        // All bytes zero: a point of small order.
        let listed = listed.replace("\"00\"", &format!("\"{}\"", "00".repeat(32)));
        assert!(refused("[parameters]", &listed).contains("weak key"));
    }
}
