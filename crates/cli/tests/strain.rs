//! The server under strain, as it is started: ten thousand connections, clients that read or write slowly or not at all, a full
//! disk, many long questions at once. It goes on answering, and what it holds stays bounded.

mod common;

use std::{
    fs,
    io::{BufReader, Read, Write},
    net::{Shutdown, TcpStream},
    process::{Command, Stdio},
};

use common::{
    server::{PATIENCE, Server, answer, request, request_bytes, train},
    spiketext, text,
};
use serde_json::{Value, json};

const QUESTION: &str = r#"{"text": "a warm and funny film"}"#;

/// Says what is left out, past the test runner, which keeps the words of tests that pass to itself.
#[cfg(target_os = "linux")]
fn left_out(what: &str) {
    let _ = writeln!(std::io::stderr().lock(), "\nNOT TESTED: {what}\n");
}

fn is_answered(server: &Server) {
    let (status, told) = server.post("/v1/classify", QUESTION);
    assert_eq!(status, 200, "{told}");
}

/// A text of so many words, whose answers are large.
fn long(words: usize) -> String {
    let some = ["a", "warm", "and", "funny", "film", "the", "worst", "hotel", "of", "year"];
    some.into_iter().cycle().take(words).collect::<Vec<_>>().join(" ")
}

/// Megabytes that a server has in memory.
#[cfg(target_os = "linux")]
fn memory(server: &Server) -> usize {
    let told = fs::read_to_string(format!("/proc/{}/status", server.child.id())).expect("a status");
    let line = told.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a size");
    line.trim().trim_end_matches(" kB").parse::<usize>().expect("a number") >> 10
}

/// Files that this process may open; as many more as the system lets it, if it has a tool to say so.
#[cfg(target_os = "linux")]
fn files(wanted: usize) -> usize {
    let limits = || -> [Option<usize>; 2] {
        let told = fs::read_to_string("/proc/self/limits").expect("limits");
        let line = told.lines().find_map(|line| line.strip_prefix("Max open files")).expect("a limit").to_owned();
        let mut words = line.split_whitespace();
        std::array::from_fn(|_| words.next().map(|word| word.parse().unwrap_or(usize::MAX)))
    };
    let [Some(now), Some(most)] = limits() else { return 0 };
    if now < wanted {
        let soft = format!("--nofile={}:", wanted.min(most));
        let asked = Command::new("prlimit").args(["--pid", &std::process::id().to_string(), &soft]).status();
        if !asked.is_ok_and(|status| status.success()) {
            left_out("more open files (no prlimit, or it may not)");
        }
    }
    limits()[0].unwrap_or(0)
}

