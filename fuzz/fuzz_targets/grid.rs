//! A study's grid.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use spiketext_study::Grid;

fuzz_target!(|text: &str| {
    if let Ok(grid) = Grid::parse(text, Path::new("grid.toml")) {
        for cell in &grid.cells {
            assert!(cell.id().ends_with(&format!("seed{}", cell.seed)));
        }
    }
});
