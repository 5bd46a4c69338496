//! Who watches a network run.

use super::Activity;

/// Is shown what happens while the plain engine runs a text; every method does nothing unless it is written.
pub(in crate::engine) trait Observer {
    /// Whether [`Self::synapses`] is to be told of those of the text convolution, one by one.
    fn sees_synapses(&self) -> bool {
        false
    }

    /// At a step, a spike of input `c` met a row of synapses (`(t, c)`; `c` is past the last dimension for the
    /// presence current of a token). Only spikes that weigh 1 are shown.
    fn synapses(&mut self, _leaf: usize, (_t, _c): (usize, usize), _row: &[f32]) {}

    /// Currents into neurons at a step, biases among them.
    fn currents(&mut self, _leaf: usize, _t: usize, _currents: &[f32]) {}

    /// Membranes before and after a step, after what the spikes took away.
    fn membranes(&mut self, _leaf: usize, _t: usize, _before: &[f32], _after: &[f32]) {}

    /// A layer has run over all time.
    fn activity(&mut self, _leaf: usize, _activity: &Activity) {}
}

/// Nobody.
impl Observer for () {}

/// Two observers at once.
impl<A: Observer, B: Observer> Observer for (A, B) {
    fn sees_synapses(&self) -> bool {
        self.0.sees_synapses() || self.1.sees_synapses()
    }

    fn synapses(&mut self, leaf: usize, at: (usize, usize), row: &[f32]) {
        self.0.synapses(leaf, at, row);
        self.1.synapses(leaf, at, row);
    }

    fn currents(&mut self, leaf: usize, t: usize, currents: &[f32]) {
        self.0.currents(leaf, t, currents);
        self.1.currents(leaf, t, currents);
    }

    fn membranes(&mut self, leaf: usize, t: usize, before: &[f32], after: &[f32]) {
        self.0.membranes(leaf, t, before, after);
        self.1.membranes(leaf, t, before, after);
    }

    fn activity(&mut self, leaf: usize, activity: &Activity) {
        self.0.activity(leaf, activity);
        self.1.activity(leaf, activity);
    }
}
