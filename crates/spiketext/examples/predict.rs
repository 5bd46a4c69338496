//! Labels texts with a model directory: `cargo run --release --example predict -- MODEL "a text" "another"`.

use std::{env, path::Path};

use spiketext::{Model, Result, Session};

fn main() -> Result<()> {
    let mut arguments = env::args().skip(1);
    let folder = arguments.next().unwrap_or_else(|| "runs/reviews-en-lean-0".to_owned());
    let texts: Vec<String> = arguments.collect();
    // A session keeps what it has computed of words for the next batch.
    let mut session = Session::new(Model::load(Path::new(&folder))?);
    let (predictions, _) = session.predict(&texts);
    for (text, prediction) in texts.iter().zip(&predictions) {
        let label = &session.model().labels()[prediction.label];
        println!("{label} {:.1} %  {text}", 100.0 * prediction.probabilities[prediction.label]);
    }
    Ok(())
}
