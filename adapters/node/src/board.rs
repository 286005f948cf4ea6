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
