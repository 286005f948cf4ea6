//! Signed notes, verifier keys, checkpoints and cosignatures: the published examples and ours.
#![allow(clippy::unwrap_used)]

mod support;

use messages::checkpoint::*;
use messages::hash::Hash;
use messages::ids::TreeSize;
use messages::note::*;
use support::key;

const SPEC_KEY: &str = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
const SPEC_NOTE: &str = "This is an example message.\n\n\u{2014} example.com/foo Uw2QOkn8srV1yJGh2\
    VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n";

#[test]
fn the_example_of_signed_note_verifies() {
    let verifier = VerifierKey::parse(SPEC_KEY).unwrap();
    assert_eq!(verifier.to_string(), SPEC_KEY);
    assert_eq!(verifier.name(), "example.com/foo");
    assert_eq!(verifier.key_id(), 0x530d_903a);
    let note = Note::parse(SPEC_NOTE).unwrap();
    assert_eq!(note.encode(), SPEC_NOTE);
    assert_eq!(note.text, "This is an example message.\n");
    assert!(verify_log(&verifier, &note.text, &note.signatures[0]));
    assert!(!verify_log(
        &verifier,
        "This is an example message?\n",
        &note.signatures[0]
    ));
}

#[test]
fn the_example_of_tlog_cosignature_is_read() {
    let note = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\
        \n\n\u{2014} example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4UR\
        YN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n\u{2014} witness.example.com/w1 jWbPPwAAAABkGFDLE\
        ZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n";
    let parsed = Note::parse(note).unwrap();
    assert_eq!(parsed.encode(), note);
    let head = Checkpoint::parse(&parsed.text).unwrap();
    assert_eq!(head.size, TreeSize(20_852_163));
    assert_eq!(head.text(), parsed.text);
    let time: [u8; 8] = parsed.signatures[1].bytes[..8].try_into().unwrap();
    assert_eq!(u64::from_be_bytes(time), 1_679_315_147);
}

#[test]
fn malformed_notes_are_refused() {
    let good = SPEC_NOTE;
    for (what, bad) in [
        ("no last newline", good.trim_end().to_string()),
        ("a trailing byte", format!("{good}x")),
        ("a trailing newline", format!("{good}\n")),
        ("a tab", good.replace("example message", "example\tmessage")),
        ("a carriage return", good.replace('\n', "\r\n")),
        ("no blank line", good.replace("\n\n", "\n")),
        ("no signature", "text\n\n".into()),
        ("another dash", good.replace('\u{2014}', "-")),
        ("two spaces", good.replace("foo ", "foo  ")),
        ("stray bits in base64", good.replace("aQM=", "aQN=")),
        ("no padding", good.replace("aQM=", "aQM")),
        ("plus in a name", good.replace("com/foo", "com+foo")),
        ("no name", good.replace("example.com/foo", "")),
        ("a key id only", "text\n\n\u{2014} a AAAAAA==\n".into()),
    ] {
        assert!(Note::parse(&bad).is_err(), "{what} must be refused");
    }
    let line = good.split_once("\n\n").unwrap().1;
    assert!(Note::parse(&format!("t\n\n{}", line.repeat(SIGNATURES_MAX))).is_ok());
    assert!(Note::parse(&format!("t\n\n{}", line.repeat(SIGNATURES_MAX + 1))).is_err());
    // The last blank line separates; the text may hold others.
    assert_eq!(
        Note::parse(&format!("a\n\nb\n\n{line}")).unwrap().text,
        "a\n\nb\n"
    );
}

#[test]
fn malformed_verifier_keys_are_refused() {
    for (what, bad) in [
        ("upper-case id", SPEC_KEY.replace("530d903a", "530D903A")),
        ("another id", SPEC_KEY.replace("530d903a", "530d903b")),
        ("another name", SPEC_KEY.replace("foo", "bar")),
        ("a short id", SPEC_KEY.replace("530d903a", "30d903a")),
        ("a short key", "a+530d903a+Aeky".into()),
        ("a space", SPEC_KEY.replace("foo", "f oo")),
        ("no key", "example.com/foo+530d903a".into()),
    ] {
        assert!(VerifierKey::parse(&bad).is_err(), "{what} must be refused");
    }
    let unknown_type = SPEC_KEY.replace("+Aeky", "+Beky");
    assert_eq!(
        VerifierKey::parse(&unknown_type),
        Err(NoteError::KeyType { found: 5 })
    );
}

#[test]
fn malformed_checkpoints_are_refused() {
    let good = "log.example/a\n7\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";
    assert_eq!(Checkpoint::parse(good).unwrap().text(), good);
    for (what, bad) in [
        ("an extension line", format!("{good}extension\n")),
        ("leading zeros", good.replace("\n7\n", "\n07\n")),
        ("a sign", good.replace("\n7\n", "\n+7\n")),
        ("no size", good.replace("\n7\n", "\n\n")),
        (
            "too large a size",
            good.replace("\n7\n", "\n18446744073709551616\n"),
        ),
        ("an origin with a space", good.replace("log.", "log ")),
        ("no origin", good.replace("log.example/a", "")),
        ("a short root", good.replace("CsUY", "")),
        ("no last newline", good.trim_end().into()),
    ] {
        assert!(Checkpoint::parse(&bad).is_err(), "{what} must be refused");
    }
}

#[test]
fn log_and_cosigner_keys_do_not_stand_in_for_each_other() {
    let key = key("cosigner 1");
    let text = Checkpoint {
        origin: "o".into(),
        size: TreeSize(0),
        root: Hash::empty_root(),
    }
    .text();
    let log = VerifierKey::try_new("o", VerifierKeyType::Log, key.public()).unwrap();
    let cosigner = VerifierKey::try_new("o", VerifierKeyType::Cosigner, key.public()).unwrap();
    assert_ne!(log.key_id(), cosigner.key_id());
    let (signed, cosigned) = (sign_log(&key, "o", &text), cosign(&key, "o", 9, &text));
    assert!(verify_log(&log, &text, &signed));
    assert_eq!(verify_cosignature(&cosigner, &text, &cosigned), Some(9));
    assert!(!verify_log(&cosigner, &text, &signed));
    assert_eq!(verify_cosignature(&log, &text, &cosigned), None);
    let mut later = cosigned.clone();
    later.bytes[7] += 1;
    assert_eq!(verify_cosignature(&cosigner, &text, &later), None);
    // Times above 2^63 - 1 are not allowed, however well signed.
    let beyond = cosign(&key, "o", 1 << 63, &text);
    assert_eq!(verify_cosignature(&cosigner, &text, &beyond), None);
}

#[test]
fn checkpoint_encoding_is_frozen() {
    let network = support::network::Network::of(2);
    let head = Checkpoint {
        origin: support::network::ORIGIN.into(),
        size: TreeSize(109_482),
        root: Hash::of(b"root"),
    };
    let note = network.sign(&head, &[1, 0]);
    insta::assert_snapshot!("checkpoint", note.encode());
    insta::assert_snapshot!("checkpoint_hash", head.hash());
}
