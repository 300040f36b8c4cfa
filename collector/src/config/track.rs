//! Settings of the tracker, `[track]`: what is captured, what is followed, and for how long.

use tracker::capture::filter::Filter;
use tracker::{Class, Match, Rule, Timeouts};

use super::section::{Span, section};

section! {
    /// Watching packets on this machine's own interfaces, beside flow records. Needs CAP_NET_RAW.
    Track = "track" {
        /// Interfaces to watch, as in `["eth0"]`. Empty: none.
        interfaces: Vec<String> = Vec::new(),
        /// What to watch, as in `tcp and net 10.0.0.0/8`; the kernel leaves out the rest. Empty: everything.
        filter: String = String::new(),
        /// Whether to see frames that are not for this machine, as on a mirror port.
        promiscuous: bool = true,
        /// Threads for each interface. The kernel gives both directions of a session to the same one.
        threads: usize = 1,
        /// Ring of each thread in MiB, in which packets wait for it.
        ring_mib: usize = 64,
        /// Whether packets with wrong checksums are left out. Those of this machine's own are completed by its card, and
        /// count as right.
        checksums: bool = true,
        /// How many tunnels (GRE, IP in IP, VXLAN, Geneve, Teredo, GTP-U) are opened, one inside the other.
        tunnel_depth: u8 = 4,
        /// Whether VLAN ids tell sessions apart. Off where the two directions have different tags.
        vlan_in_key: bool = true,
        /// Whether tunnel ids tell sessions apart.
        tunnel_in_key: bool = true,
        /// Sessions followed at the same time on each interface, at most. Beyond it half-open ones go first, then one-way
        /// UDP, then closed ones, then those that are idle longest.
        max_sessions: usize = 1_000_000,
        /// Half-open TCP sessions, at most, in percent of `max_sessions`.
        half_open_percent: u8 = 25,
        /// Ended sessions that are remembered, at most, to tell SYN retransmits and late packets.
        max_remembered: usize = 500_000,
        /// How long an unanswered SYN is remembered: a retransmit belongs to the same attempt.
        syn_memory: Span = Span::seconds(130),
        /// How long a closed session swallows late packets.
        closed_memory: Span = Span::seconds(45),
        /// A session that goes on gives a record so often, all with one id, of which only the last counts. `0s`: only when
        /// it ends.
        interim: Span = Span::seconds(1800),
        /// What becomes of a session; the first rule that matches decides. `ACTION [PROTO] [from WHO] [to WHO]` with `track`,
        /// `reject` (it shows as blocked) or `ignore`; WHO is a prefix, `port N[-M]` or both, as in
        /// `reject tcp to 10.1.2.3 port 80`. Only the known side needs to be named.
        rules: Vec<String> = Vec::new(),
        /// What becomes of a session that no rule matches: `track`, `reject` or `ignore`.
        default_action: String = "track".to_owned(),
        /// Sessions behind address translation, as in `udp from 10.0.0.0/8` or `udp to port 3478`: they have the time-outs of
        /// RFC 4787 UDP and of TCP closed (NAT).
        nat: Vec<String> = Vec::new(),
        /// Services whose side is the server where the handshake was not seen, as in `tcp to port 50000`.
        services: Vec<String> = Vec::new(),
        /// Blocked: refused by a rule, or by an ICMP error that says so. Time-outs count from the last packet.
        timeout_blocked: Span = Span::seconds(10),
        /// TCP that has not established.
        timeout_tcp_initial: Span = Span::seconds(10),
        /// TCP, established.
        timeout_tcp_established: Span = Span::seconds(3600),
        /// TCP, closed or reset.
        timeout_tcp_closed: Span = Span::seconds(2),
        /// TCP, closed or reset, behind address translation.
        timeout_tcp_closed_nat: Span = Span::seconds(120),
        /// UDP, one way so far.
        timeout_udp_initial: Span = Span::seconds(10),
        /// UDP, both ways.
        timeout_udp_ongoing: Span = Span::seconds(120),
        /// UDP behind address translation, one way so far.
        timeout_rfc4787_udp_initial: Span = Span::seconds(10),
        /// UDP behind address translation, both ways.
        timeout_rfc4787_udp_ongoing: Span = Span::seconds(3),
        /// ICMP, one way so far.
        timeout_icmp_initial: Span = Span::seconds(3),
        /// ICMP, both ways.
        timeout_icmp_ongoing: Span = Span::seconds(3),
        /// ESP and AH, one way so far.
        timeout_ipsec_initial: Span = Span::seconds(60),
        /// ESP and AH, both ways.
        timeout_ipsec_ongoing: Span = Span::seconds(3600),
        /// Anything else, one way so far.
        timeout_other_initial: Span = Span::seconds(10),
        /// Anything else, both ways.
        timeout_other_ongoing: Span = Span::seconds(300),
    }
}

