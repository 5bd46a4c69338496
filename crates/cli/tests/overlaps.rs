//! No verb writes over what it reads: not over the members of a folder, not into it, not through a link.

mod common;

use std::{fs, path::Path};

use common::{everything, run, spiketext, text};

/// Texts of two classes as a table.
fn reviews(count: usize) -> String {
    let row = |i: usize| match i % 2 {
        0 => format!("a warm and funny film of number {i},good\n"),
        _ => format!("a dull and tedious film of number {i},bad\n"),
    };
    "text,label\n".to_owned() + &(0..count).map(row).collect::<String>()
}

/// A folder of tables, and one of class folders.
fn folders(folder: &Path) {
    fs::create_dir_all(folder.join("tables")).unwrap();
    fs::write(folder.join("tables/train.csv"), reviews(60)).unwrap();
    fs::write(
        folder.join("tables/test.csv"),
        reviews(90).lines().filter(|l| !l.contains("number 1")).fold(String::new(), |all, line| all + line + "\n"),
    )
    .unwrap();
    for (i, class) in (0..40).map(|i| (i, ["good", "bad"][i % 2])) {
        fs::create_dir_all(folder.join("classes").join(class)).unwrap();
        fs::write(folder.join(format!("classes/{class}/{i}.txt")), format!("a {class} film of number {i}")).unwrap();
    }
}

/// The command is refused for its --out, and all that lies in `folder` stays as it is.
fn refused(folder: &Path, arguments: &[&str]) {
    let before = everything(folder);
    let output = run(folder, arguments);
    let error = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {error}");
    let last = error.lines().last().unwrap_or_default();
    assert!(last.contains("is read") || last.contains("that file"), "{arguments:?}: {error}");
    assert!(everything(folder) == before, "{arguments:?} changed something");
}

#[test]
fn an_out_that_has_to_do_with_what_is_read_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    folders(folder);
    fs::write(folder.join("vectors.txt"), "a 1 2\nb 3 4\nc 5 7\n").unwrap();
    let row = "[[row]]\ntable = \"main\"\nname = \"words\"\nmethod = \"bag-of-words\"\n";
    let grid = format!("datasets = [\"mine\"]\n[datasets-of.mine]\nfile = \"classes\"\n{row}");
    fs::write(folder.join("grid.toml"), grid).unwrap();
    for arguments in [
        &["data", "split", "tables", "--out", "tables", "--force"][..],
        &["data", "split", "tables", "--out", "tables/parts"],
        &["data", "split", "tables/train.csv", "--out", ".", "--force"],
        &["data", "split", "classes", "--out", "classes", "--force"],
        &["data", "split", "classes", "--out", "classes/good"],
        &["teach", "tables", "--out", "tables/t.jsonl"],
        &["teach", "tables/train.csv", "--label", "classes", "--out", "classes/good/t.jsonl", "--force"],
        &["augment", "tables", "--out", "tables/more.csv"],
        &["augment", "tables", "--out", "tables/train.csv", "--force"],
        &["augment", "classes", "--all", "--out", "classes/more.csv"],
        &["train", "tables", "--out", "tables/model"],
        &["train", "tables/train.csv", "--test", "tables/test.csv", "--teacher", "classes", "--out", "classes/m"],
        &["select", "grid.toml", "--out", "classes/choice"],
        &["reproduce", "--grid", "grid.toml", "--out", "classes/study"],
        &["report", "--cells", "classes", "--out", "classes/page.md"],
        &["vectors", "shrink", "vectors.txt", "--out", "vectors.txt"],
        &["augment", "tables", "--vectors", "vectors.txt", "--out", "vectors.txt", "--out-format", "csv", "--force"],
    ] {
        refused(folder, arguments);
    }
}

#[cfg(unix)]
#[test]
fn links_hide_nothing() {
    use std::os::unix::fs::symlink;
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    folders(folder);
    symlink("tables", folder.join("link")).unwrap();
    fs::create_dir(folder.join("links")).unwrap();
    symlink("../tables/train.csv", folder.join("links/train.csv")).unwrap();
    symlink("../tables/test.csv", folder.join("links/test.csv")).unwrap();
    for arguments in [
        &["data", "split", "tables", "--out", "link", "--force"][..],
        &["data", "split", "link", "--out", "tables", "--force"],
        &["data", "split", "links", "--out", "tables", "--force"],
        &["augment", "tables", "--out", "links/train.csv", "--force"],
        &["augment", "tables", "--out", "link/more.csv"],
        &["teach", "tables", "--out", "link/t.jsonl"],
    ] {
        refused(folder, arguments);
    }
    // A link to nowhere is found before the work, not after.
    symlink("nowhere/at/all.csv", folder.join("dangling.csv")).unwrap();
    let output = run(folder, &["augment", "tables", "--out", "dangling.csv"]);
    assert!(text(&output.stderr).contains("a link that leads nowhere"), "{}", text(&output.stderr));
    assert!(!text(&output.stderr).contains("read "), "nothing was read: {}", text(&output.stderr));
}

#[cfg(unix)]
#[test]
fn a_folder_that_takes_no_files_is_found_before_the_work() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    folders(folder);
    let closed = folder.join("closed");
    fs::create_dir(&closed).unwrap();
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o500)).unwrap();
    // Who may write anywhere (root) is refused nothing.
    if fs::write(closed.join("probe"), "x").is_ok() {
        return;
    }
    for arguments in
        [&["teach", "tables", "--out", "closed/t.jsonl"][..], &["augment", "tables", "--out", "closed/more.csv"]]
    {
        let output = spiketext(folder, arguments).output().unwrap();
        let error = text(&output.stderr);
        assert!(output.status.code() == Some(2) && error.contains("closed"), "{arguments:?}: {error}");
        assert!(!error.contains("read tables"), "found after the work: {error}");
    }
}
