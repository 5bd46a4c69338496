//! Published accuracies and the goals that were set before the study, percent of the test texts.

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
    /// Where they stand.
    pub source: &'static str,
    /// Percent.
    pub accuracy: [f64; 6],
    /// Mean over the sets as published.
    pub mean: f64,
}

/// What others reached.
pub const PUBLISHED: [Line; 4] = [
    Line {
        name: "original TextCNN",
        source: "Lv, Xu and Zheng, ICLR 2023, as later work quotes it",
        accuracy: [77.41, 83.25, 94.00, 45.48, 86.74, 88.49],
        mean: 79.23,
    },
    Line {
        name: "conversion + fine-tuning, T = 50",
        source: "Lv, Xu and Zheng, ICLR 2023, as later work quotes it",
        accuracy: [75.45, 80.91, 90.60, 41.63, 85.02, 86.66],
        mean: 76.71,
    },
    Line {
        name: "SpikeBERT (12 blocks, distilled from BERT)",
        source: "SpikeBERT, arXiv 2308.15122",
        accuracy: [80.69, 85.39, 93.00, 46.11, 86.36, 89.66],
        mean: 80.20,
    },
    Line {
        name: "Log-PE (12 blocks, best spiking model without pre-training)",
        source: "Spikformer-XNOR with Log-PE, NeurIPS 2025",
        accuracy: [83.88, 84.64, 92.80, 44.52, 87.95, 88.46],
        mean: 80.38,
    },
];

/// A goal: at least this accuracy.
#[derive(Clone, Copy, Debug)]
pub struct Goal {
    /// What is to reach it.
    pub name: &'static str,
    /// Percent, in the order of [`DATASETS`].
    pub accuracy: [f64; 6],
    /// Percent, mean over the six sets.
    pub mean: Option<f64>,
}

/// For the network that is converted and fine-tuned as published.
pub const PAPER_GOAL: Goal =
    Goal { name: "paper recipe: at least", accuracy: [74.5, 80.0, 89.6, 40.6, 84.0, 85.7], mean: None };

/// For the lean network in at most [`LEAN_STEPS`] time steps.
pub const LEAN_GOAL: Goal = Goal {
    name: "lean SNN, T at most 8: at least",
    accuracy: [77.4, 83.3, 93.0, 44.0, 87.0, 89.0],
    mean: Some(79.3),
};

/// What the lean network aims for beyond its goal.
pub const AIM: Goal =
    Goal { name: "lean SNN: aim for", accuracy: [79.0, 85.0, 94.0, 46.0, 88.0, 90.0], mean: Some(80.4) };

/// The most time steps of the lean goal.
pub const LEAN_STEPS: usize = 8;

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
