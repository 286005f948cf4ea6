//! The sync actor's machine: who is there, how far they are, and catching up with them.
//!
//! Soft state: told anew by everybody a few times a second.

use crate::machine::{At, Keep, Machine};
use crate::storage::DurableBlock;
use bytes::Bytes;
use messages::api::{Answer, Health, Query, ValidatorStatus};
use messages::cbor::Canonical;
use messages::consensus::CommitCertificate;
use messages::genesis::Genesis;
use messages::hash::Hash;
use messages::ids::{Height, Name, Ordinal, Round, TimeMs, TreeSize};
use messages::ports::ConsensusVerifier;
use messages::quorum::quorum;
use messages::wire::{CertifiedBlock, PeerMessage};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Interval of the status that everybody sends.
pub const STATUS_MS: u64 = 250;
/// A validator not heard of for this long is missing.
pub const MISSING_MS: u64 = 1_500;
/// A request for blocks that is not answered for this long is sent to somebody else.
const REQUEST_MS: u64 = 1_000;
/// Blocks asked for at once.
const REQUEST_BLOCKS: u32 = 16;
/// A node that is one block behind asks after this long: the block is most likely on its way.
const ONE_BEHIND_MS: u64 = 600;
/// Heights between the highest certified head and the first that an amnesiac may sign.
const FLOOR_DISTANCE: u64 = 3;

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
        /// Canonical certificate of the block at its height.
        certificate: Bytes,
    },
    /// Time for our own status.
    Tick,
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

#[derive(Clone, Copy, Debug, Default)]
struct Peer {
    heard: Option<TimeMs>,
    height: Height,
    round: Round,
    /// The highest height whose certificate it showed; kept only while we look for our floor.
    certified: Option<Height>,
}

