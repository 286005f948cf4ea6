//! Answers to questions about committed data.

use super::Storage;
use super::receipts::NoReceipt;
use messages::api::{Answer, BlockView, Problem, ProblemKind, Query, StatementView};
use messages::block::Header;
use messages::cbor::Canonical;
use messages::consensus::CommitCertificate;
use messages::deposit::DepositMode;
use messages::genesis::Namespace;
use messages::hash::Hash;
use messages::ids::{Height, LeafIndex, Round, StatementId, TimeMs, TreeSize};
use messages::keys::PublicKey;
use messages::merkle::Frontier;
use messages::statement::Statement;

impl Storage {
    /// Answers a question; those about the node itself are not for storage.
    pub(super) fn answer(&self, query: &Query) -> Answer {
        match query {
            Query::Receipt(id) => match self.receipt(id) {
                Ok(committed) => Answer::Receipt(Box::new(committed)),
                Err(NoReceipt::NotPublished) => Answer::Waiting(*id),
                Err(NoReceipt::Unknown) => unknown_statement(id),
            },
            Query::Statement(id) => self.statement(id),
            Query::Lookup(value) => self.lookup(value),
            Query::Block(height) => self.block(*height),
            Query::Checkpoint => match &self.published {
                Some(published) => Answer::Checkpoint(published.note.encode()),
                None => no_checkpoint(),
            },
            Query::CoseReceipt(id) => self.cose_receipt(id),
            Query::PolicyProof => self.policy_proof(),
            Query::Policy => Answer::Policy(self.policy_text.clone()),
            Query::Body { digest, reader } => self.body(digest, reader.as_ref()),
            Query::Validators | Query::Health | Query::PutBody { .. } => {
                unreachable!("other actors answer these")
            }
        }
    }

    /// A body, for anybody when some public statement lodges it, else for listed keys.
    fn body(&self, digest: &Hash, reader: Option<&PublicKey>) -> Answer {
        let lodged_in = |index: LeafIndex| {
            let statement = Statement::parse(&self.reader.entry(index)?).ok()?;
            let is_body = statement.deposit.lodged.mode() == DepositMode::Body;
            let namespace = self.genesis.namespace(&statement.deposit.namespace);
            namespace.filter(|_| is_body)
        };
        let lodged = self.reader.lookup(digest);
        let namespaces: Vec<&Namespace> = lodged.into_iter().filter_map(lodged_in).collect();
        let is_listed =
            |n: &Namespace| reader.is_some_and(|k| n.listed.iter().any(|l| l.key == *k));
        if namespaces.is_empty() {
            return unknown_body(digest);
        }
        if !namespaces.iter().any(|n| n.public || is_listed(n)) {
            return Answer::Problem(Problem {
                kind: ProblemKind::Forbidden,
                code: "body-not-public",
                detail: "key: the body was lodged in a namespace whose listed keys alone read it"
                    .into(),
                field: Some("key".into()),
                next_step: "ask with a listed key (`wutong show body --key FILE`)".into(),
            });
        }
        match self.bodies.body(digest) {
            Some(bytes) => Answer::Body(bytes),
            None => {
                let holders = namespaces.iter().flat_map(|n| &n.holders);
                let holders: Vec<String> = holders.map(ToString::to_string).collect();
                let next_step = match holders.is_empty() {
                    true => "ask another validator".into(),
                    false => format!("ask a holder: {}", holders.join(", ")),
                };
                Answer::Problem(Problem {
                    kind: ProblemKind::NotFound,
                    code: "body-not-held-here",
                    detail: format!("this node does not hold the body {digest}"),
                    field: Some("digest".into()),
                    next_step,
                })
            }
        }
    }

    fn view(&self, index: LeafIndex) -> Option<StatementView> {
        let entry = self.reader.entry(index)?;
        let height = self.height_of(index)?;
        let time = Header::from_bytes(&self.reader.block(height)?.header)
            .ok()?
            .time;
        let id = StatementId::of_entry(&entry);
        Some(StatementView {
            id,
            entry,
            place: Some((height, index, time)),
        })
    }

