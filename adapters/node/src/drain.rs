//! The last seconds of a node: nothing new is taken, and those who wait get their receipts.

use bus::api::{Listener, NodeApi, Problem, ProblemKind, Query, Reply, SubmitAnswer};
use bytes::Bytes;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

/// Who waits for a receipt, and whether more may come.
#[derive(Default)]
struct Waiting {
    closed: bool,
    submissions: usize,
}

/// Counts submissions that are not answered yet, and refuses new ones once it is closed.
#[derive(Default)]
pub(crate) struct Gate {
    waiting: Mutex<Waiting>,
    less: Condvar,
}

impl Gate {
    fn held(&self) -> MutexGuard<'_, Waiting> {
        self.waiting
            .lock()
            .expect("no code panics while it holds the count")
    }

    /// Lets a submission in, unless the gate is closed.
    fn enter(self: &Arc<Self>) -> Option<Inside> {
        let mut waiting = self.held();
        if waiting.closed {
            return None;
        }
        waiting.submissions += 1;
        Some(Inside(self.clone()))
    }

    /// Refuses what comes from now on, and waits for the answers of what is inside, `bound` at
    /// most. Gives the number of submissions that are still not answered.
    pub(crate) fn close(&self, bound: Duration) -> usize {
        let mut waiting = self.held();
        waiting.closed = true;
        let (waiting, _) = self
            .less
            .wait_timeout_while(waiting, bound, |w| w.submissions > 0)
            .expect("no code panics while it holds the count");
        waiting.submissions
    }
}

/// One submission inside; it leaves when this is dropped, answered or not.
struct Inside(Arc<Gate>);

impl Drop for Inside {
    fn drop(&mut self) {
        self.0.held().submissions -= 1;
        self.0.less.notify_all();
    }
}

/// A node behind a gate.
pub(crate) struct Gated<N> {
    pub(crate) node: N,
    pub(crate) gate: Arc<Gate>,
}

impl<N: NodeApi> NodeApi for Gated<N> {
    fn submit(&self, entry: Bytes, wait_ms: Option<u64>, reply: Reply<SubmitAnswer>) {
        let Some(inside) = self.gate.enter() else {
            reply(SubmitAnswer::Refused(stopping()));
            return;
        };
        let reply = Box::new(move |answer| {
            reply(answer);
            drop(inside);
        });
        self.node.submit(entry, wait_ms, reply);
    }

    fn query(&self, query: Query, reply: Reply<bus::api::Answer>) {
        self.node.query(query, reply);
    }

    fn subscribe(&self, listener: Listener) {
        self.node.subscribe(listener);
    }
}

fn stopping() -> Problem {
    Problem {
        kind: ProblemKind::Unavailable,
        code: "stopping",
        detail: "this node is stopping and takes no new statements".into(),
        field: None,
        next_step: "Submit the same bytes to another node, or here once it is back: a statement \
                    submitted twice commits once."
            .into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use messages::ids::StatementId;
    use std::sync::mpsc;

    /// Answers when it is told to.
    #[derive(Default)]
    struct Slow(Mutex<Vec<Reply<SubmitAnswer>>>);

    impl NodeApi for Slow {
        fn submit(&self, _: Bytes, _: Option<u64>, reply: Reply<SubmitAnswer>) {
            self.0.lock().unwrap().push(reply);
        }
        fn query(&self, _: Query, _: Reply<bus::api::Answer>) {}
        fn subscribe(&self, _: Listener) {}
    }

    fn submit(node: &Gated<Slow>) -> mpsc::Receiver<SubmitAnswer> {
        let (tell, told) = mpsc::channel();
        node.submit(
            Bytes::new(),
            Some(1),
            Box::new(move |a| tell.send(a).unwrap()),
        );
        told
    }

    #[test]
    fn those_who_wait_are_answered_and_those_who_come_are_refused() {
        let gate = Arc::new(Gate::default());
        let node = Gated {
            node: Slow::default(),
            gate: gate.clone(),
        };
        let first = submit(&node);
        // Nobody answers within the bound.
        assert_eq!(gate.close(Duration::from_millis(10)), 1);
        let refused = submit(&node).recv().unwrap();
        assert!(matches!(refused, SubmitAnswer::Refused(p) if p.code == "stopping"));
        let answered = std::thread::spawn(move || gate.close(Duration::from_secs(60)));
        let reply = node.node.0.lock().unwrap().pop().unwrap();
        reply(SubmitAnswer::Pending(StatementId(messages::hash::Hash(
            [7; 32],
        ))));
        assert_eq!(answered.join().unwrap(), 0);
        assert!(matches!(first.recv().unwrap(), SubmitAnswer::Pending(_)));
    }

    #[test]
    fn a_submission_that_the_node_drops_is_not_waited_for() {
        let gate = Arc::new(Gate::default());
        let node = Gated {
            node: Slow::default(),
            gate: gate.clone(),
        };
        let _answer = submit(&node);
        node.node.0.lock().unwrap().clear();
        assert_eq!(gate.close(Duration::from_secs(60)), 0);
    }
}
