//! The compact format: words and 8-bit codes in a safetensors file, which may be packed with zstd.
//!
//! | name | type and shape | what |
//! | --- | --- | --- |
//! | `codes` | I8 `[V, D]` | the vectors in steps |
//! | `scales` | F32 `[D]` | the size of a step by dimension: x[v, d] = codes[v, d] scales[d] |
//! | `words` | U8 `[N]` | the words, a line feed between them |
//!
//! One metadata key, `spiketext_vectors`, holds an [`Origin`] with the statistics as JSON. Equal vectors give equal
//! bytes.
//!
//! A step is a fixed part of the entries' deviation ([`STEPS`]), not the finest that eight bits allow: the error is
//! small beside what fewer dimensions lose, and codes that repeat often pack well, which buys more dimensions for the
//! same bytes. Only a dimension whose largest entry would not fit has a larger step.

use std::{collections::HashMap, io::Read, path::Path};

use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use serde::{Deserialize, Serialize};

use super::{
    Format, MAX_DIMENSION, Selection, WordVectors,
    collect::{Collector, Moments, is_wanted, word_hash},
};
use crate::{Error, Result, files::write_atomically};

const KEY: &str = "spiketext_vectors";

/// The largest content that is read; sets of this format are small by purpose.
const MAX_BYTES: u64 = 1 << 30;

/// Steps in one deviation of the entries. The squared error is a part 1 / (12 STEPS^2) of the variance: 0.23 %.
const STEPS: f64 = 6.0;

/// How hard zstd tries; small sets are written once and read often.
const ZSTD_LEVEL: i32 = 19;

/// Where a compact set comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The file or collection that it was made of.
    pub source: String,
    /// The licence of the source.
    pub licence: String,
    /// The command that made it.
    pub command: String,
}

/// What the metadata key holds.
#[derive(Debug, Serialize, Deserialize)]
struct Metadata {
    #[serde(flatten)]
    origin: Origin,
    /// Mean and deviation over all decoded entries, for readers that do not decode first.
    mean: f32,
    deviation: f32,
}

/// Writes `vectors` in the compact format, packed with zstd if `path` ends in `.zst`. The file appears whole or not
/// at all.
///
/// # Errors
/// Vectors that are none (no words, an entry that is not finite), and a path that cannot be written.
pub fn write_compact(path: impl AsRef<Path>, vectors: &WordVectors, origin: &Origin) -> Result<()> {
    let path = path.as_ref();
    let mut bytes = encode(vectors, origin)?;
    if path.extension().is_some_and(|extension| extension == "zst") {
        bytes = zstd::encode_all(bytes.as_slice(), ZSTD_LEVEL).map_err(Error::write(path))?;
    }
    write_atomically(path, &bytes)
}

