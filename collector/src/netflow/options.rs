//! Options data: what exporters say about themselves, their samplers, interfaces and applications.
//!
//! Owns what is remembered of it, within bounds; must not know data records.

use std::collections::HashMap;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use tracker::Micros;

use super::normalise::ratio;
use super::template::Template;
use super::value::fields_of;
use super::wire::unsigned;

/// Octets of a name that are kept.
const LONGEST_NAME: usize = 256;

/// What an exporter's options records said.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct ExporterOptions {
    /// Sampling interval by sampler or selector id.
    samplers: HashMap<u64, u32>,
    /// Sampling interval that was given without an id.
    default_interval: Option<u32>,
    /// When the exporter started (IE 160).
    pub(crate) boot: Option<Micros>,
    interfaces: HashMap<u64, String>,
    applications: HashMap<u64, String>,
    /// Flow records the exporter says it sent (IE 42).
    pub exported_records: Option<u64>,
    /// Flows it says it could not send (IE 166).
    pub not_sent: Option<u64>,
    /// Its idle time-out, seconds (IE 37).
    pub idle_timeout: Option<u32>,
    /// Its active time-out, seconds (IE 36).
    pub active_timeout: Option<u32>,
    /// Counts changes of what outlives the process.
    #[serde(skip)]
    changes: u64,
}

impl ExporterOptions {
    /// Interval of a sampler.
    pub fn interval_of(&self, sampler: u64) -> Option<u32> {
        self.samplers.get(&sampler).copied().or(self.default_interval)
    }

    /// Interval of records that name no sampler: the one given without an id, or the only sampler's.
    pub fn interval(&self) -> Option<u32> {
        self.default_interval.or_else(|| {
            let mut all = self.samplers.values().copied();
            let first = all.next()?;
            all.all(|other| other == first).then_some(first)
        })
    }

    /// Counts changes of samplers and names.
    pub(crate) fn changes(&self) -> u64 {
        self.changes
    }

    /// Entries of all tables.
    pub(crate) fn entries(&self) -> usize {
        self.samplers.len() + self.interfaces.len() + self.applications.len()
    }

    /// Names of interfaces by index.
    pub(crate) fn interfaces(&self) -> impl Iterator<Item = (u32, &str)> {
        self.interfaces.iter().map(|(&index, name)| (index as u32, name.as_str()))
    }

    /// Name of an interface by its index.
    pub fn interface(&self, index: u32) -> Option<&str> {
        self.interfaces.get(&u64::from(index)).map(String::as_str)
    }

    /// Name of an application by its id.
    pub fn application(&self, id: u64) -> Option<&str> {
        self.applications.get(&id).map(String::as_str)
    }

    /// Takes one options record; `limit` bounds every table.
    pub(crate) fn learn(&mut self, template: &Template, record: &[u8], limit: usize) {
        let mut sampler = None;
        let mut interval = None;
        let (mut taken, mut skipped) = (None, 0);
        let (mut interface, mut application) = (None, None);
        let (mut interface_name, mut description, mut application_name) = (None, None, None);
        let text = |bytes: &[u8]| {
            let bytes = &bytes[..bytes.len().min(LONGEST_NAME)];
            String::from_utf8_lossy(bytes).trim_end_matches('\0').trim().to_owned()
        };
        for (index, spec, bytes) in fields_of(template, record) {
            let number = unsigned(bytes);
            if template.v9_scopes && index < template.scopes {
                if spec.id == 2 {
                    interface = Some(number);
                }
                continue;
            }
            if spec.enterprise != 0 {
                continue;
            }
            match spec.id {
                48 | 302 => sampler = Some(number),
                34 | 50 => interval = Some(number as u32),
                305 => taken = Some(number),
                306 => skipped = number,
                10 | 14 | 252 => interface = Some(number),
                82 => interface_name = Some(text(bytes)),
                83 => description = Some(text(bytes)),
                95 => application = Some(number),
                96 => application_name = Some(text(bytes)),
                160 => self.boot = Some((number as i64).saturating_mul(1000)),
                42 => self.exported_records = Some(number),
                166 => self.not_sent = Some(number),
                36 => self.active_timeout = Some(number as u32),
                37 => self.idle_timeout = Some(number as u32),
                _ => {}
            }
        }
        let interval = interval.filter(|&n| n > 0).or_else(|| taken.map(|taken| ratio(taken, skipped)));
        match (sampler, interval) {
            (Some(id), Some(interval)) => self.changes += insert(&mut self.samplers, id, interval, limit),
            (None, Some(interval)) => {
                let former = self.default_interval.replace(interval);
                self.changes += u64::from(former != Some(interval));
            }
            _ => {}
        }
        if let (Some(index), Some(name)) = (interface, interface_name.or(description)) {
            self.changes += insert(&mut self.interfaces, index, name, limit);
        }
        if let (Some(id), Some(name)) = (application, application_name) {
            self.changes += insert(&mut self.applications, id, name, limit);
        }
    }
}

/// Sets a value where there is room; 1 when the table has changed.
fn insert<V: PartialEq>(table: &mut HashMap<u64, V>, key: u64, value: V, limit: usize) -> u64 {
    if table.get(&key) == Some(&value) || (table.len() >= limit && !table.contains_key(&key)) {
        return 0;
    }
    table.insert(key, value);
    1
}

/// Sampling in a v5 header: two bits of mode, fourteen of interval. 0 and 1 mean every packet.
pub(crate) fn v5_interval(field: u16) -> u32 {
    u32::from(field & 0x3fff).max(1)
}

/// The configured interval for an exporter, the most specific prefix first.
pub(crate) fn configured(overrides: &[(ipnet::IpNet, u32)], exporter: IpAddr) -> Option<u32> {
    overrides
        .iter()
        .filter(|(net, _)| net.contains(&exporter))
        .max_by_key(|(net, _)| net.prefix_len())
        .map(|&(_, interval)| interval)
}
