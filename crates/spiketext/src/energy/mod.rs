//! From counted operations to joules, under named cost tables (equation 11).
//!
//! The tables price arithmetic alone: no memory traffic, no leakage. Operations come first; joules are a reading of
//! them.

use serde::{Deserialize, Serialize};

/// The price of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct CostTable {
    /// The table's name in reports.
    #[serde(skip_deserializing)]
    pub name: &'static str,
    /// Picojoules a multiply-accumulation.
    pub mac: f64,
    /// Picojoules an accumulation.
    pub ac: f64,
}

/// 45 nm CMOS, 32-bit floating point: multiplication 3.7 pJ and addition 0.9 pJ (Horowitz, ISSCC 2014).
pub const HOROWITZ_45NM_FP32: CostTable = CostTable { name: "45 nm, fp32 (Horowitz 2014)", mac: 4.6, ac: 0.9 };

impl CostTable {
    /// Microjoules of `macs` multiply-accumulations and `acs` accumulations.
    #[must_use]
    pub fn microjoules(&self, macs: f64, acs: f64) -> f64 {
        (macs * self.mac + acs * self.ac) * 1e-6
    }

    /// Below this product of time steps and input rate a spiking layer costs less than the real-valued one.
    #[must_use]
    pub fn break_even(&self) -> f64 {
        self.mac / self.ac
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_45_nm_table_prices_macs_five_times_as_high_as_acs() {
        let table = HOROWITZ_45NM_FP32;
        assert!((table.microjoules(1e6, 0.0) - 4.6).abs() < 1e-12);
        assert!((table.microjoules(0.0, 1e6) - 0.9).abs() < 1e-12);
        assert!((table.break_even() - 5.111).abs() < 1e-3);
    }
}
