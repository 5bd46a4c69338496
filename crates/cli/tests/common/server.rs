//! A server as it is started, and clients of it.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
    time::Duration,
};

use serde_json::Value;

use super::{spiketext, succeeds};

/// What hangs fails; nothing else is decided by time.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// A server that ends with the value.
pub struct Server {
    pub child: Child,
    pub address: SocketAddr,
    /// The lines after the first.
    pub rest: BufReader<ChildStdout>,
}

impl Server {
    pub fn start(folder: &Path, arguments: &[&str]) -> Self {
        Self::of(spiketext(folder, &[&["serve", "--listen", "127.0.0.1:0"], arguments].concat()), folder)
    }

    /// With a command of one's own; the log goes to `log` in `folder`.
    pub fn of(command: Command, folder: &Path) -> Self {
        Self::logging(command, fs::File::create(folder.join("log")).expect("a log"))
    }

    /// With a log of one's own.
    pub fn logging(mut command: Command, log: fs::File) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(log).spawn().expect("started");
        let mut rest = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut line = String::new();
        rest.read_line(&mut line).expect("a line");
        let address = line.trim().strip_prefix("listening on http://").and_then(|address| address.parse().ok());
        let address = address.unwrap_or_else(|| panic!("{command:?}: {line}"));
        Self { child, address, rest }
    }

    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).expect("a connection");
        stream.set_read_timeout(Some(PATIENCE)).expect("a limit");
        stream
    }

    pub fn get(&self, path: &str) -> (u16, String) {
        let mut stream = self.connect();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n").expect("sent");
        answer(&mut BufReader::new(stream)).expect("an answer")
    }

    pub fn post(&self, path: &str, body: impl AsRef<[u8]>) -> (u16, String) {
        let mut stream = self.connect();
        request(&mut stream, path, body.as_ref(), "Connection: close\r\n").expect("sent");
        answer(&mut BufReader::new(stream)).expect("an answer")
    }

    pub fn post_json(&self, path: &str, body: &Value) -> Value {
        let (status, text) = self.post(path, body.to_string());
        assert_eq!(status, 200, "{text}");
        serde_json::from_str(&text).expect("JSON")
    }

    /// Connections that are open, as the server counts them; that of the question is one.
    pub fn connections(&self) -> usize {
        let told = self.get("/metrics").1;
        let line = told.lines().find(|line| line.starts_with("spiketext_connections")).expect("a count");
        line.rsplit(' ').next().and_then(|count| count.parse().ok()).expect("a number")
    }

    /// Asks the server to end.
    #[cfg(unix)]
    pub fn terminate(&self) {
        let killed = Command::new("kill").arg("-TERM").arg(self.child.id().to_string()).status().expect("kill");
        assert!(killed.success());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The bytes of a request.
pub fn request_bytes(path: &str, body: &[u8], more: &str) -> Vec<u8> {
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\n{more}Content-Length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

pub fn request(stream: &mut TcpStream, path: &str, body: &[u8], more: &str) -> std::io::Result<()> {
    stream.write_all(&request_bytes(path, body, more))
}

/// The next answer of a connection; an error where it does not come whole.
pub fn answer(stream: &mut BufReader<TcpStream>) -> std::io::Result<(u16, String)> {
    let ends = || std::io::Error::from(std::io::ErrorKind::UnexpectedEof);
    let (mut status, mut length) = (None, 0);
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line)? == 0 {
            return Err(ends());
        }
        let line = line.trim_end().to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if status.is_none() {
            status = line.split(' ').nth(1).and_then(|status| status.parse().ok());
        }
        if let Some(value) = line.strip_prefix("content-length: ") {
            length = value.parse().map_err(|_| ends())?;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    Ok((status.ok_or_else(ends)?, String::from_utf8_lossy(&body).into_owned()))
}

/// A small model of built-in reviews.
pub fn train(folder: &Path, out: &str, seed: &str) {
    let small = ["train", "--set", "network.filters=8", "--set", "dnn.epochs=2", "--set", "fine-tuning.epochs=0"];
    succeeds(folder, &[&small[..], &["--seed", seed, "--out", out]].concat());
}

/// The whole lines of the log.
pub fn log(folder: &Path) -> Vec<Value> {
    let text = fs::read_to_string(folder.join("log")).expect("a log");
    let (whole, _) = text.rsplit_once('\n').unwrap_or_default();
    whole.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}
