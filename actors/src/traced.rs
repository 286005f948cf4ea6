//! Spans of the statements that somebody traces, made around the machines and unknown to them.
//!
//! A statement is traced when its client's request, or the frame that told of it, came with a
//! sampled context. The table maps it to that context; the shells' effects tell where it is. Nothing
//! of it enters the journal, and a node that traces nothing looks at one number.

use crate::trace;
use messages::ids::StatementId;
use messages::wire::TraceContext;
use observability_names as names;
use opentelemetry::trace::{Span, SpanContext, SpanKind, TraceContextExt, Tracer};
use opentelemetry::{Context, KeyValue, global};
use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::SystemTime;

/// Statements traced at once; the oldest are forgotten for new ones.
const TRACED_MAX: usize = 4_096;

/// A statement under way.
struct Traced {
    /// The span that the others are children of.
    parent: SpanContext,
    /// When its last stage ended here.
    since: SystemTime,
    /// A client of this node waits for it.
    awaited: bool,
}

#[derive(Default)]
struct Table {
    known: BTreeMap<StatementId, Traced>,
    order: VecDeque<StatementId>,
    /// Those of the newest proposal.
    proposed: Vec<StatementId>,
}

/// The traced statements of one node.
pub(crate) struct Traces {
    node: String,
    count: AtomicUsize,
    table: Mutex<Table>,
}

impl Traces {
    pub(crate) fn new(node: String) -> Self {
        Self {
            node,
            count: AtomicUsize::new(0),
            table: Mutex::default(),
        }
    }

    /// Whether nothing is traced now: then nobody need look for ids.
    pub(crate) fn is_idle(&self) -> bool {
        self.count.load(Ordering::Relaxed) == 0
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().expect("no code panics under this lock")
    }

    fn keep(&self, id: StatementId, traced: Traced) {
        let mut table = self.table();
        if table.known.contains_key(&id) {
            return;
        }
        table.known.insert(id, traced);
        table.order.push_back(id);
        while table.order.len() > TRACED_MAX {
            if let Some(oldest) = table.order.pop_front() {
                table.known.remove(&oldest);
            }
        }
        self.count.store(table.known.len(), Ordering::Relaxed);
    }

    /// A client submitted a statement within the context at hand.
    pub(crate) fn on_submit(&self, entry: &[u8]) {
        let context = Context::current();
        let parent = context.span().span_context().clone();
        if !parent.is_sampled() {
            return;
        }
        let traced = Traced {
            parent,
            since: SystemTime::now(),
            awaited: true,
        };
        self.keep(StatementId::of_entry(entry), traced);
    }

    /// A peer told of statements within a context.
    pub(crate) fn on_gossip<B: AsRef<[u8]>>(&self, context: &TraceContext, entries: &[B]) {
        let remote = trace::span_context(context);
        if !remote.is_valid() || !remote.is_sampled() {
            return;
        }
        for entry in entries {
            let id = StatementId::of_entry(entry.as_ref());
            if self.table().known.contains_key(&id) {
                continue;
            }
            let now = SystemTime::now();
            let parent = self.record(names::SPAN_GOSSIP, &remote, &id, (now, now));
            let traced = Traced {
                parent,
                since: now,
                awaited: false,
            };
            self.keep(id, traced);
        }
    }

    /// A stage of these statements ended: a span from the end of the one before.
    pub(crate) fn stage<'a>(
        &self,
        name: &'static str,
        ids: impl IntoIterator<Item = &'a StatementId>,
    ) {
        if self.is_idle() {
            return;
        }
        let now = SystemTime::now();
        let mut table = self.table();
        for id in ids {
            if let Some(traced) = table.known.get_mut(id) {
                let from = std::mem::replace(&mut traced.since, now);
                self.record(name, &traced.parent, id, (from, now));
            }
        }
    }

    /// A proposal with these statements was seen or made.
    pub(crate) fn proposal(
        &self,
        name: &'static str,
        ids: impl IntoIterator<Item = StatementId>,
    ) -> TraceContext {
        if self.is_idle() {
            return TraceContext::default();
        }
        let mut table = self.table();
        let known = ids.into_iter().filter(|id| table.known.contains_key(id));
        table.proposed = known.collect();
        let ids = table.proposed.clone();
        drop(table);
        self.stage(name, &ids);
        ids.first()
            .map_or_else(TraceContext::default, |id| self.context_of(id))
    }

    /// A vote left, while the statements of the newest proposal are decided.
    pub(crate) fn vote(&self) {
        if self.is_idle() {
            return;
        }
        let now = SystemTime::now();
        let table = self.table();
        let proposed = table.proposed.iter();
        for (id, traced) in proposed.filter_map(|id| Some((id, table.known.get(id)?))) {
            self.record(names::SPAN_VOTE, &traced.parent, id, (now, now));
        }
    }

    /// These statements were published: nothing is left to do but to answer who waits.
    pub(crate) fn published<'a>(&self, ids: impl IntoIterator<Item = &'a StatementId> + Clone) {
        self.stage(names::SPAN_CHECKPOINT, ids.clone());
        self.forget(ids, |traced| !traced.awaited);
    }

    /// A client was answered, with a receipt or without.
    pub(crate) fn answered(&self, id: &StatementId, has_receipt: bool) {
        if self.is_idle() {
            return;
        }
        if has_receipt {
            self.stage(names::SPAN_RECEIPT, [id]);
            return self.forget([id], |_| true);
        }
        if let Some(traced) = self.table().known.get_mut(id) {
            traced.awaited = false;
        }
    }

    fn forget<'a>(
        &self,
        ids: impl IntoIterator<Item = &'a StatementId>,
        whom: impl Fn(&Traced) -> bool,
    ) {
        if self.is_idle() {
            return;
        }
        let mut table = self.table();
        for id in ids {
            if table.known.get(id).is_some_and(&whom) {
                table.known.remove(id);
                table.order.retain(|other| other != id);
            }
        }
        self.count.store(table.known.len(), Ordering::Relaxed);
    }

    /// The context in which to tell peers of a statement; zeros when it is not traced.
    pub(crate) fn context_of(&self, id: &StatementId) -> TraceContext {
        let table = self.table();
        let known = table.known.get(id);
        known.map_or_else(TraceContext::default, |t| trace::to_wire(&t.parent))
    }

    /// Ends a span of this time at once; gives its context.
    fn record(
        &self,
        name: &'static str,
        parent: &SpanContext,
        id: &StatementId,
        (from, until): (SystemTime, SystemTime),
    ) -> SpanContext {
        let tracer = global::tracer("wutong");
        let builder = tracer
            .span_builder(name)
            .with_kind(SpanKind::Internal)
            .with_start_time(from)
            .with_attributes([
                KeyValue::new("wutong.node", self.node.clone()),
                KeyValue::new("wutong.statement", id.to_string()),
            ]);
        let parent = Context::new().with_remote_span_context(parent.clone());
        let mut span = tracer.build_with_context(builder, &parent);
        span.end_with_timestamp(until);
        span.span_context().clone()
    }
}
