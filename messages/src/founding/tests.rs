use super::*;
use crate::genesis::{ListedKey, Namespace, Parameters};
use crate::ids::TimeMs;

fn name(text: &str) -> Name {
    Name::try_new(text).unwrap()
}

fn keys(who: u8) -> [PrivateKey; 5] {
    PURPOSES.map(|purpose| PrivateKey::derive(&[who; 32], purpose))
}

fn member(who: u8) -> Member {
    Member::new(
        name(&format!("v{who}")),
        format!("Organisation {who}"),
        &keys(who),
    )
}

fn genesis() -> Genesis {
    Genesis {
        network: name("court"),
        origin: "ledger.example.org/court".into(),
        created: TimeMs(1_700_000_000_000),
        demonstration: false,
        validators: (1..=4).map(|who| member(who).validator).collect(),
        namespaces: vec![Namespace::open(name("public"))],
        parameters: Parameters::default(),
    }
}

fn signatures(genesis: &Genesis) -> Vec<GenesisSignature> {
    let bytes = genesis.to_bytes();
    let make = |who: u8| GenesisSignature::make(name(&format!("v{who}")), &bytes, &keys(who)[0]);
    (1..=4).map(make).collect()
}

#[test]
fn a_member_proves_each_of_its_keys() {
    assert_eq!(member(1).check(), Ok(()));
    for (place, purpose) in PURPOSES.into_iter().enumerate() {
        let mut other = member(1);
        other.proofs[place].0[40] ^= 1;
        let not = FoundingError::NotPossessed {
            member: name("v1"),
            purpose,
        };
        assert_eq!(other.check(), Err(not));
    }
    // A proof is for one purpose and for one name.
    let mut swapped = member(1);
    swapped.proofs.swap(0, 1);
    assert!(swapped.check().is_err());
    let mut renamed = member(1);
    renamed.validator.organisation = "Another".into();
    assert!(renamed.check().is_err());
    // The identity point, under which forged signatures verify.
    let mut weak = member(1);
    weak.validator.log.0 = [0; 32];
    weak.validator.log.0[0] = 1;
    assert!(matches!(
        weak.check(),
        Err(FoundingError::Key { purpose: "log", .. })
    ));
}

#[test]
fn a_key_has_one_use_and_one_holder() {
    assert_eq!(check_genesis(&genesis()), Ok(()));
    let mut own = genesis();
    own.validators[0].transport = own.validators[0].log;
    let error = check_genesis(&own).unwrap_err().to_string();
    assert!(
        error.contains("the log key of v1") && error.contains("transport"),
        "{error}"
    );
    let mut shared = genesis();
    shared.validators[3].receipt = shared.validators[1].cosigner;
    assert!(matches!(
        check_genesis(&shared),
        Err(FoundingError::KeyTwice { .. })
    ));
    let mut listed = genesis();
    listed.namespaces[0].listed.push(ListedKey {
        key: listed.validators[2].consensus,
        organisation: "Depositor".into(),
    });
    assert!(matches!(
        check_genesis(&listed),
        Err(FoundingError::KeyTwice { .. })
    ));
    let mut named = genesis();
    named.origin = "demonstration.example/x".into();
    assert!(matches!(
        check_genesis(&named),
        Err(FoundingError::DemonstrationOrigin(_))
    ));
    let mut nobody = genesis();
    nobody.validators[1].organisation = " ".into();
    assert_eq!(
        check_genesis(&nobody),
        Err(FoundingError::NoOrganisation(name("v2")))
    );
}

#[test]
fn all_sign_the_same_bytes_or_nothing_is_founded() {
    let genesis = genesis();
    let all = signatures(&genesis);
    assert_eq!(check_signatures(&genesis, &all), Ok(()));
    let error = check_signatures(&genesis, &all[..3]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "1 of 4 validators did not sign: v4 (Organisation 4)"
    );
    let mut other = genesis.clone();
    other.created.0 += 1;
    let mut mixed = all.clone();
    mixed[1] = signatures(&other).swap_remove(1);
    let error = check_signatures(&genesis, &mixed).unwrap_err();
    assert!(matches!(error, FoundingError::OtherBytes { .. }), "{error}");
    // Another organisation's signature under this name.
    mixed[1] = GenesisSignature::make(name("v2"), &genesis.to_bytes(), &keys(3)[0]);
    let error = check_signatures(&genesis, &mixed).unwrap_err();
    assert!(matches!(error, FoundingError::OtherBytes { .. }), "{error}");
    // And one renamed.
    mixed[1] = all[2].clone();
    mixed[1].validator = name("v2");
    assert!(check_signatures(&genesis, &mixed).is_err());
    mixed[1] = GenesisSignature::make(name("v9"), &genesis.to_bytes(), &keys(9)[0]);
    let error = check_signatures(&genesis, &mixed).unwrap_err();
    assert_eq!(error, FoundingError::Stranger(name("v9")));
}

#[test]
fn a_proposal_round_trips_and_its_signed_bytes_are_frozen() {
    let proposal = Proposal {
        genesis: genesis(),
        proofs: (1..=4).map(|who| member(who).proofs).collect(),
    };
    assert_eq!(proposal.check(), Ok(()));
    let bytes = proposal.to_bytes();
    assert_eq!(Proposal::from_bytes(&bytes), Ok(proposal.clone()));
    let mut fewer = proposal;
    fewer.proofs.pop();
    let error = Proposal::from_bytes(&fewer.to_bytes()).unwrap_err();
    assert!(error.to_string().contains("found those of 3"), "{error}");
    let possession = possession(&member(1).validator, "log");
    let signed = signed(&name("v1"), &genesis().to_bytes());
    insta::assert_snapshot!(
        format!("{possession}\n{signed}\n{}", Hash::of(&bytes)),
        @r"
    cd3f68ae46af8425c4efe5935d54af194ba96d771cd2ecd11c627cae43e5fe12
    6ef704a88e7cf4f5507391c854053b83e6409ebba49b184999fdfdaff5388848
    ba720783dadd5f947c45ce3f8ee726715ab22e8e16a5649368ea771cae24a5cf
    "
    );
}
