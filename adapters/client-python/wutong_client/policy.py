"""The trust anchor: a C2SP tlog-policy naming log keys, cosigners, groups and the quorum.

Two conventions of ours live in comment lines, which other readers ignore:
`# organisation <witness> <name>` tells people who runs a cosigner, and `# demonstration` marks a
network whose keys prove nothing. A policy without a quorum is refused. The canonical text
(`Policy.text`) keeps these conventions and drops other comments and URLs.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass, replace

from .errors import FormError, PolicyError
from .merkle import sha256
from .note import COSIGNER, LOG, NoteSignature, VerifierKey, is_control, parse_decimal

POLICY_LINES_MAX = 1024
"""Most lines of a policy."""
POLICY_BYTES_MAX = 1 << 20
"""Most bytes of a policy file that is read."""
DEMONSTRATION_ORIGIN = "demonstration."
"""Origins of demonstration networks begin so; the mark in the policy is for people."""

_BLANK = " \t"
_FORMS = ('"log <key>", "witness <name> <key>", "group <name> <threshold> <member>...", '
          '"quorum <name>" or a comment')


@dataclass(frozen=True)
class Witness:
    """A cosigner: its name in the policy, its key, and who runs it, for people."""

    name: str
    key: VerifierKey
    organisation: str | None = None

    @property
    def display_name(self) -> str:
        """The organisation, or the witness's name where none is given."""
        return self.organisation or self.name


@dataclass(frozen=True)
class Group:
    """A group: met when at least `threshold` of its members (names defined above it) are."""

    name: str
    threshold: int
    members: tuple[str, ...]


@dataclass(frozen=True)
class Policy:
    """A checked policy: every name resolves, no key serves twice, thresholds can be met."""

    demonstration: bool
    logs: tuple[VerifierKey, ...]
    witnesses: tuple[Witness, ...]
    groups: tuple[Group, ...]
    quorum: str

    @classmethod
    def parse(cls, text: str) -> Policy:
        """Reads a policy file's text; raises `PolicyError`, which names the line."""
        return _Reader().read(text)

    def text(self) -> str:
        """The canonical text: marks, logs, witnesses, groups, quorum, in order of definition."""
        lines = ["# demonstration"] if self.demonstration else []
        lines += [f"log {log}" for log in self.logs]
        for witness in self.witnesses:
            if witness.organisation is not None:
                lines.append(f"# organisation {witness.name} {witness.organisation}")
            lines.append(f"witness {witness.name} {witness.key}")
        for group in self.groups:
            lines.append(" ".join(["group", group.name, str(group.threshold), *group.members]))
        lines.append(f"quorum {self.quorum}")
        return "".join(line + "\n" for line in lines)

    def fingerprint(self) -> str:
        """SHA-256 of the canonical text in hexadecimal: what people compare."""
        return sha256(self.text().encode()).hex()

    def is_demonstration(self) -> bool:
        """Whether the mark, or the name of a log key, says that the keys prove nothing."""
        named = any(log.name.startswith(DEMONSTRATION_ORIGIN) for log in self.logs)
        return self.demonstration or named

    def knows_origin(self, origin: str) -> bool:
        """Whether some log key is named `origin`."""
        return any(log.name == origin for log in self.logs)

    def log_of(self, signature: NoteSignature) -> VerifierKey | None:
        """The log key that a signature line claims."""
        return next((log for log in self.logs if log.made(signature)), None)

    def witness_of(self, signature: NoteSignature) -> Witness | None:
        """The witness that a signature line claims."""
        return next((w for w in self.witnesses if w.key.made(signature)), None)

    def is_met_by(self, signed: Set[str]) -> bool:
        """Whether the witnesses of these names meet the quorum."""
        met = set(signed)
        # One pass is enough, and cannot run deep: a group's members are defined before it.
        for group in self.groups:
            if sum(member in met for member in group.members) >= group.threshold:
                met.add(group.name)
        return self.quorum in met

    def existed_before(self, times: Mapping[str, int]) -> int | None:
        """The time before which a checkpoint existed, whatever a tolerated number lie.

        `times` maps witness names to seconds since the Unix epoch. In a group of n with threshold
        k it is the (f+1)-th smallest time, f = n - k, where a nested group counts with its own.
        None when fewer than f + 1 members have one.
        """
        known = dict(times)
        for group in self.groups:
            ordered = sorted(known[member] for member in group.members if member in known)
            liars = len(group.members) - group.threshold
            if liars < len(ordered):
                known[group.name] = ordered[liars]
        return known.get(self.quorum)

    def quorum_rule(self) -> str:
        """The rule of the quorum in one phrase, such as "3 of 4 in group validators"."""
        group = next((group for group in self.groups if group.name == self.quorum), None)
        if group is None:
            return f"a cosignature of {self.quorum}"
        return f"{group.threshold} of {len(group.members)} in group {group.name}"


