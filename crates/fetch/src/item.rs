//! Fetching a data set or vectors: what is there already, what comes, and the files that are made of it.

use std::{
    borrow::Cow,
    fs::{self, File},
    io::{self, Read, Seek},
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};
use spiketext::{
    data::treebank::{self, Grain},
    files::write_atomically,
};

use crate::{
    Downloader, Error, Event, Remote, Result,
    archive::{fault, members},
};

/// Something that can be fetched under a name.
#[derive(Clone, Debug)]
pub struct Item {
    /// What to call it.
    pub name: &'static str,
    /// The file that is downloaded.
    pub remote: Remote,
    /// What is made of it.
    pub content: Content,
}

/// What is made of a downloaded file.
#[derive(Clone, Debug)]
pub enum Content {
    /// It is kept as it is, under its own name.
    Whole,
    /// It is an archive, of which these members are kept.
    Members(Cow<'static, [Member]>),
    /// It is an archive of files of trees, each converted to `stsa.fine.PART` and `stsa.binary.PART`. These have no
    /// known sum: what vouches for them is the archive's sum and the number of sentences.
    Trees(Cow<'static, [TreeFile]>),
    /// The same, and besides the phrases of the sentences of `train` as `stsa.binary.phrases.train` or
    /// `stsa.fine.phrases.train`.
    Phrases {
        /// The files of trees; `dev` and `test` say which phrases are left out.
        trees: Cow<'static, [TreeFile]>,
        /// Which classes they have.
        grain: Grain,
        /// How many phrases there are.
        phrases: usize,
    },
}

/// A member of an archive and the file that it becomes.
#[derive(Clone, Copy, Debug)]
pub struct Member {
    /// The last component of its path in the archive.
    pub member: &'static str,
    /// The name that it is kept under.
    pub file: &'static str,
    /// Its size.
    pub bytes: u64,
    /// Its SHA-256 in lower-case hexadecimal digits.
    pub sha256: &'static str,
}

/// A file of trees in an archive.
#[derive(Clone, Copy, Debug)]
pub struct TreeFile {
    /// The last component of its path in the archive.
    pub member: &'static str,
    /// The part of the data set that it is: `train`, `dev` or `test`.
    pub part: &'static str,
    /// How many sentences it has.
    pub fine: usize,
    /// How many of them are not neutral.
    pub binary: usize,
}

/// How to fetch.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options<'a> {
    /// An address under which files lie by the last component of their official addresses.
    pub mirror: Option<&'a str>,
    /// Whether to fetch what is there, and to replace what is there and is something else.
    pub again: bool,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The address that it was fetched from; none if it was there already.
    pub from: Option<String>,
    /// The files, all in the folder that was asked for.
    pub files: Vec<PathBuf>,
}

/// What tells that a file that is there is the known one.
enum Check {
    /// Size and sum.
    Sum(Option<u64>, Option<&'static str>),
    /// The number of lines.
    Lines(usize),
}

/// What was found in the place of a file.
enum FileState {
    Known,
    Nothing,
    /// Something else: what was expected, what is there.
    Else(String, String),
}

impl Item {
    /// The names of the files that fetching gives.
    #[must_use]
    pub fn files(&self) -> Vec<String> {
        self.checks().into_iter().map(|check| check.0).collect()
    }

    fn checks(&self) -> Vec<(String, Check)> {
        match &self.content {
            Content::Whole => {
                vec![(self.remote.file_name().to_owned(), Check::Sum(self.remote.bytes, self.remote.sha256))]
            }
            Content::Members(members) => {
                let check = |m: &Member| (m.file.to_owned(), Check::Sum(Some(m.bytes), Some(m.sha256)));
                members.iter().map(check).collect()
            }
            Content::Trees(files) => checks_of_trees(files),
            Content::Phrases { trees, grain, phrases } => {
                let mut checks = checks_of_trees(trees);
                checks.push((phrases_name(*grain).to_owned(), Check::Lines(*phrases)));
                checks
            }
        }
    }

