//! From a model to a graph: one chain of nodes that every reader runs, for texts of one length.
//!
//! ```text
//! Input [channels, L, 1]                    words, presence, onset (see `layout`)
//! Conv2d -> IF                              each convolution; kernels square, weights in their middle column alone
//! Flatten -> Affine -> IF                   pooling and the neurons of the pooled features, or what reads the sums
//! Affine -> IF                              dense layers
//! Affine (-> IF) -> Output                  the read-out; of a membrane read-out the sum over time is the score
//! ```
//!
//! What NIR cannot say is carried in other ways, exactly:
//!
//! - A first membrane is a charge that the input channel `onset` gives in the first step. Later layers get it through
//!   *relays*: neurons that fire when the neuron they copy does, in the same step.
//! - What goes around a residual block goes through relays inside of it.
//! - Pooling adds up; thresholds are multiplied by the positions, as in the plain engine.
//! - Where a text is divided by its tokens, a neuron counts them for the biases of the read-out, and a channel
//!   silences the positions past its end. So scores are those of the model times the tokens.
//!
//! **Ties decide nothing.** Weights are whole multiples of a unit, and so are membranes between resets to 0. A
//! threshold is put half a unit above the last multiple that does not fire: then `>` and `>=` are one, and rounding
//! of readers that compute in single precision is far below what would matter. Readers want one threshold a layer;
//! where it differs between neurons, the weights of each are divided by its own.

mod rows;
mod told;

use std::collections::BTreeMap;

use spiketext::{
    Error, Result,
    model::Model,
    network::{LayerConfig, LayerWeights, Leaf, Network, Padding},
};
use spiketext_kernels::{Drive, NeuronParameters, Reset};

use rows::{Fire, Rows, SquareKernel, first_charge};
use told::not_carried;

use crate::{
    array::Array,
    graph::{Convolution, Flaw, Graph, Node},
    layout::{Channel, Layout},
    target::Target,
};

/// The length of a text where a model does not say how long its training texts were.
const LENGTH: usize = 32;
/// The longest that is chosen without being asked for.
const LONGEST_UNASKED: usize = 128;
/// The most weights of a node.
const MOST_WEIGHTS: usize = 1 << 26;

/// A model as a graph.
#[derive(Clone, Debug, PartialEq)]
pub struct Export {
    /// The chain of nodes.
    pub graph: Graph,
    /// What its inputs mean.
    pub layout: Layout,
    /// What the file does not hold, or not exactly, a sentence each.
    pub not_carried: Vec<String>,
}

/// Writes `model` as a graph for texts of `length` tokens: by default its padded length, else one by its training
/// texts.
///
/// # Errors
/// If the target cannot have what the model is; the message names the choice of `train` that helps.
pub fn export(model: &Model, target: Target, length: Option<usize>) -> Result<Export> {
    let network = model.network();
    check(network, target)?;
    let length = choose_length(model, length)?;
    let needs = Needs::of(network);
    let layout = layout(network, target, length, &needs);
    let mut making = Making { network, layout: &layout, needs, graph: Graph::default(), last: String::new() };
    making.nodes()?;
    let graph = making.graph;
    let not_carried = not_carried(model, &layout);
    Ok(Export { graph, layout, not_carried })
}

fn refuse<T>(expected: impl Into<String>, got: impl Into<String>) -> Result<T> {
    Err(Error::invalid("export", expected, got))
}

/// Refuses what the target cannot have.
fn check(network: &Network, target: Target) -> Result<()> {
    let config = network.config();
    if config.encoder.drive() != Drive::Spikes {
        let expected = "an encoder whose inputs are plain spikes (network.encoder=regular, for one)";
        return refuse(expected, config.encoder.name());
    }
    if config.steps == 1 {
        // A membrane is never read again.
        return Ok(());
    }
    for leaf in config.chain.leaves() {
        let Some(neuron) = leaf.layer.firing_neuron() else { continue };
        let (path, kind) = (&leaf.path, leaf.layer.kind());
        match (neuron.reset, target.rule().subtracts) {
            (Reset::Soft, false) => {
                let expected = "a hard reset: NIR says where a membrane goes after a spike and cannot say that the threshold is \
                                taken away (train with --reset hard, or export with --target sinabs, which subtracts)";
                return refuse(expected, format!("a soft reset in layer {path} ({kind})"));
            }
            (Reset::Hard, true) => {
                let expected = "a soft reset for sinabs, whose neurons subtract their threshold (train with --reset soft, or \
                                another --target)";
                return refuse(expected, format!("a hard reset in layer {path} ({kind})"));
            }
            _ => {}
        }
    }
    Ok(())
}

