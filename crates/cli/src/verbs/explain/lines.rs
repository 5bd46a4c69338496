//! An explained text for people at a terminal.

use std::io::{self, Write};

use spiketext::{
    explain::{Deletion, Explanation, Fewest},
    model::Model,
};

use super::Explained;
use crate::support::{tables, terminal};

/// N-grams that are shown on each side.
const NGRAMS: usize = 3;
/// Words in the table, the strongest.
const WORDS: usize = 12;
/// The widest word or class.
const WIDEST: usize = 24;

/// The backgrounds of words that push to the label, weak to strong, and of those that push against it: colours of the
/// 256 that nearly all terminals have, with a letter that can be read on each.
const WITH: [&str; 3] = ["\u{1b}[38;5;16;48;5;153m", "\u{1b}[38;5;16;48;5;111m", "\u{1b}[38;5;231;48;5;26m"];
const AGAINST: [&str; 3] = ["\u{1b}[38;5;16;48;5;223m", "\u{1b}[38;5;16;48;5;215m", "\u{1b}[38;5;16;48;5;208m"];
const PLAIN: &str = "\u{1b}[0m";

/// Prints one text.
pub fn print(
    model: &Model,
    explained: &Explained,
    columns: Option<usize>,
    colour: bool,
    out: &mut impl Write,
) -> io::Result<()> {
    let name = |class: usize| terminal::one_line(&model.labels()[class], Some(WIDEST));
    let Some((found, deletion)) = &explained.found else {
        let class = spiketext::slices::argmax(model.priors());
        let head = format!("{}  {:5.1} %  (unknown) ", name(class), 100.0 * model.priors()[class]);
        let left = columns.map(|columns| columns.saturating_sub(terminal::width(&head)));
        writeln!(out, "{head}{}", terminal::one_line(&explained.text, left))?;
        return writeln!(out, "  no word of it is known: the answer is the class's share in training\n");
    };
    let head = match &found.labels {
        Some(classes) => {
            let told: Vec<String> = classes
                .iter()
                .map(|&class| format!("{} {:.1} %", name(class), 100.0 * found.probabilities[class]))
                .collect();
            if told.is_empty() { "no label".to_owned() } else { told.join(", ") }
        }
        None => format!("{}  {:.1} %", name(found.label), 100.0 * found.probabilities[found.label]),
    };
    let left = columns.map(|columns| columns.saturating_sub(terminal::width(&head) + 2));
    writeln!(out, "{head}  {}", terminal::one_line(&explained.text, left))?;
    if colour {
        words(found, columns.unwrap_or(80), out)?;
    }
    let push = |parts: &[f64]| found.push(parts, found.label, found.runner_up);
    let (score, base) = (push(&found.scores), push(&found.base));
    let sides = if found.labels.is_some() || found.label == found.runner_up {
        format!("for {}", name(found.label))
    } else {
        format!("for {} against {}", name(found.label), name(found.runner_up))
    };
    writeln!(out, "  {sides}: {score:+.3} = words {:+.3}, base {base:+.3}", score - base)?;
    if found.approximations.is_empty() {
        writeln!(
            out,
            "  n-grams are exact: spikes times weights; a spike's words share it by the currents that drove it"
        )?;
    }
    for approximation in &found.approximations {
        writeln!(out, "  assumed: {}", approximation.describe())?;
    }
    ngrams(found, out)?;
    table(found, deletion.as_ref(), out)?;
    if let Some(deletion) = deletion {
        if let Some(correlation) = deletion.correlation {
            writeln!(out, "  correlation of what words said with what is lost without them: {correlation:.2}")?;
        }
        if let Some(fewest) = &deletion.fewest {
            writeln!(out, "  {}", alone(found, fewest, &name(found.label)))?;
        }
    }
    writeln!(out)
}

/// The fewest words in a sentence.
fn alone(found: &Explanation, fewest: &Fewest, label: &str) -> String {
    let words: Vec<String> = fewest.words.iter().map(|&at| word(found, at)).collect();
    let mut told = format!("alone these words have the label {label}, too: {}", words.join(" "));
    told += &match (fewest.proven, words.len()) {
        (false, _) => " (fewer may do: not all smaller sets were tried)".to_owned(),
        (true, 1) => String::new(),
        (true, count) => format!(" (no {} do)", count - 1),
    };
    told
}

fn word(found: &Explanation, at: usize) -> String {
    terminal::one_line(&found.tokens[at].text, Some(WIDEST))
}

/// The words in their colours, in lines.
fn words(found: &Explanation, columns: usize, out: &mut impl Write) -> io::Result<()> {
    let pushes = found.pushes();
    let strongest = pushes.iter().fold(0.0, |most: f64, push| most.max(push.abs()));
    let mut used = 0;
    for (at, &push) in pushes.iter().enumerate() {
        let word = word(found, at);
        let width = terminal::width(&word) + 1;
        if used == 0 || used + width > columns {
            write!(out, "{}  ", if used == 0 { "" } else { "\n" })?;
            used = 2;
        }
        used += width;
        let share = if strongest > 0.0 { push.abs() / strongest } else { 0.0 };
        let shade = if share > 2.0 / 3.0 { 2 } else { usize::from(share > 1.0 / 3.0) };
        if share < 0.05 {
            write!(out, "{word} ")?;
        } else {
            write!(out, "{}{word}{PLAIN} ", if push > 0.0 { WITH[shade] } else { AGAINST[shade] })?;
        }
    }
    writeln!(out)
}

fn ngrams(found: &Explanation, out: &mut impl Write) -> io::Result<()> {
    for (side, places) in ["with", "against"].iter().zip(found.strongest(NGRAMS)) {
        let told: Vec<String> = places
            .iter()
            .map(|(place, push)| {
                let words: Vec<String> = place.clone().map(|at| word(found, at)).collect();
                format!("'{}' {push:+.3}", words.join(" "))
            })
            .collect();
        if !told.is_empty() {
            writeln!(out, "  n-grams {side}: {}", told.join(", "))?;
        }
    }
    Ok(())
}

fn table(found: &Explanation, deletion: Option<&Deletion>, out: &mut impl Write) -> io::Result<()> {
    let pushes = found.pushes();
    let mut order: Vec<usize> = (0..pushes.len()).filter(|&at| found.tokens[at].known).collect();
    order.sort_by(|&a, &b| pushes[b].abs().total_cmp(&pushes[a].abs()).then(a.cmp(&b)));
    let left_out = order.len().saturating_sub(WORDS);
    order.truncate(WORDS);
    let mut header = vec!["  word", "said"];
    header.extend(deletion.map(|_| "lost without it"));
    let mut table = tables::plain(&header, &[1, 2]);
    for at in order {
        let mut row = vec![format!("  {}", word(found, at)), format!("{:+.3}", pushes[at])];
        if let Some(deletion) = deletion {
            let drop = deletion.drops[at].as_ref();
            row.push(
                drop.map_or_else(String::new, |drop| {
                    format!("{:+.3}", found.push(drop, found.label, found.runner_up))
                }),
            );
        }
        table.add_row(row);
    }
    writeln!(out, "{}", table.trim_fmt())?;
    if left_out > 0 {
        writeln!(out, "  … {left_out} more words, which said less (--json has all)")?;
    }
    Ok(())
}
