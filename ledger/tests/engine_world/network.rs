//! The network: seeded loss, delay, duplication, crashes with replay from the last height
//! boundary, and the sync a real node would run.

use super::*;

/// Faults per thousand, until `heal_ms`.
#[derive(Clone, Debug)]
pub struct Faults {
    pub loss: u64,
    pub duplication: u64,
    pub delay_ms_max: u64,
    pub crashes: u64,
    pub heal_ms: u64,
}

impl Faults {
    pub const NONE: Self = Self {
        loss: 0,
        duplication: 0,
        delay_ms_max: 20,
        crashes: 0,
        heal_ms: 0,
    };
}

enum Event {
    Input {
        incarnation: Option<u64>,
        input: EngineInput,
    },
    Sync,
    Crash,
    Restart,
}

pub struct Node {
    pub engine: Option<Engine>,
    pub decided: BTreeMap<Height, CommitCertificate>,
    pub proofs: Vec<EquivocationProof>,
    pub rounds: BTreeMap<Height, Round>,
    pub replays: u64,
    incarnation: u64,
    snapshot: EngineSnapshot,
    journal: Vec<Vec<u8>>,
    outputs: Vec<EngineOutput>,
}

/// Nodes beyond the first `n` are twins of the last validator: they share its key.
pub struct World {
    pub n: usize,
    pub now_ms: u64,
    pub nodes: Vec<Node>,
    pub silent: BTreeSet<usize>,
    pub trace: Vec<u8>,
    /// A canary: restarted nodes lose what the snapshot carries.
    pub forgets: bool,
    seed: u64,
    faults: Faults,
    rng: HashStream,
    events: BTreeMap<(u64, u64), (usize, Event)>,
    sequence: u64,
    signed: BTreeMap<(PublicKey, Height, Round, VoteKind), Option<BlockId>>,
    proposed: BTreeMap<(PublicKey, Height, Round), Proposal>,
}

impl World {
    /// A network of `n` validators in which those of `silent` never start.
    pub fn new(n: usize, silent: &[usize], seed: u64, faults: Faults) -> Self {
        Self::with_twins(n, 0, silent, seed, faults)
    }

    /// The same with `twins` more nodes that share the last validator's key.
    pub fn with_twins(n: usize, twins: usize, silent: &[usize], seed: u64, faults: Faults) -> Self {
        let node = |i: usize| Node {
            engine: Some(engine(n, i.min(n - 1))),
            decided: BTreeMap::new(),
            proofs: Vec::new(),
            rounds: BTreeMap::new(),
            replays: 0,
            incarnation: 0,
            snapshot: engine(n, 0).snapshot(),
            journal: Vec::new(),
            outputs: Vec::new(),
        };
        let mut world = Self {
            n,
            now_ms: 0,
            nodes: (0..n + twins).map(node).collect(),
            silent: silent.iter().copied().collect(),
            trace: Vec::new(),
            forgets: false,
            seed,
            rng: HashStream::new(Hash::of_parts(&[b"world", &seed.to_be_bytes()]).0),
            faults,
            events: BTreeMap::new(),
            sequence: 0,
            signed: BTreeMap::new(),
            proposed: BTreeMap::new(),
        };
        for i in 0..n + twins {
            world.at(
                1,
                i,
                Event::Input {
                    incarnation: None,
                    input: start(1),
                },
            );
            world.at(200, i, Event::Sync);
            world.plan_crashes(i);
        }
        world
    }

    /// Whether node `i` shares its key with another: a Byzantine validator.
    fn is_twin(&self, i: usize) -> bool {
        self.nodes.len() > self.n && i >= self.n - 1
    }

    /// The validator that node `i` runs.
    fn who(&self, i: usize) -> usize {
        i.min(self.n - 1)
    }

    fn plan_crashes(&mut self, i: usize) {
        let mut at_ms = 0;
        while at_ms < self.faults.heal_ms {
            at_ms += 100;
            if self.below(1000) < self.faults.crashes {
                self.at(at_ms, i, Event::Crash);
                let down_ms = self.below(400);
                self.at(at_ms + 1 + down_ms, i, Event::Restart);
                at_ms += down_ms;
            }
        }
    }

    pub fn below(&mut self, limit: u64) -> u64 {
        let Ok(draw) = self.rng.try_next_u64();
        draw % limit.max(1)
    }

