//! `wutong policy`: a trust anchor that is pinned or agreed on, never one server's word.

use crate::client::{Client, block_on};
use crate::exit::{Exit, Failure};
use crate::files;
use crate::output::Output;
use crate::verify::{POLICY_BYTES_MAX, parse_hash};
use adapters_client::Problem;
use adapters_client::{NodeUrl, distinct};
use messages::hash::Hash;
use messages::policy::Policy;
use serde_json::json;
use std::path::PathBuf;

/// Arguments of `policy`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    wutong policy --url http://a:8100 --fingerprint HEX --out court.policy\n  \
    wutong policy --url http://a:8100,http://b:8100 --url http://c:8100 --agree 3\n\n\
    A policy says whose signatures count. Taken from one server in silence it would only prove\n\
    that the server agrees with itself: pin its fingerprint, which an organisation of the network\n\
    publishes, or let several organisations' nodes agree. Exit codes: 0 found; 1 they do not\n\
    agree; 2 neither --agree nor --fingerprint; 3 no node answered.")]
pub struct PolicyArgs {
    /// Nodes to ask: comma lists and repeats.
    #[arg(long, value_name = "URL", required = true, value_delimiter = ',')]
    url: Vec<NodeUrl>,
    /// Take the policy that N different nodes serve byte for byte; at least 2.
    #[arg(long, value_name = "N", conflicts_with = "fingerprint")]
    agree: Option<usize>,
    /// Take the policy with this fingerprint, whoever serves it.
    #[arg(long, value_name = "HEX", value_parser = parse_hash)]
    fingerprint: Option<Hash>,
    /// Write it to this new file.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// What must hold for a policy to be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rule {
    Agree(usize),
    Pinned(Hash),
}

/// One node's answer: a policy with its text, or why there is none.
struct Answered {
    node: NodeUrl,
    policy: Result<(String, Policy), String>,
}

impl Answered {
    fn text(&self) -> Option<&str> {
        self.policy.as_ref().ok().map(|(text, _)| text.as_str())
    }
}

pub(crate) fn run(args: &PolicyArgs, output: &mut Output<'_>) -> Result<Exit, Failure> {
    let nodes = distinct(&args.url);
    let rule = rule(args, nodes.len())?;
    let answers = block_on(async {
        let client = Client::try_new()?;
        let mut answers = Vec::new();
        for node in nodes {
            let policy = fetch(&client, &node).await;
            answers.push(Answered { node, policy });
        }
        Ok::<_, Failure>(answers)
    })??;
    let policy = judge(&answers, rule)?;
    if let Some(path) = &args.out {
        files::create_or_same(path, &policy.text(), "policy")?;
    }
    let said = who_said_what(&answers);
    if args.json {
        output.json(&json!({
            "fingerprint": policy.fingerprint().to_string(),
            "demonstration": policy.is_demonstration(),
            "quorum": policy.quorum_rule(),
            "policy": policy.text(),
            "answers": said,
            "out": args.out.as_ref().map(|path| path.display().to_string()),
        }));
        return Ok(Exit::Done);
    }
    output.line(&policy.text());
    output.note(&format!("fingerprint {}", policy.fingerprint()));
    output.note(&said.join("\n"));
    if policy.is_demonstration() {
        output.note("note: a demonstration policy; what it verifies proves nothing");
    }
    if let Some(path) = &args.out {
        output.note(&format!("written to {}", path.display()));
    }
    Ok(Exit::Done)
}

fn rule(args: &PolicyArgs, nodes: usize) -> Result<Rule, Failure> {
    match (args.agree, args.fingerprint) {
        (_, Some(pinned)) => Ok(Rule::Pinned(pinned)),
        (Some(count), None) if (2..=nodes).contains(&count) => Ok(Rule::Agree(count)),
        (Some(count), None) => Err(Failure::usage(
            format!("--agree: expected 2 to the {nodes} different nodes given, found {count}"),
            "Name nodes of several organisations: --url A,B,C --agree 3.",
        )),
        (None, None) => Err(Failure::usage(
            "a trust anchor is never taken from one server in silence: whoever controls the \
             server could serve a policy with keys of its own, under which forged receipts verify",
            "Give --fingerprint HEX, as published by an organisation of the network, or --agree N \
             with the nodes of N organisations.",
        )),
    }
}

async fn fetch(client: &Client, node: &NodeUrl) -> Result<(String, Policy), String> {
    let reply = client.get(node, "/v1/policy").await?;
    if reply.status != 200 {
        return Err(Problem::read(reply.status, &reply.body).detail().to_owned());
    }
    if reply.body.len() > POLICY_BYTES_MAX {
        return Err(format!("a policy of more than {POLICY_BYTES_MAX} bytes"));
    }
    match Policy::parse(&reply.body) {
        Ok(policy) => Ok((reply.body, policy)),
        Err(error) => Err(format!("no valid policy: {error}")),
    }
}

fn judge(answers: &[Answered], rule: Rule) -> Result<Policy, Failure> {
    let policies = || answers.iter().filter_map(|a| a.policy.as_ref().ok());
    if policies().next().is_none() {
        return Err(Failure::new(
            Exit::Pending,
            format!(
                "no node gave a policy: {}",
                who_said_what(answers).join("; ")
            ),
            "Check the addresses, or name further nodes.",
        ));
    }
    let (found, expected) = match rule {
        Rule::Pinned(pinned) => {
            let found = policies().find(|(_, policy)| policy.fingerprint() == pinned);
            (found, format!("a policy with fingerprint {pinned}"))
        }
        Rule::Agree(count) => {
            let agreed = |text: &str| {
                let same = answers.iter().filter(|a| a.text() == Some(text)).count();
                same >= count
            };
            let found = policies().find(|(text, _)| agreed(text));
            let rival = found
                .and_then(|(text, _)| policies().find(|(other, _)| other != text && agreed(other)));
            let found = if rival.is_some() { None } else { found };
            (
                found,
                format!("one policy served byte for byte by {count} nodes"),
            )
        }
    };
    found.map(|(_, policy)| policy.clone()).ok_or_else(|| {
        Failure::refused(
            format!(
                "expected {expected}, found:\n  {}",
                who_said_what(answers).join("\n  ")
            ),
            "Ask the organisations which policy is theirs, by another way than these servers.",
        )
    })
}

fn who_said_what(answers: &[Answered]) -> Vec<String> {
    let said = answers.iter().map(|answer| match &answer.policy {
        Ok((text, policy)) => {
            let (print, bytes) = (policy.fingerprint(), Hash::of(text.as_bytes()));
            if print == bytes {
                format!("{}: policy {print}", answer.node)
            } else {
                format!(
                    "{}: policy {print}, in other words (bytes {bytes})",
                    answer.node
                )
            }
        }
        Err(why) => format!("{}: {why}", answer.node),
    });
    said.collect()
}

#[cfg(test)]
mod tests;
