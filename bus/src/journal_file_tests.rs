#![allow(clippy::unwrap_used)]

use super::*;

fn record(seq: u64) -> Record {
    Record {
        seq,
        stream: Stream::Checkpoint,
        now: TimeMs(7),
        input: Bytes::from(format!("input {seq}")),
        effects: seq * 11,
    }
}

fn file() -> Vec<u8> {
    let header = FileHeader {
        network: Name::try_new("trial").unwrap(),
        node: Name::try_new("node-0").unwrap(),
        genesis: Bytes::from_static(b"genesis"),
        base: Height(0),
        secret: None,
        version: "1".into(),
    };
    let mut writer = JournalFileWriter::new(Vec::new(), &header).unwrap();
    (5..8).for_each(|seq| writer.record(record(seq)).unwrap());
    writer.finish().unwrap()
}

#[test]
fn what_is_written_is_read() {
    let read = JournalFile::read(&file()).unwrap();
    assert_eq!(read.records, [record(5), record(6), record(7)]);
    assert_eq!(read.header.network.as_str(), "trial");
}

#[test]
fn every_cut_is_refused_with_its_place() {
    let whole = file();
    for length in 0..whole.len() {
        let error = JournalFile::read(&whole[..length]).unwrap_err();
        assert!(error.offset <= length as u64, "{length}: {error}");
        assert!(error.reason.contains("cut short"), "{length}: {error}");
    }
}

#[test]
fn every_changed_byte_is_refused_in_the_item_where_it_is() {
    let whole = file();
    let clean = |upto: u64| {
        JournalFile::read(&whole[..upto as usize])
            .unwrap_err()
            .offset
    };
    for at in 0..whole.len() {
        let mut changed = whole.clone();
        changed[at] ^= 0x40;
        let error = JournalFile::read(&changed).unwrap_err();
        assert!(error.offset <= at as u64, "{at}: {error}");
        // Everything before the item it names is whole.
        assert_eq!(clean(error.offset), error.offset, "{at}: {error}");
    }
}

#[test]
fn another_version_and_what_is_no_journal_are_refused() {
    let error = JournalFile::read(b"a text of some length that is no journal at all").unwrap_err();
    assert_eq!(error.offset, 0);
    assert!(error.reason.contains("should begin"), "{error}");
    // A header of version 9, with a hash that fits.
    let whole = file();
    let length = u32::from_be_bytes(whole[8..12].try_into().unwrap()) as usize + 12;
    let mut frame = whole[..length].to_vec();
    frame[7] = 9;
    let hash = item_hash(&Hash::ZERO, &frame);
    let error = JournalFile::read(&[&frame[..], &hash.0].concat()).unwrap_err();
    assert_eq!(error.offset, 0);
    assert!(error.reason.contains("version 9"), "{error}");
}

#[test]
fn the_file_format_is_frozen() {
    let hash = Hash::of(&file());
    assert_eq!(hash.short(), "8568a213");
}
