//! Texts as Python programs have them: lists, NumPy arrays, columns of pandas, Polars and PyArrow.
//!
//! Arrow's layouts and Python's own strings are read where they lie. Whatever is no text is an error that says where it
//! stands; nothing is turned into a text by guessing.

use arrow_array::{Array, ArrayRef, cast::AsArray};
use arrow_schema::DataType;
use pyo3::{
    exceptions::{PyTypeError, PyUnicodeError, PyValueError},
    prelude::*,
    types::{PyBytes, PyDict, PyFrozenSet, PySet, PyString},
};
use pyo3_arrow::input::AnyArray;

/// Texts that Python holds.
pub enum Texts<'py> {
    /// Strings one by one.
    Strings(Vec<Bound<'py, PyString>>),
    /// Columns, one after the other.
    Columns(Vec<ArrayRef>),
}

impl<'py> Texts<'py> {
    /// The texts of `object`; `what` names them in errors.
    ///
    /// # Errors
    /// A `TypeError` if it holds no texts, a `ValueError` if one is missing.
    pub fn of(object: &Bound<'py, PyAny>, what: &str) -> PyResult<Self> {
        let name = object.get_type().name()?.to_string();
        if object.is_instance_of::<PyString>() {
            return refuse(what, format!("a str (for one text: [{what}])"));
        }
        if object.is_instance_of::<PyBytes>()
            || object.is_instance_of::<PyDict>()
            || object.is_instance_of::<PySet>()
            || object.is_instance_of::<PyFrozenSet>()
        {
            return refuse(what, format!("a {name}"));
        }
        if object.hasattr("__arrow_c_stream__")? || object.hasattr("__arrow_c_array__")? {
            // A column whose objects are no Arrow type (of mixed kinds) is read one by one, which names the first that is no text.
            if let Ok(array) = object.extract::<AnyArray>() {
                return Self::of_arrow(array, object, what);
            }
        }
        if object.hasattr("ndim")? {
            let dimensions: usize = object.getattr("ndim")?.extract()?;
            if dimensions != 1 {
                let columns = object.getattr("columns").and_then(|columns| columns.call_method0("tolist")).ok();
                return refuse_table(what, &name, dimensions, columns.as_ref());
            }
        }
        let items = if object.hasattr("tolist")? { object.call_method0("tolist")? } else { object.clone() };
        let Ok(items) = items.try_iter() else { return refuse(what, format!("a {name}")) };
        let mut strings = Vec::new();
        for (at, item) in items.enumerate() {
            let item = item?;
            match item.cast_into::<PyString>() {
                Ok(string) => strings.push(string),
                Err(error) => {
                    let item = error.into_inner();
                    let kind = item.get_type().name()?.to_string();
                    if item.is_none()
                        || (kind == "float" && item.extract::<f64>().is_ok_and(f64::is_nan))
                        || kind == "NAType"
                    {
                        return Err(missing(what, at));
                    }
                    return Err(PyTypeError::new_err(format!("{what}: expected texts, got a {kind} at {at}")));
                }
            }
        }
        Ok(Self::Strings(strings))
    }

    fn of_arrow(array: AnyArray, object: &Bound<'py, PyAny>, what: &str) -> PyResult<Self> {
        let chunks = array
            .into_chunked_array()
            .map_err(|error| PyTypeError::new_err(format!("{what}: expected a column of texts, got {error}")))?;
        let kind = chunks.field().data_type().clone();
        let is_text = |kind: &DataType| matches!(kind, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View);
        match &kind {
            DataType::Struct(fields) => {
                let name = object.get_type().name()?.to_string();
                let texts: Vec<String> = fields
                    .iter()
                    .filter(|field| is_text(field.data_type()))
                    .map(|field| format!("{:?}", field.name()))
                    .collect();
                let advice = match texts.as_slice() {
                    [] => "none of its columns holds texts".to_owned(),
                    columns => format!("take one of its columns of texts: {}", columns.join(", ")),
                };
                return refuse(what, format!("a {name} ({advice})"));
            }
            DataType::Dictionary(_, values) if is_text(values) => {}
            DataType::Null => {
                if let Some(at) = (!chunks.chunks().iter().all(|chunk| chunk.is_empty())).then_some(0) {
                    return Err(missing(what, at));
                }
            }
            kind if is_text(kind) => {}
            kind => return refuse(what, format!("a column of {kind}")),
        }
        let chunks = chunks.chunks().to_vec();
        let mut before = 0;
        for chunk in &chunks {
            if let Some(nulls) = chunk.logical_nulls()
                && let Some(at) = (0..chunk.len()).find(|&at| nulls.is_null(at))
            {
                return Err(missing(what, before + at));
            }
            // Arrow says that its strings are UTF-8, and who made them may not have looked.
            if let Some((at, byte)) = broken(&**chunk) {
                return Err(PyUnicodeError::new_err(format!(
                    "{what}: expected UTF-8 at {}, got the byte {byte:#04x} where it cannot stand",
                    before + at
                )));
            }
            before += chunk.len();
        }
        Ok(Self::Columns(chunks))
    }

