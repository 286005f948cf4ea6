//! What a node answers about itself and the others.

use super::{Peer, Presence};
use messages::api::{Health, NodeRole, ValidatorStatus};
use messages::ids::{Name, TimeMs};
use messages::quorum::quorum;

impl Presence {
    pub(super) fn statuses(&self, now: TimeMs) -> Vec<ValidatorStatus> {
        let validators = self.genesis.validators.iter();
        let validators = validators.map(|v| self.status_of(now, &v.name, Some(&v.organisation)));
        let observers = self.observers.iter();
        let observers = observers.map(|name| self.status_of(now, name, None));
        validators.chain(observers).collect()
    }

    /// A node as it is seen here; only validators have an organisation in genesis.
    fn status_of(&self, now: TimeMs, name: &Name, organisation: Option<&str>) -> ValidatorStatus {
        let own = *name == self.own;
        let peer = if own {
            Peer {
                heard: Some(now),
                height: self.durable,
                round: self.round,
                published: self.published,
                about: self.facts(self.heard(now)),
                certified: None,
            }
        } else {
            self.peers.get(name).cloned().unwrap_or_default()
        };
        ValidatorStatus {
            name: name.clone(),
            role: match organisation {
                Some(_) => NodeRole::Validator,
                None => NodeRole::Observer,
            },
            organisation: organisation.unwrap_or_default().into(),
            present: self.is_present(name, now),
            own,
            height: peer.height,
            round: peer.round,
            published: peer.published,
            silent_ms: peer.heard.map(|at| now.since_ms(at)),
            about: peer.heard.map(|_| peer.about.shown()),
        }
    }

    pub(super) fn health(&self, now: TimeMs) -> Health {
        let missing = self.missing(now);
        Health {
            network: self.genesis.network.clone(),
            node: self.own.clone(),
            version: self.version,
            quorum: self.has_quorum(now),
            quorum_size: quorum(self.genesis.validators.len()),
            missing,
            height: self.durable,
            round: self.round,
            published: self.published,
            log_size: self.log.0,
            log_root: self.log.1,
            statements: self.statements,
            waiting: self.waiting,
            voting: self.votes(),
            amnesiac: self.forgotten().cloned(),
        }
    }
}
