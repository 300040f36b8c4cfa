//! One file of the spool: documents one after the other, each with its length and checksum.
//!
//! A document is `length (u32) checksum (CRC-32, u32) bytes`, numbers big-endian.

use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, Read as _};
use std::path::{Path, PathBuf};

use crate::delivery::item::Item;

const EXTENSION: &str = "spool";
/// No document is larger.
const LARGEST: usize = 64 * 1024 * 1024;
const HEADER: usize = 8;

/// A file of documents.
#[derive(Debug, Clone)]
pub struct Segment {
    /// Where it is.
    pub path: PathBuf,
    /// Number of its first document.
    pub first: u64,
    /// Whole documents in it.
    pub count: u64,
    /// Bytes that they take.
    pub bytes: u64,
}

/// The file of the segment that begins with this document.
pub fn path(dir: &Path, first: u64) -> PathBuf {
    dir.join(format!("{first:020}.{EXTENSION}"))
}

/// Number of the first document of the segment in this file; `None` for other files.
pub fn first_of(path: &Path) -> Option<u64> {
    path.extension().filter(|extension| *extension == EXTENSION)?;
    path.file_stem()?.to_str()?.parse().ok()
}

/// A document's bytes.
pub fn encode(item: &Item) -> io::Result<Vec<u8>> {
    let bytes = postcard::to_stdvec(item).map_err(io::Error::other)?;
    if bytes.len() > LARGEST {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("document {} is too large", item.id)));
    }
    let length = u32::try_from(bytes.len()).map_err(io::Error::other)?;
    let mut buffer = Vec::with_capacity(HEADER + bytes.len());
    buffer.extend(length.to_be_bytes());
    buffer.extend(crc32fast::hash(&bytes).to_be_bytes());
    buffer.extend(bytes);
    Ok(buffer)
}

impl Segment {
    /// Reads a segment through and counts its whole documents.
    pub fn scan(path: &Path, first: u64) -> io::Result<Self> {
        let mut segment = Self { path: path.to_owned(), first, count: 0, bytes: 0 };
        let mut reader = Reader::new(&segment)?;
        while let Some((_, length)) = reader.next()? {
            segment.count += 1;
            segment.bytes += length as u64;
        }
        Ok(segment)
    }

    /// Removes what follows the last whole document.
    pub fn cut(&self) -> io::Result<()> {
        OpenOptions::new().write(true).open(&self.path)?.set_len(self.bytes)
    }
}

/// Reads the documents of a segment one by one.
#[derive(Debug)]
pub struct Reader {
    path: PathBuf,
    next: u64,
    file: BufReader<File>,
}

impl Reader {
    fn new(segment: &Segment) -> io::Result<Self> {
        let file = BufReader::with_capacity(256 * 1024, File::open(&segment.path)?);
        Ok(Self { path: segment.path.clone(), next: segment.first, file })
    }

    /// A reader that stands before this document of the segment.
    pub fn open(segment: &Segment, number: u64) -> io::Result<Self> {
        let mut reader = Self::new(segment)?;
        while reader.next < number {
            let mut length = [0; 4];
            reader.file.read_exact(&mut length)?;
            let length = i64::from(u32::from_be_bytes(length));
            reader.file.seek_relative(length + 4)?;
            reader.next += 1;
        }
        Ok(reader)
    }

    /// Whether the next document that it reads is this one.
    pub fn is_at(&self, segment: &Segment, number: u64) -> bool {
        self.next == number && self.path == segment.path
    }

    /// The next document and its length in the file; `None` where no whole one follows.
    pub fn next(&mut self) -> io::Result<Option<(Item, usize)>> {
        let mut header = [0; HEADER];
        match self.file.read_exact(&mut header) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            read => read?,
        }
        let [a, b, c, d, crc @ ..] = header;
        let length = u32::from_be_bytes([a, b, c, d]) as usize;
        if length > LARGEST {
            return Ok(None);
        }
        let mut bytes = Vec::new();
        (&mut self.file).take(length as u64).read_to_end(&mut bytes)?;
        if bytes.len() < length || crc32fast::hash(&bytes) != u32::from_be_bytes(crc) {
            return Ok(None);
        }
        self.next += 1;
        Ok(postcard::from_bytes(&bytes).ok().map(|item| (item, HEADER + length)))
    }
}
