//! What rows of spikes stand for over time: plain spikes, weighted phases, or the bit planes of a constant current.
//!
//! A graded code multiplies whole token products, presence current and all, by powers of two. So nothing is rounded
//! that a plain code would not round, and the presence current of centred training (equation 10), which takes half a
//! spike off every input of a plain code, here takes half a bit off every bit: a rate of b of 256 drives like (b +
//! 1/2) / 256.

/// Phases of a period, and bit planes of a current.
pub const PHASES: usize = 8;

/// How rows of spikes become the currents of the time steps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Drive {
    /// A row for each step; a spike weighs 1.
    #[default]
    Spikes,
    /// A row for each step t; a spike weighs `8 / 2^(1 + t mod 8)`, so that a full period carries what eight steps of
    /// the mean current would (weighted phases: Kim et al. 2018).
    Phases,
    /// Eight rows p, bits from the highest; every step has the same current, in which row p weighs `1 / 2^(1 + p)`.
    Current,
}

impl Drive {
    /// Rows of spikes of one token over `steps` steps.
    #[must_use]
    pub fn rows(self, steps: usize) -> usize {
        match self {
            Self::Spikes | Self::Phases => steps,
            Self::Current => PHASES,
        }
    }

    /// What the products of each step of a period are multiplied by.
    #[must_use]
    pub fn gains(self) -> [f32; PHASES] {
        match self {
            Self::Spikes | Self::Current => [1.0; PHASES],
            Self::Phases => std::array::from_fn(|phase| PHASES as f32 * share(phase)),
        }
    }
}

/// The share of bit plane p, from the highest, in a number of [0, 1]: `2^-(1 + p)`.
#[must_use]
pub fn share(plane: usize) -> f32 {
    1.0 / (1u32 << (1 + plane)) as f32
}

/// The time steps of a run and what drives them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Time {
    /// Time steps T.
    pub steps: usize,
    /// How rows of spikes become currents.
    pub drive: Drive,
}

impl Time {
    /// Rows of spikes of one token.
    #[must_use]
    pub fn rows(self) -> usize {
        self.drive.rows(self.steps)
    }
}

impl From<usize> for Time {
    /// Steps of plain spikes.
    fn from(steps: usize) -> Self {
        Self { steps, drive: Drive::Spikes }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_period_of_phases_carries_eight_mean_currents() {
        assert_eq!(Drive::Phases.gains(), [4.0, 2.0, 1.0, 0.5, 0.25, 0.125, 0.0625, 0.03125]);
        // All bits set are 255/256 of the full scale.
        assert_eq!(Drive::Phases.gains().iter().sum::<f32>(), 8.0 * 255.0 / 256.0);
        assert_eq!((0..PHASES).map(share).sum::<f32>(), 255.0 / 256.0);
        assert_eq!([Drive::Spikes, Drive::Phases, Drive::Current].map(|drive| drive.rows(50)), [50, 50, 8]);
    }
}
