//! The one quorum formula: floor(2n/3) + 1 of n equal validators.

/// Signatures that decide among `n` equal validators: floor(2n/3) + 1.
pub fn quorum(n: usize) -> usize {
    2 * n / 3 + 1 - usize::from(crate::mutant!(QuorumLessOne))
}

/// Validators that may be faulty while the network stays safe and live: `n - quorum(n)`.
pub fn faults_tolerated(n: usize) -> usize {
    n.saturating_sub(quorum(n))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quorum_of_one_to_seven_validators() {
        let expected = [1, 2, 3, 3, 4, 5, 5];
        for (i, want) in expected.into_iter().enumerate() {
            assert_eq!(quorum(i + 1), want, "n = {}", i + 1);
        }
    }

    #[test]
    fn two_quorums_share_an_honest_validator() {
        for n in 1..=100 {
            let overlap = 2 * quorum(n) - n;
            assert!(overlap > faults_tolerated(n), "n = {n}");
        }
    }
}