#[cfg(target_os = "linux")]
#[test]
fn ten_thousand_idle_connections_take_little_and_hold_nobody_up() {
    const WANTED: usize = 10_000;
    // Of this process some are left to what else it does.
    const OTHERS: usize = 2_000;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let folder = folder.path();
    train(folder, "model", "1");
    let count = WANTED.min(files(WANTED + OTHERS).saturating_sub(OTHERS));
    if count < WANTED {
        left_out(&format!("{WANTED} idle connections: this machine lets a process have {count}"));
    }
    let server = Server::start(folder, &["model", "--max-connections", "12000", "--deadline", "600"]);
    is_answered(&server);
    let before = memory(&server);
    let idle: Vec<TcpStream> = (0..count)
        .map(|which| {
            // More at once than the system keeps for a listener are asked to come again after a second.
            if which % 64 == 0 {
                std::thread::sleep(std::time::Duration::from_millis(2));
            }
            server.connect()
        })
        .collect();
    // All of them are taken, not only waiting to be.
    while server.connections() <= count {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    is_answered(&server);
    assert_eq!(server.get("/readyz").0, 200);
    let with = memory(&server);
    // 12 kB each were measured; a thread or a body each would be far more.
    assert!(with <= before + 32 + count / 25, "{before} MB, with {count} connections {with} MB");
    // Any of them may still ask.
    for which in [0, count / 2, count.saturating_sub(1)] {
        let Some(stream) = idle.get(which) else { continue };
        let mut stream = stream.try_clone().expect("a handle");
        request(&mut stream, "/v1/classify", QUESTION.as_bytes(), "").expect("sent");
        assert_eq!(answer(&mut BufReader::new(stream)).expect("an answer").0, 200);
    }
    drop(idle);
    while server.connections() > 1 {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    is_answered(&server);
}

/// Past `--max-connections` clients wait to be taken, and are when others go.
#[test]
fn connections_past_the_bound_wait() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let folder = folder.path();
    train(folder, "model", "1");
    let server = Server::start(folder, &["model", "--max-connections", "2"]);
    let first: Vec<TcpStream> = (0..2).map(|_| server.connect()).collect();
    let mut waits = server.connect();
    request(&mut waits, "/v1/classify", QUESTION.as_bytes(), "").expect("sent");
    drop(first);
    assert_eq!(answer(&mut BufReader::new(waits)).expect("an answer").0, 200);
}

#[test]
fn slow_and_half_open_clients_get_their_answers_or_are_cut() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let folder = folder.path();
    train(folder, "model", "1");
    let server = Server::start(folder, &["model", "--deadline", "3"]);
    // A byte at a time.
    let mut slow = server.connect();
    slow.set_nodelay(true).expect("set");
    for byte in request_bytes("/v1/classify", QUESTION.as_bytes(), "") {
        slow.write_all(&[byte]).expect("sent");
        std::thread::yield_now();
    }
    assert_eq!(answer(&mut BufReader::new(slow)).expect("an answer").0, 200);
    // Who closes the way there cannot be told from one that has left: it has its answer if that was quicker, or is cut.
    let mut half = server.connect();
    request(&mut half, "/v1/classify", QUESTION.as_bytes(), "").expect("sent");
    half.shutdown(Shutdown::Write).expect("shut");
    match answer(&mut BufReader::new(half)) {
        Ok((status, ..)) => assert_eq!(status, 200),
        Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::UnexpectedEof),
    }
    is_answered(&server);
    // Who asks and asks and never reads: answers wait until nothing more can be sent, and then the connection is cut.
    let body = json!({ "text": long(250), "membranes": true, "changes": { "steps": 8 } }).to_string();
    let deaf: Vec<TcpStream> = (0..3)
        .map(|_| {
            let stream = server.connect();
            stream.set_write_timeout(Some(PATIENCE)).expect("a limit");
            let mut asking = stream.try_clone().expect("a handle");
            // Until nobody takes what is asked, or all is.
            for _ in 0..100 {
                if request(&mut asking, "/v1/trace", body.as_bytes(), "").is_err() {
                    break;
                }
            }
            stream
        })
        .collect();
    is_answered(&server);
    while server.connections() > 1 {
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    drop(deaf);
    is_answered(&server);
}

