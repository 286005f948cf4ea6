//! A node without a runtime: its parts get their turns from whoever owns it, one at a time.
//!
//! The same shells around the same machines as under actix, but the order of turns is the
//! owner's choice, and nothing happens between two calls.

use crate::host::{Halt, Host, Runnable, Turned, Wake};
use bus::supervision::ActorName;
use std::cell::RefCell;
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::time::Instant;

/// A running part and what it waits for.
struct Part {
    name: ActorName,
    part: Box<dyn Runnable>,
    due: Option<Instant>,
}

/// Which parts asked for a turn, in the order of asking.
#[derive(Clone, Default)]
struct Asking(Arc<Mutex<Vec<usize>>>);

impl Asking {
    fn list(&self) -> MutexGuard<'_, Vec<usize>> {
        self.0.lock().expect("no code panics under this lock")
    }

    fn ask(&self, place: usize) {
        let mut list = self.list();
        if !list.contains(&place) {
            list.push(place);
        }
    }
}

/// Collects the parts of a node that is being built.
pub(crate) struct SteppedHost {
    parts: RefCell<Vec<Part>>,
    asking: Asking,
    on_halt: Arc<dyn Fn(String) + Send + Sync>,
}

impl SteppedHost {
    pub(crate) fn new(on_halt: Arc<dyn Fn(String) + Send + Sync>) -> Self {
        Self {
            parts: RefCell::default(),
            asking: Asking::default(),
            on_halt,
        }
    }

    pub(crate) fn into_parts(self) -> SteppedParts {
        SteppedParts {
            parts: self.parts.into_inner(),
            asking: self.asking,
        }
    }
}

impl Host for SteppedHost {
    fn run<R: Runnable>(&self, name: ActorName, make: impl FnOnce(Wake, Halt) -> R) {
        let place = self.parts.borrow().len();
        let asking = self.asking.clone();
        let wake: Wake = Arc::new(move || asking.ask(place));
        let on_halt = self.on_halt.clone();
        let halt: Halt = Arc::new(move |actor: ActorName, reason: String| {
            tracing::error!(actor = actor.as_str(), reason, "the node stops");
            on_halt(format!("{}: {reason}", actor.as_str()));
        });
        let part = make(wake.clone(), halt);
        part.on_wake(wake.clone());
        wake();
        self.parts.borrow_mut().push(Part {
            name,
            part: Box::new(part),
            due: None,
        });
    }
}

/// The parts of one node.
pub struct SteppedParts {
    parts: Vec<Part>,
    asking: Asking,
}

impl SteppedParts {
    /// Gives one turn at `now` to a part that asked for it: the one that `pick` chooses of so
    /// many. Gives which one it was; none when nothing waits.
    pub fn turn(
        &mut self,
        now: Instant,
        pick: &mut dyn FnMut(usize) -> usize,
    ) -> Option<ActorName> {
        for (place, part) in self.parts.iter_mut().enumerate() {
            if part.due.is_some_and(|due| due <= now) {
                part.due = None;
                self.asking.ask(place);
            }
        }
        let place = {
            let mut list = self.asking.list();
            match list.len() {
                0 => return None,
                1 => list.remove(0),
                many => list.remove(pick(many) % many),
            }
        };
        let part = &mut self.parts[place];
        let Turned { again, due } = part.part.turn(now);
        part.due = due;
        if again {
            self.asking.ask(place);
        }
        Some(part.name)
    }

    /// When the next timer of any part is due.
    pub fn due(&self) -> Option<Instant> {
        self.parts.iter().filter_map(|part| part.due).min()
    }

    /// Whether a part asked for a turn.
    pub fn is_asking(&self) -> bool {
        !self.asking.list().is_empty()
    }
}
