//! Trainable numbers with their optimiser state: AdamW (Loshchilov and Hutter 2019) by the kernel that passes once
//! over the memory.

use burn_tensor::{Device, Gradients, Tensor, TensorData};
use rayon::prelude::*;
use spiketext::network::{LayerWeights, Leaf};
use spiketext_kernels::adamw::{AdamW, Learning};

use crate::{
    codes::WordCodes,
    graph::LeafTensors,
    kernel_operation::{copied, read_numbers},
    store::Store,
};

/// AdamW with the published betas and epsilon.
#[must_use]
pub fn adamw(weight_decay: f32) -> AdamW {
    AdamW { beta_1: 0.9, beta_2: 0.999, epsilon: 1e-8, weight_decay }
}

/// More steps than any training has: past them the bias of the moments is long none.
const MOST_STEPS: usize = i32::MAX as usize;

/// A trainable array and the moments of its gradient.
#[derive(Clone)]
pub struct Parameter<const D: usize> {
    name: String,
    value: Tensor<D>,
    moments: Option<Moments>,
}

/// What AdamW remembers of the gradients.
#[derive(Clone)]
struct Moments {
    first: Vec<f32>,
    second: Vec<f32>,
    /// Steps so far.
    time: usize,
}

impl<const D: usize> Parameter<D> {
    /// A parameter that starts at `values`.
    ///
    /// # Panics
    /// If `values` does not fill `shape`.
    #[must_use]
    pub fn new(name: impl Into<String>, values: Vec<f32>, shape: [usize; D], device: &Device) -> Self {
        Self { name: name.into(), value: Tensor::from_data(TensorData::new(values, shape), device), moments: None }
    }

    /// The value as a leaf of a new graph.
    #[must_use]
    pub fn leaf(&self) -> Tensor<D> {
        self.value.clone().autodiff().require_grad()
    }

    /// `values` in the place of the value (as it is after rounding, say) as a leaf of a new graph. [`Self::update`]
    /// takes its gradient for that of the value.
    ///
    /// # Panics
    /// If `values` does not fill the shape.
    #[must_use]
    pub fn leaf_of(&self, values: Vec<f32>) -> Tensor<D> {
        let data = TensorData::new(values, self.value.dims());
        Tensor::from_data(data, &self.value.device()).autodiff().require_grad()
    }

    /// What `read` makes of the value's numbers, row-major; they are not copied.
    pub fn read<R>(&self, read: impl Fn(&[f32]) -> R) -> R {
        read_numbers(&self.value, &read).unwrap_or_else(|| read(&self.values()))
    }

    /// The value as numbers, row-major.
    #[must_use]
    pub fn values(&self) -> Vec<f32> {
        numbers(&self.value)
    }

    /// One step of `optimiser` along the gradient of `leaf`, which is taken out of `gradients`; nothing happens if
    /// the loss did not depend on it. Where this is the last use of the leaf, nothing is copied.
    pub fn update(&mut self, optimiser: &AdamW, learning_rate: f64, leaf: Tensor<D>, gradients: &mut Gradients) {
        let Some(gradient) = leaf.grad_remove(gradients) else { return };
        drop(leaf);
        let (shape, device) = (self.value.dims(), self.value.device());
        let value = std::mem::replace(&mut self.value, Tensor::empty([0; D], &device));
        let (mut values, gradient) = (into_numbers(value), into_numbers(gradient));
        let moments = self.moments.get_or_insert_with(|| Moments {
            first: vec![0.0; values.len()],
            second: vec![0.0; values.len()],
            time: 0,
        });
        moments.time += 1;
        let learning = Learning { values: &mut values, moment_1: &mut moments.first, moment_2: &mut moments.second };
        optimiser.step(learning_rate, moments.time, learning, &gradient);
        self.value = Tensor::from_data(TensorData::new(values, shape), &device);
    }

    /// Puts value and moments under the parameter's name.
    pub fn save(&self, prefix: &str, store: &mut Store) {
        let name = format!("{prefix}{}", self.name);
        if let Some(moments) = &self.moments {
            store.put(format!("{name}.moment_1"), moments.first.clone());
            store.put(format!("{name}.moment_2"), moments.second.clone());
            store.put_number(format!("{name}.time"), moments.time as u64);
        }
        self.save_values(prefix, store);
    }

