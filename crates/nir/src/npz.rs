//! Arrays by name in one file, as NumPy's `savez_compressed` writes them: what Python programs read without anything
//! more.
//!
//! NIR has a form of data of its own, which needs nir 1.0.8 and HDF5; sinabs is held to an older nir. So spike trains
//! go as NumPy arrays.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{BufReader, Cursor, Read, Seek, Write},
    path::Path,
};

use spiketext::{Error, Result};
use zip::{CompressionMethod, ZipArchive, ZipWriter, write::SimpleFileOptions};

use crate::array::Array;

/// An array of one of the types that are written.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// Spikes, `uint8`.
    Bytes(Array<u8>),
    /// `float32`.
    Numbers(Array<f32>),
    /// `int64`.
    Whole(Array<i64>),
}

/// The most bytes of an array.
const MOST_BYTES: u64 = 1 << 30;
/// The most members of a file.
const MOST_MEMBERS: usize = 1 << 10;
/// What every array begins with: the magic string and version 1.0.
const MAGIC: &[u8; 8] = b"\x93NUMPY\x01\x00";

/// Writes arrays by their names, in this order.
///
/// # Errors
/// If the system refuses.
pub fn write(to: impl Write + Seek, arrays: &[(String, Values)]) -> std::io::Result<()> {
    let mut zip = ZipWriter::new(to);
    // Spike trains are nearly all zeros: more effort saves little. Without a time: the same arrays, the same bytes.
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .compression_level(Some(3))
        .large_file(true);
    for (name, values) in arrays {
        zip.start_file(format!("{name}.npy"), options)?;
        write_array(&mut zip, values)?;
    }
    zip.finish()?.flush()
}

fn write_array(to: &mut impl Write, values: &Values) -> std::io::Result<()> {
    let (kind, shape) = match values {
        Values::Bytes(array) => ("|u1", &array.shape),
        Values::Numbers(array) => ("<f4", &array.shape),
        Values::Whole(array) => ("<i8", &array.shape),
    };
    let sizes: String = shape.iter().map(|size| format!("{size}, ")).collect();
    let mut header = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': ({}), }}", sizes.trim_end());
    // The numbers begin at a multiple of 64 bytes.
    let filled = (MAGIC.len() + 2 + header.len() + 1).next_multiple_of(64);
    header.extend(std::iter::repeat_n(' ', filled - MAGIC.len() - 2 - header.len() - 1));
    header.push('\n');
    to.write_all(MAGIC)?;
    to.write_all(&(header.len() as u16).to_le_bytes())?;
    to.write_all(header.as_bytes())?;
    match values {
        Values::Bytes(array) => to.write_all(&array.values),
        Values::Numbers(array) => to.write_all(&bytes_of(&array.values, f32::to_le_bytes)),
        Values::Whole(array) => to.write_all(&bytes_of(&array.values, i64::to_le_bytes)),
    }
}

fn bytes_of<T: Copy, const N: usize>(values: &[T], bytes: impl Fn(T) -> [u8; N]) -> Vec<u8> {
    values.iter().flat_map(|&value| bytes(value)).collect()
}

/// Reads one array of a file as numbers of single precision, whatever it was written as.
///
/// # Errors
/// If the file cannot be read or is damaged, there is no such array, or it is of another kind than numbers and truth
/// values.
pub fn read(path: &Path, name: &str) -> Result<Array<f32>> {
    let file = File::open(path).map_err(Error::read(path))?;
    read_from(path, BufReader::new(file), name)
}

/// [`read`] of bytes; `path` is what errors call them.
///
/// # Errors
/// As [`read`].
pub fn parse(path: &Path, bytes: &[u8], name: &str) -> Result<Array<f32>> {
    read_from(path, Cursor::new(bytes), name)
}

