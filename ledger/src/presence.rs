//! The sync actor's machine: who is there, how far they are, and catching up with them.
//!
//! Soft state: told anew by everybody a few times a second.

mod catch_up;
mod floor;
mod lag;
mod view;

use crate::machine::{At, Keep, Machine};
use crate::storage::DurableBlock;
use bytes::Bytes;
use catch_up::{Ahead, CatchUp, Fetch};
use lag::Lag;
use messages::api::{Answer, Query};
use messages::genesis::Genesis;
use messages::hash::Hash;
use messages::ids::{Height, Name, Ordinal, Round, TimeMs, TreeSize};
use messages::ports::ConsensusVerifier;
use messages::quorum::quorum;
use messages::wire::{CertifiedBlock, NodeFacts, PeerMessage};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Interval of the status that everybody sends.
pub const STATUS_MS: u64 = 250;
/// A block older than this when it becomes durable was decided while this node was away.
const LIVE_MS_MAX: u64 = 5_000;
/// A validator not heard of for this long is missing.
pub const MISSING_MS: u64 = 1_500;
/// What the machine receives.
#[derive(Clone, Debug)]
pub enum PresenceInput {
    /// A peer's status.
    Status {
        /// The peer.
        from: Name,
        /// Its durable height.
        height: Height,
        /// Its round.
        round: Round,
        /// Height up to which it has receipts.
        published: Height,
        /// Canonical certificate of the block at its height.
        certificate: Bytes,
        /// What it says of itself.
        about: NodeFacts,
    },
    /// Time for our own status.
    Tick {
        /// Free bytes where the ledger lies; none when that cannot be told.
        disk_free: Option<u64>,
    },
    /// Where our consensus stands.
    Progress {
        /// Height being decided.
        height: Height,
        /// Its round.
        round: Round,
        /// Statements waiting for a block.
        waiting: usize,
    },
    /// A block became durable here.
    Durable(DurableBlock),
    /// A checkpoint was published here.
    Published(Height),
    /// Certified blocks of a peer.
    Blocks {
        /// The peer.
        from: Name,
        /// The blocks.
        blocks: Vec<CertifiedBlock>,
    },
    /// A question about the node itself.
    Ask {
        /// Names the asker.
        token: u64,
        /// [`Query::Validators`] or [`Query::Health`].
        query: Query,
    },
}

/// What the machine asks for.
#[derive(Clone, Debug)]
pub enum PresenceEffect {
    /// Tell every other node.
    Broadcast(PeerMessage),
    /// Tell one node.
    Send {
        /// The node.
        to: Name,
        /// The message.
        message: PeerMessage,
    },
    /// Give this block to consensus.
    Apply(CertifiedBlock),
    /// Who is missing changed.
    Changed {
        /// Validators that are missing.
        missing: Vec<Name>,
        /// Whether the present ones can decide.
        quorum: bool,
    },
    /// An amnesiac validator may sign from this height on.
    Floor(Height),
    /// Answer to a question.
    Answer {
        /// Names the asker.
        token: u64,
        /// The answer.
        answer: Answer,
    },
    /// Send [`PresenceInput::Tick`] after [`STATUS_MS`].
    TickAgain,
}

#[derive(Clone, Debug, Default)]
struct Peer {
    heard: Option<TimeMs>,
    height: Height,
    round: Round,
    published: Height,
    about: NodeFacts,
    /// The highest height whose certificate it showed; kept only while we look for our floor.
    certified: Option<Height>,
}

/// The machine.
pub struct Presence {
    genesis: Arc<Genesis>,
    own: Name,
    version: &'static str,
    /// Observers that this node knows of, itself among them if it is one.
    observers: Vec<Name>,
    peers: BTreeMap<Name, Peer>,
    deciding: Height,
    round: Round,
    durable: Height,
    certificate: Bytes,
    verifier: Arc<dyn ConsensusVerifier>,
    published: Height,
    log: (TreeSize, Hash),
    statements: Ordinal,
    waiting: usize,
    catch_up: CatchUp,
    lag: Lag,
    disk_free: Option<u64>,
    /// Who is missing and whether the others can decide, as it was told last.
    last_told: Option<(Vec<Name>, bool)>,
    amnesiac: Option<String>,
    floor: Option<Height>,
    /// Time of the first tick.
    started: Option<TimeMs>,
}

/// The nodes of a network as one of them knows them.
#[derive(Clone, Debug)]
pub struct Nodes {
    /// Names the validators.
    pub genesis: Arc<Genesis>,
    /// The node itself.
    pub own: Name,
    /// Observers: the node itself, if it is one, or those that it serves.
    pub observers: Vec<Name>,
}

