//! What comes of a comparison: the Markdown table for people, the JSON with every measurement.

use std::fmt::Write;

use serde::Serialize;
use serde_json::{Value, json};

use crate::{Arguments, machine::Machine, turns::Sample};

/// A row that sets ours beside a peer, in texts a second by round.
#[derive(Clone, Debug, Serialize)]
pub struct Versus {
    /// What was timed.
    pub what: String,
    /// The texts of our side.
    pub texts: &'static str,
    /// Ours.
    pub ours: Vec<f64>,
    /// The peer's name.
    pub peer: String,
    /// The peer's.
    pub theirs: Vec<f64>,
}

impl Versus {
    fn ratio(&self) -> f64 {
        median(&self.ours) / median(&self.theirs)
    }

    fn by_round(&self) -> Vec<f64> {
        self.ours.iter().zip(&self.theirs).map(|(ours, theirs)| ours / theirs).collect()
    }
}

/// A row of ours alone.
#[derive(Clone, Debug, Serialize)]
pub struct Alone {
    /// What was measured.
    pub what: String,
    /// In which unit.
    pub unit: &'static str,
    /// The figure.
    pub value: f64,
    /// The same by round.
    pub by_round: Vec<f64>,
}

impl Alone {
    /// The median of the rounds.
    pub fn of_rounds(what: String, unit: &'static str, by_round: Vec<f64>) -> Self {
        Self { what, unit, value: median(&by_round), by_round }
    }
}

/// A whole comparison.
#[derive(Clone, Debug)]
pub struct Report {
    /// Rows beside the peers.
    pub versus: Vec<Versus>,
    /// Rows of ours alone.
    pub alone: Vec<Alone>,
    /// Everything that was measured.
    pub samples: Vec<Sample>,
    /// Versions of the peers, if they ran.
    pub peers: Option<Value>,
    left_out: Vec<String>,
    notes: Vec<String>,
    choices: Value,
    quick: bool,
    machine: Option<Machine>,
}

impl Report {
    /// An empty one, with the choices that it was made by. Paths are left out: they say something of the machine's owner
    /// and nothing of the measurement.
    pub fn new(arguments: &Arguments, dimension: usize) -> Self {
        let source = &arguments.source;
        let vectors = source.vectors.as_ref().and_then(|path| path.file_name());
        let mut notes = Vec::new();
        if source.data_dir.is_none() {
            notes.push("Texts: the built-in reviews, which are few, short and repeat their words.".to_owned());
        }
        if vectors.is_none() {
            notes.push(format!(
                "Vectors: the built-in ones of {dimension} dimensions, for the peers too; the published network has 300."
            ));
        }
        Self {
            versus: Vec::new(),
            alone: Vec::new(),
            samples: Vec::new(),
            peers: None,
            left_out: Vec::new(),
            notes,
            choices: json!({
                "data": if source.data_dir.is_some() { "SST-2, MR" } else { "built-in reviews" },
                "vectors": vectors.map_or_else(|| "built-in".into(), |name| name.to_string_lossy()),
                "dimension": dimension,
                "threads": arguments.threads,
                "rounds": arguments.rounds,
                "seconds_a_measurement": arguments.seconds,
                "seed": source.seed,
                "gpu": arguments.gpu,
                "quick": arguments.quick,
            }),
            quick: arguments.quick,
            machine: None,
        }
    }

    /// Adds where it was made.
    pub fn with(mut self, machine: Machine) -> Self {
        self.machine = Some(machine);
        self
    }

    /// Tells what has no row, and why.
    pub fn left_out(&mut self, what: &str) {
        self.left_out.push(what.to_owned());
    }

    /// Adds a sentence below the tables.
    pub fn note(&mut self, note: String) {
        self.notes.push(note);
    }

    /// The tables, for people.
    pub fn markdown(&self) -> String {
        let mut out = String::new();
        // Writing to a string does not fail.
        let _ = self.write(&mut out);
        out
    }

