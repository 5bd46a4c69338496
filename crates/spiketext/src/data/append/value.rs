//! What a value is once its row leaves the form it stood in.

/// A value of a row.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::data) enum Value {
    /// Nothing.
    Null,
    /// Text.
    Text(String),
    /// A number or a boolean as JSON writes it, to the last digit.
    Plain(String),
    /// A floating-point value that JSON has no number for.
    #[cfg_attr(not(feature = "parquet"), allow(dead_code))]
    NoNumber(String),
    /// Bytes that are not UTF-8.
    #[cfg_attr(not(feature = "parquet"), allow(dead_code))]
    NoText,
    /// A list or an object as JSON.
    Nested(String),
}
