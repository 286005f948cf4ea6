//! What a reader signs to read a body of a namespace that is not public.

use crate::hash::Hash;
use crate::ids::{Name, TimeMs};

/// A request is good for this long on either side of its time, in milliseconds.
pub const READ_REQUEST_MS: u64 = 60_000;

/// The signed bytes:
/// `"wutong/read-body/v1\0" || digest || time in ms as 8 bytes, big endian || network's name`.
pub fn read_request(network: &Name, digest: &Hash, time: TimeMs) -> Vec<u8> {
    [
        b"wutong/read-body/v1\0".as_slice(),
        &digest.0,
        &time.0.to_be_bytes(),
        network.as_str().as_bytes(),
    ]
    .concat()
}
