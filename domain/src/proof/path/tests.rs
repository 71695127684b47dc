use super::*;
use crate::proof::{
    leaf_hash,
    tile::{Tiles, tiles_of},
    tree::Tree,
};
use proptest::prelude::*;

/// The leaves of the vectors that implementations of RFC 6962 share, and the roots of the trees over the first 0, 1, … 8.
const LEAVES: [&str; 8] = [
    "",
    "00",
    "10",
    "2021",
    "3031",
    "40414243",
    "5051525354555657",
    "606162636465666768696a6b6c6d6e6f",
];
const ROOTS: [&str; 9] = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

fn hex(text: &str) -> Vec<u8> {
    let digits = (0..text.len()).step_by(2);
    digits
        .map(|i| u8::from_str_radix(&text[i..i + 2], 16).unwrap())
        .collect()
}

fn hash(text: &str) -> Hash {
    hex(text).try_into().unwrap()
}

/// A tree of that many leaves, its tiles and its leaves.
fn tree(size: u64) -> (Tree, Tiles, Vec<Hash>) {
    let (mut tree, mut tiles) = (Tree::default(), Tiles::default());
    let leaves: Vec<_> = (0..size).map(|i| leaf_hash(&i.to_be_bytes())).collect();
    for leaf in &leaves {
        tree.push(*leaf);
        if tree.size() % 100 == 0 {
            tiles.0.extend(tree.take_changed()); // as a follower does, now and then
        }
    }
    tiles.0.extend(tree.take_changed());
    (tree, tiles, leaves)
}

fn hashes(tiles: &Tiles, ranges: Vec<Range<u64>>) -> Vec<Hash> {
    ranges.iter().map(|range| tiles.hash(range).unwrap()).collect()
}

/// The definition of RFC 6962, word for word.
fn defined(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => empty_root(),
        [one] => *one,
        _ => {
            let k = (1..)
                .map(|i| 1 << i)
                .find(|k| k * 2 >= leaves.len())
                .filter(|_| leaves.len() > 2);
            let (left, right) = leaves.split_at(k.unwrap_or(1));
            node_hash(&defined(left), &defined(right))
        }
    }
}

#[test]
fn the_roots_are_those_of_the_vectors() {
    let mut tree = Tree::default();
    assert_eq!(tree.root(), hash(ROOTS[0]));
    for (leaf, root) in LEAVES.iter().zip(&ROOTS[1..]) {
        tree.push(leaf_hash(&hex(leaf)));
        assert_eq!(tree.root(), hash(root));
    }
}

#[test]
fn the_proofs_are_those_of_the_vectors() {
    let mut tree = Tree::default();
    LEAVES.iter().for_each(|leaf| tree.push(leaf_hash(&hex(leaf))));
    let tiles = Tiles(tree.take_changed().into_iter().collect());
    let of_first = [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ];
    assert_eq!(hashes(&tiles, inclusion(0, 8)), of_first.map(hash));
    let of_sixth = [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ];
    assert_eq!(hashes(&tiles, inclusion(5, 8)), of_sixth.map(hash));
    let from_six = [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ];
    assert_eq!(hashes(&tiles, consistency(6, 8)), from_six.map(hash));
}

#[test]
fn every_leaf_of_every_small_tree_is_proved_and_every_two_sizes_are_consistent() {
    let (_, tiles, leaves) = tree(70);
    for size in 1..=70 {
        let root = defined(&leaves[..size as usize]);
        assert_eq!(tiles.hash(&(0..size)), Some(root));
        for index in 0..size {
            let proof = hashes(&tiles, inclusion(index, size));
            let leaf = &leaves[index as usize];
            assert!(includes(leaf, index, size, &proof, &root), "{index} of {size}");
            assert!(!includes(&[9; 32], index, size, &proof, &root));
            for other in 0..=size {
                assert!(other == index || !includes(leaf, other, size, &proof, &root));
            }
        }
        for old in 0..=size {
            let old_root = defined(&leaves[..old as usize]);
            let proof = hashes(&tiles, consistency(old, size));
            assert!(extends((old, &old_root), (size, &root), &proof), "{old} of {size}");
            assert!(!extends((old, &[9; 32]), (size, &root), &proof));
            assert!(!extends((old, &old_root), (size, &[9; 32]), &proof) || old == 0);
        }
    }
}

