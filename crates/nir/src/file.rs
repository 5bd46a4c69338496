//! NIR files: HDF5 with a group for each node, read into plain fields and written from them.
//!
//! ```text
//! /version                 text
//! /node/type               text: NIRGraph
//! /node/edges              texts [E, 2]: from, to
//! /node/nodes/NAME/type    text: what the node is
//! /node/nodes/NAME/FIELD   numbers of any shape, or a text
//! ```
//!
//! A file from elsewhere is bounded before anything of its size is made: bytes, nodes, fields, edges, numbers. What a
//! field means is not known here; `graph` knows it. Groups inside of nodes (metadata) are passed over: a graph must
//! run without.

use std::{
    collections::BTreeMap,
    fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
};

use hdf5_pure::{DType, Dataset, File, FileBuilder, Group, VlenStringReadOptions};
use spiketext::{Error, Result};

use crate::array::{Array, shape_name};

/// The largest file.
const MOST_BYTES: u64 = 1 << 30;
/// The most numbers of a file, all fields together.
const MOST_NUMBERS: usize = 1 << 26;
/// The most nodes.
const MOST_NODES: usize = 1 << 10;
/// The most fields of a node.
const MOST_FIELDS: usize = 1 << 6;
/// The most edges.
const MOST_EDGES: usize = 1 << 12;
/// The most bytes of all texts of a field.
const MOST_TEXT: usize = 1 << 20;
/// What nir 1.0.8 calls itself; no reader asks for it.
const VERSION: &str = "1.0.8";
/// Numbers in a packed piece of a large field.
const CHUNK: usize = 1 << 18;

/// What a file holds, as it stands there.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Contents {
    /// The nodes by their names.
    pub nodes: BTreeMap<String, Fields>,
    /// Pairs of names: from, to.
    pub edges: Vec<[String; 2]>,
}

/// A node as it stands in a file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fields {
    /// What it is: `Affine`, `LIF`.
    pub kind: String,
    /// Its fields by their names.
    pub fields: BTreeMap<String, Field>,
}

/// What a field holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Field {
    /// Numbers that are written in single precision.
    Numbers(Array<f32>),
    /// Numbers that were read, or that are written, in double precision.
    Precise(Array<f64>),
    /// Whole numbers.
    Whole(Array<i64>),
    /// A text.
    Text(String),
}

/// Reads a file.
///
/// # Errors
/// If it cannot be read, is no NIR file, is damaged or is larger than any network of this program.
pub fn read(path: &Path) -> Result<Contents> {
    let size = fs::metadata(path).map_err(Error::read(path))?.len();
    if size > MOST_BYTES {
        let expected = format!("a NIR file of at most {MOST_BYTES} bytes");
        return Err(Error::malformed(path, None, expected, format!("{size} bytes")));
    }
    parse(path, fs::read(path).map_err(Error::read(path))?)
}

/// Reads what `bytes` hold; `path` is what errors call them.
///
/// # Errors
/// As [`read`].
pub fn parse(path: &Path, bytes: Vec<u8>) -> Result<Contents> {
    // The library promises errors for damaged files. Should one make it panic all the same, that is damage, too.
    catch_unwind(AssertUnwindSafe(|| Reader { path: path.to_owned(), numbers: 0 }.contents(bytes)))
        .unwrap_or_else(|_| Err(Error::malformed(path, None, "a sound HDF5 file", "a damaged one")))
}

struct Reader {
    path: PathBuf,
    /// Numbers read so far.
    numbers: usize,
}

impl Reader {
    fn refuse<T>(&self, expected: impl Into<String>, got: impl Into<String>) -> Result<T> {
        Err(Error::malformed(&self.path, None, expected, got))
    }

    /// What the library says of something, as an error of the file.
    fn sound<T>(&self, what: &str, result: std::result::Result<T, hdf5_pure::Error>) -> Result<T> {
        result.or_else(|error| self.refuse(what, error.to_string()))
    }

    fn contents(mut self, bytes: Vec<u8>) -> Result<Contents> {
        let file = self.sound("a NIR file, which is HDF5", File::from_bytes(bytes))?;
        let top = self.sound("a NIR file, with a group `node`", file.group("node"))?;
        let kind = self.text(&top, "node", "type")?;
        if kind != "NIRGraph" {
            return self.refuse("a NIRGraph in the group `node`", kind);
        }
        let edges = self.edges(&top)?;
        let group = self.sound("a group `node/nodes`", top.group("nodes"))?;
        let names = self.sound("names in `node/nodes`", group.groups())?;
        if names.len() > MOST_NODES {
            return self.refuse(format!("at most {MOST_NODES} nodes"), names.len().to_string());
        }
        let mut nodes = BTreeMap::new();
        for name in names {
            let node = self.sound(&format!("a group for the node {name:?}"), group.group(&name))?;
            nodes.insert(name.clone(), self.node(&name, &node)?);
        }
        Ok(Contents { nodes, edges })
    }

