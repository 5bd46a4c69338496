//! From a graph back to a model: weights that were changed elsewhere, under the words of the model that was exported.
//!
//! The nodes must be those that the export writes for this model, in their order and of their shapes; their names are
//! free. Synapses, presence currents and biases are read from their places, divided by how much a threshold grew, and
//! rounded to the grid. Then the new model is exported again and laid beside the file: so whatever the file holds
//! that the model has no place for (a pooling that was trained, relays, other parameters of neurons) is found and
//! named.

use spiketext::{
    Error, Result,
    model::Model,
    network::{LayerConfig, LayerWeights, Network, Weights},
};

use crate::{
    array::shape_name,
    export::{Export, export},
    graph::{Flaw, Graph, Link, Neurons, Node},
    layout::{Channel, Layout},
    simulate::gains,
    target::{Rule, Target},
};

/// What came back.
#[derive(Clone, Debug)]
pub struct Import {
    /// The model with the weights of the file.
    pub model: Model,
    /// Numbers of the network (synapses, presence currents, biases) that are not what they were.
    pub changed: usize,
    /// All such numbers.
    pub numbers: usize,
}

fn refuse<T>(expected: impl Into<String>, got: impl Into<String>) -> Result<T> {
    Err(Error::invalid("import", expected, got))
}

/// Takes the weights of a graph into a model like `model`, from which the graph was exported for `target`. `source`
/// is what the new model says of where they come from.
///
/// # Errors
/// If the graph is not one that this model exports to, by its nodes, their shapes, or numbers that the model has no
/// place for. Where a synapse and a shortcut are one weight, a graph that was exported from another model on a coarser grid
/// may be refused, too.
pub fn import_like(model: &Model, graph: &Graph, target: Target, source: &str) -> Result<Import> {
    let links = graph.chain().map_err(|Flaw { expected, got }| Error::invalid("import", expected, got))?;
    let length = match links[0].output[..] {
        [_, length, 1] => length,
        _ => return refuse("inputs of shape (channels, tokens, 1), as exports have", shape_name(&links[0].output)),
    };
    let exported = exported(model, target, length)?;
    let pairs = paired(&links, &exported)?;
    let network = model.network();
    let mut weights = Weights { codes: network.weights().codes.clone(), layers: Vec::new() };
    let mut at = 0;
    for (number, (leaf, own)) in network.layers().enumerate() {
        let fires = leaf.layer.firing_neuron().is_some();
        weights.layers.push(match leaf.layer {
            LayerConfig::Pooling => own.clone(),
            LayerConfig::Neurons { .. } => {
                at += 2;
                own.clone()
            }
            _ => {
                let pair = Pair { weights: &pairs[at], neurons: fires.then(|| &pairs[at + 1]) };
                at += 1 + usize::from(fires);
                layer(network, number, own, &pair, &exported)?
            }
        });
    }
    let changed_network = Network::new(network.config().clone(), weights)?;
    let count = |network: &Network| network.weights().layers.iter().map(LayerWeights::parameters).sum::<usize>();
    let changed = network
        .weights()
        .layers
        .iter()
        .zip(&changed_network.weights().layers)
        .flat_map(|(before, after)| before.named().into_iter().zip(after.named()))
        .flat_map(|((_, before), (_, after))| before.iter().zip(after))
        .filter(|(before, after)| before != after)
        .count();
    let made = model.with_network(changed_network, (changed > 0).then(|| format!("weights from {source}")))?;
    compare(&links, &made, network, target, length)?;
    Ok(Import { numbers: count(network), model: made, changed })
}

/// A node of the file beside the one that the export writes in its place.
struct Beside<'a> {
    link: &'a Link<'a>,
    exported: Node,
}

struct Pair<'a> {
    weights: &'a Beside<'a>,
    neurons: Option<&'a Beside<'a>>,
}

