//! Keys of a backup, put back where the node reads them.

use super::PURPOSES;
use crate::home::NodeHome;
use crate::trial::{with_next, write_secret};
use bus::backup_file::BackupKey;
use messages::genesis::GenesisValidator;
use std::fs;
use std::path::Path;

/// Puts the keys of a validator into its folder: all of them or none. Each must be that of genesis,
/// and none may be there already; encrypted ones are opened with the node's passphrase.
pub(super) fn put(home: &NodeHome, keys: &[BackupKey]) -> Result<(), String> {
    let put_back = "next:  leave --with-keys out, and put keys/ back yourself";
    if keys.is_empty() {
        return Err(format!("it holds no keys\n{put_back}"));
    }
    let Some(own) = home.validator() else {
        return Err(format!(
            "{} is an observer, whose keys are in no genesis\n{put_back}",
            home.name()
        ));
    };
    let beside = home.dir.join("keys.restoring");
    let fail = |e: std::io::Error| format!("{}: {e}", beside.display());
    if beside.exists() {
        fs::remove_dir_all(&beside).map_err(fail)?;
    }
    fs::create_dir_all(&beside).map_err(fail)?;
    let mut each = keys.iter();
    let tried = each.try_for_each(|key| try_key(home, own, &beside, key));
    let moved = tried.and_then(|()| move_all(home, &beside, keys));
    fs::remove_dir_all(&beside).map_err(fail)?;
    moved
}

fn file(key: &BackupKey) -> String {
    format!("{}.pem", key.purpose)
}

/// Writes a key beside its place and reads it as the node will.
fn try_key(
    home: &NodeHome,
    own: &GenesisValidator,
    beside: &Path,
    key: &BackupKey,
) -> Result<(), String> {
    let expected = match &*key.purpose {
        "consensus" => own.consensus,
        "log" => own.log,
        "cosigner" => own.cosigner,
        "receipt" => own.receipt,
        "transport" => own.transport,
        other => return Err(format!("a key for {other:?}; expected {PURPOSES:?}")),
    };
    let path = beside.join(file(key));
    write_secret(&path, &key.pem)?;
    let read = adapters_keys::read(&path, home.passphrase.as_ref()).map_err(with_next)?;
    if read.public() == expected {
        return Ok(());
    }
    let (purpose, name) = (&key.purpose, &own.name);
    Err(format!(
        "its {purpose} key is not that of {name} in genesis"
    ))
}

fn move_all(home: &NodeHome, beside: &Path, keys: &[BackupKey]) -> Result<(), String> {
    let folder = home.dir.join("keys");
    let mut places = keys.iter().map(|key| folder.join(file(key)));
    if let Some(taken) = places.find(|place| place.exists()) {
        return Err(format!(
            "{}: there is a key already\nnext:  leave --with-keys out to keep it",
            taken.display()
        ));
    }
    let one = |key: &BackupKey| fs::rename(beside.join(file(key)), folder.join(file(key)));
    let moved = fs::create_dir_all(&folder).and_then(|()| keys.iter().try_for_each(one));
    moved.map_err(|e| format!("{}: {e}", folder.display()))
}
