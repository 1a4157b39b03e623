//! [`Batches`]: complete statements from a reader, many at a time.

use std::io::{self, Read};
use std::ops::Range;

use super::ending::{Ending, SplitError};
use super::lexer::Splitter;

/// The maximum size of a batch, unless a single statement is larger: large enough that a round trip
/// costs little, small enough that a failed batch is cheap to send again one by one.
pub const BATCH_BYTES: usize = 256 << 10;

/// The longest statement kept in memory. PostgreSQL accepts messages of just under 1 GB
/// (`PQ_LARGE_MESSAGE_LIMIT` in `src/include/libpq/libpq.h`), so nothing valid is lost.
pub const STATEMENT_BYTES: usize = 1 << 30;

const READ_BYTES: usize = 64 << 10;

/// How the data must end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ends {
    /// As pg_dump ends INSERT data ([`Ending::has_final_blank_lines`]): detects a file truncated
    /// after a statement.
    WithBlankLines,
    /// After any complete statement.
    Anyhow,
}

/// Complete statements to send together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    sql: Vec<u8>,
    /// The end of each statement in `sql`.
    ends: Vec<usize>,
}

impl Batch {
    /// The text of all statements.
    #[must_use]
    pub fn sql(&self) -> &[u8] {
        &self.sql
    }

    /// The number of statements, at least 1.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Always false: a batch has at least one statement.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Each statement with its semicolon and without white space around it.
    ///
    /// The server runs a batch in one implicit transaction, so one bad row fails all of it; sending
    /// the statements one by one saves the others.
    pub fn statements(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts
            .zip(&self.ends)
            .map(|(start, &end)| self.sql[Range { start, end }].trim_ascii_start())
    }
}

/// Reads statements in batches of up to [`BATCH_BYTES`].
///
/// Errors of the reader are returned unchanged; errors in the text are [`io::Error`]s that contain
/// a [`SplitError`]. After an error the iteration ends.
#[derive(Debug)]
pub struct Batches<R> {
    reader: R,
    splitter: Splitter,
    ends_expected: Ends,
    batch_bytes: usize,
    statement_bytes: usize,
    /// The statements found and the text after them, from the start of the next batch.
    buffer: Vec<u8>,
    /// Ends of complete statements in `buffer`.
    ends: Vec<usize>,
    /// How much of `buffer` the splitter has read.
    scanned: usize,
    at_end: bool,
    ending: Option<Ending>,
}

impl<R: Read> Batches<R> {
    /// Batches of the statements in `reader`. See [`Splitter::new`] for
    /// `standard_conforming_strings`.
    pub fn new(reader: R, standard_conforming_strings: bool, ends: Ends) -> Self {
        Self {
            reader,
            splitter: Splitter::new(standard_conforming_strings),
            ends_expected: ends,
            batch_bytes: BATCH_BYTES,
            statement_bytes: STATEMENT_BYTES,
            buffer: Vec::new(),
            ends: Vec::new(),
            scanned: 0,
            at_end: false,
            ending: None,
        }
    }

    /// How the text ended; known once the last batch has been returned.
    pub fn ending(&self) -> Option<Ending> {
        self.ending
    }

    fn next_batch(&mut self) -> io::Result<Option<Batch>> {
        loop {
            while let Some(length) = self.splitter.statement_end(&self.buffer[self.scanned..]) {
                self.scanned += length;
                self.ends.push(self.scanned);
                if self.scanned >= self.batch_bytes {
                    return Ok(self.take());
                }
            }
            self.scanned = self.buffer.len();
            if self.at_end {
                if self.ends.is_empty() {
                    return Ok(None);
                }
                return Ok(self.take());
            }
            // Limit the text of an unfinished statement.
            let unfinished = self.scanned - self.ends.last().copied().unwrap_or(0);
            if unfinished > self.statement_bytes {
                return Err(invalid(SplitError::TooLong {
                    number: self.splitter.statements() + 1,
                    limit: self.statement_bytes,
                }));
            }
            if self.scanned >= self.batch_bytes && !self.ends.is_empty() {
                return Ok(self.take());
            }
            self.read_on()?;
        }
    }

