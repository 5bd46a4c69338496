//! A web server of the tests' own on this machine, which keeps to HTTP or breaks it as a test wants.

// Each test file is a program that uses its own part of this.
#![allow(dead_code)]

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex, PoisonError},
};

/// What a client asked for.
#[derive(Clone, Debug)]
pub struct Request {
    /// The path, with its `/`.
    pub path: String,
    /// Headers by their names in lower case.
    pub headers: BTreeMap<String, String>,
    /// How many requests came before this one.
    pub before: usize,
}

impl Request {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }
}

/// What the server says.
#[derive(Clone, Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// So many bytes of the body are sent before the connection is closed.
    pub cut: Option<usize>,
    /// Whether to tell the length of the body.
    pub tells_length: bool,
}

impl Reply {
    pub fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self { status, headers: Vec::new(), body: body.into(), cut: None, tells_length: true }
    }

    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    #[must_use]
    pub fn cut(mut self, bytes: usize) -> Self {
        self.cut = Some(bytes);
        self
    }

    #[must_use]
    pub fn without_length(mut self) -> Self {
        self.tells_length = false;
        self
    }

    /// A file as good servers give it: whole, or from where it is asked for if it is still called `tag`.
    pub fn file(request: &Request, content: &[u8], tag: &str) -> Self {
        let start = request.header("range").and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-'));
        let start = start.map(|start| start.parse::<usize>().expect("a number"));
        match start.filter(|_| request.header("if-range").is_none_or(|asked| asked == tag)) {
            Some(start) if start >= content.len() => {
                Self::new(416, "").header("Content-Range", &format!("bytes */{}", content.len()))
            }
            Some(start) => {
                let range = format!("bytes {start}-{}/{}", content.len() - 1, content.len());
                Self::new(206, &content[start..]).header("Content-Range", &range).header("ETag", tag)
            }
            None => Self::new(200, content).header("ETag", tag),
        }
    }
}

/// A server, and what it was asked.
pub struct Server {
    /// `http://127.0.0.1:PORT`.
    pub address: String,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    /// Begins to serve until the test program ends.
    pub fn start(answer: impl Fn(&Request) -> Reply + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = format!("http://{}", listener.local_addr().expect("an address"));
        let requests = Arc::<Mutex<Vec<Request>>>::default();
        let log = Arc::clone(&requests);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let before = log.lock().unwrap_or_else(PoisonError::into_inner).len();
                if let Some(request) = read(&stream, before) {
                    log.lock().unwrap_or_else(PoisonError::into_inner).push(request.clone());
                    // A client that hangs up is part of the tests.
                    let _ = send(&stream, &answer(&request));
                }
            }
        });
        Self { address, requests }
    }

    /// Serves files by their paths; everything else is 404.
    pub fn of(files: impl IntoIterator<Item = (&'static str, Vec<u8>)>) -> Self {
        let files: BTreeMap<&str, Vec<u8>> = files.into_iter().collect();
        Self::start(move |request| match files.get(request.path.as_str()) {
            Some(content) => Reply::file(request, content, "\"1\""),
            None => Reply::new(404, "no such file"),
        })
    }

    /// What was asked so far.
    pub fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The `Range` of each request so far.
    pub fn ranges(&self) -> Vec<Option<String>> {
        self.requests().iter().map(|request| request.header("range").map(str::to_owned)).collect()
    }
}

fn read(stream: &TcpStream, before: usize) -> Option<Request> {
    let mut lines = BufReader::new(stream).lines();
    let path = lines.next()?.ok()?.split(' ').nth(1)?.to_owned();
    let mut headers = BTreeMap::new();
    while let Some(Ok(line)) = lines.next() {
        match line.split_once(':') {
            Some((name, value)) => headers.insert(name.to_ascii_lowercase(), value.trim().to_owned()),
            None => break,
        };
    }
    Some(Request { path, headers, before })
}

fn send(mut stream: &TcpStream, reply: &Reply) -> std::io::Result<()> {
    let mut head = format!("HTTP/1.1 {} x\r\nConnection: close\r\n", reply.status);
    for (name, value) in &reply.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    if reply.tells_length {
        head.push_str(&format!("Content-Length: {}\r\n", reply.body.len()));
    }
    stream.write_all(head.as_bytes())?;
    stream.write_all(b"\r\n")?;
    stream.write_all(&reply.body[..reply.cut.unwrap_or(reply.body.len())])?;
    stream.flush()
}
