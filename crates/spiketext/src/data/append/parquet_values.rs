//! Fields of Parquet as values of other forms, and which columns have fields that are none.

use std::{path::Path, sync::Arc};

use parquet::{
    basic::{ConvertedType, LogicalType, Repetition, TimeUnit, Type as PhysicalType},
    file::metadata::ParquetMetaData,
    record::Field,
    schema::types::TypePtr,
};

use super::{TableForm, value::Value};
use crate::{Error, Result, data::lines::shown};

/// The columns, each with whether its times are of no zone.
pub(super) fn local_times(metadata: &ParquetMetaData) -> Vec<bool> {
    let fields = metadata.file_metadata().schema().get_fields();
    let is_local = |field: &TypePtr| {
        let kind = field.get_basic_info().logical_type_ref();
        matches!(kind, Some(LogicalType::Timestamp(kind)) if !kind.is_adjusted_to_u_t_c)
    };
    fields.iter().map(is_local).collect()
}

/// Refuses columns whose values would not be what they are in `form`.
pub(super) fn check_types(path: &Path, metadata: &ParquetMetaData, form: TableForm) -> Result<()> {
    let is_json = matches!(form, TableForm::JsonLines | TableForm::JsonArray);
    for field in metadata.file_metadata().schema().get_fields() {
        let is_sound = if field.is_primitive() && field.get_basic_info().repetition() != Repetition::REPEATED {
            is_plain(field) || is_written(field)
        } else {
            is_json && !is_map(field) && leaves(field).iter().all(is_plain)
        };
        if !is_sound {
            let expected = format!("columns whose values {form} can hold (a copy in Parquet keeps all)");
            let kind = match (field.is_primitive(), field.get_basic_info().logical_type_ref()) {
                (false, _) => "nested".to_owned(),
                (true, Some(LogicalType::Timestamp(_))) => "points of time in nanoseconds".to_owned(),
                (true, Some(LogicalType::Time(_))) => "times of day in nanoseconds".to_owned(),
                (true, Some(LogicalType::Uuid)) => "a UUID".to_owned(),
                (true, _) => format!("of the type {}", field.get_physical_type()),
            };
            return Err(Error::malformed(path, None, expected, format!("'{}', {kind}", shown(field.name()))));
        }
    }
    Ok(())
}

fn leaves(field: &TypePtr) -> Vec<TypePtr> {
    match field.is_primitive() {
        true => vec![Arc::clone(field)],
        false => field.get_fields().iter().flat_map(leaves).collect(),
    }
}

fn is_map(field: &TypePtr) -> bool {
    let converted = field.get_basic_info().converted_type();
    matches!(converted, ConvertedType::MAP | ConvertedType::MAP_KEY_VALUE)
        || (field.is_group() && field.get_fields().iter().any(is_map))
}

/// Numbers, booleans and strings.
fn is_plain(field: &TypePtr) -> bool {
    let info = field.get_basic_info();
    // A column of nothing is said to be of an unknown type.
    let integer = matches!(info.logical_type_ref(), None | Some(LogicalType::Integer(_) | LogicalType::Unknown))
        && !matches!(info.converted_type(), ConvertedType::INTERVAL);
    match field.get_physical_type() {
        PhysicalType::BOOLEAN | PhysicalType::FLOAT | PhysicalType::DOUBLE => true,
        PhysicalType::INT32 | PhysicalType::INT64 => {
            let has_unit = [
                ConvertedType::DATE,
                ConvertedType::TIME_MILLIS,
                ConvertedType::TIME_MICROS,
                ConvertedType::TIMESTAMP_MILLIS,
                ConvertedType::TIMESTAMP_MICROS,
                ConvertedType::DECIMAL,
            ];
            integer && !has_unit.contains(&info.converted_type())
        }
        PhysicalType::BYTE_ARRAY => {
            // Without a word of what they are, bytes may be text, and mostly are.
            let is_text =
                [ConvertedType::UTF8, ConvertedType::ENUM, ConvertedType::JSON].contains(&info.converted_type());
            is_text || (info.converted_type() == ConvertedType::NONE && info.logical_type_ref().is_none())
        }
        PhysicalType::FIXED_LEN_BYTE_ARRAY => info.logical_type_ref() == Some(&LogicalType::Float16),
        PhysicalType::INT96 => false,
    }
}

/// Dates, times and decimals, which are written to their last digit.
fn is_written(field: &TypePtr) -> bool {
    matches!(
        field.get_basic_info().converted_type(),
        ConvertedType::DATE
            | ConvertedType::TIME_MILLIS
            | ConvertedType::TIME_MICROS
            | ConvertedType::TIMESTAMP_MILLIS
            | ConvertedType::TIMESTAMP_MICROS
            | ConvertedType::DECIMAL
    ) || matches!(field.get_basic_info().logical_type_ref(), Some(LogicalType::Timestamp(kind)) if kind.unit != TimeUnit::NANOS)
}

/// A field as a value; `local` for a time of no zone.
pub(super) fn value(field: &Field, local: bool) -> Value {
    let float = |number: f64, shortest: String| match number.is_finite() {
        true => Value::Plain(shortest),
        false => Value::NoNumber(shortest),
    };
    let json = |written: serde_json::Result<String>, or: String| written.unwrap_or(or);
    match field {
        Field::Null => Value::Null,
        Field::Bool(truth) => Value::Plain(truth.to_string()),
        Field::Float16(number) => float(f64::from(*number), f32::from(*number).to_string()),
        Field::Float(number) => float(
            f64::from(*number),
            match number.is_finite() {
                true => json(serde_json::to_string(number), number.to_string()),
                false => number.to_string(),
            },
        ),
        Field::Double(number) => float(
            *number,
            match number.is_finite() {
                true => json(serde_json::to_string(number), number.to_string()),
                false => number.to_string(),
            },
        ),
        Field::Str(text) => Value::Text(text.clone()),
        Field::Date(_) | Field::TimeMillis(_) | Field::TimeMicros(_) => Value::Text(field.to_string()),
        Field::TimestampMillis(_) | Field::TimestampMicros(_) => {
            let written = field.to_string();
            Value::Text(match local {
                true => written.trim_end_matches(" +00:00").to_owned(),
                false => written,
            })
        }
        Field::Bytes(bytes) => {
            std::str::from_utf8(bytes.data()).map_or(Value::NoText, |text| Value::Text(text.to_owned()))
        }
        Field::Group(row) => {
            let member = |(name, field): (&String, &Field)| Ok(format!("{}:{}", quoted(name), nested(field)?));
            let members = row.get_column_iter().map(member).collect::<std::result::Result<Vec<_>, _>>();
            members.map_or_else(|none| none, |members| Value::Nested(format!("{{{}}}", members.join(","))))
        }
        Field::ListInternal(list) => {
            let elements = list.elements().iter().map(nested).collect::<std::result::Result<Vec<_>, _>>();
            elements.map_or_else(|none| none, |elements| Value::Nested(format!("[{}]", elements.join(","))))
        }
        // Decimals, to the last digit, and whole numbers.
        other => {
            let digits = other.to_string();
            // A decimal without places ends with its point.
            Value::Plain(digits.strip_suffix('.').unwrap_or(&digits).to_owned())
        }
    }
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// A field within another, as JSON; a value that JSON does not have is given back.
fn nested(field: &Field) -> std::result::Result<String, Value> {
    match value(field, false) {
        Value::Null => Ok("null".to_owned()),
        Value::Text(text) => Ok(quoted(&text)),
        Value::Plain(plain) | Value::Nested(plain) => Ok(plain),
        none => Err(none),
    }
}