    /// Puts the value alone under the parameter's name.
    pub fn save_values(&self, prefix: &str, store: &mut Store) {
        store.put(format!("{prefix}{}", self.name), self.values());
    }

    /// Takes value and moments back; without moments in the store, the parameter has none.
    ///
    /// # Errors
    /// If one is missing or has another length.
    pub fn load(&mut self, prefix: &str, store: &Store) -> spiketext::Result<()> {
        let name = format!("{prefix}{}", self.name);
        let (shape, device) = (self.value.dims(), self.value.device());
        let length = shape.iter().product();
        self.value = Tensor::from_data(TensorData::new(store.get(&name, length)?, shape), &device);
        let time = format!("{name}.time");
        self.moments = match store.number(&time) {
            Some(_) => Some(Moments {
                first: store.get(&format!("{name}.moment_1"), length)?,
                second: store.get(&format!("{name}.moment_2"), length)?,
                time: store.count(&time, MOST_STEPS)?,
            }),
            None => None,
        };
        Ok(())
    }
}

/// The kinds of numbers that a leaf of a chain trains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Array {
    /// Synapses.
    Synapses,
    /// Currents of real tokens.
    Presence,
    /// Biases.
    Bias,
    /// Synapses of the shortcut.
    Shortcut,
}

/// The trainable numbers of a leaf; `None` where it has none of a kind.
#[derive(Clone)]
pub struct LeafParameters {
    synapses: Option<Parameter<2>>,
    presence: Option<Parameter<1>>,
    bias: Option<Parameter<1>>,
    shortcut: Option<Parameter<1>>,
    /// Thresholds do not learn.
    thresholds: Vec<f32>,
}

impl LeafParameters {
    /// Those of a leaf, as they are first.
    #[must_use]
    pub fn new(leaf: &Leaf, weights: LayerWeights, device: &Device) -> Self {
        Self::with_inputs(leaf, None, weights, device)
    }

    /// The same, where synapses have other `inputs` in training than in the finished network.
    #[must_use]
    pub fn with_inputs(leaf: &Leaf, inputs: Option<usize>, weights: LayerWeights, device: &Device) -> Self {
        let vector = |name: &str, values: Vec<f32>| {
            let length = values.len();
            (length > 0).then(|| Parameter::new(format!("{}.{name}", leaf.path), values, [length], device))
        };
        let [rows, columns] = leaf.sizes().synapses;
        let shape = [inputs.unwrap_or(rows), columns];
        Self {
            synapses: (!weights.synapses.is_empty())
                .then(|| Parameter::new(format!("{}.synapses", leaf.path), weights.synapses, shape, device)),
            presence: vector("presence", weights.presence),
            bias: vector("bias", weights.bias),
            shortcut: vector("shortcut", weights.shortcut),
            thresholds: weights.thresholds,
        }
    }

    /// The numbers as they are now.
    #[must_use]
    pub fn values(&self) -> LayerWeights {
        let synapses = self.synapses.as_ref().map(Parameter::values).unwrap_or_default();
        LayerWeights { synapses, ..self.other_values() }
    }

    /// The numbers as they are now, all but the synapses.
    #[must_use]
    pub fn other_values(&self) -> LayerWeights {
        let vector = |parameter: &Option<Parameter<1>>| parameter.as_ref().map(Parameter::values).unwrap_or_default();
        LayerWeights {
            synapses: Vec::new(),
            presence: vector(&self.presence),
            bias: vector(&self.bias),
            shortcut: vector(&self.shortcut),
            thresholds: self.thresholds.clone(),
        }
    }

    /// What `read` makes of the synapses; they are not copied.
    pub fn read_synapses<R>(&self, read: impl Fn(&[f32]) -> R) -> Option<R> {
        self.synapses.as_ref().map(|synapses| synapses.read(read))
    }

    /// The numbers as leaves of a new graph.
    #[must_use]
    pub fn leaves(&self) -> LeafTensors {
        LeafTensors {
            synapses: self.synapses.as_ref().map(Parameter::leaf),
            presence: self.presence.as_ref().map(Parameter::leaf),
            bias: self.bias.as_ref().map(Parameter::leaf),
            shortcut: self.shortcut.as_ref().map(Parameter::leaf),
        }
    }

