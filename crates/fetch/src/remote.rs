//! A file on the network and what is known of it.

use std::borrow::Cow;

use crate::{Error, Result};

/// A file on the network. Of most the size and the sum are known, so that no server has to be trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remote {
    /// Its address, `http://` or `https://`.
    pub url: Cow<'static, str>,
    /// Its size in bytes, if that is known.
    pub bytes: Option<u64>,
    /// Its SHA-256 in lower-case hexadecimal digits, if that is known.
    pub sha256: Option<&'static str>,
}

impl Remote {
    /// A file of known size and sum.
    #[must_use]
    pub const fn new(url: &'static str, bytes: u64, sha256: &'static str) -> Self {
        Self { url: Cow::Borrowed(url), bytes: Some(bytes), sha256: Some(sha256) }
    }

    /// A file whose size and sum nobody published; what is in it must be checked.
    #[must_use]
    pub const fn unchecked(url: &'static str) -> Self {
        Self { url: Cow::Borrowed(url), bytes: None, sha256: None }
    }

    /// The last component of the address: what the file is called.
    #[must_use]
    pub fn file_name(&self) -> &str {
        self.url.rsplit('/').next().unwrap_or_default()
    }

    /// The address without the name and the password that may stand in it, to be shown and stored.
    #[must_use]
    pub fn shown(&self) -> String {
        let Some((scheme, rest)) = self.url.split_once("://") else { return self.url.to_string() };
        let host = rest.split(['/', '?']).next().unwrap_or_default();
        let secret = host.rfind('@').map_or(0, |at| at + 1);
        format!("{scheme}://{}", &rest[secret..])
    }

    /// The same file below another address; itself without a mirror.
    ///
    /// ```
    /// let file = spiketext_fetch::Remote::unchecked("https://example.org/some/where/a.zip");
    /// assert_eq!(file.at(Some("http://localhost:8000/sets/"))?.url, "http://localhost:8000/sets/a.zip");
    /// # Ok::<(), spiketext_fetch::Error>(())
    /// ```
    ///
    /// # Errors
    /// A mirror whose address does not begin with `http://` or `https://` and a host, or has a query.
    pub fn at(&self, mirror: Option<&str>) -> Result<Self> {
        let Some(mirror) = mirror else { return Ok(self.clone()) };
        let host = mirror.strip_prefix("http://").or_else(|| mirror.strip_prefix("https://"));
        let is_plain = |host: &str| {
            let folder = !host.contains(['?', '#', '\\']) && !host.contains(|c: char| c.is_control() || c == ' ');
            folder && !host.starts_with(['/', ':'])
        };
        if host.is_none_or(|host| host.is_empty() || !is_plain(host)) {
            return Err(Error::Invalid {
                operation: "fetch from a mirror",
                expected: "an address like http://HOST/FOLDER".to_owned(),
                got: format!("'{mirror}'"),
            });
        }
        let url = format!("{}/{}", mirror.trim_end_matches('/'), self.file_name());
        Ok(Self { url: Cow::Owned(url), ..self.clone() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_not_shown() {
        let shown = |url: &'static str| Remote::unchecked(url).shown();
        assert_eq!(shown("http://me:secr@et@host:80/a@b.csv"), "http://host:80/a@b.csv");
        assert_eq!(shown("https://host/a@b?c@d"), "https://host/a@b?c@d");
        assert_eq!(shown("no address"), "no address");
    }

    #[test]
    fn mirrors_are_folders_on_the_web() {
        let file = Remote::unchecked("https://example.org/a/b.csv");
        assert_eq!(file.at(None).unwrap(), file);
        assert_eq!(file.at(Some("https://mirror.example//")).unwrap().url, "https://mirror.example/b.csv");
        for mirror in
            ["", "http://", "ftp://host/", "/data", "http:///x", "http://h/?file=", "http://h/a b", "http://:80"]
        {
            let error = file.at(Some(mirror)).unwrap_err().to_string();
            assert!(error.ends_with(&format!("got '{mirror}'")), "{error}");
        }
    }
}
