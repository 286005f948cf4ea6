use super::*;
use std::collections::BTreeSet;
use std::path::Path;

/// Names in braces, sorted.
fn places(text: &str) -> Vec<&str> {
    let mut places: Vec<&str> = text
        .split('{')
        .skip(1)
        .map(|part| part.split_once('}').expect("a place ends").0)
        .collect();
    places.sort_unstable();
    places
}

#[test]
fn both_languages_have_the_same_places_and_each_text_once() {
    let mut known = BTreeSet::new();
    for (english, chinese) in texts::CHINESE {
        assert_eq!(places(english), places(chinese), "{english}");
        assert!(known.insert(english), "twice: {english}");
        assert!(!chinese.is_empty() && english != chinese, "{english}");
    }
}

/// Literals that follow `call` in a source, with line breaks in them undone.
fn literals(source: &str, call: &str) -> Vec<String> {
    let mut found = Vec::new();
    for part in source.split(call).skip(1) {
        let Some(text) = part.trim_start().strip_prefix('"') else {
            continue;
        };
        let (mut literal, mut chars) = (String::new(), text.chars());
        while let Some(c) = chars.next() {
            match c {
                '"' => break,
                '\\' => match chars.next() {
                    Some('\n') => {
                        let rest = chars.as_str().trim_start();
                        chars = rest.chars();
                    }
                    Some(c) => literal.push(c),
                    None => break,
                },
                c => literal.push(c),
            }
        }
        found.push(literal);
    }
    found
}

fn sources(dir: &Path, all: &mut Vec<String>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            // This file names the calls that it looks for.
            if !path.ends_with("language") {
                sources(&path, all);
            }
        } else if path.extension().is_some_and(|e| e == "rs") {
            all.push(std::fs::read_to_string(path).unwrap());
        }
    }
}

#[test]
fn every_text_that_a_command_says_is_in_the_table() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut all = Vec::new();
    sources(&here.join("src"), &mut all);
    sources(&here.join("../node/src"), &mut all);
    let mut said = 0;
    for source in &all {
        for call in [".say(", ".say_note(", ".words("] {
            for text in literals(source, call) {
                said += 1;
                let known = texts::CHINESE.iter().any(|(english, _)| *english == text);
                assert!(known, "no Chinese for {text:?}");
            }
        }
    }
    assert!(said > 40, "{said}");
}

#[test]
fn the_first_variable_that_is_set_decides() {
    let of = |set: &[(&str, &str)]| {
        let set: Vec<(String, String)> = set
            .iter()
            .map(|(k, v)| ((*k).into(), (*v).into()))
            .collect();
        Language::of(move |name| {
            let found = set.iter().find(|(k, _)| k == name);
            found.map(|(_, v)| v.clone())
        })
    };
    let (chinese, english) = (Language::Chinese, Language::English);
    assert_eq!(of(&[("LANG", "zh_CN.UTF-8")]), chinese);
    assert_eq!(of(&[("LANG", "zh")]), chinese);
    assert_eq!(of(&[("LANG", "zh_CN.UTF-8"), ("LC_ALL", "C")]), english);
    assert_eq!(
        of(&[("LANG", "en_GB.UTF-8"), ("LC_MESSAGES", "zh_TW")]),
        chinese
    );
    assert_eq!(of(&[("LANG", "zh_CN"), ("LC_ALL", "")]), chinese);
    assert_eq!(of(&[]), english);
    assert_eq!(of(&[("LANG", "zhuang")]), english);
    assert_eq!(of(&[("LANG", "tlh_001")]), english);
}

#[test]
fn values_take_their_places() {
    let chinese = Language::Chinese.text("key written to {file}");
    assert_eq!(
        fill(chinese, &[("file", &"a{b}.pem")]),
        "密钥已写入 a{b}.pem"
    );
    assert_eq!(fill("no places", &[]), "no places");
    assert_eq!(Language::Chinese.text("not there"), "not there");
}
