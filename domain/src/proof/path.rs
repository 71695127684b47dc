//! Proofs: which parts of a tree they are made of, and whether they hold.

use super::{Hash, empty_root, node_hash, split};
use std::ops::Range;

/// The leaves under each hash of the proof that leaf `index` lies in a tree of `size` leaves, in the order of the proof.
///
/// # Panics
/// If `index` is not below `size`.
pub fn inclusion(index: u64, size: u64) -> Vec<Range<u64>> {
    assert!(index < size, "a leaf of the tree");
    let (mut path, mut tree) = (Vec::new(), 0..size);
    while tree.end - tree.start > 1 {
        let middle = tree.start + split(tree.end - tree.start);
        if index < middle {
            path.push(middle..tree.end);
            tree.end = middle;
        } else {
            path.push(tree.start..middle);
            tree.start = middle;
        }
    }
    path.reverse();
    path
}

/// The leaves under each hash of the proof that a tree of `size` leaves begins with the one of `old` leaves, in the order of
/// the proof. Empty for an empty old tree and for the same size.
///
/// # Panics
/// If `old` is larger than `size`.
pub fn consistency(old: u64, size: u64) -> Vec<Range<u64>> {
    assert!(old <= size, "the older tree is not larger");
    let (mut path, mut tree) = (Vec::new(), 0..size);
    if old == 0 {
        return path;
    }
    while old < tree.end {
        let middle = tree.start + split(tree.end - tree.start);
        if old <= middle {
            path.push(middle..tree.end);
            tree.end = middle;
        } else {
            path.push(tree.start..middle);
            tree.start = middle;
        }
    }
    // the old tree itself is known to who checks
    if tree.start > 0 {
        path.push(tree);
    }
    path.reverse();
    path
}

/// Whether `proof` shows that the leaf with hash `leaf` lies at `index` of the tree of `size` leaves with this root.
pub fn includes(leaf: &Hash, index: u64, size: u64, proof: &[Hash], root: &Hash) -> bool {
    if index >= size {
        return false;
    }
    let (mut node, mut last, mut hash) = (index, size - 1, *leaf);
    for sibling in proof {
        if last == 0 {
            return false;
        }
        if node & 1 == 1 || node == last {
            hash = node_hash(sibling, &hash);
            (node, last) = up_to_right(node, last);
        } else {
            hash = node_hash(&hash, sibling);
        }
        (node, last) = (node >> 1, last >> 1);
    }
    last == 0 && hash == *root
}

/// Whether `proof` shows that the tree of `size` leaves with `root` begins with the one of `old` leaves with `old_root`.
pub fn extends((old, old_root): (u64, &Hash), (size, root): (u64, &Hash), proof: &[Hash]) -> bool {
    if old > size {
        return false;
    }
    if old == size {
        return proof.is_empty() && old_root == root;
    }
    if old == 0 {
        return proof.is_empty() && *old_root == empty_root();
    }
    let mut hashes = proof.iter();
    let first = if old.is_power_of_two() {
        Some(old_root)
    } else {
        hashes.next()
    };
    let Some(first) = first.filter(|_| !proof.is_empty()) else {
        return false;
    };
    let shift = (old - 1).trailing_ones();
    let (mut node, mut last) = ((old - 1) >> shift, (size - 1) >> shift);
    let (mut old_hash, mut hash) = (*first, *first);
    for sibling in hashes {
        if last == 0 {
            return false;
        }
        if node & 1 == 1 || node == last {
            old_hash = node_hash(sibling, &old_hash);
            hash = node_hash(sibling, &hash);
            (node, last) = up_to_right(node, last);
        } else {
            hash = node_hash(&hash, sibling);
        }
        (node, last) = (node >> 1, last >> 1);
    }
    last == 0 && old_hash == *old_root && hash == *root
}

/// Levels without a sibling are passed over, until the node is a right one.
fn up_to_right(mut node: u64, mut last: u64) -> (u64, u64) {
    while node & 1 == 0 && node != 0 {
        (node, last) = (node >> 1, last >> 1);
    }
    (node, last)
}

#[cfg(test)]
mod tests;
