"""A receipt altered in any byte is refused, with its document and its policy at hand."""

import random
import unittest

from support import CORPUS, DOCUMENT
from wutong_client import Policy, verify

POLICY = Policy.parse((CORPUS / "policy.txt").read_text(encoding="utf-8"))
RECEIPTS = {path.stem: path.read_bytes() for path in sorted(CORPUS.glob("accepted/*"))}


def is_accepted(data: bytes) -> bool:
    return verify(data, POLICY, DOCUMENT).accepted


class Altered(unittest.TestCase):
    def test_one_flipped_bit_in_each_byte_is_refused(self):
        # Which bit is drawn, so that further runs try others; the seed is told on failure.
        seed = random.randrange(2**32)
        draw = random.Random(seed)
        for name, receipt in RECEIPTS.items():
            self.assertTrue(is_accepted(receipt), name)
            altered = bytearray(receipt)
            for position in range(len(receipt)):
                bit = 1 << draw.randrange(8)
                altered[position] ^= bit
                self.assertFalse(is_accepted(bytes(altered)),
                                 f"{name}, byte {position}, mask {bit}, seed {seed}")
                altered[position] ^= bit

    def test_every_cut_is_refused(self):
        for name, receipt in RECEIPTS.items():
            cuts = [at for at in range(len(receipt)) if is_accepted(receipt[:at])]
            # Four cosigned where three suffice: without its last line it is a receipt still.
            last_line = receipt.rstrip(b"\n").rfind(b"\n") + 1
            self.assertEqual(cuts, [last_line] if name == "all-validators" else [], name)

    def test_every_removed_and_doubled_byte_is_refused(self):
        for name in ("commitment", "digest"):
            receipt = RECEIPTS[name]
            for at in range(len(receipt)):
                without = receipt[:at] + receipt[at + 1:]
                self.assertFalse(is_accepted(without), f"{name} without byte {at}")
                doubled = receipt[:at] + receipt[at:at + 1] + receipt[at:]
                self.assertFalse(is_accepted(doubled), f"{name}, byte {at} doubled")

    def test_every_tail_and_missing_line_is_refused(self):
        for name in ("commitment", "digest"):
            receipt = RECEIPTS[name]
            for tail in (b"\n", b" ", b"\0", b"x", b"\n\n"):
                self.assertFalse(is_accepted(receipt + tail), f"{name}, tail {tail!r}")
            lines = receipt.splitlines(keepends=True)
            for i in range(len(lines)):
                without = b"".join(lines[:i] + lines[i + 1:])
                self.assertFalse(is_accepted(without), f"{name} without line {i}")

    def test_arbitrary_bytes_are_refused_and_never_raise(self):
        draw = random.Random(1)
        for _ in range(2000):
            data = bytearray(RECEIPTS["commitment"])
            for _ in range(draw.randrange(1, 6)):
                at = draw.randrange(len(data))
                choice = draw.randrange(3)
                if choice == 0:
                    data[at] = draw.randrange(256)
                elif choice == 1:
                    data.insert(at, draw.choice(b"AQgw+/=\n "))
                else:
                    del data[at]
            same = bytes(data) == RECEIPTS["commitment"]
            self.assertEqual(is_accepted(bytes(data)), same)


if __name__ == "__main__":
    unittest.main()
