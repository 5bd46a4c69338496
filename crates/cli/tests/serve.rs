//! The server as it is started: answers of the other verbs, hostile clients, models that change, an end that loses nothing.

mod common;

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{Shutdown, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use common::{
    fails,
    server::{Server, answer, log, request, train},
    spiketext, succeeds,
};
use serde_json::{Value, json};

/// Says stop when it is dropped.
struct Stopping<'a>(&'a AtomicBool);

impl Drop for Stopping<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn answers_are_those_of_the_other_verbs_and_hostile_clients_harm_nobody() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let folder = folder.path();
    train(folder, "model", "1");
    let mut server = Server::start(
        folder,
        &["model", "again=model", "--max-body", "1000000", "--max-text", "900000", "--max-texts", "50"],
    );
    let mut models = String::new();
    server.rest.read_line(&mut models).expect("a line");
    server.rest.read_line(&mut models).expect("a line");
    assert!(models.starts_with("model model ") && models.contains("\nmodel again "), "{models}");
    let texts = ["a warm and funny film", "the worst hotel of the year", "qqq zzz", "", "bad\n\"food\" \u{1f600}"];
    let answers = server.post_json("/v1/classify", &json!({ "texts": texts }));
    for (text, answer) in texts.iter().zip(answers["results"].as_array().expect("results")) {
        let line = succeeds(folder, &["predict", "model", "--json", "--", text]);
        let predicted: Value = serde_json::from_str(&line).expect("JSON");
        for field in ["label", "probability", "unknown", "tokens", "known_tokens", "acs"] {
            assert_eq!(answer[field], predicted[field], "{text}: {field}");
        }
        for one in answer["probabilities"].as_array().expect("a list") {
            assert_eq!(one["probability"], predicted["probabilities"][one["label"].as_str().expect("a label")]);
        }
        let line = succeeds(folder, &["explain", "model", "--json", "--", text]);
        let mut reasons = server.post_json("/v1/explain", &json!({ "text": text, "model": "again" }));
        let own = reasons.as_object_mut().expect("an object");
        assert!(own.remove("model") == Some(json!("again")) && own.remove("version").is_some());
        assert_eq!(reasons, serde_json::from_str::<Value>(&line).expect("JSON"));
    }
    let trace = server.post_json("/v1/trace", &json!({ "text": texts[0], "membranes": true }));
    assert_eq!(trace["label"], answers["results"][0]["label"]);
    let energy = server.post_json("/v1/energy", &json!({ "text": texts[0] }));
    assert_eq!(energy["accumulations"].as_f64(), answers["results"][0]["acs"].as_f64());
    for path in ["/v1/models", "/healthz", "/readyz", "/metrics", "/openapi.json"] {
        assert_eq!(server.get(path).0, 200, "{path}");
    }
    // What hostile clients send, and what they leave out.
    let long = vec!["film"; 100_000].join(" ");
    let answer = server.post_json("/v1/classify", &json!({ "text": long }));
    assert_eq!(answer["results"][0]["tokens"], 100_000);
    // A text of so many words is answered, or refused by the name of its field and the flag that bounds it.
    for (path, more, field) in [
        ("/v1/trace", json!({}), Some("text")),
        ("/v1/explain", json!({}), Some("quick")),
        ("/v1/explain", json!({ "quick": true }), Some("text")),
        ("/v1/attack", json!({}), Some("text")),
        ("/v1/energy", json!({}), None),
        ("/v1/energy", json!({ "changes": { "steps": 64 } }), Some("changes.steps")),
    ] {
        let mut body = more;
        body["text"] = long.as_str().into();
        let (status, told) = server.post(path, body.to_string());
        let Some(field) = field else {
            assert_eq!(status, 200, "{path}: {told}");
            continue;
        };
        assert!(matches!(status, 409 | 422) && told.contains(&format!("\"field\":\"{field}\"")), "{path}: {told}");
        assert!(status == 409 || told.contains("--max-tokens"), "{path}: {told}");
    }
    // One that is longer in bytes than texts may be, wherever it is sent.
    let longer = json!({ "text": "film ".repeat(190_000) }).to_string();
    for path in ["/v1/classify", "/v1/trace", "/v1/explain", "/v1/energy", "/v1/attack"] {
        let (status, told) = server.post(path, &longer);
        assert!(status == 422 && told.contains("--max-text") && told.contains("\"text\""), "{path}: {told}");
    }
    assert_eq!(server.post("/v1/classify", vec![b'x'; 1_000_001]).0, 413);
    assert_eq!(server.post("/v1/classify", b"{\"text\": \"\xff\"}").0, 400);
    for count in [100_000, 500_000] {
        let (status, told) = server.post("/v1/classify", vec![b'['; count]);
        assert!(status == 400 && told.contains("malformed"), "{told}");
    }
    assert_eq!(server.post("/v1/classify", b"").0, 400);
    for garbage in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..],
        b"GET\r\n\r\n",
        b"\0\0\0\0\r\n\r\n",
        b"POST / HTTP/9.9\r\n\r\n",
    ] {
        let mut stream = server.connect();
        stream.write_all(garbage).expect("sent");
        let _ = stream.shutdown(Shutdown::Write);
        let mut answered = Vec::new();
        let _ = stream.read_to_end(&mut answered);
        assert!(answered.is_empty() || answered.starts_with(b"HTTP/1.1 4"), "{answered:?}");
    }
    // Heads and bodies that stay half, of clients that go and of those that stay; and connections that say nothing.
    let halves = [
        "POST /v1/classify HT",
        "POST /v1/classify HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{",
    ];
    let mut open: Vec<TcpStream> = Vec::new();
    for half in halves {
        for stays in [true, false] {
            let mut stream = server.connect();
            stream.write_all(half.as_bytes()).expect("sent");
            if stays {
                open.push(stream);
            }
        }
    }
    open.extend((0..1000).map(|_| server.connect()));
    let answer = server.post_json("/v1/classify", &json!({ "text": texts[0] }));
    assert_eq!(answer["results"][0], answers["results"][0]);
    drop(open);
    assert_eq!(server.get("/healthz").0, 200);
    let lines = log(folder);
    assert!(lines.iter().all(|line| line["level"] != "error"), "{lines:?}");
    assert!(!fs::read_to_string(folder.join("log")).expect("a log").contains("funny"));
}

