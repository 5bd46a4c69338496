//! What a server is told when it starts: models and their names, limits, tokens.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::{Path, PathBuf},
    time::Duration,
};

use crate::tokens::Tokens;

/// A server.
#[derive(Clone, Debug)]
pub struct Options {
    /// The models; the first one answers requests that name none.
    pub models: Vec<Place>,
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// What requests may ask for.
    pub limits: Limits,
    /// Who may ask; anyone where there are none.
    pub tokens: Tokens,
    /// How long requests that were taken may go on once the server was told to stop.
    pub drain: Duration,
    /// How often the folders of the models are looked at.
    pub reload: Duration,
    /// Whether texts stand in the log.
    pub log_texts: bool,
    /// What the program was built from.
    pub build: String,
}

impl Options {
    /// A server of `models` with the usual limits, on a free port of this machine.
    #[must_use]
    pub fn new(models: Vec<Place>) -> Self {
        Self {
            models,
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            limits: Limits::default(),
            tokens: Tokens::default(),
            drain: Duration::from_secs(30),
            reload: Duration::from_secs(1),
            log_texts: false,
            build: format!("version {}", env!("CARGO_PKG_VERSION")),
        }
    }

    /// The beginning of the server's addresses, as they are from this machine.
    #[must_use]
    pub fn origin(&self) -> String {
        let mut address = self.listen;
        // What listens everywhere listens here.
        match address.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
            IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
            _ => {}
        }
        format!("http://{address}")
    }
}

/// What requests may ask for.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of a request's body.
    pub body: usize,
    /// Texts of a request.
    pub texts: usize,
    /// Bytes of a text.
    pub text: usize,
    /// Tokens of a text that is traced, or explained with words taken out; sixteen times as many are explained without.
    pub tokens: usize,
    /// Texts that wait for a model or are being labelled by it.
    pub queue: usize,
    /// How long a request may take, from its first byte to its answer.
    pub deadline: Duration,
    /// Connections at a time.
    pub connections: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body: 8 << 20,
            texts: 1024,
            text: 1 << 20,
            tokens: 256,
            queue: 4096,
            deadline: Duration::from_secs(30),
            connections: 4096,
        }
    }
}

/// A model's folder and the name under which it answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The name.
    pub name: String,
    /// The folder.
    pub folder: PathBuf,
}

impl Place {
    /// From `DIR` or `NAME=DIR`; the name of `DIR` alone is that of the folder.
    ///
    /// # Errors
    /// If the folder has no name, or the name is empty.
    pub fn parse(argument: &str) -> Result<Self, String> {
        let whole = Path::new(argument);
        match argument.split_once('=') {
            // A folder may have the sign in its name.
            Some((name, folder)) if !whole.is_dir() => {
                if name.is_empty() || folder.is_empty() {
                    return Err(format!("expected NAME=DIR with a name and a folder, got '{argument}'"));
                }
                Ok(Self { name: name.to_owned(), folder: folder.into() })
            }
            _ => {
                // `.` and `..` have the name of what they stand for.
                let named = match whole.file_name() {
                    Some(name) => Some(name.to_owned()),
                    None => whole.canonicalize().ok().and_then(|path| path.file_name().map(ToOwned::to_owned)),
                };
                let name = named.as_ref().and_then(|name| name.to_str());
                let name = name.ok_or_else(|| {
                    format!("expected a folder whose name is text (NAME=DIR gives another), got '{argument}'")
                })?;
                Ok(Self { name: name.to_owned(), folder: whole.to_owned() })
            }
        }
    }

    /// Refuses models of one name.
    ///
    /// # Errors
    /// Names both folders, and what helps.
    pub fn check_names(places: &[Self]) -> Result<(), String> {
        for (at, place) in places.iter().enumerate() {
            if let Some(other) = places[..at].iter().find(|other| other.name == place.name) {
                return Err(format!(
                    "expected models of different names, got '{}' for both {} and {} (NAME=DIR gives another name)",
                    place.name,
                    other.folder.display(),
                    place.folder.display()
                ));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_listens_everywhere_listens_here() {
        for (listen, origin) in [
            ("192.0.2.7:80", "http://192.0.2.7:80"),
            ("0.0.0.0:8080", "http://127.0.0.1:8080"),
            ("[::]:8080", "http://[::1]:8080"),
        ] {
            let options = Options { listen: listen.parse().expect("an address"), ..Options::new(Vec::new()) };
            assert_eq!(options.origin(), origin);
        }
    }

    #[test]
    fn names_are_those_of_folders_or_given() {
        let parsed = |argument| Place::parse(argument).map(|place| (place.name, place.folder));
        assert_eq!(parsed("runs/lean"), Ok(("lean".to_owned(), "runs/lean".into())));
        assert_eq!(parsed("runs/lean/"), Ok(("lean".to_owned(), "runs/lean/".into())));
        assert_eq!(parsed("best=runs/lean"), Ok(("best".to_owned(), "runs/lean".into())));
        assert!(parsed(".").is_ok_and(|(name, _)| !name.is_empty() && name != "."));
        assert!(parsed("=runs").is_err() && parsed("a=").is_err() && parsed("/").is_err());
        let places: Vec<Place> =
            ["a/lean", "b/lean"].into_iter().map(|place| Place::parse(place).expect("a place")).collect();
        assert!(Place::check_names(&places).is_err_and(|told| told.contains("NAME=DIR") && told.contains("a/lean")));
        assert_eq!(Place::check_names(&places[1..]), Ok(()));
    }
}
