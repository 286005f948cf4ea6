//! Lists, page by page: blocks, entries, statements and events.

use super::not_found;
use crate::storage::Storage;
use bytes::Bytes;
use messages::api::{
    Answer, BlockSummary, NumberedStatement, PAGE_MAX, Page, Paged, Start, StatementView,
};
use messages::hash::Hash;
use messages::ids::{Height, LeafIndex, Ordinal};
use std::ops::Range;

/// Most bytes of entries in a page, unless its first entry is larger.
const PAGE_BYTES_MAX: usize = 1 << 20;

/// The numbers of a page among `0..end`, and whether they go downwards.
fn span(start: Start<u64>, count: usize, end: u64) -> (Range<u64>, bool) {
    let count = count.clamp(1, PAGE_MAX) as u64;
    let down = |top: u64| (top.saturating_sub(count)..top, true);
    match start {
        Start::Newest => down(end),
        Start::Before(bound) => down(bound.min(end)),
        Start::From(first) => {
            let first = first.min(end);
            (first..end.min(first.saturating_add(count)), false)
        }
    }
}

/// Cuts a page where its entries exceed the bytes of one; returns whether it was cut.
fn cut<I>(items: &mut Vec<I>, bytes: impl Fn(&I) -> usize) -> bool {
    let mut sum = 0;
    let fits = items.iter().take_while(|item| {
        sum += bytes(item);
        sum <= PAGE_BYTES_MAX
    });
    let kept = fits.count().max(1);
    let is_cut = kept < items.len();
    items.truncate(kept);
    is_cut
}

/// A page of what was found for the numbers of a span, in the order wanted.
fn page<I, T>(
    mut items: Vec<I>,
    span: (Range<u64>, bool),
    end: u64,
    number: impl Fn(&I) -> u64,
    bytes: impl Fn(&I) -> usize,
    wrap: impl Fn(u64) -> T,
) -> Paged<I, T> {
    let (range, down) = span;
    if down {
        items.reverse();
    }
    cut(&mut items, bytes);
    let next = items.last().map(number).and_then(|last| {
        let more = if down { last > 0 } else { last + 1 < end };
        let start = if down {
            Start::Before(wrap(last))
        } else {
            Start::From(wrap(last + 1))
        };
        more.then_some(start)
    });
    debug_assert!(items.len() as u64 <= range.end - range.start);
    Paged { items, next }
}

fn plain<T>(start: Start<T>, number: impl Fn(T) -> u64) -> Start<u64> {
    match start {
        Start::Newest => Start::Newest,
        Start::Before(bound) => Start::Before(number(bound)),
        Start::From(first) => Start::From(number(first)),
    }
}

impl Storage {
    pub(in crate::storage) fn published_height(&self) -> Height {
        let published = self.published.as_ref();
        published.map_or(Height(0), |published| published.height)
    }

    /// Statements under the newest published checkpoint.
    pub(in crate::storage) fn published_statements(&self) -> u64 {
        let block = self.reader.block(self.published_height());
        block.map_or(0, |block| {
            // The genesis block holds two entries of the ledger's own and no statement.
            block.first_ordinal + block.outcomes.len() as u64
        })
    }

    pub(super) fn blocks(&self, wanted: Page<Height>) -> Answer {
        let end = self.head.0 + 1;
        let span = span(plain(wanted.start, |height| height.0), wanted.count, end);
        let summary = |height: u64| {
            let height = Height(height);
            let statement_count = self.reader.block(height)?.outcomes.len();
            let block = match height {
                Height(0) => self.genesis_view()?,
                _ => self.block_view(height, false)?,
            };
            Some(BlockSummary {
                block,
                statement_count,
            })
        };
        let found: Vec<BlockSummary> = span.0.clone().filter_map(summary).collect();
        Answer::Blocks(page(
            found,
            span,
            end,
            |summary| summary.block.height.0,
            |_| 0,
            Height,
        ))
    }

    /// A block by the hash of its header; the genesis is known by its leaf hash.
    pub(super) fn block_by_id(&self, id: &Hash) -> Answer {
        let height = if *id == self.genesis.leaf_hash() {
            Some(Height(0))
        } else {
            self.reader.height_of_block(id)
        };
        // A block that the disk has and the actor was not told of yet is not durable here.
        match height.filter(|height| *height <= self.head) {
            Some(height) => self.block(height),
            None => not_found(
                "unknown-block",
                format!("no block {id} in this ledger"),
                "id",
                "check the id, or ask by height",
            ),
        }
    }

    pub(super) fn entry(&self, index: LeafIndex) -> Answer {
        let size = self.published_size();
        let entry = (index.0 < size.0).then(|| self.reader.entry(index));
        entry.flatten().map_or_else(
            || {
                not_found(
                    "unknown-entry",
                    format!("index: expected one below {size}, found {index}"),
                    "index",
                    "ask for an index below the size of the newest checkpoint (`GET /checkpoint`)",
                )
            },
            Answer::Entry,
        )
    }