#[test]
fn nobody_is_waited_for_past_the_deadline() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let folder = folder.path();
    train(folder, "model", "1");
    let server = Server::start(folder, &["model", "--deadline", "0.5"]);
    let head =
        "POST /v1/classify HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n";
    for (sent, status) in [("POST /v1/clas", None), (head, Some("HTTP/1.1 408")), ("", None)] {
        let mut stream = server.connect();
        stream.write_all(sent.as_bytes()).expect("sent");
        let mut answered = String::new();
        // The server ends it; the client would wait for ever.
        let _ = stream.read_to_string(&mut answered);
        match status {
            Some(status) => assert!(answered.starts_with(status) && answered.contains("--deadline"), "{answered}"),
            None => assert!(answered.is_empty() || answered.starts_with("HTTP/1.1 408"), "{answered}"),
        }
    }
    assert_eq!(server.get("/healthz").0, 200);
}

#[test]
fn what_does_not_fit_is_refused_at_the_start() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let folder = folder.path();
    train(folder, "model", "1");
    fs::write(folder.join("empty"), "\n").expect("written");
    for (arguments, told) in [
        (&["serve", "model", "./model"][..], "NAME=DIR"),
        (&["serve", "nothing", "--listen", "127.0.0.1:0"], "nothing"),
        (&["serve", "model", "--token-file", "empty"], "--token-file"),
        (&["serve", "model", "--token-file", "none"], "none"),
        (&["serve", "model", "--listen", "192.0.2.1:1"], "--listen"),
    ] {
        let said = fails(folder, arguments);
        assert!(said.contains(told), "{said}");
    }
}

