//! Events as they are published (server-sent events).
//!
//! A stream is a task that asks the node for a page of events, hands it to the connection, and
//! waits until the node tells of a publication. One page is in flight at most: a client that does
//! not read is dropped, and costs no memory until then.

use crate::asking::{Parameters, ask, decimal};
use crate::problem::HttpProblem;
use crate::{Node, Surface};
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bus::api::{Answer, EventPage, EventsFrom, EventsQuery, NodeApi, PAGE_MAX, Query};
use bytes::Bytes;
use futures::stream;
use messages::ids::Height;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::time::{Instant, sleep_until, timeout};

/// Most streams at once.
pub(crate) const STREAMS_MAX: usize = 256;
/// Chunks that are kept for streams that are up to date.
const CHUNKS_MAX: usize = 8;
/// A comment is sent after so long without an event.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// A client that takes nothing for so long is dropped.
const STALLED: Duration = Duration::from_secs(30);
/// That comment.
const HEARTBEAT_TEXT: &str = ": heartbeat\n\n";
/// The client's wait before it connects again.
const OPENING: &str = "retry: 1000\n\n";

/// What all streams share.
#[derive(Clone)]
pub(crate) struct Streams {
    published: watch::Receiver<Height>,
    closing: watch::Receiver<bool>,
    room: Arc<Semaphore>,
    newest: Arc<Mutex<VecDeque<Chunk>>>,
}

/// Events that a stream goes on with, as it sends them.
#[derive(Clone, Debug)]
struct Chunk {
    /// Published height when they were asked for.
    published: Height,
    /// Ordinal that they follow.
    after: u64,
    /// Ordinal of the last of them; that which they follow when there are none.
    last: u64,
    /// There were no more.
    is_whole: bool,
    text: Bytes,
}

impl Streams {
    /// Listens to the node; streams end once `closing` says so.
    pub(crate) fn new(node: &dyn NodeApi, closing: watch::Receiver<bool>) -> Self {
        let (tell, published) = watch::channel(Height(0));
        node.subscribe(Box::new(move |height| {
            tell.send_replace(height);
            !tell.is_closed()
        }));
        Self {
            published,
            closing,
            room: Arc::new(Semaphore::new(STREAMS_MAX)),
            newest: Arc::default(),
        }
    }

    /// Newest height that the node told of; 0 before the first.
    pub(crate) fn published(&self) -> Height {
        *self.published.borrow()
    }
}

/// `GET /v1/events?after=ORDINAL`.
pub(crate) async fn events(
    State(surface): State<Surface>,
    parameters: Parameters,
    headers: HeaderMap,
) -> Result<Response, HttpProblem> {
    parameters.allow(&["after"])?;
    let after = after(&parameters, &headers)?;
    let streams = surface.streams;
    let room = streams.room.clone().try_acquire_owned();
    let room = room.map_err(|_| too_many())?;
    let mut stream = Stream {
        node: surface.node,
        published: streams.published,
        closing: streams.closing,
        after: after.unwrap_or_default(),
        newest: streams.newest,
        is_live: false,
        quiet_until: Instant::now(),
        _room: room,
    };
    if after.is_none() {
        stream.after = page(&stream.node, None).await?.newest;
    }
    let (sender, receiver) = mpsc::channel(1);
    tokio::spawn(stream.run(sender));
    let chunks = stream::unfold(receiver, |mut receiver| async {
        let chunk = receiver.recv().await?;
        Some((Ok::<Bytes, Infallible>(chunk), receiver))
    });
    let headers: [(HeaderName, &str); 3] = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-cache"),
        (HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    Ok((headers, Body::from_stream(chunks)).into_response())
}

/// The ordinal that the client has; none asks for what comes from now on.
fn after(parameters: &Parameters, headers: &HeaderMap) -> Result<Option<u64>, HttpProblem> {
    let Some(value) = headers.get("last-event-id").filter(|v| !v.is_empty()) else {
        return parameters.number("after");
    };
    let number = value.to_str().ok().and_then(decimal);
    number.map(Some).ok_or_else(|| {
        HttpProblem::malformed(
            "last-event-id",
            format!("last-event-id: expected the ordinal of an event, found {value:?}"),
            "Give the id of the last event that you have, or use ?after=ORDINAL.",
        )
    })
}

fn too_many() -> HttpProblem {
    HttpProblem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "too-many-streams",
        format!("this node serves at most {STREAMS_MAX} event streams at once"),
        "Try again later, or ask another node: all nodes number events alike.",
    )
}

