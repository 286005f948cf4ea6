//! COSE receipts: an entry with a quorum of receipt signatures over a published tree head.

use super::answers::{no_checkpoint, unknown_statement};
use super::{Published, Storage};
use messages::api::{Answer, Problem, ProblemKind};
use messages::cose_receipt::{HeadSignature, InclusionReceipt};
use messages::ids::{Height, LeafIndex, StatementId};
use messages::quorum::quorum;
use messages::receipt::PolicyLink;
use messages::statement::Statement;
use messages::transparent::TransparentStatement;
use std::borrow::Cow;

impl Storage {
    /// The transparent statement: the entry with a quorum of COSE receipts.
    pub(super) fn cose_receipt(&self, id: &StatementId) -> Answer {
        let Some(place) = self.place(id) else {
            return unknown_statement(id);
        };
        if self.checkpoint_for(place.height).is_none() {
            return Answer::Waiting(*id);
        }
        let Some(published) = self.signed_head_for(place.height) else {
            return Answer::Problem(no_quorum(id));
        };
        let (index, size) = (place.index, published.size);
        let path = self.tree.path(index.0, size.0, Some(&*self.reader));
        let receipts = published.signatures.signatures.iter().map(|made| {
            let signed = HeadSignature {
                origin: self.genesis.origin.clone(),
                size,
                key_id: made.key_id,
                signature: made.signature,
            };
            let path = path.clone();
            InclusionReceipt {
                signed,
                index,
                path,
            }
        });
        let receipts = receipts.collect();
        let statement = Statement::parse(&place.entry)
            .expect("a validator votes only for entries that are statements");
        let transparent = TransparentStatement::new(statement, receipts);
        Answer::CoseReceipt(transparent.encode().into())
    }

    /// The policy entry in force, proven by the newest published checkpoint. There is one epoch, so
    /// it is the entry after the genesis.
    pub(super) fn policy_proof(&self) -> Answer {
        let Some(published) = &self.published else {
            return no_checkpoint();
        };
        let index = LeafIndex(1);
        let entry = self.reader.entry(index);
        let size = published.size.0;
        Answer::PolicyProof(Box::new(PolicyLink {
            entry: entry.expect("every log holds its policy").to_vec(),
            index,
            path: self.tree.path(index.0, size, Some(&*self.reader)),
            checkpoint: published.note.encode(),
        }))
    }

    /// The lowest published checkpoint that covers `height`, or else the newest, that came with a
    /// quorum of receipt signatures: a later tree proves the same entry.
    fn signed_head_for(&self, height: Height) -> Option<Cow<'_, Published>> {
        let needed = quorum(self.genesis.validators.len());
        let is_signed = |p: &Published| p.signatures.signatures.len() >= needed;
        let lowest = self.checkpoint_for(height).filter(|p| is_signed(p));
        lowest.or_else(|| {
            let newest = self.published.as_ref().filter(|p| is_signed(p));
            newest.map(Cow::Borrowed)
        })
    }
}

fn no_quorum(id: &StatementId) -> Problem {
    Problem {
        kind: ProblemKind::Unavailable,
        code: "no-receipt-quorum",
        detail: format!(
            "statement {id} is committed, and no tree head that this node published since then has \
             a quorum of receipt signatures"
        ),
        field: None,
        next_step: "ask again after the next block, or ask another node; the receipt in text form \
                    is there already"
            .into(),
    }
}
