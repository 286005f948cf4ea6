//! Seeded draws. Each purpose has its own stream, so that one more draw here moves nothing there.

use messages::entropy::HashStream;
use messages::hash::Hash;
use rand_core::TryRng;
use std::ops::Range;

/// A stream of draws that depends on a seed and a purpose only.
pub struct Dice(HashStream);

impl Dice {
    /// The stream of `seed` for `purpose`.
    pub fn new(seed: u64, purpose: &str) -> Self {
        let parts: [&[u8]; 3] = [b"wutong/dice", &seed.to_be_bytes(), purpose.as_bytes()];
        Self(HashStream::new(Hash::of_parts(&parts).0))
    }

    /// Any number.
    pub fn number(&mut self) -> u64 {
        let Ok(number) = self.0.try_next_u64();
        number
    }

    /// A number of the range, which must not be empty.
    pub fn within(&mut self, range: Range<u64>) -> u64 {
        assert!(
            range.start < range.end,
            "a draw needs a range that is not empty"
        );
        range.start + self.number() % (range.end - range.start)
    }

    /// An index below `len`.
    pub fn index(&mut self, len: usize) -> usize {
        self.within(0..len as u64) as usize
    }

    /// Whether an event of this probability, in parts of a million, happens.
    pub fn happens(&mut self, ppm: u32) -> bool {
        self.within(0..1_000_000) < u64::from(ppm)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_repeat_and_are_apart() {
        let draw = |seed, purpose| Dice::new(seed, purpose).number();
        assert_eq!(draw(1, "net"), draw(1, "net"));
        assert_ne!(draw(1, "net"), draw(1, "disk"));
        assert_ne!(draw(1, "net"), draw(2, "net"));
        assert!(!Dice::new(1, "net").happens(0) && Dice::new(1, "net").happens(1_000_000));
    }
}
