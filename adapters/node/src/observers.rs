//! `[[observers]]` of `node.toml`: nodes that follow, which a validator links with because its
//! operator says so. Genesis does not name them, and they can do nothing but ask.

use adapters_nats::Peer;
use messages::genesis::Genesis;
use messages::hash::Hash;
use messages::ids::Name;
use messages::keys::PublicKey;
use serde::Deserialize;

/// An observer that a validator serves.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ObserverSection {
    /// Its name.
    name: String,
    /// Its transport key, hexadecimal.
    key: String,
}

/// The observers of a file as links need them.
pub(crate) fn peers(sections: &[ObserverSection], genesis: &Genesis) -> Result<Vec<Peer>, String> {
    let mut peers: Vec<Peer> = Vec::new();
    for section in sections {
        let fail = |what: String| format!("observers: {}: {what}", section.name);
        let name = Name::try_new(&section.name).map_err(|e| fail(e.to_string()))?;
        let known = genesis.validator_by_name(&name).is_some();
        if known || peers.iter().any(|peer| peer.name == name) {
            return Err(fail("this name is taken".into()));
        }
        let key = Hash::from_hex(&section.key).map(|bytes| PublicKey(bytes.0));
        let key = key.ok_or_else(|| {
            fail(format!(
                "key: expected 64 hexadecimal characters, found {:?}\n\
                 next:  `wutong node --config FILE --check` of the observer prints its key",
                section.key
            ))
        })?;
        peers.push(Peer { name, key });
    }
    Ok(peers)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trial::{Founding, TrialNetwork};

    #[test]
    fn names_are_taken_once_and_keys_are_read() {
        let dir = tempfile::tempdir().unwrap();
        let founding = Founding {
            validators: 1,
            listed: Vec::new(),
        };
        let network = TrialNetwork::open_or_found(&dir.path().join("net"), &founding).unwrap();
        let section = |name: &str, key: &str| ObserverSection {
            name: name.into(),
            key: key.into(),
        };
        let key = "ab".repeat(32);
        let read = |sections: &[ObserverSection]| {
            let peers = peers(sections, &network.genesis)?;
            Ok::<_, String>(
                peers
                    .into_iter()
                    .map(|p| p.name.to_string())
                    .collect::<Vec<_>>(),
            )
        };
        let two = [section("observer-0", &key), section("library", &key)];
        assert_eq!(read(&two).unwrap(), ["observer-0", "library"]);
        let refused = |section| read(&[section]).unwrap_err();
        assert!(refused(section("validator-0", &key)).contains("taken"));
        assert!(refused(section("observer-0", "abc")).contains("64 hexadecimal"));
        assert!(refused(section("Observer", &key)).contains("not a name"));
        let twice = [section("a", &key), section("a", &key)];
        assert!(read(&twice).unwrap_err().contains("taken"));
    }
}
