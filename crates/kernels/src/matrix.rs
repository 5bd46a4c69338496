//! Matrix products on slices, over the `gemm` crate: one thread each, so that a caller's cut of the work alone decides
//! the order of every sum.

/// A row-major matrix, or the transpose of one.
#[derive(Clone, Copy, Debug)]
pub struct Matrix<'a> {
    values: &'a [f32],
    rows: usize,
    columns: usize,
    row_stride: isize,
    column_stride: isize,
}

impl<'a> Matrix<'a> {
    /// The row-major matrix `[rows, columns]` over `values`.
    ///
    /// # Panics
    /// If the lengths do not agree.
    #[must_use]
    pub fn new(values: &'a [f32], rows: usize, columns: usize) -> Self {
        assert_eq!(values.len(), rows * columns, "Matrix::new: {rows} x {columns} over {} values", values.len());
        Self { values, rows, columns, row_stride: columns as isize, column_stride: 1 }
    }

    /// The same numbers with rows and columns exchanged.
    #[must_use]
    pub fn transposed(self) -> Self {
        Self {
            rows: self.columns,
            columns: self.rows,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
            ..self
        }
    }
}

/// `out = a b` (or `out += a b`), row-major `[a.rows, b.columns]`, on the calling thread.
///
/// # Panics
/// If the shapes do not agree.
pub fn product(a: Matrix<'_>, b: Matrix<'_>, out: &mut [f32], accumulate: bool) {
    assert_eq!(a.columns, b.rows, "matrix::product: inner lengths {} and {}", a.columns, b.rows);
    assert_eq!(out.len(), a.rows * b.columns, "matrix::product: {} x {} into {}", a.rows, b.columns, out.len());
    if out.is_empty() {
        return;
    }
    if a.columns == 0 {
        if !accumulate {
            out.fill(0.0);
        }
        return;
    }
    debug_assert!(a.values.len() >= a.rows * a.columns && b.values.len() >= b.rows * b.columns);
    // SAFETY: `Matrix::new` checked that each operand's slice holds rows x columns values with these strides
    // (transposing exchanges both), and the asserts above that `out` holds the result; `out` is borrowed mutably, so
    // nothing overlaps it.
    #[allow(unsafe_code)]
    unsafe {
        gemm::gemm(
            a.rows,
            b.columns,
            a.columns,
            out.as_mut_ptr(),
            1,
            b.columns as isize,
            accumulate,
            a.values.as_ptr(),
            a.column_stride,
            a.row_stride,
            b.values.as_ptr(),
            b.column_stride,
            b.row_stride,
            1.0,
            1.0,
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_agree_with_the_definition() {
        for (m, n, k) in [(1, 1, 1), (3, 5, 7), (17, 33, 65), (64, 100, 300), (2, 0, 4), (2, 3, 0)] {
            let a: Vec<f32> = (0..m * k).map(|i| ((i * 7 % 13) as f32) - 6.0).collect();
            let b: Vec<f32> = (0..k * n).map(|i| ((i * 5 % 11) as f32) - 5.0).collect();
            let want: Vec<f32> =
                (0..m * n).map(|i| (0..k).map(|j| a[i / n * k + j] * b[j * n + i % n]).sum::<f32>()).collect();
            let mut out = vec![f32::NAN; m * n];
            product(Matrix::new(&a, m, k), Matrix::new(&b, k, n), &mut out, false);
            assert_eq!(out, want);
            let at: Vec<f32> = (0..m * k).map(|i| a[i % m * k + i / m]).collect();
            product(Matrix::new(&at, k, m).transposed(), Matrix::new(&b, k, n), &mut out, true);
            assert!(out.iter().zip(&want).all(|(o, w)| *o == 2.0 * w));
        }
    }
}
