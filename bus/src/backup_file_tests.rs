//! A backup is read as it was written, and no other.

use super::*;
use messages::block::BlockBytes;

fn name(text: &str) -> Name {
    Name::try_new(text).unwrap()
}

fn header() -> BackupHeader {
    BackupHeader {
        network: name("trial"),
        node: name("v1"),
        genesis: Bytes::from_static(b"genesis"),
        height: Height(2),
        made: TimeMs(7),
        version: "0.1.0".into(),
    }
}

fn block(text: &'static [u8]) -> BackupItem {
    BackupItem::Block(CertifiedBlock {
        block: BlockBytes {
            header: Bytes::from_static(text),
            statements: vec![Bytes::from_static(b"statement")],
            certificate: Bytes::new(),
        },
        certificate: Bytes::from_static(b"certificate"),
    })
}

fn items() -> Vec<BackupItem> {
    vec![
        BackupItem::Key(BackupKey {
            purpose: "log".into(),
            pem: "a secret".into(),
        }),
        block(b"one"),
        BackupItem::Body(Bytes::from_static(b"a body")),
        block(b"two"),
        BackupItem::Checkpoint(BackupCheckpoint {
            note: "a note\n".into(),
            signatures: HeadSignatures {
                height: Height(2),
                signatures: Vec::new(),
            },
        }),
        BackupItem::End(BackupEnd {
            blocks: 2,
            checkpoints: 1,
            bodies: 1,
            bodies_missing: 3,
        }),
    ]
}

fn written() -> Vec<u8> {
    let mut writer = BackupWriter::new(Vec::new(), &header()).unwrap();
    for item in items() {
        writer.item(item).unwrap();
    }
    writer.finish().unwrap()
}

fn read(bytes: &[u8]) -> Result<Vec<BackupItem>, BackupFileError> {
    let mut reader = BackupReader::new(bytes)?;
    let mut items = Vec::new();
    loop {
        let item = reader.item()?;
        let is_end = matches!(item, BackupItem::End(_));
        items.push(item);
        if is_end {
            return Ok(items);
        }
    }
}

#[test]
fn what_was_written_is_read() {
    let bytes = written();
    assert_eq!(*BackupReader::new(&bytes[..]).unwrap().header(), header());
    assert_eq!(read(&bytes).unwrap(), items());
    assert!(!format!("{:?}", items()).contains("a secret"));
}

/// Each changed byte and each cut is refused, and where it is told is not behind it.
#[test]
fn no_changed_or_missing_byte_passes() {
    let bytes = written();
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        let error = read(&changed).unwrap_err();
        assert!(error.offset <= at as u64, "byte {at}: {error}");
        let error = read(&bytes[..at]).unwrap_err();
        assert!(error.offset <= at as u64, "cut at {at}: {error}");
        assert!(error.reason.contains("cut short"), "cut at {at}: {error}");
    }
    let more = [&bytes[..], b"x"].concat();
    assert!(read(&more).unwrap_err().reason.contains("behind the end"));
}

#[test]
fn an_item_that_was_taken_out_is_missed() {
    let mut writer = BackupWriter::new(Vec::new(), &header()).unwrap();
    for item in items()
        .into_iter()
        .filter(|i| !matches!(i, BackupItem::Block(_)))
    {
        writer.item(item).unwrap();
    }
    let error = read(&writer.finish().unwrap()).unwrap_err();
    assert!(error.reason.contains("does not hold as much"), "{error}");
}

#[test]
fn the_layout_is_frozen() {
    let hash = Hash::of(&written());
    let text = format!("{} bytes {hash}", written().len());
    assert_eq!(
        text,
        "580 bytes 3f29e19edb8ae283607a5dee8da763d11e510fe039f256e1adc71bcbb84b1fd9"
    );
}
