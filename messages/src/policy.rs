//! The trust anchor: a C2SP tlog-policy naming log keys, cosigners, groups and the quorum.
//!
//! Two of our conventions live in comment lines, which other readers ignore:
//! `# organisation <witness> <name>` tells people who runs a cosigner, and `# demonstration` marks
//! a network whose keys prove nothing. A policy without a quorum is refused. The canonical text
//! ([`Policy::text`]) keeps these conventions and drops other comments and URLs.

use crate::hash::Hash;
use crate::note::{NoteSignature, VerifierKey, VerifierKeyType};
pub use crate::policy_text::PolicyError;
use crate::quorum::quorum;
use core::fmt;
use std::collections::{BTreeMap, BTreeSet};

/// A cosigner of the log's checkpoints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Witness {
    /// Its name within the policy.
    pub name: String,
    /// Its key.
    pub key: VerifierKey,
    /// Who runs it, for people.
    pub organisation: Option<String>,
}

impl Witness {
    /// The organisation, or the witness's name where none is given.
    pub fn display_name(&self) -> &str {
        self.organisation.as_deref().unwrap_or(&self.name)
    }
}

/// A member of a group, or the quorum: an index into the policy's witnesses or groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Member {
    /// Position among [`Policy::witnesses`].
    Witness(usize),
    /// Position among [`Policy::groups`].
    Group(usize),
}

/// A group: met when at least `threshold` of its members are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Its name within the policy.
    pub name: String,
    /// Members that must be met, from 1 to all of them.
    pub threshold: usize,
    /// Its members, each defined before it.
    pub members: Vec<Member>,
}

/// Origins of demonstration networks begin so; the mark in the policy is for people.
pub const DEMONSTRATION_ORIGIN: &str = "demonstration.";

/// A checked policy: every name resolves, no key serves twice, thresholds can be met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    pub(crate) demonstration: bool,
    pub(crate) logs: Vec<VerifierKey>,
    pub(crate) witnesses: Vec<Witness>,
    pub(crate) groups: Vec<Group>,
    pub(crate) quorum: Member,
}

impl Policy {
    /// The policy of n equal validators: floor(2n/3) + 1 of their cosignatures.
    ///
    /// # Errors
    /// When there are no validators, a name or key occurs twice, a key has the wrong type, or a
    /// name or organisation is not one line of text.
    pub fn of_validators(
        logs: Vec<VerifierKey>,
        witnesses: Vec<Witness>,
        demonstration: bool,
    ) -> Result<Self, PolicyError> {
        let members: Vec<Member> = (0..witnesses.len()).map(Member::Witness).collect();
        let group = Group {
            name: "validators".into(),
            threshold: quorum(members.len()),
            members,
        };
        let groups = vec![group];
        let draft = Self {
            demonstration,
            logs,
            witnesses,
            groups,
            quorum: Member::Group(0),
        };
        // The text rules are the one judge of a policy, however it was made; a name that holds a
        // line break must not become a line of its own.
        let policy = Self::parse(&draft.text())?;
        if policy == draft {
            Ok(policy)
        } else {
            Err(PolicyError::Names)
        }
    }

    /// Reads a policy file.
    ///
    /// # Errors
    /// When a line is malformed, a name is unknown or taken, a key serves twice, a threshold is 0
    /// or above the number of members, or there is not exactly one quorum; the error names the
    /// line.
    pub fn parse(text: &str) -> Result<Self, PolicyError> {
        crate::policy_text::parse(text)
    }

    /// The canonical text: marks, logs, witnesses, groups, quorum, each in order of definition.
    pub fn text(&self) -> String {
        let mut text = String::new();
        if self.demonstration {
            text.push_str("# demonstration\n");
        }
        for log in &self.logs {
            text.push_str(&format!("log {log}\n"));
        }
        for witness in &self.witnesses {
            if let Some(organisation) = &witness.organisation {
                text.push_str(&format!("# organisation {} {organisation}\n", witness.name));
            }
            text.push_str(&format!("witness {} {}\n", witness.name, witness.key));
        }
        for group in &self.groups {
            text.push_str(&format!("group {} {}", group.name, group.threshold));
            for member in &group.members {
                text.push_str(&format!(" {}", self.member_name(*member)));
            }
            text.push('\n');
        }
        text.push_str(&format!("quorum {}\n", self.member_name(self.quorum)));
        text
    }

