//! Writing of images.

use alloc::{format, string::String, vec::Vec};

use crate::image::{BLOCK, HEADER, MAGIC, MOST_WIDTHS, SUM, bits_for, sum};

/// What an image is made of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parts {
    /// Whether codes are signed: input `D + d` is input d with the other sign.
    pub signed: bool,
    /// Bits of a weight, 4 or 8.
    pub weight_bits: u8,
    /// Kernel widths.
    pub widths: Vec<usize>,
    /// Filters of each width, F.
    pub filters: usize,
    /// Weights of each input, `[D, M]`, columns by width, tap and filter.
    pub weights: Vec<i8>,
    /// Thresholds of the channels, `[C]`.
    pub thresholds: Vec<i32>,
    /// Weights of the read-out, `[C, K]`.
    pub readout: Vec<i8>,
    /// Biases of the read-out, `[K]`.
    pub biases: Vec<i32>,
    /// Names of the classes, `[K]`.
    pub labels: Vec<String>,
    /// The class of a text without a known word.
    pub unknown: usize,
    /// Words, each with its inputs.
    pub words: Vec<(String, Vec<usize>)>,
}

impl Parts {
    /// The image.
    ///
    /// # Errors
    /// What was expected, where a size or a number does not fit.
    pub fn to_bytes(&self) -> Result<Vec<u8>, String> {
        let need = |what: &str, is: bool| if is { Ok(()) } else { Err(String::from(what)) };
        let (products, channels) =
            (self.filters * self.widths.iter().sum::<usize>(), self.filters * self.widths.len());
        need("1 to 8 kernel widths of 1 to 255", (1..=MOST_WIDTHS).contains(&self.widths.len()))?;
        need("kernel widths of 1 to 255", self.widths.iter().all(|width| (1..256).contains(width)))?;
        need("1 to 65535 filters", (1..65_536).contains(&self.filters))?;
        let dimension = self.weights.len() / products;
        need("weights in whole rows of 1 to 32767 inputs", {
            (1..32_768).contains(&dimension) && dimension * products == self.weights.len()
        })?;
        need("weights of 4 or 8 bits", matches!(self.weight_bits, 4 | 8))?;
        need("weights from -7 to 7", self.weight_bits == 8 || self.weights.iter().all(|w| (-8..8).contains(w)))?;
        let classes = self.labels.len();
        need("1 to 65535 classes", (1..65_536).contains(&classes) && self.unknown < classes)?;
        need("a threshold for each channel", self.thresholds.len() == channels)?;
        need("a weight of the read-out for each channel and class", self.readout.len() == channels * classes)?;
        need("a bias for each class", self.biases.len() == classes)?;
        let inputs = if self.signed { 2 * dimension } else { dimension };
        let active = self.words.iter().map(|(_, inputs)| inputs.len()).max().unwrap_or(0).max(1);
        need("1 to 255 active inputs of a word (sparse.active)", active < 256)?;
        let mut words: Vec<_> = self.words.iter().collect();
        words.sort_unstable_by(|a, b| a.0.as_bytes().cmp(b.0.as_bytes()));
        need("each word once", words.windows(2).all(|pair| pair[0].0 != pair[1].0))?;
        let fits = |word: &str| (1..256).contains(&word.len());
        if let Some(word) = words.iter().map(|(word, _)| word).chain(&self.labels).find(|word| !fits(word)) {
            return Err(format!("words and labels of 1 to 255 bytes, not '{word}'"));
        }
        let bits = bits_for(inputs);
        let mut bytes = Vec::new();
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&1u16.to_le_bytes());
        let small = [usize::from(self.signed), bits, self.weight_bits.into(), self.widths.len(), active, 0];
        bytes.extend(small.iter().map(|&number| number as u8));
        let short = [dimension, self.filters, classes, self.unknown];
        bytes.extend(short.iter().flat_map(|&number| (number as u16).to_le_bytes()));
        bytes.extend_from_slice(&(words.len() as u32).to_le_bytes());
        bytes.extend_from_slice(&[0; 8]);
        bytes.extend((0..MOST_WIDTHS).map(|which| self.widths.get(which).map_or(0, |&width| width as u8)));
        debug_assert_eq!(bytes.len(), HEADER);
        bytes.extend(self.thresholds.iter().flat_map(|threshold| threshold.to_le_bytes()));
        for row in self.weights.chunks_exact(products) {
            match self.weight_bits {
                8 => bytes.extend(row.iter().map(|&weight| weight as u8)),
                _ => bytes.extend(row.chunks(2).map(|pair| {
                    let upper = pair.get(1).copied().unwrap_or(0) as u8;
                    (pair[0] as u8 & 15) | upper << 4
                })),
            }
        }
        bytes.extend(self.readout.iter().map(|&weight| weight as u8));
        bytes.extend(self.biases.iter().flat_map(|bias| bias.to_le_bytes()));
        for (word, own) in &words {
            if let Some(input) = own.iter().find(|&&input| input >= inputs) {
                return Err(format!("inputs from 0 to {}, not {input} of '{word}'", inputs - 1));
            }
            let first = bytes.len();
            bytes.resize(first + (active * bits).div_ceil(8), 0);
            for i in 0..active {
                let input = own.get(i).copied().unwrap_or(inputs);
                for bit in (0..bits).filter(|bit| input >> bit & 1 == 1) {
                    let at = i * bits + bit;
                    bytes[first + at / 8] |= 1 << (at % 8);
                }
            }
        }
        let mut text = Vec::new();
        for (i, (word, _)) in words.iter().enumerate() {
            if i % BLOCK == 0 {
                bytes.extend_from_slice(&(text.len() as u32).to_le_bytes());
            }
            text.push(word.len() as u8);
            text.extend_from_slice(word.as_bytes());
        }
        bytes.extend(text);
        for label in &self.labels {
            bytes.push(label.len() as u8);
            bytes.extend_from_slice(label.as_bytes());
        }
        need("less than 4 GiB", u32::try_from(bytes.len()).is_ok())?;
        make_sum_fit(&mut bytes);
        Ok(bytes)
    }
}

