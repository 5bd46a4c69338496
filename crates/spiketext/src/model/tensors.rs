//! The numbers of a network as tensors of whole numbers, `model.safetensors` of a model directory (see
//! `docs/FORMAT.md`).
//!
//! Format 2 names each array of each leaf of the chain by the leaf's path: `0.synapses`, `1.0.bias`. Format 1 knew
//! one chain, under seven names of its own; it is read for ever.

use std::{collections::BTreeMap, path::Path};

use safetensors::{Dtype, SafeTensors, tensor::TensorView};

use crate::{
    Error, Result,
    network::{Codes, Grid, LayerWeights, Leaf, Network, NetworkConfig, SynapseBits, Weights},
};

/// What model directories say that they are.
pub(super) const FORMAT: &str = "spiketext-model";

/// The tensor of the words' rates.
const CODES: &str = "codes";

/// The tensor of the words' inputs that spike, in the place of that of rates.
const ACTIVE_CODES: &str = "active_codes";

/// The power of two that is the unit of each leaf's synapses, presence currents, biases and shortcut, by path.
pub(super) type Exponents = BTreeMap<String, i32>;

/// The units of a network.
pub(super) fn exponents(network: &Network) -> Exponents {
    let leaves = network.config().chain.leaves().iter().enumerate();
    leaves
        .filter(|(_, leaf)| leaf.sizes().synapses[0] > 0)
        .map(|(at, leaf)| (leaf.path.clone(), network.synapses(at).grid.exponent))
        .collect()
}

fn synapse_type(bits: SynapseBits) -> Dtype {
    match bits {
        // Small as they are: files are packed by whoever sends them.
        SynapseBits::Four | SynapseBits::Eight => Dtype::I8,
        SynapseBits::Sixteen => Dtype::I16,
    }
}

/// The shape of an array of a leaf.
fn shape_of(leaf: &Leaf, name: &str, length: usize) -> Vec<usize> {
    if name == "synapses" { leaf.sizes().synapses.to_vec() } else { vec![length] }
}

/// The weights as the bytes of a safetensors file, whole numbers all but the thresholds.
pub(super) fn to_bytes(network: &Network) -> Result<Vec<u8>> {
    let config = network.config();
    let shorts = |codes: &[u16]| codes.iter().flat_map(|code| code.to_le_bytes()).collect();
    let mut codes_shape = vec![network.words(), config.dimension()];
    let (codes_type, codes) = match &network.weights().codes {
        Codes::Eight(codes) => (Dtype::U8, codes.clone()),
        Codes::Sixteen(codes) => (Dtype::U16, shorts(codes)),
        Codes::Active { active, inputs } => {
            codes_shape[1] = *active;
            (Dtype::U16, shorts(inputs))
        }
    };
    let name = if matches!(network.weights().codes, Codes::Active { .. }) { ACTIVE_CODES } else { CODES };
    let mut arrays = vec![(name.to_owned(), codes_type, codes_shape, codes)];
    for (at, (leaf, layer)) in network.layers().enumerate() {
        let grid = network.synapses(at).grid;
        for (name, values) in layer.named().into_iter().filter(|(_, values)| !values.is_empty()) {
            let units = || values.iter().map(|&value| grid.units(value));
            let (dtype, bytes): (Dtype, Vec<u8>) = match (name, config.synapse_bits) {
                ("synapses" | "shortcut", SynapseBits::Four | SynapseBits::Eight) => {
                    (Dtype::I8, units().flat_map(|unit| (unit as i8).to_le_bytes()).collect())
                }
                ("synapses" | "shortcut", SynapseBits::Sixteen) => {
                    (Dtype::I16, units().flat_map(|unit| (unit as i16).to_le_bytes()).collect())
                }
                ("thresholds", _) => (Dtype::F32, values.iter().flat_map(|value| value.to_le_bytes()).collect()),
                _ => (Dtype::I32, units().flat_map(i32::to_le_bytes).collect()),
            };
            arrays.push((format!("{}.{name}", leaf.path), dtype, shape_of(leaf, name, values.len()), bytes));
        }
    }
    let wrong = |error: safetensors::SafeTensorError| {
        Error::invalid("save model", "tensors that can be written", error.to_string())
    };
    let views = arrays
        .iter()
        .map(|(name, dtype, shape, bytes)| Ok((name.as_str(), TensorView::new(*dtype, shape.clone(), bytes)?)))
        .collect::<std::result::Result<Vec<_>, _>>()
        .map_err(wrong)?;
    let metadata = std::collections::HashMap::from([("format".to_owned(), FORMAT.to_owned())]);
    safetensors::serialize(views, Some(metadata)).map_err(wrong)
}

/// A file of tensors whose every type and shape is checked as it is taken out.
struct TensorFile<'a> {
    path: &'a Path,
    tensors: SafeTensors<'a>,
}

impl<'a> TensorFile<'a> {
    fn open(path: &'a Path, bytes: &'a [u8]) -> Result<Self> {
        let tensors = SafeTensors::deserialize(bytes)
            .map_err(|error| Error::malformed(path, None, "a safetensors file", error.to_string()))?;
        Ok(Self { path, tensors })
    }

    fn broken<T>(&self, expected: &str, got: String) -> Result<T> {
        Err(Error::malformed(self.path, None, expected, got))
    }

