//! Memory that is used again: a large array fresh from the system costs more in page faults than the arithmetic that
//! fills it.

use std::{
    ops::{Deref, DerefMut},
    sync::{Arc, Mutex, PoisonError},
};

/// Arrays that wait for their next use. Clones share them.
///
/// The caller holds it for as long as like work comes (a training run, an evaluation) and drops it after; results do not
/// depend on it.
#[derive(Clone, Debug, Default)]
pub struct Workspace(Arc<Mutex<Vec<Vec<f32>>>>);

/// An array out of a [`Workspace`], which goes back there when it is dropped.
#[derive(Debug)]
pub struct Buffer {
    values: Vec<f32>,
    home: Workspace,
}

impl Workspace {
    /// An array of `length` numbers of no particular value: what the one before left there, or zeros.
    #[must_use]
    pub fn take(&self, length: usize) -> Buffer {
        let mut free = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // The smallest that is large enough, or the largest, to grow.
        let best = (0..free.len()).min_by_key(|&i| {
            let capacity = free[i].capacity();
            if capacity >= length { (0, capacity) } else { (1, usize::MAX - capacity) }
        });
        let mut values = best.map(|i| free.swap_remove(i)).unwrap_or_default();
        drop(free);
        if values.capacity() < length {
            // Nothing in it is worth copying.
            values = vec![0.0; length];
        }
        values.resize(length, 0.0);
        Buffer { values, home: self.clone() }
    }

    /// An array of `length` zeros.
    #[must_use]
    pub fn zeros(&self, length: usize) -> Buffer {
        let mut buffer = self.take(length);
        buffer.fill(0.0);
        buffer
    }
}

impl Deref for Buffer {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &self.values
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.values
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let values = std::mem::take(&mut self.values);
        self.home.0.lock().unwrap_or_else(PoisonError::into_inner).push(values);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrays_come_back_and_the_fitting_one_is_taken() {
        let workspace = Workspace::default();
        let (mut small, large) = (workspace.take(10), workspace.take(100));
        small.fill(7.0);
        let (at_small, at_large) = (small.as_ptr(), large.as_ptr());
        drop((small, large));
        let again = workspace.take(8);
        assert_eq!((again.as_ptr(), again.len()), (at_small, 8));
        let middle = workspace.zeros(50);
        assert_eq!((middle.as_ptr(), middle.len()), (at_large, 50));
        drop(again);
        assert!(workspace.zeros(9).iter().all(|&x| x == 0.0));
        // One that is too small makes place for one that is large enough.
        assert_eq!(workspace.take(1000).len(), 1000);
    }
}
