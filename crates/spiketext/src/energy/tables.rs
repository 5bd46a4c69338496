//! Cost tables: what an operation costs, by whom it was measured, and what is counted.
//!
//! All of them leave out leakage, control, and data that go on and off a chip. They differ by orders of magnitude,
//! and in which of the two networks they favour.

use serde::Serialize;

use super::{Numbers, OperationCounts, Shape, Way, lemaire};

/// The prices of a multiply-accumulation and an accumulation.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct CostTable {
    /// The table's name in reports.
    pub name: &'static str,
    /// Picojoules a multiply-accumulation.
    pub mac: f64,
    /// Picojoules an accumulation.
    pub ac: f64,
}

/// 45 nm CMOS, 32-bit floating point: multiplication 3.7 pJ and addition 0.9 pJ (Horowitz, ISSCC 2014).
pub const HOROWITZ_45NM_FP32: CostTable = CostTable { name: "45 nm, fp32 (Horowitz 2014)", mac: 4.6, ac: 0.9 };

/// 45 nm CMOS, half precision: multiplication 1.1 pJ and addition 0.4 pJ (Horowitz, ISSCC 2014).
pub const HOROWITZ_45NM_FP16: CostTable = CostTable { name: "45 nm, fp16 (Horowitz 2014)", mac: 1.5, ac: 0.4 };

/// 45 nm CMOS, 8-bit whole numbers: multiplication 0.2 pJ and addition 0.03 pJ (Horowitz, ISSCC 2014).
pub const HOROWITZ_45NM_INT8: CostTable = CostTable { name: "45 nm, int8 (Horowitz 2014)", mac: 0.23, ac: 0.03 };

/// The same where sums have 32 bits, as sums of many products need: addition 0.1 pJ.
pub const HOROWITZ_45NM_INT8_SUM32: CostTable =
    CostTable { name: "45 nm, int8 with 32-bit sums (Horowitz 2014)", mac: 0.3, ac: 0.1 };

impl CostTable {
    /// Microjoules of `macs` multiply-accumulations and `acs` accumulations.
    #[must_use]
    pub fn microjoules(&self, macs: f64, acs: f64) -> f64 {
        (macs * self.mac + acs * self.ac) * 1e-6
    }

    /// The prices of a network of such numbers. Whole numbers have a price of their own under a table of single or half
    /// precision: what Horowitz has for 8 bits with sums of 32.
    #[must_use]
    pub fn of_numbers(self, numbers: Numbers) -> Self {
        let real = [HOROWITZ_45NM_FP32, HOROWITZ_45NM_FP16].contains(&self);
        if real && matches!(numbers, Numbers::Whole { .. }) { HOROWITZ_45NM_INT8_SUM32 } else { self }
    }

    /// Below this product of time steps and input rate a spiking layer costs less than the real-valued one.
    #[must_use]
    pub fn break_even(&self) -> f64 {
        self.mac / self.ac
    }
}

/// A cost table of any kind.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Table {
    /// Its name in reports.
    pub name: &'static str,
    /// Where its numbers come from.
    pub source: &'static str,
    /// What it counts.
    pub counts: &'static str,
    /// Its numbers.
    pub prices: Prices,
}

/// The numbers of a cost table.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Prices {
    /// Effective operations and nothing else.
    Operations(CostTable),
    /// Those of a device.
    Device {
        /// Picojoules of a synaptic operation.
        synapse: f64,
        /// Picojoules of updating a neuron once.
        neuron: f64,
        /// Whether it computes for inputs that are not zero only. Otherwise it computes all of them at every step.
        events: bool,
    },
    /// Arithmetic, addresses and memory, see [`lemaire`].
    Memory,
}