/// Where a node stands when it starts.
#[derive(Clone, Debug)]
pub struct Standing {
    /// Durable height.
    pub durable: Height,
    /// Canonical certificate of the block there; empty at height 0.
    pub certificate: Bytes,
    /// Newest published checkpoint.
    pub published: Height,
    /// Size and root of the log.
    pub log: (TreeSize, Hash),
    /// Statements committed.
    pub statements: Ordinal,
    /// Why the node may not sign, if it may not.
    pub amnesiac: Option<String>,
    /// The floor that an amnesiac found before.
    pub floor: Option<Height>,
}

impl Presence {
    /// A machine that has heard of nobody yet.
    pub fn new(
        nodes: Nodes,
        version: &'static str,
        standing: Standing,
        verifier: Arc<dyn ConsensusVerifier>,
        out: &mut Vec<PresenceEffect>,
    ) -> Self {
        let presence = Self {
            own: nodes.own,
            version,
            observers: nodes.observers,
            peers: BTreeMap::new(),
            deciding: standing.durable.next(),
            round: Round(0),
            durable: standing.durable,
            certificate: standing.certificate,
            verifier,
            published: standing.published,
            log: standing.log,
            statements: standing.statements,
            waiting: 0,
            catch_up: CatchUp::default(),
            lag: Lag::default(),
            disk_free: None,
            last_told: None,
            amnesiac: standing.amnesiac,
            floor: standing.floor,
            started: None,
            genesis: nodes.genesis,
        };
        out.push(presence.status(0));
        out.push(PresenceEffect::TickAgain);
        presence
    }

    fn is_present(&self, name: &Name, now: TimeMs) -> bool {
        let heard = self.peers.get(name).and_then(|peer| peer.heard);
        // Whoever was not heard of yet is given the same time from our own start.
        let since = heard.or(self.started).unwrap_or(now);
        *name == self.own || now.since_ms(since) < MISSING_MS
    }

    fn missing(&self, now: TimeMs) -> Vec<Name> {
        let names = self.genesis.validators.iter().map(|v| v.name.clone());
        names.filter(|name| !self.is_present(name, now)).collect()
    }

    /// Whether enough validators are here that vote: one that lost its journal is here and does not.
    fn has_quorum(&self, now: TimeMs) -> bool {
        let votes = |name: &Name| match self.peers.get(name) {
            _ if *name == self.own => self.votes(),
            Some(peer) => peer.about.votes,
            // Not heard of yet: it has its time.
            None => true,
        };
        let validators = self.genesis.validators.iter().map(|v| &v.name);
        let voters = validators.filter(|name| self.is_present(name, now) && votes(name));
        voters.count() >= quorum(self.genesis.validators.len())
    }

    /// Whether this node votes.
    fn votes(&self) -> bool {
        let validates = self.genesis.validator_by_name(&self.own).is_some();
        validates && self.forgotten().is_none()
    }

    /// Why this node does not vote, though it is a validator: it lost what it signed, and is below
    /// its floor or does not know it yet.
    fn forgotten(&self) -> Option<&String> {
        let below_floor = self.floor.is_none_or(|floor| self.deciding < floor);
        self.amnesiac.as_ref().filter(|_| below_floor)
    }

    /// Whether `name` is a node of this network that we know.
    fn knows(&self, name: &Name) -> bool {
        self.genesis.validator_by_name(name).is_some() || self.observers.contains(name)
    }

    fn facts(&self, peers: usize) -> NodeFacts {
        NodeFacts {
            version: self.version.into(),
            disk_free: self.disk_free,
            lag_ms: self.lag.p99_ms(),
            peers: u16::try_from(peers).unwrap_or(u16::MAX),
            votes: self.votes(),
        }
    }

    /// Nodes that are heard now.
    fn heard(&self, now: TimeMs) -> usize {
        let silent = |peer: &&Peer| peer.heard.map(|at| now.since_ms(at));
        let is_heard = |peer: &&Peer| silent(peer).is_some_and(|ms| ms < MISSING_MS);
        self.peers.values().filter(is_heard).count()
    }

    fn status(&self, peers: usize) -> PresenceEffect {
        PresenceEffect::Broadcast(PeerMessage::Status {
            height: self.durable,
            round: self.round,
            published: self.published,
            certificate: self.certificate.clone(),
            about: self.facts(peers),
        })
    }

