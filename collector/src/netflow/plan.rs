//! Extraction plans: a template compiled once into "these bytes go to that slot", so that reading a record is a short
//! run of loads.
//!
//! Owns the choice of elements that ingest needs; must not know what the values mean together (`normalise` does).

use super::elements::{CERT_PEN, CERT_REVERSE_BIT, REVERSE_PEN};
use super::template::{FieldSpec, VARIABLE};
use super::wire::{unsigned, variable_length};

macro_rules! slots {
    ($($(#[$doc:meta])* $name:ident,)+) => {
        /// What a value is to ingest.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[repr(u8)]
        pub(crate) enum Slot { $($(#[$doc])* $name,)+ }

        /// Number of slots.
        pub(crate) const SLOTS: usize = [$(Slot::$name,)+].len();
    };
}

slots! {
    SrcPort, DstPort, Proto, Flags, Octets, Packets, OctetTotal, PacketTotal, OutOctets, OutPackets, RevOctets, RevPackets,
    RevFlags, InitiatorOctets, ResponderOctets, InitiatorPackets, ResponderPackets, StartUptime, EndUptime, StartSeconds,
    EndSeconds, StartMillis, EndMillis, StartMicros, EndMicros, StartNanos, EndNanos, StartDelta, EndDelta, DurationMillis,
    DurationMicros, BootMillis, EventSeconds, EventMillis, EventMicros, EventNanos, EndReason, FirewallEvent, FwEvent,
    FwExtEvent, Biflow, IngressIf, EgressIf, Vlan, Vrf, Tunnel, IcmpTypeCode, IcmpType, IcmpCode, SamplerId, SamplingInterval,
    SamplingPackets, SamplingSpace, NatSrcPort, NatDstPort, NewConnections, SrcAs, DstAs, InitialFlags, RevInitialFlags,
    UnionFlags, RevUnionFlags, IpVersion,
    /// IPv4 addresses.
    Src4, Dst4, NatSrc4, NatDst4,
    /// IPv6 addresses.
    Src6, Dst6, NatSrc6, NatDst6,
}

const REVERSE_INITIAL_FLAGS: u16 = 0x0e | CERT_REVERSE_BIT;
const REVERSE_UNION_FLAGS: u16 = 0x0f | CERT_REVERSE_BIT;

/// The slot of an element, `None` for those that ingest does not need.
fn slot_of(enterprise: u32, id: u16) -> Option<Slot> {
    use Slot as S;
    Some(match (enterprise, id) {
        (0, 1) => S::Octets,
        (0, 2) => S::Packets,
        (0, 4) => S::Proto,
        (0, 6) => S::Flags,
        (0, 7 | 180 | 182) => S::SrcPort,
        (0, 11 | 181 | 183) => S::DstPort,
        (0, 8) => S::Src4,
        (0, 12) => S::Dst4,
        (0, 27) => S::Src6,
        (0, 28) => S::Dst6,
        (0, 10) => S::IngressIf,
        (0, 14) => S::EgressIf,
        (0, 16) => S::SrcAs,
        (0, 17) => S::DstAs,
        (0, 21) => S::EndUptime,
        (0, 22) => S::StartUptime,
        (0, 23) => S::OutOctets,
        (0, 24) => S::OutPackets,
        (0, 85) => S::OctetTotal,
        (0, 86) => S::PacketTotal,
        (0, 32 | 139) => S::IcmpTypeCode,
        (0, 176 | 178) => S::IcmpType,
        (0, 177 | 179) => S::IcmpCode,
        (0, 34 | 50) => S::SamplingInterval,
        (0, 48 | 302) => S::SamplerId,
        (0, 305) => S::SamplingPackets,
        (0, 306) => S::SamplingSpace,
        (0, 58 | 243) => S::Vlan,
        (0, 60) => S::IpVersion,
        (0, 136) => S::EndReason,
        (0, 150) => S::StartSeconds,
        (0, 151) => S::EndSeconds,
        (0, 152) => S::StartMillis,
        (0, 153) => S::EndMillis,
        (0, 154) => S::StartMicros,
        (0, 155) => S::EndMicros,
        (0, 156) => S::StartNanos,
        (0, 157) => S::EndNanos,
        (0, 158) => S::StartDelta,
        (0, 159) => S::EndDelta,
        (0, 160) => S::BootMillis,
        (0, 161) => S::DurationMillis,
        (0, 162) => S::DurationMicros,
        (0, 225 | 40001) => S::NatSrc4,
        (0, 226 | 40002) => S::NatDst4,
        (0, 281) => S::NatSrc6,
        (0, 282) => S::NatDst6,
        (0, 227 | 40003) => S::NatSrcPort,
        (0, 228 | 40004) => S::NatDstPort,
        (0, 231) => S::InitiatorOctets,
        (0, 232) => S::ResponderOctets,
        (0, 298) => S::InitiatorPackets,
        (0, 299) => S::ResponderPackets,
        (0, 233) => S::FirewallEvent,
        (0, 40005) => S::FwEvent,
        (0 | 9, 33002) => S::FwExtEvent,
        (0, 234) => S::Vrf,
        (0, 239) => S::Biflow,
        (0, 278) => S::NewConnections,
        (0, 296 | 351) => S::Tunnel,
        (0, 322) => S::EventSeconds,
        (0, 323) => S::EventMillis,
        (0, 324) => S::EventMicros,
        (0, 325) => S::EventNanos,
        (REVERSE_PEN, 1 | 85) => S::RevOctets,
        (REVERSE_PEN, 2 | 86) => S::RevPackets,
        (REVERSE_PEN, 6) => S::RevFlags,
        (CERT_PEN, 14) => S::InitialFlags,
        (CERT_PEN, 15) => S::UnionFlags,
        (CERT_PEN, REVERSE_INITIAL_FLAGS) => S::RevInitialFlags,
        (CERT_PEN, REVERSE_UNION_FLAGS) => S::RevUnionFlags,
        _ => return None,
    })
}

/// How a value is loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Load {
    U8,
    U16,
    U32,
    U64,
    /// Three, five, six or seven octets.
    Narrow(u8),
    /// An IPv6 address; the slot's place in [`Values::wide`].
    Wide(u8),
}

#[derive(Debug, Clone, Copy)]
struct Step {
    offset: u16,
    slot: Slot,
    load: Load,
}

/// One field of a template whose offsets depend on the record.
#[derive(Debug, Clone, Copy)]
struct Walk {
    length: u16,
    slot: Option<Slot>,
}

/// A template's compiled form.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// Slots that every record of a fixed template fills.
    present: u128,
    steps: Vec<Step>,
    /// For templates with variable-length fields: every field in order; `steps` is empty then.
    walk: Vec<Walk>,
    /// Octets before the first planned field.
    skip: usize,
}

/// Values of one record. Only slots with their bit in `present` hold anything.
#[derive(Debug, Clone)]
pub(crate) struct Values {
    pub(crate) present: u128,
    numbers: [u64; SLOTS],
    wide: [u128; 4],
}

impl Default for Values {
    fn default() -> Self {
        Self { present: 0, numbers: [0; SLOTS], wide: [0; 4] }
    }
}

impl Values {
    /// Whether the slot was filled.
    #[inline]
    pub(crate) fn has(&self, slot: Slot) -> bool {
        self.present & bit(slot) != 0
    }

    /// The value of a numeric slot.
    #[inline]
    pub(crate) fn get(&self, slot: Slot) -> Option<u64> {
        self.has(slot).then(|| self.numbers[slot as usize])
    }

    /// The value of an IPv6 slot.
    #[inline]
    pub(crate) fn wide(&self, slot: Slot) -> Option<u128> {
        self.has(slot).then(|| self.wide[(slot as usize - Slot::Src6 as usize) & 3])
    }

    fn put(&mut self, slot: Slot, bytes: &[u8]) {
        if let Some(load) = load_of(slot, bytes.len()) {
            self.load(load, slot, bytes);
            self.present |= bit(slot);
        }
    }

    #[inline]
    fn load(&mut self, load: Load, slot: Slot, bytes: &[u8]) {
        let number = match load {
            Load::U8 => bytes.first().map_or(0, |&byte| u64::from(byte)),
            Load::U16 => fixed::<2>(bytes).map_or(0, |b| u64::from(u16::from_be_bytes(b))),
            Load::U32 => fixed::<4>(bytes).map_or(0, |b| u64::from(u32::from_be_bytes(b))),
            Load::U64 => fixed::<8>(bytes).map_or(0, u64::from_be_bytes),
            Load::Narrow(width) => unsigned(bytes.get(..usize::from(width)).unwrap_or_default()),
            Load::Wide(place) => {
                self.wide[usize::from(place & 3)] = fixed::<16>(bytes).map_or(0, u128::from_be_bytes);
                return;
            }
        };
        self.numbers[slot as usize] = number;
    }
}

#[inline]
fn fixed<const N: usize>(bytes: &[u8]) -> Option<[u8; N]> {
    bytes.first_chunk::<N>().copied()
}

const fn bit(slot: Slot) -> u128 {
    1 << slot as u32
}

/// How a slot takes a value of this length; `None` when the length makes no sense for it.
fn load_of(slot: Slot, length: usize) -> Option<Load> {
    let wide = slot as u8 >= Slot::Src6 as u8;
    let narrow_address = slot as u8 >= Slot::Src4 as u8 && !wide;
    match length {
        16 if wide => Some(Load::Wide(slot as u8 - Slot::Src6 as u8)),
        _ if wide => None,
        4 => Some(Load::U32),
        _ if narrow_address => None,
        1 => Some(Load::U8),
        2 => Some(Load::U16),
        8 => Some(Load::U64),
        3 | 5 | 6 | 7 => Some(Load::Narrow(length as u8)),
        _ => None,
    }
}

impl Plan {
    /// Compiles fields that start `skip` octets into the record.
    pub(crate) fn compile(fields: &[FieldSpec], skip: usize) -> Self {
        let mut plan = Self { present: 0, steps: Vec::new(), walk: Vec::new(), skip };
        if fields.iter().any(|field| field.length == VARIABLE) {
            let walk = |field: &FieldSpec| Walk { length: field.length, slot: slot_of(field.enterprise, field.id) };
            plan.walk = fields.iter().map(walk).collect();
            return plan;
        }
        let mut offset = skip;
        for field in fields {
            let length = usize::from(field.length);
            let slot = slot_of(field.enterprise, field.id);
            if let Some((slot, load)) = slot.and_then(|slot| Some((slot, load_of(slot, length)?)))
                && plan.present & bit(slot) == 0
            {
                plan.steps.push(Step { offset: offset as u16, slot, load });
                plan.present |= bit(slot);
            }
            offset += length;
        }
        plan
    }

    /// Reads one record of a fixed template; `record` is exactly one record long.
    #[inline]
    pub(crate) fn read(&self, record: &[u8], values: &mut Values) {
        values.present = self.present;
        for step in &self.steps {
            let bytes = record.get(usize::from(step.offset)..).unwrap_or_default();
            values.load(step.load, step.slot, bytes);
        }
    }

    /// Reads one record of a template with variable-length fields from the start of `bytes`; its length, or `None`
    /// when it runs past the end.
    pub(crate) fn read_variable(&self, bytes: &[u8], values: &mut Values) -> Option<usize> {
        values.present = 0;
        let mut at = self.skip;
        for field in &self.walk {
            let length = if field.length == VARIABLE {
                let (prefix, length) = variable_length(bytes.get(at..)?)?;
                at += prefix;
                length
            } else {
                usize::from(field.length)
            };
            let value = bytes.get(at..at + length)?;
            if let Some(slot) = field.slot
                && !values.has(slot)
            {
                values.put(slot, value);
            }
            at += length;
        }
        Some(at)
    }

    /// Whether records carry what makes a flow: addresses.
    pub(crate) fn may_be_flow(&self) -> bool {
        let either = |four, six| {
            self.present & (bit(four) | bit(six)) != 0
                || self.walk.iter().any(|walk| walk.slot == Some(four) || walk.slot == Some(six))
        };
        either(Slot::Src4, Slot::Src6) && either(Slot::Dst4, Slot::Dst6)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(id: u16, length: u16) -> FieldSpec {
        FieldSpec { enterprise: 0, id, length }
    }

    #[test]
    fn fixed_and_variable_read_alike() {
        let mut fields = vec![field(8, 4), field(12, 4), field(1, 3), field(27, 16), field(999, 2), field(4, 1)];
        let mut record = vec![10, 0, 0, 1, 10, 0, 0, 2, 1, 2, 3];
        record.extend([0x20; 16]);
        record.extend([9, 9, 6]);
        let (mut one, mut two) = (Values::default(), Values::default());
        Plan::compile(&fields, 0).read(&record, &mut one);
        fields.push(field(82, VARIABLE));
        record.extend([2, b'x', b'y']);
        let plan = Plan::compile(&fields, 0);
        assert_eq!(plan.read_variable(&record, &mut two), Some(record.len()));
        for values in [&one, &two] {
            assert_eq!(values.get(Slot::Src4), Some(0x0a00_0001));
            assert_eq!(values.get(Slot::Octets), Some(0x01_02_03));
            assert_eq!(values.get(Slot::Proto), Some(6));
            assert_eq!(values.wide(Slot::Src6), Some(u128::from_be_bytes([0x20; 16])));
            assert_eq!(values.get(Slot::Packets), None);
        }
        assert!(plan.may_be_flow());
        assert_eq!(plan.read_variable(&record[..record.len() - 1], &mut two), None);
    }

    #[test]
    fn an_address_of_another_width_is_no_address() {
        let plan = Plan::compile(&[field(8, 3), field(27, 4)], 0);
        assert!(!plan.may_be_flow());
        let mut values = Values::default();
        plan.read(&[1, 2, 3, 4, 5, 6, 7], &mut values);
        assert_eq!(values.get(Slot::Src4), None);
    }
}
