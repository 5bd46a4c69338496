//! Packed files, whoever reads them: bounded, and with errors that say it was the unpacking that failed.

use std::io::{self, Read};

/// The most bytes that a packed file may unpack to: three times the largest sets of word vectors there are. A few kilobytes
/// can pack any number of bytes; a file that is not packed is as large as it is, and has no limit.
const MOST_UNPACKED: u64 = 64 << 30;

/// A decoder that gives so many bytes at most, and whose errors say that they come from unpacking: "unexpected end of
/// file" alone would blame the wrong file.
pub(crate) struct Unpacked<R> {
    decoder: R,
    most: u64,
    left: u64,
}

impl<R: Read> Unpacked<R> {
    pub(crate) fn new(decoder: R) -> Self {
        Self::with_limit(decoder, MOST_UNPACKED)
    }

    pub(crate) fn with_limit(decoder: R, most: u64) -> Self {
        Self { decoder, most, left: most }
    }
}

impl<R: Read> Read for Unpacked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.decoder.read(buffer).map_err(|fault| {
            if fault.kind() == io::ErrorKind::Interrupted {
                return fault;
            }
            io::Error::new(fault.kind(), format!("the compressed data is damaged or cut short ({fault})"))
        })?;
        self.left = self.left.checked_sub(read as u64).ok_or_else(|| {
            let message = format!(
                "expected at most {} bytes once it is unpacked, got more; unpack it first to read it all the same",
                self.most
            );
            io::Error::new(io::ErrorKind::FileTooLarge, message)
        })?;
        Ok(read)
    }
}