    /// Other numbers in their place, as leaves of a new graph; `keep` says whether the synapses stay as they are.
    #[must_use]
    pub fn leaves_of(&self, values: LayerWeights, keep: bool) -> LeafTensors {
        let vector =
            |parameter: &Option<Parameter<1>>, values| parameter.as_ref().map(|parameter| parameter.leaf_of(values));
        let synapses = self.synapses.as_ref();
        LeafTensors {
            synapses: synapses.map(|own| if keep { own.leaf() } else { own.leaf_of(values.synapses) }),
            presence: vector(&self.presence, values.presence),
            bias: vector(&self.bias, values.bias),
            shortcut: vector(&self.shortcut, values.shortcut),
        }
    }

    /// A step of `optimiser` along the gradients of `leaves`, for those that learn.
    pub fn update(
        &mut self,
        optimiser: &AdamW,
        rate: f64,
        leaves: LeafTensors,
        gradients: &mut Gradients,
        learns: impl Fn(Array) -> bool,
    ) {
        if let (Some(own), Some(leaf), true) = (&mut self.synapses, leaves.synapses, learns(Array::Synapses)) {
            own.update(optimiser, rate, leaf, gradients);
        }
        let vectors = [
            (Array::Presence, &mut self.presence, leaves.presence),
            (Array::Bias, &mut self.bias, leaves.bias),
            (Array::Shortcut, &mut self.shortcut, leaves.shortcut),
        ];
        for (array, own, leaf) in vectors {
            if let (Some(own), Some(leaf), true) = (own, leaf, learns(array)) {
                own.update(optimiser, rate, leaf, gradients);
            }
        }
    }

    fn vectors(&self) -> impl Iterator<Item = &Parameter<1>> {
        [&self.presence, &self.bias, &self.shortcut].into_iter().flatten()
    }

    /// Puts values and moments into a checkpoint.
    pub fn save(&self, prefix: &str, store: &mut Store) {
        self.synapses.iter().for_each(|own| own.save(prefix, store));
        self.vectors().for_each(|own| own.save(prefix, store));
    }

    /// Puts the values alone into a checkpoint.
    pub fn save_values(&self, prefix: &str, store: &mut Store) {
        self.synapses.iter().for_each(|own| own.save_values(prefix, store));
        self.vectors().for_each(|own| own.save_values(prefix, store));
    }

    /// Takes back what either of the two put there.
    ///
    /// # Errors
    /// If one is missing or has another length.
    pub fn load(&mut self, prefix: &str, store: &Store) -> spiketext::Result<()> {
        self.synapses.iter_mut().try_for_each(|own| own.load(prefix, store))?;
        let vectors = [&mut self.presence, &mut self.bias, &mut self.shortcut];
        vectors.into_iter().flatten().try_for_each(|own| own.load(prefix, store))
    }
}

/// The numbers of a tensor, row-major.
///
/// # Panics
/// If the tensor is not of 32-bit floats, which no tensor here is.
#[must_use]
pub fn numbers<const D: usize>(tensor: &Tensor<D>) -> Vec<f32> {
    // What another holds too is copied twice on Burn's own way.
    copied(tensor).unwrap_or_else(|| into_numbers(tensor.clone()))
}

/// [`numbers`] of a tensor that is not needed any more: not copied if no other holds them.
///
/// # Panics
/// As [`numbers`].
#[must_use]
pub fn into_numbers<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().try_into_vec::<f32>().expect("all tensors here are f32")
}

/// Rows of a table that are worth a thread's while.
const ROWS_A_TASK: usize = 32;

/// A table of word codes, of which a batch touches few rows and of which the first can learn.
///
/// Only touched rows are updated: AdamW whose moments and decay stand still while a row is away, with the bias
/// correction of the global step (the "lazy" variant). An epoch so costs what its texts hold, not what the vocabulary
/// holds.
#[derive(Clone)]
pub struct Rows {
    codes: WordCodes,
    /// Of the rows that can learn; empty until the first step.
    moment_1: Vec<f32>,
    moment_2: Vec<f32>,
    time: usize,
}

impl Rows {
    /// A row a word. Those that can learn are kept within the bounds of their scale by every update.
    #[must_use]
    pub fn new(codes: WordCodes) -> Self {
        Self { codes, moment_1: Vec::new(), moment_2: Vec::new(), time: 0 }
    }

