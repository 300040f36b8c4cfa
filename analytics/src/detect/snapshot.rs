//! The written form of what detection knows: a stream of records with a checksum, so that neither writing nor reading
//! needs room for a second copy.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};

use jobs::SeriesKey;
use tracker::Perspective;

use crate::detect::series::SeriesModel;
use crate::detect::world::{View, World};
use crate::model::persist::Persist;

/// First bytes; changes with the model, so that older snapshots are rebuilt from counts.
const MAGIC: &[u8; 16] = b"halfopen model11";
/// Bytes of series that make a record.
const RECORD: usize = 1 << 16;
/// No record is longer.
const LONGEST: usize = 1 << 28;
/// Ends the records.
const END: u32 = u32::MAX;

/// Writes everything that the world knows.
pub fn write(world: &World, out: &mut dyn Write) -> io::Result<()> {
    let mut out = Records { out, sum: START };
    out.raw(MAGIC)?;
    let mut record = Vec::new();
    world.next.put(&mut record);
    world.lineage.put(&mut record);
    (world.views.len() as u64).put(&mut record);
    out.record(&mut record)?;
    for (perspective, view) in &world.views {
        perspective.as_str().to_owned().put(&mut record);
        put_view(view, &mut record);
        out.record(&mut record)?;
        for (key, model) in &view.series {
            key.put(&mut record);
            let place = record.len();
            0_u32.put(&mut record);
            model.put(&mut record);
            let length = (record.len() - place - size_of::<u32>()) as u32;
            record[place..place + size_of::<u32>()].copy_from_slice(&length.to_le_bytes());
            if record.len() >= RECORD {
                out.record(&mut record)?;
            }
        }
        if !record.is_empty() {
            out.record(&mut record)?;
        }
    }
    out.raw(&END.to_le_bytes())?;
    let sum = out.sum;
    out.raw(&sum.to_le_bytes())
}

/// Reads what [`write`] wrote; `None` where it is not whole, or of another version. `wanted` sees where the state stands
/// (bucket start, s) and its lineage first, and may refuse.
pub fn read(input: &mut dyn Read, wanted: impl Fn(i64, u64) -> bool) -> Option<World> {
    read_some(input, wanted, |_| true)
}

/// As [`read`], with only the series that `chosen` picks.
pub fn read_some(
    input: &mut dyn Read,
    wanted: impl Fn(i64, u64) -> bool,
    chosen: impl Fn(&SeriesKey) -> bool,
) -> Option<World> {
    let mut input = Parts { input, sum: START };
    let mut magic = [0; 16];
    input.raw(&mut magic)?;
    if magic != *MAGIC {
        return None;
    }
    let mut record = Vec::new();
    input.record(&mut record)?;
    let head = &mut record.as_slice();
    let (next, lineage, views): (Option<i64>, u64, u64) =
        (Persist::take(head)?, Persist::take(head)?, Persist::take(head)?);
    if !wanted(next?, lineage) {
        return None;
    }
    let mut world = World { next, lineage, views: BTreeMap::new() };
    for _ in 0..views {
        input.record(&mut record)?;
        let head = &mut record.as_slice();
        let perspective: Perspective = String::take(head)?.parse().ok()?;
        let (mut view, series) = take_view(head)?;
        let mut seen = 0;
        while seen < series {
            input.record(&mut record)?;
            let rest = &mut record.as_slice();
            while !rest.is_empty() {
                let (key, length) = (SeriesKey::take(rest)?, u32::take(rest)? as usize);
                let (mut model, others) = rest.split_at_checked(length)?;
                *rest = others;
                if chosen(&key) {
                    view.series.insert(key, Box::new(SeriesModel::take(&mut model)?));
                }
                seen += 1;
            }
        }
        world.views.insert(perspective, view);
    }
    let mut end = [0; 4];
    input.raw(&mut end)?;
    let sum = input.sum;
    let mut known = [0; 8];
    input.raw(&mut known)?;
    (u32::from_le_bytes(end) == END && u64::from_le_bytes(known) == sum).then_some(world)
}

/// Everything of a perspective but its series, and how many of those follow.
fn put_view(view: &View, out: &mut Vec<u8>) {
    (view.series.len() as u64).put(out);
    view.newcomers.put(out);
    view.crowd.put(out);
    (view.observers.len() as u64).put(out);
    for (name, rate) in &view.observers {
        name.put(out);
        rate.put(out);
    }
    view.outcomes.put(out);
    view.buckets.put(out);
    view.last.put(out);
    view.pooled.put(out);
    view.evicted.put(out);
}

fn take_view(input: &mut &[u8]) -> Option<(View, u64)> {
    let series = u64::take(input)?;
    let (newcomers, crowd) = (Persist::take(input)?, Persist::take(input)?);
    let observers =
        (0..u64::take(input)?).map(|_| Some((String::take(input)?, f64::take(input)?))).collect::<Option<_>>()?;
    let view = View {
        series: BTreeMap::new(),
        newcomers,
        crowd,
        observers,
        outcomes: Persist::take(input)?,
        buckets: f64::take(input)?,
        last: Persist::take(input)?,
        pooled: u64::take(input)?,
        evicted: u64::take(input)?,
    };
    Some((view, series))
}

const START: u64 = 0xcbf2_9ce4_8422_2325;

/// FNV by words of eight bytes.
fn checksum(sum: u64, bytes: &[u8]) -> u64 {
    let fold = |sum: u64, word: u64| (sum ^ word).wrapping_mul(0x0100_0000_01b3).rotate_left(23);
    let (words, rest) = bytes.as_chunks::<8>();
    let sum = words.iter().fold(sum, |sum, word| fold(sum, u64::from_le_bytes(*word)));
    rest.iter().fold(sum, |sum, byte| fold(sum, u64::from(*byte)))
}

struct Records<'a> {
    out: &'a mut dyn Write,
    sum: u64,
}

impl Records<'_> {
    fn raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.sum = checksum(self.sum, bytes);
        self.out.write_all(bytes)
    }

    /// Writes the record and empties it.
    fn record(&mut self, record: &mut Vec<u8>) -> io::Result<()> {
        self.raw(&(record.len() as u32).to_le_bytes())?;
        self.raw(record)?;
        record.clear();
        Ok(())
    }
}

struct Parts<'a> {
    input: &'a mut dyn Read,
    sum: u64,
}

impl Parts<'_> {
    fn raw(&mut self, bytes: &mut [u8]) -> Option<()> {
        self.input.read_exact(bytes).ok()?;
        self.sum = checksum(self.sum, bytes);
        Some(())
    }

    fn record(&mut self, record: &mut Vec<u8>) -> Option<()> {
        let mut length = [0; 4];
        self.raw(&mut length)?;
        let length = u32::from_le_bytes(length) as usize;
        if length > LONGEST {
            return None;
        }
        record.clear();
        // A wrong length meets the end of the file before it asks for memory.
        Read::take(&mut self.input, length as u64).read_to_end(record).ok()?;
        self.sum = checksum(self.sum, record);
        (record.len() == length).then_some(())
    }
}