    fn node(&mut self, name: &str, group: &Group) -> Result<Fields> {
        let kind = self.text(group, name, "type")?;
        let names = self.sound(&format!("fields of the node {name:?}"), group.datasets())?;
        if names.len() > MOST_FIELDS {
            return self
                .refuse(format!("at most {MOST_FIELDS} fields of the node {name:?}"), names.len().to_string());
        }
        let mut fields = BTreeMap::new();
        // What a nested graph holds is not ours to know; whoever orders the nodes refuses it by its kind.
        for field in names.into_iter().filter(|field| field != "type" && kind != "NIRGraph") {
            let place = format!("field {field:?} of the node {name:?}");
            let dataset = self.sound(&place, group.dataset(&field))?;
            fields.insert(field, self.field(&place, &dataset)?);
        }
        Ok(Fields { kind, fields })
    }

    fn field(&mut self, place: &str, dataset: &Dataset) -> Result<Field> {
        let shape = self.shape(place, dataset)?;
        let array = |values: Vec<f64>| Array { shape: shape.clone(), values };
        let field = match self.sound(place, dataset.dtype())? {
            DType::String | DType::VariableLengthString => {
                let texts = self.texts(place, dataset)?;
                match <[String; 1]>::try_from(texts) {
                    Ok([text]) => return Ok(Field::Text(text)),
                    Err(texts) => return self.refuse(format!("one text as {place}"), texts.len().to_string()),
                }
            }
            DType::F32 => {
                Field::Numbers(Array { shape: shape.clone(), values: self.sound(place, dataset.read_f32())? })
            }
            DType::F64 => Field::Precise(array(self.sound(place, dataset.read_f64())?)),
            DType::I8 | DType::I16 | DType::I32 | DType::I64 | DType::U8 | DType::U16 | DType::U32 => {
                Field::Whole(Array { shape: shape.clone(), values: self.sound(place, dataset.read_i64())? })
            }
            other => return self.refuse(format!("numbers or a text as {place}"), format!("values of type {other}")),
        };
        let read = match &field {
            Field::Numbers(array) => array.values.len(),
            Field::Precise(array) => array.values.len(),
            Field::Whole(array) => array.values.len(),
            Field::Text(_) => 1,
        };
        if read != shape.iter().product::<usize>() {
            return self
                .refuse(format!("numbers of shape {} as {place}", shape_name(&shape)), format!("{read} of them"));
        }
        Ok(field)
    }

    /// The shape of a field, if there is room for its numbers.
    fn shape(&mut self, place: &str, dataset: &Dataset) -> Result<Vec<usize>> {
        let shape = self.sound(place, dataset.shape())?;
        let product = |sizes: &[u64]| sizes.iter().try_fold(1u64, |product, &size| product.checked_mul(size));
        let room = (MOST_NUMBERS - self.numbers) as u64;
        // A chunk is unpacked whole, however little of it belongs to the field.
        let chunk = self.sound(place, dataset.chunk_shape())?.unwrap_or_default();
        match (product(&shape), product(&chunk)) {
            (Some(all), Some(chunk)) if all <= room && chunk <= MOST_NUMBERS as u64 => {
                self.numbers += all as usize;
                Ok(shape.iter().map(|&size| size as usize).collect())
            }
            _ => self.refuse(format!("at most {MOST_NUMBERS} numbers in a file"), format!("{shape:?} as {place}")),
        }
    }

    fn texts(&self, place: &str, dataset: &Dataset) -> Result<Vec<String>> {
        let bounded =
            VlenStringReadOptions::new().with_max_elements(2 * MOST_EDGES).with_max_payload_bytes(MOST_TEXT);
        let texts = match self.sound(place, dataset.dtype())? {
            DType::VariableLengthString => dataset.read_vlen_strings(bounded),
            _ => dataset.read_string(),
        };
        self.sound(place, texts)
    }

    fn text(&mut self, group: &Group, node: &str, field: &str) -> Result<String> {
        let place = format!("field {field:?} of the node {node:?}");
        let dataset = self.sound(&place, group.dataset(field))?;
        match self.field(&place, &dataset)? {
            Field::Text(text) => Ok(text),
            _ => self.refuse(format!("a text as {place}"), "numbers"),
        }
    }

    fn edges(&mut self, top: &Group) -> Result<Vec<[String; 2]>> {
        let place = "`node/edges`";
        let dataset = self.sound(place, top.dataset("edges"))?;
        let shape = self.shape(place, &dataset)?;
        let bounded = matches!(shape[..], [edges, 2] if edges <= MOST_EDGES);
        if !bounded {
            return self.refuse(format!("{place} as pairs of names, at most {MOST_EDGES}"), shape_name(&shape));
        }
        let names = self.texts(place, &dataset)?;
        if names.len() != 2 * shape[0] {
            return self.refuse(format!("{} names in {place}", 2 * shape[0]), names.len().to_string());
        }
        Ok(names.chunks_exact(2).map(|pair| [pair[0].clone(), pair[1].clone()]).collect())
    }
}

