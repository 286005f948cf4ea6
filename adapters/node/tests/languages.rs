//! The binary answers in Chinese where the locale says so, with the same structure, and programs read
//! the same in every language.

// The lint does not see that helpers of tests are tests.
#![allow(clippy::unwrap_used)]

mod support;

use std::path::Path;
use support::processes::wutong_with;

/// Standard output and standard error under a locale, with the exit code.
fn run(dir: &Path, locale: &str, arguments: &[&str]) -> (Option<i32>, String, String) {
    let environment = [("LC_ALL", ""), ("LC_MESSAGES", ""), ("LANG", locale)];
    wutong_with(dir, &environment, arguments)
}

fn is_chinese(text: &str) -> bool {
    text.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c))
}

/// Lines and their indentation.
fn structure(text: &str) -> Vec<usize> {
    let indent = |line: &str| line.len() - line.trim_start().len();
    text.lines().map(indent).collect()
}

fn corpus(file: &str) -> String {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../messages/tests/corpus");
    corpus.join(file).display().to_string()
}

#[test]
fn the_locale_chooses_the_language_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let (_, _, said) = run(dir, "C", &["genesis", "template", "--out", "network.toml"]);
    assert_eq!(said, "");
    for who in ["a", "b"] {
        let join = [
            "genesis",
            "join",
            "--name",
            who,
            "--organisation",
            "O",
            "--out",
            who,
        ];
        assert_eq!(run(dir, "C", &join).0, Some(0));
    }
    let propose = [
        "genesis",
        "propose",
        "--network",
        "network.toml",
        "--out",
        "p",
        "a/a.member.toml",
        "b/b.member.toml",
    ];
    assert_eq!(run(dir, "C", &propose).0, Some(0));
    let (receipt, policy) = (corpus("accepted/digest.tlog-proof"), corpus("policy.txt"));
    let verify = [
        "verify",
        "network.toml",
        "--receipt",
        &receipt,
        "--policy",
        &policy,
    ];
    let commands: [&[&str]; 4] = [
        &["genesis", "show", "p"],
        &verify,
        &["verify", "nothing", "--policy", "nothing"],
        &["keygen", "--out", "network.toml"],
    ];
    for command in commands {
        let (code, out, said) = run(dir, "C", command);
        let (chinese_code, chinese_out, chinese_said) = run(dir, "zh_CN.UTF-8", command);
        assert_eq!(code, chinese_code, "{command:?}");
        assert!(!is_chinese(&out) && !is_chinese(&said), "{command:?}");
        assert!(
            is_chinese(&(chinese_out.clone() + &chinese_said)),
            "{command:?}"
        );
        assert_eq!(structure(&out), structure(&chinese_out), "{command:?}");
        assert_eq!(structure(&said), structure(&chinese_said), "{command:?}");
        for other in ["", "POSIX", "en_GB.UTF-8", "xx_YY"] {
            assert_eq!(run(dir, other, command), (code, out.clone(), said.clone()));
        }
    }
    for command in [
        &["genesis", "show", "p", "--json"][..],
        &[&verify[..], &["--json"]].concat(),
    ] {
        assert_eq!(run(dir, "C", command), run(dir, "zh_CN.UTF-8", command));
    }
}
