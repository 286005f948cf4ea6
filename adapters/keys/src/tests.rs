use super::*;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn file(&self, name: &str, text: &str, mode: u32) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        path
    }

    /// A passphrase as people give it.
    fn passphrase(&self, text: &str) -> Passphrase {
        let path = self.file("passphrase", text, 0o600);
        Passphrase::find(Some(&path)).unwrap().unwrap()
    }
}

#[test]
fn an_encrypted_key_is_opened_by_its_passphrase_alone() {
    let folder = Folder::new();
    let (right, wrong) = (
        folder.passphrase("correct horse"),
        folder.passphrase("wrong horse"),
    );
    let key = PrivateKey::from_seed(&[7; 32]);
    let text = to_pem(&key, Some(&right)).unwrap();
    assert!(text.starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----\n"));
    let path = folder.file("key.pem", &text, 0o600);
    assert!(is_encrypted(&path));
    assert_eq!(read(&path, Some(&right)).unwrap().public(), key.public());
    let error = read(&path, Some(&wrong)).unwrap_err();
    assert!(
        error
            .what
            .ends_with("the passphrase does not open this key"),
        "{error}"
    );
    let error = read(&path, None).unwrap_err();
    assert!(error.what.contains("no passphrase is given"), "{error}");
    assert!(
        error.next_step.contains("WUTONG_KEY_PASSPHRASE_FILE"),
        "{error:?}"
    );
    // Twice the same key is not twice the same file.
    assert_ne!(*to_pem(&key, Some(&right)).unwrap(), *text);
    let changed = text.replace("\nMI", "\nMJ");
    let path = folder.file("changed.pem", &changed, 0o600);
    assert!(read(&path, Some(&right)).is_err());
}

#[test]
fn a_plain_key_needs_no_passphrase_and_one_open_to_others_is_refused() {
    let folder = Folder::new();
    let key = PrivateKey::from_seed(&[8; 32]);
    let text = to_pem(&key, None).unwrap();
    let path = folder.file("key.pem", &text, 0o600);
    assert!(!is_encrypted(&path));
    let passphrase = folder.passphrase("of the other keys");
    for given in [None, Some(&passphrase)] {
        assert_eq!(read(&path, given).unwrap().public(), key.public());
    }
    let open = folder.file("open.pem", &text, 0o640);
    let error = read(&open, None).unwrap_err();
    assert!(error.what.contains("others may read this key"), "{error}");
    assert!(error.next_step.starts_with("chmod 600 "), "{error:?}");
    assert!(read_whoever_may(&open, None).is_ok());
    let other = folder.file("other.pem", "no key", 0o600);
    assert!(
        read(&other, None)
            .unwrap_err()
            .what
            .contains("expected an Ed25519")
    );
}

fn openssl(folder: &Folder, arguments: &[&str]) -> String {
    let ran = Command::new("openssl")
        .args(arguments)
        .current_dir(folder.0.path())
        .output();
    let ran = ran.expect("openssl is part of every system that builds this");
    let said = String::from_utf8_lossy(&ran.stderr).into_owned();
    assert!(ran.status.success(), "openssl {arguments:?}: {said}");
    String::from_utf8(ran.stdout).unwrap()
}

/// The public key of an `openssl pkey -text` print.
fn public_of(text: &str) -> String {
    let public = text.split("pub:").nth(1).unwrap();
    public.chars().filter(char::is_ascii_hexdigit).collect()
}

#[test]
fn openssl_reads_our_keys_and_we_read_its() {
    let folder = Folder::new();
    let passphrase = folder.passphrase("correct horse\n");
    let key = PrivateKey::from_seed(&[9; 32]);
    folder.file("ours.pem", &to_pem(&key, Some(&passphrase)).unwrap(), 0o600);
    let shows = [
        "pkey",
        "-in",
        "ours.pem",
        "-passin",
        "file:passphrase",
        "-noout",
        "-text",
    ];
    let public = public_of(&openssl(&folder, &shows));
    assert_eq!(public, key.public().to_string());
    // PBKDF2 by default, scrypt when asked.
    let makes = ["genpkey", "-algorithm", "ed25519", "-out", "plain.pem"];
    openssl(&folder, &makes);
    for kdf in [["-v2", "aes-256-cbc"].as_slice(), &["-scrypt"]] {
        let mut arguments = vec!["pkcs8", "-topk8", "-in", "plain.pem", "-out", "theirs.pem"];
        arguments.extend(["-passout", "file:passphrase"]);
        arguments.extend(kdf);
        openssl(&folder, &arguments);
        let theirs = folder.0.path().join("theirs.pem");
        std::fs::set_permissions(&theirs, std::fs::Permissions::from_mode(0o600)).unwrap();
        let read = read(&theirs, Some(&passphrase)).unwrap().public();
        let shows = ["pkey", "-in", "plain.pem", "-noout", "-text"];
        assert_eq!(public_of(&openssl(&folder, &shows)), read.to_string());
    }
}
