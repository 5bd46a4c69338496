//! A folder with a sub-folder for each class and a text in each file, possibly below `train`, `dev` and `test`.

use std::path::{Path, PathBuf};

use super::{
    input::Input,
    lines::{self, listed},
    rows::Rows,
    split::Split,
};
use crate::{Error, Result};

/// Files of a folder, each with the part that it is.
#[derive(Default)]
pub(crate) struct Files {
    pub(crate) files: Vec<(PathBuf, Option<Split>)>,
    /// What is to be said of them.
    pub(crate) notes: Vec<String>,
}

/// The files of a folder that has no folders and whose extension `is_data` knows, in the order of their names; none
/// if it has folders. A file called like a part (`train.csv`, `test.csv`) is that part if all of them are; where some
/// are and others are not, that is told or, if a division is plain to see and parts count (`labelled`), refused.
pub(crate) fn files(path: &Path, labelled: bool, is_data: impl Fn(&Path) -> bool) -> Result<Files> {
    let Entries { files, folders } = entries(path)?;
    if !folders.is_empty() {
        return Ok(Files::default());
    }
    let (mut files, others): (Vec<_>, Vec<_>) = files.into_iter().partition(|(file, _)| is_data(file));
    let names = |files: &[(PathBuf, String)]| listed(files.iter().map(|file| file.1.as_str()));
    let mut notes = Vec::new();
    if !others.is_empty() {
        notes.push(format!(
            "files whose extension does not say what they hold, passed over: {} (--format says it of all files)",
            names(&others)
        ));
    }
    let part = part_of;
    // `data split --labelled` leaves them beside the parts.
    if labelled && files.iter().any(|(_, name)| part(name) == Some(Split::Train)) {
        let unlabelled: Vec<_> = files.extract_if(.., |(_, name)| is_unlabelled(name)).collect();
        if !unlabelled.is_empty() {
            notes.push(format!(
                "called unlabelled, passed over: {} (`train` takes --unlabelled FILE, `predict` any texts)",
                names(&unlabelled)
            ));
        }
    }
    let parts: Vec<Option<Split>> = files.iter().map(|(_, name)| part(name)).collect();
    let has_training = parts.contains(&Some(Split::Train));
    let (called, plain): (Vec<_>, Vec<_>) = files.iter().cloned().partition(|(_, name)| part(name).is_some());
    let all = plain.is_empty() && has_training;
    if labelled && !all && !called.is_empty() {
        let is_divided = has_training && parts.iter().flatten().any(|&part| part != Split::Train);
        if is_divided {
            let expected = "files that are all called like a part (train, development, test), or FILEs one by one \
                            (`train` takes --test FILE)";
            let got = format!("{} that are, and {}", names(&called), names(&plain));
            return Err(Error::malformed(path, None, expected, got));
        }
        let but = if has_training { format!("{} not", names(&plain)) } else { "none train".to_owned() };
        notes.push(format!(
            "called like a part: {}, {but}; so all texts are taken alike (--test FILE says which are to test on)",
            names(&called)
        ));
    }
    let files = files.into_iter().zip(parts).map(|((file, _), part)| (file, part.filter(|_| all))).collect();
    Ok(Files { files, notes })
}

/// The part that a file is called like: `test.csv`, `test-00000-of-00001.parquet`, `my_train.csv`. None where no word of
/// its name is one, or words for several parts are.
pub(crate) fn part_of(name: &str) -> Option<Split> {
    let words = name.split(|letter: char| !letter.is_alphanumeric());
    let mut parts = words.filter_map(Split::parse);
    let first = parts.next()?;
    parts.all(|part| part == first).then_some(first)
}

/// Whether a file is called one of texts without labels: `unlabelled.csv`, `unlabeled-2.jsonl.gz`.
fn is_unlabelled(name: &str) -> bool {
    let mut words = name.split(|letter: char| !letter.is_alphanumeric()).map(str::to_lowercase);
    words.any(|word| matches!(word.as_str(), "unlabelled" | "unlabeled" | "unsupervised"))
}

