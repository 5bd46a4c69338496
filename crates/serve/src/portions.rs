//! Texts in portions: what is computed at once takes memory by the length of its texts, not by their number.

/// Bytes of texts that are computed at once, unless one text alone has more.
const BYTES: usize = 128 << 10;

/// Neighbouring texts of at most [`BYTES`] together, or one text each.
pub fn portions<S: AsRef<str>>(texts: &[S]) -> impl Iterator<Item = &[S]> {
    let mut rest = texts;
    std::iter::from_fn(move || {
        let mut bytes = 0usize;
        let fits = |text: &&S| {
            bytes = bytes.saturating_add(text.as_ref().len());
            bytes <= BYTES
        };
        let count = rest.iter().take_while(fits).count().max(1);
        let (portion, after) = rest.split_at_checked(count)?;
        rest = after;
        Some(portion)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn portions_are_bounded_and_leave_nothing_out() {
        let of = |lengths: &[usize]| -> Vec<usize> {
            let texts: Vec<String> = lengths.iter().map(|&length| "x".repeat(length)).collect();
            let found: Vec<&[String]> = portions(&texts).collect();
            assert_eq!(found.concat(), texts);
            found.iter().map(|portion| portion.len()).collect()
        };
        assert_eq!(of(&[]), [0; 0]);
        assert_eq!(of(&[0, 0, 5]), [3]);
        assert_eq!(of(&[BYTES, 0, 1]), [2, 1]);
        assert_eq!(of(&[BYTES + 1, 2 * BYTES, 1, BYTES - 1, 1]), [1, 1, 2, 1]);
    }
}
