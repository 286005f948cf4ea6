//! Every tree of up to 130 leaves against the recursive definition of RFC 6962 section 2.1.
#![allow(clippy::unwrap_used)]

use messages::hash::Hash;
use messages::ids::TreeSize;
use messages::merkle::*;

fn naive_split(n: usize) -> usize {
    let mut k = 1;
    while k * 2 < n {
        k *= 2;
    }
    k
}

fn naive_root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => Hash::of(b""),
        [one] => *one,
        _ => {
            let k = naive_split(leaves.len());
            Hash::node(&naive_root(&leaves[..k]), &naive_root(&leaves[k..]))
        }
    }
}

fn naive_path(leaves: &[Hash], m: usize) -> Vec<Hash> {
    if leaves.len() <= 1 {
        return vec![];
    }
    let k = naive_split(leaves.len());
    if m < k {
        let mut path = naive_path(&leaves[..k], m);
        path.push(naive_root(&leaves[k..]));
        path
    } else {
        let mut path = naive_path(&leaves[k..], m - k);
        path.push(naive_root(&leaves[..k]));
        path
    }
}

fn naive_consistency(leaves: &[Hash], m: usize, known: bool) -> Vec<Hash> {
    if m == leaves.len() {
        return if known {
            vec![]
        } else {
            vec![naive_root(leaves)]
        };
    }
    let k = naive_split(leaves.len());
    if m <= k {
        let mut path = naive_consistency(&leaves[..k], m, known);
        path.push(naive_root(&leaves[k..]));
        path
    } else {
        let mut path = naive_consistency(&leaves[k..], m - k, false);
        path.push(naive_root(&leaves[..k]));
        path
    }
}

fn leaves(n: usize) -> Vec<Hash> {
    (0..n as u32)
        .map(|i| Hash::leaf(&i.to_be_bytes()))
        .collect()
}

#[test]
fn roots_and_frontiers_equal_the_definition() {
    let all = leaves(130);
    let mut frontier = Frontier::empty();
    for n in 0..=130 {
        let want = naive_root(&all[..n]);
        assert_eq!(root_of_leaves(&all[..n]), want, "n = {n}");
        assert_eq!(frontier.root(), want, "n = {n}");
        assert_eq!(frontier.size(), TreeSize(n as u64));
        let again = Frontier::from_peaks(frontier.size(), frontier.peaks().to_vec()).unwrap();
        assert_eq!(again, frontier);
        if n < 130 {
            frontier.push(all[n]);
        }
    }
    assert!(Frontier::from_peaks(TreeSize(3), vec![Hash::ZERO]).is_err());
}

#[test]
fn inclusion_paths_equal_the_definition_and_verify() {
    let all = leaves(130);
    for n in 1..=130usize {
        let root = naive_root(&all[..n]);
        for m in 0..n {
            let path = inclusion_path(&all[..n], m);
            assert_eq!(path, naive_path(&all[..n], m), "n = {n}, m = {m}");
            let (index, size) = (m as u64, n as u64);
            assert_eq!(root_from_inclusion(&all[m], index, size, &path), Ok(root));
            verify_inclusion(&all[m], index, size, &path, &root).unwrap();
            let mut longer = path.clone();
            longer.push(Hash::ZERO);
            assert!(root_from_inclusion(&all[m], index, size, &longer).is_err());
            if let Some((_, shorter)) = path.split_last() {
                assert!(root_from_inclusion(&all[m], index, size, shorter).is_err());
            }
            // The same path never proves another position or another leaf.
            let other = (index + 1) % size;
            if other != index {
                assert_ne!(root_from_inclusion(&all[m], other, size, &path), Ok(root));
            }
            assert_ne!(
                root_from_inclusion(&Hash::ZERO, index, size, &path),
                Ok(root)
            );
        }
        assert!(root_from_inclusion(&all[0], n as u64, n as u64, &[]).is_err());
    }
}

#[test]
fn consistency_paths_equal_the_definition_and_verify() {
    let all = leaves(130);
    for new in 1..=130usize {
        let new_root = naive_root(&all[..new]);
        for old in 1..=new {
            let old_root = naive_root(&all[..old]);
            let path = consistency_path(&all[..new], old);
            assert_eq!(
                path,
                naive_consistency(&all[..new], old, true),
                "{old} of {new}"
            );
            let (m, n) = (old as u64, new as u64);
            verify_consistency(m, n, &old_root, &new_root, &path)
                .unwrap_or_else(|e| panic!("{old} of {new}: {e}"));
            assert!(verify_consistency(m, n, &Hash::ZERO, &new_root, &path).is_err());
            assert!(verify_consistency(m, n, &old_root, &Hash::ZERO, &path).is_err());
            for i in 0..path.len() {
                let mut altered = path.clone();
                altered[i].0[7] ^= 1;
                assert!(verify_consistency(m, n, &old_root, &new_root, &altered).is_err());
            }
            let mut longer = path.clone();
            longer.push(Hash::ZERO);
            assert!(verify_consistency(m, n, &old_root, &new_root, &longer).is_err());
        }
        assert!(verify_consistency(new as u64 + 1, new as u64, &new_root, &new_root, &[]).is_err());
        verify_consistency(0, new as u64, &Hash::empty_root(), &new_root, &[]).unwrap();
    }
}

#[test]
fn the_largest_positions_do_not_overflow() {
    for (index, size) in [(u64::MAX - 1, u64::MAX), (0, u64::MAX), (1 << 63, u64::MAX)] {
        let ranges = inclusion_ranges(index, size).unwrap();
        let path = vec![Hash::ZERO; ranges.len()];
        root_from_inclusion(&Hash::ZERO, index, size, &path).unwrap();
        assert!(root_from_inclusion(&Hash::ZERO, index, size, &path[1..]).is_err());
        assert!(consistency_ranges(index.max(1), size).unwrap().len() <= 65);
    }
}
