//! Streams on a clock that stands still until all wait.

use super::*;
use bus::api::{Event, Listener, Reply, SubmitAnswer};
use messages::hash::Hash;
use messages::ids::Name;
use std::sync::atomic::{AtomicU64, Ordering};

/// A node with so many events, which counts how often it is asked.
#[derive(Default)]
struct Counting {
    events: AtomicU64,
    asked: AtomicU64,
    listeners: std::sync::Mutex<Vec<Listener>>,
}

impl Counting {
    fn publish(&self, events: u64, height: u64) {
        self.events.fetch_add(events, Ordering::SeqCst);
        let mut listeners = self.listeners.lock().unwrap();
        listeners.retain_mut(|listener| listener(Height(height)));
    }
}

impl NodeApi for Counting {
    fn submit(&self, _: Bytes, _: Option<u64>, _: Reply<SubmitAnswer>) {}

    fn query(&self, query: Query, reply: Reply<Answer>) {
        let Query::Events(EventsQuery { from, count, .. }) = query else {
            panic!("streams ask for events");
        };
        self.asked.fetch_add(1, Ordering::SeqCst);
        let newest = self.events.load(Ordering::SeqCst);
        let event = |ordinal| Event {
            ordinal,
            namespace: Name::try_new("public").unwrap(),
            hash: Hash::ZERO,
            json: format!("{{\"ordinal\":{ordinal}}}"),
        };
        let after = match from {
            EventsFrom::After(ordinal) => ordinal,
            EventsFrom::Newest | EventsFrom::Height(_) => newest,
        };
        let events = (after + 1..=newest).take(count);
        let events: Vec<Event> = events.map(event).collect();
        let seen = events.last().map_or(after, |event| event.ordinal);
        reply(Answer::Events(EventPage {
            events,
            seen,
            newest,
        }));
    }

    fn subscribe(&self, listener: Listener) {
        self.listeners.lock().unwrap().push(listener);
    }
}

fn surface() -> (Arc<Counting>, Surface) {
    let node = Arc::new(Counting::default());
    let (_, never) = watch::channel(false);
    let streams = Streams::new(&*node, never);
    let surface = Surface {
        node: node.clone(),
        streams,
    };
    (node, surface)
}

fn stream(surface: &Surface) -> Stream {
    let streams = surface.streams.clone();
    Stream {
        node: surface.node.clone(),
        published: streams.published,
        closing: streams.closing,
        after: 0,
        newest: streams.newest,
        is_live: false,
        quiet_until: Instant::now(),
        _room: streams.room.try_acquire_owned().unwrap(),
    }
}

async fn text(receiver: &mut mpsc::Receiver<Bytes>) -> String {
    String::from_utf8(receiver.recv().await.unwrap().to_vec()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn silence_is_broken_every_fifteen_seconds() {
    let (node, surface) = surface();
    let (sender, mut receiver) = mpsc::channel(1);
    tokio::spawn(stream(&surface).run(sender));
    assert_eq!(text(&mut receiver).await, OPENING);
    let began = Instant::now();
    for beat in 1..=3 {
        assert_eq!(text(&mut receiver).await, ": heartbeat\n\n");
        assert_eq!(began.elapsed().as_secs(), 15 * beat);
        // Empty blocks are published meanwhile, and put nothing off.
        tokio::time::sleep(Duration::from_secs(10)).await;
        node.publish(0, beat);
    }
    node.publish(1, 9);
    assert!(text(&mut receiver).await.starts_with("id: 1\n"));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_takes_nothing_is_dropped() {
    let (node, surface) = surface();
    node.publish(100_000, 1);
    let (sender, receiver) = mpsc::channel(1);
    let began = Instant::now();
    let ended = tokio::spawn(stream(&surface).run(sender));
    ended.await.unwrap();
    assert_eq!(began.elapsed(), STALLED);
    // The opening fills the channel, one page waits: no more was asked for.
    assert_eq!(node.asked.load(Ordering::SeqCst), 1);
    assert_eq!(surface.streams.room.available_permits(), STREAMS_MAX);
    drop(receiver);
}

#[tokio::test(start_paused = true)]
async fn streams_that_are_up_to_date_ask_once_for_all() {
    let (node, surface) = surface();
    let mut receivers = Vec::new();
    for _ in 0..50 {
        let (sender, mut receiver) = mpsc::channel(1);
        tokio::spawn(stream(&surface).run(sender));
        assert_eq!(text(&mut receiver).await, OPENING);
        receivers.push(receiver);
    }
    tokio::time::sleep(Duration::from_secs(1)).await; // until all wait
    let before = node.asked.load(Ordering::SeqCst);
    node.publish(3, 1);
    for receiver in &mut receivers {
        assert_eq!(text(receiver).await.matches("id: ").count(), 3);
    }
    tokio::time::sleep(Duration::from_secs(1)).await; // until all wait again
    assert_eq!(node.asked.load(Ordering::SeqCst) - before, 1);
}
