//! The records of an attack in a file: a line of choices, then a line a text. A line that was cut off is written
//! again.

use std::{
    fs::{File, OpenOptions},
    io::{Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use crate::support::terminal;
use anyhow::Context;
use serde::{Deserialize, Serialize};
use spiketext::model::Choices;
use spiketext_attack::{AttackRecipe, Protocol, Record};

/// The version of the format.
pub const FORMAT: u32 = 2;

/// The choices of a run: records belong together where these agree.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Conditions {
    /// [`FORMAT`].
    pub format: u32,
    /// The model's folder.
    pub model: String,
    /// The seed it was trained with.
    pub model_seed: u64,
    /// The choices it was trained with.
    pub choices: Choices,
    /// Which network is attacked: `snn` or `dnn`.
    pub network: String,
    /// Where the texts come from.
    pub data: String,
    /// Which of them.
    pub texts_used: String,
    /// How many.
    pub count: usize,
    /// The attack.
    pub attack: AttackRecipe,
    /// Its parameters.
    pub protocol: Protocol,
    /// The word vectors.
    pub vectors: String,
    /// The seed of what is drawn.
    pub seed: u64,
    /// What noise the attack meets.
    pub noise: String,
    /// Draws that judge.
    pub judges: usize,
    /// The program that attacked.
    pub program: String,
}

/// A file that grows by a line for each text. Nothing is written before the first record.
pub struct ResultFile {
    path: PathBuf,
    /// The line of choices.
    first: String,
    /// Bytes of the file that stay.
    kept: usize,
    file: Option<File>,
    records: Vec<Record>,
}

impl ResultFile {
    /// Reads the records of these conditions that are there, none with `again`.
    ///
    /// # Errors
    /// If the file holds records of other conditions, or something else altogether.
    pub fn read(path: &Path, conditions: &Conditions, again: bool) -> anyhow::Result<Self> {
        let text = match std::fs::read_to_string(path) {
            _ if again => String::new(),
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
        };
        let first = serde_json::to_string(conditions)?;
        let mut records = Vec::new();
        let mut kept = 0;
        for (number, line) in text.split_inclusive('\n').enumerate() {
            // A line that was cut off is all that a killed run can leave.
            let whole = line.ends_with('\n');
            if number == 0 {
                match serde_json::from_str(line) {
                    Ok(found) => same(path, &found, conditions)?,
                    Err(_) if !whole && first.starts_with(line) => break,
                    Err(error) => anyhow::bail!(
                        "{}: expected the records of an attack, got another file ({error}); --again would replace it",
                        path.display()
                    ),
                }
            }
            if !whole {
                break;
            }
            if number > 0 {
                let record = serde_json::from_str(line).map_err(|error| {
                    anyhow::anyhow!("{}:{}: expected a record, got {error}", path.display(), number + 1)
                })?;
                records.push(record);
            }
            kept += line.len();
        }
        Ok(Self { path: path.to_owned(), first, kept, file: None, records })
    }

    /// The records that were there.
    pub fn take_records(&mut self) -> Vec<Record> {
        std::mem::take(&mut self.records)
    }

    /// Adds one.
    pub fn write(&mut self, record: &Record) -> anyhow::Result<()> {
        let mut line = serde_json::to_string(record)?;
        line.push('\n');
        let written = match &mut self.file {
            Some(file) => file.write_all(line.as_bytes()),
            None => self.begin().and_then(|mut file| {
                file.write_all(line.as_bytes())?;
                self.file = Some(file);
                Ok(())
            }),
        };
        written.with_context(|| format!("cannot write {}", self.path.display()))
    }

    fn begin(&self) -> std::io::Result<File> {
        if let Some(folder) = self.path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder)?;
        }
        let mut file = OpenOptions::new().create(true).write(true).truncate(false).open(&self.path)?;
        file.set_len(self.kept as u64)?;
        file.seek(SeekFrom::End(0))?;
        if self.kept == 0 {
            writeln!(file, "{}", self.first)?;
        }
        Ok(file)
    }
}

/// Refuses records of other conditions, and says which.
fn same(path: &Path, found: &Conditions, wanted: &Conditions) -> anyhow::Result<()> {
    let (found, wanted) = (serde_json::to_value(found)?, serde_json::to_value(wanted)?);
    let (Some(found), Some(wanted)) = (found.as_object(), wanted.as_object()) else { return Ok(()) };
    match wanted.iter().find(|(key, value)| found.get(*key) != Some(*value)) {
        None => Ok(()),
        Some((key, value)) => {
            let had = found.get(key).map(ToString::to_string).unwrap_or_default();
            anyhow::bail!(
                "{}: its records have another {key} ({} instead of {}); --again begins anew, another --out keeps \
                 both",
                path.display(),
                terminal::one_line(&had, Some(80)),
                terminal::one_line(&value.to_string(), Some(80)),
            )
        }
    }
}
