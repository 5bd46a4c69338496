//! Drawing: a picture as SVG that is legible on light and on dark pages.
//!
//! Pictures have no background. Every colour has a light form, which stands in the SVG's attributes, and a dark form,
//! which a style block puts in its place where the page is dark.

use std::io;

use plotters::{
    coord::Shift,
    prelude::*,
    style::text_anchor::{HPos, Pos, VPos},
};
use spiketext::{Error, Result};

use crate::markdown::plain;

/// Where figures are drawn.
pub type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
/// The outcome of drawing.
pub type Drawn = std::result::Result<(), DrawingAreaErrorKind<io::Error>>;

/// Words and strong lines, and their dark form.
pub const INK: RGBColor = RGBColor(0x1f, 0x23, 0x28);
/// Axes and notes.
pub const MUTED: RGBColor = RGBColor(0x59, 0x63, 0x6e);
/// Lines of the grid.
pub const GRID: RGBColor = RGBColor(0xd8, 0xde, 0xe4);
/// Series; told apart by people who see colours differently, with a marker each besides.
pub const SERIES: [RGBColor; 9] = [
    RGBColor(0x00, 0x72, 0xb2),
    RGBColor(0xd5, 0x5e, 0x00),
    RGBColor(0x00, 0x93, 0x6b),
    RGBColor(0xaa, 0x44, 0x99),
    RGBColor(0xa6, 0x7c, 0x00),
    RGBColor(0x33, 0x22, 0x88),
    RGBColor(0x88, 0x22, 0x55),
    RGBColor(0x6e, 0x77, 0x81),
    INK,
];
/// The dark forms of ink, muted, grid and the series.
const DARK: [&str; 12] = [
    "#E6EDF3", "#A9B4C0", "#353C45", "#56B4E9", "#FF8C42", "#2CC79A", "#E08BC4", "#F0C040", "#9D8CFF", "#F0609A",
    "#8B949E", "#E6EDF3",
];

/// Letters in pixels of plotters, which writes 0.65 of it.
pub const LETTERS: f64 = 18.5;

/// Draws a picture of `size` that screen readers call `name`.
///
/// # Errors
/// If the library refuses, which only an impossible layout makes it do.
pub fn picture(size: (u32, u32), name: &str, body: impl FnOnce(&Area<'_>) -> Drawn) -> Result<String> {
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, size).into_drawing_area();
        body(&root)
            .and_then(|()| root.present())
            .map_err(|error| Error::invalid("figure", "a layout that can be drawn", error.to_string()))?;
    }
    let light = [INK, MUTED, GRID].into_iter().chain(SERIES);
    let rules: String = light
        .zip(DARK)
        .map(|(RGBColor(r, g, b), dark)| {
            let light = format!("#{r:02X}{g:02X}{b:02X}");
            format!("[fill=\"{light}\"]{{fill:{dark}}}[stroke=\"{light}\"]{{stroke:{dark}}}\n")
        })
        .collect();
    let title = plain(name).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let head = format!(
        " role=\"img\">\n<title>{title}</title>\n<style>\ntext{{font-family:system-ui,'Segoe UI',Helvetica,Arial,\
         sans-serif}}\n@media (prefers-color-scheme: dark) {{\n{rules}}}\n</style>\n"
    );
    Ok(svg.replacen(">\n", &head, 1))
}

/// How letters of `colour` and `size` stand around their place.
pub fn letters(size: f64, colour: RGBColor, horizontal: HPos, vertical: VPos) -> TextStyle<'static> {
    let mut style = TextStyle::from(("sans-serif", size).into_font()).pos(Pos::new(horizontal, vertical));
    style.color = colour.to_backend_color();
    style
}

/// Writes `text` at a pixel.
pub fn write_at(area: &Area<'_>, text: &str, place: (i32, i32), style: &TextStyle<'_>) -> Drawn {
    area.draw(&Text::new(plain(text), place, style.clone()))
}

