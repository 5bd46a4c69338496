//! Answers that are kept beside a table until it is whole, so that a run that was killed, or met a full disk or a damaged
//! row, need not be made again from its beginning.
//!
//! A table is written in one go and takes its place when it is whole. What costs time are the answers: they go, block by
//! block, to a file called as the table with `.answers` behind it. Each block names the texts that it answers by a hash, and
//! has one of itself at its end. A run that goes on reads the source again and takes the answers to all texts that it finds
//! there; whatever else is in the file stays until the table is whole. So the table is that of an uninterrupted run, whatever
//! its form, and no answer is lost to a source, or a file, that has changed.

use std::{
    collections::HashMap,
    fs::{self, File, TryLockError},
    io::{self, BufReader, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};

use super::Cell;
use crate::{
    Error, Result,
    files::{begun_beside, remove_begun_beside},
};

/// What the file begins with; a byte of version stands at its end.
const MAGIC: &[u8; 20] = b"spiketext answers \0\x01";

/// Bytes for the names of the files in which the run is writing its table, after their length.
const NAMES: usize = 1022;

/// Bytes before the blocks.
const HEAD: u64 = (MAGIC.len() + 32 + 2 + NAMES) as u64;

/// Answers to fewer texts are in memory alone: such a run is soon made again.
const FROM: usize = 8192;

/// Bytes of a hash, of which there are enough to tell blocks apart.
const HASH: usize = 16;

/// The most bytes of a block.
const LONGEST: usize = 1 << 30;

/// What may stand between several texts of a cell.
const SEPARATORS: [&str; 4] = ["|", ";", ",", "\t"];

/// Answers of a run, in a file beside the table that it writes.
pub struct KeptAnswers {
    table: PathBuf,
    path: PathBuf,
    identity: [u8; 32],
    /// Cells of a row.
    columns: usize,
    /// The file, which no other run has; none where there can be none.
    file: Option<File>,
    /// Where the blocks of an earlier run are, by the hash of their texts.
    old: HashMap<[u8; HASH], u64>,
    /// Blocks that are not written yet, as they are few, and their texts.
    waiting: Vec<u8>,
    waiting_rows: usize,
    /// Whether the file has this run's head, and the names of what it is writing.
    begun: bool,
    named: bool,
    /// Where the last whole block ends.
    end: u64,
    in_file: usize,
    taken_up: usize,
    missed: bool,
}

/// What was found of an earlier run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EarlierRun {
    /// Nothing.
    None,
    /// Its answers to so many texts, which are to be taken up.
    TakenUp(usize),
    /// Its answers, which were not asked for: they stay until this run has kept some of its own.
    Passed,
    /// There can be no such file, and why.
    CannotBe(String),
}

