//! Extraction plans: a template compiled once into moves from octets to members of flow records.
//!
//! Each move runs over all records of a set before the next one, so that what to do is decided once per set and not once
//! per value. Owns offsets and widths; must not know what the values mean together (`normalise` does).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::flow::{FlowRecord, Traffic};
use super::layout::Anchor;
use super::moves::run;
use super::normalise::{MessageContext, UNKNOWN_TIME};
use super::target::{Target, Targets};
use super::template::{FieldSpec, VARIABLE};
use super::wire::unsigned;

/// Records of one set that have the same layout.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rows<'a> {
    pub(crate) bytes: &'a [u8],
    /// Octets of each record, at least 1.
    pub(crate) stride: usize,
    /// See [`Layout::measure`](super::layout::Layout::measure).
    pub(crate) anchors: &'a [Anchor],
}

impl<'a> Rows<'a> {
    /// The records one by one.
    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = &'a [u8]> + use<'a> {
        self.bytes.chunks_exact(self.stride)
    }
}

/// One field that ingest takes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Step {
    pub(crate) target: Target,
    /// Which anchor the offset counts from.
    anchor: u16,
    offset: u16,
    /// Octets, or [`VARIABLE`]: the anchor's own value.
    length: u16,
}

impl Step {
    /// Where the value lies in the record, and its octets; `None` when that length makes no sense for the target.
    pub(crate) fn place(&self, anchors: &[Anchor]) -> Option<(usize, usize)> {
        let anchor = anchors.get(usize::from(self.anchor))?;
        if self.length != VARIABLE {
            return Some((anchor.end + usize::from(self.offset), usize::from(self.length)));
        }
        let octets = anchor.end - anchor.start;
        self.target.takes(octets).then_some((anchor.start, octets))
    }
}

/// A template's compiled form.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// In the order in which they are taken.
    steps: Box<[Step]>,
    /// Fields that are read once the steps have run.
    late: Box<[Step]>,
    /// What every record has.
    pub(crate) targets: Targets,
    is_flow: bool,
    /// An address has a length of its own, so a record may lack it.
    address_varies: bool,
    /// No protocol number, but types of ICMP.
    only_icmp: bool,
}

/// A number of one record, read when it is asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LateFields<'a> {
    plan: &'a Plan,
    record: &'a [u8],
    anchors: &'a [Anchor],
}

impl LateFields<'_> {
    /// The number that the record has for a late target.
    pub(crate) fn get(&self, target: Target) -> Option<u64> {
        let step = self.plan.late.iter().find(|step| step.target == target)?;
        let (at, octets) = step.place(self.anchors)?;
        self.record.get(at..at + octets).map(unsigned)
    }

    /// Whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.plan.late.is_empty()
    }

    /// Whether the record can only be of ICMP: types of it, and neither protocol number nor TCP flags.
    pub(crate) fn only_icmp(&self) -> bool {
        self.plan.only_icmp
    }
}

impl Plan {
    /// Compiles a template's fields.
    pub(crate) fn compile(fields: &[FieldSpec]) -> Self {
        let (mut steps, mut late, mut targets) = (Vec::new(), Vec::new(), Targets::default());
        let (mut anchor, mut offset) = (0_u16, 0_u16);
        let mut address_varies = false;
        for field in fields {
            if field.length == VARIABLE {
                anchor = anchor.saturating_add(1);
                offset = 0;
            }
            let varies = field.length == VARIABLE;
            let target = Target::of(field.enterprise, field.id)
                .filter(|target| varies || target.takes(usize::from(field.length)));
            if let Some(target) = target {
                let step = Step { target, anchor, offset, length: field.length };
                targets.add(target);
                address_varies |= varies && (target.is_wide() || target.is_ipv4());
                steps.push(step);
                if target.is_late() {
                    late.push(step);
                }
            }
            if !varies {
                offset = offset.saturating_add(field.length);
            }
        }
        // The first of equal fields wins, so it comes last.
        steps.reverse();
        steps.sort_by_key(|step| step.target);
        let is_flow = targets.any(&[Target::Src4, Target::Src6]) && targets.any(&[Target::Dst4, Target::Dst6]);
        let other_proto = [Target::Proto, Target::Flags, Target::InitialFlags, Target::UnionFlags];
        let only_icmp = targets.any(&[Target::IcmpType, Target::IcmpTypeCode]) && !targets.any(&other_proto);
        Self { steps: steps.into(), late: late.into(), targets, is_flow, address_varies, only_icmp }
    }

    /// A plan that takes nothing.
    pub(crate) fn empty() -> Self {
        Self::compile(&[])
    }

    /// Whether records carry what makes a flow: addresses.
    pub(crate) fn is_flow(&self) -> bool {
        self.is_flow
    }

    /// Whether a record that was read has its addresses after all.
    pub(crate) fn has_addresses(&self, flow: &FlowRecord) -> bool {
        !self.address_varies || !(flow.src.ip.is_unspecified() || flow.dst.ip.is_unspecified())
    }

    /// What all records of a message have in common before their own values are taken.
    pub(crate) fn prototype(&self, context: &MessageContext) -> FlowRecord {
        use Target as T;
        let has = |targets: &[Target]| self.targets.any(targets);
        let nowhere =
            |four| if has(&[four]) { IpAddr::V4(Ipv4Addr::UNSPECIFIED) } else { Ipv6Addr::UNSPECIFIED.into() };
        let mut flow = FlowRecord::empty(context.exporter, context.domain, context.export_type(), context.exported);
        flow.src.ip = nowhere(T::Src4);
        flow.dst.ip = nowhere(T::Dst4);
        flow.start = UNKNOWN_TIME;
        flow.end = UNKNOWN_TIME;
        flow.sampling = context.sampling;
        let flags = has(&[T::Flags, T::InitialFlags, T::UnionFlags]);
        flow.forward.flags = flags.then_some(0);
        if !has(&[T::Proto]) && flags {
            flow.proto = 6;
        }
        let back_flags = has(&[T::RevFlags, T::RevInitialFlags, T::RevUnionFlags]);
        let initiator = has(&[T::InitiatorOctets, T::ResponderOctets]);
        if back_flags || has(&[T::ResponderOctets, T::ResponderPackets, T::RevOctets, T::RevPackets]) {
            flow.reverse = Some(Traffic { flags: back_flags.then_some(0), ..Traffic::default() });
        }
        flow.source_initiates = initiator.then_some(true);
        flow.icmp = has(&[T::IcmpType, T::IcmpTypeCode]).then_some((0, 0));
        flow
    }

    /// Moves the values of all rows into `flows`, one for each, which are copies of the [`prototype`](Self::prototype).
    pub(crate) fn fill(&self, rows: &Rows<'_>, context: &MessageContext, flows: &mut [FlowRecord]) {
        for step in &self.steps {
            run(step, rows, context, flows);
        }
    }

    /// The late fields of a record.
    pub(crate) fn late<'a>(&'a self, record: &'a [u8], anchors: &'a [Anchor]) -> LateFields<'a> {
        LateFields { plan: self, record, anchors }
    }
}
