//! Answers that are kept beside a table until it is whole, so that a run that was killed, or met a full disk or a damaged
//! row, need not be made again from its beginning.
//!
//! A table is written in one go and takes its place when it is whole. What costs time are the answers: they go, block by
//! block, to a file called as the table with `.answers` behind it. Each block names the texts that it answers by a hash, and
//! has one of itself at its end, so that half a block, or one of other texts, is no block. A run that goes on reads the
//! source again and takes the answers of all blocks that still fit; the table is the one of an uninterrupted run, whatever
//! its form.

use std::{
    fs::{self, File, TryLockError},
    io::{BufReader, BufWriter, Read, Seek, SeekFrom, Write},
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
    path: PathBuf,
    identity: [u8; 32],
    /// Blocks that are read again, as long as they fit.
    old: Option<BufReader<File>>,
    /// Where the last block that fits ends.
    end: u64,
    /// Blocks that are not written yet, as they are few.
    waiting: Vec<u8>,
    new: Option<BufWriter<File>>,
    answered: usize,
    taken_up: usize,
}

/// What was found of an earlier run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EarlierRun {
    /// Nothing.
    None,
    /// Its answers, which are to be taken up.
    TakenUp,
    /// Its answers, which are removed as they were not asked for.
    Removed,
}

impl KeptAnswers {
    /// Keeps the answers to the texts of a table that will stand at `table`; those of an earlier run are taken up if
    /// `resume` says so, and removed otherwise. `identity` is a hash of all that decides an answer but the text.
    ///
    /// # Errors
    /// If another run is at it, if what is there is of another model or other choices, or cannot be read or removed.
    pub fn beside(table: &Path, identity: [u8; 32], resume: bool) -> Result<(Self, EarlierRun)> {
        let mut name = table.as_os_str().to_owned();
        name.push(".answers");
        let path = PathBuf::from(name);
        let mut kept =
            Self { path, identity, old: None, end: 0, waiting: Vec::new(), new: None, answered: 0, taken_up: 0 };
        let file = match File::options().read(true).write(true).open(&kept.path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok((kept, EarlierRun::None)),
            Err(error) => return Err(Error::read(&kept.path)(error)),
        };
        lock(&file, &kept.path)?;
        let mut reader = BufReader::new(file);
        let refuse = |expected: &str, got: &str| Err(Error::malformed(&kept.path, None, expected, got));
        let Some(head) = Head::read(&mut reader) else {
            return refuse(
                "answers that this program kept (remove the file if it is none of yours)",
                "something else",
            );
        };
        // The table of the run that has ended, as far as it was written.
        remove_begun_beside(table, &head.begun);
        if !resume {
            fs::remove_file(&kept.path).map_err(Error::write(&kept.path))?;
            return Ok((kept, EarlierRun::Removed));
        }
        if head.identity != identity {
            return refuse(
                "answers of the same model, program and flags (without --resume the run is made anew)",
                "answers of others",
            );
        }
        kept.end = reader.stream_position().map_err(Error::read(&kept.path))?;
        kept.old = Some(reader);
        Ok((kept, EarlierRun::TakenUp))
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// How many texts were answered, in memory or in the file.
    #[must_use]
    pub fn answered(&self) -> usize {
        self.answered
    }

    /// Whether there is a file that another run can take up.
    #[must_use]
    pub fn is_in_file(&self) -> bool {
        self.old.is_some() || self.new.is_some()
    }

    /// How many texts an earlier run had answered.
    #[must_use]
    pub fn taken_up(&self) -> usize {
        self.taken_up
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
        let hash = hash_of(texts);
        if let Some(reader) = &mut self.old {
            if let Some((cells, bytes)) = Block::read(reader, &hash, texts.len()) {
                self.end += bytes;
                self.answered += texts.len();
                self.taken_up += texts.len();
                return Ok(cells);
            }
            self.write_on()?;
        }
        let cells = make(texts)?;
        Block::write(&hash, &cells, &mut self.waiting);
        self.answered += texts.len();
        if self.new.is_none() && self.answered >= FROM {
            self.begin()?;
        }
        if let Some(file) = &mut self.new {
            let written = file.write_all(&self.waiting).and_then(|()| file.flush());
            written.map_err(Error::write(&self.path))?;
            self.waiting.clear();
        }
        Ok(cells)
    }

    /// Begins the file.
    fn begin(&mut self) -> Result<()> {
        let failed = |error| Error::write(&self.path)(error);
        let file = File::options().read(true).write(true).create_new(true).open(&self.path).map_err(failed)?;
        lock(&file, &self.path)?;
        let mut file = BufWriter::new(file);
        let head = Head { identity: self.identity, begun: begun_beside(&self.path) };
        head.write(&mut file).map_err(failed)?;
        self.new = Some(file);
        Ok(())
    }

    /// Writes behind the last block of an earlier run that fits.
    fn write_on(&mut self) -> Result<()> {
        let Some(reader) = self.old.take() else { return Ok(()) };
        let mut file = reader.into_inner();
        let at_end = file.set_len(self.end).and_then(|()| file.seek(SeekFrom::Start(self.end)));
        at_end.map_err(Error::write(&self.path))?;
        self.new = Some(BufWriter::new(file));
        Ok(())
    }

    /// The table is whole: its answers need no file any more.
    ///
    /// # Errors
    /// If it cannot be removed.
    pub fn remove(self) -> Result<()> {
        if !self.is_in_file() {
            return Ok(());
        }
        fs::remove_file(&self.path).map_err(Error::write(&self.path))
    }
}

/// Refuses a file that another run writes.
fn lock(file: &File, path: &Path) -> Result<()> {
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => Err(Error::malformed(
            path,
            None,
            "a table that no other run is writing",
            "one that another run is writing",
        )),
        // Not every file system has locks.
        Ok(()) | Err(TryLockError::Error(_)) => Ok(()),
    }
}

