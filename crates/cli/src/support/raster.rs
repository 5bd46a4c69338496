//! The spikes of one text as a picture for people and as lists for programs.

use std::io::{self, Write};

use serde::Serialize;
use spiketext::{
    engine::{Contributions, LayerTrace, SpikeTrain, Trace},
    model::Model,
    network::{LayerConfig, Readout},
};

use super::terminal;

/// More tokens than this are counted, not drawn.
const DRAWN_TOKENS: usize = 60;
/// More classes than this are counted, not drawn.
const DRAWN_CLASSES: usize = 20;
/// Columns of a row's name.
const NAME_COLUMNS: usize = 24;
/// Columns where the output is no terminal.
const COLUMNS: usize = 100;

/// A text's trace beside what it takes to read it.
pub struct Raster<'a> {
    model: &'a Model,
    tokens: Vec<String>,
    trace: Trace,
    contributions: Contributions,
}

/// One row: a number for each step.
struct Line {
    name: String,
    values: Vec<f64>,
    /// What stands at the end of the row.
    total: String,
}

/// What `--trace --json` adds. Steps are always the outer list.
#[derive(Serialize)]
pub struct TraceAnswer {
    steps: usize,
    tokens: Vec<TokenAnswer>,
    convolution: Vec<ConvolutionAnswer>,
    /// The features that fired, for each step.
    features: Vec<Vec<usize>>,
    /// The outputs that fired, for each step; null where outputs only integrate.
    outputs: Option<Vec<Vec<usize>>>,
    /// The current into each output, for each step.
    output_currents: Vec<Vec<f32>>,
    outputs_per_class: usize,
    /// The inputs of the read-out that said most for the answer, then those against it, as (input, share of the
    /// score); none where outputs fire.
    contributions: Vec<(usize, f32)>,
}

#[derive(Serialize)]
struct TokenAnswer {
    token: String,
    known: bool,
    /// The input dimensions that fired, for each step.
    spikes: Vec<Vec<usize>>,
}

#[derive(Serialize)]
struct ConvolutionAnswer {
    width: usize,
    positions: usize,
    /// The (position, filter) pairs that fired, for each step.
    spikes: Vec<Vec<[usize; 2]>>,
}

impl<'a> Raster<'a> {
    /// Runs `text` once more and keeps every spike.
    pub fn of(model: &'a Model, text: &str) -> Self {
        let (tokens, trace, contributions) = model.trace(text);
        Self { model, tokens, trace, contributions }
    }

    fn steps(&self) -> usize {
        self.model.network().config().steps
    }

    /// Draws it.
    pub fn print(&self, columns: Option<usize>, out: &mut impl Write) -> io::Result<()> {
        let columns = columns.unwrap_or(COLUMNS);
        let config = self.model.network().config();
        let shape = config.convolution();
        let group = config.outputs_per_class();
        writeln!(out)?;
        let mut tokens: Vec<Line> =
            self.tokens.iter().zip(&self.trace.tokens).map(|(t, s)| self.token(t, s)).collect();
        let left_out = tokens.len().saturating_sub(DRAWN_TOKENS);
        tokens.truncate(DRAWN_TOKENS);
        let title = format!("spikes of the tokens (of {} dimensions)", shape.dimension);
        self.group(&title, "all", &tokens, columns, out)?;
        if left_out > 0 {
            writeln!(out, "  … {left_out} more tokens")?;
        }
        let convolution: Vec<Line> = shape
            .widths
            .iter()
            .zip(self.trace.convolution())
            .map(|(&width, spikes)| {
                let positions = spikes.rows() / self.steps();
                spikes_of(format!("width {width}, {positions} x {}", shape.filters), spikes, self.steps())
            })
            .collect();
        self.group("spikes of the convolution (positions x filters)", "all", &convolution, columns, out)?;
        for (leaf, layer) in config.chain.leaves().iter().zip(&self.trace.layers).skip(1) {
            let (title, spikes) = match (&leaf.layer, layer) {
                (LayerConfig::Convolution { width, .. }, LayerTrace::Positions(trains)) => {
                    (format!("spikes of the convolution of width {width} (layer {})", leaf.path), &trains[0])
                }
                (LayerConfig::Neurons { .. }, LayerTrace::Spikes(train)) => {
                    ("spikes of the pooled features".to_owned(), train)
                }
                (_, LayerTrace::Spikes(train)) => (format!("spikes of the dense layer {}", leaf.path), train),
                _ => continue,
            };
            let line = spikes_of(format!("of {}", leaf.outputs), spikes, self.steps());
            self.group(&title, "all", &[line], columns, out)?;
        }
        let labels = self.model.labels();
        if let Some(outputs) = self.trace.outputs() {
            let lines: Vec<Line> = (0..labels.len().min(DRAWN_CLASSES))
                .map(|class| {
                    let members = class * group..(class + 1) * group;
                    let values: Vec<f64> = (0..self.steps())
                        .map(|t| members.clone().filter(|&o| outputs.get(t, o)).count() as f64)
                        .collect();
                    let total = format!("{:.0}", values.iter().sum::<f64>());
                    Line { name: labels[class].clone(), values, total }
                })
                .collect();
            let title = format!("spikes of the outputs (of {group} a class)");
            self.group(&title, "all", &lines, columns, out)?;
        }
        let currents: Vec<Line> = (0..labels.len().min(DRAWN_CLASSES)).map(|class| self.current(class)).collect();
        self.group("current into the outputs", "mean", &currents, columns, out)?;
        let more = labels.len().saturating_sub(DRAWN_CLASSES);
        if more > 0 {
            writeln!(out, "  … {more} more classes")?;
        }
        self.print_contributions(out)?;
        let decides = match config.readout() {
            Readout::Membrane => "the largest mean current decides",
            Readout::SpikeCount => "the most output spikes decide, then the larger current",
        };
        writeln!(out, "  {decides}\n")
    }