    fn tensor(&self, name: &str, types: &[Dtype], shape: &[usize]) -> Result<TensorView<'_>> {
        let view = match self.tensors.tensor(name) {
            Ok(view) => view,
            Err(error) => return self.broken("a tensor of each name", error.to_string()),
        };
        if view.shape() != shape || !types.contains(&view.dtype()) {
            let expected = format!("'{name}' of {types:?} {shape:?}");
            return self.broken(&expected, format!("{:?} {:?}", view.dtype(), view.shape()));
        }
        Ok(view)
    }

    /// Whole numbers times a unit, or numbers in single precision as they are.
    fn numbers(&self, name: &str, dtype: Dtype, shape: &[usize], unit: f32) -> Result<Vec<f32>> {
        let view = self.tensor(name, &[dtype], shape)?;
        let data = view.data();
        Ok(match dtype {
            Dtype::I8 => data.iter().map(|&byte| f32::from(byte as i8) * unit).collect(),
            Dtype::I16 => data.as_chunks().0.iter().map(|b| f32::from(i16::from_le_bytes(*b)) * unit).collect(),
            Dtype::I32 => data.as_chunks().0.iter().map(|b| i32::from_le_bytes(*b) as f32 * unit).collect(),
            _ => data.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect(),
        })
    }

    fn codes(&self, dimension: usize) -> Result<Codes> {
        let shorts = |data: &[u8]| data.as_chunks().0.iter().map(|b| u16::from_le_bytes(*b)).collect();
        if let Ok(codes) = self.tensors.tensor(ACTIVE_CODES) {
            // How many words there are, and how many inputs of each, the codes themselves say.
            let shape = [0, 1].map(|axis| codes.shape().get(axis).copied().unwrap_or(0));
            let codes = self.tensor(ACTIVE_CODES, &[Dtype::U16], &shape)?;
            return Ok(Codes::Active { active: shape[1], inputs: shorts(codes.data()) });
        }
        let words = self.tensors.tensor(CODES).ok().and_then(|codes| codes.shape().first().copied()).unwrap_or(0);
        let codes = self.tensor(CODES, &[Dtype::U8, Dtype::U16], &[words, dimension])?;
        Ok(if codes.dtype() == Dtype::U8 {
            Codes::Eight(codes.data().to_vec())
        } else {
            Codes::Sixteen(shorts(codes.data()))
        })
    }

    fn unit(&self, exponent: i32) -> Result<f32> {
        if (-100..=100).contains(&exponent) {
            Ok(Grid { exponent }.unit())
        } else {
            self.broken("exponents from -100 to 100", exponent.to_string())
        }
    }

    fn count(&self, wanted: usize) -> Result<()> {
        if self.tensors.len() == wanted {
            return Ok(());
        }
        self.broken(&format!("{wanted} tensors"), self.tensors.len().to_string())
    }
}

/// Takes the weights of format 2 out of the file's bytes.
pub(super) fn read(path: &Path, bytes: &[u8], config: &NetworkConfig, exponents: &Exponents) -> Result<Weights> {
    let file = TensorFile::open(path, bytes)?;
    let synapses = synapse_type(config.synapse_bits);
    let known = |path: &String| config.chain.leaves().iter().any(|leaf| leaf.path == *path && leaf.sizes().bias > 0);
    if let Some(strange) = exponents.keys().find(|path| !known(path)) {
        return file.broken("exponents of layers with synapses", format!("one of layer {strange}"));
    }
    let mut tensors = 1;
    let mut layers = Vec::new();
    for leaf in config.chain.leaves() {
        let unit = match exponents.get(&leaf.path) {
            Some(&exponent) => file.unit(exponent)?,
            None if leaf.sizes().synapses[0] == 0 => 1.0,
            None => return file.broken(&format!("an exponent of layer {}", leaf.path), "none".into()),
        };
        let mut take = |name: &str, dtype: Dtype, length: usize| -> Result<Vec<f32>> {
            if length == 0 {
                return Ok(Vec::new());
            }
            tensors += 1;
            file.numbers(&format!("{}.{name}", leaf.path), dtype, &shape_of(leaf, name, length), unit)
        };
        let sizes = leaf.sizes();
        layers.push(LayerWeights {
            synapses: take("synapses", synapses, sizes.synapses[0] * sizes.synapses[1])?,
            presence: take("presence", Dtype::I32, sizes.presence)?,
            bias: take("bias", Dtype::I32, sizes.bias)?,
            shortcut: take("shortcut", synapses, sizes.shortcut)?,
            thresholds: take("thresholds", Dtype::F32, sizes.thresholds)?,
        });
    }
    file.count(tensors)?;
    Ok(Weights { codes: file.codes(config.dimension())?, layers })
}

/// Takes the weights of format 1 out of the file's bytes: one text convolution, neurons of the pooled features, a
/// read-out.
pub(super) fn read_format_1(
    path: &Path,
    bytes: &[u8],
    config: &NetworkConfig,
    (synapse_exponent, output_exponent): (i32, i32),
) -> Result<Weights> {
    let file = TensorFile::open(path, bytes)?;
    file.count(7)?;
    let (shape, outputs) = (config.convolution(), config.outputs());
    let (d, m, c) = (shape.dimension, shape.products(), shape.channels());
    let (unit, output_unit) = (file.unit(synapse_exponent)?, file.unit(output_exponent)?);
    let convolution = LayerWeights {
        synapses: file.numbers("synapses", Dtype::I16, &[d, m], unit)?,
        presence: file.numbers("presence", Dtype::I32, &[m], unit)?,
        bias: file.numbers("bias", Dtype::I32, &[c], unit)?,
        ..LayerWeights::default()
    };
    let features = LayerWeights {
        thresholds: file.numbers("feature_thresholds", Dtype::F32, &[c], 1.0)?,
        ..LayerWeights::default()
    };
    let output = LayerWeights {
        synapses: file.numbers("output_synapses", Dtype::I16, &[c, outputs], output_unit)?,
        bias: file.numbers("output_bias", Dtype::I32, &[outputs], output_unit)?,
        ..LayerWeights::default()
    };
    let layers = vec![convolution, LayerWeights::default(), features, output];
    Ok(Weights { codes: file.codes(d)?, layers })
}