/// How many tokens a text has in the file.
fn choose_length(model: &Model, asked: Option<usize>) -> Result<usize> {
    let config = model.network().config();
    let widest = config.convolution().widths.iter().copied().max().unwrap_or(1);
    if let Padding::Padded { length } = config.padding {
        return match asked {
            Some(asked) if asked != length => {
                let expected = format!("a --length of {length}, the tokens that this model reads");
                refuse(expected, asked.to_string())
            }
            _ if length < widest => refuse(format!("texts of at least {widest} tokens"), length.to_string()),
            _ => Ok(length),
        };
    }
    match (asked, model.training().tokens) {
        (Some(asked), _) if !(widest..=1 << 12).contains(&asked) => {
            let expected = format!("a --length from {widest}, the widest kernel, to {}", 1 << 12);
            refuse(expected, asked.to_string())
        }
        (Some(asked), _) => Ok(asked),
        // Shorter texts are exact: so most texts shall find room.
        (None, Some([_, most, _])) if config.padding == Padding::Tokens => {
            Ok(most.clamp(widest, LONGEST_UNASKED.max(widest)))
        }
        (None, Some([middle, ..])) => Ok(middle.clamp(widest, LONGEST_UNASKED.max(widest))),
        (None, None) => Ok(LENGTH.max(widest)),
    }
}

/// What must go beside the channels of the layers.
struct Needs {
    /// The last leaf that wants the first step told, if any but the first does.
    onset_until: Option<usize>,
    /// The spikes of which leaf go around, at each leaf that must hand them on.
    around: BTreeMap<usize, usize>,
    /// Whether tokens are counted and positions past the end silenced.
    tokens: bool,
}

impl Needs {
    fn of(network: &Network) -> Self {
        let config = network.config();
        let leaves = config.chain.leaves();
        let onset = |leaf: &Leaf| {
            leaf.layer
                .firing_neuron()
                .is_some_and(|neuron| config.steps > 1 && first_charge(neuron, neuron.threshold) > 0.0)
        };
        let onset_until = leaves.iter().rposition(onset);
        let mut around = BTreeMap::new();
        for (end, from) in leaves.iter().enumerate().filter_map(|(end, leaf)| Some((end, leaf.shortcut?))) {
            around.extend((from + 1..end).map(|inside| (inside, from)));
        }
        Self { onset_until, around, tokens: config.padding == Padding::Tokens }
    }
}

fn layout(network: &Network, target: Target, length: usize, needs: &Needs) -> Layout {
    let config = network.config();
    let presence = network.weights().layers[0].presence.iter().any(|&current| current != 0.0);
    let mut further = Vec::new();
    further.extend(presence.then_some(Channel::Presence));
    // With soft resets ties are broken in the first step.
    let breaks_ties = target.rule().subtracts && config.steps > 1;
    further.extend((needs.onset_until.is_some() || breaks_ties).then_some(Channel::Onset));
    if needs.tokens {
        further.push(Channel::Token);
        further.extend(config.convolution().widths.iter().map(|&width| Channel::Past(width)));
    }
    Layout { target, steps: config.steps, length, dimension: config.dimension(), further }
}

/// Spikes on their way from one layer to the next.
#[derive(Clone, Debug)]
struct Signal {
    /// Channels of the layer itself.
    own: usize,
    /// Relays of the first step, of the tokens, and the first of those that go around a residual block.
    onset: Option<usize>,
    tokens: Option<usize>,
    around: Option<usize>,
    /// All channels.
    total: usize,
    /// Positions of each; 1 behind the pooling.
    height: usize,
    /// Of each kernel width the first position of a text of full length, and how many it has.
    valid: Vec<(usize, usize)>,
}

struct Making<'a> {
    network: &'a Network,
    layout: &'a Layout,
    needs: Needs,
    graph: Graph,
    last: String,
}

