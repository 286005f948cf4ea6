//! The commands of `wutong-sim`, as a tester uses them.

#![allow(clippy::unwrap_used)]

use serde_json::Value;
use std::process::{Command, Output};

fn wutong_sim(arguments: &[&str]) -> Output {
    let binary = env!("CARGO_BIN_EXE_wutong-sim");
    Command::new(binary).args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// The objects of a run, without what the clock on the wall says.
fn objects(arguments: &[&str]) -> Vec<Value> {
    let ran = wutong_sim(arguments);
    assert!(ran.status.success(), "{}", text(&ran.stderr));
    let objects = text(&ran.stdout);
    let object = |line: &str| {
        let mut object: Value = serde_json::from_str(line).unwrap();
        let fields = object.as_object_mut().unwrap();
        fields.retain(|name, _| !name.starts_with("wall_"));
        object
    };
    objects.lines().map(object).collect()
}

#[test]
fn json_is_the_same_from_run_to_run_and_from_one_thread_to_two() {
    let run = ["run", "--seeds", "20..32", "--json", "--driver", "stepped"];
    let first = objects(&[&run[..], &["--threads", "2"]].concat());
    let second = objects(&[&run[..], &["--threads", "1"]].concat());
    assert_eq!(first, second);
    assert_eq!(first.len(), 13, "one per seed, and the summary");
    let heights = first[..12].iter().map(|o| o["height"].as_u64().unwrap());
    assert_eq!(first[12]["heights"].as_u64(), Some(heights.sum()));
}

#[test]
fn a_run_in_slices_comes_to_what_one_run_comes_to() {
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("state.json");
    let state = state.to_str().unwrap();
    let run = ["run", "--seeds", "40..48", "--json", "--driver", "stepped"];
    let whole = objects(&run);
    let first = objects(&[&run[..], &["--state", state]].concat());
    assert_eq!(first, whole);
    // As if it had been stopped after five seeds: it goes on with the sixth.
    let kept = std::fs::read_to_string(state).unwrap();
    let five = ["run", "--seeds", "40..45", "--json", "--driver", "stepped"];
    let other = dir.path().join("other.json");
    let other = other.to_str().unwrap();
    objects(&[&five[..], &["--state", other]].concat());
    let stopped = std::fs::read_to_string(other).unwrap();
    assert_ne!(kept, stopped);
    std::fs::write(other, stopped.replace("40..45", "40..48")).unwrap();
    let rest = objects(&[&run[..], &["--state", other]].concat());
    assert_eq!(rest[..3], whole[5..8], "only the last three are run");
    assert_eq!(rest[3], whole[8], "the summary counts all");
    // Another run's state is refused.
    let ran = wutong_sim(&["run", "--seeds", "0..2", "--state", other]);
    assert_eq!(ran.status.code(), Some(2));
    assert!(text(&ran.stderr).contains("belongs to another run"));
}

#[test]
fn a_failure_shrinks_to_a_scenario_that_fails_in_the_same_way() {
    let dir = tempfile::tempdir().unwrap();
    let shrunk = dir.path().join("shrunk.toml");
    let shrunk = shrunk.to_str().unwrap();
    let canary = ["--scenario", "canary-early-ack", "--driver", "stepped"];
    let failing = objects_of_failing(&canary);
    let seed = failing["seed"].to_string();
    let ran = wutong_sim(&[&["shrink", &seed, "--out", shrunk], &canary[..]].concat());
    assert!(ran.status.success(), "{}", text(&ran.stderr));
    let last = text(&ran.stdout).lines().last().unwrap().to_owned();
    assert!(last.contains("wutong-sim -- run --seeds"), "{last}");
    // The last line is the command; cargo aside, it is run as it stands.
    let command: Vec<&str> = last.split(" -- ").nth(1).unwrap().split(' ').collect();
    let again = wutong_sim(&command);
    assert_eq!(again.status.code(), Some(1), "{}", text(&again.stdout));
    let kind = failing["reason"]
        .as_str()
        .unwrap()
        .split(':')
        .next()
        .unwrap();
    assert!(text(&again.stdout).contains(kind), "{kind}");
    let holds = wutong_sim(&["shrink", "0", "--scenario", "calm", "--driver", "stepped"]);
    assert_eq!(holds.status.code(), Some(2));
    assert!(text(&holds.stderr).contains("nothing to shrink"));
}

/// The first seed of the canary that fails.
fn objects_of_failing(canary: &[&str]) -> Value {
    let run = [&["run", "--seeds", "0..12", "--json"], canary].concat();
    let failing = objects(&run)
        .into_iter()
        .find(|o| o["verdict"] == "diverged");
    failing.expect("the canary fails in some world")
}

#[test]
fn the_first_difference_of_two_traces_is_shown() {
    let dir = tempfile::tempdir().unwrap();
    let trace = |name: &str, more: &[&str]| {
        let run = ["run", "--seeds", "3..4", "--trace", "--driver", "stepped"];
        let path = dir.path().join(name);
        std::fs::write(&path, wutong_sim(&[&run[..], more].concat()).stdout).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (one, same) = (trace("one", &[]), trace("same", &[]));
    let other = trace("other", &["--set", "network.delay_us_max=3000"]);
    assert_eq!(wutong_sim(&["diff", &one, &same]).status.code(), Some(0));
    let ran = wutong_sim(&["diff", &one, &other]);
    assert_eq!(ran.status.code(), Some(1));
    let shown = text(&ran.stdout);
    assert!(shown.contains("then they part"), "{shown}");
    assert!(shown.contains("\n< ") && shown.contains("\n> "), "{shown}");
    let nothing = dir.path().join("nothing");
    std::fs::write(&nothing, "no log").unwrap();
    let ran = wutong_sim(&["diff", &one, nothing.to_str().unwrap()]);
    assert_eq!(ran.status.code(), Some(2));
}

#[test]
fn what_cannot_be_is_refused_by_name() {
    let refused = |arguments: &[&str], part: &str| {
        let ran = wutong_sim(arguments);
        assert_eq!(ran.status.code(), Some(2), "{arguments:?}");
        let error = text(&ran.stderr);
        assert!(error.contains(part), "{arguments:?}: {error}");
    };
    let run = |more: [&'static str; 2]| ["run", "--seeds", "0..1", more[0], more[1]];
    refused(&run(["--set", "network.loss=4"]), "plan.network.loss");
    refused(
        &run(["--set", "heights='four'"]),
        "plan.heights: expected integer",
    );
    refused(&run(["--scenario", "nowhere"]), "none of the built-in");
    refused(&run(["--nodes", "0"]), "1 to 16");
    refused(&["run", "--seeds", "5..5"], "empty");
    refused(&["replay", "/nowhere"], "/nowhere");
}