const HOROWITZ: &str = "Horowitz, Computing's energy problem, ISSCC 2014";
const ARITHMETIC: &str = "effective MACs and ACs; no memory, no neurons";
const KERAS_SPIKING: &str = "keras-spiking, ModelEnergy.devices";
const DENSE_DEVICE: &str = "every synapse and every neuron at every step, zero or not";
const EVENT_DEVICE: &str = "synaptic operations of inputs that are not zero, and every neuron at every step; the \
                            DNN as if each of its effective MACs were one, which such a chip cannot do";

const fn arithmetic(name: &'static str, source: &'static str, mac: f64, ac: f64) -> Table {
    Table { name, source, counts: ARITHMETIC, prices: Prices::Operations(CostTable { name, mac, ac }) }
}

const fn device(name: &'static str, synapse: f64, neuron: f64, events: bool) -> Table {
    let counts = if events { EVENT_DEVICE } else { DENSE_DEVICE };
    Table { name, source: KERAS_SPIKING, counts, prices: Prices::Device { synapse, neuron, events } }
}

/// Every table, in the order of reports.
pub const TABLES: [Table; 12] = [
    arithmetic(HOROWITZ_45NM_FP32.name, HOROWITZ, HOROWITZ_45NM_FP32.mac, HOROWITZ_45NM_FP32.ac),
    arithmetic(HOROWITZ_45NM_FP16.name, HOROWITZ, HOROWITZ_45NM_FP16.mac, HOROWITZ_45NM_FP16.ac),
    arithmetic(HOROWITZ_45NM_INT8.name, HOROWITZ, HOROWITZ_45NM_INT8.mac, HOROWITZ_45NM_INT8.ac),
    arithmetic(HOROWITZ_45NM_INT8_SUM32.name, HOROWITZ, HOROWITZ_45NM_INT8_SUM32.mac, HOROWITZ_45NM_INT8_SUM32.ac),
    // A MAC is taken as one FLOP, as fvcore counts; as two it would cost the DNN twice as much.
    arithmetic(
        "77 fJ/SOP, 12.5 pJ/FLOP (Hu et al.)",
        "Hu et al., Spiking Deep Residual Network: the ROLLS chip against an FPGA; a MAC is one FLOP",
        12.5,
        0.077,
    ),
    Table {
        name: "with memory (Lemaire et al. 2022)",
        source: "Lemaire et al., ICONIP 2022 (arXiv 2210.13107), as in SpikingJelly 2.0.0",
        counts: "32-bit integer arithmetic, addresses, and bytes read and written in memories of their size",
        prices: Prices::Memory,
    },
    // keras-spiking takes any network on these three for a real-valued one of one step; here a spiking one runs all
    // its steps.
    device("CPU (keras-spiking)", 8600.0, 8600.0, false),
    device("GPU (keras-spiking)", 300.0, 300.0, false),
    device("ARM (keras-spiking)", 900.0, 900.0, false),
    device("Loihi (keras-spiking)", 27.1, 81.0, true),
    device("SpiNNaker (keras-spiking)", 13_300.0, 26_000.0, true),
    device("SpiNNaker 2 (keras-spiking)", 450.0, 2190.0, true),
];

impl Table {
    /// Microjoules of a network of `shape` on one text.
    #[must_use]
    pub fn microjoules(&self, shape: &Shape<'_>, work: &OperationCounts) -> f64 {
        self.microjoules_in(shape, work, Way::of(shape))
    }

    /// The same computed in another way, whose operations are those of `work`; see [`CostTable::of_numbers`].
    #[must_use]
    pub fn microjoules_in(&self, shape: &Shape<'_>, work: &OperationCounts, way: Way) -> f64 {
        match self.prices {
            Prices::Operations(table) => table.of_numbers(way.numbers).microjoules(work.macs(), work.acs()),
            Prices::Device { synapse, neuron, events } => {
                let operations = if events { work.macs() + work.acs() } else { work.dense() };
                // Rectifiers are the neurons of a real-valued network.
                let neurons = if work.neuron_updates > 0.0 { work.neuron_updates } else { work.outputs().all };
                (synapse * operations + neuron * neurons) * 1e-6
            }
            Prices::Memory => lemaire::Counts::in_way(shape, work, way).picojoules().total() * 1e-6,
        }
    }

