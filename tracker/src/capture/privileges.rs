//! Giving up capabilities once the sockets are open.

use std::io;

/// Version 3 of the capability interface: two words for 64 capabilities (capabilities(7)).
const VERSION: u32 = 0x2008_0522;

#[repr(C)]
struct Header {
    version: u32,
    pid: i32,
}

#[repr(C)]
#[derive(Clone, Copy)]
struct Sets {
    effective: u32,
    permitted: u32,
    inheritable: u32,
}

/// Gives up every capability of the calling thread and of the threads it starts afterwards, for good. Open captures go on.
///
/// Call it before other threads are started: threads that run already keep what they have.
///
/// # Errors
/// The system call fails; nothing was given up then.
pub fn drop_capabilities() -> io::Result<()> {
    // SAFETY: PR_SET_NO_NEW_PRIVS takes plain numbers.
    if unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) } != 0 {
        return Err(io::Error::last_os_error());
    }
    let header = Header { version: VERSION, pid: 0 };
    let none = [Sets { effective: 0, permitted: 0, inheritable: 0 }; 2];
    // SAFETY: capset(2) with version 3 reads one header and two sets; both outlive the call.
    let result = unsafe { libc::syscall(libc::SYS_capset, &raw const header, none.as_ptr()) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use super::super::{Capture, CaptureError, CaptureSettings};
    use super::*;

    #[test]
    fn without_capabilities_no_capture_can_be_opened() {
        // Capabilities belong to the thread, so this one's end is the end of it.
        let opened = std::thread::spawn(|| {
            drop_capabilities().unwrap();
            Capture::open(&CaptureSettings::new("lo"))
        });
        assert!(matches!(opened.join().unwrap(), Err(CaptureError::Privileges { .. })));
    }
}
