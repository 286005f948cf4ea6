//! Who gives the parts of a node their turns: actix in production, the caller's own loop in a
//! simulation that steps a node directly.

use crate::supervisor::{Failure, Supervisor};
use actix::{Actor, Addr, AsyncContext, Context, Handler, Message};
use bus::supervision::ActorName;
use std::sync::Arc;
use tokio::time::Instant;

/// Asks for a turn; works from any thread, and asking twice is asking once.
pub(crate) type Wake = Arc<dyn Fn() + Send + Sync>;

/// Stops the node, with the reason.
pub(crate) type Halt = Arc<dyn Fn(ActorName, String) + Send + Sync>;

/// What a turn leaves behind.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Turned {
    /// There is more to do at once.
    pub(crate) again: bool,
    /// There is something to do then.
    pub(crate) due: Option<Instant>,
}

/// A part of a node that works in turns.
pub(crate) trait Runnable: Unpin + 'static {
    /// Does what waits at `now`.
    fn turn(&mut self, now: Instant) -> Turned;

    /// Has `wake` called whenever something is sent to it from now on.
    fn on_wake(&self, wake: Wake);
}

/// Runs the parts of one node.
pub(crate) trait Host {
    /// Runs the part that `make` builds; it asks for turns by the [`Wake`] it is given.
    fn run<R: Runnable>(&self, name: ActorName, make: impl FnOnce(Wake, Halt) -> R);
}

/// Each part is an actor on the current arbiter, under one supervisor.
pub(crate) struct ActixHost {
    supervisor: Addr<Supervisor>,
}

impl ActixHost {
    pub(crate) fn new(node: String, on_halt: Arc<dyn Fn(String) + Send + Sync>) -> Self {
        let supervisor = Supervisor::new(node, on_halt).start();
        Self { supervisor }
    }
}

impl Host for ActixHost {
    fn run<R: Runnable>(&self, name: ActorName, make: impl FnOnce(Wake, Halt) -> R) {
        let supervisor = self.supervisor.clone();
        let halt: Halt = Arc::new(move |actor, reason| {
            supervisor.do_send(Failure { actor, reason });
        });
        let context = Context::new();
        let address: Addr<PartActor<R>> = context.address();
        let wake: Wake = Arc::new(move || address.do_send(Turn));
        let part = make(wake.clone(), halt);
        let actor = PartActor {
            part,
            wake,
            armed: None,
        };
        Supervisor::watch(self.supervisor.clone(), name, context, actor);
    }
}

/// A part as an actor.
struct PartActor<R> {
    part: R,
    wake: Wake,
    armed: Option<Instant>,
}

/// Something waits: mail, a durable write or a timer.
#[derive(Message)]
#[rtype(result = "()")]
struct Turn;

impl<R: Runnable> PartActor<R> {
    fn turn(&mut self, ctx: &mut Context<Self>) {
        let now = Instant::now();
        let Turned { again, due } = self.part.turn(now);
        if again {
            ctx.notify(Turn);
        }
        let Some(at) = due else { return };
        // Generations are not needed: an early wake finds nothing due.
        if self.armed.is_some_and(|armed| armed <= at && armed > now) {
            return;
        }
        self.armed = Some(at);
        ctx.run_later(at.saturating_duration_since(now), |actor, ctx| {
            actor.armed = None;
            actor.turn(ctx);
        });
    }
}

impl<R: Runnable> Actor for PartActor<R> {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        self.part.on_wake(self.wake.clone());
        ctx.notify(Turn);
    }
}

impl<R: Runnable> Handler<Turn> for PartActor<R> {
    type Result = ();

    fn handle(&mut self, _: Turn, ctx: &mut Context<Self>) {
        self.turn(ctx);
    }
}