    /// The inputs of a membrane read-out that said most for the class with the largest mean current and most against
    /// it, each with what it gave to the score of that class; `None` where outputs fire.
    fn strongest(&self) -> Option<Vec<(usize, f32)>> {
        const EACH: usize = 3;
        let config = self.model.network().config();
        if config.readout() != Readout::Membrane {
            return None;
        }
        let (group, steps) = (config.outputs_per_class(), self.steps());
        let mean = |class: usize| self.current(class).values.iter().sum::<f64>();
        let best = (0..config.classes()).fold(0, |best, class| if mean(class) > mean(best) { class } else { best });
        let all = self.contributions.currents.chunks_exact(self.contributions.outputs).enumerate();
        let of_best = |(input, row): (usize, &[f32])| {
            let said = row[best * group..][..group].iter().sum::<f32>() / (steps * group) as f32;
            (input, said / self.spikes_a_unit(input) as f32)
        };
        let mut said: Vec<(usize, f32)> = all.map(of_best).collect();
        said.sort_by(|a, b| b.1.total_cmp(&a.1));
        let pro = said.iter().take(EACH).filter(|(_, share)| *share > 0.0);
        let contra = said.iter().rev().take(EACH).filter(|(_, share)| *share < 0.0);
        Some(pro.chain(contra).copied().collect())
    }

    /// How many spikes of an input of the read-out make up its unit: the positions, where it reads sums over them, or the
    /// tokens, where these divide all.
    fn spikes_a_unit(&self, input: usize) -> usize {
        if let Some(tokens) = self.model.network().config().padding.common_divisor(self.tokens.len()) {
            return tokens;
        }
        match &self.trace.layers[..] {
            [.., LayerTrace::Positions(trains), LayerTrace::Sums, _] => {
                trains[input / trains[0].dimension()].rows() / self.steps()
            }
            _ => 1,
        }
    }

    /// What an input of the read-out is called: the filter whose spikes it sums, or the number of a neuron.
    fn input_name(&self, input: usize) -> String {
        let chain = &self.model.network().config().chain;
        let reads_filters = chain
            .leaves()
            .iter()
            .all(|leaf| !matches!(leaf.layer, LayerConfig::Convolution { .. } | LayerConfig::Dense { .. }));
        let shape = chain.text_convolution().0;
        if reads_filters {
            format!("filter {} of width {}", input % shape.filters, shape.widths[input / shape.filters])
        } else {
            format!("channel {input}")
        }
    }

    /// Those inputs in a line.
    fn print_contributions(&self, out: &mut impl Write) -> io::Result<()> {
        let Some(strongest) = self.strongest().filter(|strongest| !strongest.is_empty()) else { return Ok(()) };
        let said = strongest.iter().map(|&(input, share)| format!("{} {share:+.3}", self.input_name(input)));
        writeln!(out, "  said most for and against the answer: {}", said.collect::<Vec<_>>().join(", "))
    }

    /// The row of a token.
    fn token(&self, token: &str, spikes: &SpikeTrain) -> Line {
        let known = self.model.vocabulary().id(token).is_some();
        let name = if known { token.to_owned() } else { format!("{token} (unknown)") };
        spikes_of(name, spikes, self.steps())
    }

    /// The row of a class's mean current.
    fn current(&self, class: usize) -> Line {
        let config = self.model.network().config();
        let group = config.outputs_per_class();
        let values: Vec<f64> = self
            .trace
            .output_currents
            .chunks_exact(config.outputs())
            .map(|row| {
                row[class * group..][..group].iter().map(|&current| f64::from(current)).sum::<f64>() / group as f64
            })
            .collect();
        let total = format!("{:+.2}", values.iter().sum::<f64>() / values.len().max(1) as f64);
        Line { name: self.model.labels()[class].clone(), values, total }
    }