fn read_from(path: &Path, from: impl Read + Seek, name: &str) -> Result<Array<f32>> {
    let damaged = |error: String| Error::malformed(path, None, "a file of NumPy arrays (.npz)", error);
    let mut zip = ZipArchive::new(from).map_err(|error| damaged(error.to_string()))?;
    if zip.len() > MOST_MEMBERS {
        return Err(damaged(format!("{} members", zip.len())));
    }
    let names: Vec<String> =
        zip.file_names().filter_map(|name| Some(name.ok()?.to_string())).take(MOST_MEMBERS).collect();
    let Ok(mut member) = zip.by_name(&format!("{name}.npy")) else {
        let expected = format!("an array {name:?}");
        let names: Vec<&str> = names.iter().map(|name| name.trim_end_matches(".npy")).collect();
        return Err(Error::malformed(path, None, expected, format!("these: {}", names.join(", "))));
    };
    let mut bytes = Vec::new();
    member.by_ref().take(MOST_BYTES + 1).read_to_end(&mut bytes).map_err(|error| damaged(error.to_string()))?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(damaged(format!("more than {MOST_BYTES} bytes of {name:?}")));
    }
    parse_array(&bytes)
        .map_err(|(expected, got)| Error::malformed(path, None, format!("{expected} as the array {name:?}"), got))
}

/// An array from its bytes; an error is what was expected and what came.
fn parse_array(bytes: &[u8]) -> std::result::Result<Array<f32>, (String, String)> {
    let refuse = |expected: &str, got: &str| Err((expected.to_owned(), got.to_owned()));
    let (start, length): (usize, usize) = match bytes {
        [b'\x93', b'N', b'U', b'M', b'P', b'Y', 1, _, a, b, ..] => (10, usize::from(u16::from_le_bytes([*a, *b]))),
        [b'\x93', b'N', b'U', b'M', b'P', b'Y', 2 | 3, _, a, b, c, d, ..] => {
            (12, u32::from_le_bytes([*a, *b, *c, *d]) as usize)
        }
        _ => return refuse("NumPy's form of arrays, version 1 to 3", "something else"),
    };
    let header = bytes.get(start..start.saturating_add(length)).and_then(|header| std::str::from_utf8(header).ok());
    let Some(header) = header else { return refuse("a header of text", "a damaged one") };
    let fields = fields_of(header);
    let (Some(kind), Some(order), Some(shape)) =
        (fields.get("descr"), fields.get("fortran_order"), fields.get("shape"))
    else {
        return refuse("a header with descr, fortran_order and shape", header.trim());
    };
    if order != "False" {
        return refuse("numbers row after row (np.ascontiguousarray)", "columns");
    }
    let sizes: Option<Vec<usize>> = shape
        .trim_matches(['(', ')'])
        .split(',')
        .map(str::trim)
        .filter(|size| !size.is_empty())
        .map(|size| size.parse().ok())
        .collect();
    let Some(shape) = sizes.filter(|sizes| sizes.len() <= 32) else { return refuse("a shape", shape) };
    let data = &bytes[start + length..];
    let values: Vec<f32> = match kind.trim_matches(['\'', '"']) {
        "|b1" | "|u1" => data.iter().map(|&byte| f32::from(byte)).collect(),
        "|i1" => data.iter().map(|&byte| f32::from(byte as i8)).collect(),
        "<f4" => numbers(data, f32::from_le_bytes),
        "<f8" => numbers(data, |bytes| f64::from_le_bytes(bytes) as f32),
        "<i4" => numbers(data, |bytes| i32::from_le_bytes(bytes) as f32),
        "<i8" => numbers(data, |bytes| i64::from_le_bytes(bytes) as f32),
        other => return refuse("truth values, bytes, or numbers of 32 or 64 bits, the low byte first", other),
    };
    let all = shape.iter().try_fold(1usize, |all, &size| all.checked_mul(size));
    if all != Some(values.len()) {
        return refuse(&format!("numbers for the shape {shape:?}"), &format!("{} of them", values.len()));
    }
    if let Some(at) = values.iter().position(|value| !value.is_finite()) {
        return refuse("finite numbers", &format!("{} at index {at}", values[at]));
    }
    Ok(Array { shape, values })
}

