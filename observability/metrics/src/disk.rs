//! How full a disk is.

use std::path::Path;

/// Room on a disk, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DiskRoom {
    /// What an ordinary process may still write.
    pub free: u64,
    /// The whole disk.
    pub size: u64,
}

/// Room on the disk that holds `folder`; none when the system does not tell.
pub fn disk_room(folder: &Path) -> Option<DiskRoom> {
    let told = rustix::fs::statvfs(folder).ok()?;
    Some(DiskRoom {
        free: told.f_bavail.saturating_mul(told.f_frsize),
        size: told.f_blocks.saturating_mul(told.f_frsize),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_has_room_and_nowhere_has_none() {
        let room = disk_room(&std::env::temp_dir()).unwrap();
        assert!(room.size >= room.free && room.size > 0, "{room:?}");
        assert_eq!(disk_room(Path::new("/no/such/folder")), None);
    }
}