impl KeptAnswers {
    /// Keeps the answers to the texts of a table that will stand at `table`, rows of `columns` cells; those of an earlier
    /// run are taken up if `resume` says so. `identity` is a hash of all that decides an answer but the text.
    ///
    /// # Errors
    /// If another run is at it; if what is there is of another model or other choices, or none of ours; if it cannot be read.
    pub fn beside(table: &Path, identity: [u8; 32], columns: usize, resume: bool) -> Result<(Self, EarlierRun)> {
        // A table has one such file, whatever it is called.
        let table = fs::canonicalize(table).unwrap_or_else(|_| table.to_owned());
        let mut name = table.as_os_str().to_owned();
        name.push(".answers");
        let path = PathBuf::from(name);
        let mut kept = Self {
            table,
            path,
            identity,
            columns,
            file: None,
            old: HashMap::new(),
            waiting: Vec::new(),
            waiting_rows: 0,
            begun: false,
            named: false,
            end: HEAD,
            in_file: 0,
            taken_up: 0,
            missed: false,
        };
        let refuse = |expected: &str, got: &str| Err(Error::malformed(&kept.path, None, expected, got));
        match fs::symlink_metadata(&kept.path) {
            Ok(found) if !found.is_file() => {
                return refuse("a file for the answers to a long table, or nothing (move it away)", "something else");
            }
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                let told = EarlierRun::CannotBe(format!("{}: {error}", kept.path.display()));
                return Ok((kept, told));
            }
            _ => {}
        }
        let mut file = match kept.open() {
            Ok(file) => file,
            Err(error) => return Err(Error::write(&kept.path)(error)),
        };
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => {
                return refuse("a table that no other run is writing", "one that another run is writing");
            }
            // Not every file system has locks.
            Ok(()) | Err(TryLockError::Error(_)) => {}
        }
        let found = Head::read(&mut file).map_err(Error::read(&kept.path))?;
        let told = match found {
            Found::Nothing => EarlierRun::None,
            Found::Other => {
                return refuse("answers that this program kept, or nothing (move the file away)", "something else");
            }
            Found::Head(head) => {
                // What a run that has ended was writing, and left as it was killed.
                remove_begun_beside(&kept.table, &head.names);
                match resume {
                    false => EarlierRun::Passed,
                    true if head.identity != identity => {
                        return refuse(
                            "answers of the same model, program and flags (without --resume the run is made anew)",
                            "answers of others",
                        );
                    }
                    true => {
                        kept.begun = true;
                        kept.look_up(&file)?;
                        EarlierRun::TakenUp(kept.in_file)
                    }
                }
            }
        };
        kept.file = Some(file);
        Ok((kept, told))
    }

    /// Opens the file, a new one with the permissions of the table that it stands beside.
    fn open(&self) -> io::Result<File> {
        let mut options = File::options();
        options.read(true).write(true).create(true).truncate(false);
        let of_table = fs::metadata(&self.table).ok().filter(|_| !self.path.exists());
        #[cfg(unix)]
        if of_table.is_some() {
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        }
        let file = options.open(&self.path)?;
        if let Some(of_table) = of_table {
            file.set_permissions(of_table.permissions())?;
        }
        Ok(file)
    }

    /// Finds the blocks of an earlier run. Behind what cannot be a block nothing is found, and it goes away.
    fn look_up(&mut self, file: &File) -> Result<()> {
        let failed = Error::read(&self.path);
        let mut reader = BufReader::with_capacity(1 << 20, file);
        let mut at = HEAD;
        if let Err(error) = reader.seek(SeekFrom::Start(at)) {
            return Err(failed(error));
        }
        while let Some((content, is_whole)) = Block::read(&mut reader) {
            if let Some((texts, rest)) = content.split_first_chunk::<HASH>().filter(|_| is_whole) {
                let is_new = self.old.insert(*texts, at).is_none();
                let rows = rest.first_chunk().map_or(0, |rows| u32::from_le_bytes(*rows) as usize);
                self.in_file += if is_new { rows } else { 0 };
            }
            at += (4 + content.len() + HASH) as u64;
        }
        self.end = at;
        Ok(())
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// To how many texts the file has answers, which another run can take up.
    #[must_use]
    pub fn in_file(&self) -> usize {
        self.in_file
    }

    /// How many texts were answered by an earlier run.
    #[must_use]
    pub fn taken_up(&self) -> usize {
        self.taken_up
    }

    /// Whether there were answers of an earlier run, but none to some texts.
    #[must_use]
    pub fn has_missed(&self) -> bool {
        self.missed
    }

    /// The answers to the next texts: those of an earlier run, or else those that `make` makes, which are kept.
    ///
    /// # Errors
    /// Those of `make`; if the file cannot be written.
    pub fn answer(
        &mut self,
        texts: &[&str],
        make: impl FnOnce(&[&str]) -> Result<Vec<Vec<Cell>>>,
    ) -> Result<Vec<Vec<Cell>>> {
        if !self.named {
            self.name().map_err(Error::write(&self.path))?;
        }
        let hash = hash_of(texts);
        if let Some(cells) = self.find(&hash, texts.len()) {
            self.taken_up += texts.len();
            return Ok(cells);
        }
        self.missed |= !self.old.is_empty();
        let cells = make(texts)?;
        if self.file.is_some() {
            Block::write(&hash, &cells, &mut self.waiting);
            self.waiting_rows += texts.len();
            if self.begun || self.waiting_rows >= FROM {
                self.write().map_err(Error::write(&self.path))?;
            }
        }
        Ok(cells)
    }

    /// Notes what this run is writing, in case it is killed.
    fn name(&mut self) -> io::Result<()> {
        self.named = true;
        let names = begun_beside(&self.table);
        let Some(file) = &mut self.file else { return Ok(()) };
        // Where answers of an earlier run stay for now, their head does.
        let is_new = file.metadata()?.len() < HEAD;
        let identity = if is_new { Some(self.identity) } else { None };
        Head::write(file, identity, &names)
    }

    /// The answers of an earlier run to texts of that hash.
    fn find(&self, hash: &[u8; HASH], rows: usize) -> Option<Vec<Vec<Cell>>> {
        let (&at, mut file) = (self.old.get(hash)?, self.file.as_ref()?);
        file.seek(SeekFrom::Start(at)).ok()?;
        let (content, is_whole) = Block::read(&mut file)?;
        Block::cells(&content, rows, self.columns).filter(|_| is_whole)
    }

    /// Writes what waits behind the last whole block.
    fn write(&mut self) -> io::Result<()> {
        let Some(file) = &mut self.file else { return Ok(()) };
        if !self.begun {
            // From here on the answers of an earlier run, which were not asked for, are of no use.
            file.set_len(0)?;
            self.in_file = 0;
            Head::write(file, Some(self.identity), &begun_beside(&self.table))?;
            self.begun = true;
        }
        file.seek(SeekFrom::Start(self.end))?;
        file.write_all(&self.waiting)?;
        self.end += self.waiting.len() as u64;
        file.set_len(self.end)?;
        self.in_file += self.waiting_rows;
        self.waiting.clear();
        self.waiting_rows = 0;
        Ok(())
    }

    /// The table is whole: its answers need no file any more.
    ///
    /// # Errors
    /// If it cannot be removed.
    pub fn remove(mut self) -> Result<()> {
        let had = self.file.take().is_some();
        match fs::remove_file(&self.path) {
            Err(error) if had && error.kind() != io::ErrorKind::NotFound => Err(Error::write(&self.path)(error)),
            _ => Ok(()),
        }
    }
}

