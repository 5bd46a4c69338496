//! What a network did with one text, as arrays with named axes.

use numpy::{IntoPyArray, PyArrayMethods};
use pyo3::{
    prelude::*,
    types::{PyDict, PyList},
};
use spiketext::{
    engine::{LayerTrace, Potentials, SpikeTrain, Trace},
    network::Network,
};

/// Tokens, the spikes of the input and what each layer did.
pub fn arrays<'py>(
    py: Python<'py>,
    network: &Network,
    tokens: Vec<String>,
    trace: &Trace,
    potentials: &Potentials,
) -> PyResult<Bound<'py, PyDict>> {
    let told = PyDict::new(py);
    told.set_item("tokens", tokens)?;
    let rows = trace.tokens.first().map_or(0, SpikeTrain::rows);
    let dimension = network.config().dimension();
    let mut input = vec![false; rows * trace.tokens.len() * dimension];
    for (place, train) in trace.tokens.iter().enumerate() {
        for t in 0..train.rows() {
            (0..train.dimension()).filter(|&d| train.get(t, d)).for_each(|d| {
                input[(t * trace.tokens.len() + place) * dimension + d] = true;
            });
        }
    }
    told.set_item("input", input.into_pyarray(py).reshape([rows, trace.tokens.len(), dimension])?)?;
    let steps = network.config().steps;
    let layers = PyList::empty(py);
    for ((leaf, _), (layer, shown)) in network.layers().zip(trace.layers.iter().zip(&potentials.layers)) {
        let trains: Vec<Option<&SpikeTrain>> = match layer {
            LayerTrace::Positions(trains) => trains.iter().map(Some).collect(),
            LayerTrace::Spikes(train) => vec![Some(train)],
            LayerTrace::Outputs(train) => vec![train.as_ref()],
            LayerTrace::Sums => Vec::new(),
        };
        let widths = &network.config().convolution().widths;
        for (which, train) in trains.into_iter().enumerate() {
            let currents = &shown.currents[which];
            let (axes, shape) = match layer {
                LayerTrace::Positions(trains) => {
                    let filters = trains[which].dimension();
                    ("TPC", vec![steps, currents.len() / (steps * filters), filters])
                }
                LayerTrace::Outputs(_) => ("TO", vec![steps, currents.len() / steps]),
                _ => ("TC", vec![steps, currents.len() / steps]),
            };
            let own = PyDict::new(py);
            let of_several = matches!(layer, LayerTrace::Positions(trains) if trains.len() > 1);
            let kind = leaf.layer.kind();
            let name = if of_several { format!("{kind}, width {}", widths[which]) } else { kind.to_owned() };
            own.set_item("name", name)?;
            own.set_item("axes", axes)?;
            own.set_item(
                "spikes",
                train.map(|train| bits(train).into_pyarray(py).reshape(shape.clone())).transpose()?,
            )?;
            own.set_item("currents", currents.clone().into_pyarray(py).reshape(shape.clone())?)?;
            own.set_item("membranes", shown.membranes[which].clone().into_pyarray(py).reshape(shape)?)?;
            layers.append(own)?;
        }
    }
    told.set_item("layers", layers)?;
    Ok(told)
}

/// A train's spikes, row by row.
fn bits(train: &SpikeTrain) -> Vec<bool> {
    (0..train.rows()).flat_map(|row| (0..train.dimension()).map(move |column| train.get(row, column))).collect()
}
