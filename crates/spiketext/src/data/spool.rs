//! Bytes that are written once, one after the other, and read again in any order: in memory as long as they are few, then
//! in a temporary file, so that memory does not grow with them.
//!
//! The file has no name in its folder: it goes with the value, or with the process if that is killed. It is read by
//! positions and not mapped: resident memory stays what the program asked for, and a read that fails is an error and no
//! signal.

use std::{
    fs::File,
    io::{self, Write},
    ops::Range,
};

use crate::{Error, Result};

/// So many bytes stay in memory where nobody says how many.
pub const IN_MEMORY: usize = 64 << 20;

/// So many bytes are written at once.
const WRITTEN: usize = 1 << 20;

/// Bytes in the order in which they were added.
#[derive(Debug)]
pub struct Spool {
    /// Those that are in no file: all of them, or the last ones.
    tail: Vec<u8>,
    /// How many may be there before there is a file.
    limit: usize,
    file: Option<File>,
    /// Bytes in the file.
    written: u64,
}

impl Default for Spool {
    fn default() -> Self {
        Self::with_limit(IN_MEMORY)
    }
}

impl Spool {
    /// Nothing yet; the first `limit` bytes or so stay in memory.
    #[must_use]
    pub fn with_limit(limit: usize) -> Self {
        Self { tail: Vec::new(), limit, file: None, written: 0 }
    }

    /// How many bytes there are.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.written + self.tail.len() as u64
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether some lie in a file.
    #[must_use]
    pub fn is_in_file(&self) -> bool {
        self.file.is_some()
    }

    /// Adds bytes behind the others.
    ///
    /// # Errors
    /// If the folder for temporary files cannot take them.
    pub fn add(&mut self, bytes: &[u8]) -> Result<()> {
        self.tail.extend_from_slice(bytes);
        let most = if self.file.is_some() { WRITTEN } else { self.limit };
        if self.tail.len() > most {
            self.flush().map_err(explained).map_err(Error::write(std::env::temp_dir()))
        } else {
            Ok(())
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(tempfile::tempfile()?),
        };
        file.write_all(&self.tail)?;
        self.written += self.tail.len() as u64;
        self.tail.clear();
        self.tail.shrink_to(2 * WRITTEN);
        Ok(())
    }

    /// Puts the bytes at `range` into `out`, in place of what is there.
    ///
    /// # Errors
    /// If the file cannot be read.
    ///
    /// # Panics
    /// If there are not so many bytes.
    pub fn read(&self, range: Range<u64>, out: &mut Vec<u8>) -> Result<()> {
        assert!(range.start <= range.end && range.end <= self.len(), "{range:?} of {} bytes", self.len());
        out.clear();
        out.resize((range.end - range.start) as usize, 0);
        let in_file = range.start.min(self.written)..range.end.min(self.written);
        let (first, rest) = out.split_at_mut((in_file.end - in_file.start) as usize);
        if let (Some(file), false) = (&self.file, first.is_empty()) {
            read_exact_at(file, first, in_file.start).map_err(Error::read(std::env::temp_dir()))?;
        }
        let from = (range.start.max(self.written) - self.written) as usize;
        rest.copy_from_slice(&self.tail[from..][..rest.len()]);
        Ok(())
    }
}

/// What the system said of a write, and what helps.
fn explained(cause: io::Error) -> io::Error {
    let told = format!("{cause} (what is too large for memory waits in this folder; $TMPDIR names another)");
    io::Error::new(cause.kind(), told)
}

#[cfg(unix)]
fn read_exact_at(file: &File, bytes: &mut [u8], position: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, bytes, position)
}

#[cfg(windows)]
fn read_exact_at(file: &File, mut bytes: &mut [u8], mut position: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        match std::os::windows::fs::FileExt::seek_read(file, bytes, position)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            read => (bytes, position) = (&mut bytes[read..], position + read as u64),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Wherever the bytes lie, they are those that were added.
        #[test]
        fn bytes_come_back_from_memory_and_file(
            parts in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 0..40),
            limit in 0usize..600,
            at in any::<(prop::sample::Index, prop::sample::Index)>(),
        ) {
            let mut spool = Spool::with_limit(limit);
            for part in &parts {
                spool.add(part).unwrap();
            }
            let all = parts.concat();
            prop_assert_eq!(spool.len(), all.len() as u64);
            prop_assert_eq!(spool.is_in_file(), all.len() > limit);
            let [a, b] = [at.0, at.1].map(|index| index.index(all.len() + 1));
            let range = a.min(b)..a.max(b);
            let mut read = vec![1, 2, 3];
            spool.read(range.start as u64..range.end as u64, &mut read).unwrap();
            prop_assert_eq!(&read[..], &all[range]);
        }
    }

    #[test]
    fn many_bytes_take_little_memory() {
        let mut spool = Spool::with_limit(100);
        for number in 0..2_000_000u32 {
            spool.add(&number.to_le_bytes()).unwrap();
        }
        assert!(spool.tail.capacity() <= 4 * WRITTEN, "{}", spool.tail.capacity());
        let mut read = Vec::new();
        for number in [0, 1, 262_143, 262_144, 1_999_999u32] {
            spool.read(u64::from(number) * 4..u64::from(number) * 4 + 4, &mut read).unwrap();
            assert_eq!(read, number.to_le_bytes());
        }
    }
}