    /// Rows under a title, on one scale: a bar for each step, the numbers where they fit, the total.
    fn group(
        &self,
        title: &str,
        total: &str,
        lines: &[Line],
        columns: usize,
        out: &mut impl Write,
    ) -> io::Result<()> {
        let least = lines.iter().flat_map(|line| &line.values).copied().fold(0.0, f64::min);
        let most = lines.iter().flat_map(|line| &line.values).copied().fold(0.0, f64::max);
        let whole = lines.iter().flat_map(|line| &line.values).all(|value| value.fract() == 0.0);
        let number = |value: f64| if whole { format!("{value:.0}") } else { format!("{value:+.2}") };
        let name = |line: &Line| terminal::one_line(&line.name, Some(NAME_COLUMNS));
        let name_columns = lines.iter().map(|line| terminal::width(&name(line))).max().unwrap_or(0);
        let cell = 1 + lines.iter().flat_map(|line| &line.values).map(|&v| number(v).len()).max().unwrap_or(0);
        let end = 2 + lines.iter().map(|line| line.total.len()).max().unwrap_or(0).max(total.len());
        let before = 4 + name_columns + 2 + self.steps();
        let with_numbers = before + 1 + cell * self.steps();
        let numbers = with_numbers + end <= columns;
        let title = terminal::padded(&format!("  {title}"), if numbers { with_numbers } else { before });
        writeln!(out, "{title}{total:>end$}")?;
        for line in lines {
            let bars: String = line.values.iter().map(|&value| bar(value, least, most)).collect();
            let mut row = format!("    {}  {bars}", terminal::padded(&name(line), name_columns));
            if numbers {
                row.push(' ');
                row.extend(line.values.iter().map(|&value| format!("{:>cell$}", number(value))));
            }
            writeln!(out, "{row}{:>end$}", line.total)?;
        }
        Ok(())
    }

    /// As lists.
    pub fn answer(self) -> TraceAnswer {
        let steps = self.steps();
        let config = self.model.network().config();
        let contributions = self.strongest().unwrap_or_default();
        let each_step = |spikes: &SpikeTrain| (0..steps).map(|t| fired(spikes, t)).collect::<Vec<_>>();
        let tokens = self.tokens.iter().zip(&self.trace.tokens).map(|(token, spikes)| TokenAnswer {
            token: token.clone(),
            known: self.model.vocabulary().id(token).is_some(),
            spikes: each_step(spikes),
        });
        let convolution = config.convolution().widths.iter().zip(self.trace.convolution()).map(|(&width, spikes)| {
            let positions = spikes.rows() / steps;
            let step = |t| {
                let row = |p| fired(spikes, t * positions + p).into_iter().map(move |filter| [p, filter]);
                (0..positions).flat_map(row).collect()
            };
            ConvolutionAnswer { width, positions, spikes: (0..steps).map(step).collect() }
        });
        TraceAnswer {
            steps,
            tokens: tokens.collect(),
            convolution: convolution.collect(),
            features: self.trace.features().next().map(each_step).unwrap_or_default(),
            outputs: self.trace.outputs().map(each_step),
            output_currents: self.trace.output_currents.chunks_exact(config.outputs()).map(<[f32]>::to_vec).collect(),
            outputs_per_class: config.outputs_per_class(),
            contributions,
        }
    }
}

/// The columns of a row that hold a spike.
fn fired(spikes: &SpikeTrain, row: usize) -> Vec<usize> {
    (0..spikes.dimension()).filter(|&column| spikes.get(row, column)).collect()
}

/// A row of spike counts; a step's spikes may stand in several rows of the train.
fn spikes_of(name: String, spikes: &SpikeTrain, steps: usize) -> Line {
    let rows = spikes.rows() / steps;
    let step = |t: usize| (t * rows..(t + 1) * rows).map(|row| f64::from(spikes.count_row(row))).sum();
    Line { name, values: (0..steps).map(step).collect(), total: spikes.count().to_string() }
}

/// One of eight heights from `least` to `most`; a dot for nothing at all.
fn bar(value: f64, least: f64, most: f64) -> char {
    const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    if value == 0.0 {
        return '·';
    }
    let height = 8.0 * (value - least) / (most - least);
    BARS[(height.ceil() as usize).clamp(1, 8) - 1]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_go_from_the_least_to_the_most() {
        let of = |values: &[f64], least, most| values.iter().map(|&v| bar(v, least, most)).collect::<String>();
        assert_eq!(of(&[0.0, 1.0, 50.0, 100.0], 0.0, 100.0), "·▁▄█");
        assert_eq!(of(&[-1.0, 0.0, 1.0], -1.0, 1.0), "▁·█");
    }
}
