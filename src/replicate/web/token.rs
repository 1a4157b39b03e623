//! The token that gives access to the pages about runs.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

/// The token, stored as its digest.
#[derive(Clone)]
pub struct Token {
    digest: [u8; 32],
}

impl Token {
    /// A token.
    #[must_use]
    pub fn new(text: &SecretString) -> Self {
        Self { digest: digest(text.expose_secret()) }
    }

    /// Whether `text` is the token. Compares digests in constant time, so that the duration reveals
    /// nothing about the token.
    #[must_use]
    pub fn is(&self, text: &str) -> bool {
        let other = digest(text);
        let pairs = self.digest.iter().zip(&other);
        pairs.fold(0, |difference, (one, other)| difference | (one ^ other)) == 0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

fn digest(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}
