//! Small questions to slices: where the largest value is, and which members stand for all.

/// The first index of the largest value, 0 where there is none: how scores and shares become a class.
#[must_use]
pub fn argmax<T: PartialOrd>(values: &[T]) -> usize {
    (1..values.len()).fold(0, |best, i| if values[i] > values[best] { i } else { best })
}

/// The indices of at most `count` of `len` members, evenly spread from the first on.
pub fn evenly_spread(len: usize, count: usize) -> impl ExactSizeIterator<Item = usize> {
    let count = count.min(len);
    (0..count).map(move |i| i * len / count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_equals_is_the_largest() {
        assert_eq!(argmax(&[0.1, 0.7, 0.7, 0.2]), 1);
        assert_eq!(argmax(&[3, 3, 5]), 2);
        assert_eq!(argmax::<f32>(&[]), 0);
        assert_eq!(argmax(&[f32::NAN, 1.0]), 0, "what cannot be compared is not larger");
    }

    #[test]
    fn members_are_spread_and_never_more_than_there_are() {
        let spread = |len, count| evenly_spread(len, count).collect::<Vec<_>>();
        assert_eq!(spread(10, 4), [0, 2, 5, 7]);
        assert_eq!(spread(3, 9), [0, 1, 2]);
        assert_eq!(spread(0, 9), [0; 0]);
        assert_eq!(spread(9, 0), [0; 0]);
    }
}
