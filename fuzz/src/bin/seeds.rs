//! Writes valid files of every format into `corpus/`, for the fuzzer to start from.

use std::{fs, path::Path, sync::Arc};

use parquet::{
    data_type::{ByteArray, ByteArrayType},
    file::{properties::WriterProperties, writer::SerializedFileWriter},
    schema::parser::parse_message_type,
};
use spiketext::vectors::{Origin, Selection, read, write_compact};
use spiketext_fuzz::{DATA_NAMES, MODEL_FILES, corpus, file, save_without_checksums};

fn seed(target: &str, name: &str, bytes: &[u8]) {
    let folder = corpus(target);
    fs::create_dir_all(&folder).expect("a folder");
    fs::write(folder.join(name), bytes).expect("written");
}

/// The chosen name's number before the content, as the targets with several files want it.
fn chosen(choice: usize, content: &[u8]) -> Vec<u8> {
    [&[choice as u8], content].concat()
}

fn vectors() {
    let text = b"the 0.5 -0.25\nfilm 1 2e-1\n\xc3\xa9t\xc3\xa9 0 -1\n";
    seed("vectors", "glove", text);
    seed("vectors", "header", &[b"3 2\n".as_slice(), text].concat());
    let mut binary = b"2 2\n".to_vec();
    for (word, values) in [("the", [0.5f32, -0.25]), ("film", [1.0, 0.2])] {
        binary.extend(word.bytes().chain([b' ']).chain(values.into_iter().flat_map(f32::to_le_bytes)).chain([b'\n']));
    }
    seed("vectors", "binary", &binary);
    let source = file("vectors.txt", text);
    let read = read(source.path(), &Selection::everything()).expect("vectors");
    let compact = file("compact.safetensors", b"");
    write_compact(compact.path(), &read, &Origin::default()).expect("written");
    seed("vectors", "compact", &fs::read(compact.path()).expect("read"));
}

fn parquet(path: &Path) {
    let schema = "message texts { required binary text (UTF8); required binary label (UTF8); }";
    let schema = Arc::new(parse_message_type(schema).expect("a schema"));
    let target = fs::File::create(path).expect("a file");
    let properties = Arc::new(WriterProperties::builder().build());
    let mut writer = SerializedFileWriter::new(target, schema, properties).expect("a writer");
    let mut group = writer.next_row_group().expect("a group");
    for values in [["good film", "bad", "fine", "no"], ["1", "0", "1", "0"]] {
        let mut column = group.next_column().expect("a column").expect("a column");
        let values = values.map(ByteArray::from);
        column.typed::<ByteArrayType>().write_batch(&values, None, None).expect("written");
        column.close().expect("closed");
    }
    group.close().expect("closed");
    writer.close().expect("closed");
}

fn data() {
    let csv = "text,label,split\n\"good, film\",1,train\nbad,0,train\n\"a \"\"b\"\"\",1,dev\nno,0,test\n";
    let tsv = "label\ttext\n1\tgood film\n0\tbad\n1\tfine\n0\tno\n";
    let json = "{\"text\": \"good\", \"label\": 1}\n{\"text\": \"b\\u0061d\", \"label\": \"0\"}\n";
    let fasttext = "__label__1 good film\n__label__0 bad\n";
    let table = file("a.parquet", b"");
    parquet(table.path());
    let table = fs::read(table.path()).expect("read");
    let contents = [csv.as_bytes(), tsv.as_bytes(), json.as_bytes(), &table, fasttext.as_bytes(), csv.as_bytes()];
    for (choice, content) in contents.into_iter().enumerate() {
        seed("data", DATA_NAMES[choice], &chosen(choice, content));
    }
}

fn models() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("model");
    save_without_checksums(&path);
    for (choice, name) in MODEL_FILES.into_iter().enumerate() {
        seed("model", name, &chosen(choice, &fs::read(path.join(name)).expect("read")));
    }
    seed("vocabulary", "words", b"good\nbad\nfilm-making\n");
    seed("tokenizers", "english", "It's 5/10 (\"so-so\")... don't :-) http://a.b/c".as_bytes());
    seed("tokenizers", "chinese", "这家酒店真的很不错！VIP房间，５星。".as_bytes());
}

#[cfg(feature = "train")]
fn training() {
    use spiketext_train::{CHECKPOINT, Recipe};

    for name in Recipe::NAMES {
        seed("recipe", name, Recipe::named(name).expect("a recipe").to_toml().as_bytes());
    }
    seed("recipe", "setting", b"network.averaging={kind=\"padded\", length=9}");
    seed("recipe", "weights", b"class-weights={negative=1, positive=2.5}");
    seed("class_weights", "lines", b"\x00label,weight\nnegative,1\n\"positive\",2.5\n");
    seed("class_weights", "toml", b"\x01negative = 1\npositive = 2.5\n");
    let folder = tempfile::tempdir().expect("a temporary folder");
    spiketext_fuzz::train(folder.path(), false).expect("trained");
    seed("checkpoint", "last", &fs::read(folder.path().join(CHECKPOINT)).expect("read"));
}

/// A byte for the name of the file, then what is in it.
fn teacher() {
    let json = b"{\"text\": null, \"teacher\": {\"encoder\": \"e\"}}\n{\"text\": \"x\", \"a\": 0.25, \"b\": 0.75}\n";
    let named = |ending: &str| DATA_NAMES.iter().position(|name| name.ends_with(ending)).unwrap_or(0) as u8;
    seed("teacher", "jsonl", &[&[named(".jsonl")][..], json].concat());
    seed("teacher", "csv", &[&[named(".csv")][..], b"text,a,b\nx,-1.5,2\ny,0,0\n"].concat());
}

fn treebank() {
    let trees = b"(3 (2 It) (4 (4 (2 's) (3 Fun)) (2 .)))\n(2 (2 -LRB-) (2 Meh))\n(0 (1 1\\/2) (0 Bad))\n";
    seed("treebank", "trees", trees);
}

/// Networks of others and their spikes; the first byte says which of the two a file is.
fn nir() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/nir");
    for entry in fs::read_dir(folder).expect("goldens").flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        seed("nir", &name, &chosen(usize::from(name.ends_with(".npz")), &fs::read(entry.path()).expect("read")));
    }
}

fn main() {
    nir();
    vectors();
    data();
    teacher();
    treebank();
    models();
    #[cfg(feature = "train")]
    training();
}
