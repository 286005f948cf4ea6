//! The one way out: answers to one writer, errors and notes to another.

use serde_json::Value;
use std::io::Write;

/// Where a command writes. Control characters of foreign texts never reach a terminal.
pub struct Output<'w> {
    answers: Box<dyn Write + 'w>,
    notes: Box<dyn Write + 'w>,
}

impl<'w> Output<'w> {
    /// Writes answers and notes to two writers.
    pub fn new(answers: impl Write + 'w, notes: impl Write + 'w) -> Self {
        Self {
            answers: Box::new(answers),
            notes: Box::new(notes),
        }
    }

    /// Writes answers to standard output and notes to standard error.
    pub fn terminal() -> Output<'static> {
        Output::new(std::io::stdout(), std::io::stderr())
    }

    /// Writes lines of an answer.
    pub fn line(&mut self, text: &str) {
        write_line(&mut self.answers, text);
    }

    /// Writes a name and its value as one aligned line of an answer; a value of several lines
    /// cannot pass for several fields.
    pub fn field(&mut self, name: &str, value: impl std::fmt::Display) {
        self.line(&format!("  {name:<16} {}", one_line(value)));
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