impl Drop for KeptAnswers {
    /// A file without answers is of no use to anybody.
    fn drop(&mut self) {
        let is_empty = |file: &File| file.metadata().is_ok_and(|metadata| metadata.len() <= HEAD);
        if self.file.as_ref().is_some_and(is_empty) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// What stands before the blocks.
struct Head {
    identity: [u8; 32],
    /// Names of the files in which the run was writing its table.
    names: Vec<String>,
}

/// What a file begins with.
enum Found {
    /// Nothing, or a head that was not written to its end.
    Nothing,
    Head(Head),
    /// It is none of ours.
    Other,
}

impl Head {
    /// Writes a head, or the names alone into the one that is there.
    fn write(file: &mut File, identity: Option<[u8; 32]>, names: &[String]) -> io::Result<()> {
        let mut names = names.join("\n").into_bytes();
        names.truncate(NAMES);
        let mut bytes = (names.len() as u16).to_le_bytes().to_vec();
        names.resize(NAMES, 0);
        bytes.extend(names);
        let before = (MAGIC.len() + 32) as u64;
        file.seek(SeekFrom::Start(if identity.is_some() { 0 } else { before }))?;
        let head = identity.map_or_else(Vec::new, |identity| [&MAGIC[..], &identity].concat());
        file.write_all(&[head, bytes].concat())
    }

    fn read(file: &mut File) -> io::Result<Found> {
        let mut head = Vec::new();
        file.seek(SeekFrom::Start(0))?;
        Read::by_ref(file).take(HEAD).read_to_end(&mut head)?;
        let magic = head.len().min(MAGIC.len());
        if head[..magic] != MAGIC[..magic] {
            return Ok(Found::Other);
        }
        if (head.len() as u64) < HEAD {
            return Ok(Found::Nothing);
        }
        let (identity, names) = head[MAGIC.len()..].split_at(32);
        let (length, names) = names.split_at(2);
        let length = usize::from(u16::from_le_bytes([length[0], length[1]])).min(NAMES);
        let names = String::from_utf8_lossy(&names[..length]).lines().map(str::to_owned).collect();
        let identity = std::array::from_fn(|at| identity[at]);
        Ok(Found::Head(Self { identity, names }))
    }
}

/// A list of bytes behind its length, if it is no longer than `most`.
fn bytes(file: &mut impl Read, most: usize) -> Option<Vec<u8>> {
    let mut length = [0; 4];
    file.read_exact(&mut length).ok()?;
    let length = u32::from_le_bytes(length) as usize;
    let mut bytes = Vec::new();
    (length <= most && file.take(length as u64).read_to_end(&mut bytes).ok()? == length).then_some(bytes)
}

/// The hash of texts, each behind its length.
fn hash_of(texts: &[&str]) -> [u8; HASH] {
    let mut digest = Sha256::new();
    for text in texts {
        digest.update((text.len() as u64).to_le_bytes());
        digest.update(text.as_bytes());
    }
    first(&digest.finalize())
}

fn first(digest: &[u8]) -> [u8; HASH] {
    std::array::from_fn(|at| digest[at])
}

/// A block: the length of its content, the content, the hash of the content. The content is the hash of the texts, how many
/// they are, and their cells.
struct Block;

impl Block {
    fn write(texts: &[u8; HASH], cells: &[Vec<Cell>], out: &mut Vec<u8>) {
        let mut content = texts.to_vec();
        content.extend((cells.len() as u32).to_le_bytes());
        for row in cells {
            content.extend((row.len() as u32).to_le_bytes());
            for cell in row {
                let put = |text: &str, content: &mut Vec<u8>| {
                    content.extend((text.len() as u32).to_le_bytes());
                    content.extend(text.as_bytes());
                };
                match cell {
                    Cell::Text(text) => {
                        content.push(0);
                        put(text, &mut content);
                    }
                    Cell::Texts(texts, separator) => {
                        content.push(1);
                        put(separator, &mut content);
                        content.extend((texts.len() as u32).to_le_bytes());
                        texts.iter().for_each(|text| put(text, &mut content));
                    }
                    Cell::Number(number) => {
                        content.push(2);
                        content.extend(number.to_le_bytes());
                    }
                    Cell::Truth(truth) => content.push(3 + u8::from(*truth)),
                }
            }
        }
        out.extend((content.len() as u32).to_le_bytes());
        let hash = first(&Sha256::digest(&content));
        out.append(&mut content);
        out.extend(hash);
    }

    /// The content of the next block, and whether it is what was written; none where there is no block.
    fn read(file: &mut impl Read) -> Option<(Vec<u8>, bool)> {
        let content = bytes(file, LONGEST)?;
        let mut hash = [0; HASH];
        file.read_exact(&mut hash).ok()?;
        let is_whole = hash == first(&Sha256::digest(&content));
        Some((content, is_whole))
    }

    /// The cells of a content, if it is of so many rows of so many cells.
    fn cells(content: &[u8], rows: usize, columns: usize) -> Option<Vec<Vec<Cell>>> {
        let mut rest = content.get(HASH..)?;
        if number(&mut rest)? as usize != rows {
            return None;
        }
        let cells = (0..rows).map(|_| row(&mut rest)).collect::<Option<Vec<_>>>()?;
        (rest.is_empty() && cells.iter().all(|row| row.len() == columns)).then_some(cells)
    }
}

fn row(rest: &mut &[u8]) -> Option<Vec<Cell>> {
    let cells = number(rest)?;
    (0..cells).map(|_| cell(rest)).collect()
}

fn cell(rest: &mut &[u8]) -> Option<Cell> {
    let text = |rest: &mut &[u8]| String::from_utf8(bytes(rest, LONGEST)?).ok();
    let (&kind, others) = rest.split_first()?;
    *rest = others;
    Some(match kind {
        0 => Cell::Text(text(rest)?),
        1 => {
            let named = text(rest)?;
            let separator = SEPARATORS.into_iter().find(|separator| *separator == named)?;
            let texts = (0..number(rest)?).map(|_| text(rest)).collect::<Option<Vec<_>>>()?;
            Cell::Texts(texts, separator)
        }
        2 => Cell::Number(f32::from_bits(number(rest)?)),
        3 | 4 => Cell::Truth(kind == 4),
        _ => return None,
    })
}

fn number(rest: &mut &[u8]) -> Option<u32> {
    let (number, others) = rest.split_first_chunk()?;
    *rest = others;
    Some(u32::from_le_bytes(*number))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(text: &str) -> Vec<Cell> {
        vec![
            Cell::Text(text.to_owned()),
            Cell::Texts(vec![text.to_owned(), "好".to_owned()], ";"),
            Cell::Texts(Vec::new(), "\t"),
            Cell::Number(text.len() as f32 / 3.0),
            Cell::Truth(text.len().is_multiple_of(2)),
        ]
    }

    const BATCH: usize = 500;
    const COLUMNS: usize = 5;

    /// Answers `texts` in batches; which of them were made.
    fn run(table: &Path, texts: &[String], resume: bool, most: usize) -> (KeptAnswers, Vec<usize>) {
        let (mut kept, _) = KeptAnswers::beside(table, [1; 32], COLUMNS, resume).unwrap();
        let mut made = Vec::new();
        for (number, batch) in texts.chunks(BATCH).take(most).enumerate() {
            let batch: Vec<&str> = batch.iter().map(String::as_str).collect();
            let answers = kept.answer(&batch, |texts| {
                made.push(number);
                Ok(texts.iter().map(|text| cells(text)).collect())
            });
            assert_eq!(answers.unwrap(), batch.iter().map(|text| cells(text)).collect::<Vec<_>>());
        }
        (kept, made)
    }

    fn texts(count: usize) -> Vec<String> {
        (0..count).map(|n| format!("text {n}")).collect()
    }

    fn refusal(table: &Path, identity: u8, resume: bool) -> String {
        KeptAnswers::beside(table, [identity; 32], COLUMNS, resume).map(|_| ()).unwrap_err().to_string()
    }

    #[test]
    fn answers_are_taken_up_wherever_they_fit() {
        let folder = tempfile::tempdir().unwrap();
        let (table, file) = (folder.path().join("t.csv"), folder.path().join("t.csv.answers"));
        let mut texts = texts(12_000);
        // Few are in memory alone, and leave nothing.
        let (kept, _) = run(&table, &texts, false, 16);
        assert_eq!(kept.in_file(), 0);
        drop(kept);
        assert!(!file.exists());
        let (kept, made) = run(&table, &texts, false, 20);
        assert_eq!((made.len(), kept.in_file()), (20, 10_000));
        assert!(refusal(&table, 1, true).contains("another run is writing"));
        assert!(
            refusal(&folder.path().join("../").join(folder.path().file_name().unwrap()).join("t.csv"), 1, false)
                .contains("another run is writing")
        );
        drop(kept);
        let (kept, made) = run(&table, &texts, true, usize::MAX);
        assert_eq!((kept.taken_up(), kept.in_file(), made), (10_000, 12_000, vec![20, 21, 22, 23]));
        assert!(kept.has_missed());
        drop(kept);
        // The end of a block is missing.
        let bytes = fs::read(&file).unwrap();
        fs::write(&file, &bytes[..bytes.len() - 1]).unwrap();
        let (kept, made) = run(&table, &texts, true, usize::MAX);
        assert_eq!((kept.taken_up(), made), (11_500, vec![23]));
        drop(kept);
        assert_eq!(fs::read(&file).unwrap(), bytes, "the file is that of a run in one go");
        // A byte is another one: its block alone is made again.
        let mut damaged = bytes.clone();
        damaged[bytes.len() / 2] ^= 1;
        fs::write(&file, &damaged).unwrap();
        let (kept, made) = run(&table, &texts, true, usize::MAX);
        assert_eq!((kept.taken_up(), made.len()), (11_500, 1));
        drop(kept);
        // So is that of a text that was mended, and no other answer is lost to texts that are not there.
        texts[4_400] += "!";
        let (kept, made) = run(&table, &texts, true, usize::MAX);
        assert_eq!((kept.taken_up(), made), (11_500, vec![8]));
        drop(kept);
        let other: Vec<String> = texts.iter().map(|text| format!("other {text}")).collect();
        let (kept, made) = run(&table, &other, true, 3);
        assert_eq!((kept.taken_up(), made.len()), (0, 3));
        drop(kept);
        let (kept, made) = run(&table, &texts, true, usize::MAX);
        assert_eq!((kept.taken_up(), made.len()), (12_000, 0));
        kept.remove().unwrap();
        assert!(!file.exists());
    }

    #[test]
    fn answers_that_were_not_asked_for_stay_until_there_are_others() {
        let folder = tempfile::tempdir().unwrap();
        let (table, file) = (folder.path().join("t.csv"), folder.path().join("t.csv.answers"));
        let texts = texts(12_000);
        drop(run(&table, &texts, false, 20));
        let bytes = fs::read(&file).unwrap();
        let (kept, earlier) = KeptAnswers::beside(&table, [2; 32], COLUMNS, false).unwrap();
        assert_eq!(earlier, EarlierRun::Passed);
        drop(kept);
        drop(run(&table, &texts, false, 3));
        assert_eq!(fs::read(&file).unwrap()[HEAD as usize..], bytes[HEAD as usize..]);
        assert!(refusal(&table, 2, true).contains("the same model"));
        let (kept, made) = run(&table, &texts, false, 18);
        assert_eq!((kept.taken_up(), kept.in_file(), made.len()), (0, 9_000, 18));
        drop(kept);
        assert_eq!(run(&table, &texts, true, usize::MAX).0.taken_up(), 9_000);
    }

    #[test]
    fn what_is_none_of_ours_stays_and_half_a_head_is_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let (table, file) = (folder.path().join("t.csv"), folder.path().join("t.csv.answers"));
        for resume in [false, true] {
            fs::write(&file, "mine").unwrap();
            assert!(refusal(&table, 1, resume).contains("move the file away"));
            assert_eq!(fs::read(&file).unwrap(), b"mine");
            for begun in [0, 7, 100] {
                let (head, mut rest) = ([&MAGIC[..], &[1; 80]].concat(), Vec::new());
                rest.extend_from_slice(&head[..begun]);
                fs::write(&file, rest).unwrap();
                let (kept, earlier) = KeptAnswers::beside(&table, [1; 32], COLUMNS, resume).unwrap();
                assert_eq!(earlier, EarlierRun::None);
                drop(kept);
                assert!(!file.exists());
            }
            fs::create_dir(&file).unwrap();
            assert!(refusal(&table, 1, resume).contains("move it away"));
            fs::remove_dir(&file).unwrap();
        }
        let long = folder.path().join("x".repeat(250));
        let (mut kept, earlier) = KeptAnswers::beside(&long, [1; 32], COLUMNS, false).unwrap();
        assert!(matches!(earlier, EarlierRun::CannotBe(_)), "{earlier:?}");
        assert_eq!(kept.answer(&["a"], |_| Ok(vec![cells("a")])).unwrap(), [cells("a")]);
        kept.remove().unwrap();
        // Rows of another number of cells are no answers.
        let mut block = Vec::new();
        Block::write(&hash_of(&["a"]), &[Vec::new()], &mut block);
        let (content, is_whole) = Block::read(&mut &block[..]).unwrap();
        assert!(is_whole && Block::cells(&content, 1, COLUMNS).is_none() && Block::cells(&content, 1, 0).is_some());
    }

    #[cfg(unix)]
    #[test]
    fn answers_are_as_private_as_the_table_they_replace() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let table = folder.path().join("t.csv");
        fs::write(&table, "old").unwrap();
        fs::set_permissions(&table, fs::Permissions::from_mode(0o600)).unwrap();
        let (kept, _) = run(&table, &texts(9_000), false, usize::MAX);
        let mode = fs::metadata(kept.path()).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600);
    }
}
