//! What a script may hold beside plain statements: semicolons that end nothing, and what only
//! psql understands.

/// The longest keyword that matters, `procedure`.
const LONGEST: usize = 9;

/// Follows the words and parentheses of one statement, as psql does (`psqlscan.l` in
/// `src/fe_utils`): a semicolon ends nothing in parentheses (`CREATE RULE … DO (…; …)`) and
/// between BEGIN and END of a routine's body (`BEGIN ATOMIC … END`).
#[derive(Clone, Debug, Default)]
pub(super) struct Nesting {
    word: Word,
    head: Head,
    parentheses: u32,
    /// BEGIN and CASE without their END.
    blocks: u32,
    /// A backslash stood where psql reads a command of its own.
    pub(super) has_command: bool,
    /// The statement is COPY … FROM STDIN: its rows would follow.
    pub(super) wants_rows: bool,
}

/// The word that is being read, in lower case.
#[derive(Clone, Debug, Default)]
struct Word {
    bytes: [u8; LONGEST],
    length: usize,
}

/// What the statement is, by its words so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Head {
    #[default]
    Start,
    Create,
    CreateOr,
    CreateOrReplace,
    Routine,
    Copy,
    CopyFrom,
    Other,
}

impl Nesting {
    /// Bytes of a word; it may go on.
    pub(super) fn read(&mut self, bytes: &[u8]) {
        for byte in bytes.iter().take(LONGEST + 1) {
            if let Some(place) = self.word.bytes.get_mut(self.word.length) {
                *place = byte.to_ascii_lowercase();
            }
            self.word.length += 1;
        }
    }

    /// What was read is no word: the letter before a quote.
    pub(super) fn forget_word(&mut self) {
        self.word.length = 0;
    }

    /// The word is over.
    pub(super) fn end_word(&mut self) {
        let word = std::mem::take(&mut self.word);
        // A longer word is none that matters.
        let word = word.bytes.get(..word.length).unwrap_or_default();
        self.head = match (self.head, word) {
            (Head::Start, b"create") => Head::Create,
            (Head::Create, b"or") => Head::CreateOr,
            (Head::CreateOr, b"replace") => Head::CreateOrReplace,
            (Head::Create | Head::CreateOrReplace, b"function" | b"procedure") => Head::Routine,
            (Head::Start, b"copy") => Head::Copy,
            (Head::Copy | Head::CopyFrom, b"from") if self.parentheses == 0 => Head::CopyFrom,
            (Head::Copy | Head::CopyFrom, word) => {
                self.wants_rows |= self.head == Head::CopyFrom && word == b"stdin";
                Head::Copy
            }
            (Head::Routine, word) => {
                self.block(word);
                Head::Routine
            }
            _ => Head::Other,
        };
    }

    fn block(&mut self, word: &[u8]) {
        if self.parentheses > 0 {
            return;
        }
        match word {
            b"begin" => self.blocks += 1,
            // It has an END too.
            b"case" if self.blocks > 0 => self.blocks += 1,
            b"end" => self.blocks = self.blocks.saturating_sub(1),
            _ => {}
        }
    }

    pub(super) fn open(&mut self) {
        self.parentheses = self.parentheses.saturating_add(1);
    }

    pub(super) fn close(&mut self) {
        self.parentheses = self.parentheses.saturating_sub(1);
    }

    /// Whether a semicolon here ends the statement.
    pub(super) fn may_end(&self) -> bool {
        self.parentheses == 0 && self.blocks == 0
    }

    /// A new statement begins. What was found stays found.
    pub(super) fn restart(&mut self) {
        let Self { has_command, wants_rows, .. } = *self;
        *self = Self { has_command, wants_rows, ..Self::default() };
    }
}
