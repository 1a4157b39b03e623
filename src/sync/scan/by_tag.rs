//! A map from tags to values. A tag can have several values.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use crate::rows::RowTag;

/// Ends a chain of nodes.
const END: u32 = u32::MAX;

/// Values by tag.
///
/// A value costs 13 bytes in the hash table, which is between 7/16 and 7/8 full, and a node: 16
/// bytes for the values of a `Matcher`. The values of one tag form a chain, last
/// in, first out: a table of equal rows is as fast as any other.
#[derive(Debug)]
pub(super) struct ByTag<V> {
    /// The first node of each tag.
    chains: HashMap<RowTag, u32>,
    nodes: Vec<Node<V>>,
    /// The first of the unused nodes.
    unused: u32,
    len: usize,
}

#[derive(Clone, Copy, Debug)]
struct Node<V> {
    value: V,
    next: u32,
}

impl<V: Copy> ByTag<V> {
    /// No values.
    pub(super) fn new() -> Self {
        Self { chains: HashMap::new(), nodes: Vec::new(), unused: END, len: 0 }
    }

    /// The number of values.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Adds a value. The caller keeps them to fewer than 2^32 - 1.
    pub(super) fn insert(&mut self, tag: RowTag, value: V) {
        self.len += 1;
        let at = match self.unused {
            END => u32::try_from(self.nodes.len()).unwrap_or(END),
            unused => unused,
        };
        let next = self.chains.insert(tag, at).unwrap_or(END);
        let node = Node { value, next };
        match self.nodes.get_mut(at as usize) {
            Some(unused) => self.unused = std::mem::replace(unused, node).next,
            None => self.nodes.push(node),
        }
    }

    /// Removes a value of this tag, the one added last.
    pub(super) fn remove(&mut self, tag: RowTag) -> Option<V> {
        let Entry::Occupied(mut chain) = self.chains.entry(tag) else { return None };
        let at = *chain.get();
        let node = &mut self.nodes[at as usize];
        match node.next {
            END => _ = chain.remove(),
            next => *chain.get_mut() = next,
        }
        node.next = std::mem::replace(&mut self.unused, at);
        self.len -= 1;
        Some(node.value)
    }

    /// All values, in no order.
    pub(super) fn into_values(self) -> Vec<V> {
        let mut values = Vec::with_capacity(self.len);
        for mut at in self.chains.into_values() {
            while let Some(node) = self.nodes.get(at as usize) {
                values.push(node.value);
                at = node.next;
            }
        }
        values
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn values_of_a_tag_come_back_last_first(
            steps in proptest::collection::vec((0u8..4, any::<bool>()), 0..200),
        ) {
            let mut map = ByTag::new();
            let mut model: HashMap<u8, Vec<usize>> = HashMap::new();
            for (value, (tag, adds)) in steps.into_iter().enumerate() {
                let of_tag = model.entry(tag).or_default();
                let tag = RowTag([tag, 0, 0, 0, 0, 0]);
                if adds {
                    map.insert(tag, value);
                    of_tag.push(value);
                } else {
                    prop_assert_eq!(map.remove(tag), of_tag.pop());
                }
                prop_assert_eq!(map.len(), model.values().map(Vec::len).sum::<usize>());
            }
            let mut left = map.into_values();
            left.sort_unstable();
            let mut expected = model.into_values().flatten().collect::<Vec<_>>();
            expected.sort_unstable();
            prop_assert_eq!(left, expected);
        }
    }
}