#[test]
fn tokens_come_from_a_file_or_the_environment() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let folder = folder.path();
    train(folder, "model", "1");
    fs::write(folder.join("tokens"), "from-a-file\nanother\n").expect("written");
    let mut of_environment = spiketext(folder, &["serve", "model", "--listen", "127.0.0.1:0"]);
    of_environment.env("SPIKETEXT_TOKENS", "of-the-environment");
    let of_file = spiketext(folder, &["serve", "model", "--listen", "127.0.0.1:0", "--token-file", "tokens"]);
    for (command, token) in [(of_environment, "of-the-environment"), (of_file, "another")] {
        let server = Server::of(command, folder);
        let ask = |token: &str| {
            let mut stream = server.connect();
            let header = format!("Authorization: Bearer {token}\r\n");
            request(&mut stream, "/v1/classify", b"{\"text\": \"film\"}", &header).expect("sent");
            answer(&mut BufReader::new(stream)).expect("an answer").0
        };
        assert_eq!(
            (ask("wrong"), ask(token), server.get("/readyz").0, server.get("/metrics").0),
            (401, 200, 200, 401)
        );
    }
    // Whoever opens the server to all is told.
    let open = Server::of(spiketext(folder, &["serve", "model", "--listen", "0.0.0.0:0"]), folder);
    assert_eq!(open.address.ip().to_string(), "0.0.0.0");
    while !log(folder).iter().any(|line| line["event"] == "open" && line["level"] == "warning") {
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_model_is_replaced_damaged_and_removed_and_no_request_is_lost() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let folder = folder.path();
    train(folder, "model", "1");
    let kept = folder.join("kept");
    fs::create_dir(&kept).expect("a folder");
    for file in fs::read_dir(folder.join("model")).expect("a model") {
        let file = file.expect("a file");
        fs::copy(file.path(), kept.join(file.file_name())).expect("copied");
    }
    let server = Server::start(folder, &["model"]);
    let version = || {
        let answer = server.post_json("/v1/classify", &json!({ "text": "a warm film" }));
        answer["version"].as_str().expect("a version").to_owned()
    };
    let until = |wanted: &dyn Fn() -> bool| {
        while !wanted() {
            std::thread::sleep(Duration::from_millis(20));
        }
    };
    let first = version();
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        // Clients end whatever becomes of the test.
        let stopping = Stopping(&stop);
        // Clients that ask all the while; each needs an answer to every question.
        let clients: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let mut count = 0u64;
                    let mut stream = BufReader::new(server.connect());
                    while !stop.load(Ordering::Relaxed) {
                        request(stream.get_mut(), "/v1/classify", b"{\"text\": \"a warm film\"}", "").expect("sent");
                        assert_eq!(answer(&mut stream).expect("an answer").0, 200);
                        count += 1;
                    }
                    count
                })
            })
            .collect();
        train(folder, "model", "2");
        until(&|| version() != first);
        let second = version();
        let failed = |count: usize| {
            let line = format!("model=\"model\",outcome=\"failed\"}} {count}\n");
            server.get("/metrics").1.contains(&line)
        };
        fs::write(folder.join("model/config.json"), "{").expect("written");
        until(&|| failed(1));
        assert_eq!((version(), server.get("/readyz").0), (second.clone(), 200));
        fs::remove_dir_all(folder.join("model")).expect("removed");
        until(&|| failed(2));
        assert_eq!((version(), server.get("/readyz").0), (second.clone(), 200));
        fs::rename(&kept, folder.join("model")).expect("moved");
        until(&|| version() == first);
        // Each was told of once, however often the folder was looked at.
        assert!(failed(2));
        drop(stopping);
        let asked: u64 = clients.into_iter().map(|client| client.join().expect("all answered")).sum();
        assert!(asked > 0);
    });
}

#[cfg(unix)]
#[test]
fn an_end_under_load_loses_nothing_that_was_taken() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let folder = folder.path();
    train(folder, "model", "1");
    // Room for few texts, so that some are refused: that is an answer, too, and not a loss.
    let mut server = Server::start(folder, &["model", "--queue", "20", "--max-texts", "20"]);
    let texts: Vec<String> = (0..8).map(|i| format!("a warm and funny film, number {i}")).collect();
    let kinds = [
        ("/v1/classify", json!({ "texts": texts })),
        ("/v1/classify", json!({ "texts": texts })),
        ("/v1/trace", json!({ "text": texts[0], "membranes": true })),
        ("/v1/explain", json!({ "text": texts[1] })),
        ("/v1/attack", json!({ "text": texts[2] })),
    ];
    let begun = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> = (0..10)
        .map(|which| {
            let (path, body) = kinds[which % kinds.len()].clone();
            let (stream, body, begun) = (server.connect(), body.to_string(), Arc::clone(&begun));
            std::thread::spawn(move || {
                let mut stream = BufReader::new(stream);
                let (mut answered, mut refused) = (0, 0);
                // Until the server closes the connection.
                while request(stream.get_mut(), path, body.as_bytes(), "").is_ok() {
                    match answer(&mut stream) {
                        Ok((200, text)) => {
                            let answer: Value = serde_json::from_str(&text).expect("a whole answer");
                            let results = answer["results"].as_array().map(Vec::len);
                            assert!(path != "/v1/classify" || results == Some(8));
                            answered += 1;
                        }
                        Ok((status, text)) => {
                            assert!(status == 503 && text.contains("overloaded"), "{status} {text}");
                            refused += 1;
                        }
                        Err(_) => break,
                    }
                    begun.store(true, Ordering::Relaxed);
                }
                (answered, refused)
            })
        })
        .collect();
    while !begun.load(Ordering::Relaxed) {
        std::thread::yield_now();
    }
    server.terminate();
    let (mut answered, mut refused) = (0, 0);
    for client in clients {
        let (own, own_refused) = client.join().expect("a client");
        answered += own;
        refused += own_refused;
    }
    assert_eq!(server.child.wait().expect("an end").code(), Some(0));
    let lines = log(folder);
    let with =
        |status: u64| lines.iter().filter(|line| line["event"] == "request" && line["status"] == status).count();
    // Every request that the server took has its line, and every line its answer.
    assert_eq!((with(200), with(503)), (answered, refused));
    assert_eq!(lines.iter().filter(|line| line["event"] == "request").count(), answered + refused);
    assert!(answered > 0);
    assert_eq!(lines.last().map(|line| &line["event"]), Some(&json!("stopped")));
    assert!(TcpStream::connect(server.address).is_err(), "nobody listens any more");
}