    /// The largest product of time steps and input rate below which the first layer of a spiking network costs less
    /// than that of its DNN, where that is one number: in tables that price neurons or memory, sizes decide too.
    #[must_use]
    pub fn break_even(&self, numbers: Numbers) -> Option<f64> {
        match self.prices {
            Prices::Operations(table) => Some(table.mac / table.of_numbers(numbers).ac),
            Prices::Device { .. } | Prices::Memory => None,
        }
    }

    /// The table whose prices a network of such numbers has, where that is another one.
    #[must_use]
    pub fn other_prices(&self, numbers: Numbers) -> Option<&'static str> {
        match self.prices {
            Prices::Operations(table) => Some(table.of_numbers(numbers).name).filter(|name| *name != self.name),
            Prices::Device { .. } | Prices::Memory => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        encode::{Encoder, Noise},
        energy::{Connections, LayerCounts, RectifierShares},
        engine::{run, tests::network},
        network::{Network, NetworkConfig, Padding, Readout, SynapseBits},
    };

    #[test]
    fn the_45_nm_table_prices_macs_five_times_as_high_as_acs() {
        let table = HOROWITZ_45NM_FP32;
        assert!((table.microjoules(1e6, 0.0) - 4.6).abs() < 1e-12);
        assert!((table.microjoules(0.0, 1e6) - 0.9).abs() < 1e-12);
        assert!((table.break_even() - 5.111).abs() < 1e-3);
    }

    #[test]
    fn every_table_by_hand() {
        let network = network(Readout::SpikeCount, Encoder::Regular, Padding::Valid);
        let shape = Shape::of(&network);
        let run = run(&network, Noise::inference(0), &[vec![0, 1, 2, 3, 4]]);
        let operations = &run.operations[0];
        let spiking = OperationCounts::spiking(&shape, operations);
        let beside = Shape::real_valued(network.config(), true);
        let real = OperationCounts::beside(&beside, operations, RectifierShares::ALL);
        let acs = operations.acs() as f64;
        // Five tokens: 17 (token, position) pairs of 9 filters, 4 + 3 positions, 18 features, 6 outputs, 6 steps.
        let macs = f64::from(17 * 9 * 12 + 18 * 6);
        let dense = 6.0 * f64::from(17 * 9 * 13 + 18 * 6);
        let (updates, rectifiers) = (6.0 * f64::from(63 + 18 + 6), 63.0);
        let pay = |synapse: f64, neuron: f64, events: bool| {
            let operations = if events { acs } else { dense };
            (synapse * operations + neuron * updates, synapse * macs + neuron * rectifiers)
        };
        let wanted = [
            (0.9 * acs, 4.6 * macs),
            (0.4 * acs, 1.5 * macs),
            (0.03 * acs, 0.23 * macs),
            (0.1 * acs, 0.3 * macs),
            (0.077 * acs, 12.5 * macs),
            (
                lemaire::Counts::of(&shape, &spiking).picojoules().total(),
                lemaire::Counts::of(&beside, &real).picojoules().total(),
            ),
            pay(8600.0, 8600.0, false),
            pay(300.0, 300.0, false),
            pay(900.0, 900.0, false),
            pay(27.1, 81.0, true),
            pay(13_300.0, 26_000.0, true),
            pay(450.0, 2190.0, true),
        ];
        for (table, (network, dnn)) in TABLES.iter().zip(wanted) {
            let near = |got: f64, wanted: f64| wanted > 0.0 && (1e6 * got - wanted).abs() <= 1e-9 * wanted;
            assert!(near(table.microjoules(&shape, &spiking), network), "{}", table.name);
            assert!(near(table.microjoules(&beside, &real), dnn), "{}", table.name);
            assert_eq!(
                table.microjoules(&shape, &OperationCounts::default()),
                0.0,
                "{}: a text that is not run",
                table.name
            );
        }
    }

