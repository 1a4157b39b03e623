//! Tracks what a script may contain besides plain statements: semicolons that do not end a
//! statement, and input that only psql understands.

/// The longest keyword that matters, `procedure`.
const LONGEST_KEYWORD: usize = 9;

/// Tracks the words and parentheses of one statement, as psql does (`psqlscan.l` in
/// `src/fe_utils`): a semicolon does not end it in parentheses (`CREATE RULE … DO (…; …)`) and
/// between BEGIN and END of a routine's body (`BEGIN ATOMIC … END`).
#[derive(Clone, Debug, Default)]
pub(super) struct Nesting {
    word: Word,
    head: Head,
    parentheses: u32,
    /// Open BEGIN and CASE.
    blocks: u32,
    /// A backslash was found where psql reads its own commands.
    pub(super) has_command: bool,
    /// The statement is COPY … FROM STDIN, so its rows would follow.
    pub(super) wants_rows: bool,
}

/// The current word, in lower case.
#[derive(Clone, Debug, Default)]
struct Word {
    bytes: [u8; LONGEST_KEYWORD],
    length: usize,
}

/// The kind of statement, from its words so far.
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
    /// Reads bytes of a word, which may continue.
    pub(super) fn read(&mut self, bytes: &[u8]) {
        for byte in bytes.iter().take(LONGEST_KEYWORD + 1) {
            if let Some(place) = self.word.bytes.get_mut(self.word.length) {
                *place = byte.to_ascii_lowercase();
            }
            self.word.length += 1;
        }
    }

    /// Discards a word that turned out to be the prefix of a quote.
    pub(super) fn forget_word(&mut self) {
        self.word.length = 0;
    }

    /// Ends the word.
    pub(super) fn end_word(&mut self) {
        let word = std::mem::take(&mut self.word);
        // Longer words do not matter.
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
            // CASE also has an END.
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

    /// Starts a new statement. Findings are kept.
    pub(super) fn restart(&mut self) {
        let Self { has_command, wants_rows, .. } = *self;
        *self = Self { has_command, wants_rows, ..Self::default() };
    }
}
