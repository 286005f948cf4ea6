//! The bodies actor's machine: contents that are kept beside the log.
//!
//! A client hands a body to one node, which stages it in memory; it goes to the disk when its
//! statement passed all checks, so that nobody fills a disk without a name. Other holders fetch it
//! in chunks from whoever told them of the statement, then from one another. The permissions actor
//! holds statements and proposals back until their bodies are here, so a vote means that the
//! voter holds them.
//!
//! The state is soft: after a restart bodies are staged and fetched again.

use crate::machine::{At, Keep, Machine};
use bytes::Bytes;
use messages::api::{Answer, Problem, ProblemKind};
use messages::genesis::Genesis;
use messages::hash::Hash;
use messages::ids::{Name, TimeMs};
use messages::stored::BodyReader;
use messages::wire::PeerMessage;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// Most bytes of bodies that wait for their statements.
const STAGED_BYTES_MAX: usize = 64 << 20;
/// Bodies fetched at once.
const FETCHES_MAX: usize = 64;
/// Bodies that wait for their turn to be fetched; whoever lodges more tells of them again.
const QUEUED_MAX: usize = 4096;
/// Bytes of a chunk.
const CHUNK_BYTES: usize = 256 << 10;
/// A source that sent no whole body for this long is left for the next one.
const PATIENCE_MS: u64 = 1_000;
/// Fetches are looked through this often.
pub const FETCH_TICK_MS: u64 = 250;

/// A body that a statement lodges.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LodgedBody {
    /// Its digest.
    pub digest: Hash,
    /// Its size in bytes.
    pub size: u64,
    /// The namespace, which says who holds it.
    pub namespace: Name,
}

/// Where a body may come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A client of this node handed it over, or nobody did.
    Client,
    /// First from the peer that told of it.
    Peer(Name),
    /// From any holder.
    Holders,
}

/// What the machine receives.
#[derive(Clone, Debug)]
pub enum BodiesInput {
    /// A client hands over a body.
    Put {
        /// Names the client.
        token: u64,
        /// What the client says is its digest.
        digest: Hash,
        /// The body.
        bytes: Bytes,
    },
    /// A statement that passed all checks lodges this.
    Want {
        /// The body.
        body: LodgedBody,
        /// Where it may come from.
        source: Source,
    },
    /// This body is durable.
    Written(Hash),
    /// A peer asks for a body.
    Request {
        /// The peer.
        from: Name,
        /// The body's digest.
        digest: Hash,
    },
    /// A part of a body that was asked for.
    Chunk {
        /// The peer.
        from: Name,
        /// The body's digest.
        digest: Hash,
        /// Which part, from 0.
        index: u32,
        /// Parts in all.
        count: u32,
        /// The part.
        bytes: Bytes,
    },
    /// Time to look for slow sources.
    Tick,
}

/// What the machine asks for.
#[derive(Clone, Debug)]
pub enum BodiesEffect {
    /// Answer the client that handed a body over.
    Answer {
        /// The client.
        token: u64,
        /// The answer.
        answer: Answer,
    },
    /// Write a body durably.
    Write {
        /// Its digest.
        digest: Hash,
        /// The body.
        bytes: Bytes,
    },
    /// Tell the permissions actor: this body is held.
    Held(Hash),
    /// Tell the permissions actor: no client handed this body over.
    Missing(Hash),
    /// Send something to a peer.
    Send {
        /// The peer.
        to: Name,
        /// The message.
        message: PeerMessage,
    },
    /// Send [`BodiesInput::Tick`] after [`FETCH_TICK_MS`].
    TickAgain,
}

/// A body on its way from a peer.
#[derive(Debug)]
struct Fetch {
    size: u64,
    /// Who may have it; asked in turn.
    sources: Vec<Name>,
    at: usize,
    asked: TimeMs,
    chunks: BTreeMap<u32, Bytes>,
}

impl Fetch {
    fn source(&self) -> &Name {
        &self.sources[self.at % self.sources.len()]
    }
}

/// The machine.
pub struct Bodies {
    own: Name,
    genesis: Arc<Genesis>,
    reader: Arc<dyn BodyReader>,
    /// Handed over, their statements not seen yet; the oldest goes first.
    staged: BTreeMap<Hash, Bytes>,
    staged_order: VecDeque<Hash>,
    staged_bytes: usize,
    /// On their way to the disk.
    writing: BTreeMap<Hash, Bytes>,
    fetches: BTreeMap<Hash, Fetch>,
    /// Wanted while as many were fetched as may be at once, with the peer that told of each.
    queued: BTreeMap<Hash, (LodgedBody, Option<Name>)>,
    ticking: bool,
    dropped: u64,
}

