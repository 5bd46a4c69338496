//! The spikes of one text as a picture.

use plotters::{
    element::DashedPathElement,
    prelude::*,
    style::text_anchor::{HPos, VPos},
};
use spiketext::{
    Error, Result,
    engine::{SpikeTrain, Trace},
    model::Model,
};

use crate::{
    figure::{Area, Drawn, GRID, INK, LETTERS, MUTED, SERIES, cut, letters, picture, write_at},
    markdown::{Page, escaped},
};

/// More tokens than this are counted, not drawn.
const DRAWN_TOKENS: usize = 24;
/// Input dimensions drawn for each token: the first ones.
const DRAWN_DIMENSIONS: usize = 12;
/// Pixels of a token, two for each dimension.
const BAND: usize = 2 * DRAWN_DIMENSIONS + 6;
/// Most dots of the features' raster.
const DRAWN_DOTS: usize = 4000;
/// More classes than this are not drawn.
const DRAWN_CLASSES: usize = 8;

/// A picture of `text` running through `model`.
///
/// # Errors
/// If the model knows no word of the text, so that nothing runs.
pub fn section(model: &Model, text: &str, page: &mut Page) -> Result<()> {
    let (tokens, trace, _) = model.trace(text);
    if !tokens.iter().any(|token| model.vocabulary().id(token).is_some()) {
        return Err(Error::invalid("raster of a text", "a text with a word that the model knows", text));
    }
    page.heading(2, "The spikes of a sentence");
    page.paragraph(&format!("“{}”, as a trained model reads it.", escaped(text)));
    let svg = draw(model, &tokens, &trace);
    page.figure("raster", "Spikes of a sentence: input, features and currents into the outputs over the steps", svg)?;
    let config = model.network().config();
    let shown = tokens.len().min(DRAWN_TOKENS);
    let features = trace.features().next().map_or(0, SpikeTrain::dimension);
    page.paragraph(&format!(
        "Time goes from left to right, {} steps. Left: the first {} of {} input dimensions of each of {}. Middle: \
         the features that fire at least once, of {features}. Right: the current into the output of each class, \
         mean up to each step; {}.",
        config.steps,
        config.dimension().min(DRAWN_DIMENSIONS),
        config.dimension(),
        if shown < tokens.len() {
            format!("the first {shown} tokens of {}", tokens.len())
        } else {
            format!("{shown} tokens")
        },
        match config.readout() {
            spiketext::network::Readout::Membrane => "the largest at the end decides",
            spiketext::network::Readout::SpikeCount => "the most output spikes decide",
        },
    ));
    Ok(())
}

fn draw(model: &Model, tokens: &[String], trace: &Trace) -> Result<String> {
    let shown = tokens.len().min(DRAWN_TOKENS);
    let height = (shown * BAND).max(280) as i32;
    picture((990, height as u32 + 70), "Spikes of a sentence", |root| {
        for (x, title) in [(240, "input, by token"), (545, "features that fire"), (810, "current into the outputs")] {
            write_at(root, title, (x, 14), &letters(LETTERS + 1.0, INK, HPos::Center, VPos::Center))?;
        }
        let steps = model.network().config().steps;
        input(root, &tokens[..shown], trace, steps, height)?;
        features(root, trace, steps, height)?;
        currents(root, model, trace, steps, height)
    })
}

/// The first and the last step below a frame that begins at `left`.
fn time(area: &Area<'_>, left: i32, width: i32, bottom: i32, steps: usize) -> Drawn {
    let note = |h| letters(LETTERS, MUTED, h, VPos::Center);
    write_at(area, "t = 1", (left, bottom + 14), &note(HPos::Left))?;
    if steps > 1 {
        write_at(area, &steps.to_string(), (left + width, bottom + 14), &note(HPos::Right))?;
    }
    area.draw(&PathElement::new(vec![(left, bottom), (left + width, bottom)], MUTED.stroke_width(1)))
}

/// A spike: a bar around `x`, from `y` down.
fn spike(area: &Area<'_>, x: i32, y: i32, (wide, tall): (i32, i32), kind: usize) -> Drawn {
    area.draw(&Rectangle::new([(x - wide / 2, y), (x - wide / 2 + wide, y + tall)], SERIES[kind].filled()))
}

/// How wide a spike is drawn: half its step, within what reads as a spike.
fn wide(width: i32, steps: usize) -> i32 {
    (width / (2 * steps.max(1)) as i32).clamp(2, 12)
}

