//! Small multiples: panels of one kind side by side, with a common legend.

use std::ops::Range;

use plotters::{
    coord::ranged1d::{KeyPointHint, NoDefaultFormatting, ValueFormatter},
    element::DashedPathElement,
    prelude::*,
    style::text_anchor::{HPos, VPos},
};
use spiketext::Result;

use crate::{
    figure::{Area, Drawn, GRID, INK, LETTERS, MUTED, Mark, cut, letters, marker, picture, width_of, write_at},
    numbers::significant,
};

/// One panel.
#[derive(Clone, Debug)]
pub struct Panel {
    /// Its title.
    pub title: String,
    /// What lies in it.
    pub series: Vec<Series>,
}

/// Points that belong together.
#[derive(Clone, Debug)]
pub struct Series {
    /// Its name in the legend; empty to stay out of it.
    pub name: String,
    /// Colour and marker.
    pub mark: Mark,
    /// How points are joined.
    pub line: Line,
    /// Whether points have markers.
    pub markers: bool,
    /// Where.
    pub points: Vec<Point>,
}

/// How points are joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line {
    /// Not at all.
    None,
    /// By a line.
    Solid,
    /// By a dashed line.
    Dashed,
    /// By a thin dashed line in the colour of words: a bound, not a measurement.
    Bound,
    /// Not at all; words in the colour of bounds.
    Note,
}

/// A point.
#[derive(Clone, Debug, Default)]
pub struct Point {
    /// Along.
    pub x: f64,
    /// Up.
    pub y: f64,
    /// Half the length of its error bar.
    pub deviation: Option<f64>,
    /// What stands beside it where there is room.
    pub label: String,
    /// Whether that stands to the right rather than above.
    pub beside: bool,
}

/// How values become places.
#[derive(Clone, Debug)]
pub struct Axis {
    name: String,
    logarithmic: bool,
    low: f64,
    high: f64,
    ticks: Vec<(f64, String)>,
}

impl Axis {
    /// Equal steps; `within` bounds what the margin may add.
    pub fn linear(name: &str, values: impl IntoIterator<Item = f64>, within: (f64, f64)) -> Self {
        let (low, high) = bounds(values);
        let margin = if high > low { 0.08 * (high - low) } else { (0.05 * low.abs()).max(0.5) };
        let (low, high) = ((low - margin).max(within.0), (high + margin).min(within.1));
        let step = round_step((high - low) / 4.5);
        let decimals = (-step.log10().floor()).clamp(0.0, 9.0) as usize;
        let first = (low / step).ceil() as i64;
        let ticks = (first..=first + 20)
            .map(|n| n as f64 * step)
            .take_while(|tick| *tick <= high + 1e-9 * step)
            .map(|tick| (tick, format!("{tick:.decimals$}")))
            .collect();
        Self { name: name.into(), logarithmic: false, low, high, ticks }
    }

    /// The same, from `low` on without a margin: what lies below is marked at the edge.
    #[must_use]
    pub fn from(mut self, low: f64) -> Self {
        self.low = low;
        self.ticks.retain(|(place, _)| *place >= low);
        self
    }

    /// Equal ratios, with ticks at powers of ten and where these are few also between them. All values must be above
    /// 0.
    pub fn logarithmic(name: &str, values: impl IntoIterator<Item = f64>) -> Self {
        let (low, high) = bounds(values.into_iter().map(f64::log10));
        let margin = (0.08 * (high - low)).max(0.06);
        let (low, high) = (low - margin, high + margin);
        let steps: &[f64] = match high - low {
            span if span < 1.0 => &[1.0, 1.5, 2.0, 3.0, 5.0, 7.0],
            span if span < 2.2 => &[1.0, 3.0],
            _ => &[1.0],
        };
        let every = (((high - low) / 6.0).ceil() as usize).max(1);
        let ticks = ((low.floor() as i32)..=(high.ceil() as i32))
            .step_by(every)
            .flat_map(|power| steps.iter().map(move |step| step * 10f64.powi(power)))
            .filter(|value| (low..=high).contains(&value.log10()))
            .map(|value| (value.log10(), short(value)))
            .collect();
        Self { name: name.into(), logarithmic: true, low, high, ticks }
    }

    /// Ticks at the values themselves; equal ratios where all are above 0 and far apart.
    pub fn at(name: &str, values: impl IntoIterator<Item = f64>) -> Self {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        values.dedup();
        let (least, most) = bounds(values.iter().copied());
        let logarithmic = least > 0.0 && most / least >= 8.0;
        let place = |value: f64| if logarithmic { value.log10() } else { value };
        let (low, high) = (place(least), place(most));
        let margin = if high > low { 0.07 * (high - low) } else { 0.5 };
        let (low, high) = (low - margin, high + margin);
        let mut ticks: Vec<(f64, String)> = Vec::new();
        for value in values {
            let far = |(last, _): &(f64, String)| place(value) - last >= 0.085 * (high - low);
            if ticks.last().is_none_or(far) {
                ticks.push((place(value), short(value)));
            }
        }
        Self { name: name.into(), logarithmic, low, high, ticks }
    }

