//! Matrix products on slices, over the `gemm-f32` crate: one thread each, so that a caller's cut of the work alone
//! decides the order of every sum.

use rayon::prelude::*;

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
        let given = values.len();
        assert_eq!(rows.checked_mul(columns), Some(given), "Matrix::new: {rows} x {columns} over {given} values");
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

    /// `count` of the columns, from `first` on.
    fn some_columns(self, first: usize, count: usize) -> Self {
        let left = self.columns.checked_sub(first);
        assert!(
            left.is_some_and(|left| count <= left),
            "Matrix: {count} columns from {first} on, of {}",
            self.columns
        );
        let start = (first * self.column_stride as usize).min(self.values.len());
        Self { values: &self.values[start..], columns: count, ..self }
    }
}

/// `out = a b` (or `out += a b`), row-major `[a.rows, b.columns]`, on the calling thread.
///
/// # Panics
/// If the shapes do not agree.
pub fn product(a: Matrix<'_>, b: Matrix<'_>, out: &mut [f32], accumulate: bool) {
    check(a, b, out);
    // SAFETY: `check` made sure that `out`, borrowed mutably, holds exactly `a.rows` rows of `b.columns` numbers.
    #[allow(unsafe_code)]
    unsafe {
        product_at(a, b, out.as_mut_ptr(), b.columns, accumulate);
    }
}

/// Columns of the result that one thread makes at a time in [`shared_product`]: two rows of register tiles of the
/// AVX-512 kernel, for which `gemm-f32` need not copy `b` twice over, and parts enough that the last of them does not
/// wait for long.
const PART: usize = 128;

/// `out = a b`, row-major `[a.rows, b.columns]`, parts of its columns side by side on the threads of the pool. The
/// cut follows from the shape alone, so the bits do not depend on the number of threads.
///
/// # Panics
/// If the shapes do not agree.
pub fn shared_product(a: Matrix<'_>, b: Matrix<'_>, out: &mut [f32]) {
    check(a, b, out);
    let stride = b.columns;
    let out = Target(out.as_mut_ptr());
    (0..b.columns.div_ceil(PART)).into_par_iter().for_each(|part| {
        let first = part * PART;
        let own = b.some_columns(first, PART.min(b.columns - first));
        // SAFETY: `check` made sure that the target holds `a.rows` rows of `stride` numbers. This part writes columns
        // `first..first + own.columns` of each row, which lie within it; no other part writes them, and nothing else
        // has access while `out` is borrowed mutably. If there are no rows, the target may be empty: `product_at`
        // then writes nothing, and `column` does not read.
        #[allow(unsafe_code)]
        unsafe {
            product_at(a, own, out.column(first), stride, false);
        }
    });
}

/// Rows of the result that one thread makes at a time at most in [`shared_product_by_rows`]: enough of them that to
/// pack `b` for each part costs little beside the products.
const ROWS_A_PART: usize = 192;

/// `out = a b` as [`shared_product`] makes it, but cut into parts of rows: for results with few columns.
///
/// # Panics
/// If the shapes do not agree.
pub fn shared_product_by_rows(a: Matrix<'_>, b: Matrix<'_>, out: &mut [f32]) {
    check(a, b, out);
    // Equal parts, in whole register tiles of 6 rows.
    let parts = a.rows.div_ceil(ROWS_A_PART).max(1);
    let rows = a.rows.div_ceil(parts).next_multiple_of(6);
    out.par_chunks_mut((rows * b.columns).max(1)).enumerate().for_each(|(part, out)| {
        let first = part * rows;
        product(a.transposed().some_columns(first, rows.min(a.rows - first)).transposed(), b, out, false);
    });
}

/// Where the parts of a product go.
#[derive(Clone, Copy)]
struct Target(*mut f32);

// SAFETY: the pointer comes from a slice that is borrowed mutably while threads use it, each for columns of its own.
#[allow(unsafe_code)]
unsafe impl Sync for Target {}

impl Target {
    /// Where column `first` of the first row is.
    fn column(&self, first: usize) -> *mut f32 {
        self.0.wrapping_add(first)
    }
}

