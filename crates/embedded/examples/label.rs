//! Labels the texts of standard input, a line each, with an image: `label IMAGE < texts.txt`. Text is cut at white space.

use std::io::{BufRead, Write};

use spiketext_embedded::{Image, Reader};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).ok_or("expected: label IMAGE < texts.txt")?;
    let bytes = std::fs::read(&path).map_err(|error| format!("cannot read {path}: {error}"))?;
    let image = Image::read(&bytes).map_err(|error| format!("{path}: {error}"))?;
    let mut memory = vec![0; Reader::memory(&image)];
    let mut reader = Reader::new(&image, &mut memory).ok_or("as much memory as was asked for")?;
    let mut out = std::io::stdout().lock();
    for text in std::io::stdin().lock().lines() {
        reader.clear();
        reader.text(&text?);
        writeln!(out, "{}", image.label(reader.answer().class).unwrap_or_default())?;
    }
    Ok(())
}