    /// The part of the axis that a line across it spans, as values.
    pub fn span(&self) -> (f64, f64) {
        if self.logarithmic { (10f64.powf(self.low), 10f64.powf(self.high)) } else { (self.low, self.high) }
    }

    fn place(&self, value: f64) -> f64 {
        if self.logarithmic { value.log10() } else { value }
    }
}

/// What the library asks of an axis; its values are places.
impl Ranged for Axis {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, place: &f64, (from, to): (i32, i32)) -> i32 {
        from + ((place - self.low) / (self.high - self.low) * f64::from(to - from)).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, _: Hint) -> Vec<f64> {
        self.ticks.iter().map(|(place, _)| *place).collect()
    }

    fn range(&self) -> Range<f64> {
        self.low..self.high
    }
}

impl ValueFormatter<f64> for Axis {
    fn format_ext(&self, place: &f64) -> String {
        self.ticks.iter().find(|(tick, _)| tick == place).map(|(_, label)| label.clone()).unwrap_or_default()
    }
}

/// Draws panels on common axes, three in a row at most.
///
/// # Errors
/// If the drawing fails.
pub fn draw(name: &str, panels: &[Panel], x: &Axis, y: impl Fn(&Panel) -> Axis) -> Result<String> {
    draw_in(3, name, panels, x, y)
}

/// The same with at most so many panels in a row.
///
/// # Errors
/// If the drawing fails.
pub fn draw_in(most: usize, name: &str, panels: &[Panel], x: &Axis, y: impl Fn(&Panel) -> Axis) -> Result<String> {
    draw_each(most, name, panels, |_| x.clone(), y)
}

/// The same where each panel has its own axes.
///
/// # Errors
/// If the drawing fails.
pub fn draw_each(
    most: usize,
    name: &str,
    panels: &[Panel],
    x: impl Fn(&Panel) -> Axis,
    y: impl Fn(&Panel) -> Axis,
) -> Result<String> {
    let columns = panels.len().clamp(1, most);
    let rows = panels.len().div_ceil(columns).max(1);
    let (width, height) = match columns {
        1 => (720, 400),
        2 => (460, 310),
        _ => (330, 270),
    };
    let total = (width * columns) as i32;
    let mut legend: Vec<(&str, Mark, Line, bool)> = Vec::new();
    for series in panels.iter().flat_map(|panel| &panel.series).filter(|series| !series.name.is_empty()) {
        if !legend.iter().any(|(name, ..)| *name == series.name) {
            legend.push((&series.name, series.mark, series.line, series.markers));
        }
    }
    let (places, legend_height) = places_of(&legend, total);
    let size = (total as u32, (rows * height) as u32 + legend_height as u32);
    picture(size, name, |root| {
        for ((name, mark, line, markers), (left, top)) in legend.iter().zip(&places) {
            let middle = top + 10;
            draw_line(root, *line, *mark, &[(*left, middle), (left + 26, middle)])?;
            if *markers {
                marker(root, *mark, (left + 13, middle), 4)?;
            }
            let style = letters(LETTERS, INK, HPos::Left, VPos::Center);
            write_at(root, &cut(name, LETTERS, total - 60), (left + 33, middle), &style)?;
        }
        let (_, below) = root.split_vertically(legend_height);
        for (panel, area) in panels.iter().zip(below.split_evenly((rows, columns))) {
            draw_panel(&area, panel, &x(panel), &y(panel))?;
        }
        Ok(())
    })
}

/// Where the names of a legend stand, and the height they take.
fn places_of(legend: &[(&str, Mark, Line, bool)], total: i32) -> (Vec<(i32, i32)>, i32) {
    let (mut left, mut top) = (12, 6);
    let mut places = Vec::new();
    for (name, ..) in legend {
        let width = 33 + width_of(name, LETTERS).min(total - 60) + 20;
        if left > 12 && left + width > total {
            (left, top) = (12, top + 22);
        }
        places.push((left, top));
        left += width;
    }
    (places, if legend.is_empty() { 0 } else { top + 30 })
}

