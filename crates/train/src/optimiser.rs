//! Trainable numbers with their optimiser state (AdamW, Loshchilov and Hutter 2019, as Burn implements it).

use burn::{
    optim::{AdamW, AdamWConfig, AdamWState, AdaptiveMomentumState, Optimizer},
    tensor::{Device, Gradients, Tensor, TensorData},
};

use crate::store::Store;

/// AdamW with the published betas and epsilon.
#[must_use]
pub fn adamw(weight_decay: f32) -> AdamW {
    AdamWConfig::new().with_beta_1(0.9).with_beta_2(0.999).with_epsilon(1e-8).with_weight_decay(weight_decay).build()
}

/// A trainable array and the moments of its gradient.
#[derive(Clone)]
pub struct Parameter<const D: usize> {
    name: &'static str,
    value: Tensor<D>,
    state: Option<AdamWState<D>>,
}

impl<const D: usize> Parameter<D> {
    /// A parameter that starts at `values`.
    ///
    /// # Panics
    /// If `values` does not fill `shape`.
    #[must_use]
    pub fn new(name: &'static str, values: Vec<f32>, shape: [usize; D], device: &Device) -> Self {
        Self { name, value: Tensor::from_data(TensorData::new(values, shape), device), state: None }
    }

    /// The value as a leaf of a new graph.
    #[must_use]
    pub fn leaf(&self) -> Tensor<D> {
        self.value.clone().autodiff().require_grad()
    }

    /// `values` in the place of the value (as it is after rounding, say) as a leaf of a new graph. [`Self::update`] takes
    /// its gradient for that of the value.
    ///
    /// # Panics
    /// If `values` does not fill the shape.
    #[must_use]
    pub fn leaf_of(&self, values: Vec<f32>) -> Tensor<D> {
        let data = TensorData::new(values, self.value.dims());
        Tensor::from_data(data, &self.value.device()).autodiff().require_grad()
    }

    /// The value as numbers, row-major.
    #[must_use]
    pub fn values(&self) -> Vec<f32> {
        numbers(&self.value)
    }

    /// One step of `optimiser` along the gradient of `leaf`; nothing happens if the loss did not depend on it.
    pub fn update(&mut self, optimiser: &AdamW, learning_rate: f64, leaf: &Tensor<D>, gradients: &Gradients) {
        if let Some(gradient) = leaf.grad(gradients) {
            let (value, state) = optimiser.step(learning_rate, self.value.clone(), gradient, self.state.take());
            self.value = value;
            self.state = state;
        }
    }

    /// Puts value and moments under the parameter's name.
    pub fn save(&self, prefix: &str, store: &mut Store) {
        let name = format!("{prefix}{}", self.name);
        if let Some(AdamWState { momentum }) = &self.state {
            store.put(format!("{name}.moment_1"), numbers(&momentum.moment_1));
            store.put(format!("{name}.moment_2"), numbers(&momentum.moment_2));
            store.put_number(format!("{name}.time"), momentum.time as u64);
        }
        store.put(name, self.values());
    }

    /// Takes value and moments back.
    ///
    /// # Errors
    /// If one is missing or has another length.
    pub fn load(&mut self, prefix: &str, store: &Store) -> spiketext::Result<()> {
        let name = format!("{prefix}{}", self.name);
        let (shape, device) = (self.value.dims(), self.value.device());
        let length = shape.iter().product();
        let tensor = |values: Vec<f32>| Tensor::<D>::from_data(TensorData::new(values, shape), &device);
        self.value = tensor(store.get(&name, length)?);
        self.state = match store.number(&format!("{name}.time")) {
            Some(time) => Some(AdamWState::new(AdaptiveMomentumState::new(
                time as usize,
                tensor(store.get(&format!("{name}.moment_1"), length)?),
                tensor(store.get(&format!("{name}.moment_2"), length)?),
            ))),
            None => None,
        };
        Ok(())
    }
}

/// The numbers of a tensor, row-major.
///
/// # Panics
/// If the tensor is not of 32-bit floats, which no tensor here is.
#[must_use]
pub fn numbers<const D: usize>(tensor: &Tensor<D>) -> Vec<f32> {
    tensor.to_data().try_into_vec::<f32>().expect("all tensors here are f32")
}