/// Writes the sum of an image's bytes, and how many there are, into their places, where bytes are as many as a head has: what
/// damages images on purpose, to see what a reader makes of them, does so last.
pub fn make_sum_fit(bytes: &mut [u8]) {
    if bytes.len() >= HEADER {
        let length = bytes.len() as u32;
        bytes[28..32].copy_from_slice(&length.to_le_bytes());
        let own = sum(&bytes[SUM + 4..]);
        bytes[SUM..SUM + 4].copy_from_slice(&own.to_le_bytes());
    }
}

#[cfg(test)]
mod tests {
    use alloc::{string::ToString, vec};

    use proptest::prelude::*;

    use super::*;
    use crate::{Image, ReadError, Reader};

    /// A text by the definition: every position of every width, each neuron by itself.
    fn by_definition(parts: &Parts, text: &[Option<usize>]) -> Option<(usize, Vec<i64>)> {
        if text.iter().all(Option::is_none) {
            return None;
        }
        let products = parts.filters * parts.widths.iter().sum::<usize>();
        let (dimension, classes) = (parts.weights.len() / products, parts.labels.len());
        let mut scores: Vec<i64> = parts.biases.iter().map(|&bias| i64::from(bias) * text.len() as i64).collect();
        let mut column = 0;
        for (which, &width) in parts.widths.iter().enumerate() {
            for f in 0..parts.filters {
                let channel = which * parts.filters + f;
                for p in 0..text.len().saturating_sub(width - 1).max(1) {
                    let mut membrane = 0;
                    for tap in 0..width {
                        let Some(&Some(word)) = text.get(p + tap) else { continue };
                        for &input in &parts.words[word].1 {
                            let (row, sign) = if input < dimension { (input, 1) } else { (input - dimension, -1) };
                            membrane +=
                                sign * i32::from(parts.weights[row * products + column + tap * parts.filters + f]);
                        }
                    }
                    if membrane > parts.thresholds[channel] {
                        for (class, score) in scores.iter_mut().enumerate() {
                            *score += i64::from(parts.readout[channel * classes + class]);
                        }
                    }
                }
            }
            column += width * parts.filters;
        }
        let label = (1..classes).fold(0, |best, class| if scores[class] > scores[best] { class } else { best });
        Some((label, scores))
    }

