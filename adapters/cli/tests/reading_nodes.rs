//! What `policy` and `show` make of nodes' answers.

mod support;

use messages::hash::Hash;
use support::ledger::{committed, policy};
use support::*;

fn serving(policy: String) -> FakeNode {
    FakeNode::start(move |_| (200, policy.clone()))
}

#[test]
fn a_policy_is_pinned_or_agreed_on() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("policy").display().to_string();
    let (good, other) = (policy(false), policy(true));
    let (a, b, c) = (
        serving(good.text()),
        serving(good.text()),
        serving(other.text()),
    );
    wutong(&format!("policy --url {}", a.url)).expect(2, &["never taken from one server"]);
    for agree in ["0", "1", "2"] {
        wutong(&format!("policy --url {0},{0} --agree {agree}", a.url)).expect(2, &["--agree"]);
    }
    let urls = format!("policy --url {},{} --url {}", a.url, b.url, c.url);
    let refused = wutong(&format!("{urls} --agree 3 --out {out}"));
    let print = other.fingerprint().to_string();
    refused.expect(1, &[&a.url, &b.url, &c.url, &print]);
    assert!(!std::path::Path::new(&out).exists());
    wutong(&format!("{urls} --agree 2 --out {out}")).expect(0, &["quorum validators"]);
    assert_eq!(std::fs::read_to_string(&out).unwrap(), good.text());
    let pin = format!("{urls} --fingerprint {print} --out {out}");
    wutong(&pin).expect(1, &["another policy is there"]);
    let json = wutong(&format!("{urls} --fingerprint {print} --json"))
        .expect(0, &[])
        .json();
    assert_eq!(json["demonstration"], true);
    wutong("policy --url http://127.0.0.1:1 --agree 1").expect(2, &[]);
    wutong("policy --url http://127.0.0.1:1,127.0.0.1:2 --agree 2").expect(3, &["no node"]);
}

#[test]
fn nodes_answers_are_readable() {
    let health = r#"{"status":"no quorum","network":"trial","node":"v1","missing":["v3","v4"]}"#;
    let validators = r#"{"validators":[{"name":"v4","organisation":"Fourth Lab","present":false,
        "own":false,"height":3,"round":0,"silent_ms":9000}]}"#;
    let node = FakeNode::start(
        move |request| match request.line.split(' ').nth(1).unwrap() {
            "/v1/health" => (503, health.into()),
            "/v1/validators" => (200, validators.into()),
            "/v1/checkpoint" => (200, "origin\n1\nroot\n".into()),
            "/v1/blocks/3" => (
                200,
                r#"{"height":3,"statements":[{"id":"ab","code":7}]}"#.into(),
            ),
            path => (
                404,
                format!(r#"{{"detail":"no {path}","next_step":"look elsewhere"}}"#),
            ),
        },
    );
    let url = format!("--url http://127.0.0.1:1 --url {}", node.url);
    wutong(&format!("show health {url}")).expect(0, &["no quorum", "v3, v4"]);
    wutong(&format!("show validators {url}")).expect(0, &["Fourth Lab (v4): MISSING", "9 s"]);
    wutong(&format!("show checkpoint {url}")).expect(0, &["origin\n1\nroot\n"]);
    wutong(&format!("show block 3 {url}")).expect(0, &["ab failed with code 7"]);
    wutong(&format!("show block 4 {url}")).expect(1, &["no /v1/blocks/4", "look elsewhere"]);
    wutong(&format!("show block -1 {url}")).expect(2, &["HEIGHT"]);
    wutong(&format!("show statement xyz {url}")).expect(2, &["ID", "64 hexadecimal"]);
    wutong("show health --url http://127.0.0.1:1").expect(3, &["no node answered"]);
    let json = wutong(&format!("show health {url} --json"))
        .expect(0, &[])
        .json();
    assert_eq!(json["network"], "trial");
}

#[test]
fn the_network_is_one_table() {
    let quorum = |has: bool| {
        let status = if has { 200 } else { 503 };
        let health = format!(
            r#"{{"status":"x","network":"trial","node":"v1","version":"0.1.0","quorum":{has},
            "quorum_size":2,"missing":["v3"],"height":12,"published":11,"log_size":30,"waiting":4}}"#
        );
        let validators = r#"{"validators":[
            {"name":"v1","organisation":"First Lab","present":true,"own":true,"height":12,"round":0,
             "published":12,"lag_ms":9,"peers":1,"disk_free":70400000000,"version":"0.1.0"},
            {"name":"v2","organisation":"A Second Laboratory","present":true,"own":false,
             "height":10,"round":1,"silent_ms":250},
            {"name":"v3","organisation":"Third Lab","present":false,"own":false,"height":3,
             "round":0,"silent_ms":65000}],"observers":[
            {"name":"o1","organisation":"","present":true,"own":false,"height":12,"round":0,
             "published":11,"silent_ms":80}]}"#;
        FakeNode::start(
            move |request| match request.line.split(' ').nth(1).unwrap() {
                "/v1/health" => (status, health.clone()),
                _ => (200, validators.into()),
            },
        )
    };
    let node = quorum(true);
    let ran = wutong(&format!("status --url {}", node.url)).expect(0, &["quorum, 2 of 3"]);
    let lines: Vec<&str> = ran.out.lines().collect();
    assert_eq!(
        lines[1],
        "height 12, receipts up to 11, 30 entries, 4 statements wait"
    );
    let expected = [
        "NODE  ORGANISATION         STATE    HEIGHT  BEHIND  ROUND  RECEIPTS   LAG  PEERS  DISK FREE  VERSION  HEARD",
        "v1    First Lab            asked        12       0      0        12  9 ms      1    70.4 GB  0.1.0    -",
        "v2    A Second Laboratory  present      10       2      1         -     -      -          -  -        250 ms ago",
        "v3    Third Lab            MISSING       3       9      0         -     -      -          -  -        65 s ago",
        "o1    (observer)           present      12       0      0        11     -      -          -  -        80 ms ago",
    ];
    assert_eq!(lines[2..], expected);
    let node = quorum(false);
    wutong(&format!("status --url {}", node.url)).expect(1, &["NO QUORUM"]);
    let json = wutong(&format!("status --json --url {}", node.url))
        .expect(1, &[])
        .json();
    assert_eq!(json["validators"][1]["behind"], 2);
    assert_eq!(json["validators"][2]["state"], "missing");
    wutong("status --url http://127.0.0.1:1").expect(3, &["no node answered"]);
}

#[test]
fn a_salted_deposit_is_looked_up_with_its_salt() {
    let desk = Desk::new();
    let node = FakeNode::of_trial(committed);
    desk.deposit(&node.url, "").expect(0, &[]);
    let sent = node.statements.lock().unwrap()[0].clone();
    let value = messages::statement::Statement::parse(&sent)
        .unwrap()
        .deposit
        .lodged
        .value();
    let asked = FakeNode::start(move |request| {
        let path = request.line.split(' ').nth(1).unwrap();
        (200, format!(r#"{{"value":"{path}","statements":[]}}"#))
    });
    let (file, receipt) = (
        desk.path("report.pdf"),
        desk.path("out/report.pdf.tlog-proof"),
    );
    let salted = format!("show lookup {file} --receipt {receipt} --url {}", asked.url);
    wutong(&salted).expect(0, &[&format!("value={value}")]);
    let digest = Hash::of(b"the document");
    let plain = format!("show lookup {file} --plain --url {}", asked.url);
    wutong(&plain).expect(0, &[&format!("value={digest}")]);
}