fn draw_panel(area: &Area<'_>, panel: &Panel, x: &Axis, y: &Axis) -> Drawn {
    let (width, height) = area.dim_in_pixel();
    let (width, height) = (width as i32, height as i32);
    let y_labels = y.ticks.iter().map(|(_, label)| width_of(label, LETTERS)).max().unwrap_or(0) + 20;
    let title = letters(LETTERS + 2.0, INK, HPos::Center, VPos::Center);
    let text = cut(&panel.title, LETTERS + 2.0, width - 20);
    write_at(area, &text, ((width + y_labels) / 2, 13), &title)?;
    let note = letters(LETTERS, MUTED, HPos::Center, VPos::Center);
    write_at(area, &cut(&x.name, LETTERS, width - y_labels), ((width + y_labels) / 2, height - 12), &note)?;
    let note = letters(LETTERS, MUTED, HPos::Left, VPos::Center);
    write_at(area, &cut(&y.name, LETTERS, width), (8, 33), &note)?;
    let inside = area.margin(46, 24, 4, 18);
    let mut chart = ChartBuilder::on(&inside)
        .x_label_area_size(24)
        .y_label_area_size(y_labels as u32)
        .build_cartesian_2d(x.clone(), y.clone())?;
    let label = TextStyle::from(("sans-serif", LETTERS).into_font()).color(&MUTED);
    chart
        .configure_mesh()
        .bold_line_style(GRID)
        .light_line_style(TRANSPARENT)
        .axis_style(MUTED)
        .x_labels(x.ticks.len().max(1))
        .y_labels(y.ticks.len().max(1))
        .x_label_style(label.clone())
        .y_label_style(label)
        .draw()?;
    // From here on in pixels: markers and words have sizes that no axis knows.
    let frame = chart.plotting_area().get_pixel_range();
    let (corner_x, corner_y) = area.get_base_pixel();
    let pixel = |point: &Point, dy: f64| {
        let value = (x.place(point.x), y.place(point.y + dy).clamp(y.low, y.high));
        let (px, py) = chart.plotting_area().map_coordinate(&value);
        (px - corner_x, py - corner_y)
    };
    let inside_frame = |series: &Series| {
        // What spans the panel may lie outside by a rounding.
        let slack = 1e-9 * (x.high - x.low);
        let within = x.low - slack..=x.high + slack;
        let fits = |point: &&Point| within.contains(&x.place(point.x)) && y.place(point.y).is_finite();
        series.points.iter().filter(fits).cloned().collect::<Vec<_>>()
    };
    let mut taken: Vec<(i32, i32, i32, i32)> = Vec::new();
    for series in &panel.series {
        let points = inside_frame(series);
        let pixels: Vec<(i32, i32)> = points.iter().map(|point| pixel(point, 0.0)).collect();
        draw_line(area, series.line, series.mark, &pixels)?;
        for (point, &place) in points.iter().zip(&pixels) {
            if let Some(deviation) = point.deviation {
                let bar = vec![pixel(point, deviation), pixel(point, -deviation)];
                area.draw(&PathElement::new(bar, series.mark.rgb().stroke_width(1)))?;
            }
            if series.markers && y.place(point.y) < y.low {
                below(area, series.mark, place)?;
            } else if series.markers {
                marker(area, series.mark, place, 4)?;
            }
            if series.markers {
                taken.push((place.0 - 5, place.1 - 5, place.0 + 5, place.1 + 5));
            }
        }
    }
    let (right, top) = (frame.0.end - corner_x, frame.1.start - corner_y);
    let (left, bottom) = (frame.0.start - corner_x, frame.1.end - corner_y);
    for series in &panel.series {
        for point in inside_frame(series).iter().filter(|point| !point.label.is_empty()) {
            let (px, py) = pixel(point, 0.0);
            let half = width_of(&point.label, LETTERS - 2.0) / 2 + 1;
            let mut places = [(px, py - 13), (px, py + 13), (px + half + 8, py), (px - half - 8, py)];
            if point.beside {
                places.swap(0, 2);
            }
            let boxed = |(cx, cy): (i32, i32)| (cx - half, cy - 7, cx + half, cy + 7);
            let free = |&&place: &&(i32, i32)| {
                let own = boxed(place);
                let meets = |b: &(i32, i32, i32, i32)| own.0 < b.2 && b.0 < own.2 && own.1 < b.3 && b.1 < own.3;
                own.0 >= left && own.2 <= right && own.1 >= top && own.3 <= bottom && !taken.iter().any(meets)
            };
            if let Some(&place) = places.iter().find(free) {
                taken.push(boxed(place));
                let colour = if series.line == Line::Note { MUTED } else { series.mark.rgb() };
                let style = letters(LETTERS - 2.0, colour, HPos::Center, VPos::Center);
                write_at(area, &point.label, place, &style)?;
            }
        }
    }
    Ok(())
}

