//! What the values of one record mean together: times, protocol, sampling.
//!
//! Owns which of several facts is believed; must not know octets, templates or sessions.

use tracker::Micros;
use tracker::record::ExportType;

use super::flow::{ExporterKey, FlowRecord};
use super::moves::scaled;
use super::plan::LateFields;
use super::target::Target;
use super::time::{DAY, believable, from_ntp_or_plain};

const ICMP: u8 = 1;
const ICMP6: u8 = 58;

/// A time that no field told.
pub(crate) const UNKNOWN_TIME: Micros = Micros::MIN;

/// What the message around a record tells of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MessageContext {
    pub(crate) exporter: ExporterKey,
    pub(crate) domain: u32,
    /// 5, 7, 9 or 10.
    pub(crate) version: u16,
    pub(crate) sequence: u32,
    pub(crate) exported: Micros,
    /// `sysUpTime` at export, v5 to v9.
    pub(crate) uptime: Option<u32>,
    /// Start of the exporter (IE 160), where options data told.
    pub(crate) boot: Option<Micros>,
    /// Sampling field of a v5 header.
    pub(crate) v5_sampling: Option<u16>,
    /// Sampling that holds for records that name no sampler.
    pub(crate) sampling: u32,
}

impl MessageContext {
    /// Whether the record came in IPFIX.
    pub(crate) fn export_type(&self) -> ExportType {
        if self.version == 10 { ExportType::Ipfix } else { ExportType::Netflow }
    }
}

/// Completes a record whose own values have been taken. `sampler` resolves a sampler's id to its interval.
#[inline]
pub(crate) fn settle(
    flow: &mut FlowRecord,
    context: &MessageContext,
    late: &LateFields<'_>,
    sampler: impl Fn(u64) -> Option<u32>,
) {
    if late.only_icmp() {
        flow.proto = if flow.src.ip.is_ipv4() { ICMP } else { ICMP6 };
    }
    if matches!(flow.proto, ICMP | ICMP6) {
        // v5 and many v9 exporters put type * 256 + code into the destination port.
        let [kind, code] = flow.dst.port.to_be_bytes();
        flow.icmp = flow.icmp.or(Some((kind, code)));
        (flow.src.port, flow.dst.port) = (0, 0);
    } else {
        flow.icmp = None;
    }
    let exported = context.exported;
    if believable(flow.start, exported) && believable(flow.end, exported) {
        (flow.start, flow.end) = (flow.start.min(flow.end), flow.end.max(flow.start));
    } else {
        times(flow, context, late);
    }
    if !late.is_empty() {
        flow.sampling = interval(late, sampler).unwrap_or(flow.sampling);
    }
}

fn interval(late: &LateFields<'_>, sampler: impl Fn(u64) -> Option<u32>) -> Option<u32> {
    if let Some(interval) = late.get(Target::SamplingInterval).filter(|&n| n > 0) {
        return Some(interval as u32);
    }
    if let Some(packets) = late.get(Target::SamplingPackets).filter(|&n| n > 0) {
        return Some(ratio(packets, late.get(Target::SamplingSpace).unwrap_or(0)));
    }
    late.get(Target::SamplerId).and_then(sampler)
}

/// `samplingPacketInterval` packets are taken, `samplingPacketSpace` are left out (RFC 5477 section 8.2).
pub(crate) fn ratio(taken: u64, skipped: u64) -> u32 {
    let taken = taken.max(1);
    (taken.saturating_add(skipped).div_ceil(taken)).min(u64::from(u32::MAX)) as u32
}

/// First and last packet where they are not both told and believed.
#[cold]
fn times(flow: &mut FlowRecord, context: &MessageContext, late: &LateFields<'_>) {
    let exported = context.exported;
    let duration = late
        .get(Target::DurationMicros)
        .or_else(|| late.get(Target::DurationMillis).map(|ms| ms.saturating_mul(1000)))
        .map(|micros| micros.min(i64::MAX as u64 / 4) as i64);
    let told = |time: Micros| (time != UNKNOWN_TIME).then_some(time);
    let start = told(flow.start).or_else(|| since_boot(Target::StartUptime, context, late));
    let end = told(flow.end).or_else(|| since_boot(Target::EndUptime, context, late));
    let event = event_time(late, exported);
    let (start, end) = match (start, end, event) {
        (Some(start), Some(end), _) => (start, end),
        (Some(start), None, event) => {
            let end = duration.map(|duration| start.saturating_add(duration)).or(event).unwrap_or(start);
            (start, end)
        }
        (None, Some(end), _) => (duration.map_or(end, |duration| end.saturating_sub(duration)), end),
        (None, None, Some(event)) => (duration.map_or(event, |duration| event.saturating_sub(duration)), event),
        (None, None, None) => (exported.saturating_sub(duration.unwrap_or(0)), exported),
    };
    let length = end.saturating_sub(start).max(0);
    (flow.start, flow.end, flow.time_repaired) = match (believable(start, exported), believable(end, exported)) {
        (true, true) => (start.min(end), end.max(start), false),
        (false, true) => (end, end, true),
        (true, false) => (start, start, true),
        (false, false) => (exported - if length > DAY { 0 } else { length }, exported, true),
    };
}

/// A `sysUpTime` in IPFIX, whose headers do not tell the `sysUpTime` at export.
fn since_boot(target: Target, context: &MessageContext, late: &LateFields<'_>) -> Option<Micros> {
    let uptime = late.get(target)?;
    let boot = late.get(Target::BootMillis).map(|ms| scaled(ms, 1000)).or(context.boot);
    // Without a boot time the last packet counts as just exported.
    let before_export = || {
        let last = late.get(Target::EndUptime).unwrap_or(uptime);
        context.exported.saturating_sub(scaled(u64::from((last as u32).wrapping_sub(uptime as u32)), 1000))
    };
    Some(boot.map_or_else(before_export, |boot| boot.saturating_add(scaled(uptime, 1000))))
}

fn event_time(late: &LateFields<'_>, exported: Micros) -> Option<Micros> {
    late.get(Target::EventMillis)
        .map(|ms| scaled(ms, 1000))
        .or_else(|| late.get(Target::EventMicros).map(|stamp| from_ntp_or_plain(stamp, 1, exported)))
        .or_else(|| late.get(Target::EventNanos).map(|stamp| from_ntp_or_plain(stamp, 1000, exported)))
        .or_else(|| late.get(Target::EventSeconds).map(|s| scaled(s.saturating_mul(1000), 1000)))
}
