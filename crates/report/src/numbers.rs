//! Means and deviations, and numbers as people read them.

use spiketext_study::statistics::student_interval;

/// Mean and sample standard deviation of some values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample {
    /// The mean.
    pub mean: f64,
    /// The sample standard deviation (divided by count - 1); none for one value.
    pub deviation: Option<f64>,
    /// How many values.
    pub count: usize,
}

impl Sample {
    /// The sample of `values`; none if there are none.
    #[must_use]
    pub fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let values: Vec<f64> = values.into_iter().collect();
        if values.is_empty() {
            return None;
        }
        let count = values.len();
        let mean = values.iter().sum::<f64>() / count as f64;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        let deviation = (count > 1).then(|| (squares / (count - 1) as f64).sqrt());
        Some(Self { mean, deviation, count })
    }

    /// Half the width of the 95 % interval of the mean (Student's t); none for one value.
    #[must_use]
    pub fn interval(&self) -> Option<f64> {
        student_interval(self.deviation?, self.count)
    }

    /// `83.10 ± 0.77`, the half being that of [`Self::interval`], with the number of values behind it where it is
    /// below `most`.
    #[must_use]
    pub fn with_interval(&self, most: usize) -> String {
        let mut text = format!("{:.2}", self.mean);
        if let Some(half) = self.interval() {
            text.push_str(&format!(" ± {half:.2}"));
        }
        if self.count < most {
            text.push_str(&format!(" (n = {})", self.count));
        }
        text
    }

    /// `83.10 ± 0.31`, with the number of values behind it where it is below `most`.
    #[must_use]
    pub fn shown(&self, most: usize) -> String {
        let mut text = format!("{:.2}", self.mean);
        if let Some(deviation) = self.deviation {
            text.push_str(&format!(" ± {deviation:.2}"));
        }
        if self.count < most {
            text.push_str(&format!(" (n = {})", self.count));
        }
        text
    }
}

/// `value` with three significant digits, without an exponent from a thousandth to a million.
#[must_use]
pub fn significant(value: f64) -> String {
    if value == 0.0 {
        return "0".into();
    }
    let magnitude = value.abs().log10().floor();
    if !(-3.0..6.0).contains(&magnitude) {
        return format!("{value:.2e}");
    }
    // A number that rounds up to the next power of ten has one digit less behind the point.
    let decimals = (2.0 - magnitude).max(0.0) as usize;
    let text = format!("{value:.decimals$}");
    let digits = text.chars().filter(char::is_ascii_digit).collect::<String>();
    if decimals > 0 && digits.trim_start_matches('0').len() > 3 {
        return format!("{value:.*}", decimals - 1);
    }
    text
}

/// `value` with at most six significant digits, as programs read it.
#[must_use]
pub fn precise(value: f64) -> String {
    format!("{value:.5e}").parse::<f64>().unwrap_or(value).to_string()
}

/// Seconds as seconds, minutes or hours.
#[must_use]
pub fn duration(seconds: f64) -> String {
    match seconds {
        s if s < 100.0 => format!("{} s", significant(s)),
        s if s < 6000.0 => format!("{} min", significant(s / 60.0)),
        s => format!("{} h", significant(s / 3600.0)),
    }
}

/// `+1.20`, `−0.45`, `0.00`: how much more or less, with a minus sign as typesetters have it.
#[must_use]
pub fn more_or_less(value: f64, decimals: usize) -> String {
    let text = format!("{value:+.decimals$}");
    if text.trim_start_matches(['+', '-', '0', '.']).is_empty() {
        return text[1..].to_owned();
    }
    text.replace('-', "−")
}

/// `1 cell`, `2 cells`.
#[must_use]
pub fn plural(count: usize, one: &str) -> String {
    format!("{count} {one}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_and_less_have_their_signs() {
        assert_eq!([1.2, -0.451, -0.001].map(|value| more_or_less(value, 2)), ["+1.20", "−0.45", "0.00"]);
        assert_eq!(more_or_less(-10.04, 1), "−10.0");
    }

    #[test]
    fn deviations_are_of_a_sample() {
        let sample = Sample::of([2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]).expect("values");
        assert_eq!(sample.mean, 5.0);
        assert!((sample.deviation.expect("eight") - (32.0f64 / 7.0).sqrt()).abs() < 1e-12);
        assert_eq!(sample.shown(8), "5.00 ± 2.14");
        assert_eq!(sample.shown(9), "5.00 ± 2.14 (n = 8)");
        let one = Sample::of([3.0]).expect("a value");
        assert_eq!((one.deviation, one.shown(1), one.shown(5)), (None, "3.00".into(), "3.00 (n = 1)".into()));
        assert_eq!(Sample::of([]), None);
        // Five values 0 to 4: 2.776 * sqrt(2.5) / sqrt(5).
        let five = Sample::of([0.0, 1.0, 2.0, 3.0, 4.0]).expect("values");
        assert!((five.interval().expect("five") - 1.963).abs() < 1e-3 && one.interval().is_none());
    }

    #[test]
    fn numbers_have_three_digits() {
        for (value, text) in [
            (0.0, "0"),
            (9.996, "10.0"),
            (0.01234, "0.0123"),
            (1.0, "1.00"),
            (12.345, "12.3"),
            (123_456.0, "123456"),
            (1e-7, "1.00e-7"),
        ] {
            assert_eq!(significant(value), text);
        }
        assert_eq!(
            (precise(0.123_456_78), precise(23_637_071.07), precise(0.0)),
            ("0.123457".into(), "23637100".into(), "0".into())
        );
        assert_eq!(duration(12.34), "12.3 s");
        assert_eq!(duration(7200.0), "2.00 h");
    }
}
