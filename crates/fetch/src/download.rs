//! One file from the network: asked for, taken up again where it broke off, compared with what is known of it.

use std::{
    fmt,
    io::{self, Read},
    path::Path,
    time::Duration,
};

use ureq::{
    Agent, Body,
    http::{HeaderMap, Response, StatusCode, header},
};

use crate::{Error, Remote, Result, part::Part};

/// A file of unknown size may have this many bytes.
const MOST_UNKNOWN: u64 = 64 << 20;

/// So many bytes are progress: after them the count of failures begins again.
const PROGRESS: u64 = 1 << 20;

/// The longest pause between two tries.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// What a caller may show while a file comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// A server begins to send.
    Begun {
        /// The address that was asked.
        url: &'a str,
        /// How many bytes were there already.
        from: u64,
        /// The size of the whole file, if the server or the catalogue tells it.
        total: Option<u64>,
    },
    /// So many more bytes are there.
    Received {
        /// Bytes since the event before.
        bytes: u64,
    },
    /// The connection broke or the server is in trouble; there will be another try.
    Retrying {
        /// What broke it, in words.
        cause: &'a str,
        /// How long the pause is.
        pause: Duration,
    },
}

/// Brings files. Proxies are those of the environment (`ALL_PROXY`, `HTTPS_PROXY`, `HTTP_PROXY`, `NO_PROXY`); a
/// server on this machine is never asked through one.
pub struct Downloader {
    agent: Agent,
    direct: Agent,
    tries: u32,
    pause: Duration,
}

impl fmt::Debug for Downloader {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Downloader").field("tries", &self.tries).field("pause", &self.pause).finish()
    }
}

impl Default for Downloader {
    fn default() -> Self {
        Self::new(5, Duration::from_secs(1))
    }
}

/// Why a try brought no file.
enum Failure {
    /// Another try would end the same way. What has come stays, for a later run.
    Final(Error),
    /// What came is not the file: it goes.
    Wrong(Error),
    /// Another try may do.
    Passing(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Final(error)
    }
}

impl Downloader {
    /// Gives up after `tries` failures in a row without progress; waits `pause` after the first, then twice as long
    /// each.
    #[must_use]
    pub fn new(tries: u32, pause: Duration) -> Self {
        let config = || {
            Agent::config_builder()
                .http_status_as_error(false)
                // The bytes as they are: they are what the sum is of.
                .accept_encoding("identity")
                .user_agent(concat!("spiketext/", env!("CARGO_PKG_VERSION")))
                .timeout_connect(Some(Duration::from_secs(30)))
                .timeout_recv_response(Some(Duration::from_secs(60)))
                .timeout_per_read(Some(Duration::from_secs(60)))
        };
        let direct = config().proxy(None).build().new_agent();
        Self { agent: config().build().new_agent(), direct, tries: tries.max(1), pause }
    }

    /// Brings `remote` to `target`, whose folder exists. A file that is there is replaced once the new one is whole.
    ///
    /// What has come of a file lies in `target` + `.part` until it is whole. A later call goes on from there, if the
    /// address is the same and the server or the sum tells that the file is too.
    ///
    /// # Errors
    /// A server that cannot be reached or does not give the file; a connection that breaks too often; another size or
    /// sum than the known one (nothing is left then); a folder that cannot be written (a full disk leaves the part).
    pub fn download(&self, remote: &Remote, target: &Path, observe: &mut dyn FnMut(Event)) -> Result<()> {
        self.bring(remote, target, observe)?.keep()
    }

    /// As [`Self::download`], but leaves the whole file in its part.
    pub(crate) fn bring(&self, remote: &Remote, target: &Path, observe: &mut dyn FnMut(Event)) -> Result<Part> {
        let mut part = Part::open(remote, target)?;
        let (mut failures, mut reached) = (0, false);
        loop {
            let before = part.length();
            let failure = match self.attempt(remote, &mut part, &mut reached, observe) {
                Ok(()) => return Ok(part),
                Err(failure) => failure,
            };
            if part.length() >= before.saturating_add(PROGRESS) {
                failures = 0;
            }
            failures += 1;
            match failure {
                Failure::Passing(error) if failures < self.tries => {
                    let pause = self.pause.saturating_mul(1 << (failures - 1).min(16)).min(LONGEST_PAUSE);
                    observe(Event::Retrying { cause: &error.to_string(), pause });
                    std::thread::sleep(pause);
                }
                Failure::Wrong(error) | Failure::Passing(error @ Error::Size { .. }) => {
                    part.discard()?;
                    return Err(error);
                }
                Failure::Final(error) | Failure::Passing(error) => {
                    part.leave();
                    return Err(error);
                }
            }
        }
    }

