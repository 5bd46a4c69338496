//! Makes a small set of a large one: the most frequent words, and the directions in which the vectors differ most.
//!
//! Principal components keep the most of the distances between words that so many dimensions can. But equation (1)
//! knows one sigma for all dimensions, while the components differ in deviation by a factor of ten: the first would
//! be clipped and the last would hardly leave 1/2. So the components are rotated among each other. No distance and no
//! product changes by that, a linear layer after it can do all that it could before, and the dimensions come out with
//! one deviation. (Scaling the components instead would change the distances, and so what was paid for in training.)

use nalgebra::{DMatrix, SymmetricEigen};

use super::{Format, ReadReport, WordVectors, collect::Moments};
use crate::{
    Error, Result,
    seed::{self, Purpose},
    text::Vocabulary,
};

/// So many vectors are multiplied at a time.
const BLOCK: usize = 4096;

/// The first `words` words of `vectors` (the most frequent ones) in `dimension` dimensions.
///
/// The outcome is centred: its mean vector is zero. With as many dimensions as before, or more, vectors stay as they
/// are. Equal input gives equal output.
///
/// # Errors
/// No word, no dimension, or an entry that is not finite.
pub fn shrink(vectors: &WordVectors, words: usize, dimension: usize) -> Result<WordVectors> {
    let refuse = |expected: &str, got: String| Error::invalid("shrinking word vectors", expected, got);
    let (count, before) = (words.min(vectors.words.len()), vectors.dimension);
    if count == 0 || dimension == 0 {
        return Err(refuse("at least one word and one dimension", format!("{count} words, {dimension} dimensions")));
    }
    let kept = &vectors.values[..count * before];
    if let Some(value) = kept.iter().find(|value| !value.is_finite()) {
        return Err(refuse("finite entries", value.to_string()));
    }
    let words = Vocabulary::from_words(vectors.words.words().take(count).map(str::to_owned).collect())?;
    let (values, dimension) = match dimension < before {
        true => (reduce(kept, before, dimension), dimension),
        false => (kept.to_vec(), before),
    };
    let mut moments = Moments::default();
    values.chunks_exact(dimension).for_each(|vector| moments.merge(Moments::of(vector)));
    let (mean, deviation) = (moments.mean() as f32, moments.deviation() as f32);
    let report = ReadReport { format: Format::Memory, words: count as u64, ..ReadReport::default() };
    Ok(WordVectors { words, dimension, values, mean, deviation, report })
}

/// Projects centred vectors `[V, D]` on `dimension` axes: gives `[V, dimension]`.
fn reduce(values: &[f32], before: usize, dimension: usize) -> Vec<f32> {
    let count = values.len() / before;
    let mut mean = vec![0.0; before];
    for vector in values.chunks_exact(before) {
        mean.iter_mut().zip(vector).for_each(|(sum, &value)| *sum += f64::from(value));
    }
    mean.iter_mut().for_each(|sum| *sum /= count as f64);
    // [D, block]: a vector a column.
    let block = |vectors: &[f32]| {
        DMatrix::from_fn(before, vectors.len() / before, |d, v| f64::from(vectors[v * before + d]) - mean[d])
    };
    let mut covariance = DMatrix::<f64>::zeros(before, before);
    for vectors in values.chunks(BLOCK * before) {
        let columns = block(vectors);
        covariance.gemm(1.0 / count as f64, &columns, &columns.transpose(), 1.0);
    }
    let axes = axes(covariance, dimension);
    let projected = values.chunks(BLOCK * before).flat_map(|vectors| {
        let columns = axes.tr_mul(&block(vectors));
        columns.iter().map(|&value| value as f32).collect::<Vec<_>>()
    });
    projected.collect()
}

/// The axes `[D, dimension]` to project on: the eigenvectors with the largest eigenvalues, rotated among each other
/// until all axes have the same variance.
fn axes(covariance: DMatrix<f64>, dimension: usize) -> DMatrix<f64> {
    let eigen = SymmetricEigen::new(covariance);
    let mut order: Vec<usize> = (0..eigen.eigenvalues.len()).collect();
    order.sort_by(|&a, &b| eigen.eigenvalues[b].total_cmp(&eigen.eigenvalues[a]).then(a.cmp(&b)));
    let mut components = eigen.eigenvectors.select_columns(&order[..dimension]);
    // An eigenvector is one up to its sign: make its largest entry positive.
    for mut column in components.column_iter_mut() {
        let largest =
            column.iter().copied().fold(0.0, |most: f64, value| if value.abs() > most.abs() { value } else { most });
        column *= if largest < 0.0 { -1.0 } else { 1.0 };
    }
    let variances =
        DMatrix::from_fn(dimension, dimension, |i, j| if i == j { eigen.eigenvalues[order[i]] } else { 0.0 });
    components * level(&variances)
}

