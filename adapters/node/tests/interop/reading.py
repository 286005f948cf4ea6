"""What the judges in this folder share: reading the files of a case, and saying the verdict.

Reading is done by hand after the C2SP texts; what is judged is judged by the libraries.
"""

import base64
import json
import sys
from pathlib import Path


def b64(text):
    return base64.b64decode(text, validate=True)


class Proof:
    """A tlog-proof (C2SP tlog-proof): index, path, and the checkpoint verbatim."""

    def __init__(self, case):
        text = (case / "receipt.tlog-proof").read_bytes().decode()
        head, self.checkpoint = text.split("\n\n", 1)
        header, extra, index, *path = head.split("\n")
        if header != "c2sp.org/tlog-proof@v1":
            raise ValueError("not a tlog-proof")
        self.extra = b64(extra.removeprefix("extra "))
        self.index = int(index.removeprefix("index "))
        self.path = [b64(line) for line in path]
        self.origin, size, root = self.checkpoint.split("\n")[:3]
        self.size, self.root = int(size), b64(root)


class Policy:
    """A policy of one group of equal witnesses (C2SP tlog-policy)."""

    def __init__(self, case):
        lines = [line.split() for line in (case / "policy").read_text().splitlines()]
        lines = [words for words in lines if words and not words[0].startswith("#")]
        self.logs = [words[1] for words in lines if words[0] == "log"]
        witnesses = {words[1]: words[2] for words in lines if words[0] == "witness"}
        (group,) = [words for words in lines if words[0] == "group"]
        self.quorum = int(group[2])
        self.witnesses = [witnesses[name] for name in group[3:]]


def entry(proof):
    """The entry in a receipt's extra data; the judge proves it from the checkpoint."""
    import cbor2

    return cbor2.loads(proof.extra)[1]


def receipt_keys(case):
    """Validators' receipt keys by key id, and how many must sign."""
    keys = json.loads((case / "receipt-keys.json").read_text())
    return {bytes.fromhex(k): bytes.fromhex(v) for k, v in keys["keys"].items()}, keys["quorum"]


def verdict(judge):
    """Runs a judge over the case named on the command line. Exit 0 accepted, 1 refused."""
    try:
        told = judge(Path(sys.argv[1]))
    except Exception as error:  # each library refuses in its own way
        print(f"REFUSED: {type(error).__name__}: {error}")
        sys.exit(1)
    print(f"ACCEPTED: {told}")
