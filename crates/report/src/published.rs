//! Published accuracies, percent of the test texts, and how each is known.

/// Data sets in the order of the published table: short name, and as people write it.
pub const DATASETS: [(&str, &str); 6] = [
    ("mr", "MR"),
    ("sst2", "SST-2"),
    ("subj", "Subj"),
    ("sst5", "SST-5"),
    ("chnsenti", "ChnSenti"),
    ("waimai", "Waimai"),
];

/// A row of numbers in the order of [`DATASETS`].
#[derive(Clone, Copy, Debug)]
pub struct Line {
    /// What reached them.
    pub name: &'static str,
    /// Where they stand, and how they came from there to here.
    pub source: &'static str,
    /// Percent.
    pub accuracy: [f64; 6],
    /// Mean over the sets as published.
    pub mean: f64,
    /// Data sets (short names) whose figure was not read anywhere but follows from the others and the mean.
    pub derived: &'static [&'static str],
}

/// What others reached.
pub const PUBLISHED: [Line; 4] = [
    Line {
        name: "original TextCNN",
        source: "Lv, Xu and Zheng, ICLR 2023, by notes of a single author on it",
        accuracy: [77.41, 83.25, 94.00, 45.48, 86.74, 88.49],
        mean: 79.23,
        derived: &[],
    },
    Line {
        name: "conversion + fine-tuning, T = 50",
        source: "Lv, Xu and Zheng, ICLR 2023, as later work quotes it (MR, SST-2 and the mean; the rest by the same \
                 notes)",
        accuracy: [75.45, 80.91, 90.60, 41.63, 85.02, 86.66],
        mean: 76.71,
        derived: &[],
    },
    Line {
        name: "SpikeBERT (12 blocks, distilled from BERT)",
        source: "SpikeBERT, arXiv 2308.15122, by reviews that quote it",
        accuracy: [80.69, 85.39, 93.00, 46.11, 86.36, 89.66],
        mean: 80.20,
        derived: &["sst5", "waimai"],
    },
    Line {
        name: "Log-PE (12 blocks, best spiking model without pre-training)",
        source: "Spikformer-XNOR with Log-PE, NeurIPS 2025",
        accuracy: [83.88, 84.64, 92.80, 44.52, 87.95, 88.46],
        mean: 80.38,
        derived: &[],
    },
];

/// Epochs of fine-tuning in the published code's settings for conversion (its default is 50).
pub const FINE_TUNING_EPOCHS: u64 = 30;

/// The fewest epochs of direct training in the published code's settings.
pub const DIRECT_EPOCHS: u64 = 50;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_means_are_those_of_their_rows() {
        for line in PUBLISHED {
            let mean = line.accuracy.iter().sum::<f64>() / 6.0;
            assert!((mean - line.mean).abs() < 0.0051, "{}: {mean}", line.name);
        }
    }
}