    /// Asks once for what is missing of `part`.
    fn attempt(
        &self,
        remote: &Remote,
        part: &mut Part,
        reached: &mut bool,
        observe: &mut dyn FnMut(Event),
    ) -> std::result::Result<(), Failure> {
        if remote.bytes.is_some_and(|bytes| part.length() > bytes) {
            part.restart()?;
        }
        if part.length() == 0 || remote.bytes != Some(part.length()) {
            let response = self.ask(remote, part).map_err(|error| unreached(remote, &error, *reached))?;
            *reached = true;
            let total = self.accept(remote, part, &response)?;
            observe(Event::Begun { url: &remote.shown(), from: part.length(), total });
            receive(remote, part, response, total, observe)?;
        }
        match remote.sha256 {
            Some(expected) if part.sum() != expected => {
                let got = part.sum();
                let error = Error::Sum { what: remote.shown(), expected: expected.to_owned(), got };
                if part.mixed {
                    // The pieces may be of two versions.
                    part.restart()?;
                    return Err(Failure::Passing(error));
                }
                Err(Failure::Wrong(error))
            }
            _ => Ok(()),
        }
    }

    /// Sends the request.
    fn ask(&self, remote: &Remote, part: &Part) -> std::result::Result<Response<Body>, ureq::Error> {
        let agent = if is_on_this_machine(&remote.shown()) { &self.direct } else { &self.agent };
        let mut request = agent.get(remote.url.as_ref());
        if part.length() > 0 {
            request = request.header(header::RANGE, format!("bytes={}-", part.length()));
            if !part.validator().is_empty() {
                request = request.header(header::IF_RANGE, part.validator());
            }
        }
        request.call()
    }

    /// Looks at the head of an answer and makes `part` ready for its body; returns the size of the whole file.
    fn accept(
        &self,
        remote: &Remote,
        part: &mut Part,
        response: &Response<Body>,
    ) -> std::result::Result<Option<u64>, Failure> {
        let status = response.status();
        let refused = || Error::Status { url: remote.shown(), status: status.as_u16() };
        match status {
            StatusCode::OK => part.begin(&remote.shown(), validator(response.headers()))?,
            StatusCode::PARTIAL_CONTENT if part.length() > 0 => {
                let range = response.headers().get(header::CONTENT_RANGE).and_then(|range| range.to_str().ok());
                let fits = range.and_then(content_range).is_some_and(|(start, total)| {
                    start == part.length() && (total.is_none() || remote.bytes.is_none() || total == remote.bytes)
                });
                if !fits {
                    part.restart()?;
                    return Err(Failure::Passing(refused()));
                }
                part.mixed = true;
            }
            StatusCode::RANGE_NOT_SATISFIABLE if part.length() > 0 => {
                part.restart()?;
                return Err(Failure::Passing(refused()));
            }
            StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS => return Err(Failure::Passing(refused())),
            _ if status.is_server_error() => return Err(Failure::Passing(refused())),
            _ => return Err(Failure::Final(refused())),
        }
        let total = response.body().content_length().map(|length| part.length().saturating_add(length));
        match (remote.bytes, total) {
            (Some(bytes), Some(total)) if bytes != total => {
                Err(Failure::Wrong(wrong_size(remote, total.to_string())))
            }
            (None, Some(total)) if total > MOST_UNKNOWN => Err(Failure::Wrong(wrong_size(remote, total.to_string()))),
            (bytes, total) => Ok(bytes.or(total)),
        }
    }
}

/// Reads the body of an answer into `part`.
fn receive(
    remote: &Remote,
    part: &mut Part,
    response: Response<Body>,
    total: Option<u64>,
    observe: &mut dyn FnMut(Event),
) -> std::result::Result<(), Failure> {
    let most = total.unwrap_or(MOST_UNKNOWN);
    // Longer than ureq's own limit, which is not the limit here.
    let mut body = response.into_body().into_with_config().limit(u64::MAX).reader();
    let mut buffer = vec![0; 1 << 16];
    loop {
        let read = match body.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(unreached(remote, &error.into(), true)),
        };
        if part.length() + read as u64 > most {
            return Err(Failure::Wrong(wrong_size(remote, format!("more than {most}"))));
        }
        part.add(&buffer[..read])?;
        observe(Event::Received { bytes: read as u64 });
    }
    match total {
        // An answer that does not tell its length ends like one that broke off.
        Some(total) if part.length() < total => Err(Failure::Passing(wrong_size(remote, part.length().to_string()))),
        _ => Ok(()),
    }
}

