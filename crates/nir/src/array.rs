//! Numbers with a shape, in row-major order.

/// Numbers with a shape; the last axis runs fastest. A scalar has no axis and one number.
#[derive(Clone, Debug, PartialEq)]
pub struct Array<T> {
    /// How many numbers along each axis.
    pub shape: Vec<usize>,
    /// The numbers, as many as the product of the shape.
    pub values: Vec<T>,
}

impl<T: Copy> Array<T> {
    /// Puts numbers into a shape.
    ///
    /// # Panics
    /// If their number is not the product of the shape: shapes of files are checked before.
    #[must_use]
    pub fn new(shape: Vec<usize>, values: Vec<T>) -> Self {
        assert_eq!(shape.iter().product::<usize>(), values.len(), "numbers that fill their shape");
        Self { shape, values }
    }

    /// The same number everywhere.
    #[must_use]
    pub fn full(shape: &[usize], value: T) -> Self {
        Self { shape: shape.to_vec(), values: vec![value; shape.iter().product()] }
    }
}

/// A shape as people write it: `(300, 32, 1)`.
#[must_use]
pub fn shape_name(shape: &[usize]) -> String {
    let inside: Vec<String> = shape.iter().map(ToString::to_string).collect();
    format!("({})", inside.join(", "))
}
