//! Execution of a block that a quorum decided elsewhere.

use super::{Chain, Committed, Entry, Executed};
use messages::block::Block;
use messages::cbor::Canonical;
use messages::consensus::CommitCertificate;
use messages::ports::ConsensusVerifier;
use messages::wire::CertifiedBlock;

impl Chain {
    /// Executes the next block with the certificate that decides it. Its depositors' signatures
    /// are not judged again: a quorum did before it voted.
    ///
    /// # Errors
    /// When it is not the next block, the certificate does not hold for it, or execution leads to
    /// other roots than it claims.
    pub fn execute_certified(
        &self,
        certified: &CertifiedBlock,
        committed: &dyn Committed,
        verifier: &dyn ConsensusVerifier,
    ) -> Result<(Executed, CommitCertificate), String> {
        let block = Block::from_parts(&certified.block).map_err(|e| e.to_string())?;
        let certificate =
            CommitCertificate::from_bytes(&certified.certificate).map_err(|e| e.to_string())?;
        let next = self.next_height();
        if block.header.height != next || certificate.height != next {
            return Err(format!(
                "expected height {next}, found {}",
                block.header.height
            ));
        }
        if certificate.block != block.header.id() {
            return Err("the certificate decides another block".into());
        }
        let rules = &self.rules;
        certificate
            .verify_with(&rules.network, &rules.validators, verifier)
            .map_err(|e| e.to_string())?;
        let entries: Result<Vec<Entry>, _> = block
            .statements
            .iter()
            .map(|s| Entry::parse(s.clone()))
            .collect();
        let entries = entries.map_err(|e| e.to_string())?;
        self.execute(block, entries, committed, verifier)
            .map(|executed| (executed, certificate))
            .map_err(|e| e.to_string())
    }
}
