//! The spool: what waits for one sink, on disk, in the order it came.
//!
//! Owns its segments and how far they have been delivered; must not know what a sink is. A document is appended, synced,
//! read, and only then acknowledged, so that a crash at any moment repeats documents and loses none. The spool never
//! drops for lack of room: it says that it is full, and who fills it waits, because what it would take is still in the
//! store.

mod segment;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::item::Item;
use segment::{Reader, Segment};

/// A segment is closed at this size.
const SEGMENT_BYTES: u64 = 8 * 1024 * 1024;
/// The number of the next document to be delivered stands in this file.
const ACKNOWLEDGED: &str = "acknowledged";

/// A document and its number in the spool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Number, counted from 0 over the spool's whole life.
    pub number: u64,
    /// The document.
    pub item: Item,
}

/// Documents that wait.
#[derive(Debug)]
pub struct Spool {
    dir: PathBuf,
    max_bytes: u64,
    /// The oldest first; the last may be being written.
    segments: VecDeque<Segment>,
    writer: Option<File>,
    reader: Option<Reader>,
    /// Number of the next document to be delivered.
    acknowledged: u64,
    /// Number of the next document to be appended.
    next: u64,
    /// Documents that were lost to a damaged disk.
    damaged: u64,
}

impl Spool {
    /// Opens the spool in this directory, and makes it where there is none. What a crash cut off is removed; what a
    /// damaged disk made unreadable is counted.
    ///
    /// # Errors
    /// The directory cannot be made or read.
    pub fn open(dir: &Path, max_bytes: u64) -> io::Result<Self> {
        fs::create_dir_all(dir)?;
        let mut firsts: Vec<(u64, PathBuf)> = Vec::new();
        for entry in fs::read_dir(dir)? {
            let path = entry?.path();
            firsts.extend(segment::first_of(&path).map(|first| (first, path)));
        }
        firsts.sort();
        let acknowledged = fs::read_to_string(dir.join(ACKNOWLEDGED)).ok().and_then(|text| text.trim().parse().ok());
        let mut spool = Self {
            dir: dir.to_owned(),
            max_bytes,
            segments: VecDeque::new(),
            writer: None,
            reader: None,
            acknowledged: acknowledged.unwrap_or_else(|| firsts.first().map_or(0, |(first, _)| *first)),
            next: 0,
            damaged: 0,
        };
        let last = firsts.len().saturating_sub(1);
        for (place, (first, path)) in firsts.into_iter().enumerate() {
            spool.damaged += first.saturating_sub(spool.next.max(spool.acknowledged));
            let segment = Segment::scan(&path, first)?;
            if place == last {
                segment.cut()?;
            }
            spool.next = spool.next.max(first + segment.count);
            if segment.count == 0 {
                fs::remove_file(&segment.path)?;
            } else {
                spool.segments.push_back(segment);
            }
        }
        spool.next = spool.next.max(spool.acknowledged);
        spool.remove_delivered()?;
        Ok(spool)
    }

    /// Appends documents. They are safe once [`sync`](Self::sync) returned.
    ///
    /// # Errors
    /// The disk refuses; none, some or all of them were appended.
    pub fn append(&mut self, items: &[Item]) -> io::Result<()> {
        let encoded = items.iter().map(segment::encode).collect::<io::Result<Vec<_>>>()?;
        let (mut buffer, mut count) = (Vec::new(), 0);
        for bytes in encoded {
            let begun = self.segments.back().filter(|_| self.writer.is_some()).map_or(0, |last| last.bytes);
            let taken = begun + buffer.len() as u64;
            if taken > 0 && taken + bytes.len() as u64 > SEGMENT_BYTES {
                self.write(&buffer, count)?;
                self.begin()?;
                buffer.clear();
                count = 0;
            }
            buffer.extend(bytes);
            count += 1;
        }
        self.write(&buffer, count)
    }

