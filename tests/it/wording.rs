//! No string in `src/` uses a phrase that reads as if it were translated: strings are what users see
//! (errors, log lines, summaries), and so are the doc comments of `src/cli/`, which are the help.
//! Other comments and tests are not searched.

// Its helpers are tests as well, where a broken expectation may panic.
use std::fs;
use std::path::{Path, PathBuf};

/// Lower-case phrases, found as whole words.
const BANNED: &[&str] = &[
    // Resuming.
    "go on with",
    "goes on with",
    "going on with",
    "gone on with",
    "went on with",
    // Reporting.
    "are told",
    "be told",
    "is told",
    "was told",
    "were told",
    "tell more",
    "tell only",
    "without a word",
    // People.
    "nobody",
    "whoever",
    // Sentences built around a relative pronoun.
    "becomes of",
    "of which",
    "what becomes of",
    "with which",
    // Negation.
    "are no superusers",
    "is no address",
    "is no archive",
    "is no backup",
    "is no cost history",
    "is no directory",
    "is no file",
    "is no key",
    "is no member",
    "is no number",
    "is no superuser",
    "is no table",
    // Existence.
    "are not there",
    "are there already",
    "is not there",
    "is there already",
    "partly there",
    "there in part",
    // Waiting and omitting.
    "are waited for",
    "do without",
    "does without",
    "done without",
    "is waited for",
    "left alone",
    // Others.
    "at hand",
    "dropped along",
    "for itself",
    "its room",
    "one session less",
    "pieces of work",
    "side by side",
    "take it that",
    "write down",
    "writes down",
    "written down",
];

/// Names that contain a banned word.
const ALLOWED: &[&str] = &["account postgres or nobody"];

/// Reads the log lines of earlier versions, which keep their words.
const EXEMPT: &str = "src/replicate/logs";

/// The comments that are help.
const HELP: &str = "src/cli";

/// A piece of Rust source, as far as it matters here.
#[derive(Clone, Debug, PartialEq)]
enum Token {
    Word(String),
    Mark(char),
    Text(String),
}

/// Splits Rust source into tokens, without comments, lifetimes and character literals.
struct Scanner {
    chars: Vec<char>,
    at: usize,
    line: usize,
    /// Whether doc comments are texts.
    has_help: bool,
}

impl Scanner {
    fn new(source: &str, has_help: bool) -> Self {
        Self { chars: source.chars().collect(), at: 0, line: 1, has_help }
    }

    fn peek(&self, ahead: usize) -> Option<char> {
        self.chars.get(self.at + ahead).copied()
    }

    fn bump(&mut self) -> Option<char> {
        let next = self.peek(0)?;
        self.at += 1;
        if next == '\n' {
            self.line += 1;
        }
        Some(next)
    }

    /// The tokens, each with the line on which it starts.
    fn tokens(mut self) -> Vec<(usize, Token)> {
        let mut tokens: Vec<(usize, Token)> = Vec::new();
        // The line of the last doc comment, whose text the next line continues.
        let mut last_doc = 0;
        loop {
            let line = self.line;
            let Some(first) = self.bump() else { return tokens };
            let token = match first {
                '/' if self.peek(0) == Some('/') => {
                    let comment = self.line_comment();
                    let Some(doc) = doc_text(&comment).filter(|_| self.has_help) else { continue };
                    let continued = tokens.last_mut().filter(|_| last_doc + 1 == line);
                    last_doc = line;
                    if let Some((_, Token::Text(text))) = continued {
                        text.push_str(doc);
                        continue;
                    }
                    Token::Text(doc.to_owned())
                }
                '/' if self.peek(0) == Some('*') => {
                    self.block_comment();
                    continue;
                }
                '"' => Token::Text(self.quoted()),
                '\'' => {
                    self.character();
                    continue;
                }
                first if first.is_whitespace() => continue,
                first if is_of_word(first) => self.word(first),
                first => Token::Mark(first),
            };
            tokens.push((line, token));
        }
    }

    /// What follows the first slash of a comment.
    fn line_comment(&mut self) -> String {
        let mut comment = String::new();
        while self.peek(0).is_some_and(|next| next != '\n') {
            comment.extend(self.bump());
        }
        comment
    }

    fn block_comment(&mut self) {
        self.at += 1;
        let mut depth = 1;
        while depth > 0 {
            match (self.bump(), self.peek(0)) {
                (None, _) => return,
                (Some('*'), Some('/')) => {
                    self.at += 1;
                    depth -= 1;
                }
                (Some('/'), Some('*')) => {
                    self.at += 1;
                    depth += 1;
                }
                _ => {}
            }
        }
    }