    fn at(&mut self, at_ms: u64, node: usize, event: Event) {
        self.sequence += 1;
        self.events.insert((at_ms, self.sequence), (node, event));
    }

    /// Whether every speaking node decided `height`.
    pub fn all_decided(&self, height: u64) -> bool {
        (0..self.nodes.len())
            .filter(|i| !self.silent.contains(i) && !self.is_twin(*i))
            .all(|i| self.nodes[i].decided.contains_key(&Height(height)))
    }

    /// Runs until all decided `height` (true) or `limit_ms` of simulated time passed (false).
    pub fn run(&mut self, height: u64, limit_ms: u64) -> bool {
        while !self.all_decided(height) {
            let Some(at_ms) = self.events.keys().next().map(|(at_ms, _)| *at_ms) else {
                return false;
            };
            if at_ms > limit_ms {
                return false;
            }
            let (_, (node, event)) = self.events.pop_first().unwrap();
            self.now_ms = at_ms;
            if !self.silent.contains(&node) {
                self.handle(node, event);
            }
        }
        self.check_agreement();
        true
    }

    fn handle(&mut self, i: usize, event: Event) {
        match event {
            Event::Input { incarnation, input } => {
                let stale = incarnation.is_some_and(|born| born != self.nodes[i].incarnation);
                if !stale && self.nodes[i].engine.is_some() {
                    self.input(i, input);
                }
            }
            Event::Sync => {
                self.sync(i);
                self.at(self.now_ms + 200, i, Event::Sync);
            }
            Event::Crash => {
                self.nodes[i].engine = None;
                self.nodes[i].incarnation += 1;
            }
            Event::Restart => self.restart(i),
        }
    }

    /// Journals the input, steps, and releases the outputs.
    fn input(&mut self, i: usize, input: EngineInput) {
        let node = &mut self.nodes[i];
        let engine = node.engine.as_mut().unwrap();
        if let EngineInput::StartHeight(height) = input {
            if height <= engine.height() {
                return;
            }
            node.snapshot = engine.snapshot();
            node.journal.clear();
            node.outputs.clear();
        }
        node.journal.push(input.to_bytes());
        let out = step(engine, input);
        node.outputs.extend(out.iter().cloned());
        self.trace.extend(format!("{i} {:?}\n", out).bytes());
        for output in out {
            self.release(i, output);
        }
    }

    fn release(&mut self, i: usize, output: EngineOutput) {
        match output {
            EngineOutput::Broadcast(message) => {
                self.check_honest(i, &message);
                self.spread(i, EngineInput::Message(message));
            }
            EngineOutput::StartTimer {
                timer,
                height,
                generation,
                duration_ms,
            } => {
                self.arm(
                    i,
                    EngineInput::TimerFired {
                        height,
                        timer,
                        generation,
                    },
                    duration_ms,
                );
            }
            EngineOutput::RequestBlock { height, round } => {
                let block = block(&format!("{}/{height}/{round}/{i}", self.seed));
                self.arm(
                    i,
                    EngineInput::Propose {
                        height,
                        round,
                        block,
                    },
                    5,
                );
                self.spread(i, body_input(self.n, height.0, round.0, block, true));
            }
            EngineOutput::RestreamBlock {
                height,
                round,
                valid_round,
                block,
            } => {
                let proposer = key(self.who(i));
                let valid = true;
                self.spread(
                    i,
                    EngineInput::BlockChecked {
                        height,
                        round,
                        block,
                        proposer,
                        valid_round,
                        valid,
                    },
                );
            }
            EngineOutput::RoundStarted { height, round, .. } => {
                self.nodes[i].rounds.insert(height, round);
            }
            EngineOutput::Decided { certificate } => {
                let next = start(certificate.height.0 + 1);
                self.learn(i, certificate);
                self.arm(i, next, 1);
            }
            EngineOutput::Misbehavior(proof) => self.nodes[i].proofs.push(proof),
            // Timers are never disarmed here: the engine must know its stale ones by itself.
            EngineOutput::CancelTimer { .. } | EngineOutput::CancelAllTimers => {}
        }
    }

    fn arm(&mut self, i: usize, input: EngineInput, after_ms: u64) {
        let incarnation = Some(self.nodes[i].incarnation);
        self.at(
            self.now_ms + after_ms,
            i,
            Event::Input { incarnation, input },
        );
    }

