//! Compiling filter expressions to classic BPF (the Linux kernel's socket filters).
//!
//! Packets are read from their network header on (`SKF_NET_OFF`); protocol and VLAN tag are the kernel's own knowledge
//! (`SKF_AD_OFF`), for the network card may have taken the tag out of the frame.

use std::net::IpAddr;

use super::{Expression, Side};
use crate::packet::proto;

/// One instruction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Instruction {
    /// What is done.
    pub code: u16,
    /// How many instructions are skipped if a test holds.
    pub jt: u8,
    /// How many are skipped if it does not.
    pub jf: u8,
    /// The operand.
    pub k: u32,
}

/// Operation codes (Linux `bpf_common.h`).
pub(super) mod op {
    pub const LOAD_WORD: u16 = 0x20;
    pub const LOAD_HALF: u16 = 0x28;
    pub const LOAD_BYTE: u16 = 0x30;
    pub const LOAD_HALF_INDEXED: u16 = 0x48;
    pub const LOAD_HEADER_LENGTH: u16 = 0xb1;
    pub const AND: u16 = 0x54;
    pub const JUMP: u16 = 0x05;
    pub const IF_EQUAL: u16 = 0x15;
    pub const IF_GREATER: u16 = 0x25;
    pub const IF_AT_LEAST: u16 = 0x35;
    pub const IF_BITS: u16 = 0x45;
    pub const RETURN: u16 = 0x06;
}

/// Offsets from here on count from the network header.
pub(super) const NETWORK: u32 = (-0x10_0000i32) as u32;
const ANCILLARY: u32 = (-0x1000i32) as u32;
pub(super) const PROTOCOL: u32 = ANCILLARY;
pub(super) const VLAN_TAG: u32 = ANCILLARY + 44;
pub(super) const VLAN_PRESENT: u32 = ANCILLARY + 48;

const IPV4: u32 = 0x0800;
const IPV6: u32 = 0x86dd;

/// A place in the program that is known later.
#[derive(Debug, Clone, Copy)]
struct Label(usize);

#[derive(Debug, Default)]
struct Assembler {
    code: Vec<Instruction>,
    /// Where each label is.
    labels: Vec<usize>,
    /// Jumps and where they go.
    jumps: Vec<(usize, Label)>,
}

impl Assembler {
    fn label(&mut self) -> Label {
        self.labels.push(usize::MAX);
        Label(self.labels.len() - 1)
    }

    fn place(&mut self, label: Label) {
        self.labels[label.0] = self.code.len();
    }

    fn emit(&mut self, code: u16, k: u32) {
        self.code.push(Instruction { code, jt: 0, jf: 0, k });
    }

    /// Goes to one of two labels. A test reaches only 255 instructions far, a jump any number.
    fn test(&mut self, code: u16, k: u32, yes: Label, no: Label) {
        self.code.push(Instruction { code, jt: 0, jf: 1, k });
        self.go(yes);
        self.go(no);
    }

    fn go(&mut self, label: Label) {
        self.jumps.push((self.code.len(), label));
        self.emit(op::JUMP, 0);
    }

    fn finish(mut self) -> Vec<Instruction> {
        for (at, label) in self.jumps {
            self.code[at].k = (self.labels[label.0] - at - 1) as u32;
        }
        self.code
    }

    fn expression(&mut self, expression: &Expression, yes: Label, no: Label) {
        match expression {
            Expression::Ip => self.is_version(IPV4, yes, no),
            Expression::Ip6 => self.is_version(IPV6, yes, no),
            Expression::Protocol(number) => self.any_protocol(&[*number], yes, yes, no),
            Expression::Net(side, net) => self.net(*side, net, yes, no),
            Expression::Ports(side, low, high) => self.ports(*side, *low, *high, yes, no),
            Expression::Vlan(id) => self.vlan(*id, yes, no),
            Expression::Not(inner) => self.expression(inner, no, yes),
            Expression::And(left, right) => {
                let then = self.label();
                self.expression(left, then, no);
                self.place(then);
                self.expression(right, yes, no);
            }
            Expression::Or(left, right) => {
                let otherwise = self.label();
                self.expression(left, yes, otherwise);
                self.place(otherwise);
                self.expression(right, yes, no);
            }
        }
    }

    fn is_version(&mut self, version: u32, yes: Label, no: Label) {
        self.emit(op::LOAD_WORD, PROTOCOL);
        self.test(op::IF_EQUAL, version, yes, no);
    }

