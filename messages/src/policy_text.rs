//! Reading C2SP tlog-policy files line by line.

use crate::keys::PublicKey;
use crate::note::{NoteError, VerifierKey};
use crate::policy::{Group, Member, Policy, Witness, expected_type};
use std::collections::BTreeMap;

/// Most lines of one kind that we read; the specification asks for at least 32.
pub(crate) const POLICY_LINES_MAX: usize = 1024;

/// Why a text is not a policy of ours. `line` counts from 1.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// A line that is none of log, witness, group, quorum or a comment, or lacks items.
    #[error("line {line}: expected {expected}, found {found:?}")]
    Line {
        /// Line number.
        line: usize,
        /// The form of such a line.
        expected: &'static str,
        /// What was found.
        found: String,
    },
    /// A malformed key.
    #[error("line {line}: {source}")]
    Key {
        /// Line number.
        line: usize,
        /// What is wrong with it.
        source: NoteError,
    },
    /// A key that serves twice in the policy.
    #[error("line {line}: expected a key of its own, found the key of line {first}")]
    DuplicateKey {
        /// Line number.
        line: usize,
        /// Line that already has the key.
        first: usize,
    },
    /// A name that is taken or predefined.
    #[error("line {line}: expected a new name, found {name:?}")]
    NameTaken {
        /// Line number.
        line: usize,
        /// The name.
        name: String,
    },
    /// A name that no line above defines.
    #[error("line {line}: expected a name defined above, found {name:?}")]
    NameUnknown {
        /// Line number.
        line: usize,
        /// The name.
        name: String,
    },
    /// A member that some group already has.
    #[error("line {line}: expected each name in one group only, found {name:?} again")]
    MemberTwice {
        /// Line number.
        line: usize,
        /// The name.
        name: String,
    },
    /// A threshold that is 0 or above the number of members.
    #[error("line {line}: expected a threshold from 1 to {members}, found {found}")]
    Threshold {
        /// Line number.
        line: usize,
        /// Members of the group.
        members: usize,
        /// The threshold written.
        found: String,
    },
    /// The quorum is `none`.
    #[error("line {line}: policy without quorum: expected a witness or group, found \"none\"")]
    NoneQuorum {
        /// Line number.
        line: usize,
    },
    /// There is no quorum line, or more than one.
    #[error("policy without one quorum: expected exactly one quorum line, found {found}")]
    QuorumLines {
        /// Quorum lines found.
        found: usize,
    },
    /// There is no log line.
    #[error("policy without log: expected at least one log line, found none")]
    NoLog,
    /// A policy made in memory whose names would read as something else.
    #[error("policy: expected names of one line without outer spaces, found others")]
    Names,
    /// More lines than we read.
    #[error("policy: expected at most {POLICY_LINES_MAX} lines, found {found}")]
    TooLong {
        /// Lines found.
        found: usize,
    },
}

/// What has been read so far.
#[derive(Default)]
struct Reader {
    demonstration: bool,
    logs: Vec<VerifierKey>,
    witnesses: Vec<Witness>,
    groups: Vec<Group>,
    quorums: Vec<Member>,
    names: BTreeMap<String, Member>,
    keys: BTreeMap<PublicKey, usize>,
    grouped: BTreeMap<Member, usize>,
    organisations: BTreeMap<String, String>,
}

pub(crate) fn parse(text: &str) -> Result<Policy, PolicyError> {
    let count = text.lines().count();
    if count > POLICY_LINES_MAX {
        return Err(PolicyError::TooLong { found: count });
    }
    let mut reader = Reader::default();
    for (i, line) in text.split('\n').enumerate() {
        reader.line(i + 1, line)?;
    }
    reader.finish()
}

impl Reader {
    fn line(&mut self, line: usize, text: &str) -> Result<(), PolicyError> {
        if text.bytes().any(|b| (b < 0x20 && b != b'\t') || b == 0x7f) {
            return Err(malformed(line, "no control characters but tab", text));
        }
        let text = text.trim_matches([' ', '\t']);
        if let Some(comment) = text.strip_prefix('#') {
            self.comment(comment.trim_matches([' ', '\t']));
            return Ok(());
        }
        let items: Vec<&str> = text
            .split([' ', '\t'])
            .filter(|item| !item.is_empty())
            .collect();
        match items[..] {
            [] => Ok(()),
            ["log", key] | ["log", key, _] => self.log(line, key),
            ["witness", name, key] | ["witness", name, key, _] => self.witness(line, name, key),
            ["group", name, threshold, ref members @ ..] if !members.is_empty() => {
                self.group(line, name, threshold, members)
            }
            ["quorum", name] => self.quorum(line, name),
            _ => Err(malformed(line, FORMS, text)),
        }
    }

