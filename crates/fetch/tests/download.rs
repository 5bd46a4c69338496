//! One file from a server on this machine that behaves, and from many that do not.

mod server;

use std::{fs, path::PathBuf, time::Duration};

use server::{Reply, Request, Server};
use sha2::{Digest, Sha256};
use spiketext_fetch::{Downloader, Error, Event, Remote, Result};

/// Content of `length` bytes that no compression and no mistake in order leaves the same.
fn content(length: usize, seed: u32) -> Vec<u8> {
    (0..length as u32).map(|n| ((n ^ seed).wrapping_mul(2_654_435_761) >> 13) as u8).collect()
}

/// The sum of `bytes`, as the catalogue has them.
fn sum(bytes: &[u8]) -> &'static str {
    base16ct::lower::encode_string(&Sha256::digest(bytes)).leak()
}

struct Place {
    folder: tempfile::TempDir,
    server: Server,
    remote: Remote,
    events: Vec<String>,
}

impl Place {
    /// A folder, and a server for a file of known size and sum.
    fn new(file: &[u8], answer: impl Fn(&Request) -> Reply + Send + 'static) -> Self {
        let server = Server::start(answer);
        let url = format!("{}/f.bin", server.address);
        let remote = Remote { url: url.into(), bytes: Some(file.len() as u64), sha256: Some(sum(file)) };
        Self { folder: tempfile::tempdir().unwrap(), server, remote, events: Vec::new() }
    }

    fn target(&self) -> PathBuf {
        self.folder.path().join("f.bin")
    }

    fn part(&self) -> PathBuf {
        self.folder.path().join("f.bin.part")
    }

    /// What an earlier run left: a part, and the version the server called it.
    fn leave(&self, bytes: &[u8], tag: &str) {
        fs::write(self.part(), bytes).unwrap();
        fs::write(self.folder.path().join("f.bin.part.from"), format!("{}\n{tag}\n", self.remote.url)).unwrap();
    }

    fn download(&mut self) -> Result<()> {
        let events = &mut self.events;
        Downloader::new(3, Duration::from_millis(1)).download(
            &self.remote,
            &self.folder.path().join("f.bin"),
            &mut |e| match e {
                Event::Begun { from, total, .. } => events.push(format!("begun {from} of {total:?}")),
                Event::Retrying { cause, .. } => events.push(format!("again: {cause}")),
                Event::Received { .. } => {}
            },
        )
    }

    /// The message of a download that must fail, as it names the address.
    fn fails(&mut self) -> String {
        let error = self.download().unwrap_err().to_string();
        assert!(!self.target().exists());
        error.replace(self.remote.url.as_ref(), "URL")
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.folder.path()).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    /// The file is whole and alone.
    fn holds(&self, file: &[u8]) {
        assert!(fs::read(self.target()).unwrap() == file);
        assert_eq!(self.names(), ["f.bin"]);
    }
}

#[test]
fn a_good_server_gives_the_file() {
    let file = content(300_000, 1);
    let sent = file.clone();
    let mut place = Place::new(&file, move |request| Reply::file(request, &sent, "\"1\""));
    fs::write(place.target(), "an old one").unwrap();
    place.download().unwrap();
    place.holds(&file);
    assert_eq!(place.events, ["begun 0 of Some(300000)"]);
    let request = &place.server.requests()[0];
    assert_eq!(request.header("accept-encoding"), Some("identity"));
    assert!(request.header("user-agent").unwrap().starts_with("spiketext/"));
}

#[test]
fn a_part_is_taken_up_where_it_ends() {
    let file = content(100_000, 2);
    let sent = file.clone();
    let mut place = Place::new(&file, move |request| Reply::file(request, &sent, "\"1\""));
    place.leave(&file[..70_000], "\"1\"");
    place.download().unwrap();
    place.holds(&file);
    assert_eq!(place.server.ranges(), [Some("bytes=70000-".to_owned())]);
    assert_eq!(place.events, ["begun 70000 of Some(100000)"]);
}

#[test]
fn a_whole_part_needs_no_server() {
    let file = content(1000, 3);
    let mut place = Place::new(&file, |_| Reply::new(500, ""));
    place.leave(&file, "\"1\"");
    place.download().unwrap();
    place.holds(&file);
    assert!(place.server.requests().is_empty());
}

#[test]
fn a_server_without_ranges_sends_all_and_that_is_taken() {
    let file = content(100_000, 4);
    let sent = file.clone();
    let mut place = Place::new(&file, move |_| Reply::new(200, &sent[..]));
    place.leave(&content(70_000, 5), "\"1\"");
    place.download().unwrap();
    place.holds(&file);
    assert_eq!(place.events, ["begun 0 of Some(100000)"]);
}

