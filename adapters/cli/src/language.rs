//! In which language people are answered: English, or Chinese where the locale says so.
//!
//! A text is known by its English form, so a text without a translation is still one that people can
//! read. JSON, logs and what travels between programs are never translated. A table of pairs and not
//! a library: there are two languages and no plural forms, and a test reads the sources and holds
//! every text of theirs against the table.

mod texts;

use std::fmt::Display;

/// A language of answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// English, unless the locale says otherwise.
    English,
    /// Chinese, in simplified characters.
    Chinese,
}

impl Language {
    /// As POSIX has it: the first of `LC_ALL`, `LC_MESSAGES` and `LANG` that is set decides.
    pub fn of_environment() -> Self {
        Self::of(|name| std::env::var(name).ok())
    }

    fn of(environment: impl Fn(&str) -> Option<String>) -> Self {
        let mut names = ["LC_ALL", "LC_MESSAGES", "LANG"].into_iter();
        let locale = names.find_map(|name| environment(name).filter(|text| !text.is_empty()));
        let locale = locale.unwrap_or_default();
        let language = locale.split(['_', '.', '@', '-']).next();
        match language {
            Some("zh") => Self::Chinese,
            _ => Self::English,
        }
    }

    /// A text in this language.
    pub fn text(self, english: &str) -> &str {
        let translated = match self {
            Self::English => None,
            Self::Chinese => texts::CHINESE.iter().find(|(known, _)| *known == english),
        };
        translated.map_or(english, |(_, chinese)| chinese)
    }
}

/// Puts values in the places of a text: `{name}` becomes the value of that name.
pub(crate) fn fill(text: &str, values: &[(&str, &dyn Display)]) -> String {
    let mut filled = String::with_capacity(text.len() + 32);
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        filled.push_str(before);
        let Some((name, behind)) = after.split_once('}') else {
            rest = after;
            continue;
        };
        let value = values.iter().find(|(known, _)| *known == name);
        debug_assert!(value.is_some(), "{text:?} has no value for {name}");
        if let Some((_, value)) = value {
            filled.push_str(&value.to_string());
        }
        rest = behind;
    }
    filled + rest
}

#[cfg(test)]
mod tests;