impl Bodies {
    /// A machine over what is on disk.
    pub fn new(own: Name, genesis: Arc<Genesis>, reader: Arc<dyn BodyReader>) -> Self {
        Self {
            own,
            genesis,
            reader,
            staged: BTreeMap::new(),
            staged_order: VecDeque::new(),
            staged_bytes: 0,
            writing: BTreeMap::new(),
            fetches: BTreeMap::new(),
            queued: BTreeMap::new(),
            ticking: false,
            dropped: 0,
        }
    }

    /// Parts of bodies that nobody asked for or that did not fit.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    fn on_put(&mut self, token: u64, digest: Hash, bytes: &Bytes, out: &mut Vec<BodiesEffect>) {
        let answer = match self.put_problem(&digest, bytes) {
            Some(problem) => Answer::Problem(problem),
            None => {
                let size = bytes.len() as u64;
                let is_here = self.reader.holds_body(&digest) || self.writing.contains_key(&digest);
                if !is_here {
                    self.stage(digest, bytes.clone());
                }
                Answer::BodyTaken { digest, size }
            }
        };
        out.push(BodiesEffect::Answer { token, answer });
    }

    fn put_problem(&self, digest: &Hash, bytes: &Bytes) -> Option<Problem> {
        let most = self.genesis.parameters.body_bytes_max as usize;
        let found = Hash::of(bytes);
        let (kind, code, detail, next_step) = if bytes.is_empty() {
            (
                ProblemKind::Malformed,
                "empty-body",
                "body: expected at least 1 byte, found none".to_owned(),
                "lodge the digest of an empty file instead",
            )
        } else if bytes.len() > most {
            (
                ProblemKind::TooLarge,
                "body-too-large",
                format!("body: expected at most {most} bytes, found {}", bytes.len()),
                "lodge a salted commitment and keep the document yourself",
            )
        } else if found != *digest {
            (
                ProblemKind::Malformed,
                "digest-mismatch",
                format!("digest: expected {found}, the SHA-256 of the body, found {digest}"),
                "send the body under its own digest",
            )
        } else {
            return None;
        };
        Some(Problem {
            kind,
            code,
            detail,
            field: Some("body".into()),
            next_step: next_step.into(),
        })
    }

    fn stage(&mut self, digest: Hash, bytes: Bytes) {
        if self.staged.contains_key(&digest) {
            return;
        }
        self.staged_bytes += bytes.len();
        self.staged.insert(digest, bytes);
        self.staged_order.push_back(digest);
        while self.staged_bytes > STAGED_BYTES_MAX
            && let Some(oldest) = self.staged_order.pop_front()
        {
            self.unstage(&oldest);
        }
    }

    fn unstage(&mut self, digest: &Hash) -> Option<Bytes> {
        let bytes = self.staged.remove(digest)?;
        self.staged_bytes -= bytes.len();
        self.staged_order.retain(|staged| staged != digest);
        Some(bytes)
    }

    fn on_want(
        &mut self,
        now: TimeMs,
        body: &LodgedBody,
        source: &Source,
        out: &mut Vec<BodiesEffect>,
    ) {
        if self.reader.holds_body(&body.digest) {
            out.push(BodiesEffect::Held(body.digest));
            return;
        }
        if self.writing.contains_key(&body.digest) {
            return; // Told when it is written.
        }
        let fits = |bytes: &&Bytes| bytes.len() as u64 == body.size;
        if self.staged.get(&body.digest).filter(fits).is_some() {
            let bytes = self.unstage(&body.digest).expect("it was just seen");
            self.write(body.digest, bytes, out);
            return;
        }
        match source {
            Source::Client => out.push(BodiesEffect::Missing(body.digest)),
            Source::Peer(from) => self.fetch(now, body, Some(from), out),
            Source::Holders => self.fetch(now, body, None, out),
        }
    }

    fn write(&mut self, digest: Hash, bytes: Bytes, out: &mut Vec<BodiesEffect>) {
        self.fetches.remove(&digest);
        self.queued.remove(&digest);
        self.writing.insert(digest, bytes.clone());
        out.push(BodiesEffect::Write { digest, bytes });
    }

    /// Asks for a body, first the peer that told of it.
    fn fetch(
        &mut self,
        now: TimeMs,
        body: &LodgedBody,
        from: Option<&Name>,
        out: &mut Vec<BodiesEffect>,
    ) {
        if self.fetches.contains_key(&body.digest) {
            return;
        }
        if self.fetches.len() >= FETCHES_MAX {
            if self.queued.len() < QUEUED_MAX {
                let wanted = (body.clone(), from.cloned());
                self.queued.insert(body.digest, wanted);
            }
            return;
        }
        let namespace = self.genesis.namespace(&body.namespace);
        let holds = |name: &Name| namespace.is_some_and(|n| n.is_held_by(name));
        let validators = self.genesis.validators.iter().map(|v| &v.name);
        let others = validators.filter(|name| **name != self.own && holds(name));
        let mut sources: Vec<Name> = from.into_iter().cloned().collect();
        sources.extend(others.filter(|name| Some(*name) != from).cloned());
        if sources.is_empty() {
            return;
        }
        let fetch = Fetch {
            size: body.size,
            sources,
            at: 0,
            asked: now,
            chunks: BTreeMap::new(),
        };
        ask(&body.digest, &fetch, out);
        self.fetches.insert(body.digest, fetch);
        if !self.ticking {
            self.ticking = true;
            out.push(BodiesEffect::TickAgain);
        }
    }

    fn on_request(&mut self, from: &Name, digest: &Hash, out: &mut Vec<BodiesEffect>) {
        let here = self.writing.get(digest).or_else(|| self.staged.get(digest));
        let Some(bytes) = here.cloned().or_else(|| self.reader.body(digest)) else {
            return; // The peer asks elsewhere.
        };
        let count = bytes.len().div_ceil(CHUNK_BYTES) as u32;
        for index in 0..count {
            let start = index as usize * CHUNK_BYTES;
            let end = bytes.len().min(start + CHUNK_BYTES);
            out.push(BodiesEffect::Send {
                to: from.clone(),
                message: PeerMessage::BodyChunk {
                    digest: *digest,
                    index,
                    count,
                    bytes: bytes.slice(start..end),
                },
            });
        }
    }

    fn on_chunk(
        &mut self,
        from: &Name,
        digest: Hash,
        (index, count): (u32, u32),
        bytes: &Bytes,
        out: &mut Vec<BodiesEffect>,
    ) {
        let Some(fetch) = self.fetches.get_mut(&digest).filter(|f| f.source() == from) else {
            self.dropped += 1;
            return;
        };
        let expected = fetch.size.div_ceil(CHUNK_BYTES as u64);
        if u64::from(count) != expected || index >= count || bytes.len() > CHUNK_BYTES {
            self.dropped += 1;
            return;
        }
        fetch.chunks.insert(index, bytes.clone());
        if fetch.chunks.len() < count as usize {
            return;
        }
        let whole: Bytes = fetch.chunks.values().flatten().copied().collect();
        if whole.len() as u64 == fetch.size && Hash::of(&whole) == digest {
            self.write(digest, whole, out);
        } else {
            // Another source is asked at the next tick.
            fetch.chunks.clear();
            fetch.asked = TimeMs(0);
            self.dropped += 1;
        }
    }

    fn on_tick(&mut self, now: TimeMs, out: &mut Vec<BodiesEffect>) {
        for (digest, fetch) in &mut self.fetches {
            if fetch.asked.plus_ms(PATIENCE_MS) <= now {
                fetch.at += 1;
                fetch.asked = now;
                fetch.chunks.clear();
                ask(digest, fetch, out);
            }
        }
        while self.fetches.len() < FETCHES_MAX
            && let Some((digest, (body, from))) = self.queued.pop_first()
        {
            if !self.reader.holds_body(&digest) && !self.writing.contains_key(&digest) {
                self.fetch(now, &body, from.as_ref(), out);
            }
        }
        self.ticking = !self.fetches.is_empty();
        if self.ticking {
            out.push(BodiesEffect::TickAgain);
        }
    }
}

