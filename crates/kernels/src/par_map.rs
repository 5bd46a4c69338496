//! A parallel map for a few items of different size: a thread that is free takes the next one. Largest items first,
//! they are shared more evenly so than by cutting their list in halves, as rayon does on its own.

use rayon::prelude::*;

/// The results of `work` on every item, in the order of the items.
pub fn par_map<T: Send, R: Send>(items: impl Iterator<Item = T> + Send, work: impl Fn(T) -> R + Sync) -> Vec<R> {
    let mut done: Vec<(usize, R)> = items.enumerate().par_bridge().map(|(i, item)| (i, work(item))).collect();
    done.sort_unstable_by_key(|(i, _)| *i);
    done.into_iter().map(|(_, result)| result).collect()
}

/// Into how many parts each of `items` is to be split, so that every thread has one. With as many items as threads,
/// none is.
pub(crate) fn splits_per_item(items: usize) -> usize {
    rayon::current_num_threads().div_ceil(items.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_stand_in_the_order_of_the_items() {
        let squares = par_map(0..100u64, |i| {
            // The first take longest.
            (0..(100 - i) * 50).for_each(|i| {
                std::hint::black_box(i);
            });
            i * i
        });
        assert_eq!(squares, (0..100).map(|i| i * i).collect::<Vec<_>>());
        assert!(par_map(std::iter::empty::<u8>(), |i| i).is_empty());
    }

    #[test]
    fn items_are_split_where_threads_are_more() {
        let of = |threads: usize, items: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
            pool.install(|| splits_per_item(items))
        };
        assert_eq!([of(1, 6), of(2, 6), of(6, 6), of(7, 6), of(16, 6), of(2, 0)], [1, 1, 1, 2, 3, 2]);
    }
}