/// Reads all texts below `path` into `rows`, in the order of their names. Names that begin with a dot and loose files
/// beside class folders (licences, word lists) are passed over.
pub(crate) fn read(path: &Path, rows: &mut Rows<'_>, is_table: impl Fn(&Path) -> bool) -> Result<()> {
    let Entries { files, folders } = entries(path)?;
    if folders.is_empty() && !files.is_empty() {
        let expected = match rows.labelled {
            true => {
                "a sub-folder for each class, or files whose extension says what they hold (--format says it of all)"
            }
            false => "files whose extension says what they hold (--format lines if every line of them is a text)",
        };
        return rows.refuse(None, expected, listed(files.iter().map(|file| file.1.as_str())));
    }
    let parts: Vec<Option<Split>> = folders.iter().map(|(_, name)| Split::parse(name)).collect();
    let nested = !parts.is_empty() && parts.iter().all(Option::is_some) && parts.contains(&Some(Split::Train));
    if !nested {
        return read_classes(path, folders, None, rows, &is_table);
    }
    for (folder, name) in folders {
        let Entries { files, folders: classes } = entries(&folder)?;
        if classes.is_empty() && !files.is_empty() {
            let expected = "a sub-folder for each class in the folder of a part; files of texts are named one by one \
                            (`train` takes --test FILE), or lie in one folder";
            let got = listed(files.iter().map(|file| file.1.as_str()));
            return Err(Error::malformed(&folder, None, expected, got));
        }
        read_classes(&folder, classes, Some(&name), rows, &is_table)?;
    }
    Ok(())
}

/// Reads the class folders in `folder`, of the part that the folder `part` names.
fn read_classes(
    folder: &Path,
    classes: Vec<(PathBuf, String)>,
    part: Option<&str>,
    rows: &mut Rows<'_>,
    is_table: &impl Fn(&Path) -> bool,
) -> Result<()> {
    if classes.is_empty() {
        return Err(Error::malformed(folder, None, "a sub-folder for each class, or files of texts", "nothing"));
    }
    for (class, name) in classes {
        let Entries { files, folders } = entries(&class)?;
        if let Some((inner, _)) = folders.first() {
            return Err(Error::malformed(inner, None, "a text file in a class folder", "a folder"));
        }
        for (file, name) in &files {
            if is_table(file) {
                let expected = "a text in each file of a class folder (tables are named one by one, or as the folder \
                                that they lie in)";
                return Err(Error::malformed(&class, None, expected, format!("the table {name}")));
            }
        }
        for (file, _) in files {
            let text = read_text(&file)?;
            rows.push(None, &text, Some(&name), part)?;
        }
    }
    Ok(())
}

/// What is in a folder, by kind, in the order of the names.
struct Entries {
    files: Vec<(PathBuf, String)>,
    folders: Vec<(PathBuf, String)>,
}

fn entries(folder: &Path) -> Result<Entries> {
    let mut found = Entries { files: Vec::new(), folders: Vec::new() };
    for entry in std::fs::read_dir(folder).map_err(Error::read(folder))? {
        let path = entry.map_err(Error::read(folder))?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()).map(str::to_owned) else {
            return Err(Error::malformed(&path, None, "a name in UTF-8", "other bytes"));
        };
        if name.starts_with('.') {
            continue;
        }
        let kind = std::fs::metadata(&path).map_err(Error::read(&path))?;
        if kind.is_dir() {
            found.folders.push((path, name));
        } else if kind.is_file() {
            found.files.push((path, name));
        }
    }
    found.files.sort();
    found.folders.sort();
    Ok(found)
}

