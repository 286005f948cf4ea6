//! The publisher actor's machine: committed statements as events, in order, each once.
//!
//! It owns no memory of what was sent: the sink tells which event it wants next, and events are
//! made anew from the ledger, so a restart or a deleted stream costs a replay and nothing else.

use crate::machine::{At, Keep, Machine};
use messages::api::{Event, EventPage, EventsFrom, EventsQuery};
use messages::ids::Height;

/// Events handed to the sink at once.
const EVENTS_MAX: usize = 256;
/// How often a sink that does not know its tail yet, or has all there is, is asked again.
pub const ASK_MS: u64 = 500;

/// What the machine receives.
#[derive(Clone, Debug)]
pub enum PublisherInput {
    /// Blocks up to this height have receipts.
    Published(Height),
    /// Ordinal of the event that the sink wants next; none when it cannot tell yet.
    SinkAt(Option<u64>),
    /// Time to ask the sink again.
    Tick,
    /// Events, as they were asked for.
    Page(EventPage),
}

/// What the machine asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PublisherEffect {
    /// Ask the sink what it wants next.
    AskSink,
    /// Send [`PublisherInput::Tick`] after [`ASK_MS`].
    TickLater,
    /// Make these events.
    Read(EventsQuery),
    /// Hand these to the sink, and ask it what it wants next when it is done with them.
    Publish(Vec<Event>),
}

/// What the machine waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Waits {
    /// Where the sink stands.
    Sink,
    /// Events from this ordinal on.
    Events(u64),
    /// A publication: the sink has all there is, and wants this ordinal next.
    Publication(u64),
}

/// The machine.
pub struct Publisher {
    waits: Waits,
    /// There was a publication since events were last asked for.
    is_more: bool,
    /// A tick is on its way.
    is_ticking: bool,
}

impl Publisher {
    /// A publisher that asks its sink first.
    pub fn new(out: &mut Vec<PublisherEffect>) -> Self {
        out.push(PublisherEffect::AskSink);
        Self {
            waits: Waits::Sink,
            is_more: true,
            is_ticking: false,
        }
    }

    fn tick_later(&mut self, out: &mut Vec<PublisherEffect>) {
        if !std::mem::replace(&mut self.is_ticking, true) {
            out.push(PublisherEffect::TickLater);
        }
    }

    fn read(&mut self, next: u64, out: &mut Vec<PublisherEffect>) {
        self.waits = Waits::Events(next);
        self.is_more = false;
        out.push(PublisherEffect::Read(EventsQuery {
            from: EventsFrom::After(next.saturating_sub(1)),
            namespace: None,
            receipts: true,
            count: EVENTS_MAX,
        }));
    }
}

impl Machine for Publisher {
    type Input = PublisherInput;
    type Effect = PublisherEffect;