    /// Each text where it lies.
    ///
    /// # Errors
    /// A `UnicodeEncodeError` for half a surrogate pair, which no file can hold.
    pub fn as_strs(&self) -> PyResult<Vec<&str>> {
        match self {
            Self::Strings(strings) => strings.iter().map(|string| string.to_str()).collect(),
            Self::Columns(chunks) => {
                let mut texts = Vec::with_capacity(chunks.iter().map(|chunk| chunk.len()).sum());
                chunks.iter().for_each(|chunk| push(&**chunk, &mut texts));
                Ok(texts)
            }
        }
    }

    /// A copy of each text.
    ///
    /// # Errors
    /// As [`Self::as_strs`].
    pub fn to_strings(&self) -> PyResult<Vec<String>> {
        Ok(self.as_strs()?.into_iter().map(str::to_owned).collect())
    }
}

/// The first text that is not UTF-8, and the byte that makes it so.
fn broken(chunk: &dyn Array) -> Option<(usize, u8)> {
    fn first<'a>(texts: impl Iterator<Item = Option<&'a str>>) -> Option<(usize, u8)> {
        texts.enumerate().find_map(|(at, text)| {
            let bytes = text?.as_bytes();
            Some((at, bytes[std::str::from_utf8(bytes).err()?.valid_up_to()]))
        })
    }
    match chunk.data_type() {
        DataType::Utf8 => first(chunk.as_string::<i32>().iter()),
        DataType::LargeUtf8 => first(chunk.as_string::<i64>().iter()),
        DataType::Utf8View => first(chunk.as_string_view().iter()),
        // Without texts it may have no values either, and then its keys are not to be had.
        DataType::Dictionary(..) if !chunk.is_empty() => {
            let dictionary = chunk.as_any_dictionary();
            // A value that no key leads to is never read.
            broken(&**dictionary.values())?;
            let values = dictionary.values();
            let keys = dictionary.normalized_keys();
            keys.into_iter().enumerate().find_map(|(at, key)| Some((at, broken(&*values.slice(key, 1))?.1)))
        }
        _ => None,
    }
}

/// Adds the texts of a column without missing ones.
fn push<'a>(chunk: &'a dyn Array, texts: &mut Vec<&'a str>) {
    match chunk.data_type() {
        DataType::Utf8 => texts.extend(chunk.as_string::<i32>().iter().flatten()),
        DataType::LargeUtf8 => texts.extend(chunk.as_string::<i64>().iter().flatten()),
        DataType::Utf8View => texts.extend(chunk.as_string_view().iter().flatten()),
        // Without texts it may have no values either, and then its keys are not to be had.
        DataType::Dictionary(..) if !chunk.is_empty() => {
            let dictionary = chunk.as_any_dictionary();
            // A value that no key leads to may be missing; the others keep their places.
            let words = places(&**dictionary.values());
            texts
                .extend(dictionary.normalized_keys().into_iter().filter_map(|key| words.get(key).copied().flatten()));
        }
        _ => {}
    }
}

/// The texts of a column, each at its place.
fn places(values: &dyn Array) -> Vec<Option<&str>> {
    match values.data_type() {
        DataType::Utf8 => values.as_string::<i32>().iter().collect(),
        DataType::LargeUtf8 => values.as_string::<i64>().iter().collect(),
        DataType::Utf8View => values.as_string_view().iter().collect(),
        _ => Vec::new(),
    }
}

fn refuse<T>(what: &str, got: String) -> PyResult<T> {
    Err(PyTypeError::new_err(format!("{what}: expected a list or a column of texts, got {got}")))
}

fn refuse_table<T>(what: &str, name: &str, dimensions: usize, columns: Option<&Bound<'_, PyAny>>) -> PyResult<T> {
    let advice = match columns.and_then(|columns| columns.repr().ok()) {
        Some(columns) => format!("take one of its columns: {columns}"),
        None => "for a table of one column: .ravel()".to_owned(),
    };
    refuse(what, format!("a {name} of {dimensions} dimensions ({advice})"))
}

fn missing(what: &str, at: usize) -> PyErr {
    PyValueError::new_err(format!(
        "{what}: expected a text at {at}, got a missing value (leave the row out or fill it with \"\")"
    ))
}
