//! Where labelled texts come from: a file, or a data set that goes by a name, whose original files lie in a folder.

use std::path::{Path, PathBuf};

use spiketext::data::{self, Dataset, KnownDataset};
#[cfg(feature = "fetch")]
use spiketext_fetch::cache;

use super::reading;

/// A file or a known data set.
#[derive(Debug, clap::Args)]
pub struct DatasetArgs {
    /// Labelled texts: CSV, TSV, JSON, Parquet, fastText lines (packed with gzip, zstd, bzip2 or xz or not), a folder of such
    /// files or with a folder a class; `-` is standard input. Several are read as one.
    #[arg(value_name = "FILE", conflicts_with = "dataset")]
    pub files: Vec<PathBuf>,
    /// A known data set (see `spiketext data list`).
    #[arg(long, value_name = "NAME")]
    pub dataset: Option<String>,
    /// The folder with the original files of known data sets [default: $SPIKETEXT_DATA_DIR, then the cache of
    /// `spiketext data fetch`].
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
}

impl DatasetArgs {
    /// The labelled texts that `verb` is given; there are no others that it could take in their place.
    ///
    /// # Errors
    /// If none are given, or they cannot be read.
    pub fn labelled(
        &self,
        verb: &str,
        reading: &reading::Arguments,
        labels: &reading::LabelArguments,
    ) -> anyhow::Result<Dataset> {
        labels.check(labels.multi_label())?;
        match (self.files.as_slice(), &self.dataset) {
            ([], None) => anyhow::bail!("{verb}: expected FILE or --dataset NAME, got neither"),
            ([], Some(name)) => {
                reading::refuse_without_file(reading, labels, &format!("the data set {name}"), "FILE")?;
                load(name, self.data_dir.as_deref())
            }
            (files, _) => Ok(Dataset::from_files(files, None, &reading.options(labels, None))?),
        }
    }
}

impl DatasetArgs {
    /// The files and folders that are read: those that were named, or the original files of the data set.
    pub fn sources(&self) -> Vec<PathBuf> {
        let Some(set) = self.dataset.as_deref().and_then(find) else { return self.files.clone() };
        let folder = folder(set, self.data_dir.as_deref());
        // They lie in the folder or in `raw` below it.
        let places = folder.into_iter().flat_map(|folder| [folder.join("raw"), folder]);
        places.flat_map(|folder| set.files().into_iter().map(move |file| folder.join(file))).collect()
    }
}

/// The environment variable that stands in for `--data-dir`.
pub const DATA_DIR: &str = "SPIKETEXT_DATA_DIR";

/// Reads the known data set `name`, its original files from `asked` or from the folder that stands in for it.
pub fn load(name: &str, asked: Option<&Path>) -> anyhow::Result<Dataset> {
    let folder = data_folder(name, asked)?;
    Ok(data::load(name, folder.as_deref())?)
}

/// The known data set of that name.
pub fn find(name: &str) -> Option<&'static KnownDataset> {
    data::known().iter().find(|set| set.name == name)
}

/// The folder to look for the original files of `set` in: the one that was `asked` for, or else the one of the
/// environment or the cache, if all files are there. Failing that, the folder of the environment, for an error that
/// names it.
pub fn folder(set: &KnownDataset, asked: Option<&Path>) -> Option<PathBuf> {
    let place = || place(set).map(|(folder, _)| folder);
    asked.map(Path::to_owned).or_else(place).or_else(named_folder)
}

/// The folder that the environment names.
fn named_folder() -> Option<PathBuf> {
    std::env::var_os(DATA_DIR).filter(|folder| !folder.is_empty()).map(PathBuf::from)
}

/// The cache of fetched data sets; none in a program that cannot fetch.
pub fn cache_folder() -> Option<PathBuf> {
    #[cfg(feature = "fetch")]
    return cache::data().ok();
    #[cfg(not(feature = "fetch"))]
    None
}

/// Where all original files of `set` are, if nobody says where, and that place in words.
pub fn place(set: &KnownDataset) -> Option<(PathBuf, &'static str)> {
    let named = named_folder().map(|folder| (folder, "data folder"));
    let cache = cache_folder().map(|folder| (folder, "cache"));
    named.into_iter().chain(cache).find(|(folder, _)| set.is_in(folder)).filter(|_| !set.is_built_in())
}

/// The folder of original files; an error that says what to do where `name` is a known set that needs one.
pub fn data_folder(name: &str, asked: Option<&Path>) -> anyhow::Result<Option<PathBuf>> {
    let Some(set) = find(name) else { return Ok(asked.map(Path::to_owned)) };
    match folder(set, asked) {
        None if !set.is_built_in() => anyhow::bail!(
            "'{name}' is not built in and no data folder was given: `spiketext data fetch {name}` gets it, or \
             --data-dir DIR (or ${DATA_DIR}) with {} (from {})",
            set.files().join(", "),
            set.source
        ),
        folder => Ok(folder),
    }
}