/// About how many pixels `text` takes at `size`.
pub fn width_of(text: &str, size: f64) -> i32 {
    let em = 0.65 * size;
    text.chars().map(|c| if u32::from(c) < 0x2e80 { 0.7 * em } else { em }).sum::<f64>().ceil() as i32
}

/// `text` cut to about `pixels`.
pub fn cut(text: &str, size: f64, pixels: i32) -> String {
    let text = plain(text);
    if width_of(&text, size) <= pixels {
        return text;
    }
    let mut short = String::new();
    for c in text.chars() {
        if width_of(&short, size) + width_of(&format!("{c}…"), size) > pixels {
            break;
        }
        short.push(c);
    }
    short.push('…');
    short
}

/// What stands at a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// The number of its colour among [`SERIES`].
    pub colour: usize,
    /// Its outline.
    pub shape: Shape,
    /// Whether it is filled; strokes never are.
    pub filled: bool,
}

/// The outline of a mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// A circle.
    Circle,
    /// A square.
    Square,
    /// A triangle that points up.
    Up,
    /// A triangle that points down.
    Down,
    /// A triangle that points to the right.
    Right,
    /// A square on its corner.
    Diamond,
    /// Two strokes, askew.
    Cross,
    /// Two strokes, upright.
    Plus,
}

impl Mark {
    /// That of the series of a number: one of nine. From the second time round the shapes come with other colours, so
    /// that no two of the first fifty look alike.
    #[must_use]
    pub fn of(series: usize) -> Self {
        let place = series % SERIES.len();
        let shape = match place {
            0 | 5 => Shape::Circle,
            1 | 7 => Shape::Square,
            2 => Shape::Up,
            3 => Shape::Diamond,
            4 => Shape::Down,
            6 => Shape::Cross,
            _ => Shape::Plus,
        };
        let colour = (series + 4 * (series / SERIES.len())) % SERIES.len();
        Self { colour, shape, filled: !matches!(place, 5 | 7) }
    }

    /// Its colour.
    #[must_use]
    pub fn rgb(self) -> RGBColor {
        SERIES[self.colour % SERIES.len()]
    }
}

/// A mark at a pixel.
pub fn marker(area: &Area<'_>, mark: Mark, (x, y): (i32, i32), radius: i32) -> Drawn {
    let line = mark.rgb().stroke_width(2);
    let r = radius;
    let corners = match mark.shape {
        Shape::Circle => {
            let style = if mark.filled { mark.rgb().filled() } else { line };
            return area.draw(&Circle::new((x, y), r, style));
        }
        Shape::Cross => {
            area.draw(&PathElement::new(vec![(x - r, y - r), (x + r, y + r)], line))?;
            return area.draw(&PathElement::new(vec![(x - r, y + r), (x + r, y - r)], line));
        }
        Shape::Plus => {
            area.draw(&PathElement::new(vec![(x - r - 1, y), (x + r + 1, y)], line))?;
            return area.draw(&PathElement::new(vec![(x, y - r - 1), (x, y + r + 1)], line));
        }
        Shape::Square => vec![(x - r, y - r), (x + r, y - r), (x + r, y + r), (x - r, y + r)],
        Shape::Up => vec![(x, y - r - 1), (x + r + 1, y + r), (x - r - 1, y + r)],
        Shape::Down => vec![(x, y + r + 1), (x + r + 1, y - r), (x - r - 1, y - r)],
        Shape::Right => vec![(x + r + 1, y), (x - r, y + r + 1), (x - r, y - r - 1)],
        Shape::Diamond => vec![(x, y - r - 2), (x + r + 2, y), (x, y + r + 2), (x - r - 2, y)],
    };
    if mark.filled {
        return area.draw(&Polygon::new(corners, mark.rgb().filled()));
    }
    let closed = corners.iter().copied().chain(corners.first().copied()).collect::<Vec<_>>();
    area.draw(&PathElement::new(closed, line))
}
