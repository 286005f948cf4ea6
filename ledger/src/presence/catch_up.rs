//! Fetching the blocks that a node lacks, from several peers at once and ahead of what it applies.
//!
//! Blocks are applied one after the other, for each stands on the one before; the network is not
//! waited for meanwhile. A peer that answers late, not at all, or with blocks that do not hold has
//! its turn after all others.

use messages::block::Header;
use messages::cbor::Canonical;
use messages::ids::{Height, Name, TimeMs};
use messages::wire::{CertifiedBlock, PeerMessage};
use std::collections::BTreeMap;

/// A request that is not answered for this long is sent to somebody else.
const REQUEST_MS: u64 = 1_000;
/// Applied blocks that lead to no decision for this long are fetched again, from somebody else.
const STALLED_MS: u64 = 2_000;
/// Blocks asked for at once.
const REQUEST_BLOCKS: u64 = 16;
/// Requests under way at once.
const REQUESTS_MAX: usize = 4;
/// Blocks asked for or kept beyond the newest decided one.
const WINDOW_BLOCKS: u64 = 256;
/// Bytes of statements kept that are not applied yet; requests wait beyond.
const WINDOW_BYTES: usize = 32 << 20;
/// Blocks handed to consensus that are not decided yet.
const APPLIED_AHEAD_MAX: u64 = 16;
/// A node that is one block behind asks after this long: the block is most likely on its way.
const ONE_BEHIND_MS: u64 = 600;

/// A request under way; its first height is its key.
#[derive(Clone, Debug)]
struct Request {
    to: Name,
    count: u64,
    at: TimeMs,
}

/// A block that was fetched.
#[derive(Clone, Debug)]
struct Fetched {
    from: Name,
    block: CertifiedBlock,
}

/// What fetching asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fetch {
    /// Send this to a peer.
    Ask(Name, PeerMessage),
    /// Give this to consensus; it follows the one given before.
    Apply(CertifiedBlock),
}

/// A peer that is ahead.
#[derive(Clone, Debug)]
pub(super) struct Ahead {
    pub(super) name: Name,
    pub(super) height: Height,
}

/// What is fetched and what is under way.
#[derive(Clone, Debug, Default)]
pub(super) struct CatchUp {
    requests: BTreeMap<Height, Request>,
    fetched: BTreeMap<Height, Fetched>,
    bytes: usize,
    /// Newest height given to consensus.
    applied: Height,
    /// When something was decided, or applied to an idle consensus.
    moved: TimeMs,
    behind_since: Option<TimeMs>,
    /// How often a peer failed us since it last served.
    failures: BTreeMap<Name, u64>,
    /// The peer asked last, so that turns go round.
    last: Option<Name>,
}

fn bytes_of(block: &CertifiedBlock) -> usize {
    block.block.statements.iter().map(bytes::Bytes::len).sum()
}

fn height_of(block: &CertifiedBlock) -> Option<Height> {
    let header = Header::from_bytes(&block.block.header).ok()?;
    Some(header.height)
}

impl CatchUp {
    /// Whether blocks are being fetched.
    pub(super) fn is_fetching(&self) -> bool {
        !self.requests.is_empty() || !self.fetched.is_empty()
    }

    /// Blocks that are kept.
    pub(super) fn kept(&self) -> usize {
        self.fetched.len() + self.requests.len()
    }

    /// Goes on with `decided` as the newest decided height here and these peers ahead of it.
    pub(super) fn go_on(
        &mut self,
        now: TimeMs,
        decided: Height,
        ahead: &[Ahead],
        out: &mut Vec<Fetch>,
    ) {
        self.forget_decided(now, decided);
        let Some(highest) = ahead.iter().map(|peer| peer.height).max() else {
            self.stop(decided);
            return;
        };
        let since = *self.behind_since.get_or_insert(now);
        let is_far = highest.0 > decided.0 + 1;
        if !is_far && !self.is_fetching() && now.since_ms(since) < ONE_BEHIND_MS {
            return;
        }
        self.give_up_stalled(now, decided);
        self.expire(now);
        self.ask(now, decided, highest, ahead, out);
        self.apply(now, decided, out);
    }

    fn stop(&mut self, decided: Height) {
        *self = Self {
            applied: decided,
            failures: std::mem::take(&mut self.failures),
            last: self.last.take(),
            ..Self::default()
        };
    }

    fn forget_decided(&mut self, now: TimeMs, decided: Height) {
        while let Some(entry) = self.fetched.first_entry().filter(|e| *e.key() <= decided) {
            let fetched = entry.remove();
            self.bytes -= bytes_of(&fetched.block);
            self.failures.remove(&fetched.from);
            self.moved = now;
            self.behind_since = self.behind_since.map(|_| now);
        }
        if self.applied < decided {
            self.applied = decided;
            self.moved = now;
        }
    }