    fn write(&self, out: &mut String) -> std::fmt::Result {
        if self.quick {
            writeln!(out, "**A quick run: these figures mean nothing.**\n")?;
        }
        if !self.versus.is_empty() {
            writeln!(out, "Recipe `paper` beside the peers, texts a second:\n")?;
            writeln!(out, "| | our texts | ours | peer | peer's | ratio | by round |")?;
            writeln!(out, "| --- | --- | ---: | --- | ---: | ---: | --- |")?;
            for row in &self.versus {
                writeln!(
                    out,
                    "| {} | {} | {} | {} | {} | {} | {} |",
                    row.what,
                    row.texts,
                    figure(median(&row.ours)),
                    row.peer,
                    figure(median(&row.theirs)),
                    figure(row.ratio()),
                    spread(&row.by_round()),
                )?;
            }
            writeln!(out)?;
        }
        if !self.alone.is_empty() {
            writeln!(out, "spiketext alone:\n")?;
            writeln!(out, "| | measured | by round |")?;
            writeln!(out, "| --- | ---: | --- |")?;
            for row in &self.alone {
                writeln!(out, "| {} | {} {} | {} |", row.what, figure(row.value), row.unit, spread(&row.by_round),)?;
            }
            writeln!(out)?;
        }
        for note in &self.notes {
            writeln!(out, "{note}  ")?;
        }
        for what in &self.left_out {
            writeln!(out, "Left out: {what}.  ")?;
        }
        let choice = |key: &str| self.choices[key].to_string().replace('"', "");
        writeln!(
            out,
            "Data {}, vectors {}, D = {}, threads {}, rounds {}, {} s a measurement, seed {}.  ",
            choice("data"),
            choice("vectors"),
            choice("dimension"),
            choice("threads"),
            choice("rounds"),
            choice("seconds_a_measurement"),
            choice("seed"),
        )?;
        if let Some(peers) = self.peers.as_ref().and_then(Value::as_object) {
            let versions: Vec<String> =
                peers.iter().map(|(name, version)| format!("{name} {}", version.as_str().unwrap_or("?"))).collect();
            writeln!(out, "Peers: {}.  ", versions.join(", "))?;
        }
        if let Some(machine) = &self.machine {
            let dirty = if machine.dirty { ", with changes that are not committed" } else { "" };
            writeln!(
                out,
                "Machine: {} ({}), {} cores, {:.0} GiB, {}; {}; {}.  ",
                machine.processor,
                machine.processor_numbers,
                machine.cores,
                machine.memory_gib,
                machine.features.join(" "),
                machine.system,
                machine.rustc
            )?;
            writeln!(out, "Commit {}{dirty}, {}.", machine.commit, machine.date)?;
        }
        Ok(())
    }

    /// Everything.
    pub fn json(&self) -> Value {
        let versus: Vec<Value> = self
            .versus
            .iter()
            .map(|row| {
                let mut value = json!(row);
                value["ratio"] = row.ratio().into();
                value
            })
            .collect();
        let mut samples = json!(self.samples);
        for sample in samples.as_array_mut().into_iter().flatten() {
            // `spiketext train` says where it saved, in a folder that is gone.
            if let Some(line) = sample["line"].as_object_mut() {
                line.remove("model");
            }
        }
        json!({
            "what": "spiketext beside its PyTorch peers, in turn on one machine (benches/peers)",
            "choices": self.choices,
            "machine": self.machine,
            "peers": self.peers,
            "versus": versus,
            "alone": self.alone,
            "notes": self.notes,
            "left_out": self.left_out,
            "samples": samples,
        })
    }
}

/// The median; 0 of none.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    match sorted.len() {
        0 => 0.0,
        n if n % 2 == 1 => sorted[n / 2],
        n => (sorted[n / 2 - 1] + sorted[n / 2]) / 2.0,
    }
}

/// A figure with three digits or more.
fn figure(value: f64) -> String {
    let digits = match value.abs() {
        v if v >= 100.0 => 0,
        v if v >= 10.0 => 1,
        v if v >= 1.0 => 2,
        _ => 3,
    };
    format!("{value:.digits$}")
}

/// The smallest and the largest of the rounds.
fn spread(by_round: &[f64]) -> String {
    let least = by_round.iter().copied().fold(f64::INFINITY, f64::min);
    let most = by_round.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if by_round.len() < 2 { "once".to_owned() } else { format!("{} to {}", figure(least), figure(most)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_lie_in_the_middle() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
        assert_eq!(median(&[]), 0.0);
    }

    #[test]
    fn figures_keep_three_digits() {
        assert_eq!([0.1234, 1.234, 12.34, 1234.0].map(figure), ["0.123", "1.23", "12.3", "1234"]);
        assert_eq!(spread(&[2.0, 1.0]), "1.00 to 2.00");
    }
}