impl Track {
    /// The time-outs by class.
    pub fn timeouts(&self) -> Timeouts {
        Timeouts {
            blocked: self.timeout_blocked.0,
            tcp_initial: self.timeout_tcp_initial.0,
            tcp_established: self.timeout_tcp_established.0,
            tcp_closed: self.timeout_tcp_closed.0,
            tcp_closed_nat: self.timeout_tcp_closed_nat.0,
            udp_initial: self.timeout_udp_initial.0,
            udp_ongoing: self.timeout_udp_ongoing.0,
            rfc4787_udp_initial: self.timeout_rfc4787_udp_initial.0,
            rfc4787_udp_ongoing: self.timeout_rfc4787_udp_ongoing.0,
            icmp_initial: self.timeout_icmp_initial.0,
            icmp_ongoing: self.timeout_icmp_ongoing.0,
            ipsec_initial: self.timeout_ipsec_initial.0,
            ipsec_ongoing: self.timeout_ipsec_ongoing.0,
            other_initial: self.timeout_other_initial.0,
            other_ongoing: self.timeout_other_ongoing.0,
        }
    }

    /// What the fields' own types cannot hold.
    ///
    /// # Errors
    /// The first key that makes no sense, and why.
    pub fn validate(&self) -> Result<(), (&'static str, String)> {
        let within = |key, value: usize, low: usize, high: usize| {
            let fits = (low..=high).contains(&value);
            fits.then_some(()).ok_or_else(|| (key, format!("{value} is not within {low} to {high}")))
        };
        within("track.threads", self.threads, 1, 256)?;
        within("track.ring_mib", self.ring_mib, 2, 4096)?;
        within("track.tunnel_depth", self.tunnel_depth.into(), 0, 16)?;
        within("track.half_open_percent", self.half_open_percent.into(), 1, 100)?;
        within("track.max_sessions", self.max_sessions, 1, (1 << 31) - 1)?;
        if !self.filter.is_empty() {
            Filter::new(&self.filter).map_err(|error| ("track.filter", error.to_string()))?;
        }
        for (key, result) in [
            ("track.rules", self.rules().map(drop)),
            ("track.default_action", self.default_action().map(drop)),
            ("track.nat", matches(&self.nat).map(drop)),
            ("track.services", matches(&self.services).map(drop)),
        ] {
            result.map_err(|why| (key, why))?;
        }
        if let Some(class) = Class::ALL.iter().find(|class| self.timeouts().of(**class).is_zero()) {
            return Err(("track.timeout_*", format!("{} must be longer than 0s", class.setting())));
        }
        Ok(())
    }

    /// The rules.
    ///
    /// # Errors
    /// The first that is none.
    pub fn rules(&self) -> Result<Vec<Rule>, String> {
        self.rules.iter().map(|rule| rule.parse::<Rule>().map_err(|error| error.to_string())).collect()
    }

    /// What becomes of sessions that no rule matches.
    ///
    /// # Errors
    /// It is no action.
    pub fn default_action(&self) -> Result<tracker::Action, String> {
        self.default_action.parse()
    }
}

/// Sessions that are meant by these texts.
///
/// # Errors
/// The first that is not understood.
pub fn matches(texts: &[String]) -> Result<Vec<Match>, String> {
    texts.iter().map(|text| text.parse::<Match>().map_err(|error| error.to_string())).collect()
}
