//! `wutong status`: the whole network in one table, as one of its nodes sees it.

use crate::exit::{Exit, Failure};
use crate::output::Output;
use crate::show::{ShowNodeArgs, ask};
use serde_json::{Value, json};
use unicode_width::UnicodeWidthStr;

/// Arguments of `status`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  wutong status --url http://127.0.0.1:8100\n\n\
    Exit codes: 0 the validators have a quorum; 1 they have none; 2 wrong use; 3 no node answered."
)]
pub struct StatusArgs {
    #[command(flatten)]
    node: ShowNodeArgs,
}

/// Runs the command.
pub(crate) fn run(args: &StatusArgs, output: &mut Output<'_>) -> Result<Exit, Failure> {
    let health = ask(&args.node, "/v1/health")?;
    let validators = ask(&args.node, "/v1/validators")?;
    let rows = rows(&validators);
    let quorum = health["quorum"].as_bool() == Some(true);
    if args.node.json {
        output.json(&json!({
            "network": health["network"],
            "asked": health["node"],
            "version": health["version"],
            "quorum": quorum,
            "quorum_size": health["quorum_size"],
            "missing": health["missing"],
            "height": health["height"],
            "published": health["published"],
            "log_size": health["log_size"],
            "waiting": health["waiting"],
            "validators": rows.iter().map(Row::json).collect::<Vec<_>>(),
        }));
    } else {
        write(&health, &rows, quorum, output);
    }
    Ok(if quorum { Exit::Done } else { Exit::Refused })
}

/// One validator.
struct Row {
    name: String,
    organisation: String,
    state: &'static str,
    height: u64,
    /// Blocks behind the highest.
    lag: u64,
    round: u64,
    silent_ms: Option<u64>,
}

fn rows(validators: &Value) -> Vec<Row> {
    let all = validators["validators"].as_array();
    let all: Vec<&Value> = all.into_iter().flatten().collect();
    let height = |v: &Value| v["height"].as_u64().unwrap_or(0);
    let highest = all.iter().map(|v| height(v)).max().unwrap_or(0);
    let text = |v: &Value| v.as_str().unwrap_or("?").to_owned();
    let row = |v: &&Value| Row {
        name: text(&v["name"]),
        organisation: text(&v["organisation"]),
        state: match (v["own"].as_bool(), v["present"].as_bool()) {
            (Some(true), _) => "asked",
            (_, Some(true)) => "present",
            _ => "MISSING",
        },
        height: height(v),
        lag: highest - height(v),
        round: v["round"].as_u64().unwrap_or(0),
        silent_ms: v["silent_ms"].as_u64(),
    };
    all.iter().map(row).collect()
}

impl Row {
    fn json(&self) -> Value {
        json!({
            "name": self.name,
            "organisation": self.organisation,
            "state": self.state.to_lowercase(),
            "height": self.height,
            "lag": self.lag,
            "round": self.round,
            "silent_ms": self.silent_ms,
        })
    }

    /// When it was last heard of.
    fn heard(&self) -> String {
        match (self.state, self.silent_ms) {
            ("asked", _) => "-".into(),
            (_, None) => "never".into(),
            (_, Some(ms)) if ms < 10_000 => format!("{ms} ms ago"),
            (_, Some(ms)) => format!("{} s ago", ms / 1_000),
        }
    }
}

fn write(health: &Value, rows: &[Row], quorum: bool, output: &mut Output<'_>) {
    let text = |field: &str| match &health[field] {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let here = rows.iter().filter(|row| row.state != "MISSING").count();
    let verdict = if quorum { "quorum" } else { "NO QUORUM" };
    let verdict = output.text(verdict);
    output.say(
        "network {network}: {verdict}, {here} of {all} validators here, {needed} needed; asked {node} \
         (version {version})",
        &[
            ("network", &text("network")),
            ("verdict", &verdict),
            ("here", &here),
            ("all", &rows.len()),
            ("needed", &text("quorum_size")),
            ("node", &text("node")),
            ("version", &text("version")),
        ],
    );
    output.say(
        "height {height}, receipts up to {published}, {entries} entries, {waiting} statements wait",
        &[
            ("height", &text("height")),
            ("published", &text("published")),
            ("entries", &text("log_size")),
            ("waiting", &text("waiting")),
        ],
    );
    write_rows(rows, output);
}

/// The table of validators.
fn write_rows(rows: &[Row], output: &mut Output<'_>) {
    // In columns of a terminal, of which a Chinese character takes two.
    let widest = |width: fn(&Row) -> usize, least: usize| {
        rows.iter().map(width).max().unwrap_or(0).max(least)
    };
    let name = widest(|row| row.name.width(), 9);
    let organisation = widest(|row| row.organisation.width(), 12);
    let heads = [
        ("VALIDATOR", name),
        ("ORGANISATION", organisation),
        ("STATE", 7),
    ];
    let mut head = String::new();
    for (text, columns) in heads {
        head += &output.padded(text, columns);
        head += "  ";
    }
    for (text, columns) in [("HEIGHT", 8), ("LAG", 6), ("ROUND", 5)] {
        let text = output.text(text);
        head += &" ".repeat(columns - text.width().min(columns));
        head += &text;
        head += "  ";
    }
    output.line(&format!("{head}{}", output.text("HEARD")));
    for row in rows {
        let state = output.padded(row.state, 7);
        output.line(&format!(
            "{}  {}  {state}  {:>8}  {:>6}  {:>5}  {}",
            output.padded(&row.name, name),
            output.padded(&row.organisation, organisation),
            row.height,
            row.lag,
            row.round,
            row.heard()
        ));
    }
}
