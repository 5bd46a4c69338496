//! The figure of a front: accuracy over energy, a panel for each data set.

use spiketext::Result;
use spiketext_study::WayName;

use super::networks::{Group, Network, Networks, Place, Point, way_name};
use crate::{
    cells::dataset_name,
    figure::{Mark, Shape},
    panels::{self, Axis, Line, Panel, Series, draw_in},
};

/// A panel begins at most so many points below its most accurate network.
const DEPTH: f64 = 6.0;

/// And at least so many: where one point makes the front, what it beats is to be seen too.
const LEAST: f64 = 2.5;

/// Colour and shape of a network: the colour says what it is, hollow that it looks up a word table, a triangle to the
/// right that its codes are signed.
fn mark_of(network: &Network<'_>) -> Mark {
    let (colour, shape) = match network.group() {
        Group::Words => (8, Shape::Cross),
        Group::Dnn => (0, Shape::Circle),
        Group::Int8 => (2, Shape::Diamond),
        Group::Int4 => (3, Shape::Down),
        Group::Levels => (4, Shape::Square),
        Group::Codes => (5, Shape::Square),
        Group::Spiking => (1, Shape::Up),
    };
    match network.way {
        None => Mark { colour, shape, filled: true },
        Some(WayName::WordTable) => Mark { colour, shape, filled: false },
        Some(WayName::SignedCode) => Mark { colour, shape: Shape::Right, filled: true },
    }
}

/// Filters and time steps: `10` or `10/2`.
fn label(network: &Network<'_>) -> String {
    let Some(entry) = network.entries.first() else { return String::new() };
    let filters = entry.filters().map_or_else(String::new, |filters| filters.to_string());
    match entry.steps().filter(|_| matches!(network.group(), Group::Levels | Group::Spiking)) {
        Some(steps) => format!("{filters}/{steps}"),
        None => filters,
    }
}

/// Where the axis of a panel begins: a point below the least accurate network of the front that is within [`DEPTH`]
/// of the most accurate one.
fn floor(points: &[Point], front: &[Point]) -> f64 {
    let best = points.iter().map(|point| point.accuracy).fold(f64::NEG_INFINITY, f64::max);
    let near = front.iter().map(|point| point.accuracy).filter(|accuracy| *accuracy >= best - DEPTH);
    (near.fold(best, f64::min) - 1.0).min(best - LEAST).max(0.0)
}

/// The figure under a cost table; none where nothing is priced.
pub fn draw(networks: &Networks<'_>, table: &str) -> Option<Result<String>> {
    let mut panels = Vec::new();
    let mut floors = Vec::new();
    let mut energies = Vec::new();
    let mut kinds: Vec<(Group, Option<WayName>, Mark)> =
        networks.all.iter().map(|network| (network.group(), network.way, mark_of(network))).collect();
    kinds.sort_by_key(|(group, way, _)| (*group, *way));
    kinds.dedup();
    for dataset in &networks.datasets {
        let points = networks.points(Place::Set(dataset), table);
        if points.is_empty() {
            continue;
        }
        let best = networks.front(&points);
        let mut series: Vec<Series> = Vec::new();
        for (group, way, mark) in &kinds {
            let own = points.iter().filter(|point| {
                let network = &networks.all[point.network];
                network.group() == *group && network.way == *way
            });
            let shown = own.map(|point| panels::Point {
                x: point.microjoules,
                y: point.accuracy,
                label: if best.contains(point) { label(&networks.all[point.network]) } else { String::new() },
                ..panels::Point::default()
            });
            let name = match way_name(*way) {
                "" => group.name().to_owned(),
                way => format!("{}, {way}", group.name()),
            };
            series.push(Series { name, mark: *mark, line: Line::None, markers: true, points: shown.collect() });
        }
        series.insert(0, stairs(&best));
        series.retain(|series| !series.points.is_empty());
        energies.extend(points.iter().map(|point| point.microjoules));
        floors.push((dataset_name(dataset).to_owned(), floor(&points, &best)));
        panels.push(Panel { title: dataset_name(dataset).to_owned(), series });
    }
    if panels.is_empty() {
        return None;
    }
    let x = Axis::logarithmic("microjoules a text", energies);
    let y = |panel: &Panel| {
        let low = floors.iter().find(|(title, _)| *title == panel.title).map_or(0.0, |(_, low)| *low);
        let values = panel.series.iter().flat_map(|series| &series.points).map(|point| point.y.max(low));
        Axis::linear("test accuracy (%)", values.chain([low]), (0.0, 100.0)).from(low)
    };
    Some(draw_in(2, &format!("Test accuracy over energy, {table}"), &panels, &x, y))
}

/// The line that joins the points of a front, as stairs.
fn stairs(front: &[Point]) -> Series {
    let mut points: Vec<panels::Point> = Vec::new();
    for point in front {
        let corner = points.last().map(|last| last.y);
        let at = |y: f64| panels::Point { x: point.microjoules, y, ..panels::Point::default() };
        points.extend(corner.map(at));
        points.push(at(point.accuracy));
    }
    Series { name: "none is better in both".into(), mark: Mark::of(0), line: Line::Bound, markers: false, points }
}