fn ask(digest: &Hash, fetch: &Fetch, out: &mut Vec<BodiesEffect>) {
    out.push(BodiesEffect::Send {
        to: fetch.source().clone(),
        message: PeerMessage::BodyRequest { digest: *digest },
    });
}

impl Machine for Bodies {
    type Input = BodiesInput;
    type Effect = BodiesEffect;

    fn kept(&self) -> usize {
        self.staged.len() + self.writing.len() + self.fetches.len() + self.queued.len()
    }

    fn step(&mut self, at: At, input: &BodiesInput, out: &mut Vec<BodiesEffect>) -> Keep {
        match input {
            BodiesInput::Put {
                token,
                digest,
                bytes,
            } => self.on_put(*token, *digest, bytes, out),
            BodiesInput::Want { body, source } => self.on_want(at.now, body, source, out),
            BodiesInput::Written(digest) => {
                self.writing.remove(digest);
                out.push(BodiesEffect::Held(*digest));
            }
            BodiesInput::Request { from, digest } => self.on_request(from, digest, out),
            BodiesInput::Chunk {
                from,
                digest,
                index,
                count,
                bytes,
            } => self.on_chunk(from, *digest, (*index, *count), bytes, out),
            BodiesInput::Tick => self.on_tick(at.now, out),
        }
        Keep::No
    }
}
