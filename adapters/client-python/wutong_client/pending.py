"""Files beside receipts: statements that are signed and not yet receipted, `NAME.pending`.

The file holds the salt, which exists nowhere else until the receipt is written: it is durable
before the statement is sent, and removed only afterwards. It is the file of `wutong deposit`, so
either program continues what the other began.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from .errors import FormError
from .statement import Statement

NUMBERED_MAX = 999
"""Most files of one name and ending in a folder."""
PENDING_BYTES_MAX = 200_000
"""Most bytes of a pending file: an entry in hexadecimal and a little more."""


@dataclass(frozen=True)
class Kept:
    """A signed statement with its salt, and the file it is kept in."""

    statement: Statement
    salt: bytes | None
    path: Path

    def forget(self) -> None:
        """Removes the file: the statement has its receipt, or was refused for good."""
        # One that stays is sent again, and commits no second time.
        self.path.unlink(missing_ok=True)


def numbered(folder: Path, name: str, ending: str) -> Iterator[Path]:
    """`NAME.ending`, then `NAME-2.ending` and so on."""
    for number in range(1, NUMBERED_MAX + 1):
        suffix = "" if number == 1 else f"-{number}"
        yield folder / f"{name}{suffix}.{ending}"


def create(path: Path, data: bytes, permissions: int) -> None:
    """Writes a new file durably; raises `FileExistsError` rather than replace another."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, permissions)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        # Half a file would be taken for a whole one.
        path.unlink(missing_ok=True)
        raise


def keep(folder: Path, name: str, statement: Statement, salt: bytes | None) -> Kept:
    """Keeps a new statement under the first free name, for its owner's eyes only."""
    kept = {"version": 1, "id": statement.id.hex(), "salt": salt.hex() if salt else None,
            "entry": statement.entry.hex()}
    data = json.dumps(kept, indent=2).encode()
    for path in numbered(folder, name, "pending"):
        try:
            create(path, data, 0o600)
        except FileExistsError:
            continue
        return Kept(statement, salt, path)
    raise FileExistsError(f"{NUMBERED_MAX} pending files of {name} exist in {folder}")


def find(folder: Path, name: str,
         is_wanted: Callable[[Statement, bytes | None], bool]) -> Kept | None:
    """The kept statement that is the one wanted; unreadable files are passed over."""
    for path in numbered(folder, name, "pending"):
        kept = _read(path)
        if kept is not None and is_wanted(kept.statement, kept.salt):
            return kept
    return None


def _read(path: Path) -> Kept | None:
    try:
        with open(path, "rb") as file:
            said = json.loads(file.read(PENDING_BYTES_MAX))
        statement = Statement.parse(bytes.fromhex(said["entry"]))
        salt = None if said["salt"] is None else bytes.fromhex(said["salt"])
        fits = said["version"] == 1 and bytes.fromhex(said["id"]) == statement.id
    except (OSError, FormError, ValueError, KeyError, TypeError, RecursionError):
        return None
    return Kept(statement, salt, path) if fits else None


def keep_receipt(folder: Path, name: str, data: bytes) -> Path:
    """Writes a receipt to the first free name, or finds it there already."""
    for path in numbered(folder, name, "tlog-proof"):
        try:
            create(path, data, 0o644)
        except FileExistsError:
            if path.read_bytes() != data:
                continue
        return path
    raise FileExistsError(f"{NUMBERED_MAX} receipts of {name} exist in {folder}")