/// At the edge of a panel: a point that lies below it.
fn below(area: &Area<'_>, mark: Mark, (x, y): (i32, i32)) -> Drawn {
    let style = mark.rgb().stroke_width(1);
    area.draw(&PathElement::new(vec![(x, y - 9), (x, y - 1)], style))?;
    area.draw(&PathElement::new(vec![(x - 3, y - 4), (x, y - 1), (x + 3, y - 4)], style))
}

fn draw_line(area: &Area<'_>, line: Line, mark: Mark, pixels: &[(i32, i32)]) -> Drawn {
    let style = match line {
        Line::None | Line::Note => return Ok(()),
        Line::Bound => MUTED.stroke_width(1),
        _ => mark.rgb().stroke_width(2),
    };
    if pixels.len() < 2 {
        return Ok(());
    }
    match line {
        Line::Solid => area.draw(&PathElement::new(pixels.to_vec(), style)),
        _ => area.draw(&DashedPathElement::new(pixels.to_vec(), 6, 4, style)),
    }
}

/// The least and the most; 0 and 1 where there are no values.
fn bounds(values: impl IntoIterator<Item = f64>) -> (f64, f64) {
    let all = values
        .into_iter()
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
    if all.0 <= all.1 { all } else { (0.0, 1.0) }
}

/// 1, 2 or 5 times a power of ten, not below `step`.
fn round_step(step: f64) -> f64 {
    let power = 10f64.powf(step.max(1e-9).log10().floor());
    let round = [1.0, 2.0, 5.0, 10.0].into_iter().find(|n| n * power >= step * (1.0 - 1e-9)).unwrap_or(10.0);
    round * power
}

/// A tick's label: no needless digits.
fn short(value: f64) -> String {
    let forms = [format!("{value}"), format!("{value:e}")];
    forms.into_iter().find(|form| form.len() <= 5).unwrap_or_else(|| significant(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_inside() {
        let labels = |axis: &Axis| axis.ticks.iter().map(|(_, label)| label.clone()).collect::<Vec<_>>();
        let axis = Axis::linear("y", [81.2, 84.9], (0.0, 100.0));
        assert_eq!(labels(&axis), ["81", "82", "83", "84", "85"]);
        assert_eq!(labels(&Axis::linear("y", [99.9, 99.9], (0.0, 100.0))).last().expect("ticks"), "100");
        assert_eq!(labels(&Axis::logarithmic("x", [1.0, 900.0])), ["1", "10", "100", "1000"]);
        assert_eq!(labels(&Axis::logarithmic("x", [1e-5, 1.0])), ["1e-5", "1e-4", "0.001", "0.01", "0.1", "1"]);
        assert_eq!(labels(&Axis::at("T", [1.0, 2.0, 4.0, 8.0, 16.0, 8.0])), ["1", "2", "4", "8", "16"]);
        assert_eq!(labels(&Axis::at("beta", [0.9, 0.95, 1.0])), ["0.9", "0.95", "1"]);
    }

    #[test]
    fn what_lies_below_a_panel_is_an_arrow_at_its_edge() {
        let axis = Axis::linear("y", [70.0, 80.0], (0.0, 100.0)).from(70.0);
        assert_eq!(axis.span().0, 70.0);
        assert!(axis.ticks.iter().all(|(place, _)| *place >= 70.0));
        let drawn = |y: f64| {
            let points = vec![Point { x: 1.0, y, ..Point::default() }];
            let mark = Mark::of(0);
            let series = Series { name: String::new(), mark, line: Line::None, markers: true, points };
            let panel = Panel { title: "x".into(), series: vec![series] };
            draw_in(2, "n", &[panel], &Axis::logarithmic("x", [1.0]), |_| axis.clone()).expect("drawn")
        };
        let lines = |svg: &str| svg.matches("<polyline").count();
        let (inside, below) = (drawn(75.0), drawn(20.0));
        assert!(inside.contains("<circle") && !below.contains("<circle"));
        assert_eq!(lines(&below), lines(&inside) + 2);
    }

    #[test]
    fn a_panel_of_one_point_or_none_is_drawn() {
        let point = Point { x: 1.0, y: 50.0, label: "<T>".into(), ..Point::default() };
        let series =
            Series { name: "a & b".into(), mark: Mark::of(9), line: Line::Solid, markers: true, points: vec![point] };
        let y = |_: &Panel| Axis::linear("y", [50.0], (0.0, 100.0));
        for series in [vec![series], Vec::new()] {
            let panel = Panel { title: "x".into(), series };
            let svg = draw("n", &[panel], &Axis::logarithmic("x", [1.0]), y).expect("drawn");
            assert!(svg.starts_with("<svg ") && svg.trim_end().ends_with("</svg>"));
            assert!(!svg.contains("<T>"));
        }
    }
}
