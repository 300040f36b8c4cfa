//! The ring of blocks shared with the kernel (`TPACKET_V3`), and the frames in a block.
//!
//! A block belongs to the kernel until its status says otherwise; it is read only in between, and every offset that is
//! found in it is checked against the block before it is followed.

use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, Ordering};

use super::socket::Socket;
use super::{CaptureError, CaptureSettings};
use crate::parse::FrameMeta;

/// Flags of `tp_status` (Linux `if_packet.h`).
const STATUS_USER: u32 = 1;
const STATUS_CSUM_NOT_READY: u32 = 1 << 3;
const STATUS_VLAN_VALID: u32 = 1 << 4;
const STATUS_CSUM_VALID: u32 = 1 << 7;

/// Offsets in a block descriptor (`struct tpacket_block_desc`, `tpacket_hdr_v1`).
const BLOCK_STATUS: usize = 8;
const BLOCK_FRAMES: usize = 12;
const BLOCK_FIRST: usize = 16;

/// Offsets in a frame header (`struct tpacket3_hdr`).
mod frame {
    pub const NEXT: usize = 0;
    pub const SECONDS: usize = 4;
    pub const NANOSECONDS: usize = 8;
    pub const CAPTURED: usize = 12;
    pub const WIRE: usize = 16;
    pub const STATUS: usize = 20;
    pub const MAC: usize = 24;
    pub const VLAN: usize = 32;
    pub const SIZE: usize = 48;
}

#[derive(Debug)]
pub(super) struct Ring {
    base: NonNull<u8>,
    block_size: usize,
    blocks: usize,
    current: usize,
}

// SAFETY: the mapping belongs to this value alone and stays valid wherever the value goes; nothing in it is bound to a
// thread.
unsafe impl Send for Ring {}

impl Ring {
    /// Asks the kernel for a ring and maps it.
    pub fn new(socket: &Socket, settings: &CaptureSettings) -> Result<Self, CaptureError> {
        let version = libc::tpacket_versions::TPACKET_V3 as i32;
        socket.set(libc::PACKET_VERSION, &version, "setsockopt PACKET_VERSION")?;
        let block_size = settings.block_size.next_power_of_two().clamp(1 << 17, 1 << 26);
        let blocks = settings.blocks.clamp(2, 4096);
        let frame_size = 2048;
        let request = libc::tpacket_req3 {
            tp_block_size: block_size,
            tp_block_nr: blocks,
            tp_frame_size: frame_size,
            tp_frame_nr: block_size / frame_size * blocks,
            tp_retire_blk_tov: settings.retire.as_millis().clamp(1, 1000) as u32,
            tp_sizeof_priv: 0,
            tp_feature_req_word: 0,
        };
        socket.set(libc::PACKET_RX_RING, &request, "setsockopt PACKET_RX_RING")?;
        let (block_size, blocks) = (block_size as usize, blocks as usize);
        // SAFETY: a new shared mapping at an address of the kernel's choice, of exactly the ring's size, of a socket
        // that has this ring. It is unmapped when the value is dropped.
        let base = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                block_size * blocks,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED,
                std::os::fd::AsRawFd::as_raw_fd(socket),
                0,
            )
        };
        match NonNull::new(base.cast::<u8>()) {
            Some(base) if base.as_ptr().cast() != libc::MAP_FAILED => Ok(Self { base, block_size, blocks, current: 0 }),
            _ => Err(socket.failed("mmap")),
        }
    }

    fn status(&self) -> &AtomicU32 {
        // SAFETY: `current < blocks`, so the address is within the mapping; blocks are page-aligned and the offset is a
        // multiple of four. The kernel changes the word, hence the atomic.
        unsafe { AtomicU32::from_ptr(self.base.as_ptr().add(self.current * self.block_size + BLOCK_STATUS).cast()) }
    }

    /// Whether the next block belongs to us.
    pub fn is_ready(&self) -> bool {
        self.status().load(Ordering::Acquire) & STATUS_USER != 0
    }

    /// The frames of the next block, if it belongs to us. They are borrowed until [`release`](Self::release).
    pub fn block(&self) -> Option<Block<'_>> {
        if !self.is_ready() {
            return None;
        }
        // SAFETY: the range is within the mapping. The kernel does not write to a block whose status gives it to us
        // (seen with Acquire above), and `release` takes `&mut self`, so it cannot be given back while borrowed.
        let bytes = unsafe {
            std::slice::from_raw_parts(self.base.as_ptr().add(self.current * self.block_size), self.block_size)
        };
        let frames = word(bytes, BLOCK_FRAMES);
        Some(Block { bytes, next: word(bytes, BLOCK_FIRST) as usize, frames })
    }

    /// Gives the block back to the kernel and goes on to the next.
    pub fn release(&mut self) {
        self.status().store(0, Ordering::Release);
        self.current = (self.current + 1) % self.blocks;
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        // SAFETY: the mapping was made with this address and length, and nothing borrows from it any more.
        unsafe { libc::munmap(self.base.as_ptr().cast(), self.block_size * self.blocks) };
    }
}

/// Four bytes of a block in the byte order of the host; 0 behind its end.
fn word(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..at + 4).and_then(|four| four.try_into().ok()).map_or(0, u32::from_ne_bytes)
}

/// A block that belongs to us: its frames, one after the other.
#[derive(Debug)]
pub(super) struct Block<'a> {
    bytes: &'a [u8],
    next: usize,
    frames: u32,
}

/// A frame in the ring.
#[derive(Debug)]
pub(super) struct RingFrame<'a> {
    pub data: &'a [u8],
    pub meta: FrameMeta,
}

impl<'a> Iterator for Block<'a> {
    type Item = RingFrame<'a>;

    fn next(&mut self) -> Option<RingFrame<'a>> {
        self.frames = self.frames.checked_sub(1)?;
        let header = self.bytes.get(self.next..self.next.checked_add(frame::SIZE)?)?;
        let start = self.next + usize::from(u16::from_ne_bytes([header[frame::MAC], header[frame::MAC + 1]]));
        let data = self.bytes.get(start..start + word(header, frame::CAPTURED) as usize)?;
        let status = word(header, frame::STATUS);
        let time =
            i64::from(word(header, frame::SECONDS)) * 1_000_000 + i64::from(word(header, frame::NANOSECONDS)) / 1000;
        let vlan = (status & STATUS_VLAN_VALID != 0).then(|| (word(header, frame::VLAN) & 0x0fff) as u16);
        let meta = FrameMeta {
            time,
            wire_len: word(header, frame::WIRE),
            vlan,
            checksum_known: status & (STATUS_CSUM_NOT_READY | STATUS_CSUM_VALID) != 0,
        };
        self.next += word(header, frame::NEXT) as usize;
        Some(RingFrame { data, meta })
    }
}
