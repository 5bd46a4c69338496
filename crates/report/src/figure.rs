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

/// The colour of the series of a number. From the second time round the markers come with other colours, so that no
/// two of the first fifty look alike.
#[must_use]
pub fn series_colour(kind: usize) -> RGBColor {
    SERIES[(kind + 4 * (kind / SERIES.len())) % SERIES.len()]
}

/// A marker of one of nine shapes at a pixel, in the colour of its series.
pub fn marker(area: &Area<'_>, kind: usize, (x, y): (i32, i32), radius: i32) -> Drawn {
    let colour = series_colour(kind);
    let full = colour.filled();
    let line = colour.stroke_width(2);
    let r = radius;
    match kind % SERIES.len() {
        0 => area.draw(&Circle::new((x, y), r, full)),
        1 => area.draw(&Rectangle::new([(x - r, y - r), (x + r, y + r)], full)),
        2 => area.draw(&Polygon::new(vec![(x, y - r - 1), (x + r + 1, y + r), (x - r - 1, y + r)], full)),
        3 => area.draw(&Polygon::new(vec![(x, y - r - 2), (x + r + 2, y), (x, y + r + 2), (x - r - 2, y)], full)),
        4 => area.draw(&Polygon::new(vec![(x, y + r + 1), (x + r + 1, y - r), (x - r - 1, y - r)], full)),
        5 => area.draw(&Circle::new((x, y), r, line)),
        6 => {
            area.draw(&PathElement::new(vec![(x - r, y - r), (x + r, y + r)], line))?;
            area.draw(&PathElement::new(vec![(x - r, y + r), (x + r, y - r)], line))
        }
        7 => area.draw(&Rectangle::new([(x - r, y - r), (x + r, y + r)], line)),
        _ => {
            area.draw(&PathElement::new(vec![(x - r - 1, y), (x + r + 1, y)], line))?;
            area.draw(&PathElement::new(vec![(x, y - r - 1), (x, y + r + 1)], line))
        }
    }
}