    /// Comments never make a policy invalid; only our two conventions are kept.
    fn comment(&mut self, text: &str) {
        if text == "demonstration" {
            self.demonstration = true;
        } else if let Some((name, organisation)) = text
            .strip_prefix("organisation ")
            .and_then(|rest| rest.trim_start_matches([' ', '\t']).split_once([' ', '\t']))
        {
            let organisation = organisation.trim_start_matches([' ', '\t']);
            let printable = !organisation.chars().any(char::is_control);
            if printable && !organisation.is_empty() {
                self.organisations
                    .entry(name.into())
                    .or_insert_with(|| organisation.into());
            }
        }
    }

    fn key(&mut self, line: usize, text: &str, is_log: bool) -> Result<VerifierKey, PolicyError> {
        let key = VerifierKey::parse(text).map_err(|source| PolicyError::Key { line, source })?;
        if key.key_type() != expected_type(is_log) {
            let source = NoteError::KeyType {
                found: key.key_type().byte(),
            };
            return Err(PolicyError::Key { line, source });
        }
        match self.keys.insert(key.key(), line) {
            Some(first) => Err(PolicyError::DuplicateKey { line, first }),
            None => Ok(key),
        }
    }

    fn log(&mut self, line: usize, key: &str) -> Result<(), PolicyError> {
        let key = self.key(line, key, true)?;
        self.logs.push(key);
        Ok(())
    }

    fn witness(&mut self, line: usize, name: &str, key: &str) -> Result<(), PolicyError> {
        let key = self.key(line, key, false)?;
        self.define(line, name, Member::Witness(self.witnesses.len()))?;
        self.witnesses.push(Witness {
            name: name.into(),
            key,
            organisation: None,
        });
        Ok(())
    }

    fn group(
        &mut self,
        line: usize,
        name: &str,
        threshold: &str,
        names: &[&str],
    ) -> Result<(), PolicyError> {
        let members = names
            .iter()
            .map(|member| self.resolve(line, member))
            .collect::<Result<Vec<_>, _>>()?;
        for (member, text) in members.iter().zip(names) {
            if self.grouped.insert(*member, line).is_some() {
                return Err(PolicyError::MemberTwice {
                    line,
                    name: (*text).into(),
                });
            }
        }
        let count = members.len();
        let threshold = match threshold {
            "any" => 1,
            "all" => count,
            number => crate::checkpoint::parse_decimal(number)
                .and_then(|k| usize::try_from(k).ok())
                .filter(|k| (1..=count).contains(k))
                .ok_or_else(|| PolicyError::Threshold {
                    line,
                    members: count,
                    found: number.into(),
                })?,
        };
        self.define(line, name, Member::Group(self.groups.len()))?;
        self.groups.push(Group {
            name: name.into(),
            threshold,
            members,
        });
        Ok(())
    }

    fn quorum(&mut self, line: usize, name: &str) -> Result<(), PolicyError> {
        if name == "none" {
            return Err(PolicyError::NoneQuorum { line });
        }
        let member = self.resolve(line, name)?;
        self.quorums.push(member);
        Ok(())
    }

    fn define(&mut self, line: usize, name: &str, member: Member) -> Result<(), PolicyError> {
        let taken = name == "none" || name.starts_with('#') || self.names.contains_key(name);
        if taken {
            return Err(PolicyError::NameTaken {
                line,
                name: name.into(),
            });
        }
        self.names.insert(name.into(), member);
        Ok(())
    }

    fn resolve(&self, line: usize, name: &str) -> Result<Member, PolicyError> {
        self.names
            .get(name)
            .copied()
            .ok_or_else(|| PolicyError::NameUnknown {
                line,
                name: name.into(),
            })
    }

    fn finish(mut self) -> Result<Policy, PolicyError> {
        let [quorum] = self.quorums[..] else {
            return Err(PolicyError::QuorumLines {
                found: self.quorums.len(),
            });
        };
        if self.logs.is_empty() {
            return Err(PolicyError::NoLog);
        }
        for witness in &mut self.witnesses {
            witness.organisation = self.organisations.remove(&witness.name);
        }
        Ok(Policy {
            demonstration: self.demonstration,
            logs: self.logs,
            witnesses: self.witnesses,
            groups: self.groups,
            quorum,
        })
    }
}

const FORMS: &str = "\"log <key>\", \"witness <name> <key>\", \"group <name> <threshold> \
                     <member>...\", \"quorum <name>\" or a comment";

fn malformed(line: usize, expected: &'static str, found: &str) -> PolicyError {
    PolicyError::Line {
        line,
        expected,
        found: found.into(),
    }
}
