//! A server as it is started.

use std::{
    fs,
    io::{BufRead, BufReader},
    net::SocketAddr,
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
};

use super::spiketext;

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
    pub fn of(mut command: Command, folder: &Path) -> Self {
        let log = fs::File::create(folder.join("log")).expect("a log");
        let mut child = command.stdout(Stdio::piped()).stderr(log).spawn().expect("started");
        let mut rest = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut line = String::new();
        rest.read_line(&mut line).expect("a line");
        let address = line.trim().strip_prefix("listening on http://").and_then(|address| address.parse().ok());
        let address = address.unwrap_or_else(|| panic!("{line}: {:?}", fs::read_to_string(folder.join("log"))));
        Self { child, address, rest }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