    fn parts() -> impl Strategy<Value = Parts> {
        let widths = prop::collection::vec(1usize..6, 1..4);
        (widths, 1usize..8, 1usize..40, any::<bool>(), any::<bool>(), 1usize..4, 1usize..9).prop_flat_map(
            |(widths, filters, dimension, signed, four, classes, active)| {
                let (products, channels) = (filters * widths.iter().sum::<usize>(), filters * widths.len());
                let weight = if four { -7i8..=7 } else { -127..=127 };
                let inputs = if signed { 2 * dimension } else { dimension };
                let word = prop::collection::btree_set(0..inputs, 0..=active.min(inputs));
                (
                    prop::collection::vec(weight, dimension * products),
                    prop::collection::vec(-40i32..40, channels),
                    prop::collection::vec(any::<i8>(), channels * classes),
                    prop::collection::vec(-300i32..300, classes),
                    prop::collection::vec(word, 1..40),
                )
                    .prop_map(move |(weights, thresholds, readout, biases, codes)| Parts {
                        signed,
                        weight_bits: if four { 4 } else { 8 },
                        widths: widths.clone(),
                        filters,
                        weights,
                        thresholds,
                        readout,
                        biases,
                        labels: (0..classes).map(|class| format!("class {class}")).collect(),
                        unknown: classes - 1,
                        words: codes
                            .into_iter()
                            .enumerate()
                            .map(|(i, inputs)| (format!("w{i}é"), inputs.into_iter().collect()))
                            .collect(),
                    })
            },
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]

        #[test]
        fn a_reader_says_what_the_definition_says(
            parts in parts(),
            texts in prop::collection::vec(prop::collection::vec(prop::option::weighted(0.9, any::<prop::sample::Index>()), 0..14), 1..4),
        ) {
            let bytes = parts.to_bytes().expect("an image");
            let image = Image::read(&bytes).expect("its own image");
            prop_assert_eq!((image.words(), image.classes()), (parts.words.len(), parts.labels.len()));
            let mut memory = vec![7; Reader::memory(&image)];
            prop_assert!(Reader::new(&image, &mut memory[1..]).is_none());
            let mut reader = Reader::new(&image, &mut memory).expect("memory");
            for text in texts {
                let text: Vec<Option<usize>> = text.iter().map(|word| word.map(|w| w.index(parts.words.len()))).collect();
                reader.clear();
                for word in &text {
                    match word {
                        Some(word) => reader.piece(&parts.words[*word].0),
                        None => reader.piece("nobody"),
                    }
                }
                let answer = reader.answer();
                match by_definition(&parts, &text) {
                    None => prop_assert_eq!((answer.class, answer.unknown), (parts.unknown, true)),
                    Some((label, scores)) => {
                        let own: Vec<i64> = answer.scores.iter().map(|&score| score.into()).collect();
                        prop_assert_eq!((answer.class, answer.unknown, own), (label, false, scores));
                        prop_assert_eq!(image.label(answer.class), Some(&*parts.labels[label]));
                    }
                }
            }
        }

        /// A byte that is another is told; nothing panics even where the sum is made to fit.
        #[test]
        fn damaged_images_are_refused(parts in parts(), at in any::<prop::sample::Index>(), other in 1u8.., cut in any::<prop::sample::Index>()) {
            let bytes = parts.to_bytes().expect("an image");
            let mut damaged = bytes.clone();
            damaged[at.index(bytes.len())] ^= other;
            prop_assert!(Image::read(&damaged).is_err());
            prop_assert!(Image::read(&bytes[..cut.index(bytes.len())]).is_err());
            make_sum_fit(&mut damaged);
            if let Ok(image) = Image::read(&damaged) {
                let mut memory = vec![0; Reader::memory(&image)];
                let mut reader = Reader::new(&image, &mut memory).expect("memory");
                parts.words.iter().for_each(|(word, _)| reader.piece(word));
                reader.answer();
            }
        }
    }

    #[test]
    fn pieces_are_read_in_other_spellings_and_in_parts() {
        let word = |name: &str, input: usize| (name.to_string(), vec![input]);
        let parts = Parts {
            weight_bits: 8,
            widths: vec![1],
            filters: 4,
            weights: (0..16).map(|i| i8::from(i % 5 == 0)).collect(),
            thresholds: vec![0; 4],
            readout: vec![1, 10, 100, 0],
            biases: vec![0],
            labels: vec!["all".to_string()],
            words: vec![word("film", 0), word("making", 1), word("(", 2), word("!", 3)],
            ..Parts::default()
        };
        let bytes = parts.to_bytes().expect("an image");
        let image = Image::read(&bytes).expect("its own");
        let mut memory = [0; 16];
        let mut reader = Reader::new(&image, &mut memory).expect("memory");
        for (text, score) in
            [("film-making", 11), ("film", 1), ("-lrb- !!!!", 100), ("x/film_y", 1), ("film  making\n", 11)]
        {
            reader.clear();
            reader.text(text);
            assert_eq!(reader.answer().scores, [score], "{text}");
        }
        reader.clear();
        reader.text("what-ever -");
        assert!(reader.answer().unknown);
    }

    #[test]
    fn what_is_no_image_is_told() {
        assert_eq!(Image::read(b"").map(|_| ()), Err(ReadError::NotAnImage));
        assert_eq!(Image::read(MAGIC).map(|_| ()), Err(ReadError::Length { expected: HEADER, got: 8 }));
        let mut bytes = Parts {
            weight_bits: 4,
            widths: vec![1],
            filters: 1,
            weights: vec![1],
            thresholds: vec![0],
            readout: vec![1],
            biases: vec![0],
            labels: vec!["one".to_string()],
            ..Parts::default()
        }
        .to_bytes()
        .expect("an image");
        assert!(Image::read(&bytes).is_ok());
        bytes[8] = 2;
        assert_eq!(Image::read(&bytes).map(|_| ()), Err(ReadError::Version(2)));
        assert_eq!(sum(b"123456789"), 0xCBF4_3926);
        assert!(Parts::default().to_bytes().is_err());
    }
}
