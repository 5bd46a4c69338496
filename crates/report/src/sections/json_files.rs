//! Outcomes of other verbs that lie in a folder of their own beside the page.

use std::path::{Path, PathBuf};

/// The JSON files in a folder beside the results, by name; none where there is no such folder.
pub fn json_files(beside: &Path, folder: &str) -> Vec<PathBuf> {
    let found = std::fs::read_dir(beside.with_file_name(folder));
    let mut paths: Vec<PathBuf> = found.into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.retain(|path| path.extension().is_some_and(|ending| ending == "json"));
    paths.sort();
    paths
}
