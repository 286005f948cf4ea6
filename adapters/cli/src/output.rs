//! The one way out: answers to one writer, errors and notes to another.

use crate::language::{Language, fill};
use serde_json::Value;
use std::fmt::Display;
use std::io::Write;
use unicode_width::UnicodeWidthStr;

/// Columns of a field's name.
const NAME_COLUMNS: usize = 16;

/// Where a command writes. Control characters of foreign texts never reach a terminal.
pub struct Output<'w> {
    answers: Box<dyn Write + 'w>,
    notes: Box<dyn Write + 'w>,
    language: Language,
}

impl<'w> Output<'w> {
    /// Writes answers and notes to two writers, in English.
    pub fn new(answers: impl Write + 'w, notes: impl Write + 'w) -> Self {
        Self {
            answers: Box::new(answers),
            notes: Box::new(notes),
            language: Language::English,
        }
    }

    /// Writes answers to standard output and notes to standard error, in the language of the
    /// environment.
    pub fn terminal() -> Output<'static> {
        let mut output = Output::new(std::io::stdout(), std::io::stderr());
        output.language = Language::of_environment();
        output
    }

    /// A text in the reader's language, with values in its places.
    pub fn words(&self, english: &str, values: &[(&str, &dyn Display)]) -> String {
        fill(self.language.text(english), values)
    }

    /// A fixed text in the reader's language; braces in it mean nothing.
    pub fn text(&self, english: &str) -> String {
        self.language.text(english).into()
    }

    /// Writes a line of an answer in the reader's language.
    pub fn say(&mut self, english: &str, values: &[(&str, &dyn Display)]) {
        let text = self.words(english, values);
        self.line(&text);
    }

    /// Writes a line that is not part of the answer, in the reader's language.
    pub fn say_note(&mut self, english: &str, values: &[(&str, &dyn Display)]) {
        let text = self.words(english, values);
        self.note(&text);
    }

    /// Writes what went wrong and what to do about it.
    pub fn failure(&mut self, what: &str, next_step: Option<&str>) {
        let mut text = self.words("error: {what}", &[("what", &what)]);
        if let Some(step) = next_step {
            let step = self.language.text(step);
            text += "\n";
            text += &self.words("next:  {step}", &[("step", &step)]);
        }
        self.note(&text);
    }

    /// Writes lines of an answer.
    pub fn line(&mut self, text: &str) {
        write_line(&mut self.answers, text);
    }

    /// Writes a name and its value as one aligned line of an answer; a value of several lines
    /// cannot pass for several fields. The name is in the reader's language.
    pub fn field(&mut self, name: &str, value: impl Display) {
        let name = self.padded(name, NAME_COLUMNS);
        self.line(&format!("  {name} {}", one_line(value)));
    }

    /// A text in the reader's language, filled up to so many columns of a terminal.
    pub(crate) fn padded(&self, english: &str, columns: usize) -> String {
        let text = self.language.text(english);
        let blanks = columns.saturating_sub(text.width());
        format!("{text}{}", " ".repeat(blanks))
    }

    /// Writes an answer for programs.
    pub fn json(&mut self, value: &Value) {
        write_line(&mut self.answers, &format!("{value:#}"));
    }

    /// Writes lines that are not part of the answer.
    pub fn note(&mut self, text: &str) {
        write_line(&mut self.notes, text);
    }
}

/// A foreign text, such as the name of a file, as a part of one line.
pub(crate) fn one_line(text: impl std::fmt::Display) -> String {
    let text = text.to_string();
    let clean = |c: char| {
        if c.is_control() {
            char::REPLACEMENT_CHARACTER
        } else {
            c
        }
    };
    text.chars().map(clean).collect()
}

/// A reader that went away is no failure of the command, so write errors are left alone.
fn write_line(writer: &mut dyn Write, text: &str) {
    let clean: String = text
        .chars()
        .map(|c| match c {
            '\n' | '\t' => c,
            c if c.is_control() => char::REPLACEMENT_CHARACTER,
            c => c,
        })
        .collect();
    let end = if clean.ends_with('\n') { "" } else { "\n" };
    let _ = write!(writer, "{clean}{end}");
    let _ = writer.flush();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escape_sequences_do_not_reach_a_terminal() {
        let (mut answers, mut notes) = (Vec::new(), Vec::new());
        let mut output = Output::new(&mut answers, &mut notes);
        output.line("a\u{1b}[2Jb");
        output.note("c\n");
        drop(output);
        assert_eq!(String::from_utf8(answers).unwrap(), "a\u{fffd}[2Jb\n");
        assert_eq!(notes, b"c\n");
    }
}
