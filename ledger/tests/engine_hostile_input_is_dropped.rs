//! Hostile input is counted by reason and dropped; it is never an error and never state.

mod engine_world;
use engine_world::*;
use ledger::engine::{DropReason, Engine, EngineInput, EngineOutput};
use messages::consensus::{
    BlockId, ConsensusMessage, PolkaCertificate, RoundCertificate, RoundCertificateKind,
    RoundSignature, SignedProposal, SignedVote, VoteKind,
};
use messages::entropy::HashStream;
use messages::ids::{Height, Name, Round};
use messages::keys::Signature;
use messages::ports::{ConsensusSigner, FakeSigner};
use rand_core::TryRng;

fn wrap(vote: SignedVote) -> EngineInput {
    EngineInput::Message(ConsensusMessage::Vote(vote))
}

fn refuses(engine: &mut Engine, input: EngineInput, reason: DropReason) {
    let before = dropped(engine, reason);
    assert_eq!(step(engine, input), vec![], "{reason:?}");
    assert_eq!(dropped(engine, reason), before + 1, "{reason:?}");
}

#[test]
fn each_kind_is_refused_for_its_reason() {
    let mut engine = engine(4, 0);
    decide(&mut engine, 4, 0, 4, block("four"));
    step(&mut engine, start(5));
    let prevote = |h, r| vote(3, h, r, VoteKind::Prevote, None);
    let resigned = |mut v: SignedVote| {
        v.signature = FakeSigner::new(SECRET, v.vote.validator).sign_vote(&v.vote);
        wrap(v)
    };
    let mut elsewhere = prevote(5, 0);
    elsewhere.vote.network = Name::try_new("elsewhere").unwrap();
    refuses(&mut engine, resigned(elsewhere), DropReason::WrongNetwork);
    let mut stranger = prevote(5, 0);
    stranger.vote.validator = key(9);
    refuses(
        &mut engine,
        resigned(stranger),
        DropReason::UnknownValidator,
    );
    let mut forged = prevote(5, 0);
    forged.vote.validator = key(2);
    refuses(&mut engine, wrap(forged), DropReason::BadSignature);
    refuses(&mut engine, wrap(prevote(4, 0)), DropReason::PastHeight);
    refuses(&mut engine, wrap(prevote(14, 0)), DropReason::FarHeight);
    refuses(&mut engine, wrap(prevote(5, 11)), DropReason::FarRound);
    step(&mut engine, wrap(prevote(6, 0)));
    refuses(&mut engine, wrap(prevote(6, 0)), DropReason::Duplicate);

    let mut out_of_turn = proposal(4, 5, 0, block("x"));
    out_of_turn.proposal.proposer = key(3);
    let wrap = |p: SignedProposal| EngineInput::Message(ConsensusMessage::Proposal(p));
    refuses(&mut engine, wrap(out_of_turn), DropReason::WrongProposer);
    let mut backwards = proposal(4, 5, 1, block("x"));
    backwards.proposal.valid_round = Some(Round(1));
    refuses(&mut engine, wrap(backwards), DropReason::BadValidRound);
    let signatures = vec![(key(1), Signature([1; 64]))];
    let (height, round, block) = (Height(5), Round(0), block("x"));
    let polka = PolkaCertificate {
        height,
        round,
        block,
        signatures,
    };
    let polka = EngineInput::Message(ConsensusMessage::Polka(polka));
    refuses(&mut engine, polka, DropReason::BadCertificate);
    let propose = EngineInput::Propose {
        height,
        round,
        block,
    };
    refuses(&mut engine, propose, DropReason::NotOurTurn);
}