    pub(super) fn entries(&self, wanted: Page<LeafIndex>) -> Answer {
        let end = self.published_size().0;
        let span = span(plain(wanted.start, |index| index.0), wanted.count, end);
        let (first, count) = (span.0.start, span.0.end - span.0.start);
        let entries = self.reader.entries(LeafIndex(first), count as usize);
        let found: Vec<(LeafIndex, Bytes)> = (first..).map(LeafIndex).zip(entries).collect();
        Answer::Entries(page(
            found,
            span,
            end,
            |(index, _)| index.0,
            |(_, entry)| entry.len(),
            LeafIndex,
        ))
    }

    pub(super) fn statements(&self, wanted: Page<Ordinal>) -> Answer {
        let end = self.published_statements();
        let span = span(plain(wanted.start, |o| o.0), wanted.count, end);
        let found = self.statements_in(span.0.clone());
        Answer::Statements(page(
            found,
            span,
            end,
            |statement| statement.ordinal.0,
            |statement| statement.view.entry.len(),
            Ordinal,
        ))
    }

    fn statements_in(&self, range: Range<u64>) -> Vec<NumberedStatement> {
        let mut found: Vec<NumberedStatement> = Vec::new();
        let Some(mut height) = self.height_of_event(range.start + 1) else {
            return found;
        };
        while range.start + (found.len() as u64) < range.end {
            let Some(block) = self.reader.block(height).filter(|_| height <= self.head) else {
                break;
            };
            let next = range.start + found.len() as u64;
            let held = block.outcomes.len() as u64;
            let skipped = next.saturating_sub(block.first_ordinal).min(held);
            let count = (held - skipped).min(range.end - next);
            let indices = (block.first_leaf.0 + skipped..).map(LeafIndex);
            let views = indices.take(count as usize).filter_map(|i| self.view(i));
            found.extend((next..).map(Ordinal).zip(views).map(number));
            height = height.next();
        }
        found
    }

    pub(super) fn lookup(&self, value: &Hash, from: LeafIndex, count: usize) -> Answer {
        let count = count.clamp(1, PAGE_MAX);
        let mut places = self.reader.lookup(value, from, count + 1);
        let next = (places.len() > count).then(|| places.split_off(count)[0]);
        let mut items: Vec<StatementView> = places.iter().filter_map(|i| self.view(*i)).collect();
        let is_cut = cut(&mut items, |view| view.entry.len());
        let next = if is_cut {
            places.get(items.len()).copied()
        } else {
            next
        };
        if items.is_empty() && from == LeafIndex(0) {
            return not_found(
                "unknown-value",
                format!("no statement lodges {value}"),
                "value",
                "a salted deposit is found only by its commitment: compute it from the file and \
                 the salt in its receipt (`wutong show lookup`)",
            );
        }
        let next = next.map(Start::From);
        Answer::Lookup(Paged { items, next })
    }
}

fn number((ordinal, view): (Ordinal, StatementView)) -> NumberedStatement {
    NumberedStatement { ordinal, view }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Walks all pages from `start` over `0..end`, where each number weighs `bytes`.
    fn walk(start: Start<u64>, count: usize, end: u64, bytes: usize) -> Vec<u64> {
        let (mut found, mut start) = (Vec::new(), Some(start));
        while let Some(from) = start {
            let span = span(from, count, end);
            let items: Vec<u64> = span.0.clone().collect();
            let page = page(items, span, end, |n| *n, |_| bytes, |n| n);
            assert!(page.items.len() <= PAGE_MAX);
            assert!(
                page.next.is_none() || !page.items.is_empty(),
                "a walk gets on"
            );
            found.extend(page.items);
            start = page.next;
        }
        found
    }

    #[test]
    fn a_walk_meets_each_number_once() {
        for end in [0, 1, 2, 99, 100, 101, 250] {
            for count in [0, 1, 7, 100, usize::MAX] {
                for bytes in [0, PAGE_BYTES_MAX / 3, PAGE_BYTES_MAX, PAGE_BYTES_MAX + 1] {
                    let up: Vec<u64> = (0..end).collect();
                    let down: Vec<u64> = (0..end).rev().collect();
                    assert_eq!(walk(Start::From(0), count, end, bytes), up);
                    assert_eq!(walk(Start::Newest, count, end, bytes), down);
                    assert_eq!(walk(Start::Before(u64::MAX), count, end, bytes), down);
                    let first = end / 2;
                    assert_eq!(
                        walk(Start::From(first), count, end, bytes),
                        up[first as usize..]
                    );
                    let below: Vec<u64> = (0..first).rev().collect();
                    assert_eq!(walk(Start::Before(first), count, end, bytes), below);
                    assert!(walk(Start::From(end), count, end, bytes).is_empty());
                }
            }
        }
    }
}