    /// What was applied and led nowhere does not hold, or was lost on its way: again, by others.
    fn give_up_stalled(&mut self, now: TimeMs, decided: Height) {
        if self.applied == decided || now.since_ms(self.moved) < STALLED_MS {
            return;
        }
        if let Some(fetched) = self.fetched.get(&decided.next()) {
            self.fail(fetched.from.clone());
        }
        self.fetched.clear();
        self.bytes = 0;
        self.requests.clear();
        self.applied = decided;
        self.moved = now;
    }

    fn fail(&mut self, peer: Name) {
        *self.failures.entry(peer).or_default() += 1;
    }

    fn expire(&mut self, now: TimeMs) {
        let late = |r: &Request| now.since_ms(r.at) >= REQUEST_MS;
        let expired: Vec<Height> = self
            .requests
            .iter()
            .filter(|(_, request)| late(request))
            .map(|(first, _)| *first)
            .collect();
        for first in expired {
            if let Some(request) = self.requests.remove(&first) {
                self.fail(request.to);
            }
        }
    }

    /// Asks for what is neither here nor under way, the lowest first.
    fn ask(
        &mut self,
        now: TimeMs,
        decided: Height,
        highest: Height,
        ahead: &[Ahead],
        out: &mut Vec<Fetch>,
    ) {
        let end = highest.0.min(decided.0 + WINDOW_BLOCKS);
        let mut from = decided.0.max(self.applied.0) + 1;
        while self.requests.len() < REQUESTS_MAX && self.bytes < WINDOW_BYTES && from <= end {
            if let Some(request) = self.requests.get(&Height(from)) {
                from += request.count;
                continue;
            }
            if self.fetched.contains_key(&Height(from)) {
                from += 1;
                continue;
            }
            let next_known = [
                self.requests.range(Height(from)..).next().map(|(h, _)| h.0),
                self.fetched.range(Height(from)..).next().map(|(h, _)| h.0),
            ];
            let bound = next_known.into_iter().flatten().min().unwrap_or(end + 1);
            let Some(peer) = self.pick(Height(from), ahead) else {
                return;
            };
            let count = (bound - from)
                .min(REQUEST_BLOCKS)
                .min(peer.height.0 - from + 1);
            let message = PeerMessage::BlocksRequest {
                first: Height(from),
                count: count as u32,
            };
            let to = peer.name.clone();
            let request = Request {
                to: to.clone(),
                count,
                at: now,
            };
            self.requests.insert(Height(from), request);
            self.last = Some(to.clone());
            out.push(Fetch::Ask(to, message));
            from += count;
        }
    }

    /// The peer with the fewest failures and requests under way; of equals the one after the last.
    fn pick<'a>(&self, height: Height, ahead: &'a [Ahead]) -> Option<&'a Ahead> {
        let has = ahead.iter().filter(|peer| peer.height >= height);
        has.min_by_key(|peer| {
            let under_way = self.requests.values().filter(|r| r.to == peer.name);
            (
                self.failures.get(&peer.name).copied().unwrap_or(0),
                under_way.count(),
                self.last.as_ref().is_some_and(|last| peer.name <= *last),
            )
        })
    }

    /// Gives consensus what follows, as long as it keeps up.
    fn apply(&mut self, now: TimeMs, decided: Height, out: &mut Vec<Fetch>) {
        while self.applied.0 < decided.0 + APPLIED_AHEAD_MAX {
            let Some(fetched) = self.fetched.get(&self.applied.next()) else {
                return;
            };
            if self.applied == decided {
                self.moved = now;
            }
            out.push(Fetch::Apply(fetched.block.clone()));
            self.applied = self.applied.next();
        }
    }

    /// Takes what a peer sent, as far as it was asked for.
    pub(super) fn on_blocks(&mut self, from: &Name, blocks: &[CertifiedBlock]) {
        let Some(first) = blocks.first().and_then(height_of) else {
            return;
        };
        let Some(request) = self.requests.get(&first).filter(|r| r.to == *from) else {
            return;
        };
        let count = request.count as usize;
        self.requests.remove(&first);
        for (height, block) in (first.0..).map(Height).zip(blocks.iter().take(count)) {
            if height_of(block) != Some(height) {
                self.fail(from.clone());
                return;
            }
            if height > self.applied && !self.fetched.contains_key(&height) {
                self.bytes += bytes_of(block);
                let fetched = Fetched {
                    from: from.clone(),
                    block: block.clone(),
                };
                self.fetched.insert(height, fetched);
            }
        }
    }
}

#[cfg(test)]
mod tests;
