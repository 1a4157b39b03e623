//! Matches the archive's rows with those of the database's table, by their tags, in bounded memory.
//!
//! Both are read once, the archive's in its order, the table's in the order of its blocks. These
//! are nearly the same: rows that the source updated have moved there, and so have rows that an
//! earlier sync inserted here. The table is therefore read some way ahead. Rows without a partner
//! wait for one, on either side: a row of the archive takes a waiting row of the table, or is new;
//! a row of the table takes a row that was thought to be new, which is then *withdrawn*. What is
//! left at the end is *gone*.
//!
//! Each row of the table ends as kept or gone, each of the archive as kept, new, or withdrawn (and
//! so kept). The difference is the smallest one as long as no more than [`Limits::new`] new rows
//! wait. Matching by tag may be wrong, as different rows may have the same tag: the sums of all rows
//! show that, see [`RowSet`](crate::rows::RowSet).
//!
//! The order of rows is not recorded, so it does not matter which of two equal rows is kept, and
//! no longest common subsequence is needed.
//!
//! Memory: at most 29 MB for rows of the table, 7 MB for new rows and 2 MB for withdrawn ones, for
//! tables of any size; 7 MB if the order is the same and little has changed.

use super::by_tag::ByTag;
use crate::rows::RowTag;
use crate::sync::tables::Tid;

/// How many rows may wait.
#[derive(Clone, Copy, Debug)]
struct Limits {
    /// Rows by which the table is read ahead of the archive.
    ahead: u32,
    /// Waiting rows of the table.
    old: usize,
    /// Waiting rows of the archive, and withdrawn ones. Others cannot be withdrawn any more.
    new: usize,
}

/// Each but for less than a hash table of a power of two takes without growing.
const LIMITS: Limits = Limits { ahead: 7 << 15, old: 7 << 17, new: 7 << 15 };

/// How far one row moves the [`Matcher`]'s position in the table: fast enough for a range of deleted
/// rows, and too little for a row that has moved alone.
const STEP: i32 = 64;

/// More rows of the table are gone than fit into memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooManyGone;

/// The answer for a row of the archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The table has it.
    Kept,
    /// The table does not have it, as far as it is known. [`Matched::withdrawn`] may still name it.
    New,
}

/// What is to be done, with the new rows, to make the table equal to the archive.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Matched {
    /// The rows of the table to delete, in its order.
    pub(super) gone: Vec<Tid>,
    /// New rows that the table has after all, by their numbers among the new rows, from 0, in no
    /// order.
    pub(super) withdrawn: Vec<u64>,
}

/// Matches the rows of one table.
#[derive(Debug)]
pub(super) struct Matcher {
    limits: Limits,
    /// Rows of the table that wait for a partner, with their numbers.
    old: ByTag<(Tid, u32)>,
    /// New rows that wait for a partner: their numbers among the new rows.
    new: ByTag<u64>,
    withdrawn: Vec<u64>,
    /// New rows so far.
    new_rows: u64,
    /// Rows of the table read so far. This and the other numbers of its rows wrap around at 2^32;
    /// a row that waits for so long can only be taken for a later one, and read too far ahead.
    read: u32,
    /// About where the archive's next row is in the table, not after `read`.
    position: u32,
    /// Whether the table's rows have ended.
    ended: bool,
}

impl Matcher {
    /// Before the first row.
    pub(super) fn new() -> Self {
        Self::with(LIMITS)
    }

    fn with(limits: Limits) -> Self {
        Self {
            limits,
            old: ByTag::new(),
            new: ByTag::new(),
            withdrawn: Vec::new(),
            new_rows: 0,
            read: 0,
            position: 0,
            ended: false,
        }
    }

    /// Whether more rows of the table should be added before the archive's next row. Their batches
    /// have fewer than 200,000 rows.
    pub(super) fn wants_old(&self) -> bool {
        let room = self.limits.old - self.limits.ahead as usize;
        !self.ended && distance(self.position, self.read) < self.ahead() && self.old.len() < room
    }

    fn ahead(&self) -> i32 {
        self.limits.ahead.cast_signed()
    }

    /// Adds the table's next row. After the archive's last row, all others have to be added.
    ///
    /// # Errors
    /// If too many rows are waiting. The matcher is useless then.
    pub(super) fn old_row(&mut self, tag: RowTag, tid: Tid) -> Result<(), TooManyGone> {
        self.read = self.read.wrapping_add(1);
        if self.withdrawn.len() < self.limits.new
            && let Some(number) = self.new.remove(tag)
        {
            self.withdrawn.push(number);
            return Ok(());
        }
        if self.old.len() == self.limits.old {
            return Err(TooManyGone);
        }
        self.old.insert(tag, (tid, self.read));
        Ok(())
    }

    /// There are no more rows in the table.
    pub(super) fn old_ended(&mut self) {
        self.ended = true;
    }

    /// Finds a partner for the archive's next row.
    pub(super) fn new_row(&mut self, tag: RowTag) -> Verdict {
        let found = self.old.remove(tag);
        // Without a partner, rows may have been deleted here: look further ahead.
        let number = found.map_or(self.read, |(_, number)| number);
        let step = distance(self.position, number).clamp(-STEP, STEP);
        self.position = self.position.wrapping_add_signed(step);
        if found.is_some() {
            return Verdict::Kept;
        }
        if self.new.len() < self.limits.new {
            self.new.insert(tag, self.new_rows);
        }
        self.new_rows += 1;
        Verdict::New
    }

    /// New rows that are not withdrawn, so far.
    pub(super) fn changed(&self) -> u64 {
        self.new_rows - self.withdrawn.len() as u64
    }

    /// The result, after the last row of both.
    pub(super) fn finish(self) -> Matched {
        let mut gone: Vec<_> = self.old.into_values().into_iter().map(|(tid, _)| tid).collect();
        gone.sort_unstable();
        Matched { gone, withdrawn: self.withdrawn }
    }
}

/// How far it is from one number to another, modulo 2^32.
fn distance(from: u32, to: u32) -> i32 {
    to.wrapping_sub(from).cast_signed()
}

#[cfg(test)]
mod tests;