    fn spread(&mut self, from: usize, input: EngineInput) {
        let healed = self.now_ms >= self.faults.heal_ms;
        for to in (0..self.nodes.len()).filter(|to| *to != from) {
            if !healed && self.below(1000) < self.faults.loss {
                continue;
            }
            let twice = !healed && self.below(1000) < self.faults.duplication;
            for _ in 0..=usize::from(twice) {
                let at_ms = self.now_ms + 1 + self.below(self.faults.delay_ms_max);
                self.at(
                    at_ms,
                    to,
                    Event::Input {
                        incarnation: None,
                        input: input.clone(),
                    },
                );
            }
        }
    }

    fn learn(&mut self, i: usize, certificate: CommitCertificate) {
        let judged = certificate.verify_with(&network(), &validators(self.n), &*verifier());
        assert_eq!(
            judged,
            Ok(()),
            "seed {}: certificate of node {i}",
            self.seed
        );
        self.nodes[i]
            .decided
            .insert(certificate.height, certificate);
    }

    /// Asks one peer for the decisions this node lacks and starts the height after them.
    fn sync(&mut self, i: usize) {
        let peer = self.below(self.nodes.len() as u64) as usize;
        let both_up = self.nodes[i].engine.is_some() && self.nodes[peer].engine.is_some();
        if peer == i || !both_up || self.silent.contains(&peer) {
            return;
        }
        let known = self.nodes[i]
            .decided
            .keys()
            .next_back()
            .copied()
            .unwrap_or(Height(0));
        let news: Vec<_> = self.nodes[peer]
            .decided
            .range(known.next()..)
            .map(|(_, c)| c.clone())
            .collect();
        let Some(last) = news.last().map(|c| c.height) else {
            return;
        };
        news.into_iter()
            .for_each(|certificate| self.learn(i, certificate));
        self.input(i, start(last.0 + 1));
    }

    /// Restores the boundary, steps the journal and compares with what was done before.
    fn restart(&mut self, i: usize) {
        let who = self.who(i);
        let node = &mut self.nodes[i];
        if node.engine.is_some() {
            return;
        }
        let config = config(self.n, who);
        let mut snapshot = node.snapshot.clone();
        if self.forgets {
            snapshot.carried.clear();
        }
        let mut engine = Engine::restore(config, snapshot, Some(signer(who)), verifier());
        let mut out = Vec::new();
        for bytes in &node.journal {
            engine
                .step(EngineInput::from_bytes(bytes).unwrap(), &mut out)
                .unwrap();
        }
        assert_eq!(
            out, node.outputs,
            "seed {}: node {i} replayed differently",
            self.seed
        );
        node.replays += 1;
        let timers = engine.running_timers();
        let waits = !engine.is_deciding();
        let next = node.decided.keys().next_back().map_or(1, |h| h.0 + 1);
        node.engine = Some(engine);
        for timer in timers {
            self.release(i, timer);
        }
        if waits {
            self.arm(i, start(next), 1);
        }
    }

    /// An honest key never signs two different things for one step.
    fn check_honest(&mut self, i: usize, message: &ConsensusMessage) {
        if self.is_twin(i) {
            return;
        }
        match message {
            ConsensusMessage::Vote(m) if m.vote.validator == key(i) => {
                let v = &m.vote;
                let at = (v.validator, v.height, v.round, v.kind);
                let before = *self.signed.entry(at).or_insert(v.block);
                assert_eq!(before, v.block, "seed {}: node {i} equivocated", self.seed);
            }
            ConsensusMessage::Proposal(m) if m.proposal.proposer == key(i) => {
                let p = &m.proposal;
                let at = (p.proposer, p.height, p.round);
                let before = self.proposed.entry(at).or_insert_with(|| p.clone());
                assert_eq!(before, p, "seed {}: node {i} equivocated", self.seed);
            }
            _ => {}
        }
    }

    fn check_agreement(&self) {
        let mut agreed: BTreeMap<Height, BlockId> = BTreeMap::new();
        for node in &self.nodes {
            for (height, certificate) in &node.decided {
                let first = *agreed.entry(*height).or_insert(certificate.block);
                assert_eq!(
                    first, certificate.block,
                    "seed {}: fork at {height}",
                    self.seed
                );
            }
        }
    }
}