    /// Skips a character literal after its first quote. A lifetime has no second one.
    fn character(&mut self) {
        if self.peek(0) == Some('\\') {
            self.at += 2;
            while self.bump().is_some_and(|next| next != '\'') {}
        } else if self.peek(1) == Some('\'') {
            self.bump();
            self.bump();
        }
    }

    /// A word, or the string whose prefix it is.
    fn word(&mut self, first: char) -> Token {
        let mut word = String::from(first);
        while self.peek(0).is_some_and(is_of_word) {
            word.extend(self.bump());
        }
        match (word.as_str(), self.peek(0)) {
            ("b" | "c", Some('"')) => {
                self.at += 1;
                Token::Text(self.quoted())
            }
            ("r" | "br" | "cr", Some('"' | '#')) => self.raw(word),
            _ => Token::Word(word),
        }
    }

    /// A raw string after its prefix, or the prefix of a raw identifier.
    fn raw(&mut self, prefix: String) -> Token {
        let mut hashes = 0;
        while self.peek(hashes) == Some('#') {
            hashes += 1;
        }
        if self.peek(hashes) != Some('"') {
            return Token::Word(prefix);
        }
        self.at += hashes + 1;
        let mut text = String::new();
        while let Some(next) = self.bump() {
            if next == '"' && (0..hashes).all(|ahead| self.peek(ahead) == Some('#')) {
                self.at += hashes;
                break;
            }
            text.push(next);
        }
        Token::Text(text)
    }

    /// A string after its first quote. An escape separates words.
    fn quoted(&mut self) -> String {
        let mut text = String::new();
        while let Some(next) = self.bump() {
            match next {
                '"' => break,
                '\\' => {
                    // The string continues on the next line, after its indentation.
                    if self.bump() == Some('\n') {
                        while self.peek(0).is_some_and(char::is_whitespace) {
                            self.bump();
                        }
                    } else {
                        text.push(' ');
                    }
                }
                next => text.push(next),
            }
        }
        text
    }
}

fn is_of_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// The text of a doc comment, from what follows its first slash.
fn doc_text(comment: &str) -> Option<&str> {
    comment.strip_prefix("//").filter(|text| !text.starts_with('/'))
}

/// A string and the line on which it starts.
type Text = (usize, String);

/// A module that is compiled for tests only: its name, or the file that its `path` attribute names.
#[derive(Debug, PartialEq)]
enum TestModule {
    Named(String),
    File(String),
}

/// The strings of a file that are not in tests, and its modules that are tests.
fn outside_of_tests(tokens: &[(usize, Token)]) -> (Vec<Text>, Vec<TestModule>) {
    let (mut texts, mut modules) = (Vec::new(), Vec::new());
    let mut at = 0;
    while let Some((line, token)) = tokens.get(at) {
        let rest = &tokens[at..];
        if let Some(item) = after_cfg_test(rest) {
            let length = item_length(item);
            modules.extend(module_of(&item[..length]));
            at += rest.len() - item.len() + length;
            continue;
        }
        if let Token::Text(text) = token {
            texts.push((*line, text.clone()));
        }
        at += 1;
    }
    (texts, modules)
}

/// What follows `#[cfg(test)]`, if the tokens start with it.
fn after_cfg_test(tokens: &[(usize, Token)]) -> Option<&[(usize, Token)]> {
    let [(_, Token::Mark('#')), ..] = tokens else { return None };
    let word = |word: &str| Token::Word(word.to_owned());
    let attribute = [
        Token::Mark('#'),
        Token::Mark('['),
        word("cfg"),
        Token::Mark('('),
        word("test"),
        Token::Mark(')'),
        Token::Mark(']'),
    ];
    let is_it = tokens.len() >= attribute.len()
        && attribute.iter().zip(tokens).all(|(expected, (_, token))| expected == token);
    is_it.then(|| &tokens[attribute.len()..])
}

/// How many tokens an item has: up to its semicolon or the end of its block.
fn item_length(tokens: &[(usize, Token)]) -> usize {
    let mut depth = 0_usize;
    for (index, (_, token)) in tokens.iter().enumerate() {
        match token {
            Token::Mark('(' | '[' | '{') => depth += 1,
            Token::Mark(')' | ']' | '}') => {
                depth = depth.saturating_sub(1);
                if depth == 0 && *token == Token::Mark('}') {
                    return index + 1;
                }
            }
            Token::Mark(';') if depth == 0 => return index + 1,
            _ => {}
        }
    }
    tokens.len()
}

