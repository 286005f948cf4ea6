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
            "validators": of_role(&rows, "validator"),
            "observers": of_role(&rows, "observer"),
        }));
    } else {
        write(&health, &rows, quorum, output);
    }
    Ok(if quorum { Exit::Done } else { Exit::Refused })
}

fn of_role(rows: &[Row], role: &str) -> Vec<Value> {
    let those = rows.iter().filter(|row| row.role == role);
    those.map(Row::json).collect()
}

/// One node.
struct Row {
    name: String,
    organisation: String,
    role: &'static str,
    state: &'static str,
    height: u64,
    /// Blocks behind the highest.
    behind: u64,
    round: u64,
    published: Option<u64>,
    lag_ms: Option<u64>,
    peers: Option<u64>,
    disk_free: Option<u64>,
    version: Option<String>,
    silent_ms: Option<u64>,
    is_own: bool,
}

/// Validators in the order of genesis, then observers.
fn rows(nodes: &Value) -> Vec<Row> {
    let of = |role: &'static str, list: &str| {
        let list = nodes[list].as_array().cloned().unwrap_or_default();
        list.into_iter().map(move |node| (role, node))
    };
    let all: Vec<(&'static str, Value)> = of("validator", "validators")
        .chain(of("observer", "observers"))
        .collect();
    let height = |v: &Value| v["height"].as_u64().unwrap_or(0);
    let highest = all.iter().map(|(_, v)| height(v)).max().unwrap_or(0);
    let text = |v: &Value| v.as_str().unwrap_or("?").to_owned();
    let row = |(role, v): &(&'static str, Value)| Row {
        name: text(&v["name"]),
        organisation: text(&v["organisation"]),
        role,
        state: match (v["own"].as_bool(), v["present"].as_bool()) {
            _ if *role == "validator" && v["votes"] == false && v["present"] != false => "NO VOTE",
            (Some(true), _) => "asked",
            (_, Some(true)) => "present",
            _ => "MISSING",
        },
        height: height(v),
        behind: highest - height(v),
        round: v["round"].as_u64().unwrap_or(0),
        published: v["published"].as_u64(),
        lag_ms: v["lag_ms"].as_u64(),
        peers: v["peers"].as_u64(),
        disk_free: v["disk_free"].as_u64(),
        version: v["version"].as_str().map(str::to_owned),
        silent_ms: v["silent_ms"].as_u64(),
        is_own: v["own"] == true,
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
            "behind": self.behind,
            "round": self.round,
            "published": self.published,
            "lag_ms": self.lag_ms,
            "peers": self.peers,
            "disk_free": self.disk_free,
            "version": self.version,
            "silent_ms": self.silent_ms,
        })
    }

    /// The cells of the table, in the order of [`COLUMNS`].
    fn cells(&self, output: &Output<'_>) -> [String; COLUMNS.len()] {
        let or_dash = |value: Option<String>| value.unwrap_or_else(|| "-".into());
        [
            self.name.clone(),
            match self.role {
                "validator" => self.organisation.clone(),
                role => format!("({role})"),
            },
            output.text(self.state),
            self.height.to_string(),
            self.behind.to_string(),
            self.round.to_string(),
            or_dash(self.published.map(|height| height.to_string())),
            or_dash(self.lag_ms.map(|ms| format!("{ms} ms"))),
            or_dash(self.peers.map(|peers| peers.to_string())),
            or_dash(self.disk_free.map(in_gigabytes)),
            or_dash(self.version.clone()),
            self.heard(),
        ]
    }

    /// When it was last heard of.
    fn heard(&self) -> String {
        match (self.is_own, self.silent_ms) {
            (true, _) => "-".into(),
            (_, None) => "never".into(),
            (_, Some(ms)) if ms < 10_000 => format!("{ms} ms ago"),
            (_, Some(ms)) => format!("{} s ago", ms / 1_000),
        }
    }
}

/// LAG: from a block's time to its receipts at the node, in 99 of 100 recent blocks.
const COLUMNS: [&str; 12] = [
    "NODE",
    "ORGANISATION",
    "STATE",
    "HEIGHT",
    "BEHIND",
    "ROUND",
    "RECEIPTS",
    "LAG",
    "PEERS",
    "DISK FREE",
    "VERSION",
    "HEARD",
];

/// Numbers stand to the right, from here on and before the version.
const NUMBERS: std::ops::Range<usize> = 3..10;

fn in_gigabytes(bytes: u64) -> String {
    format!("{:.1} GB", bytes as f64 / 1e9)
}

fn write(health: &Value, rows: &[Row], quorum: bool, output: &mut Output<'_>) {
    let text = |field: &str| match &health[field] {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let validators = || rows.iter().filter(|row| row.role == "validator");
    let here = validators().filter(|row| row.state != "MISSING").count();
    let verdict = if quorum { "quorum" } else { "NO QUORUM" };
    let verdict = output.text(verdict);
    output.say(
        "network {network}: {verdict}, {here} of {all} validators here, {needed} needed; asked {node} \
         (version {version})",
        &[
            ("network", &text("network")),
            ("verdict", &verdict),
            ("here", &here),
            ("all", &validators().count()),
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
    let table: Vec<[String; COLUMNS.len()]> =
        std::iter::once(COLUMNS.map(|text| output.text(text)))
            .chain(rows.iter().map(|row| row.cells(output)))
            .collect();
    let width = |column: usize| {
        let cells = table.iter().map(|row| row[column].width());
        cells.max().unwrap_or(0)
    };
    for row in &table {
        let cell = |(column, text): (usize, &String)| {
            // In columns of a terminal, of which a Chinese character takes two.
            let blanks = " ".repeat(width(column) - text.width());
            if NUMBERS.contains(&column) {
                blanks + text
            } else {
                format!("{text}{blanks}")
            }
        };
        let line: Vec<String> = row.iter().enumerate().map(cell).collect();
        output.line(line.join("  ").trim_end());
    }
}
