//! The walk over one message: its sets, their templates and data.
//!
//! Owns what each kind of set does to a source; must not know other sources or datagrams.

use super::message::{Header, fixed_template, starts_message};
use super::normalise::MessageContext;
use super::output::{Output, decode_set};
use super::pending::Waiting;
use super::reason::DropReason;
use super::settings::DecoderSettings;
use super::source::Source;
use super::template::{Definition, Dialect, Template, read};
use super::wire::{is_padding, u16_at};

/// The walk over one message.
pub(super) struct Walk<'a, O> {
    pub(super) source: &'a mut Source,
    pub(super) settings: &'a DecoderSettings,
    /// Octets that may still wait for templates, over all sources.
    pub(super) room: usize,
    /// Template fields that this source may have.
    pub(super) fields_room: usize,
    pub(super) waiting_change: isize,
    /// Entries that each table of options data may have.
    pub(super) names_limit: usize,
    pub(super) header: &'a Header,
    pub(super) out: &'a mut O,
}

impl<O: Output> Walk<'_, O> {
    fn context(&self) -> MessageContext {
        let sampling = self.source.sampling_override;
        MessageContext {
            exporter: self.source.key,
            domain: self.source.domain,
            version: self.header.version,
            sequence: self.header.sequence,
            exported: self.header.exported,
            uptime: self.header.uptime,
            boot: self.source.options.boot,
            v5_sampling: self.header.sampling,
            sampling: sampling.or_else(|| self.source.options.interval()).unwrap_or(self.source.sampling),
        }
    }

    fn drop(&mut self, reason: DropReason) {
        self.source.counters.drops.add(reason, 1);
    }

    /// Decodes the message; how many octets it took.
    pub(super) fn message(&mut self, message: &[u8]) -> usize {
        if self.header.truncated {
            self.drop(DropReason::MessageTruncated);
        }
        if let Some(template) = fixed_template(self.header.version) {
            let records = self.data(template, &message[self.header.body_at..]);
            self.source.counters.data_sets += 1;
            self.source.sequences[0].observe(self.header.sequence, Some(records));
            return message.len();
        }
        let ipfix = self.header.version == 10;
        let mut at = self.header.body_at;
        let mut records = Some(0_u32);
        while message.len() - at >= 4 {
            let rest = &message[at..];
            let (id, length) = (u16_at(rest, 0).unwrap_or(0), usize::from(u16_at(rest, 2).unwrap_or(0)));
            if !ipfix && matches!(id, 5 | 7 | 9 | 10) && starts_message(rest, self.header) {
                break;
            }
            if length < 4 {
                if !is_padding(rest) {
                    self.drop(DropReason::SetLengthInvalid);
                    records = None;
                }
                at = message.len();
                break;
            }
            let whole = length <= rest.len();
            if !whole {
                self.drop(DropReason::SetTruncated);
            }
            let body = &rest[4..length.min(rest.len())];
            let found = self.set(id, body, ipfix);
            records = records.zip(found).filter(|_| whole).map(|(sum, found)| sum.wrapping_add(found));
            at += length.min(rest.len());
        }
        if message.len() - at < 4 {
            if !is_padding(&message[at..]) && !self.header.truncated {
                self.drop(DropReason::SetTruncated);
            }
            at = message.len();
        }
        if ipfix {
            self.source.sequences[2].observe(self.header.sequence, records.filter(|_| !self.header.truncated));
        } else {
            self.source.sequences[1].observe(self.header.sequence, Some(1));
        }
        at
    }

    /// One set; its number of data records, `None` where that is unknown.
    fn set(&mut self, id: u16, body: &[u8], ipfix: bool) -> Option<u32> {
        match id {
            0 => self.templates(body, Dialect::V9, ipfix),
            1 => self.templates(body, Dialect::V9Options, ipfix),
            2 if ipfix => self.templates(body, Dialect::Ipfix, true),
            3 if ipfix => self.templates(body, Dialect::IpfixOptions, true),
            256.. => return self.data_set(id, body, ipfix),
            _ => {
                self.drop(DropReason::SetIdReserved);
                return None;
            }
        }
        Some(0)
    }

    fn data_set(&mut self, id: u16, body: &[u8], ipfix: bool) -> Option<u32> {
        self.source.counters.data_sets += 1;
        if let Some(template) = self.source.template((ipfix, id)) {
            return Some(self.data(&template, body));
        }
        let arrived = self.source.last_seen;
        let waiting = Waiting { context: self.context(), template: (ipfix, id), arrived, body: body.into() };
        let room = self.room.saturating_add_signed(-self.waiting_change);
        self.waiting_change += self.source.wait(waiting, self.settings.max_pending_bytes, room);
        None
    }

    fn data(&mut self, template: &Template, body: &[u8]) -> u32 {
        let context = self.context();
        decode_set(self.source, &context, template, body, self.names_limit, self.out)
    }

    fn templates(&mut self, mut body: &[u8], dialect: Dialect, ipfix: bool) {
        while body.len() >= 4 {
            let (definition, length) = match read(body, dialect, self.settings.max_fields) {
                Ok(Some(found)) => found,
                Ok(None) => return,
                Err(()) => return self.drop(DropReason::TemplateInvalid),
            };
            match definition {
                Definition::Learned(template) => {
                    let key = (ipfix, template.id);
                    if self.source.templates.fields() + template.fields.len() > self.fields_room {
                        self.drop(DropReason::TemplateLimit);
                    } else if self.source.learn(ipfix, template, self.settings.max_templates) {
                        self.replay(key);
                    }
                }
                Definition::Withdrawn(id) => self.source.withdraw(id),
                Definition::AllWithdrawn { options } => self.source.withdraw_all(options),
                Definition::Invalid { limit: true } => self.drop(DropReason::TemplateLimit),
                Definition::Invalid { limit: false } => self.drop(DropReason::TemplateInvalid),
            }
            body = body.get(length..).unwrap_or_default();
        }
    }

    /// Decodes what waited for this template.
    fn replay(&mut self, key: (bool, u16)) {
        let before = self.source.pending.weight();
        let ready = self.source.pending.release(key);
        self.waiting_change -= (before - self.source.pending.weight()) as isize;
        let Some(template) = self.source.template(key) else { return };
        for set in ready {
            let context = MessageContext { sampling: self.context().sampling, ..set.context };
            decode_set(self.source, &context, &template, &set.body, self.names_limit, self.out);
        }
    }
}
