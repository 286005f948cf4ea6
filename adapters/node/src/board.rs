//! What the console of a devnet shows of its validators, and the orders it passes on.

use crate::control::Order;
use crate::trial::TrialNetwork;
use adapters_http::{DevnetControl, DevnetRefusal, DevnetState, DevnetValidator, DevnetVerb};
use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, RwLock, RwLockWriteGuard};

/// Orders that may wait.
const ORDERS_MAX: usize = 16;

/// The validators of a devnet as its visitors see them.
///
/// It stands beside the cluster and not on it, so that nobody waits for a validator that stops.
pub(crate) struct Board {
    validators: RwLock<Vec<DevnetValidator>>,
    orders: SyncSender<Order>,
}

impl Board {
    /// The board of a network that does not run yet, and the orders that its visitors give.
    pub(crate) fn new(network: &TrialNetwork) -> (Arc<Self>, Receiver<Order>) {
        let (orders, ordered) = sync_channel(ORDERS_MAX);
        let validators = network.genesis.validators.iter();
        let validators = validators.map(|v| DevnetValidator {
            name: v.name.to_string(),
            organisation: v.organisation.clone(),
            url: None,
            state: DevnetState::Stopped,
            ordered: None,
            problem: None,
        });
        let validators = RwLock::new(validators.collect());
        (Arc::new(Self { validators, orders }), ordered)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Vec<DevnetValidator>> {
        self.validators
            .write()
            .expect("no code panics under this lock")
    }

    /// Validator `i` listens there from now on.
    pub(crate) fn listens(&self, i: usize, address: SocketAddr) {
        self.write()[i].url = Some(format!("http://{address}"));
    }

    /// Validator `i` is so from now on.
    pub(crate) fn is(&self, i: usize, state: DevnetState) {
        self.write()[i].state = state;
    }

    /// Validator `i` stopped by itself.
    pub(crate) fn halted(&self, i: usize, reason: &str) {
        self.write()[i].problem = Some(reason.to_owned());
    }

    /// An order was carried out, or failed.
    pub(crate) fn carried_out(&self, order: Order, result: &Result<String, String>) {
        let (Order::Stop(i) | Order::Start(i) | Order::Cut(i)) = order;
        let mut validators = self.write();
        if let Some(validator) = validators.get_mut(i) {
            validator.ordered = None;
            validator.problem = result.as_ref().err().cloned();
        }
    }
}

impl DevnetControl for Board {
    fn validators(&self) -> Vec<DevnetValidator> {
        self.validators
            .read()
            .expect("no code panics under this lock")
            .clone()
    }

    fn order(&self, i: usize, verb: DevnetVerb) -> Result<(), DevnetRefusal> {
        let mut validators = self.write();
        let count = validators.len();
        let stays = |v: &DevnetValidator| {
            v.state != DevnetState::Stopped && v.ordered != Some(DevnetVerb::Stop)
        };
        let others = validators.iter().enumerate().filter(|(at, _)| *at != i);
        if verb == DevnetVerb::Stop && i < count && !others.map(|(_, v)| v).any(stays) {
            return Err(DevnetRefusal::LastOne);
        }
        let validator = validators.get_mut(i);
        let validator = validator.ok_or(DevnetRefusal::NoSuchValidator { count })?;
        let order = match verb {
            DevnetVerb::Stop => Order::Stop(i),
            DevnetVerb::Start => Order::Start(i),
            DevnetVerb::Cut => Order::Cut(i),
        };
        // Full, or the devnet ends and takes no more.
        let taken = self.orders.try_send(order);
        taken.map_err(|_| DevnetRefusal::Busy)?;
        validator.ordered = Some(verb);
        validator.problem = None;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn board(n: usize) -> (Board, Receiver<Order>) {
        let (orders, ordered) = sync_channel(ORDERS_MAX);
        let validator = DevnetValidator {
            name: "validator".into(),
            organisation: "Somebody".into(),
            url: None,
            state: DevnetState::Running,
            ordered: None,
            problem: None,
        };
        let validators = RwLock::new(vec![validator; n]);
        (Board { validators, orders }, ordered)
    }

    #[test]
    fn the_last_validator_is_not_stopped_from_its_own_page() {
        let (board, ordered) = board(3);
        assert_eq!(board.order(0, DevnetVerb::Stop), Ok(()));
        board.is(2, DevnetState::Stopped);
        assert_eq!(
            board.order(1, DevnetVerb::Stop),
            Err(DevnetRefusal::LastOne)
        );
        board.is(0, DevnetState::Stopped);
        board.carried_out(Order::Stop(0), &Ok("stopped".into()));
        assert_eq!(
            board.order(1, DevnetVerb::Stop),
            Err(DevnetRefusal::LastOne)
        );
        assert_eq!(board.order(2, DevnetVerb::Start), Ok(()));
        board.is(2, DevnetState::Running);
        assert_eq!(board.order(1, DevnetVerb::Stop), Ok(()));
        let orders: Vec<Order> = ordered.try_iter().collect();
        assert_eq!(orders, [Order::Stop(0), Order::Start(2), Order::Stop(1)]);
    }

    #[test]
    fn orders_are_bounded_and_named() {
        let (board, _ordered) = board(2);
        let none = DevnetRefusal::NoSuchValidator { count: 2 };
        assert_eq!(board.order(2, DevnetVerb::Stop), Err(none));
        for _ in 0..ORDERS_MAX {
            assert_eq!(board.order(1, DevnetVerb::Cut), Ok(()));
        }
        assert_eq!(board.order(1, DevnetVerb::Cut), Err(DevnetRefusal::Busy));
        board.carried_out(Order::Cut(1), &Err("it is gone".into()));
        let seen = &board.validators()[1];
        assert_eq!(
            (seen.ordered, seen.problem.as_deref()),
            (None, Some("it is gone"))
        );
    }
}