impl Making<'_> {
    fn push(&mut self, name: String, node: Node) {
        if !self.last.is_empty() {
            self.graph.edges.push([self.last.clone(), name.clone()]);
        }
        self.graph.nodes.insert(name.clone(), node);
        self.last = name;
    }

    fn nodes(&mut self) -> Result<()> {
        let network = self.network;
        self.push("input".into(), Node::Input(self.layout.shape().to_vec()));
        let mut signal = None;
        for (at, (leaf, weights)) in network.layers().enumerate() {
            signal = Some(match (&leaf.layer, signal) {
                (LayerConfig::TextConvolution { neuron, .. }, None) => {
                    self.text_convolution(leaf, weights, neuron)?
                }
                (LayerConfig::Convolution { width, neuron, .. }, Some(before)) => {
                    self.convolution(at, leaf, weights, (*width, neuron), &before)?
                }
                (LayerConfig::Pooling, Some(before)) => {
                    self.push("flatten".into(), Node::Flatten { start: 0, end: -1 });
                    before
                }
                (_, Some(before)) => self.dense(at, leaf, weights, &before)?,
                (layer, None) => unreachable!("no chain begins with {}", layer.kind()),
            });
        }
        let outputs = network.config().outputs();
        self.push("output".into(), Node::Output(vec![outputs]));
        // What was put together must fit.
        self.graph.chain().map(drop).map_err(|Flaw { expected, got }| Error::invalid("export", expected, got))
    }

    /// The strength with which a relay is driven: it fires at once, and what a subtracting reader leaves in it never
    /// adds up to a second spike.
    fn relay(&self, threshold: f64) -> f32 {
        (threshold * (1.0 + 0.25 / self.layout.steps as f64)) as f32
    }

    /// Whether neurons of a reader that fire several times a step must be kept from it, and can be.
    fn fires_once(&self) -> bool {
        self.layout.steps == 1 && self.layout.target.rule().subtracts
    }

    /// Whether a layer hands the first step on.
    fn hands_onset_on(&self, at: usize) -> bool {
        self.needs.onset_until.is_some_and(|last| at < last)
    }

    fn unit(&self, at: usize) -> f64 {
        self.network.synapses(at).grid.unit().into()
    }

    /// Kernels over the words.
    fn text_convolution(&mut self, leaf: &Leaf, weights: &LayerWeights, neuron: &NeuronParameters) -> Result<Signal> {
        let (shape, _) = self.network.config().chain.text_convolution();
        let (layout, filters) = (self.layout, shape.filters);
        let widest = shape.widths.iter().copied().max().unwrap_or(1);
        // Further convolutions see silence past the ends of a text: then there must be no position but its own.
        let leaves = self.network.config().chain.leaves();
        let own_positions = leaves.iter().any(|leaf| matches!(leaf.layer, LayerConfig::Convolution { .. }));
        let reach = if own_positions { widest } else { 2 * (widest / 2) + 1 };
        let (height, middle) =
            if own_positions { (layout.length - widest + 1, 0) } else { (layout.length, widest / 2) };
        let mut signal = Signal {
            own: leaf.outputs,
            onset: None,
            tokens: None,
            around: None,
            total: leaf.outputs,
            height,
            valid: Vec::new(),
        };
        let mut more = || {
            signal.total += 1;
            Some(signal.total - 1)
        };
        signal.onset = if self.hands_onset_on(0) { more() } else { None };
        signal.tokens = if self.needs.tokens { more() } else { None };
        let channels = layout.channels();
        let mut kernel = SquareKernel::new(signal.total, channels, reach)?;
        let fire = Fire::of(neuron, neuron.threshold, self.unit(0), layout);
        let columns = shape.products();
        for (which, &width) in shape.widths.iter().enumerate() {
            // The first of a text's own positions, among all that the padded kernel has.
            let first = if own_positions { 0 } else { (width - 1) / 2 };
            signal.valid.push((first, layout.length - width + 1));
            for filter in 0..filters {
                let row = which * filters + filter;
                let mut most = f64::from(weights.bias[row]).max(0.0) + fire.first.max(0.0) + fire.threshold;
                for tap in 0..width {
                    let column = shape.first_product(which) + tap * filters + filter;
                    let place = tap + middle - first;
                    let mut put = |channel: usize, weight: f32| {
                        kernel.set(row, channel, place, weight);
                        most += f64::from(weight.max(0.0));
                    };
                    (0..layout.dimension).for_each(|d| put(d, weights.synapses[d * columns + column]));
                    if let Some(presence) = layout.channel(Channel::Presence) {
                        put(presence, weights.presence[column]);
                    }
                }
                if let Some(past) = layout.channel(Channel::Past(width)) {
                    (0..width).for_each(|tap| kernel.set(row, past, tap + middle - first, -most.ceil() as f32));
                }
            }
        }
        let mut bias: Vec<f64> = weights.bias.iter().map(|&bias| bias.into()).collect();
        match layout.channel(Channel::Onset) {
            Some(onset) => (0..leaf.outputs).for_each(|row| kernel.set(row, onset, middle, fire.first as f32)),
            None => bias.iter_mut().for_each(|bias| *bias += fire.first),
        }
        bias.resize(signal.total, 0.0);
        let relays = [(signal.onset, Channel::Onset), (signal.tokens, Channel::Token)];
        for (row, channel) in relays.into_iter().filter_map(|(row, channel)| Some((row?, layout.channel(channel)?))) {
            kernel.set(row, channel, middle, self.relay(fire.threshold));
        }
        let rows = Rows { weight: kernel.weight, bias, fires: vec![fire; signal.total] };
        let padding = if own_positions { [0, reach / 2] } else { [reach / 2; 2] };
        self.square(leaf, rows, padding, neuron, &signal)?;
        Ok(signal)
    }

    /// Kernels over positions, as many positions out as in.
    fn convolution(
        &mut self,
        at: usize,
        leaf: &Leaf,
        weights: &LayerWeights,
        (width, neuron): (usize, &NeuronParameters),
        before: &Signal,
    ) -> Result<Signal> {
        let (filters, middle) = (leaf.outputs, width / 2);
        let mut signal = Signal {
            own: filters,
            onset: None,
            tokens: None,
            around: None,
            total: filters,
            height: before.height,
            valid: before.valid.clone(),
        };
        if self.hands_onset_on(at) {
            signal.onset = Some(signal.total);
            signal.total += 1;
        }
        // The spikes that go around: those of the layer before, or what it hands on.
        let around = |from: usize| if from + 1 == at { Some(0) } else { before.around };
        let carried =
            self.needs.around.get(&at).map(|&from| (from, self.network.config().chain.leaves()[from].outputs));
        if let Some((_, channels)) = carried {
            signal.around = Some(signal.total);
            signal.total += channels;
        }
        let mut kernel = SquareKernel::new(signal.total, before.total, 2 * middle + 1)?;
        let columns = width * filters;
        for row in 0..filters {
            for channel in 0..before.own {
                for tap in 0..width {
                    let weight = weights.synapses[channel * columns + tap * filters + row];
                    kernel.set(row, channel, tap + middle - (width - 1) / 2, weight);
                }
            }
            if let Some(first) = leaf.shortcut.and_then(around) {
                // The same channel may come in at the same place already.
                kernel.add(row, first + row, middle, weights.shortcut[row]);
            }
        }
        let fire = Fire::of(neuron, neuron.threshold, self.unit(at), self.layout);
        let mut bias: Vec<f64> = weights.bias.iter().map(|&bias| bias.into()).collect();
        match before.onset {
            Some(onset) => {
                (0..filters).for_each(|row| kernel.set(row, onset, middle, fire.first as f32));
            }
            None if self.layout.steps == 1 => bias.iter_mut().for_each(|bias| *bias += fire.first),
            None => {}
        }
        bias.resize(signal.total, 0.0);
        let relay = self.relay(fire.threshold);
        if let (Some(row), Some(onset)) = (signal.onset, before.onset) {
            kernel.set(row, onset, middle, relay);
        }
        if let (Some(row), Some((from, channels))) = (signal.around, carried) {
            let first = around(from).unwrap_or(0);
            (0..channels).for_each(|channel| kernel.set(row + channel, first + channel, middle, relay));
        }
        let rows = Rows { weight: kernel.weight, bias, fires: vec![fire; signal.total] };
        self.square(leaf, rows, [middle; 2], neuron, &signal)?;
        Ok(signal)
    }

    /// Writes a convolution of square kernels and its neurons.
    fn square(
        &mut self,
        leaf: &Leaf,
        mut rows: Rows,
        padding: [usize; 2],
        neuron: &NeuronParameters,
        signal: &Signal,
    ) -> Result<()> {
        let reach = rows.weight.shape[2];
        let mut threshold = rows.fires[0].threshold;
        if self.fires_once() {
            threshold = rows.lifted(threshold);
        }
        let convolution = Convolution {
            axes: 2,
            weight: rows.weight,
            bias: rows.bias.iter().map(|&bias| bias as f32).collect(),
            // Of an even kernel two places fit across, of which the first sees the text through its middle column.
            stride: [1, if reach.is_multiple_of(2) { 2 } else { 1 }],
            padding: padding.map(|size| [size; 2]),
            dilation: [1; 2],
            groups: 1,
        };
        self.push(node_name("weights", leaf), Node::Convolution(convolution));
        self.fire(leaf, &[signal.total, signal.height, 1], threshold, neuron)
    }

    fn fire(&mut self, leaf: &Leaf, shape: &[usize], threshold: f64, neuron: &NeuronParameters) -> Result<()> {
        let beta = if self.layout.steps == 1 { 1.0 } else { f64::from(neuron.beta) };
        let neurons = self.layout.target.neurons(shape, threshold, beta)?;
        self.push(node_name("neurons", leaf), Node::Neurons(neurons));
        Ok(())
    }

    /// Layers that see the whole text.
    fn dense(&mut self, at: usize, leaf: &Leaf, weights: &LayerWeights, before: &Signal) -> Result<Signal> {
        let outputs = leaf.outputs;
        let onset_row = self.hands_onset_on(at).then_some(outputs);
        let total = outputs + usize::from(onset_row.is_some());
        let inputs = before.total * before.height;
        if total.saturating_mul(inputs) > MOST_WEIGHTS {
            let expected = format!("at most {MOST_WEIGHTS} weights of a node (a smaller --length, fewer filters)");
            return refuse(expected, format!("{total} x {inputs} of layer {}", leaf.path));
        }
        let mut weight = Array::full(&[total, inputs], 0.0f32);
        let mut bias = vec![0.0; total];
        let mut fires = Vec::new();
        let mut put = |row: usize, channel: usize, place: usize, value: f32| {
            weight.values[row * inputs + channel * before.height + place] = value;
        };
        let pooled = before.height > 1 || !before.valid.is_empty();
        let widths = before.valid.len().max(1);
        let filters = before.own / widths;
        let positions = |channel: usize| before.valid.get(channel / filters).copied().unwrap_or((0, 1));
        let neuron = leaf.layer.firing_neuron();
        if matches!(leaf.layer, LayerConfig::Neurons { .. }) {
            for channel in 0..outputs {
                let (first, count) = positions(channel);
                (first..first + count).for_each(|place| put(channel, channel, place, 1.0));
                if let Some(neuron) = neuron {
                    let threshold = count as f32 * weights.thresholds[channel] * neuron.threshold;
                    fires.push(Fire::of(neuron, threshold, 1.0, self.layout));
                }
            }
        } else {
            for channel in 0..before.own {
                let (first, count) = positions(channel);
                let share = if self.needs.tokens || !pooled { 1.0 } else { count as f32 };
                for row in 0..outputs {
                    let value = weights.synapses[channel * outputs + row] / share;
                    (first..first + count).for_each(|place| put(row, channel, place, value));
                }
            }
            for (row, &own) in weights.bias.iter().enumerate() {
                match before.tokens {
                    // Once for each token of the text.
                    Some(tokens) => (0..before.height).for_each(|place| put(row, tokens, place, own)),
                    None => bias[row] = own.into(),
                }
            }
            if let Some(neuron) = neuron {
                // Shares of positions are on no grid.
                let fire = if pooled {
                    Fire { threshold: neuron.threshold.into(), first: first_charge(neuron, neuron.threshold) }
                } else {
                    Fire::of(neuron, neuron.threshold, self.unit(at), self.layout)
                };
                fires = vec![fire; outputs];
            }
        }
        for (row, fire) in fires.iter().enumerate() {
            match before.onset {
                Some(onset) => put(row, onset, 0, fire.first as f32),
                None if self.layout.steps == 1 => bias[row] += fire.first,
                None => {}
            }
        }
        if let (Some(row), Some(onset), Some(&fire)) = (onset_row, before.onset, fires.first()) {
            put(row, onset, 0, self.relay(fire.threshold));
            fires.push(fire);
        }
        let (mut rows, mut threshold) = Rows { weight, bias, fires }.of_one_threshold();
        if neuron.is_some() && self.fires_once() {
            threshold = rows.lifted(threshold);
        }
        let bias = Some(rows.bias.iter().map(|&bias| bias as f32).collect());
        self.push(node_name("weights", leaf), Node::Affine { weight: rows.weight, bias });
        if let Some(neuron) = neuron {
            self.fire(leaf, &[total], threshold, neuron)?;
        }
        Ok(Signal { own: outputs, onset: onset_row, tokens: None, around: None, total, height: 1, valid: Vec::new() })
    }
}

/// The name of a leaf's node, without full stops, for which some readers have no use.
pub(crate) fn node_name(what: &str, leaf: &Leaf) -> String {
    format!("{what}_{}", leaf.path.replace('.', "_"))
}