/// A table of word codes, of which a batch touches few rows and of which the first `trainable` can learn.
///
/// Only touched rows are updated: AdamW whose moments and decay stand still while a row is away, with the bias
/// correction of the global step (the "lazy" variant). An epoch so costs what its texts hold, not what the vocabulary
/// holds.
#[derive(Clone)]
pub struct Rows {
    dimension: usize,
    values: Vec<f32>,
    /// What a row past the table (the unknown word) holds.
    missing: f32,
    trainable: usize,
    moment_1: Vec<f32>,
    moment_2: Vec<f32>,
    time: usize,
    range: (f32, f32),
}

impl Rows {
    /// Rows of `dimension` numbers of which the first `trainable` can learn, kept within `range` by every update.
    #[must_use]
    pub fn new(dimension: usize, values: Vec<f32>, trainable: usize, missing: f32, range: (f32, f32)) -> Self {
        let zeros = vec![0.0; trainable * dimension];
        Self { dimension, values, missing, trainable, moment_1: zeros.clone(), moment_2: zeros, time: 0, range }
    }

    /// All rows.
    #[must_use]
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// Whether any row can learn.
    #[must_use]
    pub fn can_learn(&self) -> bool {
        self.trainable > 0
    }

    /// The numbers of some rows, in order.
    #[must_use]
    pub fn gather(&self, rows: &[u32]) -> Vec<f32> {
        let mut out = Vec::with_capacity(rows.len() * self.dimension);
        for &row in rows {
            match self.values.get(self.span(row)) {
                Some(values) => out.extend_from_slice(values),
                None => out.resize(out.len() + self.dimension, self.missing),
            }
        }
        out
    }

    /// One step along `gradient`, the gradient of [`Self::gather`] of the same rows.
    pub fn update(&mut self, optimiser: &AdamW, learning_rate: f64, rows: &[u32], gradient: &[f32]) {
        let learning: Vec<usize> = (0..rows.len()).filter(|&i| (rows[i] as usize) < self.trainable).collect();
        let device = Device::flex();
        let shape = [learning.len(), self.dimension];
        let pick = |table: &[f32]| {
            let rows = learning.iter().flat_map(|&i| &table[self.span(rows[i])]).copied().collect::<Vec<f32>>();
            Tensor::<2>::from_data(TensorData::new(rows, shape), &device)
        };
        let own: Vec<f32> =
            learning.iter().flat_map(|&i| &gradient[i * self.dimension..][..self.dimension]).copied().collect();
        let own = Tensor::<2>::from_data(TensorData::new(own, shape), &device);
        let momentum = AdaptiveMomentumState::new(self.time, pick(&self.moment_1), pick(&self.moment_2));
        let (value, state) = optimiser.step(learning_rate, pick(&self.values), own, Some(AdamWState::new(momentum)));
        self.time += 1;
        let (low, high) = self.range;
        let clipped: Vec<f32> = numbers(&value).into_iter().map(|x| x.clamp(low, high)).collect();
        let spans: Vec<std::ops::Range<usize>> = learning.iter().map(|&i| self.span(rows[i])).collect();
        let put = |table: &mut [f32], values: &[f32]| {
            for (span, values) in spans.iter().zip(values.chunks_exact(self.dimension)) {
                table[span.clone()].copy_from_slice(values);
            }
        };
        put(&mut self.values, &clipped);
        if let Some(AdamWState { momentum }) = state {
            put(&mut self.moment_1, &numbers(&momentum.moment_1));
            put(&mut self.moment_2, &numbers(&momentum.moment_2));
        }
    }

    /// Puts what can have changed into a checkpoint.
    pub fn save(&self, prefix: &str, store: &mut Store) {
        store.put(format!("{prefix}codes"), self.values[..self.trainable * self.dimension].to_vec());
        store.put(format!("{prefix}codes.moment_1"), self.moment_1.clone());
        store.put(format!("{prefix}codes.moment_2"), self.moment_2.clone());
        store.put_number(format!("{prefix}codes.time"), self.time as u64);
    }

    /// Takes it back.
    ///
    /// # Errors
    /// If a part is missing or has another length.
    pub fn load(&mut self, prefix: &str, store: &Store) -> spiketext::Result<()> {
        let length = self.trainable * self.dimension;
        self.values[..length].copy_from_slice(&store.get(&format!("{prefix}codes"), length)?);
        self.moment_1 = store.get(&format!("{prefix}codes.moment_1"), length)?;
        self.moment_2 = store.get(&format!("{prefix}codes.moment_2"), length)?;
        self.time = store.number(&format!("{prefix}codes.time")).unwrap_or(0) as usize;
        Ok(())
    }

    fn span(&self, row: u32) -> std::ops::Range<usize> {
        row as usize * self.dimension..(row as usize + 1) * self.dimension
    }
}
