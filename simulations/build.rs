//! Tells the binary which commit it was built from: the first line of every run names it.

use std::process::Command;

fn main() {
    println!("cargo:rerun-if-env-changed=WUTONG_COMMIT");
    println!("cargo:rerun-if-changed=../.git/logs/HEAD");
    let named = std::env::var("WUTONG_COMMIT").ok();
    let commit = named.or_else(|| {
        let git = Command::new("git")
            .args(["rev-parse", "--short", "HEAD"])
            .output();
        let git = git.ok().filter(|ran| ran.status.success())?;
        String::from_utf8(git.stdout).ok()
    });
    // Outside a checkout there is none to name.
    let commit = commit.unwrap_or_else(|| "unknown commit".into());
    println!("cargo:rustc-env=WUTONG_COMMIT={}", commit.trim());
}
