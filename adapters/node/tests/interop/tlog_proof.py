"""A tlog-proof judged by aics-tlog, and again by tlog-scales: signatures, path and policy.

aics-tlog judges the log's signature, each cosignature, k of n of them as the policy says, and the
entry's path. tlog-scales, by other authors, does the same but for the counting.
"""

from aics_tlog import (
    WitnessPolicy,
    parse_note,
    parse_vkey,
    verify_checkpoint,
    verify_leaf_inclusion,
)
from tlog_scales.signing import Vkey, VkeySet
from tlog_scales.tiles import leaf_hash
from tlog_scales.tlog import Checkpoint, InclusionProof

from reading import Policy, Proof, entry, verdict


def by_aics_tlog(proof, policy, leaf):
    note = parse_note(proof.checkpoint)
    (line,) = [s for s in note.signatures if s.name == proof.origin]
    logs = [parse_vkey(vkey) for vkey in policy.logs]
    (log,) = [key for key in logs if key.key_id == line.key_id]
    witnesses = tuple(parse_vkey(vkey) for vkey in policy.witnesses)
    result = verify_checkpoint(
        note,
        log,
        policy=WitnessPolicy(quorum=policy.quorum, witnesses=witnesses),
        expected_origin=log.name,
    )
    assert result.ok, f"aics-tlog: {result.error}"
    included = verify_leaf_inclusion(leaf, proof.index, result.size, proof.path, result.root)
    assert included, "aics-tlog: the path does not lead to the root"
    return result.cosignature_count


def by_tlog_scales(proof, policy, leaf):
    checkpoint = Checkpoint.from_text(proof.checkpoint)
    assert checkpoint.serialize() == proof.checkpoint, "tlog-scales: another form"
    logs = VkeySet(*[Vkey.from_string(vkey) for vkey in policy.logs])
    assert len(logs.verify(checkpoint.signatures, checkpoint)) == 1, "tlog-scales: log signature"
    witnesses = VkeySet(*[Vkey.from_string(vkey) for vkey in policy.witnesses])
    cosigned = witnesses.verify(checkpoint.signatures, checkpoint)
    names = {vkey.name for vkey, _ in cosigned}
    assert len(names) == len(checkpoint.signatures) - 1, "tlog-scales: a cosignature"
    assert len(names) >= policy.quorum, "tlog-scales: quorum"
    path = InclusionProof(proof.index, checkpoint.size, proof.path)
    path.check(leaf_hash(leaf), checkpoint.root_hash)


def judge(case):
    proof, policy = Proof(case), Policy(case)
    leaf = entry(proof)
    cosigned = by_aics_tlog(proof, policy, leaf)
    by_tlog_scales(proof, policy, leaf)
    return f"entry {proof.index} of {proof.size} in {proof.origin}, {cosigned} cosignatures"


verdict(judge)
