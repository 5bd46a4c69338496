//! Work that threads take one piece after the other, the largest pieces first: few pieces of different size are shared more
//! evenly so than by cutting their list in halves.

use rayon::prelude::*;

/// The results of `work` on every item, in the order of the items. A thread that is free takes the next one.
pub fn in_turn<T: Send, R: Send>(items: impl Iterator<Item = T> + Send, work: impl Fn(T) -> R + Sync) -> Vec<R> {
    let mut done: Vec<(usize, R)> = items.enumerate().par_bridge().map(|(i, item)| (i, work(item))).collect();
    done.sort_unstable_by_key(|(i, _)| *i);
    done.into_iter().map(|(_, result)| result).collect()
}

/// Into how many parts each of some pieces of work is cut, so that every thread has one. With as many pieces as threads, none
/// is.
#[must_use]
pub fn parts_of(pieces: usize) -> usize {
    rayon::current_num_threads().div_ceil(pieces.max(1))
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

    #[test]
    fn pieces_are_cut_where_threads_are_more() {
        let of = |threads: usize, pieces: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
            pool.install(|| parts_of(pieces))
        };
        assert_eq!([of(1, 6), of(2, 6), of(6, 6), of(7, 6), of(16, 6), of(2, 0)], [1, 1, 1, 2, 3, 2]);
    }
}