/// What stands before the blocks.
struct Head {
    identity: [u8; 32],
    /// Names of the files in which the run was writing its table.
    begun: Vec<String>,
}

impl Head {
    fn write(&self, file: &mut impl Write) -> std::io::Result<()> {
        let begun = self.begun.join("\n");
        file.write_all(MAGIC)?;
        file.write_all(&self.identity)?;
        file.write_all(&(begun.len() as u32).to_le_bytes())?;
        file.write_all(begun.as_bytes())
    }

    /// None where it is no head.
    fn read(file: &mut impl Read) -> Option<Self> {
        let (mut magic, mut identity) = ([0; MAGIC.len()], [0; 32]);
        file.read_exact(&mut magic).ok()?;
        file.read_exact(&mut identity).ok()?;
        let begun = bytes(file, 1 << 16)?;
        let begun = String::from_utf8(begun).ok()?.lines().map(str::to_owned).collect();
        (&magic == MAGIC).then_some(Self { identity, begun })
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

/// A block: the length of its content, the hash of its texts, the content, the hash of the content.
struct Block;

impl Block {
    fn write(texts: &[u8; HASH], cells: &[Vec<Cell>], out: &mut Vec<u8>) {
        let mut content = texts.to_vec();
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

    /// The cells of the next block and its bytes in the file, if it is whole and answers `rows` texts of that hash.
    fn read(file: &mut impl Read, texts: &[u8; HASH], rows: usize) -> Option<(Vec<Vec<Cell>>, u64)> {
        let content = bytes(file, LONGEST)?;
        let mut hash = [0; HASH];
        file.read_exact(&mut hash).ok()?;
        if hash != first(&Sha256::digest(&content)) {
            return None;
        }
        let mut rest = content.strip_prefix(texts)?;
        let cells = (0..rows).map(|_| row(&mut rest)).collect::<Option<Vec<_>>>()?;
        rest.is_empty().then_some((cells, (4 + content.len() + HASH) as u64))
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
            Cell::Truth(text.len() % 2 == 0),
        ]
    }

    const BATCH: usize = 500;

    /// Answers `texts` in batches; which of them were made.
    fn run(table: &Path, texts: &[String], resume: bool, identity: u8, most: usize) -> (KeptAnswers, Vec<usize>) {
        let (mut kept, _) = KeptAnswers::beside(table, [identity; 32], resume).unwrap();
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

    #[test]
    fn answers_are_taken_up_as_far_as_they_fit() {
        let folder = tempfile::tempdir().unwrap();
        let table = folder.path().join("t.csv");
        let file = folder.path().join("t.csv.answers");
        let mut texts: Vec<String> = (0..12_000).map(|n| format!("text {n}")).collect();
        // Few are in memory alone.
        let (kept, _) = run(&table, &texts, false, 1, 16);
        assert!(!kept.is_in_file() && !file.exists());
        kept.remove().unwrap();
        let (kept, made) = run(&table, &texts, false, 1, 20);
        assert!(kept.is_in_file() && made.len() == 20 && kept.answered() == 10_000);
        let error = KeptAnswers::beside(&table, [1; 32], true).map(|_| ()).unwrap_err().to_string();
        assert!(error.contains("another run is writing"), "{error}");
        drop(kept);
        let (kept, made) = run(&table, &texts, true, 1, usize::MAX);
        assert_eq!((kept.taken_up(), kept.answered(), made), (10_000, 12_000, vec![20, 21, 22, 23]));
        drop(kept);
        // The end of a block is missing.
        let bytes = fs::read(&file).unwrap();
        fs::write(&file, &bytes[..bytes.len() - 1]).unwrap();
        let (kept, made) = run(&table, &texts, true, 1, usize::MAX);
        assert_eq!((kept.taken_up(), made), (11_500, vec![23]));
        drop(kept);
        assert_eq!(fs::read(&file).unwrap(), bytes, "the file is that of a run in one go");
        // A byte is another one, and a text.
        let mut damaged = bytes.clone();
        damaged[bytes.len() / 2] ^= 1;
        fs::write(&file, &damaged).unwrap();
        let (kept, made) = run(&table, &texts, true, 1, usize::MAX);
        assert_eq!(kept.taken_up() + made.len() * BATCH, 12_000);
        assert!((5000..7000).contains(&kept.taken_up()), "{}", kept.taken_up());
        drop(kept);
        texts[4_400] += "!";
        let (kept, made) = run(&table, &texts, true, 1, usize::MAX);
        assert_eq!((kept.taken_up(), made[0], made.len()), (4_000, 8, 16));
        drop(kept);
        let error = KeptAnswers::beside(&table, [2; 32], true).map(|_| ()).unwrap_err().to_string();
        assert!(error.contains("the same model") && error.contains("--resume"), "{error}");
        let (kept, found) = KeptAnswers::beside(&table, [2; 32], false).unwrap();
        assert_eq!((found, file.exists()), (EarlierRun::Removed, false));
        kept.remove().unwrap();
        fs::write(&file, "mine").unwrap();
        let error = KeptAnswers::beside(&table, [2; 32], false).map(|_| ()).unwrap_err().to_string();
        assert!(error.contains("t.csv.answers") && fs::read(&file).unwrap() == b"mine", "{error}");
    }
}
