//! A growing window over a byte stream: whole records are taken from it, and stay in place until the next.

use std::io::{ErrorKind, Read};
use std::ops::Range;

/// How much is read at once.
const CHUNK: usize = 1 << 18;

#[derive(Debug)]
pub(super) struct Source<R> {
    reader: R,
    buffer: Vec<u8>,
    /// Valid bytes: `start..end`.
    start: usize,
    end: usize,
    /// Where the bytes last taken begin.
    last: usize,
    /// Bytes taken in all.
    offset: u64,
}

impl<R: Read> Source<R> {
    pub fn new(reader: R) -> Self {
        Self { reader, buffer: vec![0; CHUNK], start: 0, end: 0, last: 0, offset: 0 }
    }

    /// Position in the stream of the next byte to take.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// The next `len` bytes without taking them, `None` if the stream ends before.
    pub fn peek(&mut self, len: usize) -> std::io::Result<Option<&[u8]>> {
        Ok(if self.fill(len)? { Some(&self.buffer[self.start..self.start + len]) } else { None })
    }

    /// Takes the next `len` bytes, `None` (and nothing taken) if the stream ends before.
    pub fn take(&mut self, len: usize) -> std::io::Result<Option<&[u8]>> {
        if !self.fill(len)? {
            return Ok(None);
        }
        self.last = self.start;
        self.start += len;
        self.offset += len as u64;
        Ok(Some(&self.buffer[self.last..self.start]))
    }

    /// A part of the bytes last taken.
    pub fn last(&self, range: Range<usize>) -> &[u8] {
        &self.buffer[self.last + range.start..self.last + range.end]
    }

    /// Whether bytes remain that no record claimed.
    pub fn remains(&mut self) -> std::io::Result<bool> {
        self.fill(1)
    }

    fn fill(&mut self, len: usize) -> std::io::Result<bool> {
        if self.end - self.start >= len {
            return Ok(true);
        }
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        self.last = 0;
        if self.buffer.len() < len + CHUNK {
            self.buffer.resize(len + CHUNK, 0);
        }
        while self.end < len {
            match self.reader.read(&mut self.buffer[self.end..]) {
                Ok(0) => return Ok(false),
                Ok(read) => self.end += read,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }
}