/// The nodes with numbers, each beside the one it should be.
fn paired<'a>(links: &'a [Link<'a>], exported: &Export) -> Result<Vec<Beside<'a>>> {
    let counts = |node: &Node| matches!(node, Node::Affine { .. } | Node::Convolution(_) | Node::Neurons(_));
    let chain = exported.graph.chain().map_err(|Flaw { expected, got }| Error::invalid("import", expected, got))?;
    let wanted: Vec<&Link> = chain.iter().filter(|link| counts(link.node)).collect();
    let kinds = |links: &[&Link]| links.iter().map(|link| link.node.kind()).collect::<Vec<_>>().join(", ");
    let there: Vec<&Link> = links.iter().filter(|link| counts(link.node)).collect();
    if there.len() != wanted.len() {
        return refuse(format!("the nodes of an export of this model: {}", kinds(&wanted)), kinds(&there));
    }
    if let Some(other) = links.iter().find(|link| matches!(link.node, Node::Scale(_) | Node::Pool(_))) {
        return refuse(
            "no nodes but those of an export",
            format!("{:?}, which is {}", other.name, other.node.kind()),
        );
    }
    let same = |link: &Link, wanted: &Link| {
        // Which of the two kinds of neurons it is says how they are run, which the comparison looks at.
        let kinds = link.node.kind() == wanted.node.kind()
            || matches!((link.node, wanted.node), (Node::Neurons(_), Node::Neurons(_)));
        kinds && link.input == wanted.input && link.output == wanted.output
    };
    let mut pairs = Vec::new();
    for (link, wanted) in links.iter().filter(|link| counts(link.node)).zip(wanted) {
        if !same(link, wanted) {
            let told = |link: &Link| {
                format!("{} of {} -> {}", link.node.kind(), shape_name(&link.input), shape_name(&link.output))
            };
            return refuse(format!("{} as {:?}", told(wanted), link.name), told(link));
        }
        pairs.push(Beside { link, exported: wanted.node.clone() });
    }
    Ok(pairs)
}

/// By how much each neuron's threshold is larger than the export's: weights are divided by it.
fn growth(neurons: &Beside) -> Result<Vec<f64>> {
    let (Node::Neurons(there), Node::Neurons(wanted)) = (neurons.link.node, &neurons.exported) else {
        return refuse("neurons", neurons.link.node.kind());
    };
    let count = neurons.link.output[0];
    let each = wanted.v_threshold.values.len() / count;
    let at = |array: &[f64], row: usize| if array.len() == 1 { array[0] } else { array[row * each] };
    let growth: Vec<f64> = (0..count)
        .map(|row| at(&there.v_threshold.values, row) / f64::from(at(&wanted.v_threshold.values, row) as f32))
        .collect();
    match growth.iter().position(|&growth| !(growth.is_finite() && growth > 0.0)) {
        Some(row) => {
            let expected = format!("thresholds above 0 in the node {:?}", neurons.link.name);
            refuse(expected, format!("{} of neuron {row}", at(&there.v_threshold.values, row)))
        }
        None => Ok(growth),
    }
}

/// The numbers of a leaf from its node.
fn layer(network: &Network, at: usize, own: &LayerWeights, pair: &Pair, exported: &Export) -> Result<LayerWeights> {
    let (layout, config) = (&exported.layout, network.config());
    let leaf = &config.chain.leaves()[at];
    let growth = match pair.neurons {
        Some(neurons) => growth(neurons)?,
        None => vec![1.0; leaf.outputs],
    };
    let (weight, bias, shape, wanted, wanted_bias) = match (pair.weights.link.node, &pair.weights.exported) {
        (Node::Convolution(there), Node::Convolution(wanted)) => {
            (&there.weight.values, &there.bias, &there.weight.shape, &wanted.weight.values, &wanted.bias)
        }
        (Node::Affine { weight, bias: Some(bias) }, Node::Affine { weight: wanted, bias: Some(wanted_bias) }) => {
            (&weight.values, bias, &weight.shape, &wanted.values, wanted_bias)
        }
        (node, _) => {
            return refuse("weights and biases", format!("{:?}, which is {}", pair.weights.link.name, node.kind()));
        }
    };
    let row_size: usize = shape[1..].iter().product();
    // A number that is as it was exported stays what it was, to the bit.
    let scaled = |row: usize, value: f32| (f64::from(value) / growth[row]) as f32;
    let taken = |row: usize, at: usize, was: f32, of_one: f64| {
        let index = row * row_size + at;
        if growth[row] == 1.0 && weight[index] == wanted[index] {
            was
        } else {
            (f64::from(scaled(row, weight[index])) * of_one) as f32
        }
    };
    let mut new = own.clone();
    for (row, own) in new.bias.iter_mut().enumerate() {
        let change = f64::from(bias[row]) / growth[row] - f64::from(wanted_bias[row]);
        *own = (f64::from(*own) + change) as f32;
    }
    let tap_at = |channel: usize, place: usize| (channel * shape[2] + place) * shape[3] + shape[3] / 2;
    match &leaf.layer {
        LayerConfig::TextConvolution { shape: kernels, .. } => {
            let further =
                config.chain.leaves().iter().any(|leaf| matches!(leaf.layer, LayerConfig::Convolution { .. }));
            let columns = kernels.products();
            for (which, &width) in kernels.widths.iter().enumerate() {
                let first = if further { 0 } else { shape[2] / 2 - (width - 1) / 2 };
                for filter in 0..kernels.filters {
                    let row = which * kernels.filters + filter;
                    for tap in 0..width {
                        let column = kernels.first_product(which) + tap * kernels.filters + filter;
                        for d in 0..layout.dimension {
                            let own = &mut new.synapses[d * columns + column];
                            *own = taken(row, tap_at(d, first + tap), *own, 1.0);
                        }
                        if let Some(presence) = layout.channel(Channel::Presence) {
                            let own = &mut new.presence[column];
                            *own = taken(row, tap_at(presence, first + tap), *own, 1.0);
                        }
                    }
                }
            }
        }
        LayerConfig::Convolution { width, .. } => {
            let columns = width * leaf.outputs;
            let first = width / 2 - (width - 1) / 2;
            for channel in 0..leaf.inputs {
                for tap in 0..*width {
                    for row in 0..leaf.outputs {
                        let own = &mut new.synapses[channel * columns + tap * leaf.outputs + row];
                        *own = taken(row, tap_at(channel, first + tap), *own, 1.0);
                    }
                }
            }
            let around = leaf.shortcut.map(|from| (from + 1 == at, from));
            for row in 0..new.shortcut.len() {
                // Where the block has one layer, synapse and shortcut are one weight, which cannot be told apart.
                if let Some((false, _)) = around {
                    let carried = pair.weights.link.input[0]
                        - config.chain.leaves()[around.map_or(0, |(_, from)| from)].outputs;
                    let own = &mut new.shortcut[row];
                    *own = taken(row, tap_at(carried + row, width / 2), *own, 1.0);
                }
            }
            if let Some((true, _)) = around {
                let own_place = |row: usize| row * columns + ((width - 1) / 2) * leaf.outputs + row;
                for row in 0..new.shortcut.len() {
                    new.synapses[own_place(row)] -= if growth[row] == 1.0
                        && weight[row * row_size + tap_at(row, width / 2)]
                            == wanted[row * row_size + tap_at(row, width / 2)]
                    {
                        0.0
                    } else {
                        new.shortcut[row]
                    };
                }
            }
        }
        _ => {
            let inputs = leaf.inputs;
            let from_sums = !matches!(leaf.input, spiketext::network::Signal::Spikes);
            let before = &pair.weights.link.input;
            let (widths, filters) = (&config.convolution().widths, config.convolution().filters);
            let height = if from_sums { layout_height(config, layout.length) } else { 1 };
            let divided = layout.channel(Channel::Token).is_none();
            for channel in 0..inputs {
                let width =
                    if widths.len() == 1 { widths[0] } else { widths[(channel / filters).min(widths.len() - 1)] };
                let positions = layout.length - width + 1;
                let first = if height == layout.length { (width - 1) / 2 } else { 0 };
                let (place, share) = match from_sums {
                    true => (channel * height + first, if divided { positions as f64 } else { 1.0 }),
                    false => (channel, 1.0),
                };
                for row in 0..leaf.outputs {
                    let own = &mut new.synapses[channel * leaf.outputs + row];
                    *own = taken(row, place, *own, share);
                }
            }
            if from_sums && !divided {
                // The neuron that counts tokens stands behind the channels.
                let counter = before[0] / height - 1;
                for (row, own) in new.bias.iter_mut().enumerate() {
                    *own = taken(row, counter * height, *own, 1.0);
                }
            }
        }
    }
    Ok(new)
}

/// Positions of the convolutions of an export.
fn layout_height(config: &spiketext::NetworkConfig, length: usize) -> usize {
    let further = config.chain.leaves().iter().any(|leaf| matches!(leaf.layer, LayerConfig::Convolution { .. }));
    if further { length - config.convolution().widths[0] + 1 } else { length }
}

/// The export that a file for texts of this length was made with, or should have been.
fn exported(model: &Model, target: Target, length: usize) -> Result<Export> {
    export(model, target, Some(length)).map_err(|error| match error {
        // What an export would ask for.
        Error::Invalid { expected, .. } => {
            let expected =
                format!("what an export of this model asks for ({})", expected.replace("--length", "length"));
            Error::invalid("import", expected, format!("a file for texts of {length} tokens, for {}", target.name()))
        }
        other => other,
    })
}

/// Lays the export of a model beside the file that it was made of; `before` is the network that was exported.
fn compare(links: &[Link], model: &Model, before: &Network, target: Target, length: usize) -> Result<()> {
    let exported = exported(model, target, length)?;
    let pairs = paired(links, &exported)?;
    // Rounding, and thresholds half a unit above a sum, are of the coarser grid of the two.
    let unit = |at: usize| [before, model.network()].map(|network| f64::from(network.synapses(at).grid.unit()));
    let mut units = model.network().layers().enumerate().filter_map(|(at, (leaf, _))| match leaf.layer {
        LayerConfig::Pooling => None,
        LayerConfig::Neurons { .. } => Some(0.0),
        _ => Some(unit(at)[0].max(unit(at)[1])),
    });
    for (index, beside) in pairs.iter().enumerate() {
        if let (Node::Neurons(there), Node::Neurons(wanted)) = (beside.link.node, &beside.exported) {
            same_neurons(beside.link.name, there, wanted, target.rule())?;
            continue;
        }
        let next = pairs.get(index + 1).and_then(|next| match &next.exported {
            Node::Neurons(neurons) => Some((next, neurons.v_threshold.values[0])),
            _ => None,
        });
        let room = Room {
            growth: match next {
                Some((next, _)) => growth(next)?,
                None => vec![1.0; beside.link.output[0]],
            },
            threshold: next.map_or(f64::INFINITY, |(_, threshold)| threshold),
            unit: units.next().unwrap_or(0.0),
            silencing: silencing(&beside.exported, &exported.layout),
        };
        room.same_weights(beside)?;
    }
    Ok(())
}

/// The input channels whose weights only have to silence.
fn silencing(node: &Node, layout: &Layout) -> Vec<usize> {
    match node {
        Node::Convolution(convolution) if convolution.weight.shape[1] == layout.channels() => (layout.dimension
            ..layout.channels())
            .filter(|at| matches!(layout.further[at - layout.dimension], Channel::Past(_)))
            .collect(),
        _ => Vec::new(),
    }
}

/// How far numbers may be from those of the export.
struct Room {
    /// By how much each neuron's threshold is larger.
    growth: Vec<f64>,
    /// The threshold of the export.
    threshold: f64,
    /// The unit of the layer's grid.
    unit: f64,
    /// Input channels whose weights only have to silence.
    silencing: Vec<usize>,
}

impl Room {
    /// Whether weights and biases are those of the export, up to the rounding of the grid.
    fn same_weights(&self, beside: &Beside) -> Result<()> {
        let name = beside.link.name;
        let (there, wanted, biases) = match (beside.link.node, &beside.exported) {
            (Node::Convolution(there), Node::Convolution(wanted)) => {
                (&there.weight, &wanted.weight, (&there.bias, &wanted.bias))
            }
            (Node::Affine { weight, bias: Some(bias) }, Node::Affine { weight: wanted, bias: Some(wanted_bias) }) => {
                (weight, wanted, (bias, wanted_bias))
            }
            (node, _) => return refuse("weights and biases", format!("{name:?}, which is {}", node.kind())),
        };
        let row_size: usize = there.shape[1..].iter().product();
        // Only the middle column of a square kernel sees anything but zeros.
        let seen = |at: usize| there.shape.len() == 2 || at % there.shape[3] == there.shape[3] / 2;
        let taps: usize = there.shape[2..].iter().product();
        for (index, (&got, &wanted)) in there.values.iter().zip(&wanted.values).enumerate() {
            let (row, at) = (index / row_size, index % row_size);
            let free = !seen(at) || self.silencing.contains(&(at / taps)) && got <= 0.0;
            if !free {
                self.same(&format!("weight {at}"), name, row, (got, wanted))?;
            }
        }
        for (row, (&got, &wanted)) in biases.0.iter().zip(biases.1).enumerate() {
            self.same("the bias", name, row, (got, wanted))?;
        }
        Ok(())
    }

    fn same(&self, what: &str, name: &str, row: usize, (got, wanted): (f32, f32)) -> Result<()> {
        let (got, wanted) = (f64::from(got) / self.growth[row], f64::from(wanted));
        let room = 1.01 * self.unit * (1.0 + wanted.abs() / self.threshold) + 1e-4 * wanted.abs().max(1e-2);
        if (got - wanted).abs() <= room {
            return Ok(());
        }
        let expected = format!(
            "{wanted} as {what} of neuron {row} in the node {name:?}, for which a model has no other place (keep pooling and \
             relays as they are while weights are trained)"
        );
        refuse(expected, got.to_string())
    }
}

/// Whether neurons are run as those of the export, whatever their threshold is, with which weights are divided.
fn same_neurons(name: &str, there: &Neurons, wanted: &Neurons, rule: Rule) -> Result<()> {
    if let Some(reset) = there.v_reset.as_ref().and_then(|reset| reset.values.iter().find(|&&reset| reset != 0.0)) {
        return refuse(format!("a reset to 0 in the node {name:?}"), reset.to_string());
    }
    if let Some(leak) = there.v_leak.as_ref().and_then(|leak| leak.values.iter().find(|&&leak| leak != 0.0)) {
        return refuse(format!("a leak to 0 in the node {name:?}"), leak.to_string());
    }
    let rate = |neurons: &Neurons| neurons.tau.as_ref().map_or(0.0, |tau| 1.0 / tau.values[0]);
    let even = there.tau.as_ref().is_none_or(|tau| tau.values.iter().all(|&value| value == tau.values[0]));
    // A tau of 10^10 steps, one that is infinite and an IF node are one.
    if !even || (rate(there) - rate(wanted)).abs() > 1e-4 * rate(wanted).max(1e-2) {
        let tau = |neurons: &Neurons| neurons.tau.as_ref().map_or("none".to_owned(), |tau| tau.values[0].to_string());
        return refuse(format!("the time constant {} in the node {name:?}", tau(wanted)), tau(there));
    }
    let wanted = gains(wanted, rule)[0];
    // Neurons that do not leak may have an infinite resistance that goes with an infinite time constant.
    let other =
        gains(there, rule).into_iter().find(|gain| gain.is_finite() && (gain - wanted).abs() > 1e-3 * wanted.abs());
    if let Some(other) = other {
        let expected = format!(
            "a resistance by which a current counts {wanted} times in the node {name:?} (--target says for which reader)"
        );
        return refuse(expected, format!("{other} times"));
    }
    Ok(())
}