#[test]
fn a_part_of_an_older_version_is_dropped() {
    let file = content(100_000, 6);
    let sent = file.clone();
    let mut place = Place::new(&file, move |request| Reply::file(request, &sent, "\"2\""));
    place.leave(&content(70_000, 7), "\"1\"");
    place.download().unwrap();
    place.holds(&file);
    assert_eq!(place.server.requests()[0].header("if-range"), Some("\"1\""));
}

#[test]
fn a_part_that_only_seemed_to_fit_is_found_by_the_sum_and_fetched_anew() {
    let file = content(100_000, 8);
    let sent = file.clone();
    // The tag is the same, the content is not: a mirror that was rebuilt.
    let mut place = Place::new(&file, move |request| Reply::file(request, &sent, "\"1\""));
    place.leave(&content(70_000, 9), "\"1\"");
    place.download().unwrap();
    place.holds(&file);
    assert_eq!(place.server.ranges(), [Some("bytes=70000-".to_owned()), None]);
}

#[test]
fn parts_from_elsewhere_or_too_long_or_of_unknown_version_are_dropped() {
    let file = content(50_000, 10);
    for (bytes, origin, checked) in [
        (30_000, "http://elsewhere.example/f.bin\n\"1\"\n", true),
        (60_000, "", true),
        (30_000, "SELF\n\n", false),
        (30_000, "no address", true),
    ] {
        let sent = file.clone();
        let mut place = Place::new(&file, move |request| Reply::file(request, &sent, "\"1\""));
        place.leave(&content(bytes, 10), "\"1\"");
        if !checked {
            place.remote = Remote { bytes: None, sha256: None, ..place.remote };
        }
        if !origin.is_empty() {
            let origin = origin.replace("SELF", &place.remote.url);
            fs::write(place.folder.path().join("f.bin.part.from"), origin).unwrap();
        }
        place.download().unwrap();
        place.holds(&file);
        assert_eq!(place.server.ranges(), [None]);
    }
}

#[test]
fn odd_ranges_are_not_believed() {
    let file = content(50_000, 11);
    for range in ["bytes 0-49999/50000", "bytes 20000-49999/50001", "lines 1-2", ""] {
        let sent = file.clone();
        let mut place = Place::new(&file, move |request| match request.header("range") {
            Some(_) => Reply::new(206, &sent[20_000..]).header("Content-Range", range),
            None => Reply::file(request, &sent, "\"1\""),
        });
        place.leave(&file[..20_000], "\"1\"");
        place.download().unwrap();
        place.holds(&file);
        assert_eq!(place.server.requests().len(), 2, "{range}");
    }
}

#[test]
fn a_connection_that_breaks_is_taken_up() {
    let file = content(300_000, 12);
    let sent = file.clone();
    let mut place = Place::new(&file, move |request| {
        let reply = Reply::file(request, &sent, "\"1\"");
        if request.before == 0 { reply.cut(100_000) } else { reply }
    });
    place.download().unwrap();
    place.holds(&file);
    assert_eq!(place.server.ranges(), [None, Some("bytes=100000-".to_owned())]);
    assert!(place.events[1].starts_with("again: cannot fetch"), "{:?}", place.events);
}

#[test]
fn one_that_breaks_again_and_again_leaves_a_part_for_another_day() {
    let file = content(300_000, 13);
    let sent = file.clone();
    let mut place = Place::new(&file, move |request| Reply::file(request, &sent, "\"1\"").cut(10_000));
    let error = place.fails();
    assert!(error.starts_with("cannot fetch URL: "), "{error}");
    assert_eq!(place.server.requests().len(), 3);
    assert!(fs::read(place.part()).unwrap() == file[..30_000]);
    // Progress counts: where each connection brings a megabyte, no number of them is too many.
    let file = content(6 << 20, 14);
    let sent = file.clone();
    let mut place = Place::new(&file, move |request| {
        let reply = Reply::file(request, &sent, "\"1\"");
        let cut = reply.body.len().min(1 << 20);
        reply.cut(cut)
    });
    place.download().unwrap();
    place.holds(&file);
    assert_eq!(place.server.requests().len(), 6);
}

#[test]
fn trouble_passes() {
    let file = content(1000, 15);
    for status in [500, 503, 429, 408] {
        let sent = file.clone();
        let mut place = Place::new(&file, move |request| match request.before {
            0 | 1 => Reply::new(status, "wait"),
            _ => Reply::file(request, &sent, "\"1\""),
        });
        place.download().unwrap();
        place.holds(&file);
    }
    let mut place = Place::new(&file, |_| Reply::new(502, ""));
    assert_eq!(place.fails(), "cannot fetch URL: expected the file, got HTTP status 502 (the server is in trouble)");
    assert_eq!((place.server.requests().len(), place.names().len()), (3, 0));
}