/// The whole of a text file, packed or not, in UTF-8 or UTF-16.
fn read_text(path: &Path) -> Result<String> {
    let mut text = String::new();
    if std::fs::metadata(path).map_err(Error::read(path))?.len() == 0 {
        return Ok(text);
    }
    let mut lines = Input::of(path)?.lines()?;
    while let Some(line) = lines.next_line()? {
        text.push_str(&line.text);
        text.push_str(line.end);
        if text.len() > lines::LIMIT {
            return Err(Error::malformed(path, None, format!("at most {} bytes", lines::LIMIT), "a longer file"));
        }
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{options::ReadOptions, read_file, table::Table};

    fn read_tree(files: &[(&str, &[u8])]) -> Result<Table> {
        let root = tempfile::tempdir().unwrap();
        for (name, content) in files {
            let path = root.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, content).unwrap();
        }
        read_file(root.path(), &ReadOptions::default())
    }

    fn found(table: &Table) -> Vec<(&str, &str, Option<Split>)> {
        table.rows.iter().map(|row| (row.label(), row.text.as_str(), row.part)).collect()
    }

    #[test]
    fn class_folders_are_read_in_the_order_of_names() {
        let table = read_tree(&[
            ("pos/2.txt", b"b\r\nc"),
            ("pos/1.txt", b"\xef\xbb\xbfa"),
            ("neg/x", b"d"),
            ("neg/y", b" \n"),
            ("neg/.hidden", b"\xff"),
            ("README", b"\xff"),
        ])
        .unwrap();
        assert_eq!(found(&table), [("neg", "d", None), ("pos", "a", None), ("pos", "b\r\nc", None)]);
        assert_eq!(table.left_out().empty, 1);
    }

    #[test]
    fn files_are_called_like_parts_in_many_ways() {
        for (name, part) in [
            ("train.csv", Some(Split::Train)),
            ("validation-00000-of-00001.parquet", Some(Split::Development)),
            ("my_test.jsonl.gz", Some(Split::Test)),
            ("Reviews-TRAIN.csv", Some(Split::Train)),
            ("train_0.csv", Some(Split::Train)),
            ("train2.csv", None),
            ("test-train.csv", None),
            ("contest.csv", None),
        ] {
            assert_eq!(part_of(name), part, "{name}");
        }
    }

    #[test]
    fn texts_without_labels_beside_parts_are_passed_over() {
        let few = ("few/train.csv", &b"text,label\nx,a\ny,b\n"[..]);
        let more = ("few/unlabelled.csv", &b"text\nz\n"[..]);
        let read = |files: &[(&str, &[u8])], labelled: bool| {
            let root = tempfile::tempdir().unwrap();
            std::fs::create_dir(root.path().join("few")).unwrap();
            files.iter().for_each(|(name, content)| std::fs::write(root.path().join(name), content).unwrap());
            let (path, options) = (root.path().join("few"), ReadOptions::default());
            if labelled { read_file(&path, &options) } else { crate::data::read_texts(&path, &options) }
        };
        let table = read(&[few, more], true).unwrap();
        assert_eq!(found(&table), [("a", "x", Some(Split::Train)), ("b", "y", Some(Split::Train))]);
        assert!(table.readings[0].notes.iter().any(|note| note.contains("unlabelled.csv (`train` takes")));
        assert_eq!(read(&[few, more], false).unwrap().rows.len(), 3, "where no labels are asked for, all are texts");
        // Without parts the name says nothing.
        let alone = ("few/unlabelled.csv", &b"text,label\nx,a\ny,b\n"[..]);
        assert_eq!(read(&[alone], true).unwrap().rows.len(), 2);
    }

    #[test]
    fn nested_parts_are_respected() {
        let table = read_tree(&[("train/a/1", b"x"), ("test/b/1", b"y"), ("valid/a/1", b"z")]).unwrap();
        let parts =
            [("b", "y", Some(Split::Test)), ("a", "x", Some(Split::Train)), ("a", "z", Some(Split::Development))];
        assert_eq!(found(&table), parts);
    }

    #[test]
    fn broken_trees_are_told() {
        for (files, words) in [
            (vec![("a.txt", &b"x"[..])], "a sub-folder for each class"),
            (vec![("a/b/c.txt", b"x")], "a text file in a class folder"),
            (vec![("2023/a.csv", b"text,label\nx,y\n"), ("2024/a.csv", b"text,label\n")], "got the table a.csv"),
            (vec![("train/a.csv", b"text,label\n"), ("test/a.csv", b"text,label\n")], "--test FILE"),
            (vec![("a/1.txt", b"fine\nit\x92s\n")], "1.txt:2: expected UTF-8"),
        ] {
            let message = read_tree(&files).unwrap_err().to_string();
            assert!(message.contains(words), "{message}");
        }
    }
}