    /// SHA-256 of the canonical text: what people compare when they exchange a trust anchor.
    pub fn fingerprint(&self) -> Hash {
        Hash::of(self.text().as_bytes())
    }

    /// Whether the network is a demonstration, whose keys prove nothing: the mark says so, or the
    /// name of a log key does, which every checkpoint repeats under its signatures.
    pub fn is_demonstration(&self) -> bool {
        let named = |log: &VerifierKey| log.name().starts_with(DEMONSTRATION_ORIGIN);
        self.demonstration || self.logs.iter().any(named)
    }

    /// Keys that may sign the log line; their name is the origin.
    pub fn logs(&self) -> &[VerifierKey] {
        &self.logs
    }

    /// The cosigners in order of definition.
    pub fn witnesses(&self) -> &[Witness] {
        &self.witnesses
    }

    /// The groups in order of definition.
    pub fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// The member whose being met makes a checkpoint valid.
    pub fn quorum(&self) -> Member {
        self.quorum
    }

    /// Whether some log key is named `origin`.
    pub fn knows_origin(&self, origin: &str) -> bool {
        self.logs.iter().any(|log| log.name() == origin)
    }

    /// The log key that a signature line claims.
    pub fn log_of(&self, signature: &NoteSignature) -> Option<&VerifierKey> {
        self.logs.iter().find(|log| log.made(signature))
    }

    /// The position of the witness that a signature line claims.
    pub fn witness_of(&self, signature: &NoteSignature) -> Option<usize> {
        self.witnesses
            .iter()
            .position(|witness| witness.key.made(signature))
    }

    /// Whether these witnesses (positions in [`Policy::witnesses`]) meet the quorum.
    pub fn is_met_by(&self, signed: &BTreeSet<usize>) -> bool {
        self.is_met(self.quorum, signed)
    }

    /// The time before which the checkpoint existed, whatever a tolerated number of cosigners lie:
    /// in a group of n with threshold k the (f+1)-th smallest time, f = n - k, where a nested
    /// group counts with its own time. None when fewer than f + 1 members have one.
    ///
    /// `times` maps positions in [`Policy::witnesses`] to seconds since the Unix epoch.
    pub fn existed_before(&self, times: &BTreeMap<usize, u64>) -> Option<u64> {
        self.time_of(self.quorum, times)
    }

    /// The rule of the quorum in one phrase, such as "3 of 4 in group validators".
    pub fn quorum_rule(&self) -> String {
        match self.quorum {
            Member::Witness(_) => format!("a cosignature of {}", self.member_name(self.quorum)),
            Member::Group(i) => {
                let group = &self.groups[i];
                format!(
                    "{} of {} in group {}",
                    group.threshold,
                    group.members.len(),
                    group.name
                )
            }
        }
    }

    // Recursion ends: a group's members are defined before it.
    fn is_met(&self, member: Member, signed: &BTreeSet<usize>) -> bool {
        match member {
            Member::Witness(i) => signed.contains(&i),
            Member::Group(i) => {
                let group = &self.groups[i];
                let met = group
                    .members
                    .iter()
                    .filter(|m| self.is_met(**m, signed))
                    .count();
                met >= group.threshold
            }
        }
    }

    fn time_of(&self, member: Member, times: &BTreeMap<usize, u64>) -> Option<u64> {
        match member {
            Member::Witness(i) => times.get(&i).copied(),
            Member::Group(i) => {
                let group = &self.groups[i];
                let mut known: Vec<u64> = group
                    .members
                    .iter()
                    .filter_map(|m| self.time_of(*m, times))
                    .collect();
                known.sort_unstable();
                known.get(group.members.len() - group.threshold).copied()
            }
        }
    }

    fn member_name(&self, member: Member) -> &str {
        match member {
            Member::Witness(i) => &self.witnesses[i].name,
            Member::Group(i) => &self.groups[i].name,
        }
    }
}

impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())
    }
}

/// The type a key must have on a log or witness line.
pub(crate) fn expected_type(is_log: bool) -> VerifierKeyType {
    if is_log {
        VerifierKeyType::Log
    } else {
        VerifierKeyType::Cosigner
    }
}
