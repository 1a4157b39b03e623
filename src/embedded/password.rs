//! A random password for one run.

use super::error::{EmbeddedError, Result};

/// 128 random bits from the kernel, as hexadecimal digits.
pub(super) fn random() -> Result<String> {
    Ok(random_bytes::<16>()?.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Unpredictable bytes.
pub(super) fn random_bytes<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(EmbeddedError::Random)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_passwords_differ() {
        let first = random().unwrap();
        assert_eq!(first.len(), 32);
        assert_ne!(first, random().unwrap());
    }
}
