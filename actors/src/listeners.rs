//! Surfaces that want to hear of published blocks.

use bus::api::Listener;
use messages::ids::Height;
use std::sync::Mutex;

/// Those who listen; each is called until it says that it had enough.
#[derive(Default)]
pub(crate) struct Listeners(Mutex<Vec<Listener>>);

impl Listeners {
    /// Adds one.
    pub(crate) fn add(&self, listener: Listener) {
        self.lock().push(listener);
    }

    /// Tells all that blocks up to this height have receipts.
    pub(crate) fn published(&self, height: Height) {
        self.lock().retain_mut(|listener| listener(height));
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Listener>> {
        // A listener that panicked is the surface's error; the others are still to be told.
        let listeners = self.0.lock();
        listeners.unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;

    #[test]
    fn a_listener_is_called_until_it_had_enough() {
        let listeners = Listeners::default();
        let (heard, told) = channel();
        let twice = heard.clone();
        listeners.add(Box::new(move |height| {
            twice.send(("twice", height.0)).unwrap();
            height.0 < 2
        }));
        listeners.add(Box::new(move |height| {
            heard.send(("ever", height.0)).is_ok()
        }));
        (1..=3).for_each(|height| listeners.published(Height(height)));
        let all: Vec<_> = told.try_iter().collect();
        let expected = [
            ("twice", 1),
            ("ever", 1),
            ("twice", 2),
            ("ever", 2),
            ("ever", 3),
        ];
        assert_eq!(all, expected);
        drop(told);
        listeners.published(Height(4));
        assert!(listeners.lock().is_empty());
    }
}
