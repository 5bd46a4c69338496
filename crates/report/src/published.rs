//! Published accuracies, percent of the test texts, and how each is known.

use Known::{Derived, Quoted, Read, SingleOrigin};

/// Data sets in the order of the published table: short name, and as people write it.
pub const DATASETS: [(&str, &str); 6] = [
    ("mr", "MR"),
    ("sst2", "SST-2"),
    ("subj", "Subj"),
    ("sst5", "SST-5"),
    ("chnsenti", "ChnSenti"),
    ("waimai", "Waimai"),
];

/// The short name of SST-2 with its labelled phrases as training texts; its test texts are those of SST-2.
pub const PHRASES: &str = "sst2-phrases";

/// How a published figure is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// Read where it was published.
    Read,
    /// Quoted by later work, or by reviews.
    Quoted,
    /// Not read anywhere: it follows from others and the mean.
    Derived,
    /// By the notes of one author alone.
    SingleOrigin,
}

impl Known {
    /// What stands behind such a figure.
    #[must_use]
    pub fn mark(self) -> &'static str {
        match self {
            Self::Read => "",
            Self::Quoted => " §",
            Self::Derived => " †",
            Self::SingleOrigin => " ‡",
        }
    }
}

/// A row of numbers in the order of [`DATASETS`].
#[derive(Clone, Copy, Debug)]
pub struct Line {
    /// What reached them.
    pub name: &'static str,
    /// Where they stand, and how they came from there to here.
    pub source: &'static str,
    /// Percent.
    pub accuracy: [f64; 6],
    /// How each is known.
    pub known: [Known; 6],
    /// Mean over the sets.
    pub mean: f64,
    /// How that is known.
    pub mean_known: Known,
}

/// What others reached. The first is the DNN that the spiking network of the second is made after.
pub const PUBLISHED: [Line; 4] = [
    Line {
        name: "original TextCNN",
        source: "Lv, Xu and Zheng, ICLR 2023; no copy of its table was found, all six by the notes of one author, \
                 the mean worked out from them",
        accuracy: [77.41, 83.25, 94.00, 45.48, 86.74, 88.49],
        known: [SingleOrigin; 6],
        mean: 79.23,
        mean_known: Derived,
    },
    Line {
        name: "conversion + fine-tuning, T = 50",
        source: "Lv, Xu and Zheng, ICLR 2023; MR, SST-2 and the mean by reviews that quote the table of SpikeBERT, \
                 the other four by the same notes; the six have that mean",
        accuracy: [75.45, 80.91, 90.60, 41.63, 85.02, 86.66],
        known: [Quoted, Quoted, SingleOrigin, SingleOrigin, SingleOrigin, SingleOrigin],
        mean: 76.71,
        mean_known: Quoted,
    },
    Line {
        name: "SpikeBERT (12 blocks, distilled from BERT)",
        source: "SpikeBERT, arXiv 2308.15122, by reviews that quote it; what its mean leaves for SST-5 and Waimai \
                 together is certain, how the two share it is not",
        accuracy: [80.69, 85.39, 93.00, 46.11, 86.36, 89.66],
        known: [Quoted, Quoted, Quoted, Derived, Quoted, Derived],
        mean: 80.20,
        mean_known: Quoted,
    },
    Line {
        name: "Log-PE (12 blocks, best spiking model without pre-training)",
        source: "Spikformer-XNOR with Log-PE, NeurIPS 2025, read in the paper",
        accuracy: [83.88, 84.64, 92.80, 44.52, 87.95, 88.46],
        known: [Read; 6],
        mean: 80.38,
        mean_known: Read,
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