fn numbers<const N: usize>(data: &[u8], value: impl Fn([u8; N]) -> f32) -> Vec<f32> {
    // Bytes past the last whole number make the count wrong, which is told.
    let whole = data.as_chunks::<N>();
    let mut values: Vec<f32> = whole.0.iter().map(|&bytes| value(bytes)).collect();
    values.extend((!whole.1.is_empty()).then_some(0.0));
    values
}

/// The fields of a header, which is a Python dictionary of texts, a truth value and a tuple.
fn fields_of(header: &str) -> BTreeMap<&str, String> {
    let mut fields = BTreeMap::new();
    for name in ["descr", "fortran_order", "shape"] {
        let Some((_, rest)) = header.split_once(&format!("'{name}'")) else { continue };
        let Some(rest) = rest.trim_start().strip_prefix(':') else { continue };
        let rest = rest.trim_start();
        let end = if rest.starts_with('(') { rest.find(')').map(|at| at + 1) } else { rest.find([',', '}']) };
        if let Some(value) = end.and_then(|end| rest.get(..end)) {
            fields.insert(name, value.trim().to_owned());
        }
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(arrays: &[(String, Values)]) -> Vec<u8> {
        let mut to = Cursor::new(Vec::new());
        write(&mut to, arrays).expect("written");
        to.into_inner()
    }

    fn arrays() -> Vec<(String, Values)> {
        vec![
            ("spikes".into(), Values::Bytes(Array::new(vec![2, 3], vec![0, 1, 0, 1, 1, 0]))),
            ("scores".into(), Values::Numbers(Array::new(vec![3], vec![0.5, -1.0, 2.0]))),
            ("labels".into(), Values::Whole(Array::new(vec![], vec![-7]))),
        ]
    }

    #[test]
    fn what_is_written_is_read() {
        let file = bytes(&arrays());
        assert_eq!(bytes(&arrays()), file, "the same bytes every time");
        let read = |name: &str| parse(Path::new("a.npz"), &file, name);
        assert_eq!(read("spikes").expect("read"), Array::new(vec![2, 3], vec![0.0, 1.0, 0.0, 1.0, 1.0, 0.0]));
        assert_eq!(read("scores").expect("read"), Array::new(vec![3], vec![0.5, -1.0, 2.0]));
        assert_eq!(read("labels").expect("read"), Array::new(vec![], vec![-7.0]));
        let told = read("inputs").expect_err("none").to_string();
        assert!(told.contains("a.npz") && told.contains("\"inputs\"") && told.contains("scores"), "{told}");
    }

    #[test]
    fn damage_is_an_error() {
        let file = bytes(&arrays());
        for length in 0..file.len() {
            parse(Path::new("a.npz"), &file[..length], "spikes").expect_err("cut off");
        }
        for at in 0..file.len() {
            let mut damaged = file.clone();
            damaged[at] ^= 0xff;
            // Names may be damaged without harm to an array.
            let _ = parse(Path::new("a.npz"), &damaged, "spikes");
        }
        let array = |header: &str| {
            let mut bytes = MAGIC.to_vec();
            bytes.extend((header.len() as u16).to_le_bytes());
            bytes.extend(header.as_bytes());
            bytes.push(1);
            parse_array(&bytes)
        };
        for (header, told) in [
            ("{'descr': '|u1', 'fortran_order': True, 'shape': (1,), }", "row after row"),
            ("{'descr': '>f4', 'fortran_order': False, 'shape': (1,), }", "low byte first"),
            ("{'descr': '|u1', 'fortran_order': False, 'shape': (2,), }", "numbers for the shape [2]"),
            ("{'descr': '|u1', 'fortran_order': False, 'shape': (99999999999999999999,), }", "a shape"),
            ("{'descr': '<f4', 'fortran_order': False, 'shape': (0,), }", "1 of them"),
            ("{}", "a header"),
        ] {
            let (expected, got) = array(header).expect_err(header);
            assert!(format!("{expected} {got}").contains(told), "{header}: {expected}, {got}");
        }
        assert_eq!(array("{'descr': '|u1', 'fortran_order': False, 'shape': (), }").expect("one").values, [1.0]);
    }
}
