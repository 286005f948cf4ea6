//! The root supervisor: watches every actor of the node and stops the node when one is lost.
//!
//! actix restarts nothing after a panic, so the shell catches panics of its core, and this actor
//! watches the join handle of everything else.

use actix::{Actor, Context, Handler, Message};
use bus::supervision::ActorName;
use std::sync::Arc;

/// An actor cannot go on.
#[derive(Message, Debug)]
#[rtype(result = "()")]
pub(crate) struct Failure {
    /// Which one.
    pub(crate) actor: ActorName,
    /// Why.
    pub(crate) reason: String,
}

/// The supervisor of one node.
pub(crate) struct Supervisor {
    node: String,
    on_halt: Arc<dyn Fn(String) + Send + Sync>,
    halted: bool,
}

impl Supervisor {
    pub(crate) fn new(node: String, on_halt: Arc<dyn Fn(String) + Send + Sync>) -> Self {
        Self {
            node,
            on_halt,
            halted: false,
        }
    }

    /// Runs an actor as a watched task: when the task ends in a panic, the supervisor hears of it.
    pub(crate) fn watch<A>(
        supervisor: actix::Addr<Self>,
        name: ActorName,
        context: Context<A>,
        actor: A,
    ) where
        A: Actor<Context = Context<A>>,
    {
        let task = tokio::task::spawn_local(context.into_future(actor));
        tokio::task::spawn_local(async move {
            if let Err(error) = task.await
                && error.is_panic()
            {
                supervisor.do_send(Failure {
                    actor: name,
                    reason: "its shell panicked".into(),
                });
            }
        });
    }
}

impl Actor for Supervisor {
    type Context = Context<Self>;
}

impl Handler<Failure> for Supervisor {
    type Result = ();

    fn handle(&mut self, failure: Failure, _: &mut Context<Self>) {
        let Failure { actor, reason } = failure;
        tracing::error!(
            node = self.node,
            actor = actor.as_str(),
            reason,
            "the node stops"
        );
        if !self.halted {
            self.halted = true;
            (self.on_halt)(format!("{}: {reason}", actor.as_str()));
        }
    }
}