    fn statement(&self, id: &StatementId) -> Answer {
        let view = self.reader.position(id).and_then(|index| self.view(index));
        view.map_or_else(|| unknown_statement(id), Answer::Statement)
    }

    fn lookup(&self, value: &Hash) -> Answer {
        let found: Vec<StatementView> = self
            .reader
            .lookup(value)
            .into_iter()
            .filter_map(|i| self.view(i))
            .collect();
        if !found.is_empty() {
            return Answer::Lookup(found);
        }
        Answer::Problem(Problem {
            kind: ProblemKind::NotFound,
            code: "unknown-value",
            detail: format!("no statement lodges {value}"),
            field: Some("value".into()),
            next_step: "a salted deposit is found only by its commitment: compute it from the \
                        file and the salt in its receipt (`wutong show lookup`)"
                .into(),
        })
    }

    fn block(&self, height: Height) -> Answer {
        let view = match height {
            Height(0) => self.genesis_view(),
            _ => self.block_view(height),
        };
        view.map_or_else(
            || {
                Answer::Problem(Problem {
                    kind: ProblemKind::NotFound,
                    code: "unknown-height",
                    detail: format!("no block at height {height}; the newest is {}", self.head),
                    field: Some("height".into()),
                    next_step: format!("ask for a height from 0 to {}", self.head),
                })
            },
            |view| Answer::Block(Box::new(view)),
        )
    }

    fn genesis_view(&self) -> Option<BlockView> {
        let stored = self.reader.block(Height(0))?;
        let log_size = TreeSize(u64::from(stored.entry_count));
        let log = Frontier::from_peaks(log_size, stored.peaks).ok()?;
        Some(BlockView {
            height: Height(0),
            id: self.genesis.leaf_hash(),
            time: self.genesis.created,
            proposer: None,
            round: Round(0),
            signers: Vec::new(),
            first_leaf: LeafIndex(0),
            log_size,
            log_root: log.root(),
            state_root: Hash::ZERO,
            statements: Vec::new(),
        })
    }

    fn block_view(&self, height: Height) -> Option<BlockView> {
        let stored = self.reader.block(height)?;
        let header = Header::from_bytes(&stored.header).ok()?;
        let certificate = CommitCertificate::from_bytes(&stored.certificate).ok()?;
        let name = |key| self.genesis.validator_by_key(key).map(|v| v.name.clone());
        let statements = self
            .reader
            .entries(stored.first_leaf, stored.entry_count as usize - 1);
        Some(BlockView {
            height,
            id: header.id().0,
            time: TimeMs(header.time.0),
            proposer: name(&header.proposer),
            round: certificate.round,
            signers: certificate
                .signatures
                .iter()
                .filter_map(|(key, _)| name(key))
                .collect(),
            first_leaf: stored.first_leaf,
            log_size: header.log_size,
            log_root: header.log_root,
            state_root: header.state_root,
            statements: statements
                .iter()
                .map(|entry| StatementId::of_entry(entry))
                .zip(stored.outcomes)
                .collect(),
        })
    }
}

pub(super) fn no_checkpoint() -> Answer {
    Answer::Problem(Problem {
        kind: ProblemKind::NotFound,
        code: "no-checkpoint",
        detail: "no checkpoint has a quorum of cosignatures yet".into(),
        field: None,
        next_step: "deposit something, or ask again after the first block".into(),
    })
}

fn unknown_body(digest: &Hash) -> Answer {
    Answer::Problem(Problem {
        kind: ProblemKind::NotFound,
        code: "unknown-body",
        detail: format!("no committed statement lodges the body {digest}"),
        field: Some("digest".into()),
        next_step: "check the digest; a body is readable once its statement is committed".into(),
    })
}

pub(super) fn unknown_statement(id: &StatementId) -> Answer {
    Answer::Problem(Problem {
        kind: ProblemKind::NotFound,
        code: "unknown-statement",
        detail: format!("no statement {id} in this ledger"),
        field: Some("id".into()),
        next_step: "check the id, or submit the statement".into(),
    })
}
