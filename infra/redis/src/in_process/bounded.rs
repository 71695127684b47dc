//! A map that stays within a weight: what was used longest ago goes first.

use lru::LruCache;
use std::{borrow::Borrow, hash::Hash};

/// Keys and values with a weight each, never more than `budget` together.
pub(crate) struct Bounded<K: Hash + Eq, V> {
    entries: LruCache<K, (usize, V)>,
    weight: usize,
    budget: usize,
}

impl<K: Hash + Eq, V> Bounded<K, V> {
    /// Empty, for at most `budget`.
    pub(crate) fn new(budget: usize) -> Self {
        Self {
            entries: LruCache::unbounded(),
            weight: 0,
            budget,
        }
    }

    /// The value, which then counts as just used.
    pub(crate) fn get<Q: Hash + Eq + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        self.entries.get_mut(key).map(|(_, value)| value)
    }

    /// Puts `value` under `key` and hands what had to go for it to `evicted`. What is heavier than the budget goes itself.
    pub(crate) fn put(&mut self, key: K, weight: usize, value: V, mut evicted: impl FnMut(V)) {
        if let Some((old, _)) = self.entries.put(key, (weight, value)) {
            self.weight -= old;
        }
        self.weight += weight;
        while self.weight > self.budget {
            let Some((_, (weight, value))) = self.entries.pop_lru() else {
                break;
            };
            self.weight -= weight;
            evicted(value);
        }
    }

    /// Takes the value out.
    pub(crate) fn remove<Q: Hash + Eq + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        let (weight, value) = self.entries.pop(key)?;
        self.weight -= weight;
        Some(value)
    }

    /// What all entries weigh.
    #[cfg(test)]
    pub(crate) fn weight(&self) -> usize {
        self.weight
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_used_longest_ago_goes_first() {
        let (mut map, mut gone) = (Bounded::new(3), Vec::new());
        for key in ["a", "b", "c"] {
            map.put(key, 1, key, |v| gone.push(v));
        }
        assert_eq!(map.get("a"), Some(&mut "a"));
        map.put("d", 1, "d", |v| gone.push(v));
        assert_eq!((gone.as_slice(), map.weight()), (&["b"][..], 3));
    }

    #[test]
    fn weights_are_given_back_when_values_are_replaced_removed_or_too_heavy() {
        let mut map = Bounded::new(10);
        map.put("a", 4, 1, |_| ());
        map.put("a", 6, 2, |_| ());
        assert_eq!(map.weight(), 6);
        map.put("b", 11, 3, |_| ());
        assert_eq!((map.weight(), map.get("b")), (0, None));
        map.put("c", 5, 4, |_| ());
        assert_eq!((map.remove("c"), map.remove("c"), map.weight()), (Some(4), None, 0));
    }
}
