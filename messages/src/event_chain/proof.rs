//! What proves an event: its receipt, which must be one of the same deposit.

use super::{Broken, ChainEvent};
use crate::policy::Policy;
use crate::receipt::Receipt;
use crate::report::Evidence;
use crate::statement::Statement;
use crate::verify::verify;
use core::fmt::Display;

impl ChainEvent {
    /// Verifies the event's receipt against a policy, and that both tell the same. A policy of a
    /// demonstration is taken: [`Evidence::demonstration`] tells.
    ///
    /// # Errors
    /// [`Broken`] about `receipt` when there is none or it does not verify, else about the first
    /// field that it does not bear out.
    pub fn verify_receipt(&self, policy: &Policy) -> Result<Evidence, Broken> {
        let broken = |found: &dyn Display| Broken::new("receipt", "one that verifies", found);
        let text = self.receipt.as_deref().ok_or_else(|| broken(&"none"))?;
        let receipt = Receipt::parse(text).map_err(|e| broken(&e))?;
        let report = verify(&receipt, policy, None);
        let failed = report.failures().next();
        let failed =
            failed.map(|f| format!("{}: expected {}, found {}", f.check, f.expected, f.found));
        if let Some(failed) = failed {
            return Err(broken(&failed));
        }
        let evidence = report.evidence.ok_or_else(|| broken(&"no evidence"))?;
        self.compare(&evidence)?;
        let statement = Statement::parse(&receipt.extra.entry).map_err(|e| broken(&e))?;
        same("value", statement.deposit.lodged.value(), &self.value)?;
        Ok(evidence)
    }

    fn compare(&self, evidence: &Evidence) -> Result<(), Broken> {
        same("id", evidence.id, self.id)?;
        same("network", &evidence.network, &self.network)?;
        same("namespace", &evidence.namespace, &self.namespace)?;
        same("height", evidence.height, self.height)?;
        same("index", evidence.index, self.index)?;
        same("block_time_ms", evidence.block_time.0, self.block_time.0)?;
        same("mode", evidence.mode.name(), &self.mode)?;
        same("key", evidence.depositor_key, &self.key)
    }
}

/// Compares what people see of both: nothing else of them is compared elsewhere.
fn same(field: &'static str, proven: impl Display, told: impl Display) -> Result<(), Broken> {
    let (proven, told) = (proven.to_string(), told.to_string());
    if proven == told {
        return Ok(());
    }
    Err(Broken::new(field, proven, told))
}
