//! NDJSON files: one document a line, its id under `_id`, in files that are closed when they are large.
//!
//! Owns the names `<kind>-<number>.ndjson` in its directory and removes the oldest. Lines are whole: what a crash cut off
//! is removed before more is written.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use futures::FutureExt as _;
use futures::future::BoxFuture;
use serde_json::Value;

use super::item::{Item, Kind};
use super::target::{Answer, Target};
use crate::config::Sink;

/// A directory of files.
pub struct Files {
    dir: PathBuf,
    largest: u64,
    keep: usize,
    open: HashMap<Kind, Current>,
}

struct Current {
    number: u64,
    bytes: u64,
    file: File,
}

impl Files {
    /// The directory of this sink. Nothing is written.
    pub fn new(sink: &Sink) -> Self {
        let dir = PathBuf::from(sink.urls.first().map_or("", String::as_str));
        Self { dir, largest: sink.file_bytes, keep: sink.files, open: HashMap::new() }
    }

    fn path(&self, kind: Kind, number: u64) -> PathBuf {
        self.dir.join(format!("{}-{number:06}.ndjson", kind.as_str()))
    }

    /// The numbers of this kind's files, ascending.
    fn numbers(&self, kind: Kind) -> io::Result<Vec<u64>> {
        let mut numbers = Vec::new();
        for entry in fs::read_dir(&self.dir)? {
            let name = entry?.file_name();
            let number = name
                .to_str()
                .and_then(|name| name.strip_prefix(kind.as_str())?.strip_prefix('-')?.strip_suffix(".ndjson"));
            numbers.extend(number.and_then(|number| number.parse::<u64>().ok()));
        }
        numbers.sort_unstable();
        Ok(numbers)
    }

    /// The file that is written now.
    fn current(&mut self, kind: Kind) -> io::Result<&mut Current> {
        let known = self.open.remove(&kind);
        let current = match known {
            Some(current) if current.bytes < self.largest => current,
            Some(full) => self.begin(kind, full.number + 1)?,
            None => {
                fs::create_dir_all(&self.dir)?;
                match self.numbers(kind)?.last() {
                    Some(&number) => self.resume(kind, number)?,
                    None => self.begin(kind, 1)?,
                }
            }
        };
        Ok(self.open.entry(kind).or_insert(current))
    }

    fn begin(&self, kind: Kind, number: u64) -> io::Result<Current> {
        let file = OpenOptions::new().create(true).append(true).open(self.path(kind, number))?;
        let numbers = self.numbers(kind)?;
        for old in &numbers[..numbers.len().saturating_sub(self.keep + 1)] {
            fs::remove_file(self.path(kind, *old))?;
        }
        Ok(Current { number, bytes: file.metadata()?.len(), file })
    }

    fn resume(&self, kind: Kind, number: u64) -> io::Result<Current> {
        let path = self.path(kind, number);
        let bytes = whole_lines(&path)?;
        OpenOptions::new().write(true).open(&path)?.set_len(bytes)?;
        let file = OpenOptions::new().append(true).open(&path)?;
        Ok(Current { number, bytes, file })
    }

    fn write(&mut self, items: &[Item]) -> io::Result<()> {
        let mut touched: Vec<Kind> = Vec::new();
        for item in items {
            let line = line(item);
            let current = self.current(item.kind)?;
            current.file.write_all(line.as_bytes())?;
            current.bytes += line.len() as u64;
            if !touched.contains(&item.kind) {
                touched.push(item.kind);
            }
        }
        touched.iter().filter_map(|kind| self.open.get(kind)).try_for_each(|current| current.file.sync_data())
    }
}

/// Bytes of the file up to its last line end.
fn whole_lines(path: &Path) -> io::Result<u64> {
    let mut file = File::open(path)?;
    let mut end = file.metadata()?.len();
    let mut block = vec![0; 64 * 1024];
    while end > 0 {
        let size = end.min(block.len() as u64);
        file.seek(SeekFrom::Start(end - size))?;
        let part = &mut block[..usize::try_from(size).unwrap_or(0)];
        file.read_exact(part)?;
        if let Some(place) = part.iter().rposition(|byte| *byte == b'\n') {
            return Ok(end - size + place as u64 + 1);
        }
        end -= size;
    }
    Ok(0)
}

fn line(item: &Item) -> String {
    let id = Value::from(item.id.as_str());
    match item.body.as_deref().and_then(|body| body.strip_prefix('{')) {
        None => format!("{{\"_id\":{id},\"_deleted\":true}}\n"),
        Some("}") => format!("{{\"_id\":{id}}}\n"),
        Some(rest) => format!("{{\"_id\":{id},{rest}\n"),
    }
}

impl Target for Files {
    fn send<'a>(&'a mut self, items: &'a [Item]) -> BoxFuture<'a, Answer> {
        // Half a batch in a file is written again as a whole; where the disk refused, the file is opened anew.
        let answer = match tokio::task::block_in_place(|| self.write(items)) {
            Ok(()) => Answer::taken(items.len()),
            Err(error) => {
                self.open.clear();
                Answer::later(items.len(), format!("{}: {error}", self.dir.display()))
            }
        };
        std::future::ready(answer).boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::item::tests::item;

    fn lines(dir: &Path) -> Vec<(String, String)> {
        let mut names: Vec<_> =
            fs::read_dir(dir).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
            .into_iter()
            .flat_map(|name| {
                let text = fs::read_to_string(dir.join(&name)).unwrap();
                assert!(text.is_empty() || text.ends_with('\n'), "{name}");
                let id = |line: &str| serde_json::from_str::<Value>(line).unwrap()["_id"].as_str().unwrap().to_owned();
                text.lines().map(|line| (name.clone(), id(line))).collect::<Vec<_>>()
            })
            .collect()
    }

    #[test]
    fn files_are_closed_removed_and_mended() {
        let dir = tempfile::tempdir().unwrap();
        let url = dir.path().to_str().unwrap().to_owned();
        let sink = Sink { urls: vec![url], file_bytes: 50, files: 1, ..Sink::default() };
        let mut files = Files::new(&sink);
        files.write(&["a", "b", "c", "d"].map(item)).unwrap();
        let of = |number: u32, id: &str| (format!("anomalies-{number:06}.ndjson"), id.to_owned());
        assert_eq!(lines(dir.path()), [of(1, "a"), of(1, "b"), of(2, "c"), of(2, "d")]);
        files.write(&[item("e")]).unwrap();
        assert_eq!(lines(dir.path()), [of(2, "c"), of(2, "d"), of(3, "e")]);
        drop(files);
        let last = dir.path().join("anomalies-000003.ndjson");
        OpenOptions::new().append(true).open(&last).unwrap().write_all(b"{\"_id\":\"torn").unwrap();
        let mut files = Files::new(&sink);
        let gone = Item { body: None, ..item("g") };
        files.write(&[item("f"), gone]).unwrap();
        assert_eq!(lines(dir.path()), [of(3, "e"), of(3, "f"), of(4, "g")]);
    }
}
