use super::*;
use messages::keys::PrivateKey;
use messages::note::{VerifierKey, VerifierKeyType};
use messages::policy::Witness;

fn policy(seed: u8) -> Policy {
    let key = |purpose: &str, name: &str, kind| {
        let key = PrivateKey::derive(&[seed; 32], purpose);
        VerifierKey::try_new(name, kind, key.public()).unwrap()
    };
    let witness = Witness {
        name: "v1".into(),
        key: key("cosigner", "v1.example", VerifierKeyType::Cosigner),
        organisation: Some("First Notary".into()),
    };
    let log = key("log", "log.example", VerifierKeyType::Log);
    Policy::of_validators(vec![log], vec![witness], false).unwrap()
}

fn answer(node: &str, policy: Option<&Policy>) -> Answered {
    Answered {
        node: node.parse().unwrap(),
        policy: match policy {
            Some(policy) => Ok((policy.text(), policy.clone())),
            None => Err("no answer in time".into()),
        },
    }
}

#[test]
fn agreement_needs_as_many_nodes_as_asked() {
    let (good, bad) = (policy(1), policy(2));
    let answers = [
        answer("a", Some(&good)),
        answer("b", Some(&good)),
        answer("c", Some(&bad)),
    ];
    assert_eq!(judge(&answers, Rule::Agree(2)).unwrap(), good);
    let refused = judge(&answers, Rule::Agree(3)).unwrap_err();
    assert_eq!(refused.exit, Exit::Refused);
    for part in ["http://c: policy", &bad.fingerprint().to_string()] {
        assert!(refused.what.contains(part), "{}", refused.what);
    }
}

#[test]
fn two_rival_agreements_are_none() {
    let (one, two) = (policy(1), policy(2));
    let answers = [
        answer("a", Some(&one)),
        answer("b", Some(&two)),
        answer("c", Some(&one)),
        answer("d", Some(&two)),
    ];
    assert_eq!(
        judge(&answers, Rule::Agree(2)).unwrap_err().exit,
        Exit::Refused
    );
}

#[test]
fn a_pin_is_met_by_one_and_by_no_other() {
    let (good, bad) = (policy(1), policy(2));
    let answers = [answer("a", Some(&bad)), answer("b", Some(&good))];
    assert_eq!(
        judge(&answers, Rule::Pinned(good.fingerprint())).unwrap(),
        good
    );
    let refused = judge(&answers[..1], Rule::Pinned(good.fingerprint())).unwrap_err();
    assert_eq!(refused.exit, Exit::Refused);
    let silent = judge(&[answer("a", None)], Rule::Agree(2)).unwrap_err();
    assert_eq!(silent.exit, Exit::Pending);
}

#[test]
fn other_bytes_of_the_same_policy_do_not_agree() {
    let good = policy(1);
    let mut commented = answer("b", Some(&good));
    commented.policy = Ok((format!("# hello\n{}", good.text()), good.clone()));
    let answers = [answer("a", Some(&good)), commented];
    assert!(
        judge(&answers, Rule::Agree(2))
            .unwrap_err()
            .what
            .contains("in other words")
    );
}
