//! The packet socket: every system call but those for the ring.

use std::ffi::CString;
use std::io;
use std::mem::{size_of, zeroed};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::time::Duration;

use super::filter::Instruction;
use super::{CaptureError, CaptureStats};
use crate::parse::LinkType;

/// `ARPHRD_` numbers whose frames are read.
const ARPHRD_ETHER: u16 = 1;
const ARPHRD_LOOPBACK: u16 = 772;
const ARPHRD_PPP: u16 = 512;
const ARPHRD_NONE: u16 = 0xfffe;
const ARPHRD_RAWIP: u16 = 519;
const ARPHRD_TUNNEL: u16 = 768;
const ARPHRD_SIT: u16 = 776;

#[derive(Debug)]
pub(super) struct Socket {
    fd: OwnedFd,
    interface: String,
}

impl AsRawFd for Socket {
    fn as_raw_fd(&self) -> RawFd {
        self.fd.as_raw_fd()
    }
}

impl Socket {
    /// A packet socket that receives nothing yet.
    pub fn open(interface: &str) -> Result<Self, CaptureError> {
        // SAFETY: socket(2) takes no pointers.
        let fd = unsafe { libc::socket(libc::AF_PACKET, libc::SOCK_RAW | libc::SOCK_CLOEXEC, 0) };
        if fd < 0 {
            let source = io::Error::last_os_error();
            return Err(match source.raw_os_error() {
                Some(libc::EPERM | libc::EACCES) => CaptureError::Privileges { interface: interface.to_owned() },
                _ => CaptureError::System { interface: interface.to_owned(), call: "socket", source },
            });
        }
        // SAFETY: the descriptor is valid (checked above) and owned by nobody else.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        Ok(Self { fd, interface: interface.to_owned() })
    }

    pub fn failed(&self, call: &'static str) -> CaptureError {
        CaptureError::System { interface: self.interface.clone(), call, source: io::Error::last_os_error() }
    }

    /// Index and link type of an interface.
    pub fn interface(&self, name: &str) -> Result<(i32, LinkType), CaptureError> {
        let missing = || CaptureError::NoInterface { interface: name.to_owned() };
        let text = CString::new(name).map_err(|_| missing())?;
        if name.is_empty() || name.len() >= libc::IFNAMSIZ {
            return Err(missing());
        }
        // SAFETY: the pointer is to a terminated string that outlives the call.
        let index = unsafe { libc::if_nametoindex(text.as_ptr()) };
        if index == 0 {
            return Err(missing());
        }
        // SAFETY: all-zero bytes are a valid ifreq.
        let mut request: libc::ifreq = unsafe { zeroed() };
        for (to, &from) in request.ifr_name.iter_mut().zip(text.as_bytes()) {
            *to = from as libc::c_char;
        }
        // SAFETY: SIOCGIFHWADDR reads and writes one ifreq, which the pointer is to.
        if unsafe { libc::ioctl(self.fd.as_raw_fd(), libc::SIOCGIFHWADDR, &raw mut request) } < 0 {
            return Err(self.failed("ioctl SIOCGIFHWADDR"));
        }
        // SAFETY: SIOCGIFHWADDR has filled this member of the union.
        let hardware = unsafe { request.ifr_ifru.ifru_hwaddr.sa_family };
        let link = match hardware {
            ARPHRD_ETHER | ARPHRD_LOOPBACK => LinkType::Ethernet,
            ARPHRD_NONE | ARPHRD_RAWIP | ARPHRD_TUNNEL | ARPHRD_SIT | ARPHRD_PPP => LinkType::RawIp,
            hardware => return Err(CaptureError::LinkLayer { interface: name.to_owned(), hardware }),
        };
        Ok((index as i32, link))
    }

    /// Sets a socket option to a plain value.
    pub fn set<T: Copy>(&self, option: i32, value: &T, call: &'static str) -> Result<(), CaptureError> {
        self.set_at(libc::SOL_PACKET, option, value, call)
    }

    fn set_at<T: Copy>(&self, level: i32, option: i32, value: &T, call: &'static str) -> Result<(), CaptureError> {
        // SAFETY: pointer and length describe `value`, which outlives the call; the kernel copies it.
        let result = unsafe {
            libc::setsockopt(
                self.fd.as_raw_fd(),
                level,
                option,
                std::ptr::from_ref(value).cast(),
                size_of::<T>() as libc::socklen_t,
            )
        };
        if result < 0 { Err(self.failed(call)) } else { Ok(()) }
    }

    /// Attaches a filter (classic BPF).
    pub fn attach(&self, program: &[Instruction]) -> Result<(), CaptureError> {
        let mut code: Vec<libc::sock_filter> =
            program.iter().map(|one| libc::sock_filter { code: one.code, jt: one.jt, jf: one.jf, k: one.k }).collect();
        let program = libc::sock_fprog { len: code.len() as u16, filter: code.as_mut_ptr() };
        // The kernel copies and checks the program; `code` lives until the call is over.
        self.set_at(libc::SOL_SOCKET, libc::SO_ATTACH_FILTER, &program, "setsockopt SO_ATTACH_FILTER")
    }

