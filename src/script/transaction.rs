//! Where transactions begin and end in a script.

use std::num::NonZeroU32;

use crate::restore::Transactions;

/// Counts the statements in the current transaction (`txnCount`).
pub(super) struct Counter {
    size: Option<NonZeroU32>,
    count: u32,
}

impl Counter {
    pub(super) fn new(transactions: Transactions) -> Self {
        let size = match transactions {
            Transactions::Batches(size) => Some(size),
            Transactions::None | Transactions::Single => None,
        };
        Self { size, count: 0 }
    }

    pub(super) fn in_batches(&self) -> bool {
        self.size.is_some()
    }

    /// A transaction begins. Returns whether to write BEGIN.
    pub(super) fn begin(&mut self) -> bool {
        self.count = 0;
        self.in_batches()
    }

    /// Counts without closing a transaction.
    pub(super) fn add(&mut self, actions: u32) {
        self.count = self.count.saturating_add(actions);
    }

    /// Counts, and returns whether the transaction is full. If so, the next one has begun.
    pub(super) fn count(&mut self, actions: u32) -> bool {
        self.add(actions);
        let full = self.size.is_some_and(|size| self.count >= size.get());
        if full {
            self.count = 0;
        }
        full
    }
}