#[test]
fn refusals_are_final() {
    let file = content(1000, 16);
    for (status, words) in
        [(404, "404 (there is no such file)"), (403, "403 (the server does not"), (304, "304"), (204, "204")]
    {
        let mut place = Place::new(&file, move |_| Reply::new(status, ""));
        let error = place.fails();
        assert!(error.contains(&format!("got HTTP status {words}")), "{error}");
        assert_eq!((place.server.requests().len(), place.names().len()), (1, 0));
    }
}

#[test]
fn another_file_of_the_size_is_refused_and_removed() {
    let (file, other) = (content(1000, 17), content(1000, 18));
    let sent = other.clone();
    let mut place = Place::new(&file, move |request| Reply::file(request, &sent, "\"1\""));
    assert_eq!(place.fails(), format!("URL: expected SHA-256 {}, got {}", sum(&file), sum(&other)));
    assert_eq!(place.names(), [""; 0]);
    // So is one that came in two pieces, after one more try.
    place.leave(&other[..500], "\"1\"");
    place.fails();
    assert_eq!(place.names(), [""; 0]);
}

#[test]
fn another_size_is_refused_before_or_while_it_comes() {
    let file = content(1000, 19);
    for (length, tells, got) in
        [(900, true, "900"), (1100, true, "1100"), (1100, false, "more than 1000"), (900, false, "900")]
    {
        let sent = content(length, 19);
        let mut place = Place::new(&file, move |_| {
            let reply = Reply::new(200, &sent[..]);
            if tells { reply } else { reply.without_length() }
        });
        assert_eq!(place.fails(), format!("URL: expected 1000 bytes, got {got}"));
        assert_eq!(place.names(), [""; 0]);
    }
}

#[test]
fn files_of_unknown_size_are_not_endless() {
    let mut place = Place::new(&[], |_| Reply::new(200, vec![0; (64 << 20) + 1]));
    place.remote = Remote { bytes: None, sha256: None, ..place.remote };
    assert_eq!(place.fails(), "URL: expected at most 67108864 bytes, got 67108865");
    assert_eq!(place.names(), [""; 0]);
}

#[test]
fn redirects_are_followed_with_their_range() {
    let file = content(10_000, 20);
    let sent = file.clone();
    let mut place = Place::new(&file, move |request| match request.path.as_str() {
        "/f.bin" => Reply::new(302, "").header("Location", "/moved/f.bin"),
        "/moved/f.bin" => Reply::file(request, &sent, "\"1\""),
        _ => Reply::new(404, ""),
    });
    place.leave(&file[..4000], "\"1\"");
    place.download().unwrap();
    place.holds(&file);
    assert_eq!(place.server.ranges(), [Some("bytes=4000-".to_owned()), Some("bytes=4000-".to_owned())]);
    let mut place = Place::new(&file, |_| Reply::new(301, "").header("Location", "/f.bin"));
    assert_eq!(place.fails(), "cannot fetch URL: too many redirects");
}

#[test]
fn no_server_is_said_at_once() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let closed = format!("http://{}/f.bin", listener.local_addr().unwrap());
    drop(listener);
    for (url, words) in [
        (closed.as_str(), "refused"),
        ("http://no-such-host.invalid/f.bin", "is there a network?"),
        ("http:///f.bin", ""),
        ("no address", ""),
    ] {
        let mut place = Place::new(&[], |_| Reply::new(200, ""));
        place.remote.url = url.to_owned().into();
        let error = place.fails();
        assert!(error.starts_with("cannot fetch URL: ") && error.contains(words), "{error}");
        assert_eq!((place.events.len(), place.names().len()), (0, 0), "{error}");
    }
}

#[test]
fn two_at_once_do_not_write_into_each_other() {
    let file = content(200_000, 21);
    let sent = file.clone();
    let mut place = Place::new(&file, move |request| Reply::file(request, &sent, "\"1\""));
    let (remote, target) = (place.remote.clone(), place.target());
    let mut other = None;
    Downloader::default()
        .download(&remote, &target, &mut |event| {
            if matches!(event, Event::Received { .. }) && other.is_none() {
                other = Some(place.download().unwrap_err());
            }
        })
        .unwrap();
    let other = other.unwrap();
    assert!(matches!(other, Error::Busy { .. }) && other.to_string().contains("another process"), "{other}");
    place.holds(&file);
}

#[test]
fn a_folder_that_is_not_there_is_named() {
    let mut place = Place::new(&[], |_| Reply::new(200, ""));
    fs::remove_dir(place.folder.path()).unwrap();
    let error = place.download().unwrap_err().to_string();
    assert!(error.starts_with("cannot write ") && error.contains("f.bin.part"), "{error}");
}