/// The machine.
pub struct Presence {
    genesis: Arc<Genesis>,
    own: Name,
    version: &'static str,
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
    requested: Option<(Name, TimeMs)>,
    /// Whom we asked last, and from which height on.
    last_asked: Option<(Name, Height)>,
    behind_since: Option<TimeMs>,
    last_missing: Option<Vec<Name>>,
    amnesiac: Option<String>,
    floor: Option<Height>,
    /// Time of the first tick.
    started: Option<TimeMs>,
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
        genesis: Arc<Genesis>,
        own: Name,
        version: &'static str,
        standing: Standing,
        verifier: Arc<dyn ConsensusVerifier>,
        out: &mut Vec<PresenceEffect>,
    ) -> Self {
        let presence = Self {
            own,
            version,
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
            requested: None,
            last_asked: None,
            behind_since: None,
            last_missing: None,
            amnesiac: standing.amnesiac,
            floor: standing.floor,
            started: None,
            genesis,
        };
        out.push(presence.status());
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

    fn has_quorum(&self, missing: usize) -> bool {
        let n = self.genesis.validators.len();
        n - missing >= quorum(n)
    }

    fn status(&self) -> PresenceEffect {
        PresenceEffect::Broadcast(PeerMessage::Status {
            height: self.durable,
            round: self.round,
            published: self.published,
            certificate: self.certificate.clone(),
        })
    }

    fn on_tick(&mut self, now: TimeMs, out: &mut Vec<PresenceEffect>) {
        self.started.get_or_insert(now);
        out.push(self.status());
        self.report(now, out);
        self.find_floor(now, out);
        self.catch_up(now, out);
        out.push(PresenceEffect::TickAgain);
    }

    fn on_status(
        &mut self,
        now: TimeMs,
        from: &Name,
        (height, round): (Height, Round),
        certificate: &[u8],
        out: &mut Vec<PresenceEffect>,
    ) {
        if self.genesis.validator_by_name(from).is_none() || *from == self.own {
            return;
        }
        let seeks_floor = self.amnesiac.is_some() && self.floor.is_none();
        let known = self.peers.get(from).and_then(|peer| peer.certified);
        let shown = (seeks_floor && self.is_certified(height, certificate)).then_some(height);
        let certified = known.max(shown);
        let peer = Peer {
            heard: Some(now),
            height,
            round,
            certified,
        };
        self.peers.insert(from.clone(), peer);
        self.report(now, out);
    }

    /// Whether a quorum decided a block at `height`: a peer's word alone must not move our floor.
    fn is_certified(&self, height: Height, certificate: &[u8]) -> bool {
        if height == Height(0) {
            return true;
        }
        let set = self.genesis.validator_set();
        CommitCertificate::from_bytes(certificate).is_ok_and(|certificate| {
            certificate.height == height
                && certificate
                    .verify_with(&self.genesis.network, &set, &*self.verifier)
                    .is_ok()
        })
    }

    fn report(&mut self, now: TimeMs, out: &mut Vec<PresenceEffect>) {
        let missing = self.missing(now);
        if self.last_missing.as_ref() != Some(&missing) {
            let quorum = self.has_quorum(missing.len());
            out.push(PresenceEffect::Changed {
                missing: missing.clone(),
                quorum,
            });
            self.last_missing = Some(missing);
        }
    }

    /// Once enough of the others said where they stand, an amnesiac knows from which height on it
    /// cannot have signed anything yet (DESIGN section 7).
    fn find_floor(&mut self, now: TimeMs, out: &mut Vec<PresenceEffect>) {
        if self.amnesiac.is_none() || self.floor.is_some() {
            return;
        }
        let n = self.genesis.validators.len();
        let others = self
            .genesis
            .validators
            .iter()
            .filter(|v| v.name != self.own);
        let heads: Vec<Height> = others
            .filter_map(|v| self.peers.get(&v.name))
            .filter(|peer| {
                peer.heard
                    .is_some_and(|heard| now.since_ms(heard) < MISSING_MS)
            })
            .filter_map(|peer| peer.certified)
            .collect();
        if n > 1 && heads.len() >= quorum(n) - 1 {
            let highest = heads
                .into_iter()
                .max()
                .unwrap_or_default()
                .max(self.durable);
            let floor = Height(highest.0 + FLOOR_DISTANCE);
            self.floor = Some(floor);
            out.push(PresenceEffect::Floor(floor));
        }
    }

    /// Asks somebody who is ahead for the blocks that are missing here.
    fn catch_up(&mut self, now: TimeMs, out: &mut Vec<PresenceEffect>) {
        let decided = Height(self.deciding.0 - 1);
        let ahead: Vec<(&Name, &Peer)> = self
            .peers
            .iter()
            .filter(|(name, peer)| peer.height > decided && self.is_present(name, now))
            .collect();
        if ahead.is_empty() {
            self.behind_since = None;
            self.requested = None;
            return;
        }
        let since = *self.behind_since.get_or_insert(now);
        let far = ahead.iter().any(|(_, peer)| peer.height.0 > decided.0 + 1);
        if !far && now.since_ms(since) < ONE_BEHIND_MS {
            return;
        }
        if self
            .requested
            .as_ref()
            .is_some_and(|(_, at)| now.since_ms(*at) < REQUEST_MS)
        {
            return;
        }
        // Whoever was asked last and brought us no further has its turn after all others.
        let to = match &self.last_asked {
            Some((name, height)) if *height == self.deciding => {
                let after = ahead.iter().map(|(n, _)| *n).find(|n| *n > name);
                after.unwrap_or(ahead[0].0)
            }
            Some((name, _)) if ahead.iter().any(|(n, _)| *n == name) => name,
            _ => ahead[0].0,
        };
        let to = to.clone();
        self.request(to, now, out);
    }

    fn request(&mut self, to: Name, now: TimeMs, out: &mut Vec<PresenceEffect>) {
        self.requested = Some((to.clone(), now));
        self.last_asked = Some((to.clone(), self.deciding));
        let message = PeerMessage::BlocksRequest {
            first: self.deciding,
            count: REQUEST_BLOCKS,
        };
        out.push(PresenceEffect::Send { to, message });
    }

    fn on_blocks(&mut self, from: &Name, blocks: &[CertifiedBlock], out: &mut Vec<PresenceEffect>) {
        if self
            .requested
            .as_ref()
            .is_some_and(|(asked, _)| asked == from)
        {
            // The next request goes out as soon as these are decided.
            self.requested = None;
            out.extend(blocks.iter().cloned().map(PresenceEffect::Apply));
        }
    }

    fn on_progress(&mut self, now: TimeMs, height: Height, round: Round) -> bool {
        let moved = height > self.deciding;
        if moved {
            self.behind_since = Some(now).filter(|_| self.behind_since.is_some());
        }
        self.deciding = self.deciding.max(height);
        self.round = round;
        moved
    }

    fn statuses(&self, now: TimeMs) -> Vec<ValidatorStatus> {
        let status = |v: &messages::genesis::GenesisValidator| {
            let own = v.name == self.own;
            let peer = self.peers.get(&v.name).copied().unwrap_or_default();
            ValidatorStatus {
                name: v.name.clone(),
                organisation: v.organisation.clone(),
                present: self.is_present(&v.name, now),
                own,
                height: if own { self.durable } else { peer.height },
                round: if own { self.round } else { peer.round },
                silent_ms: if own {
                    Some(0)
                } else {
                    peer.heard.map(|at| now.since_ms(at))
                },
            }
        };
        self.genesis.validators.iter().map(status).collect()
    }

    fn health(&self, now: TimeMs) -> Health {
        let missing = self.missing(now);
        let below_floor = self.floor.is_none_or(|floor| self.deciding < floor);
        let amnesiac = self.amnesiac.clone().filter(|_| below_floor);
        let validates = self.genesis.validator_by_name(&self.own).is_some();
        Health {
            network: self.genesis.network.clone(),
            node: self.own.clone(),
            version: self.version,
            quorum: self.has_quorum(missing.len()),
            quorum_size: quorum(self.genesis.validators.len()),
            missing,
            height: self.durable,
            round: self.round,
            published: self.published,
            log_size: self.log.0,
            log_root: self.log.1,
            statements: self.statements,
            waiting: self.waiting,
            voting: validates && amnesiac.is_none(),
            amnesiac,
        }
    }
}

impl Machine for Presence {
    type Input = PresenceInput;
    type Effect = PresenceEffect;

    fn step(&mut self, at: At, input: &PresenceInput, out: &mut Vec<PresenceEffect>) -> Keep {
        match input {
            PresenceInput::Status {
                from,
                height,
                round,
                certificate,
            } => {
                self.on_status(at.now, from, (*height, *round), certificate, out);
            }
            PresenceInput::Tick => self.on_tick(at.now, out),
            PresenceInput::Progress {
                height,
                round,
                waiting,
            } => {
                self.waiting = *waiting;
                if self.on_progress(at.now, *height, *round) {
                    self.catch_up(at.now, out);
                }
            }
            PresenceInput::Durable(block) => {
                self.durable = block.height;
                self.certificate = block.certificate.clone();
                self.log = (block.log_size, block.log_root);
                self.statements = Ordinal(block.ordinal);
            }
            PresenceInput::Published(height) => self.published = *height,
            PresenceInput::Blocks { from, blocks } => self.on_blocks(from, blocks, out),
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