    /// What is made of the whole `file`, by name.
    fn made(&self, file: impl Read + Seek, url: &str) -> Result<Vec<(String, Vec<u8>)>> {
        match &self.content {
            Content::Whole => Ok(Vec::new()),
            Content::Members(wanted) => {
                let names: Vec<&str> = wanted.iter().map(|member| member.member).collect();
                let contents = members(file, url, &names)?;
                for (member, content) in wanted.iter().zip(&contents) {
                    check_member(member, content, url)?;
                }
                Ok(wanted.iter().map(|member| member.file.to_owned()).zip(contents).collect())
            }
            Content::Trees(trees) => converted(trees, None, file, url),
            Content::Phrases { trees, grain, phrases } => converted(trees, Some((*grain, *phrases)), file, url),
        }
    }
}

/// Where the phrases go.
fn phrases_name(grain: Grain) -> &'static str {
    match grain {
        Grain::Binary => "stsa.binary.phrases.train",
        Grain::Fine => "stsa.fine.phrases.train",
    }
}

fn checks_of_trees(files: &[TreeFile]) -> Vec<(String, Check)> {
    let fine = files.iter().map(|file| (fine_name(file), Check::Lines(file.fine)));
    fine.chain(files.iter().map(|file| (binary_name(file), Check::Lines(file.binary)))).collect()
}

/// The files that an archive of trees becomes, by name; those of sentences, and of so many `phrases` where asked for.
fn converted(
    files: &[TreeFile],
    phrases: Option<(Grain, usize)>,
    archive: impl Read + Seek,
    url: &str,
) -> Result<Vec<(String, Vec<u8>)>> {
    let names: Vec<&str> = files.iter().map(|file| file.member).collect();
    let place = |file: &TreeFile| format!("{} in {url}", file.member);
    let mut texts = Vec::new();
    for (file, content) in files.iter().zip(members(archive, url, &names)?) {
        texts.push(String::from_utf8(content).map_err(|_| fault(&place(file), "UTF-8 text", "other bytes"))?);
    }
    // Sentences to train on, and those that are labelled later.
    let (mut training, mut others) = (Vec::new(), Vec::new());
    let mut made: Vec<(String, Vec<u8>)> = Vec::new();
    let mut make = |place: &str, what: &str, name: String, lines: String, known: usize| match lines.lines().count() {
        count if count == known => {
            made.push((name, lines.into_bytes()));
            Ok(())
        }
        count => Err(fault(place, format!("{known} {what} for {name}"), count.to_string())),
    };
    for (file, text) in files.iter().zip(&texts) {
        let place = place(file);
        let sentences = treebank::parse(Path::new(&place), text)?;
        make(&place, "sentences", fine_name(file), treebank::fine_lines(&sentences), file.fine)?;
        make(&place, "sentences", binary_name(file), treebank::binary_lines(&sentences), file.binary)?;
        if file.part == "train" { &mut training } else { &mut others }.extend(sentences);
    }
    if let Some((grain, known)) = phrases {
        let (lines, _) = treebank::phrase_lines(&training, &others, grain);
        make(url, "phrases", phrases_name(grain).to_owned(), lines, known)?;
    }
    Ok(made)
}

fn fine_name(file: &TreeFile) -> String {
    format!("stsa.fine.{}", file.part)
}

fn binary_name(file: &TreeFile) -> String {
    format!("stsa.binary.{}", file.part)
}

fn check_member(member: &Member, content: &[u8], url: &str) -> Result<()> {
    let what = || format!("{} in {url}", member.member);
    let bytes = content.len() as u64;
    if bytes != member.bytes {
        return Err(Error::Size {
            what: what(),
            expected: format!("{} bytes", member.bytes),
            got: bytes.to_string(),
        });
    }
    match base16ct::lower::encode_string(&Sha256::digest(content)) {
        got if got != member.sha256 => Err(Error::Sum { what: what(), expected: member.sha256.to_owned(), got }),
        _ => Ok(()),
    }
}

/// Sees to it that the files of `item` lie in `folder`, which is made if need be.
///
/// What is there and is the known file is not fetched again, unless [`Options::again`] asks for it.
///
/// # Errors
/// Those of [`Downloader::download`]; an archive that lacks a member or has another one than is known; a file of that
/// name that is something else (`again` replaces it); a folder that cannot be written.
pub fn fetch(
    item: &Item,
    folder: &Path,
    options: &Options,
    downloader: &Downloader,
    observe: &mut dyn FnMut(Event),
) -> Result<Outcome> {
    let remote = item.remote.at(options.mirror)?;
    let files: Vec<PathBuf> = item.files().iter().map(|file| folder.join(file)).collect();
    if !options.again && is_there(item, folder)? {
        return Ok(Outcome { from: None, files });
    }
    fs::create_dir_all(folder).map_err(Error::file("write", folder))?;
    let mut part = downloader.bring(&remote, &folder.join(remote.file_name()), observe)?;
    if matches!(item.content, Content::Whole) {
        part.keep()?;
    } else {
        let made = match item.made(part.reader()?, &remote.shown()) {
            Ok(made) => made,
            Err(error) => {
                part.discard()?;
                return Err(error);
            }
        };
        // All of them are in memory and checked: only the system can refuse now.
        for (name, content) in &made {
            write_atomically(&folder.join(name), content)?;
        }
        part.discard()?;
    }
    Ok(Outcome { from: Some(remote.shown()), files })
}

/// Whether all files are there.
///
/// # Errors
/// A file that is there and is not the known one; one that cannot be read.
fn is_there(item: &Item, folder: &Path) -> Result<bool> {
    let mut all = true;
    for (file, check) in item.checks() {
        let path = folder.join(&file);
        match found(&path, &check).map_err(Error::file("read", &path))? {
            FileState::Known => {}
            FileState::Nothing => all = false,
            FileState::Else(expected, got) => {
                return Err(Error::Other { path, expected, got });
            }
        }
    }
    Ok(all)
}

fn found(path: &Path, check: &Check) -> io::Result<FileState> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(FileState::Nothing),
        Err(error) => return Err(error),
    };
    if let Check::Sum(Some(bytes), _) = check {
        let got = file.metadata()?.len();
        if got != *bytes {
            return Ok(FileState::Else(format!("{bytes} bytes"), got.to_string()));
        }
    }
    let (mut hasher, mut lines) = (Sha256::new(), 0);
    let mut buffer = vec![0; 1 << 18];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => match check {
                Check::Sum(..) => hasher.update(&buffer[..read]),
                Check::Lines(_) => lines += buffer[..read].iter().filter(|&&byte| byte == b'\n').count(),
            },
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    let got = base16ct::lower::encode_string(&hasher.finalize());
    Ok(match check {
        Check::Sum(_, Some(expected)) if got != *expected => FileState::Else(format!("SHA-256 {expected}"), got),
        Check::Lines(expected) if lines != *expected => {
            FileState::Else(format!("{expected} lines"), lines.to_string())
        }
        _ => FileState::Known,
    })
}
