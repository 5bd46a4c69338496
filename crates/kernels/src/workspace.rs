//! Memory that is used again: a large array fresh from the system costs more in page faults than the arithmetic that
//! fills it.

use std::{
    ops::{Deref, DerefMut},
    sync::{Arc, Mutex, PoisonError},
};

use crate::lanes::Lanes;

/// Arrays that wait for their next use, of each kind of element. Clones share them.
///
/// The caller holds it for as long as like work comes (a training run, an evaluation) and drops it after; results do
/// not depend on it.
#[derive(Clone, Debug, Default)]
pub struct Workspace {
    numbers: Pool<f32>,
    rows: Pool<Lanes<f32>>,
    narrow_rows: Pool<Lanes<i16>>,
    wide_rows: Pool<Lanes<i32>>,
}

type Pool<T> = Arc<Mutex<Vec<Vec<T>>>>;

/// An element of which a [`Workspace`] keeps arrays.
pub(crate) trait Element: Copy + Default {
    /// The arrays of this kind.
    fn pool(workspace: &Workspace) -> &Pool<Self>;
}

impl Element for f32 {
    fn pool(workspace: &Workspace) -> &Pool<Self> {
        &workspace.numbers
    }
}

impl Element for Lanes<f32> {
    fn pool(workspace: &Workspace) -> &Pool<Self> {
        &workspace.rows
    }
}

impl Element for Lanes<i16> {
    fn pool(workspace: &Workspace) -> &Pool<Self> {
        &workspace.narrow_rows
    }
}

impl Element for Lanes<i32> {
    fn pool(workspace: &Workspace) -> &Pool<Self> {
        &workspace.wide_rows
    }
}

/// An array out of a [`Workspace`], which goes back there when it is dropped.
#[derive(Debug)]
pub(crate) struct Buffer<T: Element = f32> {
    /// Longer than asked for where it was longer before, so that growing again costs nothing.
    values: Vec<T>,
    length: usize,
    home: Pool<T>,
}

impl Workspace {
    /// An array of `length` elements of no particular value: what the one before left there, or zeros.
    pub(crate) fn take<T: Element>(&self, length: usize) -> Buffer<T> {
        // The smallest that is large enough, or the largest, to grow.
        let mut values = self.out_of_pool(|own: &Vec<T>| {
            let (own, room) = (own.len(), own.capacity());
            Some(match () {
                () if own >= length => (0, own),
                () if room >= length => (1, room),
                () => (2, usize::MAX - room),
            })
        });
        if values.len() < length {
            if values.capacity() < length {
                // Nothing in it is worth copying.
                values = Vec::with_capacity(length);
            }
            values.resize(length, T::default());
        }
        Buffer { values, length, home: T::pool(self).clone() }
    }

    /// An array of `length` elements of no particular value that can [`Buffer::grow`] to `room` without moving. What
    /// was never used of it takes no memory.
    pub(crate) fn reserve<T: Element>(&self, length: usize, room: usize) -> Buffer<T> {
        let mut values = self.out_of_pool(|own: &Vec<T>| (own.capacity() >= room).then_some(own.capacity()));
        // Of one that is new.
        values.reserve_exact(room.saturating_sub(values.len()));
        let mut buffer = Buffer { values, length: 0, home: T::pool(self).clone() };
        buffer.grow(length);
        buffer
    }

    /// The waiting array for which `rank` gives the least, or an empty one.
    fn out_of_pool<T: Element, Rank: Ord>(&self, rank: impl Fn(&Vec<T>) -> Option<Rank>) -> Vec<T> {
        let mut free = T::pool(self).lock().unwrap_or_else(PoisonError::into_inner);
        let ranks = free.iter().enumerate().filter_map(|(i, own)| Some((rank(own)?, i)));
        ranks.min().map(|(_, i)| free.swap_remove(i)).unwrap_or_default()
    }

    /// An array of `length` zeros.
    pub(crate) fn zeros<T: Element>(&self, length: usize) -> Buffer<T> {
        let mut buffer = self.take(length);
        buffer.fill(T::default());
        buffer
    }
}

impl<T: Element> Buffer<T> {
    /// Makes the array `length` elements long, if it is shorter; the new ones have no particular value.
    pub(crate) fn grow(&mut self, length: usize) {
        self.length = length.max(self.length);
        if self.values.len() < self.length {
            self.values.resize(self.length, T::default());
        }
    }

    /// How long it can grow without moving.
    pub(crate) fn room(&self) -> usize {
        self.values.capacity()
    }
}

impl<T: Element> Deref for Buffer<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.values[..self.length]
    }
}

impl<T: Element> DerefMut for Buffer<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.values[..self.length]
    }
}

impl<T: Element> Drop for Buffer<T> {
    fn drop(&mut self) {
        let values = std::mem::take(&mut self.values);
        self.home.lock().unwrap_or_else(PoisonError::into_inner).push(values);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrays_come_back_and_the_fitting_one_is_taken() {
        let workspace = Workspace::default();
        let (mut small, large) = (workspace.take::<f32>(10), workspace.take::<f32>(100));
        small.fill(7.0);
        let (at_small, at_large) = (small.as_ptr(), large.as_ptr());
        drop((small, large));
        let again = workspace.take::<f32>(8);
        assert_eq!((again.as_ptr(), again.len()), (at_small, 8));
        let middle = workspace.zeros::<f32>(50);
        assert_eq!((middle.as_ptr(), middle.len()), (at_large, 50));
        drop(again);
        assert!(workspace.zeros::<f32>(9).iter().all(|&x| x == 0.0));
        // One that is too small makes place for one that is large enough.
        assert_eq!(workspace.take::<f32>(1000).len(), 1000);
        // One with room grows where it is, keeps what it has, and waits for the next that needs as much.
        let mut growing = workspace.reserve::<Lanes<i32>>(2, 5000);
        growing.fill(Lanes::all(3));
        let at_growing = growing.as_ptr();
        growing.grow(5000);
        growing.grow(7);
        assert_eq!((growing.as_ptr(), growing.len(), growing.room()), (at_growing, 5000, 5000));
        assert!(growing[..2].iter().all(|row| *row == Lanes::all(3)));
        drop(growing);
        assert_ne!(workspace.reserve::<Lanes<i32>>(1, 5001).as_ptr(), at_growing);
        assert_eq!(workspace.reserve::<Lanes<i32>>(1, 4000).as_ptr(), at_growing);
        // Rows of lanes are kept apart from numbers and start on cache lines.
        let rows = workspace.take::<Lanes<i16>>(3);
        assert!((rows.as_ptr() as usize).is_multiple_of(64));
    }
}
