//! A log line of level ERROR means a bug: it fails the run.

use crate::check::Violations;
use crate::life::INJECTED;
use std::fmt::{Debug, Write};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

/// Turns every event it gets into a violation; to be filtered by level.
pub struct ErrorWatch(pub Violations);

struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        // Writing to a string cannot fail.
        let _ = write!(self.0, " {}={value:?}", field.name());
    }
}

impl<S: Subscriber> Layer<S> for ErrorWatch {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut text = Text(format!("error log of {}:", event.metadata().target()));
        event.record(&mut text);
        // A fault of ours may be logged as what it looks like.
        if !text.0.contains(INJECTED) {
            self.0.add(text.0);
        }
    }
}
