//! Ports that Zeek takes for those of servers when a connection does not begin with a SYN.
//!
//! Each protocol script adds its own, so the set depends on which scripts are loaded.

/// Script name, TCP ports, UDP ports.
const SCRIPTS: &[(&str, &[u16], &[u16])] = &[
    ("ayiya", &[], &[5072]),
    ("dce-rpc", &[135], &[]),
    ("dhcp", &[], &[67, 68, 4011]),
    ("dnp3", &[20000], &[20000]),
    ("dns", &[53], &[53, 137, 5353, 5355]),
    ("ftp", &[21, 2811], &[]),
    ("geneve", &[], &[6081]),
    ("gtpv1", &[], &[2123, 2152]),
    ("http", &[80, 81, 631, 1080, 3128, 8000, 8080, 8888], &[]),
    ("imap", &[143], &[]),
    ("irc", &[6666, 6667, 6668, 6669], &[]),
    ("krb", &[88], &[88]),
    ("ldap", &[389, 3268], &[389, 3268]),
    ("modbus", &[502], &[]),
    ("mqtt", &[1883], &[]),
    ("mysql", &[1434, 3306], &[]),
    ("ntp", &[], &[123]),
    ("pop3", &[110], &[]),
    ("postgresql", &[5432], &[]),
    ("quic", &[], &[443, 784]),
    ("radius", &[], &[1812]),
    ("rdp", &[3389], &[3389]),
    ("redis", &[6379], &[]),
    ("sip", &[], &[5060]),
    ("smb", &[139, 445], &[]),
    ("smtp", &[25, 587], &[]),
    ("snmp", &[], &[161, 162]),
    ("socks", &[1080], &[]),
    ("ssh", &[22], &[]),
    ("ssl", &[443, 563, 585, 614, 636, 989, 990, 992, 993, 995, 5223], &[443]),
    ("syslog", &[], &[514]),
    ("teredo", &[], &[3544]),
    ("vxlan", &[], &[4789]),
    ("xmpp", &[5222, 5269], &[]),
];

/// A set of likely server ports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LikelyPorts {
    tcp: Vec<u16>,
    udp: Vec<u16>,
}

impl LikelyPorts {
    /// The ports of every script: Zeek's default set-up.
    pub fn all() -> Self {
        Self::chosen(|_| true)
    }

    /// The ports of these scripts: Zeek's bare mode with what was loaded into it. Unknown names add nothing.
    pub fn of_scripts(names: &[&str]) -> Self {
        Self::chosen(|script| names.contains(&script))
    }

    fn chosen(wanted: impl Fn(&str) -> bool) -> Self {
        let mut ports = Self { tcp: Vec::new(), udp: Vec::new() };
        for (_, tcp, udp) in SCRIPTS.iter().filter(|script| wanted(script.0)) {
            ports.tcp.extend_from_slice(tcp);
            ports.udp.extend_from_slice(udp);
        }
        ports.tcp.sort_unstable();
        ports.udp.sort_unstable();
        ports
    }

    /// Whether this is one of them.
    pub fn contains(&self, proto: u8, port: u16) -> bool {
        let set = match proto {
            crate::packet::proto::TCP => &self.tcp,
            crate::packet::proto::UDP => &self.udp,
            _ => return false,
        };
        set.binary_search(&port).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_add_their_ports() {
        let bare = LikelyPorts::of_scripts(&["conn", "krb"]);
        assert!(bare.contains(6, 88) && bare.contains(17, 88) && !bare.contains(6, 80));
        assert!(LikelyPorts::all().contains(6, 6669) && !LikelyPorts::all().contains(17, 6669));
        assert!(!LikelyPorts::all().contains(1, 88));
    }
}