    /// Leaves out frames that this host sends.
    pub fn ignore_outgoing(&self) -> Result<(), CaptureError> {
        self.set(libc::PACKET_IGNORE_OUTGOING, &1i32, "setsockopt PACKET_IGNORE_OUTGOING")
    }

    /// Takes frames for other hosts too, as long as the socket is open.
    pub fn promiscuous(&self, index: i32) -> Result<(), CaptureError> {
        let request = libc::packet_mreq {
            mr_ifindex: index,
            mr_type: libc::PACKET_MR_PROMISC as u16,
            mr_alen: 0,
            mr_address: [0; 8],
        };
        self.set(libc::PACKET_ADD_MEMBERSHIP, &request, "setsockopt PACKET_ADD_MEMBERSHIP")
    }

    /// Begins to receive frames of one interface.
    pub fn bind(&self, index: i32) -> Result<(), CaptureError> {
        // SAFETY: all-zero bytes are a valid sockaddr_ll.
        let mut address: libc::sockaddr_ll = unsafe { zeroed() };
        address.sll_family = libc::AF_PACKET as u16;
        address.sll_protocol = (libc::ETH_P_ALL as u16).to_be();
        address.sll_ifindex = index;
        // SAFETY: pointer and length describe `address`, which outlives the call.
        let result = unsafe {
            libc::bind(
                self.fd.as_raw_fd(),
                (&raw const address).cast(),
                size_of::<libc::sockaddr_ll>() as libc::socklen_t,
            )
        };
        if result < 0 { Err(self.failed("bind")) } else { Ok(()) }
    }

    /// Shares the interface's frames with the other sockets of the group, each flow to one of them.
    ///
    /// A group has its own say on frames that this host sends; that of its sockets does not count in it.
    pub fn fanout(&self, group: u16, outgoing: bool) -> Result<(), CaptureError> {
        const IGNORE_OUTGOING: u32 = 0x4000;
        let mut mode = libc::PACKET_FANOUT_HASH | libc::PACKET_FANOUT_FLAG_DEFRAG;
        mode |= if outgoing { 0 } else { IGNORE_OUTGOING };
        let value = u32::from(group) | mode << 16;
        self.set(libc::PACKET_FANOUT, &value, "setsockopt PACKET_FANOUT")
    }

    /// Waits until the ring has a block, or the time is over.
    pub fn wait(&self, patience: Duration) -> io::Result<()> {
        let mut poll = libc::pollfd { fd: self.fd.as_raw_fd(), events: libc::POLLIN | libc::POLLERR, revents: 0 };
        let millis = patience.as_millis().min(i32::MAX as u128) as i32;
        // SAFETY: the pointer is to one pollfd, as the count says.
        let result = unsafe { libc::poll(&raw mut poll, 1, millis) };
        if result < 0 {
            let error = io::Error::last_os_error();
            return if error.kind() == io::ErrorKind::Interrupted { Ok(()) } else { Err(error) };
        }
        if poll.revents & libc::POLLERR != 0 {
            return Err(self.pending_error());
        }
        Ok(())
    }

    /// The error that poll(2) announced, as when the interface went down.
    fn pending_error(&self) -> io::Error {
        let mut code = 0i32;
        let mut length = size_of::<i32>() as libc::socklen_t;
        // SAFETY: pointer and length describe `code`; the kernel writes at most that much.
        let result = unsafe {
            libc::getsockopt(
                self.fd.as_raw_fd(),
                libc::SOL_SOCKET,
                libc::SO_ERROR,
                (&raw mut code).cast(),
                &raw mut length,
            )
        };
        if result < 0 { io::Error::last_os_error() } else { io::Error::from_raw_os_error(code) }
    }

    /// Frames and drops since the last call.
    pub fn statistics(&self) -> io::Result<CaptureStats> {
        // SAFETY: all-zero bytes are a valid tpacket_stats_v3.
        let mut stats: libc::tpacket_stats_v3 = unsafe { zeroed() };
        let mut length = size_of::<libc::tpacket_stats_v3>() as libc::socklen_t;
        // SAFETY: pointer and length describe `stats`; the kernel writes at most that much.
        let result = unsafe {
            libc::getsockopt(
                self.fd.as_raw_fd(),
                libc::SOL_PACKET,
                libc::PACKET_STATISTICS,
                (&raw mut stats).cast(),
                &raw mut length,
            )
        };
        if result < 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(CaptureStats {
            packets: u64::from(stats.tp_packets),
            drops: u64::from(stats.tp_drops),
            freezes: u64::from(stats.tp_freeze_q_cnt),
        })
    }
}