fn check(a: Matrix<'_>, b: Matrix<'_>, out: &[f32]) {
    assert_eq!(a.columns, b.rows, "matrix::product: inner lengths {} and {}", a.columns, b.rows);
    let (rows, columns, given) = (a.rows, b.columns, out.len());
    assert_eq!(rows.checked_mul(columns), Some(given), "matrix::product: {rows} x {columns} into {given} numbers");
}

/// `out = a b` or `out += a b`, where rows of the result are `stride` numbers apart.
///
/// # Safety
/// Row i of the result, `b.columns` numbers from `out + i * stride` on, must lie within one array for every i below
/// `a.rows`, and nobody else may read or write these numbers meanwhile.
#[allow(unsafe_code)]
unsafe fn product_at(a: Matrix<'_>, b: Matrix<'_>, out: *mut f32, stride: usize, accumulate: bool) {
    if a.rows == 0 || b.columns == 0 {
        return;
    }
    if a.columns == 0 {
        for row in (0..a.rows).take_while(|_| !accumulate) {
            // SAFETY: the caller's promise.
            unsafe { std::slice::from_raw_parts_mut(out.add(row * stride), b.columns) }.fill(0.0);
        }
        return;
    }
    // The kernels write columns of neighbouring numbers, so the transposed product is asked for: out' = b' a'. With
    // rows of one number, out is such a column already.
    let (a, b, across, along) = match stride {
        0 | 1 => (a, b, 1, stride as isize),
        _ => (b.transposed(), a.transposed(), stride as isize, 1),
    };
    let kernel = gemm_f32::gemm::f32::get_gemm_fn();
    // SAFETY: no length is 0 here. `Matrix::new` checked, without wrapping around, that an operand's slice holds rows
    // x columns values with these strides; transposing exchanges both, and `some_columns` leaves the columns it names
    // within what remains of the slice. `out` is the caller's promise.
    unsafe {
        kernel(
            a.rows,
            b.columns,
            a.columns,
            out,
            across,
            along,
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
            gemm_common::Parallelism::None,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lengths whose product, wrapped around, is that of the slice.
    #[test]
    #[should_panic(expected = "Matrix::new")]
    fn operands_hold_what_their_shape_says() {
        let _ = Matrix::new(&[], 1 << (usize::BITS / 2), 1 << (usize::BITS / 2));
    }

    #[test]
    #[should_panic(expected = "matrix::product")]
    fn results_hold_what_their_shape_says() {
        let many = 1 << (usize::BITS / 2);
        product(Matrix::new(&[], many, 0), Matrix::new(&[], 0, many), &mut [], false);
    }

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

    #[test]
    fn shared_products_are_products() {
        for (m, n, k) in [(1, 1, 1), (3, 300, 7), (50, 129, 33), (2, 128, 0), (0, 200, 3), (2, 0, 4), (403, 5, 7)] {
            let a: Vec<f32> = (0..m * k).map(|i| ((i * 7 % 13) as f32) - 6.0).collect();
            let b: Vec<f32> = (0..k * n).map(|i| ((i * 5 % 11) as f32) - 5.0).collect();
            let bt: Vec<f32> = (0..k * n).map(|i| b[i % k * n + i / k]).collect();
            let (mut want, mut out) = (vec![f32::NAN; m * n], vec![f32::NAN; m * n]);
            product(Matrix::new(&a, m, k), Matrix::new(&b, k, n), &mut want, false);
            shared_product(Matrix::new(&a, m, k), Matrix::new(&b, k, n), &mut out);
            assert_eq!(out, want);
            out.fill(f32::NAN);
            shared_product(Matrix::new(&a, m, k), Matrix::new(&bt, n, k).transposed(), &mut out);
            assert_eq!(out, want);
            out.fill(f32::NAN);
            shared_product_by_rows(Matrix::new(&a, m, k), Matrix::new(&b, k, n), &mut out);
            assert_eq!(out, want);
            let at: Vec<f32> = (0..m * k).map(|i| a[i % m * k + i / m]).collect();
            out.fill(f32::NAN);
            shared_product_by_rows(Matrix::new(&at, k, m).transposed(), Matrix::new(&b, k, n), &mut out);
            assert_eq!(out, want);
        }
    }
}