    /// Goes to `four` or `six` if the packet has one of these protocols, by its version.
    fn any_protocol(&mut self, numbers: &[u8], four: Label, six: Label, no: Label) {
        for (version, at, yes) in [(IPV4, 9, four), (IPV6, 6, six)] {
            let (this, other) = (self.label(), self.label());
            self.is_version(version, this, other);
            self.place(this);
            self.emit(op::LOAD_BYTE, NETWORK + at);
            for &number in numbers {
                let next = self.label();
                self.test(op::IF_EQUAL, u32::from(number), yes, next);
                self.place(next);
            }
            self.go(no);
            self.place(other);
        }
        self.go(no);
    }

    fn net(&mut self, side: Side, net: &ipnet::IpNet, yes: Label, no: Label) {
        let (version, bytes, places) = match net.network() {
            IpAddr::V4(v4) => (IPV4, v4.octets().to_vec(), [12, 16]),
            IpAddr::V6(v6) => (IPV6, v6.octets().to_vec(), [8, 24]),
        };
        let this = self.label();
        self.is_version(version, this, no);
        self.place(this);
        let places: &[u32] = match side {
            Side::Source => &places[..1],
            Side::Destination => &places[1..],
            Side::Either => &places,
        };
        for &place in places {
            let next = self.label();
            let mut bits = u32::from(net.prefix_len());
            for (index, word) in bytes.chunks(4).enumerate() {
                let own = bits.min(32);
                bits -= own;
                if own == 0 {
                    break;
                }
                let value = u32::from_be_bytes([word[0], word[1], word[2], word[3]]);
                self.emit(op::LOAD_WORD, NETWORK + place + index as u32 * 4);
                if own < 32 {
                    self.emit(op::AND, u32::MAX << (32 - own));
                }
                let more = self.label();
                self.test(op::IF_EQUAL, value, more, next);
                self.place(more);
            }
            self.go(yes);
            self.place(next);
        }
        self.go(no);
    }

    fn ports(&mut self, side: Side, low: u16, high: u16, yes: Label, no: Label) {
        let (four, six) = (self.label(), self.label());
        self.any_protocol(&[proto::TCP, proto::UDP, proto::SCTP], four, six, no);
        self.place(four);
        self.emit(op::LOAD_HALF, NETWORK + 6);
        let first = self.label();
        self.test(op::IF_BITS, 0x1fff, no, first);
        self.place(first);
        self.emit(op::LOAD_HEADER_LENGTH, NETWORK);
        self.port_tests(op::LOAD_HALF_INDEXED, NETWORK, side, (low, high), yes, no);
        self.place(six);
        self.port_tests(op::LOAD_HALF, NETWORK + 40, side, (low, high), yes, no);
    }

    fn port_tests(&mut self, load: u16, at: u32, side: Side, range: (u16, u16), yes: Label, no: Label) {
        let places: &[u32] = match side {
            Side::Source => &[0],
            Side::Destination => &[2],
            Side::Either => &[0, 2],
        };
        for place in places {
            let (next, upper) = (self.label(), self.label());
            self.emit(load, at + place);
            self.test(op::IF_AT_LEAST, u32::from(range.0), upper, next);
            self.place(upper);
            self.test(op::IF_GREATER, u32::from(range.1), next, yes);
            self.place(next);
        }
        self.go(no);
    }

    fn vlan(&mut self, id: Option<u16>, yes: Label, no: Label) {
        self.emit(op::LOAD_WORD, VLAN_PRESENT);
        let Some(id) = id else {
            self.test(op::IF_EQUAL, 0, no, yes);
            return;
        };
        let tagged = self.label();
        self.test(op::IF_EQUAL, 0, no, tagged);
        self.place(tagged);
        self.emit(op::LOAD_WORD, VLAN_TAG);
        self.emit(op::AND, 0x0fff);
        self.test(op::IF_EQUAL, u32::from(id), yes, no);
    }
}

/// The program that accepts what the expression describes, whole.
pub(super) fn compile(expression: &Expression) -> Vec<Instruction> {
    let mut assembler = Assembler::default();
    let (yes, no) = (assembler.label(), assembler.label());
    assembler.expression(expression, yes, no);
    assembler.place(yes);
    assembler.emit(op::RETURN, u32::MAX);
    assembler.place(no);
    assembler.emit(op::RETURN, 0);
    assembler.finish()
}
