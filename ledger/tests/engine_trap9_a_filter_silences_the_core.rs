//! Trap 9: the core logs each vote at `info`. A filter above it silences a healthy height.

mod engine_world;
use engine_world::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tracing::level_filters::LevelFilter;
use tracing::{Event, Level, Metadata, Subscriber, span};

/// Counts what passes a level filter.
struct Counter {
    most_verbose: Level,
    events: Arc<AtomicU64>,
}

impl Subscriber for Counter {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= self.most_verbose
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.most_verbose.into())
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, _: &Event<'_>) {
        self.events.fetch_add(1, Ordering::SeqCst);
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

fn events_of_a_height(most_verbose: Level) -> u64 {
    let events = Arc::new(AtomicU64::new(0));
    let counter = Counter {
        most_verbose,
        events: events.clone(),
    };
    tracing::subscriber::with_default(counter, || {
        decide(&mut engine(4, 0), 4, 0, 1, block("one"));
    });
    events.load(Ordering::SeqCst)
}

#[test]
fn above_info_a_healthy_height_logs_nothing() {
    assert_eq!(events_of_a_height(Level::WARN), 0);
    assert!(
        events_of_a_height(Level::INFO) > 5,
        "at info the core is verbose"
    );
}
