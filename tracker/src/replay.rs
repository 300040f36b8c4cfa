//! A capture file through the parser and the session table: the path that live frames take, on packet time.

use std::io::Read;

use crate::packet::Packet;
use crate::parse::Parser;
use crate::pcap::{PcapError, PcapReader};
use crate::table::{SessionTable, Sink};

/// How many frames go from the parser to the table at once.
const FRAMES: usize = 256;

/// Reads a capture to its end. Sessions that are still open stay in the table: another file may go on with them, and
/// [`SessionTable::finish`] ends them.
///
/// # Errors
/// The file cannot be read, or is no capture; the frames before the fault have been followed.
pub fn replay<R: Read>(
    reader: &mut PcapReader<R>,
    parser: &mut Parser,
    table: &mut SessionTable,
    sink: &mut dyn Sink,
) -> Result<(), PcapError> {
    let mut packets: Vec<Packet> = Vec::with_capacity(FRAMES * 2);
    loop {
        packets.clear();
        let mut result = Ok(true);
        for _ in 0..FRAMES {
            match reader.next_frame() {
                Ok(Some(frame)) => parser.parse(frame.link, frame.data, frame.meta, &mut packets),
                Ok(None) => {
                    result = Ok(false);
                    break;
                }
                Err(error) => {
                    result = Err(error);
                    break;
                }
            }
        }
        table.on_packets(&packets, sink);
        if !result? {
            return Ok(());
        }
    }
}
