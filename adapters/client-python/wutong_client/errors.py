"""Errors of the package: each says what was expected, what was found, and where."""

from __future__ import annotations


class WutongError(Exception):
    """Base of every error that this package raises on purpose."""


class FormError(WutongError, ValueError):
    """Bytes or text that are not of the form a format demands; `field` names the place."""

    def __init__(self, field: str, detail: str) -> None:
        super().__init__(f"{field}: {detail}")
        self.field = field
        self.detail = detail


class PolicyError(WutongError, ValueError):
    """A text that is no policy of ours; `line` counts from 1, 0 when no line is to blame."""

    def __init__(self, line: int, detail: str) -> None:
        super().__init__(f"line {line}: {detail}" if line else detail)
        self.line = line
        self.detail = detail


class Unavailable(WutongError):
    """No node could be reached or could answer now; trying again later is right."""


class ProblemError(WutongError):
    """A node refused (RFC 9457). `status` is HTTP's, `code` is stable and in kebab-case."""

    def __init__(self, status: int, code: str, detail: str, next_step: str,
                 field: str | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.next_step = next_step
        self.field = field


class NotReceipted(WutongError):
    """The wait ended before a receipt existed; the same call may be made again."""


class EventGap(WutongError):
    """Every node left out the event with ordinal `expected` and went on with `found`."""

    def __init__(self, expected: int, found: int) -> None:
        super().__init__(f"events: expected ordinal {expected}, found {found} from every node")
        self.expected = expected
        self.found = found