/// The content of a compact file.
fn encode(vectors: &WordVectors, origin: &Origin) -> Result<Vec<u8>> {
    let (count, dimension) = (vectors.words.len(), vectors.dimension);
    let refuse = |expected: &str, got: String| Error::invalid("writing compact word vectors", expected, got);
    if count == 0 || !(1..=MAX_DIMENSION).contains(&dimension) || vectors.values.len() != count * dimension {
        let got = format!("{} entries for {count} words of {dimension}", vectors.values.len());
        return Err(refuse("a vector for each word", got));
    }
    if let Some(value) = vectors.values.iter().find(|value| !value.is_finite()) {
        return Err(refuse("finite entries", value.to_string()));
    }
    let step = (moments(&vectors.values, dimension).deviation() / STEPS) as f32;
    let mut scales = vec![step; dimension];
    for vector in vectors.values.chunks_exact(dimension) {
        for (scale, value) in scales.iter_mut().zip(vector) {
            *scale = scale.max(value.abs() / 127.0);
        }
    }
    // A dimension that is zero throughout has no step of its own.
    scales.iter_mut().filter(|scale| **scale == 0.0).for_each(|scale| *scale = 1.0);
    let code = |(value, scale): (&f32, &f32)| (value / scale).round().clamp(-127.0, 127.0) as i8;
    let codes: Vec<i8> =
        vectors.values.chunks_exact(dimension).flat_map(|v| v.iter().zip(&scales).map(code)).collect();
    let decoded: Vec<f32> = codes.chunks_exact(dimension).flat_map(|codes| decode(codes, &scales)).collect();
    let statistics = moments(&decoded, dimension);
    let metadata =
        Metadata { origin: origin.clone(), mean: statistics.mean() as f32, deviation: statistics.deviation() as f32 };
    let metadata = serde_json::to_string(&metadata).map_err(|fault| refuse("metadata as JSON", fault.to_string()))?;
    let words: Vec<&str> = vectors.words.words().collect();
    let words = words.join("\n").into_bytes();
    let view = |dtype, shape: Vec<usize>, bytes| {
        TensorView::new(dtype, shape, bytes).map_err(|fault| refuse("tensors", fault.to_string()))
    };
    let tensors = [
        ("codes", view(Dtype::I8, vec![count, dimension], bytemuck::cast_slice(&codes))?),
        ("scales", view(Dtype::F32, vec![dimension], bytemuck::cast_slice(&scales))?),
        ("words", view(Dtype::U8, vec![words.len()], &words)?),
    ];
    safetensors::serialize(tensors, Some(HashMap::from([(KEY.to_owned(), metadata)])))
        .map_err(|fault| refuse("tensors", fault.to_string()))
}

/// The entries of one vector: codes times steps.
fn decode<'a>(codes: &'a [i8], scales: &'a [f32]) -> impl Iterator<Item = f32> + 'a {
    codes.iter().zip(scales).map(|(&code, &scale)| f32::from(code) * scale)
}

/// The moments of all entries, added up vector by vector as every reader does.
fn moments(values: &[f32], dimension: usize) -> Moments {
    let mut moments = Moments::default();
    values.chunks_exact(dimension).for_each(|vector| moments.merge(Moments::of(vector)));
    moments
}

