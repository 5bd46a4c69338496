//! Whether a place that is to be written to and one that is read have to do with each other.

use std::{
    fs,
    path::{Component, Path, PathBuf},
};

/// Folders of texts have folders of parts, and these folders of classes: nothing is read from deeper down.
const DEEPEST: usize = 3;

/// So many links are followed, one to the other.
const MOST_LINKS: usize = 40;

/// What a place that is written to has to do with one that is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Overlap {
    /// It is this file or folder.
    Same(PathBuf),
    /// It lies in this folder, or will.
    Inside(PathBuf),
    /// This file or folder lies in it.
    Around(PathBuf),
}

impl std::fmt::Display for Overlap {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Same(read) => write!(f, "which is {}, that is read", read.display()),
            Self::Inside(read) => write!(f, "which is inside of {}, that is read", read.display()),
            Self::Around(read) => write!(f, "which contains {}, that is read", read.display()),
        }
    }
}

/// Whether two names lead to one file that is there.
fn is_same_file(a: &Path, b: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let identity = |path: &Path| fs::metadata(path).ok().map(|file| (file.dev(), file.ino()));
        identity(a).is_some() && identity(a) == identity(b)
    }
    #[cfg(not(unix))]
    {
        let place = |path: &Path| fs::canonicalize(path).ok();
        place(a).is_some() && place(a) == place(b)
    }
}

/// What writing to `out`, be it there or not, has to do with `source` or with what is read of it if it is a folder; links
/// of any kind are followed on both sides. None where they are apart, and where there is no `source`.
#[must_use]
pub fn overlap(out: &Path, source: &Path) -> Option<Overlap> {
    look(out, &resolved(out, MOST_LINKS), source, &fs::canonicalize(source).ok()?, DEEPEST)
}

/// [`overlap`] of places whose links are resolved, so many folders deep.
fn look(out: &Path, to: &Path, source: &Path, from: &Path, depth: usize) -> Option<Overlap> {
    if to == from || is_same_file(out, source) {
        return Some(Overlap::Same(source.to_owned()));
    }
    if from.starts_with(to) {
        return Some(Overlap::Around(source.to_owned()));
    }
    if !from.is_dir() {
        return None;
    }
    if to.starts_with(from) {
        return Some(Overlap::Inside(source.to_owned()));
    }
    if depth == 0 {
        return None;
    }
    // What cannot be listed cannot be read either, which is told by whoever tries.
    let mut entries = fs::read_dir(from).into_iter().flatten().flatten();
    entries.find_map(|entry| {
        let name = entry.file_name();
        let is_link = entry.file_type().is_ok_and(|kind| kind.is_symlink());
        let place = if is_link { fs::canonicalize(entry.path()).ok()? } else { from.join(&name) };
        look(out, to, &source.join(&name), &place, depth - 1)
    })
}

/// Where `path` leads to, be it there or not.
fn resolved(path: &Path, links: usize) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let mut resolved = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => drop(resolved.pop()),
            Component::CurDir => {}
            other => resolved.push(other),
        }
        // A link that leads nowhere is followed, too: what is written may make its target.
        if let (Ok(target), true) = (fs::read_link(&resolved), links > 0) {
            let folder = resolved.parent().unwrap_or(Path::new("")).to_owned();
            resolved = self::resolved(&folder.join(target), links - 1);
        }
    }
    fs::canonicalize(&resolved).unwrap_or(resolved)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_that_have_to_do_with_what_is_read_are_told() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let at = |name: &str| folder.path().join(name);
        fs::create_dir_all(at("texts/train/good")).expect("made");
        fs::write(at("texts/train/good/1.txt"), "x").expect("written");
        fs::write(at("a.csv"), "x").expect("written");
        assert_eq!(overlap(&at("a.csv"), &at("a.csv")), Some(Overlap::Same(at("a.csv"))));
        assert_eq!(overlap(&at("b.csv"), &at("a.csv")), None);
        assert_eq!(overlap(&at("texts"), &at("texts")), Some(Overlap::Same(at("texts"))));
        for inside in ["texts/new.csv", "texts/new/deep/er.csv", "other/../texts/b.csv", "texts/train/good/2"] {
            assert_eq!(overlap(&at(inside), &at("texts")), Some(Overlap::Inside(at("texts"))), "{inside}");
        }
        assert_eq!(
            overlap(&at("texts/train"), &at("texts/train/good/1.txt")).map(|o| o.to_string().contains("contains")),
            Some(true)
        );
        assert_eq!(overlap(folder.path(), &at("a.csv")), Some(Overlap::Around(at("a.csv"))));
        for apart in ["texts2", "text", "new/texts"] {
            assert_eq!(overlap(&at(apart), &at("texts")), None, "{apart}");
        }
        assert_eq!((overlap(&at("a.csv"), &at("none")), overlap(&at("a.csv"), Path::new(""))), (None, None));
    }

    #[cfg(unix)]
    #[test]
    fn links_do_not_hide_it() {
        use std::os::unix::fs::symlink;
        let folder = tempfile::tempdir().expect("a temporary folder");
        let at = |name: &str| folder.path().join(name);
        for made in ["real", "linked", "far/good"] {
            fs::create_dir_all(at(made)).expect("made");
        }
        fs::write(at("real/a.csv"), "x").expect("written");
        symlink(at("real"), at("link")).expect("linked");
        symlink("../real/a.csv", at("linked/a.csv")).expect("linked");
        symlink(at("far/good"), at("linked/good")).expect("linked");
        symlink("real/new.csv", at("dangling.csv")).expect("linked");
        symlink("round", at("round")).expect("linked");
        fs::hard_link(at("real/a.csv"), at("hard.csv")).expect("linked");
        for (out, source) in [
            ("link", "real"),
            ("link/b.csv", "real"),
            ("real/b.csv", "link"),
            ("hard.csv", "real"),
            ("real", "linked"),
            ("real/a.csv", "linked"),
            ("far/good/2", "linked"),
            ("dangling.csv", "real"),
        ] {
            assert!(overlap(&at(out), &at(source)).is_some(), "{out} and {source}");
        }
        assert_eq!((overlap(&at("round"), &at("real")), overlap(&at("real/b.csv"), &at("linked"))), (None, None));
    }
}
