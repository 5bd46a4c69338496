//! What a classifier costs that adds up rows of a table: a bag of words, or the mean of word vectors.
//!
//! ```text
//! accumulations   one for each number of a row that is added to the sum
//! MACs            one for each product behind the sum or beside it
//! ```
//!
//! Biases, the square root of a norm and the choice of the greatest score are left out, as for networks. There are no
//! neurons, and nothing that could be zero is computed: dense operations are the effective ones.
//!
//! | table | picojoules of a text |
//! | --- | --- |
//! | arithmetic | accumulations x AC + MACs x MAC |
//! | device | (accumulations + MACs) x synaptic operation |
//! | with memory | by the rules of [`super::lemaire`]: additions as of spikes, which read and write the sum as they read and write membranes |
//!
//! With memory, each number that is added is read from the table, each MAC reads a weight, each row's id comes from a
//! queue of 1000 and finding a number costs an addition.

use serde::Serialize;

use super::{Prices, Table, lemaire};

/// Operations of a text, or of a text on average, and the sizes of what they read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct LookUp {
    /// Rows that a text reads, one for each occurrence of a feature that is added.
    pub features: f64,
    /// Numbers that are added to the sum: accumulations.
    pub additions: f64,
    /// Multiply-accumulations.
    pub macs: f64,
    /// Numbers of the table that the rows are read from.
    pub table: u64,
    /// Numbers that the multiply-accumulations read.
    pub weights: u64,
    /// Numbers of the sum, which are those of a row.
    pub width: u64,
    /// Bytes of all numbers that the classifier holds, biases among them.
    pub bytes: u64,
}

impl LookUp {
    /// The same classifier on a text on average, from what each text reads: its features, additions and MACs.
    #[must_use]
    pub fn with_mean(self, texts: impl IntoIterator<Item = [f64; 3]>) -> Self {
        let (mut sums, mut count) = ([0.0; 3], 0.0);
        for text in texts {
            sums.iter_mut().zip(text).for_each(|(sum, part)| *sum += part);
            count += 1.0;
        }
        let [features, additions, macs] = sums.map(|sum| if count > 0.0 { sum / count } else { 0.0 });
        Self { features, additions, macs, ..self }
    }

    /// Microjoules under a cost table. Every price is a multiple of the operations, so means may be priced.
    #[must_use]
    pub fn microjoules(&self, table: &Table) -> f64 {
        match table.prices {
            Prices::Operations(prices) => prices.microjoules(self.macs, self.additions),
            Prices::Device { synapse, .. } => synapse * (self.macs + self.additions) * 1e-6,
            Prices::Memory => self.with_memory().picojoules().total() * 1e-6,
        }
    }

    /// What the model of memory traffic counts.
    #[must_use]
    pub fn with_memory(&self) -> lemaire::Counts {
        let mut counts = lemaire::Counts {
            additions: self.additions,
            macs: self.macs,
            address_additions: self.additions,
            ..lemaire::Counts::default()
        };
        counts.inputs.add(self.features, lemaire::QUEUE);
        counts.parameters.add(self.additions, self.table as f64);
        counts.parameters.add(self.macs, self.weights as f64);
        counts.membranes.add(2.0 * self.additions, self.width as f64);
        counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::energy::TABLES;

    /// Three features of 10 in rows of 2 numbers, and 8 MACs by 4 weights.
    const SMALL: LookUp =
        LookUp { features: 3.0, additions: 6.0, macs: 8.0, table: 20, weights: 4, width: 2, bytes: 104 };

    #[test]
    fn arithmetic_and_devices_by_hand() {
        for table in &TABLES {
            let wanted = match table.prices {
                Prices::Operations(prices) => 8.0 * prices.mac + 6.0 * prices.ac,
                // Rows that are read are synaptic operations, and nothing is a neuron.
                Prices::Device { synapse, .. } => 14.0 * synapse,
                Prices::Memory => continue,
            };
            assert!((1e6 * SMALL.microjoules(table) - wanted).abs() < 1e-9 * wanted, "{}", table.name);
        }
        let priced = |part: &str| {
            let table = TABLES.iter().find(|table| table.name.contains(part)).expect("a table");
            1e6 * SMALL.microjoules(table)
        };
        for (part, picojoules) in [
            ("fp32", 8.0 * 4.6 + 6.0 * 0.9),
            ("fp16", 8.0 * 1.5 + 6.0 * 0.4),
            ("int8", 8.0 * 0.23 + 6.0 * 0.03),
            ("77 fJ", 8.0 * 12.5 + 6.0 * 0.077),
            ("CPU", 14.0 * 8600.0),
            ("Loihi", 14.0 * 27.1),
        ] {
            assert!((priced(part) - picojoules).abs() < 1e-9 * picojoules, "{part}: {}", priced(part));
        }
    }

    #[test]
    fn memory_by_hand() {
        let counts = SMALL.with_memory();
        assert_eq!(
            (counts.additions, counts.macs, counts.address_additions, counts.address_macs),
            (6.0, 8.0, 6.0, 0.0)
        );
        // Numbers of four bytes; on the first line a byte costs 2.5 pJ where the memory has 8192.
        let price = |numbers: f64, capacity: f64| 4.0 * numbers * 4.0 * capacity * 2.5 / 8192.0;
        assert_eq!(counts.inputs.bytes, 4.0 * 3.0);
        assert!((counts.inputs.picojoules - price(3.0, 1000.0)).abs() < 1e-12);
        assert_eq!(counts.parameters.bytes, 4.0 * (6.0 + 8.0));
        assert!((counts.parameters.picojoules - price(6.0, 20.0) - price(8.0, 4.0)).abs() < 1e-12);
        assert_eq!(counts.membranes.bytes, 4.0 * 12.0);
        assert!((counts.membranes.picojoules - price(12.0, 2.0)).abs() < 1e-12);
        assert_eq!(counts.outputs.bytes, 0.0);
        let memory = price(3.0, 1000.0) + price(6.0, 20.0) + price(8.0, 4.0) + price(12.0, 2.0);
        let wanted = 6.0 * 0.1 + 8.0 * 3.2 + 6.0 * 0.1 + memory;
        let table = TABLES.iter().find(|table| table.prices == Prices::Memory).expect("the table with memory");
        assert!((1e6 * SMALL.microjoules(table) - wanted).abs() < 1e-9, "{}", 1e6 * SMALL.microjoules(table));
        // A table of a megabyte and more costs 25 pJ a byte, however large it is.
        let large = LookUp { table: 1 << 20, ..SMALL }.with_memory();
        assert!((large.parameters.picojoules - 6.0 * 100.0 - price(8.0, 4.0)).abs() < 1e-9);
    }

    #[test]
    fn means_may_be_priced() {
        let texts = [[3.0, 6.0, 8.0], [0.0, 0.0, 0.0], [9.0, 18.0, 8.0]];
        let mean = SMALL.with_mean(texts);
        assert_eq!((mean.features, mean.additions, mean.table), (4.0, 8.0, 20));
        for table in &TABLES {
            let each = texts.map(|[features, additions, macs]| LookUp { features, additions, macs, ..SMALL });
            let sum: f64 = each.iter().map(|text| text.microjoules(table)).sum();
            assert!((3.0 * mean.microjoules(table) - sum).abs() < 1e-9 * sum, "{}", table.name);
            assert_eq!(SMALL.with_mean([]).microjoules(table), 0.0);
        }
    }
}
