//! The console in a real browser, against a running devnet.
//!
//! Runs when the environment variable `WUTONG_LIVE` names `browser`. Then `node` and Chromium must
//! be installed, and `WUTONG_PLAYWRIGHT` names the folder into which `playwright-core` was
//! installed by npm; whatever is missing is a failure. `WUTONG_CHROMIUM` names another browser
//! than `/usr/bin/chromium`, `WUTONG_SCREENSHOTS` a folder to leave pictures in.

// The lints do not see that helpers of tests are tests.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;
use support::{Devnet, WUTONG};

/// Cases that the script must have run: fewer is a failure too.
const CASES: &str = "browser: 16 passed, 0 failed";

fn is_asked_for() -> bool {
    let asked = std::env::var("WUTONG_LIVE").is_ok_and(|v| v.contains("browser"));
    if !asked {
        println!("skipped: WUTONG_LIVE does not name browser");
    }
    asked
}

fn playwright() -> PathBuf {
    let folder = std::env::var_os("WUTONG_PLAYWRIGHT");
    let folder = PathBuf::from(folder.expect(
        "WUTONG_LIVE names browser, so WUTONG_PLAYWRIGHT must name a folder with playwright-core",
    ));
    let package = folder.join("node_modules/playwright-core/package.json");
    assert!(package.exists(), "{} is missing", package.display());
    folder
}

#[test]
fn the_console_shows_the_network_and_deposits_from_a_browser() {
    if !is_asked_for() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let chromium = std::env::var("WUTONG_CHROMIUM").unwrap_or("/usr/bin/chromium".into());
    assert!(Path::new(&chromium).exists(), "{chromium} is not installed");
    let playwright = playwright();
    let devnet = Devnet::start(&dir.path().join("devnet"));
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let scratch = dir.path().join("scratch");
    std::fs::create_dir(&scratch).unwrap();
    let ran = Command::new("node")
        .arg(root.join("tests/browser/console.mjs"))
        .env("CONSOLE_URLS", devnet.urls())
        .env("CONSOLE_DATA", &devnet.dir)
        .env("CONSOLE_SCRATCH", &scratch)
        .env("CONSOLE_WUTONG", WUTONG)
        .env("CONSOLE_CHROMIUM", chromium)
        .env("CONSOLE_PLAYWRIGHT", playwright)
        .env(
            "CONSOLE_VERIFY_PAGE",
            root.join("../client-js/page/verify.html"),
        )
        .output()
        .expect("WUTONG_LIVE names browser, so node must be installed");
    let said = String::from_utf8_lossy(&ran.stdout);
    println!("{said}{}", String::from_utf8_lossy(&ran.stderr));
    assert!(ran.status.success(), "the script failed; see above");
    let closing = said.lines().last().unwrap_or_default();
    assert_eq!(closing, CASES, "the number of cases changed");
}
