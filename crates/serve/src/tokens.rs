//! Who may ask: bearer tokens, compared in constant time.

use std::fmt;

use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

/// The tokens that open the server, as hashes: all have one length, so that comparing tells nothing of theirs.
#[derive(Clone, Default)]
pub struct Tokens {
    hashes: Vec<[u8; 32]>,
}

impl Tokens {
    /// The words of `text`, a token each; `place` is where they stand.
    ///
    /// # Errors
    /// If there is none, or one has characters that no header takes.
    pub fn parse(text: &str, place: &str) -> Result<Self, String> {
        let mut hashes = Vec::new();
        for (at, token) in text.split_whitespace().enumerate() {
            if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
                // The token itself is nobody's to read.
                return Err(format!(
                    "{place}: expected tokens of visible ASCII characters, got others in token {}",
                    at + 1
                ));
            }
            hashes.push(Sha256::digest(token).into());
        }
        if hashes.is_empty() {
            return Err(format!("{place}: expected a token or more, one a line, got none"));
        }
        Ok(Self { hashes })
    }

    /// Whether anyone may ask.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.hashes.is_empty()
    }

    /// Whether the value of an `Authorization` header opens the server.
    #[must_use]
    pub fn open(&self, header: Option<&[u8]>) -> bool {
        if self.is_empty() {
            return true;
        }
        let Some((scheme, token)) = header.and_then(|header| header.split_at_checked(7)) else { return false };
        if !scheme.eq_ignore_ascii_case(b"bearer ") {
            return false;
        }
        let given: [u8; 32] = Sha256::digest(token.trim_ascii()).into();
        // All are compared, whichever fits.
        self.hashes.iter().fold(Choice::from(0), |found, hash| found | hash.ct_eq(&given)).into()
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} tokens", self.hashes.len())
    }
}

#[cfg(test)]
mod tests {
    use super::Tokens;

    #[test]
    fn only_whole_tokens_open() {
        let tokens = Tokens::parse("first\n\n second-2 \r\n", "a file").expect("two");
        for header in ["Bearer first", "bearer second-2", "BEARER  first"] {
            assert!(tokens.open(Some(header.as_bytes())), "{header}");
        }
        for header in ["", "Bearer ", "Bearer firs", "Bearer first second-2", "Basic first", "first", "Bearerfirst"] {
            assert!(!tokens.open(Some(header.as_bytes())), "{header}");
        }
        assert!(!tokens.open(None) && Tokens::default().open(None));
        assert!(Tokens::parse(" \n", "a file").is_err_and(|told| told.contains("a file")));
        assert!(Tokens::parse("schlüssel", "a file").is_err_and(|told| !told.contains("schl")));
        assert_eq!(format!("{tokens:?}"), "2 tokens");
    }
}