#[test]
fn one_sender_cannot_fill_the_room_of_others() {
    let mut engine = engine(4, 0);
    step(&mut engine, start(1));
    for i in 0..200 {
        let b = Some(block(&i.to_string()));
        step(&mut engine, vote_input(3, 2, 0, VoteKind::Prevote, b));
    }
    assert_eq!(dropped(&engine, DropReason::AccountFull), 164);
    step(&mut engine, vote_input(2, 2, 0, VoteKind::Prevote, None));
    assert_eq!(engine.snapshot().carried.len(), 37);
    // Nobody can fill it in another's name: a forged vote is refused before it is kept.
    let mut forged = vote(3, 3, 0, VoteKind::Prevote, None);
    forged.vote.validator = key(1);
    refuses(&mut engine, wrap(forged), DropReason::BadSignature);
}

#[test]
fn we_propose_one_block_per_round() {
    let mut engine = engine(4, 0);
    step(&mut engine, start(4));
    let (height, round) = (Height(4), Round(0));
    let propose = |tag| EngineInput::Propose {
        height,
        round,
        block: block(tag),
    };
    assert_ne!(step(&mut engine, propose("first")), vec![]);
    refuses(&mut engine, propose("second"), DropReason::ProposedBefore);
}

/// A certificate over votes of validators 1 to 3, all of one kind for one block.
fn certificate(h: u64, r: u32, kind: VoteKind, b: Option<BlockId>, polka: bool) -> EngineInput {
    let (height, round) = (Height(h), Round(r));
    let mut votes: Vec<_> = (1..4).map(|i| vote(i, h, r, kind, b)).collect();
    votes.sort_by_key(|v| v.vote.validator);
    let message = match b.filter(|_| polka) {
        Some(block) => {
            let signatures = votes
                .iter()
                .map(|v| (v.vote.validator, v.signature))
                .collect();
            ConsensusMessage::Polka(PolkaCertificate {
                height,
                round,
                block,
                signatures,
            })
        }
        None => {
            let entry = |v: &SignedVote| {
                let (validator, signature) = (v.vote.validator, v.signature);
                RoundSignature {
                    validator,
                    kind,
                    block: b,
                    signature,
                }
            };
            let signatures = votes.iter().map(entry).collect();
            let kind = match kind {
                VoteKind::Prevote => RoundCertificateKind::Skip,
                VoteKind::Precommit => RoundCertificateKind::Precommit,
            };
            let certificate = RoundCertificate {
                height,
                round,
                kind,
                signatures,
            };
            ConsensusMessage::RoundCertificate(certificate)
        }
    };
    EngineInput::Message(message)
}

/// Steps a storm of well-signed nonsense: votes, proposals, certificates, timers.
fn storm(seed: u8) {
    let mut rng = HashStream::new([seed; 32]);
    let mut draw = |limit: u64| {
        let Ok(drawn) = rng.try_next_u64();
        drawn % limit
    };
    let mut engine = engine(4, 0);
    step(&mut engine, start(1));
    for _ in 0..1_500 {
        let h = engine.height().0 + draw(3);
        let r = engine.round().0 + draw(12) as u32;
        let b = block(&draw(3).to_string());
        let kind = [VoteKind::Prevote, VoteKind::Precommit][draw(2) as usize];
        let some = Some(b).filter(|_| draw(3) > 0);
        // Validators 1 to 3 all misbehave: safety is gone, yet nothing may fail.
        let input = match draw(12) {
            0..3 => proposal_input(4, h, r, b),
            3 => body_input(4, h, r, b, draw(2) == 0),
            4 => certificate(h, r, kind, some, draw(2) == 0),
            5 => match engine.running_timers().into_iter().nth(draw(2) as usize) {
                Some(EngineOutput::StartTimer {
                    timer,
                    height,
                    generation,
                    ..
                }) => EngineInput::TimerFired {
                    timer,
                    height,
                    generation,
                },
                _ => continue,
            },
            6 => EngineInput::Propose {
                height: engine.height(),
                round: engine.round(),
                block: b,
            },
            _ => vote_input(1 + draw(3) as usize, h, r, kind, some),
        };
        step(&mut engine, input);
        if !engine.is_deciding() {
            let next = engine.height().0 + 1;
            step(&mut engine, start(next));
        }
    }
}

#[test]
fn no_storm_of_signed_nonsense_makes_it_fail() {
    (0..200).for_each(storm);
}
