//! A model without the filters that it can spare.
//!
//! All kernel widths of a text convolution have as many filters, so as many go from each. First those that never fired, then of
//! twins the one that says less, then whoever says least. What a twin said goes to the other: its row of the next layer is added
//! to the other's, since both fire at the same windows.

use super::filters::{Filter, Filters};
use crate::{
    Error, Result,
    model::Model,
    network::{Chain, LayerConfig, LayerWeights, Network, NetworkConfig, Weights},
};

/// A pruned model and what went.
#[derive(Clone, Debug)]
pub struct Pruned {
    /// The model. Its report is that of the model it was made of, with a line that says so.
    pub model: Model,
    /// The filters that went, as (width, filter), and the one that took over what it said, where there is one.
    pub gone: Vec<(usize, usize, Option<usize>)>,
}

/// How many filters a width are left if only those go that never fired and twins: as many from each width.
#[must_use]
pub fn spared(filters: &Filters, a_width: usize) -> usize {
    let redundant = filters.redundant();
    let mut widths: Vec<usize> = filters.filters.iter().map(|filter| filter.width).collect();
    widths.dedup();
    let go = |&width: &usize| {
        let dead = filters.filters.iter().filter(|filter| filter.width == width && filter.is_dead()).count();
        dead + redundant.iter().filter(|(own, ..)| *own == width).count()
    };
    (a_width - widths.iter().map(go).min().unwrap_or(0)).max(1)
}

/// `model` with `keep` filters of each width, chosen by what was heard of them.
///
/// # Errors
/// If it has no more than `keep` filters a width, further convolutions, or the filters are not its own.
pub fn prune(model: &Model, filters: &Filters, keep: usize) -> Result<Pruned> {
    let config = model.network().config();
    let shape = config.convolution();
    let refuse = |expected: String, got: String| Err(Error::invalid("prune", expected, got));
    if !(1..shape.filters).contains(&keep) {
        return refuse(format!("filters a width from 1 to {} to keep", shape.filters - 1), keep.to_string());
    }
    if filters.filters.len() != shape.widths.len() * shape.filters {
        return refuse(format!("{} filters", shape.widths.len() * shape.filters), filters.filters.len().to_string());
    }
    if let Some(layer) = config.chain.layers()[1..]
        .iter()
        .find(|layer| matches!(layer, LayerConfig::Convolution { .. } | LayerConfig::Residual { .. }))
    {
        return refuse("a network of one convolution".to_owned(), format!("a further layer, {}", layer.kind()));
    }
    let redundant = filters.redundant();
    let twin_of = |filter: &Filter| {
        redundant.iter().find(|(width, own, _)| (*width, *own) == (filter.width, filter.filter)).map(|twin| twin.2)
    };
    let mut kept: Vec<Vec<usize>> = Vec::new();
    let mut gone = Vec::new();
    for own in filters.filters.chunks_exact(shape.filters) {
        let mut order: Vec<&Filter> = own.iter().collect();
        let worth = |filter: &Filter| (!filter.is_dead(), twin_of(filter).is_none());
        order.sort_by(|a, b| {
            worth(b).cmp(&worth(a)).then(b.weight.total_cmp(&a.weight)).then(a.filter.cmp(&b.filter))
        });
        let mut stay: Vec<usize> = order[..keep].iter().map(|filter| filter.filter).collect();
        stay.sort_unstable();
        for filter in &order[keep..] {
            gone.push((filter.width, filter.filter, twin_of(filter).filter(|twin| stay.contains(twin))));
        }
        kept.push(stay);
    }
    gone.sort_unstable();
    let network = without(model.network(), &kept, &gone)?;
    let pruned =
        model.with_network(network, Some(format!("pruned to {keep} filters a width, of {}", shape.filters)))?;
    Ok(Pruned { model: pruned, gone })
}

/// The network with the filters in `kept`, those of each kernel in order.
fn without(network: &Network, kept: &[Vec<usize>], gone: &[(usize, usize, Option<usize>)]) -> Result<Network> {
    let config = network.config();
    let shape = config.convolution();
    let filters = shape.filters;
    let mut layers = config.chain.layers().to_vec();
    if let LayerConfig::TextConvolution { shape, .. } = &mut layers[0] {
        shape.filters = kept[0].len();
    }
    let channels: Vec<usize> =
        kept.iter().enumerate().flat_map(|(kernel, kept)| kept.iter().map(move |f| kernel * filters + f)).collect();
    let columns: Vec<usize> = kept
        .iter()
        .zip(&shape.widths)
        .enumerate()
        .flat_map(|(kernel, (kept, &width))| {
            (0..width).flat_map(move |tap| kept.iter().map(move |f| shape.first_product(kernel) + tap * filters + f))
        })
        .collect();
    let of = |values: &[f32], chosen: &[usize]| -> Vec<f32> {
        if values.is_empty() { Vec::new() } else { chosen.iter().map(|&at| values[at]).collect() }
    };
    let mut weights: Vec<LayerWeights> = network.weights().layers.clone();
    let first = &mut weights[0];
    first.synapses = first.synapses.chunks_exact(shape.products()).flat_map(|row| of(row, &columns)).collect();
    first.presence = of(&first.presence, &columns);
    first.bias = of(&first.bias, &channels);
    // Whatever stands between the channels and the next synapses has a number a channel.
    for (leaf, own) in config.chain.leaves().iter().zip(&mut weights).skip(1) {
        own.thresholds = of(&own.thresholds, &channels);
        if own.synapses.is_empty() {
            continue;
        }
        let outputs = leaf.outputs;
        for &(width, filter, twin) in gone {
            let Some(twin) = twin else { continue };
            let kernel = shape.widths.iter().position(|&other| other == width).expect("a width");
            for o in 0..outputs {
                let said = own.synapses[(kernel * filters + filter) * outputs + o];
                own.synapses[(kernel * filters + twin) * outputs + o] += said;
            }
        }
        own.synapses = channels.iter().flat_map(|c| own.synapses[c * outputs..][..outputs].to_vec()).collect();
        break;
    }
    let config = NetworkConfig { chain: Chain::new(layers)?, ..config.clone() };
    Network::new(config, Weights { codes: network.weights().codes.clone(), layers: weights })
}