/// An orthogonal matrix R `[n, n]` such that all diagonal entries of R' S R are equal, for a symmetric S.
///
/// A random rotation comes first: it makes entries sums of many parts, so that few lie far out, and nearly levels the
/// diagonal. Then plane rotations of the largest with the smallest entry level it (Schur and Horn: that is always
/// possible).
fn level(symmetric: &DMatrix<f64>) -> DMatrix<f64> {
    let n = symmetric.nrows();
    let mut stream = seed::stream(0, Purpose::RandomVectors, super::name_hash("rotation of principal components"), 0);
    let noise = DMatrix::from_fn(n, n, |_, _| f64::from(seed::normal(&mut stream)));
    let mut rotation = noise.qr().q();
    let mut turned = rotation.tr_mul(symmetric) * &rotation;
    let target = turned.trace() / n as f64;
    // Each turn sets one diagonal entry to the target for good.
    let mut open: Vec<usize> = (0..n).collect();
    while open.len() > 1 {
        open.sort_by(|&a, &b| turned[(a, a)].total_cmp(&turned[(b, b)]).then(a.cmp(&b)));
        let (low, high) = (open[0], open[open.len() - 1]);
        // tan t solves (low - target) + 2 tan t cross + tan^2 t (high - target) = 0; the signs of the ends give real
        // roots.
        let (a, b, c) = (turned[(high, high)] - target, turned[(low, high)], turned[(low, low)] - target);
        let root = (b * b - a * c).max(0.0).sqrt();
        let tangent = if a.abs() > 0.0 { (-b + root) / a } else { 0.0 };
        let cosine = 1.0 / tangent.hypot(1.0);
        let sine = tangent * cosine;
        turn_columns(&mut rotation, low, high, cosine, sine);
        turn_columns(&mut turned, low, high, cosine, sine);
        turned.transpose_mut();
        turn_columns(&mut turned, low, high, cosine, sine);
        turned.transpose_mut();
        open.remove(0);
    }
    rotation
}

/// Columns (low, high) become (cosine low + sine high, cosine high - sine low).
fn turn_columns(matrix: &mut DMatrix<f64>, low: usize, high: usize, cosine: f64, sine: f64) {
    for row in 0..matrix.nrows() {
        let (a, b) = (matrix[(row, low)], matrix[(row, high)]);
        matrix[(row, low)] = cosine * a + sine * b;
        matrix[(row, high)] = cosine * b - sine * a;
    }
}

#[cfg(test)]
mod tests {
    use super::{super::random, *};

    /// Vectors whose variance lies in the first few of their dimensions.
    fn sample(count: usize, dimension: usize) -> WordVectors {
        let mut vectors = random((0..count).map(|n| format!("w{n}")).collect(), dimension, 5).unwrap();
        for vector in vectors.values.chunks_exact_mut(dimension) {
            vector.iter_mut().enumerate().for_each(|(d, value)| *value = *value * 8.0 / (1 + d * d) as f32 + 1.0);
        }
        vectors
    }

    fn distance(vectors: &WordVectors, a: u32, b: u32) -> f32 {
        let pairs = vectors.vector(a).unwrap().iter().zip(vectors.vector(b).unwrap());
        pairs.map(|(x, y)| (x - y).powi(2)).sum::<f32>().sqrt()
    }

    #[test]
    fn distances_stay_and_dimensions_are_level() {
        let whole = sample(500, 20);
        let small = shrink(&whole, 400, 8).unwrap();
        assert_eq!((small.words.len(), small.dimension, small.values.len()), (400, 8, 3200));
        assert_eq!(small.words.word(399), Some("w399"));
        for (a, b) in [(0, 1), (5, 300), (77, 78)] {
            let (before, after) = (distance(&whole, a, b), distance(&small, a, b));
            assert!((before - after).abs() < 0.05 * before, "{before} {after}");
        }
        let deviation = |d: usize| {
            let column: Vec<f32> = small.values.iter().skip(d).step_by(8).copied().collect();
            Moments::of(&column).deviation()
        };
        for d in 0..8 {
            assert!((deviation(d) / f64::from(small.deviation) - 1.0).abs() < 1e-3, "{}", deviation(d));
        }
        assert!(small.mean.abs() < 1e-4);
        assert_eq!(small, shrink(&whole, 400, 8).unwrap());
    }

    #[test]
    fn enough_dimensions_change_nothing_and_too_little_is_refused() {
        let whole = sample(30, 4);
        let same = shrink(&whole, 99, 9).unwrap();
        assert_eq!((same.values, same.dimension), (whole.values.clone(), 4));
        assert!(shrink(&whole, 0, 4).unwrap_err().to_string().contains("0 words"));
        assert!(shrink(&whole, 4, 0).unwrap_err().to_string().contains("0 dimensions"));
        assert_eq!(shrink(&sample(1, 4), 1, 2).unwrap().values, [0.0, 0.0]);
    }
}