    /// The codes as they are now.
    #[must_use]
    pub fn codes(&self) -> &WordCodes {
        &self.codes
    }

    /// Whether any row can learn.
    #[must_use]
    pub fn can_learn(&self) -> bool {
        !self.codes.learnt().is_empty()
    }

    /// The numbers of some rows, in order.
    #[must_use]
    pub fn gather(&self, rows: &[u32]) -> Vec<f32> {
        self.gather_times(rows, 1.0)
    }

    /// The numbers of some rows, in order, times `factor`.
    #[must_use]
    pub fn gather_times(&self, rows: &[u32], factor: f32) -> Vec<f32> {
        let dimension = self.codes.dimension();
        let mut out = vec![0.0; rows.len() * dimension];
        let parts = out.par_chunks_exact_mut(dimension).zip(rows).with_min_len(ROWS_A_TASK);
        parts.for_each(|(out, &row)| self.codes.write(row, factor, out));
        out
    }

    /// One step along `gradient`, the gradient of [`Self::gather`] of the same rows, of which no two may be the same.
    ///
    /// # Panics
    /// If a row that can learn stands there twice.
    pub fn update(&mut self, optimiser: &AdamW, learning_rate: f64, rows: &[u32], gradient: &[f32]) {
        let (dimension, length) = (self.codes.dimension(), self.codes.learnt().len());
        let trainable = length / dimension.max(1);
        self.time += 1;
        self.moment_1.resize(length, 0.0);
        self.moment_2.resize(length, 0.0);
        let (time, (low, high)) = (self.time, self.codes.scale().bounds());
        let mut learning: Vec<usize> = (0..rows.len()).filter(|&i| (rows[i] as usize) < trainable).collect();
        learning.sort_unstable_by_key(|&i| rows[i]);
        // Each row with its moments, for the threads to share: the tables are cut in the order of the rows.
        let mut tables = [self.codes.learnt_mut(), &mut self.moment_1[..], &mut self.moment_2[..]];
        let mut next = 0;
        let parts: Vec<_> = learning
            .iter()
            .map(|&i| {
                let row = rows[i] as usize;
                let skip = row.checked_sub(next).expect("no row twice") * dimension;
                next = row + 1;
                let [values, moment_1, moment_2] = tables.each_mut().map(|table| {
                    let (_, rest) = std::mem::take(table).split_at_mut(skip);
                    let (own, rest) = rest.split_at_mut(dimension);
                    *table = rest;
                    own
                });
                (Learning { values, moment_1, moment_2 }, &gradient[i * dimension..][..dimension])
            })
            .collect();
        parts.into_par_iter().with_min_len(ROWS_A_TASK).for_each(|(learning, gradient)| {
            let Learning { values, moment_1, moment_2 } = learning;
            optimiser.step(learning_rate, time, Learning { values, moment_1, moment_2 }, gradient);
            values.iter_mut().for_each(|x| *x = x.clamp(low, high));
        });
    }

    /// Puts the values that can have changed into a checkpoint.
    pub fn save_values(&self, prefix: &str, store: &mut Store) {
        store.put(format!("{prefix}codes"), self.codes.learnt().to_vec());
    }

    /// Puts all that can have changed into a checkpoint.
    pub fn save(&self, prefix: &str, store: &mut Store) {
        self.save_values(prefix, store);
        if self.time > 0 {
            store.put(format!("{prefix}codes.moment_1"), self.moment_1.clone());
            store.put(format!("{prefix}codes.moment_2"), self.moment_2.clone());
            store.put_number(format!("{prefix}codes.time"), self.time as u64);
        }
    }