    fn step(&mut self, _at: At, input: &PublisherInput, out: &mut Vec<PublisherEffect>) -> Keep {
        match (input, self.waits) {
            (PublisherInput::Tick, Waits::Sink | Waits::Publication(_)) => {
                self.is_ticking = false;
                out.push(PublisherEffect::AskSink);
            }
            (PublisherInput::Tick, Waits::Events(_)) => self.is_ticking = false,
            (PublisherInput::Published(_), Waits::Publication(next)) => self.read(next, out),
            (PublisherInput::Published(_), _) => self.is_more = true,
            (PublisherInput::SinkAt(None), Waits::Sink) => self.tick_later(out),
            (PublisherInput::SinkAt(Some(next)), Waits::Sink) => self.read(*next, out),
            // Whoever emptied the sink, or filled it, did so while nothing was published.
            (PublisherInput::SinkAt(Some(wanted)), Waits::Publication(next)) if *wanted != next => {
                self.read(*wanted, out);
            }
            (PublisherInput::SinkAt(_), Waits::Publication(_)) => self.tick_later(out),
            (PublisherInput::Page(page), Waits::Events(next)) => {
                if !page.events.is_empty() {
                    self.waits = Waits::Sink;
                    out.push(PublisherEffect::Publish(page.events.clone()));
                } else if self.is_more {
                    self.read(next, out);
                } else {
                    self.waits = Waits::Publication(next);
                    self.tick_later(out);
                }
            }
            // Answers to what is not asked any more.
            (PublisherInput::SinkAt(_) | PublisherInput::Page(_), _) => {}
        }
        Keep::No
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use messages::hash::Hash;
    use messages::ids::{Name, TimeMs};

    fn page(ordinals: core::ops::Range<u64>) -> EventPage {
        let event = |ordinal| Event {
            ordinal,
            namespace: Name::try_new("public").unwrap(),
            hash: Hash::ZERO,
            json: String::new(),
        };
        EventPage {
            seen: ordinals.end - 1,
            newest: ordinals.end - 1,
            events: ordinals.map(event).collect(),
        }
    }

    struct Run(Publisher);

    impl Run {
        fn new() -> Self {
            let mut out = Vec::new();
            let publisher = Publisher::new(&mut out);
            assert_eq!(out, [PublisherEffect::AskSink]);
            Self(publisher)
        }

        fn step(&mut self, input: PublisherInput) -> Vec<PublisherEffect> {
            let mut out = Vec::new();
            let at = At {
                now: TimeMs(0),
                seq: 0,
            };
            self.0.step(at, &input, &mut out);
            out
        }
    }

    fn reads(effects: &[PublisherEffect]) -> Option<EventsFrom> {
        match effects {
            [PublisherEffect::Read(query)] => Some(query.from),
            _ => None,
        }
    }

    #[test]
    fn it_follows_what_the_sink_wants() {
        let mut run = Run::new();
        let later = [PublisherEffect::TickLater];
        assert_eq!(run.step(PublisherInput::SinkAt(None)), later);
        assert!(
            run.step(PublisherInput::SinkAt(None)).is_empty(),
            "one tick at a time"
        );
        assert_eq!(run.step(PublisherInput::Tick), [PublisherEffect::AskSink]);
        let effects = run.step(PublisherInput::SinkAt(Some(1)));
        assert_eq!(reads(&effects), Some(EventsFrom::After(0)));
        let events = page(1..4);
        let effects = run.step(PublisherInput::Page(events.clone()));
        assert_eq!(effects, [PublisherEffect::Publish(events.events)]);
        // The stream was deleted meanwhile: everything again.
        let effects = run.step(PublisherInput::SinkAt(Some(1)));
        assert_eq!(reads(&effects), Some(EventsFrom::After(0)));
    }

    #[test]
    fn no_publication_is_missed() {
        let mut run = Run::new();
        run.step(PublisherInput::SinkAt(Some(4)));
        // It comes between the question and its answer, which may not have it.
        assert!(run.step(PublisherInput::Published(Height(2))).is_empty());
        let effects = run.step(PublisherInput::Page(page(4..4)));
        assert_eq!(reads(&effects), Some(EventsFrom::After(3)));
        let later = [PublisherEffect::TickLater];
        assert_eq!(run.step(PublisherInput::Page(page(4..4))), later);
        let effects = run.step(PublisherInput::Published(Height(3)));
        assert_eq!(reads(&effects), Some(EventsFrom::After(3)));
    }

    #[test]
    fn a_sink_that_loses_everything_while_all_is_quiet_gets_it_again() {
        let mut run = Run::new();
        run.step(PublisherInput::SinkAt(Some(4)));
        run.step(PublisherInput::Page(page(4..4)));
        run.step(PublisherInput::Page(page(4..4)));
        assert_eq!(run.step(PublisherInput::Tick), [PublisherEffect::AskSink]);
        let later = [PublisherEffect::TickLater];
        assert_eq!(run.step(PublisherInput::SinkAt(Some(4))), later);
        run.step(PublisherInput::Tick);
        let effects = run.step(PublisherInput::SinkAt(Some(1)));
        assert_eq!(reads(&effects), Some(EventsFrom::After(0)));
    }
}
