"""What the ledger writes about a block: outcomes of statements, and the seal over them."""

from __future__ import annotations

from dataclasses import dataclass

from . import cbor
from .errors import FormError

U32_MAX = 2**32 - 1


@dataclass(frozen=True)
class Outcome:
    """`[statement id, code, detail hash or null]`; code 0 is done, every other a failure."""

    id: bytes
    code: int = 0
    detail: bytes | None = None

    def encode(self) -> bytes:
        """The canonical bytes, whose leaf hash stands in the block's outcomes tree."""
        return cbor.encode([self.id, self.code, self.detail])

    @classmethod
    def parse(cls, data: bytes) -> Outcome:
        """Reads canonical bytes; raises `FormError`."""
        id_, code, detail = cbor.array(cbor.decode(data, "outcome"), 3, "outcome")
        if detail is not None:
            cbor.byte_string(detail, "outcome detail", 32)
        return cls(cbor.byte_string(id_, "outcome statement id", 32),
                   cbor.uint(code, "outcome code", U32_MAX), detail)

    def __str__(self) -> str:
        return "done" if self.code == 0 else f"failed with code {self.code}"


@dataclass(frozen=True)
class Seal:
    """The last entry of a block.

    `[version = 1, network, height, time, previous seal, first leaf, outcomes root, state root,
    validator-set hash, protocol version]`; time in milliseconds since the Unix epoch, hashes of
    32 bytes, `first_leaf` the log position of the block's first entry.
    """

    network: str
    height: int
    time_ms: int
    previous_seal: bytes
    first_leaf: int
    outcomes_root: bytes
    state_root: bytes
    validator_set_hash: bytes
    protocol_version: int

    def encode(self) -> bytes:
        """The canonical bytes, an entry of the log."""
        return cbor.encode([1, self.network, self.height, self.time_ms, self.previous_seal,
                            self.first_leaf, self.outcomes_root, self.state_root,
                            self.validator_set_hash, self.protocol_version])

    @classmethod
    def parse(cls, data: bytes) -> Seal:
        """Reads canonical bytes; raises `FormError`."""
        fields = cbor.array(cbor.decode(data, "seal"), 10, "seal")
        if fields[0] != 1:
            raise FormError("seal version", f"expected 1, found {cbor.describe(fields[0])}")
        return cls(
            network=cbor.name(fields[1], "seal network"),
            height=cbor.uint(fields[2], "seal height"),
            time_ms=cbor.uint(fields[3], "seal time"),
            previous_seal=cbor.byte_string(fields[4], "previous seal", 32),
            first_leaf=cbor.uint(fields[5], "seal first leaf"),
            outcomes_root=cbor.byte_string(fields[6], "outcomes root", 32),
            state_root=cbor.byte_string(fields[7], "state root", 32),
            validator_set_hash=cbor.byte_string(fields[8], "validator-set hash", 32),
            protocol_version=cbor.uint(fields[9], "protocol version", U32_MAX),
        )