/// Reads compact content from `stream`; `path` is for the errors.
pub(super) fn read(path: &Path, stream: &mut dyn Read, selection: &Selection) -> Result<WordVectors> {
    let refuse = |expected: &str, got: String| Error::malformed(path, None, expected, got);
    let mut bytes = Vec::new();
    stream.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(Error::read(path))?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(refuse("compact word vectors of at most 1 GiB", "more".into()));
    }
    let file = SafeTensors::deserialize(&bytes).map_err(|fault| refuse("a safetensors file", fault.to_string()))?;
    let tensor = |name: &str, dtype: Dtype| {
        let tensor = file.tensor(name).map_err(|fault| refuse("compact word vectors", fault.to_string()))?;
        match tensor.dtype() == dtype {
            true => Ok(tensor),
            false => Err(refuse(&format!("{name} of type {dtype:?}"), format!("{:?}", tensor.dtype()))),
        }
    };
    let (codes, scales, words) =
        (tensor("codes", Dtype::I8)?, tensor("scales", Dtype::F32)?, tensor("words", Dtype::U8)?);
    let words = std::str::from_utf8(words.data()).map_err(|fault| refuse("words in UTF-8", fault.to_string()))?;
    let words: Vec<&str> = words.split('\n').collect();
    let &[count, dimension] = codes.shape() else {
        return Err(refuse("codes of shape [V, D]", format!("{:?}", codes.shape())));
    };
    if count != words.len() || scales.shape() != [dimension] || !(1..=MAX_DIMENSION).contains(&dimension) {
        let expected = format!("codes of shape [{}, {}]", words.len(), scales.shape().iter().product::<usize>());
        return Err(refuse(&expected, format!("{:?}", codes.shape())));
    }
    let scales: Vec<f32> = scales.data().as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    if let Some(scale) = scales.iter().find(|scale| !(**scale * 128.0).is_finite() || **scale <= 0.0) {
        return Err(refuse("scales above zero", scale.to_string()));
    }
    let mut collector = Collector::new(Format::Compact, dimension);
    let codes: &[i8] = bytemuck::cast_slice(codes.data());
    let mut vector = Vec::with_capacity(dimension);
    for ((word, codes), row) in words.iter().zip(codes.chunks_exact(dimension)).zip(0..) {
        if word.is_empty() || word.contains('\r') {
            return Err(refuse("a word a line", format!("{word:?} as word {row}")));
        }
        vector.clear();
        vector.extend(decode(codes, &scales));
        collector.count(path, word_hash(word))?;
        collector.add(Moments::of(&vector));
        if is_wanted(selection, word, row) {
            collector.keep(word, &vector);
        }
    }
    collector.finish(path)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{super::random, *};

    fn sample() -> WordVectors {
        let mut vectors = random((0..50).map(|n| format!("w{n}")).collect(), 7, 3).unwrap();
        vectors.values[3] = 90.0;
        vectors
    }

    fn parse(bytes: &[u8]) -> Result<WordVectors> {
        read(Path::new("v"), &mut &bytes[..], &Selection::everything())
    }

    #[test]
    fn what_is_written_reads_back_within_half_a_step() {
        let folder = tempfile::tempdir().unwrap();
        let origin = Origin { source: "a test".into(), ..Origin::default() };
        let vectors = sample();
        for name in ["small.safetensors", "small.safetensors.zst"] {
            let path = folder.path().join(name);
            write_compact(&path, &vectors, &origin).unwrap();
            let back = super::super::read(&path, &Selection::everything()).unwrap();
            assert_eq!((&back.words, back.dimension), (&vectors.words, 7));
            let largest = vectors.values.iter().fold(0f32, |most, v| most.max(v.abs()));
            let step = (moments(&vectors.values, 7).deviation() / STEPS).max(f64::from(largest) / 127.0) as f32;
            assert!(back.values.iter().zip(&vectors.values).all(|(a, b)| (a - b).abs() <= 0.501 * step));
            let selection = Selection { needed: ["w9".to_owned()].into(), ..Selection::default() };
            let part = super::super::read(&path, &selection).unwrap();
            assert_eq!((part.words.len(), part.mean, part.deviation), (1, back.mean, back.deviation));
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2, "no temporary file is left");
        let error = write_compact(folder.path().join("no/such"), &vectors, &origin).unwrap_err().to_string();
        assert!(error.starts_with("cannot write"), "{error}");
    }

    #[test]
    fn equal_vectors_give_equal_bytes() {
        let origin = Origin::default();
        assert_eq!(encode(&sample(), &origin).unwrap(), encode(&sample(), &origin).unwrap());
    }

    #[test]
    fn damaged_content_is_refused() {
        let bytes = encode(&sample(), &Origin::default()).unwrap();
        for length in [0, 4, 8, 60, bytes.len() - 1] {
            assert!(parse(&bytes[..length]).is_err(), "{length}");
        }
        let swap = |from: &str, to: &str| {
            let at = bytes.windows(from.len()).position(|part| part == from.as_bytes()).unwrap();
            let mut damaged = bytes.clone();
            damaged[at..at + from.len()].copy_from_slice(to.as_bytes());
            parse(&damaged).unwrap_err().to_string()
        };
        assert!(swap("\"codes\"", "\"modes\"").contains("codes"));
        assert!(swap("[50,7]", "[7,50]").contains("expected codes of shape [50, 7], got [7, 50]"));
        assert!(swap("w0\nw1", "w0 w1").contains("[49, 7]"));
        assert!(swap("w0\nw1\n", "w0w1\n\n").contains("word"));
    }

    proptest! {
        #[test]
        fn rubbish_never_panics(at in 0usize..900, byte: u8, bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            let _ = parse(&bytes);
            let mut damaged = encode(&sample(), &Origin::default()).unwrap();
            let at = at % damaged.len();
            damaged[at] = byte;
            let _ = parse(&damaged);
        }
    }
}
