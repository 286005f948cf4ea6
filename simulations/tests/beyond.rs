//! More adversaries than the protocol bears: the ledgers part, the checkers notice, and what was
//! signed convicts exactly the guilty, for a stranger who has the genesis document.

#![allow(clippy::print_stdout, reason = "a test tells what it saw")]

use messages::blame::{Anchor, BlameFile, Exhibit, judge};
use messages::genesis::Genesis;
use messages::ids::Height;
use simulations::founders::node_name;
use simulations::{Driver, Options, Plan, Scenario, Tester, Verdict, View, run_plan};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

/// Seeds tried.
const SEEDS: u64 = 12;

/// What honest nodes published, by height: the note and the certificate of each.
#[derive(Default)]
struct Published {
    genesis: Option<Genesis>,
    notes: BTreeMap<Height, BTreeSet<String>>,
    certificates: BTreeMap<Height, BTreeSet<Vec<u8>>>,
}

struct Collector(Arc<Mutex<Published>>);

impl Tester for Collector {
    fn at_close(&mut self, world: &mut View<'_>) {
        let mut published = self.0.lock().expect("nobody panics here");
        published.genesis = Some(world.genesis().clone());
        for node in (0..world.plan.nodes).filter(|n| world.plan.is_honest(*n)) {
            world.look(node, |tables| {
                for (height, (note, _)) in &tables.notes {
                    let notes = published.notes.entry(*height).or_default();
                    notes.insert(note.clone());
                }
                for (height, block) in tables.blocks.iter().skip(1) {
                    let certificates = published.certificates.entry(*height).or_default();
                    certificates.insert(block.certificate.to_vec());
                }
            });
        }
    }
}

fn world(seed: u64) -> (Verdict, Published) {
    let scenario = Scenario::find("fork").expect("a scenario that comes along");
    let plan = scenario.plan(seed, Driver::Stepped, 4);
    let plan = Plan {
        // A stranger verifies Ed25519.
        real_keys: true,
        ..plan.expect("a whole scenario")
    };
    let published = Arc::new(Mutex::new(Published::default()));
    let collected = published.clone();
    let options = Options {
        runs_on: true,
        testers: vec![Arc::new(move || Box::new(Collector(collected.clone())))],
        ..Options::default()
    };
    let verdict = run_plan(plan, &options).verdict;
    let published = std::mem::take(&mut *published.lock().expect("nobody panics here"));
    (verdict, published)
}

/// Whom two things convict, by the file that a stranger checks; none when they prove nothing.
fn convicted(first: &[u8], second: &[u8], anchor: &Anchor) -> Option<BTreeSet<String>> {
    let exhibits = [first, second].map(|bytes| Exhibit::parse(bytes).expect("an exhibit"));
    let report = judge(&exhibits.concat(), anchor);
    let file = BlameFile::of(&report)?.encode();
    let checked = BlameFile::check(file.as_bytes(), anchor).expect("the file holds");
    assert!(checked.is_proven(), "the file convicts");
    let names = checked.convicted.iter().map(|c| c.holder.name.clone());
    Some(names.collect())
}

#[test]
fn a_fork_is_noticed_and_convicts_the_guilty() {
    let guilty: BTreeSet<String> = [0, 1].map(|n| node_name(n).to_string()).into();
    let (mut forks, mut heads, mut certificates) = (0, 0, 0);
    for seed in 0..SEEDS {
        let (verdict, published) = world(seed);
        let Verdict::Diverged(reason) = verdict else {
            continue;
        };
        assert!(reason.contains("agreement"), "seed {seed}: {reason}");
        forks += 1;
        let genesis = published.genesis.expect("a world has a genesis");
        let anchor = Anchor::of_genesis(genesis).expect("a genesis that gives a policy");
        for notes in published.notes.values() {
            let notes: Vec<&String> = notes.iter().collect();
            for (i, first) in notes.iter().enumerate() {
                for second in &notes[i + 1..] {
                    let found = convicted(first.as_bytes(), second.as_bytes(), &anchor);
                    if let Some(found) = found {
                        assert!(found.is_subset(&guilty), "seed {seed}: {found:?}");
                        heads += usize::from(found == guilty);
                    }
                }
            }
        }
        for several in published.certificates.values() {
            let several: Vec<&Vec<u8>> = several.iter().collect();
            for (i, first) in several.iter().enumerate() {
                for second in &several[i + 1..] {
                    if let Some(found) = convicted(first, second, &anchor) {
                        assert!(found.is_subset(&guilty), "seed {seed}: {found:?}");
                        certificates += usize::from(found == guilty);
                    }
                }
            }
        }
    }
    println!(
        "{forks} forks in {SEEDS} worlds; convicted by {certificates} pairs of certificates, {heads} pairs of heads"
    );
    assert!(forks > 0, "two of four may fork a network");
    assert!(certificates > 0, "two certificates convict both twins");
    assert!(heads > 0, "two cosigned heads convict both twins");
}
