//! The README's first command.

// The lint does not see that helpers of tests are tests.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::process::Command;

#[test]
fn the_demo_deposits_verifies_and_refuses() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("a contract.txt");
    std::fs::write(&file, "signed, sealed, delivered").unwrap();
    let ran = Command::new(env!("CARGO_BIN_EXE_wutong"))
        .arg("demo")
        .arg(&file)
        .arg("--data")
        .arg(dir.path().join("demo"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ran.stdout);
    assert!(
        ran.status.success(),
        "{said}{}",
        String::from_utf8_lossy(&ran.stderr)
    );
    let verified = said
        .find("VERIFIED (DEMONSTRATION)")
        .expect("the file verifies");
    let refused = said.find("REFUSED").expect("the changed copy is refused");
    assert!(verified < refused, "{said}");
    assert!(
        said.contains("Demonstration Notary Office"),
        "organisations are named: {said}"
    );
    assert!(
        dir.path()
            .join("demo/receipts/a contract.txt.tlog-proof")
            .exists()
    );
}

#[test]
fn a_folder_that_is_in_use_is_never_founded_over() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("policy"), "somebody's policy").unwrap();
    let ran = Command::new(env!("CARGO_BIN_EXE_wutong"))
        .args(["devnet", "--http", "127.0.0.1:0", "--data"])
        .arg(dir.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ran.stderr);
    assert_eq!(ran.status.code(), Some(1), "{said}");
    assert!(
        said.contains("not empty") && said.contains("next:"),
        "{said}"
    );
    let kept = std::fs::read_to_string(dir.path().join("policy")).unwrap();
    assert_eq!(kept, "somebody's policy");
}
