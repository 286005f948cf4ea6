//! Scenarios: TOML files that fix a part of the plan; what they leave open the seed draws.

use crate::plan::{Driver, Plan};
use serde::Deserialize;
use std::path::Path;
use toml::Table;

/// Scenarios that come with the simulator, by name.
const KNOWN: [(&str, &str); 12] = [
    ("adversaries", include_str!("../scenarios/adversaries.toml")),
    ("calm", include_str!("../scenarios/calm.toml")),
    (
        "canary-early-ack",
        include_str!("../scenarios/canary-early-ack.toml"),
    ),
    ("clocks", include_str!("../scenarios/clocks.toml")),
    ("crashes", include_str!("../scenarios/crashes.toml")),
    ("disks", include_str!("../scenarios/disks.toml")),
    ("flood", include_str!("../scenarios/flood.toml")),
    ("fork", include_str!("../scenarios/fork.toml")),
    ("network", include_str!("../scenarios/network.toml")),
    ("seven", include_str!("../scenarios/seven.toml")),
    ("single", include_str!("../scenarios/single.toml")),
    ("twins", include_str!("../scenarios/twins.toml")),
];

/// What should come of the worlds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Expected {
    /// Everything that must hold holds.
    Held,
    /// A checker must find something wrong: more fails than the protocol allows, or on purpose.
    Violation,
    /// A checker must find something wrong in at least one of the seeds; others may end in any way.
    SomeViolation,
}

/// A scenario.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// One sentence for people.
    pub about: String,
    /// What should come of every seed.
    #[serde(default = "held")]
    pub expect: Expected,
    /// A part of what a checker must say, when a violation is expected.
    #[serde(default)]
    pub expect_text: String,
    /// How disks keep their word.
    #[serde(default)]
    pub honesty: crate::disk::Honesty,
    /// Parts of the plan, by the names of its fields.
    #[serde(default)]
    pub plan: Table,
}

fn held() -> Expected {
    Expected::Held
}

impl Scenario {
    /// Reads a scenario.
    ///
    /// # Errors
    /// What is wrong, with the line.
    pub fn parse(text: &str) -> Result<Self, String> {
        let scenario: Self = toml::from_str(text).map_err(|e| e.to_string())?;
        // What is set must be parts of a plan: found out now and not at the first seed.
        scenario.plan(0, Driver::Stepped, 4)?;
        Ok(scenario)
    }

    /// Finds a scenario by name, or reads a file.
    ///
    /// # Errors
    /// When there is none, or it cannot be read.
    pub fn find(name: &str) -> Result<Self, String> {
        if let Some((_, text)) = KNOWN.iter().find(|(known, _)| *known == name) {
            return Self::parse(text).map_err(|e| format!("scenario {name}: {e}"));
        }
        if !Path::new(name).exists() {
            let known: Vec<_> = KNOWN.iter().map(|(name, _)| *name).collect();
            return Err(format!(
                "scenario {name}: there is no such file, and none of the built-in ones has this \
                 name: {}",
                known.join(", ")
            ));
        }
        let text = std::fs::read_to_string(name).map_err(|e| format!("{name}: {e}"))?;
        Self::parse(&text).map_err(|e| format!("{name}: {e}"))
    }

    /// Names and scenarios that come with the simulator.
    ///
    /// # Panics
    /// When one of them is broken, which a test would have found.
    pub fn known() -> Vec<(&'static str, Self)> {
        let parse = |(name, text): &(&'static str, &str)| {
            let scenario = Self::parse(text);
            (
                *name,
                scenario.expect("scenarios that come along are whole"),
            )
        };
        KNOWN.iter().map(parse).collect()
    }

    /// The plan of a seed in this scenario, drawn for `nodes` where it does not say how many.
    ///
    /// # Errors
    /// When a key is none of a plan's, or has a value of another kind.
    pub fn plan(&self, seed: u64, driver: Driver, nodes: usize) -> Result<Plan, String> {
        let nodes = match self.plan.get("nodes") {
            None => nodes,
            Some(value) => value
                .as_integer()
                .and_then(|n| usize::try_from(n).ok())
                .filter(|n| (1..=16).contains(n))
                .ok_or("plan.nodes: expected a number from 1 to 16")?,
        };
        let mut drawn = Plan::draw_for(seed, driver, nodes);
        if self.plan.contains_key("adversaries") {
            // Those that the seed drew fill the share of nodes that may fail.
            drawn.faults.retain(|planned| planned.fault.is_survivable());
        }
        merge_into(drawn, &self.plan)
    }
}