/// The size that was expected, and `got`.
fn wrong_size(remote: &Remote, got: String) -> Error {
    let expected = match remote.bytes {
        Some(bytes) => format!("{bytes} bytes"),
        None => format!("at most {MOST_UNKNOWN} bytes"),
    };
    Error::Size { what: remote.shown(), expected, got }
}

/// What a failed request or connection means. Where no server was `reached` before, none is likely to be in a moment.
fn unreached(remote: &Remote, error: &ureq::Error, reached: bool) -> Failure {
    let cause = match error {
        ureq::Error::HostNotFound => "the host is not known (is there a network?)".to_owned(),
        ureq::Error::Timeout(_) => "no answer in time".to_owned(),
        ureq::Error::ConnectionFailed => "no connection (is there a network?)".to_owned(),
        ureq::Error::Io(error) if reached || has_met_a_server(error) => error.to_string(),
        // A name that nobody knows comes here too: the system's words for it have no kind of their own.
        ureq::Error::Io(error) => format!("{error} (is there a network?)"),
        other => other.to_string(),
    };
    let is_passing = match error {
        ureq::Error::HostNotFound | ureq::Error::ConnectionFailed | ureq::Error::ConnectProxyFailed(_) => reached,
        ureq::Error::Io(error) => {
            reached || has_met_a_server(error) && error.kind() != io::ErrorKind::ConnectionRefused
        }
        ureq::Error::Timeout(_) | ureq::Error::Protocol(_) | ureq::Error::BodyStalled => true,
        _ => false,
    };
    let error = Error::Network { url: remote.shown(), cause };
    if is_passing { Failure::Passing(error) } else { Failure::Final(error) }
}

/// Whether an error of the system is one of a server that was found, however it then behaved.
fn has_met_a_server(error: &io::Error) -> bool {
    use io::ErrorKind::{
        BrokenPipe, ConnectionAborted, ConnectionRefused, ConnectionReset, InvalidData, TimedOut, UnexpectedEof,
    };
    matches!(
        error.kind(),
        BrokenPipe | ConnectionAborted | ConnectionRefused | ConnectionReset | InvalidData | TimedOut | UnexpectedEof
    )
}

/// What a server calls this version of the file, if it can be asked for again by that: a strong entity tag or a date.
fn validator(headers: &HeaderMap) -> &str {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let tag = text(header::ETAG).filter(|tag| tag.starts_with('"'));
    tag.or_else(|| text(header::LAST_MODIFIED)).unwrap_or_default()
}

/// The first byte and the size of the whole in `bytes 5-9/10`.
fn content_range(value: &str) -> Option<(u64, Option<u64>)> {
    let (range, total) = value.strip_prefix("bytes ")?.split_once('/')?;
    let start = range.split_once('-')?.0.trim().parse().ok()?;
    match total.trim() {
        "*" => Some((start, None)),
        total => Some((start, Some(total.parse().ok()?))),
    }
}

/// Whether an address is one of this machine's.
fn is_on_this_machine(url: &str) -> bool {
    let Some((_, rest)) = url.split_once("://") else { return false };
    let host = rest.split(['/', '?']).next().unwrap_or_default();
    let host = if host.starts_with('[') { host.split(']').next() } else { host.split(':').next() };
    matches!(host, Some("localhost" | "127.0.0.1" | "[::1"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read() {
        assert_eq!(content_range("bytes 5-9/10"), Some((5, Some(10))));
        assert_eq!(content_range("bytes 0-0/*"), Some((0, None)));
        for wrong in ["", "5-9/10", "bytes */10", "bytes 5/10", "bytes 5-9", "bytes 5-9/x", "bytes -1-9/10"] {
            assert_eq!(content_range(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn versions_have_strong_names_or_dates() {
        let headers = |pairs: &[(header::HeaderName, &'static str)]| -> HeaderMap {
            pairs.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect()
        };
        assert_eq!(validator(&headers(&[(header::ETAG, "\"a\""), (header::LAST_MODIFIED, "then")])), "\"a\"");
        assert_eq!(validator(&headers(&[(header::ETAG, "W/\"a\""), (header::LAST_MODIFIED, "then")])), "then");
        assert_eq!(validator(&headers(&[(header::ETAG, "W/\"a\"")])), "");
    }

    #[test]
    fn this_machine_is_known_by_its_names() {
        for url in ["http://localhost/x", "http://127.0.0.1:8000/x", "http://[::1]:80/x"] {
            assert!(is_on_this_machine(url), "{url}");
        }
        for url in ["http://localhost.example/x", "https://example.org/localhost", "localhost", "http://[::2]/"] {
            assert!(!is_on_this_machine(url), "{url}");
        }
    }
}
