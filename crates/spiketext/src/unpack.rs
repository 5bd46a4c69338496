//! Packed files, whoever reads them: told by their first bytes, bounded, and with errors that say it was the unpacking
//! that failed.

use std::io::{self, BufRead, Read};

/// The most bytes that a packed file may unpack to: three times the largest sets of word vectors there are. A few kilobytes
/// can pack any number of bytes; a file that is not packed is as large as it is, and has no limit.
const MOST_UNPACKED: u64 = 64 << 30;

/// How many of the first bytes of a file [`opened`] looks at.
pub(crate) const MAGIC: usize = 6;

/// The most memory that xz may ask for, in KiB: sixteen times what its strongest preset needs.
const MOST_XZ_MEMORY: u32 = 1 << 20;

/// The content of a file that begins with `magic`, whose bytes `whole` gives from the beginning: unpacked if it is
/// packed with gzip, zstd, bzip2 or xz, else as it is.
///
/// # Errors
/// If a decoder cannot be made.
pub(crate) fn opened<'a>(magic: &[u8], whole: impl BufRead + 'a) -> io::Result<Box<dyn Read + 'a>> {
    Ok(match magic {
        [0x1f, 0x8b, ..] => Box::new(Unpacked::new("gzip", flate2::bufread::MultiGzDecoder::new(whole))),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => {
            Box::new(Unpacked::new("zstd", zstd::stream::read::Decoder::with_buffer(whole)?))
        }
        // A file that begins with a word such as BZhang has no digit there.
        [b'B', b'Z', b'h', b'1'..=b'9', 0x31 | 0x17, _] => {
            Box::new(Unpacked::new("bzip2", bzip2::bufread::MultiBzDecoder::new(whole)))
        }
        [0xfd, b'7', b'z', b'X', b'Z', 0] => {
            Box::new(Unpacked::new("xz", lzma_rust2::XzReader::new_mem_limit(whole, true, MOST_XZ_MEMORY)))
        }
        _ => Box::new(whole),
    })
}

/// A decoder that gives so many bytes at most, and whose errors say that they come from unpacking: "unexpected end of
/// file" alone would blame the wrong file.
pub(crate) struct Unpacked<R> {
    form: &'static str,
    decoder: R,
    most: u64,
    left: u64,
}

impl<R: Read> Unpacked<R> {
    /// What `decoder` makes of data in the form of that name.
    pub(crate) fn new(form: &'static str, decoder: R) -> Self {
        Self::with_limit(form, decoder, MOST_UNPACKED)
    }

    pub(crate) fn with_limit(form: &'static str, decoder: R, most: u64) -> Self {
        Self { form, decoder, most, left: most }
    }
}

impl<R: Read> Read for Unpacked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.decoder.read(buffer).map_err(|fault| {
            if fault.kind() == io::ErrorKind::Interrupted {
                return fault;
            }
            let told = format!("the compressed data is damaged or cut short ({}: {fault})", self.form);
            io::Error::new(fault.kind(), told)
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
