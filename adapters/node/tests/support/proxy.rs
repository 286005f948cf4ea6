//! A relay between nodes and a NATS server, with the weather of a bad network, drawn from a seed.
//!
//! NATS speaks TCP: what is lost or out of order below it shows here as delay and as connections
//! that are cut, in the middle of a message too.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// What happens to what passes.
#[derive(Clone, Debug, Default)]
pub struct Weather {
    /// Each piece is late by a time from this range, in milliseconds, and none overtakes another.
    pub delay_ms: Range<u64>,
    /// A connection is cut after a number of bytes from this range; empty: never.
    pub cut_after_bytes: Range<u64>,
    /// Bytes a second in each direction of each connection; 0: any number.
    pub bytes_per_second: u64,
}

/// SplitMix64 (Steele, Lea, Flood 2014): small, and the same for the same seed.
#[derive(Clone, Debug)]
pub struct Dice(pub u64);

impl Dice {
    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number of the range; its start when it is empty.
    pub fn within(&mut self, range: &Range<u64>) -> u64 {
        match range.end.saturating_sub(range.start) {
            0 => range.start,
            width => range.start + self.roll() % width,
        }
    }
}

struct Shared {
    to: String,
    weather: Mutex<Weather>,
    /// Nothing passes, and nobody is told.
    is_cut_off: AtomicBool,
    is_over: AtomicBool,
    /// Connections of an earlier one are cut.
    generation: AtomicU64,
    cuts: AtomicU64,
    bytes: AtomicU64,
}

/// A relay to one server.
pub struct Proxy {
    shared: Arc<Shared>,
    address: SocketAddr,
}

impl Proxy {
    /// Relays what comes at `at` (port 0: any) to `to`.
    pub fn start(at: &str, to: &str, weather: Weather, seed: u64) -> Self {
        let listener = TcpListener::bind(at).unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            to: to.to_owned(),
            weather: Mutex::new(weather),
            is_cut_off: AtomicBool::new(false),
            is_over: AtomicBool::new(false),
            generation: AtomicU64::new(0),
            cuts: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
        });
        let own = shared.clone();
        thread::spawn(move || accept(&listener, &own, Dice(seed)));
        Self { shared, address }
    }

    /// Where it listens, as a URL of NATS.
    pub fn url(&self) -> String {
        format!("nats://{}", self.address)
    }

    /// Stops forwarding, with connections left open; or goes on with what was held back.
    pub fn cut_off(&self, is_cut_off: bool) {
        self.shared.is_cut_off.store(is_cut_off, Ordering::Relaxed);
    }

    /// Changes the weather, for pieces and connections to come.
    pub fn set_weather(&self, weather: Weather) {
        *self.shared.weather.lock().unwrap() = weather;
    }

    /// Cuts all connections that there are now.
    pub fn cut_all(&self) {
        self.shared.generation.fetch_add(1, Ordering::Relaxed);
    }

    /// Connections that were cut.
    pub fn cuts(&self) -> u64 {
        self.shared.cuts.load(Ordering::Relaxed)
    }

    /// Bytes that passed, both ways.
    pub fn bytes(&self) -> u64 {
        self.shared.bytes.load(Ordering::Relaxed)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::Relaxed);
        // Wakes the listener, which then sees that it is over.
        let _ = TcpStream::connect(self.address);
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>, mut dice: Dice) {
    for client in listener.incoming() {
        if shared.is_over.load(Ordering::Relaxed) {
            return;
        }
        let (Ok(client), Ok(server)) = (client, TcpStream::connect(&shared.to)) else {
            continue; // the server is down: the client sees its connection end
        };
        let weather = shared.weather.lock().unwrap().clone();
        for (from, to) in [(&client, &server), (&server, &client)] {
            let [from, to] = [from, to].map(|stream| {
                stream.set_nodelay(true).unwrap();
                stream.try_clone().unwrap()
            });
            let cut_after = match weather.cut_after_bytes.is_empty() {
                true => u64::MAX,
                false => dice.within(&weather.cut_after_bytes),
            };
            let (shared, dice) = (shared.clone(), Dice(dice.roll()));
            thread::spawn(move || relay(from, to, cut_after, &shared, dice));
        }
    }
}

/// One direction of a connection, until an end closes it or it is cut.
fn relay(mut from: TcpStream, to: TcpStream, cut_after: u64, shared: &Arc<Shared>, mut dice: Dice) {
    let (pieces, due) = channel();
    let own = shared.clone();
    let both = from.try_clone().unwrap();
    let writer = thread::spawn(move || write_when_due(&due, to, &own));
    from.set_read_timeout(Some(Duration::from_millis(50)))
        .unwrap();
    let (mut last_due, mut passed) = (Instant::now(), 0);
    let mut buffer = vec![0; 16 << 10];
    let generation = shared.generation.load(Ordering::Relaxed);
    while !shared.is_over.load(Ordering::Relaxed)
        && shared.generation.load(Ordering::Relaxed) == generation
    {
        if shared.is_cut_off.load(Ordering::Relaxed) {
            thread::sleep(Duration::from_millis(5));
            continue;
        }
        let read = match from.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => read,
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => continue,
            Err(_) => break,
        };
        let weather = shared.weather.lock().unwrap().clone();
        let rest = cut_after - passed;
        let piece = buffer[..read.min(usize::try_from(rest).unwrap_or(read))].to_vec();
        passed += read as u64;
        let delay = Duration::from_millis(dice.within(&weather.delay_ms));
        last_due = last_due.max(Instant::now() + delay);
        let throttled = (read as u64 * 1_000_000).checked_div(weather.bytes_per_second);
        last_due += Duration::from_micros(throttled.unwrap_or(0));
        if pieces.send((last_due, piece)).is_err() {
            break;
        }
        if passed >= cut_after {
            shared.cuts.fetch_add(1, Ordering::Relaxed);
            break;
        }
    }
    drop(pieces);
    let _ = writer.join();
    // The other direction ends with this one.
    let _ = both.shutdown(Shutdown::Both);
}

fn write_when_due(due: &Receiver<(Instant, Vec<u8>)>, mut to: TcpStream, shared: &Shared) {
    while let Ok((at, piece)) = due.recv() {
        thread::sleep(at.saturating_duration_since(Instant::now()));
        while shared.is_cut_off.load(Ordering::Relaxed) && !shared.is_over.load(Ordering::Relaxed) {
            thread::sleep(Duration::from_millis(5));
        }
        if to.write_all(&piece).is_err() {
            break;
        }
        shared
            .bytes
            .fetch_add(piece.len() as u64, Ordering::Relaxed);
    }
    let _ = to.shutdown(Shutdown::Both);
}
