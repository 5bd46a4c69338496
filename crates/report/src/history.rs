//! What a repository holds at a commit.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// A repository's past, as far as goals ask for it. Whether a commit is older than
/// a cell is not asked: the cell names its hash, which nobody knew before.
pub trait History {
    /// The content of a file, named from the root, at a commit; none where there is no such commit or file.
    fn content(&self, commit: &str, file: &str) -> Option<Vec<u8>>;
}

/// Of the repository around a folder, by the program `git`; without that, or outside a repository, nothing is known.
#[derive(Clone, Debug)]
pub struct Git {
    folder: PathBuf,
}

impl Git {
    /// The folder of a file or folder that is in the repository.
    #[must_use]
    pub fn around(path: &Path) -> Self {
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        Self { folder: parent.unwrap_or(Path::new(".")).to_owned() }
    }
}

impl Git {
    /// What the program says, if it succeeds.
    fn answer(&self, arguments: &[&str]) -> Option<Vec<u8>> {
        let mut command = Command::new("git");
        command.arg("-C").arg(&self.folder).args(arguments);
        let output = command.stdin(Stdio::null()).output().ok()?;
        output.status.success().then_some(output.stdout)
    }
}

impl History for Git {
    fn content(&self, commit: &str, file: &str) -> Option<Vec<u8>> {
        let commit = digits(commit)?;
        // A branch may be called like a commit; what is asked for begins with these digits itself.
        let found = self.answer(&["rev-parse", "--verify", "--quiet", &format!("{commit}^{{commit}}")])?;
        let found = String::from_utf8(found).ok()?;
        let found = found.trim();
        if !found.starts_with(&commit.to_ascii_lowercase()) {
            return None;
        }
        self.answer(&["cat-file", "blob", &format!("{found}:{file}")])
    }
}

/// A commit by its hexadecimal digits alone, at least seven, so that it is never taken for an option.
fn digits(commit: &str) -> Option<&str> {
    let hexadecimal = commit.bytes().all(|byte| byte.is_ascii_hexdigit());
    (hexadecimal && (7..=64).contains(&commit.len())).then_some(commit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_no_digits_are_no_commits() {
        let nowhere = Git::around(Path::new("no/such/folder"));
        for commit in ["--help", "HEAD", "abc", "", "0123abc"] {
            assert_eq!(nowhere.content(commit, "a"), None, "{commit}");
        }
        assert_eq!([digits("0123abc"), digits("0123abg"), digits("abc")], [Some("0123abc"), None, None]);
    }
}
