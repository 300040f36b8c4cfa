//! Zeek's connection state, from the two endpoint states (conn.log, `conn_state`).

use super::endpoint::EndState;

/// What the decision needs of a TCP connection.
pub(crate) struct Seen<'a> {
    pub orig: EndState,
    pub resp: EndState,
    pub orig_size: u64,
    pub resp_size: u64,
    pub history: &'a str,
}

/// The state of a TCP connection; the tests are made in this order.
pub(crate) fn tcp(seen: &Seen<'_>) -> &'static str {
    use EndState::{Closed, Established, Inactive, Partial, Reset, SynAckSent, SynSent};
    let (orig, resp) = (seen.orig, seen.resp);
    let orig_inactive = matches!(orig, Inactive | Partial);
    let resp_inactive = matches!(resp, Inactive | Partial);
    let empty = seen.orig_size == 0 && seen.resp_size == 0;
    match (orig, resp) {
        (SynSent | SynAckSent, Reset) => "REJ",
        (Reset, Reset) if empty => "REJ",
        (_, Reset) if orig_inactive => "RSTRH",
        (_, Reset) => "RSTR",
        (Reset, _) if resp_inactive && gave_up(seen.history) => "RSTOS0",
        (Reset, _) if resp_inactive => "OTH",
        (Reset, _) => "RSTO",
        (Closed, Closed) => "SF",
        (Closed, _) if resp_inactive => "SH",
        (Closed, _) => "S2",
        (_, Closed) if orig_inactive => "SHR",
        (_, Closed) => "S3",
        (SynSent, Inactive) => "S0",
        (Established, Established) => "S1",
        _ => "OTH",
    }
}

/// `S`, then nothing that belongs to an established connection, then `R` of the originator.
fn gave_up(history: &str) -> bool {
    let letters = history.strip_prefix('^').unwrap_or(history);
    let Some(rest) = letters.strip_prefix('S') else { return false };
    for letter in rest.chars() {
        match letter {
            'R' => return true,
            'H' | 'A' | 'F' | 'G' | 'I' | 'Q' => return false,
            _ => {}
        }
    }
    false
}

/// The state of a UDP exchange: who sent something.
pub(crate) fn udp(orig: bool, resp: bool) -> &'static str {
    match (orig, resp) {
        (true, true) => "SF",
        (true, false) => "S0",
        (false, true) => "SHR",
        (false, false) => "OTH",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_originator_gave_up() {
        for (history, expected) in
            [("SR", true), ("^SR", true), ("SDR", true), ("SaR", true), ("SAR", false), ("DR", false), ("S", false)]
        {
            assert_eq!(gave_up(history), expected, "{history}");
        }
    }

    #[test]
    fn udp_states() {
        assert_eq!([udp(true, true), udp(true, false), udp(false, true)], ["SF", "S0", "SHR"]);
    }
}