    fn on_tick(&mut self, now: TimeMs, out: &mut Vec<PresenceEffect>) {
        self.started.get_or_insert(now);
        out.push(self.status(self.heard(now)));
        self.report(now, out);
        self.find_floor(now, out);
        self.catch_up(now, out);
        out.push(PresenceEffect::TickAgain);
    }

    fn on_status(
        &mut self,
        now: TimeMs,
        from: &Name,
        told: Peer,
        certificate: &[u8],
        out: &mut Vec<PresenceEffect>,
    ) {
        if *from == self.own || !self.knows(from) {
            return;
        }
        let seeks_floor = self.amnesiac.is_some() && self.floor.is_none();
        let known = self.peers.get(from).and_then(|peer| peer.certified);
        let shown = seeks_floor && self.is_certified(told.height, certificate);
        let peer = Peer {
            heard: Some(now),
            certified: known.max(shown.then_some(told.height)),
            ..told
        };
        self.peers.insert(from.clone(), peer);
        self.report(now, out);
    }

    fn report(&mut self, now: TimeMs, out: &mut Vec<PresenceEffect>) {
        let told = (self.missing(now), self.has_quorum(now));
        if self.last_told.as_ref() != Some(&told) {
            let (missing, quorum) = told.clone();
            out.push(PresenceEffect::Changed { missing, quorum });
            self.last_told = Some(told);
        }
    }

    /// Fetches the blocks that are missing here from those who are ahead.
    fn catch_up(&mut self, now: TimeMs, out: &mut Vec<PresenceEffect>) {
        let decided = Height(self.deciding.0 - 1);
        let is_ahead =
            |(name, peer): &(&Name, &Peer)| peer.height > decided && self.is_present(name, now);
        let ahead: Vec<Ahead> = self
            .peers
            .iter()
            .filter(is_ahead)
            .map(|(name, peer)| Ahead {
                name: name.clone(),
                height: peer.height,
            })
            .collect();
        let mut wanted = Vec::new();
        self.catch_up.go_on(now, decided, &ahead, &mut wanted);
        out.extend(wanted.into_iter().map(|fetch| match fetch {
            Fetch::Ask(to, message) => PresenceEffect::Send { to, message },
            Fetch::Apply(block) => PresenceEffect::Apply(block),
        }));
    }

    fn on_progress(&mut self, height: Height, round: Round) -> bool {
        let moved = height > self.deciding;
        self.deciding = self.deciding.max(height);
        self.round = round;
        moved
    }
}

impl Machine for Presence {
    type Input = PresenceInput;
    type Effect = PresenceEffect;

    fn kept(&self) -> usize {
        self.catch_up.kept()
    }

    fn step(&mut self, at: At, input: &PresenceInput, out: &mut Vec<PresenceEffect>) -> Keep {
        match input {
            PresenceInput::Status {
                from,
                height,
                round,
                published,
                certificate,
                about,
            } => {
                let told = Peer {
                    height: *height,
                    round: *round,
                    published: *published,
                    about: about.clone(),
                    ..Peer::default()
                };
                self.on_status(at.now, from, told, certificate, out);
            }
            PresenceInput::Tick { disk_free } => {
                self.disk_free = *disk_free;
                self.on_tick(at.now, out);
            }
            PresenceInput::Progress {
                height,
                round,
                waiting,
            } => {
                self.waiting = *waiting;
                if self.on_progress(*height, *round) {
                    self.catch_up(at.now, out);
                }
            }
            PresenceInput::Durable(block) => {
                self.durable = block.height;
                self.certificate = block.certificate.clone();
                self.log = (block.log_size, block.log_root);
                self.statements = Ordinal(block.ordinal);
                let is_old = at.now.since_ms(block.time) > LIVE_MS_MAX;
                let is_live = !self.catch_up.is_fetching() && !is_old;
                self.lag.durable(block.height, block.time, is_live);
            }
            PresenceInput::Published(height) => {
                self.published = *height;
                self.lag.published(at.now, *height);
            }
            PresenceInput::Blocks { from, blocks } => {
                self.catch_up.on_blocks(from, blocks);
                self.catch_up(at.now, out);
            }
            PresenceInput::Ask { token, query } => {
                let answer = match query {
                    Query::Validators => Answer::Validators(self.statuses(at.now)),
                    _ => Answer::Health(Box::new(self.health(at.now))),
                };
                out.push(PresenceEffect::Answer {
                    token: *token,
                    answer,
                });
            }
        }
        Keep::No
    }
}