/// The bytes of a file that holds this.
///
/// # Errors
/// If there is a name that HDF5 cannot hold.
pub fn to_bytes(contents: &Contents) -> Result<Vec<u8>> {
    let mut builder = FileBuilder::new();
    builder.create_dataset("version").with_vlen_strings(&[VERSION]).with_shape(&[]);
    let mut top = builder.create_group("node");
    top.create_dataset("type").with_vlen_strings(&["NIRGraph"]).with_shape(&[]);
    let names: Vec<&str> = contents.edges.iter().flatten().map(String::as_str).collect();
    top.create_dataset("edges").with_vlen_strings(&names).with_shape(&[contents.edges.len() as u64, 2]);
    let mut nodes = top.create_group("nodes");
    for (name, Fields { kind, fields }) in &contents.nodes {
        let mut node = nodes.create_group(name);
        node.create_dataset("type").with_vlen_strings(&[kind]).with_shape(&[]);
        for (name, field) in fields {
            let dataset = node.create_dataset(name);
            let (dataset, shape) = match field {
                Field::Numbers(array) => (dataset.with_f32_data(&array.values), &array.shape[..]),
                Field::Precise(array) => (dataset.with_f64_data(&array.values), &array.shape[..]),
                Field::Whole(array) => (dataset.with_i64_data(&array.values), &array.shape[..]),
                Field::Text(text) => (dataset.with_vlen_strings(&[text]), &[][..]),
            };
            let shape: Vec<u64> = shape.iter().map(|&size| size as u64).collect();
            let dataset = dataset.with_shape(&shape);
            // Most weights of a pooling matrix are zero, and a few hundred numbers are not worth a chunk.
            if !matches!(field, Field::Text(_)) && shape.iter().product::<u64>() > 1024 {
                dataset.with_chunks(&chunk(&shape)).with_deflate(4);
            }
        }
        nodes.add_group(node.finish());
    }
    top.add_group(nodes.finish());
    builder.add_group(top.finish());
    builder.finish().map_err(|error| Error::invalid("write NIR", "a graph that HDF5 can hold", error.to_string()))
}

/// Rows of a field that are packed together: whole ones, as many as make a chunk.
fn chunk(shape: &[u64]) -> Vec<u64> {
    let mut chunk = vec![1; shape.len()];
    let mut room = CHUNK as u64;
    for (own, &size) in chunk.iter_mut().zip(shape).rev() {
        *own = size.min(room).max(1);
        room /= *own;
    }
    chunk
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contents() -> Contents {
        let weight = Array::new(vec![2, 600], (0..1200).map(|i| i as f32 / 8.0).collect());
        let fields = [
            ("weight", Field::Numbers(weight)),
            ("tau", Field::Precise(Array::new(vec![2], vec![0.1, 1e10]))),
            ("stride", Field::Whole(Array::new(vec![], vec![-3]))),
            ("padding", Field::Text("same".into())),
        ];
        let fields = fields.map(|(name, field)| (name.to_owned(), field)).into_iter().collect();
        let node = Fields { kind: "Affine".into(), fields };
        let input = Fields { kind: "Input".into(), fields: BTreeMap::new() };
        Contents {
            nodes: [("a".to_owned(), node), ("in".to_owned(), input)].into_iter().collect(),
            edges: vec![["in".into(), "a".into()]],
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let bytes = to_bytes(&contents()).expect("written");
        assert_eq!(parse(Path::new("a.nir"), bytes.clone()).expect("read"), contents());
        assert_eq!(to_bytes(&contents()).expect("written"), bytes, "the same bytes every time");
        assert!(bytes.len() < 1 << 16, "{}", bytes.len());
    }

    #[test]
    fn damage_is_an_error() {
        let bytes = to_bytes(&contents()).expect("written");
        let sound = contents();
        let mut refused = 0;
        for at in (0..bytes.len()).step_by(3) {
            for flip in [0x01u8, 0x80, 0xff] {
                let mut damaged = bytes.clone();
                damaged[at] ^= flip;
                match parse(Path::new("a.nir"), damaged) {
                    Err(error) => {
                        assert!(error.to_string().contains("a.nir"), "{error}");
                        refused += 1;
                    }
                    // Numbers and names may be damaged where no sum guards them.
                    Ok(read) => assert!(read.nodes.len() <= sound.nodes.len()),
                }
            }
        }
        assert!(refused > bytes.len() / 16, "{refused}");
        for length in (0..bytes.len()).step_by(7) {
            parse(Path::new("a.nir"), bytes[..length].to_vec()).expect_err("cut off");
        }
        for (bytes, told) in [(Vec::new(), "HDF5"), (b"CDF\x01 something else".to_vec(), "HDF5")] {
            let error = parse(Path::new("a.nir"), bytes).expect_err("no HDF5").to_string();
            assert!(error.contains(told), "{error}");
        }
    }
}