/// The module that an item declares, if its source is in another file.
fn module_of(item: &[(usize, Token)]) -> Option<TestModule> {
    let name = item.windows(3).find_map(|three| match [&three[0].1, &three[1].1, &three[2].1] {
        [Token::Word(keyword), Token::Word(name), Token::Mark(';')] if keyword == "mod" => {
            Some(name.clone())
        }
        _ => None,
    })?;
    let file = item.iter().find_map(|(_, token)| match token {
        Token::Text(file) => Some(file.clone()),
        _ => None,
    });
    Some(file.map_or(TestModule::Named(name), TestModule::File))
}

/// The file or the folder of a module that another file declares.
fn paths_of(declared_in: &Path, module: &TestModule) -> Vec<PathBuf> {
    let folder = declared_in.parent().unwrap();
    let stem = declared_in.file_stem().unwrap();
    match module {
        TestModule::File(file) => vec![folder.join(file)],
        TestModule::Named(name) => {
            let is_root = ["lib", "main", "mod"].iter().any(|root| stem == *root);
            let folder = if is_root { folder.to_owned() } else { folder.join(stem) };
            vec![folder.join(format!("{name}.rs")), folder.join(name)]
        }
    }
}

/// The banned phrases in a string. A string of one word is a name.
fn banned_in(text: &str) -> Vec<&'static str> {
    let lower = text.to_lowercase();
    let words: Vec<&str> = lower
        .split(|character: char| !is_of_word(character) && character != '\'')
        .filter(|word| !word.is_empty())
        .collect();
    if words.len() < 2 {
        return Vec::new();
    }
    let mut text = format!(" {} ", words.join(" "));
    for name in ALLOWED {
        text = text.replace(*name, "");
    }
    BANNED.iter().copied().filter(|phrase| text.contains(&format!(" {phrase} "))).collect()
}

/// All Rust files below a folder.
fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn strings_use_no_banned_phrase() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    sources(&root.join("src"), &mut files);
    files.sort();
    let mut tests = vec![root.join(EXEMPT)];
    let mut found = Vec::new();
    let mut searched = 0;
    for file in &files {
        let source = fs::read_to_string(file).unwrap();
        let has_help = file.starts_with(root.join(HELP));
        let (texts, modules) = outside_of_tests(&Scanner::new(&source, has_help).tokens());
        tests.extend(modules.iter().flat_map(|module| paths_of(file, module)));
        searched += texts.len();
        for (line, text) in texts {
            for phrase in banned_in(&text) {
                found.push((file, format!("{}:{line}: \"{phrase}\" in {text:?}", file.display())));
            }
        }
    }
    let is_test = |file: &Path| tests.iter().any(|test| file.starts_with(test));
    let lines: Vec<String> =
        found.into_iter().filter(|(file, _)| !is_test(file)).map(|(_, line)| line).collect();
    assert!(lines.is_empty(), "{} banned phrases:\n{}", lines.len(), lines.join("\n"));
    assert!(searched > 5000, "{searched} strings found");
}

#[test]
fn scanner_finds_strings_outside_of_tests() {
    let source = r##"
/// A comment "none".
fn a<'a>(quote: char) -> &'a str { let _ = ['"', '\'', '\\', quote]; "one \
    two\nthree" }
/* "none" /* "none" */ "none" */
#[cfg(test)]
mod tests { fn b() { let _ = ["none"; 2]; } }
#[cfg(test)]
#[path = "c_tests.rs"]
mod c;
#[cfg(test)]
pub(crate) mod d;
const E: &str = r#"four "five""#;
const F: (&[u8], r#type) = (b"six", 0); // "none"
"##;
    let (texts, modules) = outside_of_tests(&Scanner::new(source, false).tokens());
    let expected = [(3, "one two three"), (13, "four \"five\""), (14, "six")];
    let expected: Vec<Text> = expected.map(|(line, text)| (line, text.to_owned())).to_vec();
    assert_eq!(texts, expected);
    let named = TestModule::Named("d".to_owned());
    assert_eq!(modules, [TestModule::File("c_tests.rs".to_owned()), named]);
}

#[test]
fn help_is_searched_across_lines() {
    let source = "/// A run is\n/// told.\nstruct A;\n//// none\n/// Another.\nstruct B;\n";
    let (texts, _) = outside_of_tests(&Scanner::new(source, true).tokens());
    let found: Vec<_> = texts.iter().map(|(line, text)| (*line, banned_in(text))).collect();
    assert_eq!(found, [(1, vec!["is told"]), (5, vec![])]);
}

#[test]
fn phrases_are_whole_words() {
    assert_eq!(banned_in("It {is} told, AND whoever"), ["is told", "whoever"]);
    assert_eq!(banned_in("this tolder one"), [""; 0]);
    assert_eq!(banned_in("nobody"), [""; 0]);
    assert_eq!(banned_in("no account postgres or nobody here"), [""; 0]);
}