#[test]
fn the_edge_and_the_tiles_are_the_same_tree_over_three_levels() {
    let size = 256 * 256 + 300;
    let (tree, tiles, leaves) = tree(size);
    let root = tree.root();
    assert_eq!(tiles.hash(&(0..size)), Some(root));
    assert_eq!(root, defined(&leaves));
    for index in [0, 255, 256, 65_535, 65_536, size - 1] {
        let ranges = inclusion(index, size);
        assert!(ranges.iter().flat_map(tiles_of).all(|tile| tiles.0.contains_key(&tile)));
        assert!(includes(
            &leaves[index as usize],
            index,
            size,
            &hashes(&tiles, ranges),
            &root
        ));
    }
    let edge = Tree::edge_of(size).into_iter().map(|(tile, n)| match n {
        0 => Vec::new(),
        _ => tiles.0[&tile].clone(),
    });
    let mut resumed = Tree::resume(size, edge.collect()).unwrap();
    let mut whole = tree;
    for _ in 0..400 {
        resumed.push([5; 32]);
        whole.push([5; 32]);
    }
    assert_eq!(resumed.root(), whole.root());
    assert_eq!(resumed.take_changed(), whole.take_changed());
    assert!(Tree::resume(3, vec![vec![[0; 32]; 2]]).is_none());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn a_proof_that_was_changed_fails(size in 2..700_u64, at in any::<prop::sample::Index>(), which in any::<prop::sample::Index>(),
                                      byte in 0..32_usize, bit in 0..8_u8) {
        let (tree, tiles, leaves) = tree(size);
        let (root, index) = (tree.root(), at.index(size as usize) as u64);
        let proof = hashes(&tiles, inclusion(index, size));
        let leaf = leaves[index as usize];
        prop_assert!(includes(&leaf, index, size, &proof, &root));
        let place = which.index(proof.len());
        let mut flipped = proof.clone();
        flipped[place][byte] ^= 1 << bit;
        prop_assert!(!includes(&leaf, index, size, &flipped, &root));
        let mut shorter = proof.clone();
        shorter.remove(place);
        prop_assert!(!includes(&leaf, index, size, &shorter, &root));
        let mut longer = proof.clone();
        longer.insert(place, leaf);
        prop_assert!(!includes(&leaf, index, size, &longer, &root));
        let mut other = leaf;
        other[byte] ^= 1 << bit;
        prop_assert!(!includes(&other, index, size, &proof, &root));
    }

    #[test]
    fn a_tree_that_was_changed_is_not_consistent(size in 2..700_u64, at in any::<prop::sample::Index>(),
                                                 changed in any::<prop::sample::Index>()) {
        let (tree, tiles, mut leaves) = tree(size);
        let old = at.index(size as usize - 1) as u64 + 1;
        let old_root = tiles.hash(&(0..old)).unwrap();
        let proof = hashes(&tiles, consistency(old, size));
        prop_assert!(extends((old, &old_root), (size, &tree.root()), &proof));
        // another history up to the old size: neither its root nor its proof fits
        leaves[changed.index(old as usize)] = [7; 32];
        let mut other = Tree::default();
        leaves.iter().for_each(|leaf| other.push(*leaf));
        let others = Tiles(other.take_changed().into_iter().collect());
        let other_proof = hashes(&others, consistency(old, size));
        prop_assert!(!extends((old, &old_root), (size, &other.root()), &proof));
        prop_assert!(!extends((old, &old_root), (size, &other.root()), &other_proof));
    }
}
