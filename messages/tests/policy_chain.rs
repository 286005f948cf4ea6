//! From one epoch's policy to another's, forward and back, and no further.
#![allow(clippy::unwrap_used)]

mod support;

use messages::policy_chain::{connect, follow};
use messages::verify::{Check, verify};
use support::name;
use support::network::*;

#[test]
fn an_old_anchor_verifies_a_new_receipt_and_a_new_anchor_an_old_one() {
    let (first, later) = (Network::of(4), Network::later(4));
    // What a node serves: each policy bound by a checkpoint of the other's epoch.
    let served = [later.link(1, &first), first.link(0, &later)];
    for (anchor, issuer) in [(&first, &later), (&later, &first)] {
        let bare = Issue::standard().receipt(issuer);
        let refused = verify(&bare, &anchor.policy(), Some(&document()));
        assert!(!refused.is_accepted());
        let links = connect(&bare, &name("trial"), &anchor.policy(), &served).unwrap();
        assert_eq!(links.len(), 1);
        let mut receipt = bare.clone();
        receipt.extra.chain = links;
        let report = verify(&receipt, &anchor.policy(), Some(&document()));
        let evidence = report.evidence.as_ref().unwrap();
        assert_eq!(evidence.policy, anchor.policy().fingerprint());
        assert!(report.finding(Check::PolicyChain).is_some());
        // The chain is of no use to one who knows the policy in force, and does no harm.
        let own = connect(&bare, &name("trial"), &issuer.policy(), &served).unwrap();
        assert!(own.is_empty());
    }
}

#[test]
fn links_lead_over_several_epochs_in_order_only() {
    let epochs = [
        Network::of(4),
        Network::later(4),
        Network::of_keys("third ", 4),
    ];
    let links = [epochs[1].link(1, &epochs[0]), epochs[2].link(2, &epochs[1])];
    let anchor = epochs[0].policy();
    let followed = follow(&anchor, &links, &name("trial")).unwrap();
    let newest = followed.newest.fingerprint();
    assert_eq!(newest, epochs[2].policy().fingerprint());
    assert!(!followed.demonstration);
    let turned = [links[1].clone(), links[0].clone()];
    let refused = follow(&anchor, &turned, &name("trial")).unwrap_err();
    assert!(refused.starts_with("link 1:"), "{refused}");
    assert!(follow(&anchor, &links, &name("other")).is_err());
    let receipt = Issue::standard().receipt(&epochs[2]);
    let way = connect(&receipt, &name("trial"), &anchor, &turned).unwrap();
    assert_eq!(way, links);
    assert!(connect(&receipt, &name("trial"), &anchor, &links[1..]).is_none());
}