def _is_unicode(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


class _Reader:
    """What has been read so far of a policy file."""

    def __init__(self) -> None:
        self.demonstration = False
        self.logs: list[VerifierKey] = []
        self.witnesses: list[Witness] = []
        self.groups: list[Group] = []
        self.quorums: list[str] = []
        self.names: set[str] = set()
        self.grouped: set[str] = set()
        self.lines_of_keys: dict[bytes, int] = {}
        self.organisations: dict[str, str] = {}

    def read(self, text: str) -> Policy:
        if not _is_unicode(text):
            raise PolicyError(0, "policy: expected Unicode text, found lone surrogates")
        lines = text.split("\n")
        count = len(lines) - (lines[-1] == "")
        if count > POLICY_LINES_MAX:
            raise PolicyError(0, f"policy: expected at most {POLICY_LINES_MAX} lines, "
                                 f"found {count}")
        for number, line in enumerate(lines, 1):
            self.line(number, line)
        if len(self.quorums) != 1:
            raise PolicyError(0, "policy without one quorum: expected exactly one quorum line, "
                                 f"found {len(self.quorums)}")
        if not self.logs:
            raise PolicyError(0, "policy without log: expected at least one log line, found none")
        witnesses = (replace(w, organisation=self.organisations.get(w.name))
                     for w in self.witnesses)
        return Policy(self.demonstration, tuple(self.logs), tuple(witnesses), tuple(self.groups),
                      self.quorums[0])

    def line(self, number: int, line: str) -> None:
        if any((c < " " and c != "\t") or c == "\x7f" for c in line):
            raise PolicyError(number, "expected no control characters but tab, "
                                      f"found {line[:120]!r}")
        line = line.strip(_BLANK)
        if line.startswith("#"):
            self.comment(line[1:].strip(_BLANK))
            return
        match [item for item in line.replace("\t", " ").split(" ") if item]:
            case []:
                return
            # A URL may follow a key; it proves nothing.
            case ["log", key] | ["log", key, _]:
                self.logs.append(self.key(number, key, LOG))
            case ["witness", name, key] | ["witness", name, key, _]:
                parsed = self.key(number, key, COSIGNER)
                self.define(number, name)
                self.witnesses.append(Witness(name, parsed))
            case ["group", name, threshold, *members] if members:
                self.group(number, name, threshold, members)
            case ["quorum", name]:
                self.quorum(number, name)
            case _:
                raise PolicyError(number, f"expected {_FORMS}, found {line[:120]!r}")

    def comment(self, text: str) -> None:
        """Comments never make a policy invalid; only our two conventions are kept."""
        if text == "demonstration":
            self.demonstration = True
            return
        if not text.startswith("organisation "):
            return
        rest = text.removeprefix("organisation ").lstrip(_BLANK)
        name = rest.replace("\t", " ").split(" ", 1)[0]
        organisation = rest[len(name):].lstrip(_BLANK)
        if organisation and not any(is_control(c) for c in organisation):
            self.organisations.setdefault(name, organisation)

    def key(self, number: int, text: str, key_type: int) -> VerifierKey:
        try:
            key = VerifierKey.parse(text)
        except FormError as error:
            raise PolicyError(number, str(error)) from None
        if key.key_type != key_type:
            raise PolicyError(number, f"verifier key: expected type {key_type} on this line, "
                                      f"found type {key.key_type}")
        first = self.lines_of_keys.setdefault(key.key, number)
        if first != number:
            raise PolicyError(number, "expected a key of its own, "
                                      f"found the key of line {first}")
        return key

    def define(self, number: int, name: str) -> None:
        if name == "none" or name.startswith("#") or name in self.names:
            raise PolicyError(number, f"expected a new name, found {name!r}")
        self.names.add(name)

    def resolve(self, number: int, name: str) -> str:
        if name not in self.names:
            raise PolicyError(number, f"expected a name defined above, found {name!r}")
        return name

    def group(self, number: int, name: str, threshold: str, members: list[str]) -> None:
        for member in members:
            self.resolve(number, member)
        for member in members:
            if member in self.grouped:
                raise PolicyError(number, "expected each name in one group only, "
                                          f"found {member!r} again")
            self.grouped.add(member)
        count = len(members)
        needed = {"any": 1, "all": count}.get(threshold) or parse_decimal(threshold)
        if needed is None or not 1 <= needed <= count:
            raise PolicyError(number, f"expected a threshold from 1 to {count}, "
                                      f"found {threshold!r}")
        self.define(number, name)
        self.groups.append(Group(name, needed, tuple(members)))

    def quorum(self, number: int, name: str) -> None:
        if name == "none":
            raise PolicyError(number, "policy without quorum: expected a witness or group, "
                                      'found "none"')
        self.quorums.append(self.resolve(number, name))
