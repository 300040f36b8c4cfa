//! Times as exporters write them, as microseconds since 1970.
//!
//! Owns epochs, units and wrap-around; must not know records.

use tracker::Micros;

/// Microseconds of a second.
pub const SECOND: Micros = 1_000_000;
/// Microseconds of a day.
pub const DAY: Micros = 86_400 * SECOND;
/// Seconds from 1900 (NTP) to 1970.
const NTP_OFFSET: i64 = 2_208_988_800;
/// A flow this much older than its export is not believed.
const BELIEVABLE: Micros = 400 * DAY;
/// A flow cannot end after its export; so much is granted to unequal clocks within a device.
const AHEAD: Micros = 3_600 * SECOND;
/// 2000-01-01: no exporter's clock is right that says less.
const FIRST_PLAUSIBLE: Micros = 946_684_800 * SECOND;

/// An NTP time stamp (RFC 5905 section 6): seconds since 1900 and their fraction. Values before 1970 are of era 1 (2036 on).
pub fn from_ntp(stamp: u64) -> Micros {
    let seconds = (stamp >> 32) as i64;
    let era = if seconds < NTP_OFFSET { 1_i64 << 32 } else { 0 };
    let micros = ((stamp & 0xffff_ffff) * 1_000_000) >> 32;
    (seconds + era - NTP_OFFSET) * SECOND + micros as i64
}

/// A time in a field that should hold NTP. Exporters that write a plain count since 1970 instead are recognised by the
/// distance to the export time; `units` is how many of theirs make a microsecond (1, or 1000 for nanoseconds).
pub fn from_ntp_or_plain(stamp: u64, units: u64, exported: Micros) -> Micros {
    let ntp = from_ntp(stamp);
    let plain = (stamp / units) as i64;
    let distance = |time: Micros| time.saturating_sub(exported).saturating_abs();
    if distance(ntp) > BELIEVABLE && distance(plain) < BELIEVABLE { plain } else { ntp }
}

/// A `sysUpTime` of a flow (milliseconds since boot, 32 bits that wrap after 49.7 days), given the export time and the
/// `sysUpTime` at export.
pub fn from_uptime(flow: u32, at_export: u32, exported: Micros) -> Micros {
    let ago = at_export.wrapping_sub(flow) as i32;
    exported - i64::from(ago) * 1000
}

/// Whether a flow's own time can be true, next to its export time.
pub fn believable(time: Micros, exported: Micros) -> bool {
    time > 0 && time <= exported.saturating_add(AHEAD) && exported.saturating_sub(time) <= BELIEVABLE
}

/// The export time to go by: the exporter's, unless it cannot be true next to the time of receipt (0: unknown).
pub fn plausible_export(exported: Micros, received: Micros) -> Micros {
    let absurd = exported < FIRST_PLAUSIBLE || exported > received.saturating_add(DAY);
    if received > 0 && absurd { received } else { exported }
}

/// RFC 3339 text, UTC, as many decimals as needed (milliseconds or microseconds). Out of range: the bare number.
pub fn readable(time: Micros) -> String {
    let Some(moment) = chrono::DateTime::from_timestamp_micros(time) else { return time.to_string() };
    let decimals = if time % 1000 == 0 { chrono::SecondsFormat::Millis } else { chrono::SecondsFormat::Micros };
    moment.to_rfc3339_opts(decimals, true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ntp_eras_and_fractions() {
        assert_eq!(from_ntp(2_208_988_800 << 32), 0);
        assert_eq!(from_ntp((2_208_988_801 << 32) | 0x8000_0000), 1_500_000);
        assert_eq!(from_ntp(0), ((1_i64 << 32) - 2_208_988_800) * SECOND);
    }

    #[test]
    fn plain_microseconds_in_an_ntp_field() {
        let now = 1_700_000_000 * SECOND;
        assert_eq!(from_ntp_or_plain(now as u64, 1, now), now);
        assert_eq!(from_ntp_or_plain(now as u64 * 1000, 1000, now), now);
        let ntp = (1_700_000_000_u64 + 2_208_988_800) << 32;
        assert_eq!(from_ntp_or_plain(ntp, 1, now), now);
    }

    #[test]
    fn uptime_wraps() {
        assert_eq!(from_uptime(1_000, 3_000, 10 * SECOND), 8 * SECOND);
        assert_eq!(from_uptime(u32::MAX - 999, 1_000, 10 * SECOND), 8 * SECOND);
        assert_eq!(from_uptime(3_000, 1_000, 10 * SECOND), 12 * SECOND);
    }

    #[test]
    fn readable_times() {
        assert_eq!(readable(1_444_331_027_141_000), "2015-10-08T19:03:47.141Z");
        assert_eq!(readable(1_444_331_027_141_001), "2015-10-08T19:03:47.141001Z");
        assert_eq!(readable(i64::MAX), i64::MAX.to_string());
    }
}