    /// Takes a batch from the buffer: all complete statements, except the last if it alone makes
    /// the batch too large.
    fn take(&mut self) -> Option<Batch> {
        let mut ends = std::mem::take(&mut self.ends);
        if ends.len() > 1 && ends.last().is_some_and(|&end| end > self.batch_bytes) {
            self.ends.extend(ends.pop());
        }
        let cut = *ends.last()?;
        let rest = self.buffer.split_off(cut);
        let sql = std::mem::replace(&mut self.buffer, rest);
        self.scanned -= cut;
        for end in &mut self.ends {
            *end -= cut;
        }
        Some(Batch { sql, ends })
    }

    fn read_on(&mut self) -> io::Result<()> {
        let start = self.buffer.len();
        self.buffer.resize(start + READ_BYTES, 0);
        let read = loop {
            match self.reader.read(&mut self.buffer[start..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other,
            }
        };
        self.buffer.truncate(start + *read.as_ref().unwrap_or(&0));
        if read? == 0 {
            self.at_end = true;
            let ending = self.splitter.finish().map_err(cut_off)?;
            if self.ends_expected == Ends::WithBlankLines && !ending.has_final_blank_lines() {
                return Err(cut_off(SplitError::NoFinalBlankLines {
                    statements: ending.statements,
                }));
            }
            self.ending = Some(ending);
        }
        Ok(())
    }
}

impl<R: Read> Iterator for Batches<R> {
    type Item = io::Result<Batch>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = self.next_batch();
        if next.is_err() {
            self.at_end = true;
            self.buffer.clear();
            self.ends.clear();
            self.scanned = 0;
        }
        next.transpose()
    }
}

fn cut_off(error: SplitError) -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, error)
}

fn invalid(error: SplitError) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batches_of(text: &[u8], batch_bytes: usize, ends: Ends) -> Batches<&[u8]> {
        Batches { batch_bytes, ..Batches::new(text, true, ends) }
    }

    #[test]
    fn batches_contain_complete_statements_up_to_the_limit() {
        let text = b"INSERT 1;\nINSERT 2;\nINSERT 'thirty bytes are too many';\nINSERT 4;\n\n\n";
        let mut batches = batches_of(text, 20, Ends::WithBlankLines);
        let all: Vec<Vec<String>> = batches
            .by_ref()
            .map(|batch| {
                let batch = batch.unwrap();
                batch.statements().map(|s| String::from_utf8_lossy(s).into_owned()).collect()
            })
            .collect();
        assert_eq!(
            all,
            [
                vec!["INSERT 1;", "INSERT 2;"],
                vec!["INSERT 'thirty bytes are too many';"],
                vec!["INSERT 4;"],
            ]
        );
        assert_eq!(batches.ending(), Some(Ending { statements: 4, line_feeds: 3 }));
    }

    #[test]
    fn no_byte_between_statements_is_lost() {
        let text: String = (0..20_000).map(|n| format!("INSERT {n}; -- {n}\n")).collect();
        let mut together = Vec::new();
        let mut count = 0;
        for batch in Batches::new(text.as_bytes(), true, Ends::Anyhow) {
            let batch = batch.unwrap();
            assert!(batch.sql().len() <= BATCH_BYTES);
            count += batch.len();
            together.extend_from_slice(batch.sql());
        }
        assert_eq!(count, 20_000);
        assert_eq!(String::from_utf8(together).unwrap() + " -- 19999\n", text);
    }

    #[test]
    fn empty_table_has_no_batch() {
        assert!(batches_of(b"\n\n", 20, Ends::WithBlankLines).next().is_none());
    }

    #[test]
    fn data_cut_after_a_statement_fails_after_last_batch() {
        let mut batches = batches_of(b"INSERT 1;\nINSERT 2;\n", 5, Ends::WithBlankLines);
        assert_eq!(batches.next().unwrap().unwrap().len(), 1);
        assert_eq!(batches.next().unwrap().unwrap().len(), 1);
        let error = batches.next().unwrap().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
        assert!(batches.next().is_none());
    }

    #[test]
    fn data_cut_inside_a_statement_is_an_error() {
        let error = batches_of(b"INSERT 1;\nINSERT 2", 90, Ends::Anyhow).next().unwrap();
        assert_eq!(error.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }

    #[test]
    fn unterminated_statement_has_bounded_memory() {
        let endless = io::Read::chain(&b"INSERT 1; '"[..], io::repeat(b'x'));
        let mut batches =
            Batches { statement_bytes: 1 << 20, ..Batches::new(endless, true, Ends::Anyhow) };
        assert_eq!(batches.next().unwrap().unwrap().len(), 1);
        let error = batches.next().unwrap().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    }
}
