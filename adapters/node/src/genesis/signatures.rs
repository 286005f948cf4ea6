//! The file beside a genesis in which all founders signed it.

use super::files::Signatures;
use messages::founding::{check_genesis, check_signatures};
use messages::genesis::Genesis;
use std::path::{Path, PathBuf};

/// Where the signatures of a genesis are: `genesis.signatures` beside `genesis.cbor`.
pub(crate) fn beside(genesis: &Path) -> PathBuf {
    genesis.with_extension("signatures")
}

/// Checks that the founders of the genesis at `path` signed it, all of them.
///
/// A network that is no demonstration is not run without: whoever hands out another genesis, with one
/// key changed, would found another network under the same name.
pub(crate) fn check_beside(path: &Path, genesis: &Genesis) -> Result<(), String> {
    let file = beside(path);
    let shown = file.display();
    if !file.exists() {
        return Err(format!(
            "{shown}: the signatures of this genesis are missing, and the network is no \
             demonstration\nnext:  put genesis.signatures beside it, as `wutong genesis assemble` \
             wrote it"
        ));
    }
    let signatures = Signatures::read(&file)?;
    check_genesis(genesis)
        .and_then(|()| check_signatures(genesis, &signatures.all))
        .map_err(|e| format!("{shown}: {}", super::refusal(&e)))
}