async fn page(node: &Node, after: Option<u64>) -> Result<EventPage, HttpProblem> {
    let count = PAGE_MAX;
    let query = EventsQuery {
        from: after.map_or(EventsFrom::Newest, EventsFrom::After),
        namespace: None,
        receipts: false,
        count,
    };
    match ask(node, Query::Events(query)).await? {
        Answer::Events(page) => Ok(page),
        _ => Err(HttpProblem::no_answer()),
    }
}

struct Stream {
    node: Node,
    published: watch::Receiver<Height>,
    closing: watch::Receiver<bool>,
    /// Ordinal of the last event handed over.
    after: u64,
    /// What the streams that are up to date share.
    newest: Arc<Mutex<VecDeque<Chunk>>>,
    /// This one is up to date.
    is_live: bool,
    /// When the client must hear of something.
    quiet_until: Instant,
    _room: OwnedSemaphorePermit,
}

impl Stream {
    async fn ask(&self, published: Height) -> Result<Chunk, HttpProblem> {
        let page = page(&self.node, Some(self.after)).await?;
        Ok(Chunk {
            published,
            after: self.after,
            last: page.seen,
            is_whole: page.seen >= page.newest,
            text: render(&page),
        })
    }

    /// What comes next. Streams that are up to date want the same: one of them asks for all.
    async fn next(&mut self) -> Result<Chunk, HttpProblem> {
        let published = *self.published.borrow_and_update();
        if !self.is_live {
            return self.ask(published).await;
        }
        let mut newest = self.newest.lock().await;
        let is_it = |chunk: &&Chunk| (chunk.published, chunk.after) == (published, self.after);
        if let Some(chunk) = newest.iter().find(is_it) {
            return Ok(chunk.clone());
        }
        let chunk = self.ask(published).await?;
        newest.push_front(chunk.clone());
        newest.truncate(CHUNKS_MAX);
        Ok(chunk)
    }

    /// Sends until the client leaves, stalls, or the surface closes. The client connects again
    /// and goes on where it stood.
    async fn run(mut self, sender: mpsc::Sender<Bytes>) {
        let mut is_open = self.give(&sender, OPENING.into()).await;
        while is_open {
            let Ok(chunk) = self.next().await else {
                return;
            };
            self.after = chunk.last;
            self.is_live |= chunk.is_whole;
            if !chunk.text.is_empty() {
                is_open = self.give(&sender, chunk.text).await;
            }
            if is_open && chunk.is_whole {
                is_open = self.pause(&sender).await;
            }
        }
    }

    /// Hands text to the connection; whether it took it.
    async fn give(&mut self, sender: &mpsc::Sender<Bytes>, text: Bytes) -> bool {
        self.quiet_until = Instant::now() + HEARTBEAT;
        matches!(timeout(STALLED, sender.send(text)).await, Ok(Ok(())))
    }

    /// Waits for a publication; whether the stream goes on.
    async fn pause(&mut self, sender: &mpsc::Sender<Bytes>) -> bool {
        loop {
            tokio::select! {
                changed = self.published.changed() => return changed.is_ok(),
                () = sender.closed() => return false,
                () = closed(&mut self.closing) => return false,
                () = sleep_until(self.quiet_until) => {}
            }
            if !self.give(sender, HEARTBEAT_TEXT.into()).await {
                return false;
            }
        }
    }
}

/// Returns when the surface closes; never when nobody can say so.
async fn closed(closing: &mut watch::Receiver<bool>) {
    if closing.wait_for(|is_closing| *is_closing).await.is_err() {
        std::future::pending::<()>().await;
    }
}

fn render(page: &EventPage) -> Bytes {
    let mut text = String::new();
    for event in &page.events {
        let (id, json) = (event.ordinal, &event.json);
        write!(text, "id: {id}\nevent: deposited\ndata: {json}\n\n")
            .expect("a string takes whatever is written");
    }
    text.into()
}

#[cfg(test)]
mod tests;