/// Sets parts of a plan, by the names of its fields.
///
/// # Errors
/// When a key is none of a plan's, or has a value of another kind.
pub fn merge_into(plan: Plan, changes: &Table) -> Result<Plan, String> {
    let mut table = Table::try_from(&plan).map_err(|e| e.to_string())?;
    merge(&mut table, changes);
    let known = Table::try_from(&plan).map_err(|e| e.to_string())?;
    let unknown = unknown_keys(&known, changes, "plan");
    if !unknown.is_empty() {
        return Err(format!("unknown keys: {}", unknown.join(", ")));
    }
    if let Some(wrong) = wrong_kind(&known, changes, "plan") {
        return Err(wrong);
    }
    let plan: Plan = table
        .try_into()
        .map_err(|e: toml::de::Error| format!("plan: {}", e.message()))?;
    check(&plan)?;
    Ok(plan)
}

/// Nodes that faults and adversaries name must be there.
fn check(plan: &Plan) -> Result<(), String> {
    for planned in &plan.faults {
        if planned
            .fault
            .greatest_node()
            .is_some_and(|n| n >= plan.processes())
        {
            let (fault, nodes) = (&planned.fault, plan.processes());
            return Err(format!(
                "plan.faults: {fault:?} names a node beyond the {nodes} there are"
            ));
        }
    }
    for adversary in &plan.adversaries {
        if adversary.node >= plan.nodes {
            let (node, nodes) = (adversary.node, plan.nodes);
            return Err(format!(
                "plan.adversaries: node {node} is beyond the {nodes} there are"
            ));
        }
    }
    Ok(())
}

pub(crate) fn merge(into: &mut Table, from: &Table) {
    for (key, value) in from {
        match (into.get_mut(key), value) {
            (Some(toml::Value::Table(into)), toml::Value::Table(from)) => merge(into, from),
            _ => {
                into.insert(key.clone(), value.clone());
            }
        }
    }
}

/// The first value of another kind than a plan has there.
fn wrong_kind(known: &Table, found: &Table, place: &str) -> Option<String> {
    found.iter().find_map(|(key, value)| {
        let place = format!("{place}.{key}");
        match (known.get(key)?, value) {
            (toml::Value::Table(known), toml::Value::Table(found)) => {
                wrong_kind(known, found, &place)
            }
            (known, value) if !known.same_type(value) => {
                let (known, found) = (known.type_str(), value.type_str());
                Some(format!("{place}: expected {known}, found {found}"))
            }
            _ => None,
        }
    })
}

/// All keys that a plan does not have, with their place.
fn unknown_keys(known: &Table, found: &Table, place: &str) -> Vec<String> {
    let mut unknown = Vec::new();
    for (key, value) in found {
        let place = format!("{place}.{key}");
        match (known.get(key), value) {
            (None, _) => unknown.push(place),
            (Some(toml::Value::Table(known)), toml::Value::Table(found)) => {
                unknown.extend(unknown_keys(known, found, &place));
            }
            _ => {}
        }
    }
    unknown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_that_come_along_are_whole_and_sorted() {
        let known = Scenario::known();
        assert!(known.is_sorted_by_key(|(name, _)| *name));
        assert!(known.iter().all(|(_, s)| s.about.ends_with('.')));
    }

    #[test]
    fn unknown_keys_are_all_named() {
        let text =
            "about = 'x.'\n[plan]\nnodes = 4\nloss = 3\n[plan.network]\nlos_ppm = 1\nloss_ppm = 2";
        let error = Scenario::parse(text).unwrap_err();
        assert_eq!(error, "unknown keys: plan.loss, plan.network.los_ppm");
        let error = Scenario::parse("about = 'x.'\nplans = 1").unwrap_err();
        assert!(error.contains("unknown field `plans`"), "{error}");
        let error = Scenario::parse("about = 'x.'\n[plan]\nnodes = 'four'").unwrap_err();
        assert!(error.contains("plan.nodes"), "{error}");
        let fault = "[[plan.faults]]\nat_ms = 1\nfault = { kind = 'crash', nod = 1 }";
        let error = Scenario::parse(&format!("about = 'x.'\n{fault}")).unwrap_err();
        assert!(error.contains("nod"), "{error}");
    }

    #[test]
    fn what_is_set_stands_and_the_rest_is_drawn() {
        let scenario = Scenario::parse("about = 'x.'\n[plan.network]\nloss_ppm = 7").unwrap();
        let plan = scenario.plan(3, Driver::Stepped, 4).unwrap();
        let drawn = Plan::draw(3, Driver::Stepped);
        assert_eq!(plan.network.loss_ppm, 7);
        assert_eq!(plan.network.delay_us_max, drawn.network.delay_us_max);
        assert_eq!((plan.faults, plan.workload), (drawn.faults, drawn.workload));
    }
}