fn input(area: &Area<'_>, tokens: &[String], trace: &Trace, steps: usize, height: i32) -> Drawn {
    let (left, top, width) = (130, 30, 220);
    let band = BAND as i32;
    let wide = wide(width, steps);
    for (i, (token, spikes)) in tokens.iter().zip(&trace.tokens).enumerate() {
        let y = top + i as i32 * band;
        let style = letters(LETTERS, INK, HPos::Right, VPos::Center);
        write_at(area, &cut(token, LETTERS, left - 14), (left - 8, y + band / 2), &style)?;
        area.draw(&PathElement::new(vec![(left, y), (left + width, y)], GRID.stroke_width(1)))?;
        for t in 0..spikes.rows().min(steps) {
            let x = left + place(t, steps, width);
            for dimension in (0..spikes.dimension().min(DRAWN_DIMENSIONS)).filter(|&d| spikes.get(t, d)) {
                spike(area, x, y + 4 + 2 * dimension as i32, (wide, 1), 0)?;
            }
        }
    }
    time(area, left, width, top + height, steps)
}

fn features(area: &Area<'_>, trace: &Trace, steps: usize, height: i32) -> Drawn {
    let (left, top, width) = (410, 30, 270);
    let Some(train) = trace.features().next() else { return Ok(()) };
    let firing: Vec<usize> = (0..train.dimension()).filter(|&c| (0..steps).any(|t| train.get(t, c))).collect();
    // As many as stay readable, evenly chosen.
    let most = (DRAWN_DOTS / steps.max(1)).clamp(1, height as usize / 3);
    let every = firing.len().div_ceil(most).max(1);
    let wide = wide(width, steps);
    let drawn: Vec<usize> = firing.iter().copied().step_by(every).collect();
    for (row, &feature) in drawn.iter().enumerate() {
        let y = top + (row as i32 * height) / drawn.len() as i32;
        for t in (0..steps).filter(|&t| train.get(t, feature)) {
            let tall = (height / drawn.len() as i32 - 1).clamp(1, 6);
            spike(area, left + place(t, steps, width), y, (wide, tall), 1)?;
        }
    }
    time(area, left, width, top + height, steps)
}

fn currents(area: &Area<'_>, model: &Model, trace: &Trace, steps: usize, height: i32) -> Drawn {
    let (left, top, width) = (730, 30, 160);
    let config = model.network().config();
    let group = config.outputs_per_class();
    let classes = model.labels().len().min(DRAWN_CLASSES);
    let mut lines = vec![Vec::new(); classes];
    for (class, line) in lines.iter_mut().enumerate() {
        let mut sum = 0.0;
        for (t, row) in trace.output_currents.chunks_exact(config.outputs()).enumerate() {
            sum += row[class * group..][..group].iter().map(|&c| f64::from(c)).sum::<f64>() / group as f64;
            line.push(sum / (t + 1) as f64);
        }
    }
    let all = || lines.iter().flatten().copied().filter(|value| value.is_finite());
    let (low, high) = (all().fold(0.0, f64::min), all().fold(0.0, f64::max));
    let span = (high - low).max(1e-9);
    let level = |value: f64| top + 10 + ((high - value) / span * f64::from(height - 20)) as i32;
    let zero = vec![(left, level(0.0)), (left + width, level(0.0))];
    area.draw(&DashedPathElement::new(zero, 4, 4, MUTED.stroke_width(1)))?;
    write_at(area, "0", (left - 6, level(0.0)), &letters(LETTERS, MUTED, HPos::Right, VPos::Center))?;
    // Names stand in the order of the last values, each at least a line below the one before.
    let last = |class: usize| lines[class].last().copied().unwrap_or(0.0);
    let mut order: Vec<usize> = (0..classes).collect();
    order.sort_by(|&a, &b| last(b).total_cmp(&last(a)).then(a.cmp(&b)));
    let mut lowest = i32::MIN / 2;
    for class in order {
        let points: Vec<(i32, i32)> =
            lines[class].iter().enumerate().map(|(t, &v)| (left + place(t, steps, width), level(v))).collect();
        let end = points.last().copied().unwrap_or((left, top));
        area.draw(&PathElement::new(points, SERIES[class].stroke_width(2)))?;
        crate::figure::marker(area, crate::figure::Mark::of(class), end, 4)?;
        lowest = end.1.max(lowest + 16);
        let style = letters(LETTERS, SERIES[class], HPos::Left, VPos::Center);
        write_at(area, &cut(&model.labels()[class], LETTERS, 990 - end.0 - 14), (end.0 + 10, lowest), &style)?;
    }
    time(area, left, width, top + height, steps)
}

/// Where a step lies in a frame of `width`.
fn place(t: usize, steps: usize, width: i32) -> i32 {
    ((2 * t + 1) as i32 * width) / (2 * steps.max(1)) as i32
}