/// Nothing can be written where the log goes, as on a full disk.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_costs_the_log_and_nothing_else() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let folder = folder.path();
    train(folder, "model", "1");
    let full = || fs::OpenOptions::new().write(true).open("/dev/full").expect("a full disk");
    let command = || spiketext(folder, &["serve", "model", "--listen", "127.0.0.1:0"]);
    let mut server = Server::logging(command(), full());
    let mut stream = BufReader::new(server.connect());
    for _ in 0..500 {
        request(stream.get_mut(), "/v1/classify", QUESTION.as_bytes(), "").expect("sent");
        assert_eq!(answer(&mut stream).expect("an answer").0, 200);
    }
    assert_eq!(server.post("/v1/classify", "{").0, 400);
    assert_eq!(server.post("/v1/trace", QUESTION).0, 200);
    let told = server.get("/metrics").1;
    assert!(told.contains(r#"route="/v1/classify",method="POST",status="200"} 500"#), "{told}");
    drop(stream);
    server.terminate();
    assert_eq!(server.child.wait().expect("an end").code(), Some(0));
    // Who cannot even say where it listens says why it does not start.
    let output = command().stdout(full()).stderr(Stdio::piped()).output().expect("it starts");
    let told = text(&output.stderr);
    assert!(output.status.code().is_some_and(|code| code != 0), "{told}");
    assert!(told.contains("standard output"), "{told}");
}

/// Attacks ask a model again and again; whoever asks something quick meanwhile has a place of its own.
#[test]
fn many_attacks_at_once_leave_room_for_quick_questions() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let folder = folder.path();
    train(folder, "model", "1");
    let server = Server::start(folder, &["model"]);
    let body = json!({ "text": long(100), "attack": "random", "changes": { "threshold": 50 } }).to_string();
    // More than there is room for, which goes by processors.
    let processors = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    let attacks: Vec<TcpStream> = (0..17 * processors + 20)
        .map(|_| {
            let mut stream = server.connect();
            request(&mut stream, "/v1/attack", body.as_bytes(), "").expect("sent");
            stream
        })
        .collect();
    // Were they in one queue, it would be full of attacks now.
    for _ in 0..20 {
        for (path, body) in [
            ("/v1/trace", QUESTION),
            ("/v1/explain", QUESTION),
            ("/v1/energy", QUESTION),
            ("/v1/filter", r#"{"width": 3, "filter": 0}"#),
            ("/v1/classify", QUESTION),
        ] {
            let (status, told) = server.post(path, body);
            assert_eq!(status, 200, "{path}: {told}");
        }
    }
    let answers = attacks.into_iter().map(|stream| answer(&mut BufReader::new(stream)).expect("an answer"));
    let (mut answered, mut refused) = (0, 0);
    for (status, told) in answers {
        match status {
            200 => {
                let told: Value = serde_json::from_str(&told).expect("JSON");
                assert!(told["queries"].as_u64().is_some_and(|queries| queries > 0), "{told}");
                answered += 1;
            }
            503 => refused += 1,
            other => panic!("{other}: {told}"),
        }
    }
    assert!(answered > 0 && refused > 0, "{answered} answered, {refused} refused");
}

/// What long texts take is bounded by one of them, however many there are.
#[cfg(target_os = "linux")]
#[test]
fn many_long_texts_take_no_more_memory_than_one() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let folder = folder.path();
    train(folder, "model", "1");
    let peak = |path: &str, count: usize| -> usize {
        let server = Server::start(folder, &["model"]);
        let body = json!({ "texts": vec![long(180_000); count] }).to_string();
        let (status, told) = server.post(path, body);
        assert_eq!(status, 200, "{told}");
        let told = fs::read_to_string(format!("/proc/{}/status", server.child.id())).expect("a status");
        let line = told.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a size");
        line.trim().trim_end_matches(" kB").parse::<usize>().expect("a number") >> 10
    };
    for path in ["/v1/classify", "/v1/energy"] {
        let (one, many) = (peak(path, 1), peak(path, 9));
        // Bodies and texts themselves are there, of course: 8 MB more each, and what the allocator keeps.
        assert!(many <= one + 64, "{path}: {one} MB for one text, {many} MB for nine");
    }
}

#[test]
fn a_body_that_stops_in_the_middle_is_nobodys_trouble() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let folder = folder.path();
    train(folder, "model", "1");
    let server = Server::start(folder, &["model"]);
    for path in ["/v1/classify", "/v1/trace", "/v1/explain", "/v1/energy", "/v1/attack", "/v1/filter"] {
        let whole = request_bytes(path, QUESTION.as_bytes(), "");
        for cut in [whole.len() - 1, whole.len() - QUESTION.len(), whole.len() / 2, 10] {
            let mut stream = server.connect();
            stream.write_all(&whole[..cut]).expect("sent");
            stream.shutdown(Shutdown::Write).expect("shut");
            let mut told = String::new();
            let _ = stream.read_to_string(&mut told);
            assert!(told.is_empty() || told.starts_with("HTTP/1.1 4"), "{path}, {cut}: {told}");
        }
    }
    is_answered(&server);
}
