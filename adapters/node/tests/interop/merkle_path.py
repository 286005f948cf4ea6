"""The entry's path to the checkpoint's root, judged by pymerkle."""

from pymerkle import InclusionProof, verify_inclusion
from pymerkle.core import _inclusion_path_layout
from pymerkle.hasher import MerkleHasher

from reading import Proof, entry, verdict


def judge(case):
    proof = Proof(case)
    leaf = MerkleHasher("sha256").hash_buff(entry(proof))
    place = proof.index + 1  # pymerkle counts leaves from one
    rule, _ = _inclusion_path_layout(place, proof.size)
    path = InclusionProof("sha256", True, proof.size, place, rule, [leaf, *proof.path])
    verify_inclusion(leaf, proof.root, path, index=place, size=proof.size, algorithm="sha256")
    return f"leaf {leaf.hex()} is entry {proof.index} of {proof.size}"


verdict(judge)
