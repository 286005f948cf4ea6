//! Bodies, for those who may read them.

use super::{Storage, not_found};
use messages::api::{Answer, Problem, ProblemKind};
use messages::deposit::DepositMode;
use messages::genesis::Namespace;
use messages::hash::Hash;
use messages::ids::LeafIndex;
use messages::keys::PublicKey;
use messages::statement::Statement;

/// Statements of one digest that are looked at: the first ones.
const LODGED_MAX: usize = 4096;

impl Storage {
    /// A body, for anybody when some public statement lodges it, else for listed keys.
    pub(super) fn body(&self, digest: &Hash, reader: Option<&PublicKey>) -> Answer {
        let lodged_in = |index: LeafIndex| {
            let statement = Statement::parse(&self.reader.entry(index)?).ok()?;
            let is_body = statement.deposit.lodged.mode() == DepositMode::Body;
            let namespace = self.genesis.namespace(&statement.deposit.namespace);
            namespace.filter(|_| is_body)
        };
        let lodged = self.reader.lookup(digest, LeafIndex(0), LODGED_MAX);
        let namespaces: Vec<&Namespace> = lodged.into_iter().filter_map(lodged_in).collect();
        let is_listed =
            |n: &Namespace| reader.is_some_and(|k| n.listed.iter().any(|l| l.key == *k));
        if namespaces.is_empty() {
            return not_found(
                "unknown-body",
                format!("no committed statement lodges the body {digest}"),
                "digest",
                "check the digest; a body is readable once its statement is committed",
            );
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
                let detail = format!("this node does not hold the body {digest}");
                not_found("body-not-held-here", detail, "digest", &next_step)
            }
        }
    }
}
