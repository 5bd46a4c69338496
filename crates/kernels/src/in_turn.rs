//! Work that threads take one piece after the other, the largest pieces first: few pieces of different size are shared more
//! evenly so than by cutting their list in halves.

use rayon::prelude::*;

/// The results of `work` on every item, in the order of the items. A thread that is free takes the next one.
pub fn in_turn<T: Send, R: Send>(items: impl Iterator<Item = T> + Send, work: impl Fn(T) -> R + Sync) -> Vec<R> {
    let mut done: Vec<(usize, R)> = items.enumerate().par_bridge().map(|(i, item)| (i, work(item))).collect();
    done.sort_unstable_by_key(|(i, _)| *i);
    done.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_stand_in_the_order_of_the_items() {
        let squares = in_turn(0..100u64, |i| {
            // The first take longest.
            std::thread::sleep(std::time::Duration::from_micros(200 / (i + 1)));
            i * i
        });
        assert_eq!(squares, (0..100).map(|i| i * i).collect::<Vec<_>>());
        assert!(in_turn(std::iter::empty::<u8>(), |i| i).is_empty());
    }
}
