//! A deterministic stream of unpredictable bytes: SHA-256 in counter mode.
//!
//! Used where an algorithm asks for randomness and the answer must replay: batch verification
//! draws its coefficients from a hash of the batch itself (as Fiat and Shamir proposed), and the
//! simulator derives keys from its seed.

use crate::hash::Hash;
use core::convert::Infallible;
use rand_core::{TryCryptoRng, TryRng};

/// SHA-256(seed || counter), block after block.
pub struct HashStream {
    seed: [u8; 32],
    counter: u64,
    block: [u8; 32],
    used: usize,
}

impl HashStream {
    /// A stream that depends on nothing but `seed`.
    pub fn new(seed: [u8; 32]) -> Self {
        Self {
            seed,
            counter: 0,
            block: [0; 32],
            used: 32,
        }
    }

    fn fill(&mut self, out: &mut [u8]) {
        for byte in out {
            if self.used == 32 {
                self.block = Hash::of_parts(&[&self.seed, &self.counter.to_be_bytes()]).0;
                self.counter += 1;
                self.used = 0;
            }
            *byte = self.block[self.used];
            self.used += 1;
        }
    }
}

impl TryRng for HashStream {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.fill(&mut bytes);
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.fill(&mut bytes);
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        self.fill(out);
        Ok(())
    }
}

impl TryCryptoRng for HashStream {}