    #[test]
    fn whole_numbers_of_few_bits_have_their_own_price() {
        let sixteen = network(Readout::Membrane, Encoder::Regular, Padding::Valid);
        let bits = |synapse_bits| {
            let config = NetworkConfig { synapse_bits, ..sixteen.config().clone() };
            Network::new(config, sixteen.weights().clone()).expect("a network")
        };
        let run = run(&sixteen, Noise::inference(0), &[vec![0, 1, 2, 3, 4]]);
        let of = |network: &Network, table: &Table| {
            let shape = Shape::of(network);
            table.microjoules(&shape, &OperationCounts::spiking(&shape, &run.operations[0]))
        };
        let acs = run.operations[0].acs() as f64;
        for (bits, few) in [(SynapseBits::Sixteen, false), (SynapseBits::Eight, true), (SynapseBits::Four, true)]
            .map(|(synapse_bits, few)| (bits(synapse_bits), few))
        {
            for table in &TABLES {
                let (own, plain) = (of(&bits, table), of(&sixteen, table));
                let wanted = match table.prices {
                    Prices::Operations(prices) if few && prices.mac >= 1.5 && prices.ac > 0.3 => 1e-7 * acs,
                    Prices::Memory if few => {
                        assert!(own < plain, "weights are read in fewer bytes");
                        continue;
                    }
                    _ => plain,
                };
                assert!((own - wanted).abs() < 1e-12, "{}", table.name);
            }
        }
    }

    #[test]
    fn tables_keep_the_order_of_their_sources() {
        let named = |part: &str| TABLES.iter().find(|table| table.name.contains(part)).expect("a table");
        let network = network(Readout::Membrane, Encoder::Regular, Padding::Valid);
        let shape = Shape::of(&network);
        let mut busy = OperationCounts { neuron_updates: 10.0, ..OperationCounts::default() };
        let of = |macs, acs, dense| LayerCounts {
            connections: Connections { macs, acs, dense },
            ..LayerCounts::default()
        };
        busy.layers = vec![of(0.0, 1000.0, 1000.0), of(0.0, 0.0, 0.0), of(0.0, 0.0, 0.0), of(1000.0, 0.0, 0.0)];
        let dearer = |parts: &[&str]| {
            let price = |part: &str| named(part).microjoules(&shape, &busy);
            parts.windows(2).all(|pair| price(pair[0]) > price(pair[1]))
        };
        assert!(dearer(&["fp32", "fp16", "int8"]) && dearer(&["CPU", "ARM", "GPU"]));
        assert!(dearer(&["SpiNNaker (", "SpiNNaker 2", "Loihi"]));
        let even = |part: &str| named(part).break_even(Numbers::OfTable);
        assert_eq!(even("fp16").map(|even| (100.0 * even).round()), Some(375.0));
        assert_eq!(even("int8").map(|even| (10.0 * even).round()), Some(77.0));
        assert_eq!(even("77 fJ").map(f64::round), Some(162.0));
        assert_eq!([even("CPU"), even("Loihi"), even("Lemaire")], [None; 3]);
        // Floats on one side, whole numbers on the other.
        let whole = Numbers::Whole { weights: 8, inputs: 1 };
        let even = |part: &str| named(part).break_even(whole).map(f64::round);
        assert_eq!([even("fp32"), even("fp16"), even("32-bit sums")], [46.0, 15.0, 3.0].map(Some));
        let other = |part: &str| named(part).other_prices(whole);
        assert_eq!(
            [other("fp16"), other("int8 ("), other("Loihi")],
            [Some(HOROWITZ_45NM_INT8_SUM32.name), None, None]
        );
        let mut names: Vec<&str> = TABLES.iter().map(|table| table.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), TABLES.len());
    }
}