    /// Takes it back; without moments in the store, there are none.
    ///
    /// # Errors
    /// If a part is missing or has another length.
    pub fn load(&mut self, prefix: &str, store: &Store) -> spiketext::Result<()> {
        let length = self.codes.learnt().len();
        self.codes.learnt_mut().copy_from_slice(&store.get(&format!("{prefix}codes"), length)?);
        let time = format!("{prefix}codes.time");
        let is_kept = store.number(&time).is_some();
        self.time = if is_kept { store.count(&time, MOST_STEPS)? } else { 0 };
        if is_kept {
            self.moment_1 = store.get(&format!("{prefix}codes.moment_1"), length)?;
            self.moment_2 = store.get(&format!("{prefix}codes.moment_2"), length)?;
        } else {
            (self.moment_1, self.moment_2) = (Vec::new(), Vec::new());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::codes::CodeScale;

    /// Numbers of many sizes, zeros among them.
    fn sequence(count: usize, seed: u32) -> Vec<f32> {
        (0..count as u32)
            .map(|i| {
                let bits = (i + 1).wrapping_mul(2_654_435_761).wrapping_add(seed.wrapping_mul(40_503));
                let sign = if bits & 1 == 0 { 1.0 } else { -1.0 };
                if bits.is_multiple_of(7) { 0.0 } else { sign * (2f32).powi((bits >> 8) as i32 % 30 - 25) }
            })
            .collect()
    }

    /// AdamW composed of tensor operations, one pass over the memory each: what the kernel fuses.
    struct Composed {
        value: Tensor<2>,
        moment_1: Tensor<2>,
        moment_2: Tensor<2>,
        time: i32,
    }

    impl Composed {
        fn new(value: &Tensor<2>) -> Self {
            let zeros = value.zeros_like();
            Self { value: value.clone(), moment_1: zeros.clone(), moment_2: zeros, time: 0 }
        }

        fn step(&mut self, optimiser: &AdamW, rate: f64, gradient: &Tensor<2>) {
            let (beta_1, beta_2) = (optimiser.beta_1, optimiser.beta_2);
            self.time += 1;
            self.moment_1 = self.moment_1.clone() * beta_1 + gradient.clone() * (1.0 - beta_1);
            self.moment_2 = self.moment_2.clone() * beta_2 + gradient.clone().square() * (1.0 - beta_2);
            let mean = self.moment_1.clone() / (1.0 - beta_1.powi(self.time));
            let square = self.moment_2.clone() / (1.0 - beta_2.powi(self.time));
            let decay = 1.0 - rate * f64::from(optimiser.weight_decay);
            self.value = self.value.clone() * decay - mean / (square.sqrt() + optimiser.epsilon) * rate;
        }
    }

    #[test]
    fn the_kernel_steps_as_tensor_operations_do() {
        let device = Device::flex();
        let shape = [37, 11];
        let count = shape.iter().product();
        for decay in [0.0, 1e-2] {
            let optimiser = adamw(decay);
            let wide = CodeScale { centred: true, range: 1e9 };
            let mut parameter = Parameter::new("p", sequence(count, 1), shape, &device);
            let mut rows = Rows::new(WordCodes::of_codes(sequence(count, 1), shape[1], wide));
            let mut composed = Composed::new(&parameter.value);
            for step in 2..40 {
                let rate = 1e-2 / f64::from(step);
                let gradient = sequence(count, step);
                let tensor = Tensor::<2>::from_data(TensorData::new(gradient.clone(), shape), &device);
                composed.step(&optimiser, rate, &tensor);
                let leaf = parameter.leaf();
                let mut gradients = (leaf.clone() * tensor.autodiff()).sum().backward();
                parameter.update(&optimiser, rate, leaf, &mut gradients);
                // Rows in another order than that of the table.
                let order: Vec<u32> = (0..shape[0] as u32).rev().collect();
                let turned: Vec<f32> = gradient.chunks_exact(shape[1]).rev().flatten().copied().collect();
                rows.update(&optimiser, rate, &order, &turned);
                let (want, got) = (numbers(&composed.value), parameter.values());
                assert!(want.iter().zip(&got).all(|(a, b)| a.to_bits() == b.to_bits()), "step {step}, decay {decay}");
                assert_eq!(rows.codes().learnt(), got, "step {step}, decay {decay}: rows");
            }
        }
    }

    #[test]
    fn rows_that_are_away_stand_still_and_codes_stay_in_range() {
        let mut rows =
            Rows::new(WordCodes::new(Arc::new(vec![0.5; 8]), 2, 3, CodeScale { centred: false, range: 3.0 }));
        rows.update(&adamw(0.0), 10.0, &[2, u32::MAX, 0, 3], &[1.0, -1.0, 9.0, 9.0, -1.0, 1.0, 9.0, 9.0]);
        assert_eq!(rows.codes().iter().collect::<Vec<_>>(), [1.0, 0.0, 0.5, 0.5, 0.0, 1.0, 0.5, 0.5]);
        assert_eq!(rows.gather(&[3, 7]), [0.5; 4]);
    }
}
