//! What this process used of the machine.

use std::path::Path;

/// CPU seconds (user and system) of this process so far, from `/proc/self/stat`.
pub(crate) fn cpu_seconds() -> Result<f64, String> {
    let stat = std::fs::read_to_string("/proc/self/stat").map_err(|e| e.to_string())?;
    // The name in parentheses may hold spaces: count the fields after it (proc(5)).
    let after = stat
        .rsplit_once(')')
        .ok_or("no process name in /proc/self/stat")?
        .1;
    let fields: Vec<&str> = after.split_whitespace().collect();
    let ticks = |i: usize| -> Result<f64, String> {
        let text: &&str = fields.get(i).ok_or("too few fields in /proc/self/stat")?;
        text.parse()
            .map_err(|_| format!("field {i} of /proc/self/stat is no number: {text}"))
    };
    // USER_HZ is 100 on every Linux that user space sees (sysconf(3), _SC_CLK_TCK).
    Ok((ticks(11)? + ticks(12)?) / 100.0)
}

/// Bytes of all files below `dir`, as allocated on disk.
pub(crate) fn disk_bytes(dir: &Path) -> std::io::Result<u64> {
    use std::os::unix::fs::MetadataExt;
    let mut bytes = 0;
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        let meta = entry.metadata()?;
        bytes += if meta.is_dir() {
            disk_bytes(&entry.path())?
        } else {
            meta.blocks() * 512
        };
    }
    Ok(bytes)
}

/// The value at a fraction of a sorted list; 0 for an empty one.
pub(crate) fn percentile(sorted: &[u32], fraction: f64) -> u32 {
    let last = sorted.len().saturating_sub(1);
    sorted
        .get((last as f64 * fraction).round() as usize)
        .copied()
        .unwrap_or(0)
}
