//! Where a verb may put a file of its own.

use std::path::Path;

/// Refuses a place where the file that `verb` writes would take something away: all but a name that is free in a folder
/// that is there, or with `force` a plain file.
///
/// # Errors
/// Names what was expected of --out.
pub fn check(verb: &str, out: &Path, force: bool) -> anyhow::Result<()> {
    let refuse = |expected: &str| anyhow::bail!("{verb}: expected an --out {expected}, got {}", out.display());
    if !folder(out).is_dir() {
        return refuse("in a folder that is there");
    }
    // What a link leads to is not looked at: the link itself would go.
    match std::fs::symlink_metadata(out) {
        Ok(there) if !there.is_file() => refuse("that is a file or not there yet (no folder, link or device)"),
        Ok(_) if !force => refuse("that is not there yet (--force writes over it)"),
        _ => Ok(()),
    }
}

/// The folder that a file is to be in.
pub fn folder(out: &Path) -> &Path {
    match out.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}
