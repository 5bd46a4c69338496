//! What a repository says of a file at a commit, and of which commit came first.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// A repository's past, as far as goals ask for it.
pub trait History {
    /// The content of a file, named from the root, at a commit; none where there is no such commit or file.
    fn content(&self, commit: &str, file: &str) -> Option<Vec<u8>>;

    /// Whether the one commit came before the other, or is it; none where one of them is not known.
    fn is_before(&self, older: &str, newer: &str) -> Option<bool>;
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

    fn run(&self, arguments: &[&str]) -> Option<std::process::Output> {
        let mut command = Command::new("git");
        command.arg("-C").arg(&self.folder).args(arguments);
        command.stdin(Stdio::null()).output().ok()
    }
}

impl History for Git {
    fn content(&self, commit: &str, file: &str) -> Option<Vec<u8>> {
        let object = format!("{}:{file}", digits(commit)?);
        let output = self.run(&["cat-file", "blob", &object])?;
        output.status.success().then_some(output.stdout)
    }

    fn is_before(&self, older: &str, newer: &str) -> Option<bool> {
        // Exit status 1 says no; a commit that is not there makes another.
        let output = self.run(&["merge-base", "--is-ancestor", digits(older)?, digits(newer)?])?;
        match output.status.code()? {
            0 => Some(true),
            1 => Some(false),
            _ => None,
        }
    }
}

/// A commit by its hexadecimal digits alone, so that it is never taken for an option or another name.
fn digits(commit: &str) -> Option<&str> {
    let hexadecimal = commit.bytes().all(|byte| byte.is_ascii_hexdigit());
    (hexadecimal && (4..=64).contains(&commit.len())).then_some(commit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_no_digits_are_no_commits() {
        let nowhere = Git::around(Path::new("no/such/folder"));
        for commit in ["--help", "HEAD", "abc", "", "0123abc"] {
            assert_eq!(
                (nowhere.content(commit, "a"), nowhere.is_before(commit, "0123abc")),
                (None, None),
                "{commit}"
            );
        }
        assert_eq!([digits("0123abc"), digits("0123abg"), digits("abc")], [Some("0123abc"), None, None]);
    }
}
