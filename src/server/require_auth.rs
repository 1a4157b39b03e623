//! `require_auth`: the authentication methods that a server may use.
//!
//! As in libpq: the list is read as `pqConnectOptions2` in `src/interfaces/libpq/fe-connect.c`
//! does, and each request is checked against it as in `check_expected_areq` in `fe-auth.c`, before
//! the driver sees it and answers with a password.

use super::error::{Result, SessionError};
use super::params::params;

/// The methods by name. Those that the driver does not support never match a request.
const METHODS: [(&str, u8); 7] = [
    ("password", PASSWORD),
    ("md5", MD5),
    ("gss", 4),
    ("sspi", 8),
    ("scram-sha-256", SCRAM),
    ("none", NONE),
    ("oauth", 64),
];
const PASSWORD: u8 = 1;
const MD5: u8 = 2;
const SCRAM: u8 = 16;
const NONE: u8 = 32;
const ALL: u8 = 127;

/// The allowed methods.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RequireAuth {
    text: String,
    allowed: u8,
}

impl RequireAuth {
    /// Reads a list of methods, or with "!" before each a list of methods that are not allowed.
    pub(super) fn parse(text: &str) -> Result<Self> {
        let mut seen = 0;
        let negated = text.starts_with('!');
        for word in text.split(',') {
            let name = word.strip_prefix('!').unwrap_or(word);
            let found = METHODS.iter().find(|(known, _)| *known == name);
            let Some((_, bit)) = found else {
                return Err(params("invalid method in the connection parameter \"require_auth\""));
            };
            if word.starts_with('!') != negated {
                let what = "methods with and without \"!\" cannot be mixed in \"require_auth\"";
                return Err(params(what));
            }
            if seen & bit != 0 {
                let what = format!("method \"{name}\" is given more than once in \"require_auth\"");
                return Err(params(what));
            }
            seen |= bit;
        }
        let allowed = if negated { ALL & !seen } else { seen };
        Ok(Self { text: text.to_owned(), allowed })
    }
}

/// Follows the requests of one connection.
#[derive(Debug, Default)]
pub(super) struct AuthCheck {
    required: Option<RequireAuth>,
    /// The code of the request that is being read.
    code: [u8; 4],
    filled: usize,
    /// Whether an allowed method has completed.
    is_finished: bool,
}

impl AuthCheck {
    pub(super) fn new(required: Option<RequireAuth>) -> Self {
        Self { required, ..Self::default() }
    }

    /// A new message starts.
    pub(super) fn begin(&mut self) {
        self.filled = 0;
    }

    /// A part of the body of an authentication request.
    ///
    /// # Errors
    /// When the request is complete and its method is not allowed.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Result<()> {
        let Some(required) = &self.required else { return Ok(()) };
        if self.filled == self.code.len() {
            return Ok(());
        }
        let taken = (self.code.len() - self.filled).min(bytes.len());
        self.code[self.filled..self.filled + taken].copy_from_slice(&bytes[..taken]);
        self.filled += taken;
        if self.filled < self.code.len() {
            return Ok(());
        }
        let (bit, reason) = match u32::from_be_bytes(self.code) {
            0 if self.is_finished => return Ok(()),
            0 => (NONE, "the server did not complete authentication"),
            3 => (PASSWORD, "the server requests a cleartext password"),
            5 => (MD5, "the server requests an MD5-hashed password"),
            10..=12 => (SCRAM, "the server requests SASL authentication"),
            _ => (0, "the server requests an unsupported method"),
        };
        if required.allowed & bit == 0 {
            let text = &required.text;
            let what = format!("authentication method requirement \"{text}\" failed: {reason}");
            return Err(SessionError::Protocol(what, None));
        }
        // SCRAM ends with the server's proof.
        self.is_finished |= matches!(u32::from_be_bytes(self.code), 3 | 5 | 12);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether a server may send these requests.
    fn passes(required: &str, codes: &[u32]) -> bool {
        let mut check = AuthCheck::new(Some(RequireAuth::parse(required).unwrap()));
        codes.iter().all(|code| {
            check.begin();
            // Bodies arrive in pieces.
            code.to_be_bytes().iter().all(|byte| check.feed(&[*byte]).is_ok())
        })
    }

    #[test]
    fn methods_are_allowed_as_by_libpq() {
        let (clear, md5, scram, trust) = (&[3, 0][..], &[5, 0][..], &[10, 11, 12, 0][..], &[0][..]);
        for (required, allowed) in [
            ("password", [true, false, false, false]),
            ("md5", [false, true, false, false]),
            ("scram-sha-256", [false, false, true, false]),
            ("none", [false, false, false, true]),
            ("md5,scram-sha-256", [false, true, true, false]),
            ("!password", [false, true, true, true]),
            ("!password,!none", [false, true, true, false]),
            ("gss", [false; 4]),
        ] {
            let found = [clear, md5, scram, trust].map(|codes| passes(required, codes));
            assert_eq!(found, allowed, "{required}");
        }
        assert!(!passes("scram-sha-256", &[10, 11, 0]), "the server has not proved itself");
        for wrong in ["", "scram", "md5,", "md5,!password", "!md5,password", "md5,md5", "MD5"] {
            assert!(RequireAuth::parse(wrong).is_err(), "{wrong}");
        }
    }
}