    fn write(&mut self, bytes: &[u8], count: u64) -> io::Result<()> {
        if count == 0 {
            return Ok(());
        }
        if self.writer.is_none() {
            self.begin()?;
        }
        let (Some(file), Some(last)) = (&mut self.writer, self.segments.back_mut()) else { return Ok(()) };
        if let Err(error) = file.write_all(bytes) {
            // What was half written stays behind the last whole document; the next one begins a segment.
            self.writer = None;
            return Err(error);
        }
        last.bytes += bytes.len() as u64;
        last.count += count;
        self.next += count;
        Ok(())
    }

    /// Begins a segment with the next document.
    fn begin(&mut self) -> io::Result<()> {
        if let Some(file) = self.writer.take() {
            file.sync_data()?;
        }
        self.segments.retain(|segment| segment.count > 0);
        let path = segment::path(&self.dir, self.next);
        self.writer = Some(OpenOptions::new().create(true).truncate(true).write(true).open(&path)?);
        self.segments.push_back(Segment { path, first: self.next, count: 0, bytes: 0 });
        Ok(())
    }

    /// Makes what was appended safe.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn sync(&mut self) -> io::Result<()> {
        match &self.writer {
            Some(file) => file.sync_data(),
            None => Ok(()),
        }
    }

    /// The oldest documents that have not been acknowledged: at most `count`, and not many more than `bytes`. Reading
    /// changes nothing: until they are acknowledged the same are read again.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn read(&mut self, count: usize, bytes: usize) -> io::Result<Vec<Entry>> {
        let mut entries = Vec::new();
        let (mut number, mut taken) = (self.acknowledged, 0);
        while entries.len() < count && taken < bytes && number < self.next {
            let Some(segment) = self.segments.iter().find(|segment| number < segment.first + segment.count) else {
                break;
            };
            if number < segment.first {
                number = segment.first;
            }
            let ready = self.reader.take().filter(|reader| reader.is_at(segment, number));
            let mut reader = match ready {
                Some(reader) => reader,
                None => Reader::open(segment, number)?,
            };
            let Some((item, length)) = reader.next()? else {
                // Damaged since it was opened: the rest of this segment is lost.
                let end = segment.first + segment.count;
                self.damaged += end - number;
                number = end;
                if entries.is_empty() {
                    self.acknowledged = end;
                }
                continue;
            };
            entries.push(Entry { number, item });
            taken += length;
            number += 1;
            self.reader = Some(reader);
        }
        Ok(entries)
    }

    /// Everything before this number has been delivered.
    ///
    /// # Errors
    /// The disk refuses; the documents may be delivered once more.
    pub fn acknowledge(&mut self, before: u64) -> io::Result<()> {
        self.acknowledged = self.acknowledged.max(before.min(self.next));
        let path = self.dir.join(ACKNOWLEDGED);
        let temporary = path.with_extension("tmp");
        fs::write(&temporary, self.acknowledged.to_string())?;
        fs::rename(&temporary, &path)?;
        self.remove_delivered()
    }

    fn remove_delivered(&mut self) -> io::Result<()> {
        while let Some(oldest) = self.segments.front() {
            let whole = oldest.first + oldest.count <= self.acknowledged;
            let last = self.segments.len() == 1;
            // The one being written goes when it is large, so that a quiet spool keeps one small file.
            if !whole || (last && self.writer.is_some() && oldest.bytes < SEGMENT_BYTES / 8) {
                break;
            }
            fs::remove_file(&oldest.path)?;
            if last {
                self.writer = None;
            }
            self.segments.pop_front();
        }
        Ok(())
    }

    /// Documents that wait.
    pub fn waiting(&self) -> u64 {
        self.next - self.acknowledged
    }

    /// Disk space taken, bytes.
    pub fn bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.bytes).sum()
    }

    /// Disk space that it may take, bytes.
    pub fn max_bytes(&self) -> u64 {
        self.max_bytes
    }

    /// Whether what can wait elsewhere should.
    pub fn is_full(&self) -> bool {
        self.bytes() >= self.max_bytes
    }

    /// Documents that were lost to a damaged disk.
    pub fn damaged(&self) -> u64 {
        self.damaged
    }
}
