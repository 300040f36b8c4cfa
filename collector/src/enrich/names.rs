//! Names of exporters and interfaces: those that people gave, and those that exporters' options data tell.
//!
//! Owns the tables; must not know how options are read.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, PoisonError, RwLock};

use hashbrown::HashMap;

/// Names that exporters told, by exporter (as [`ExporterKey`](crate::netflow::ExporterKey) writes itself) and index.
#[derive(Debug, Default)]
pub struct InterfaceNames(RwLock<HashMap<String, HashMap<u32, Arc<str>>>>);

impl InterfaceNames {
    /// Adds names; newer ones replace older ones.
    pub fn learn<'a>(&self, names: impl IntoIterator<Item = (String, u32, &'a str)>) {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        for (exporter, index, name) in names {
            let of = known.entry(exporter).or_default();
            if of.get(&index).is_none_or(|former| &**former != name) {
                of.insert(index, Arc::from(name));
            }
        }
    }

    /// The name of an interface.
    pub fn get(&self, exporter: &str, index: u32) -> Option<Arc<str>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(exporter)?.get(&index).cloned()
    }

    /// Whether no exporter has told any.
    pub fn is_empty(&self) -> bool {
        self.0.read().unwrap_or_else(PoisonError::into_inner).is_empty()
    }
}

/// Names that people gave.
#[derive(Debug, Clone, Default)]
pub struct GivenNames {
    exporters: HashMap<String, Arc<str>>,
    interfaces: HashMap<(String, u32), Arc<str>>,
}

impl GivenNames {
    /// Reads names of exporters by address (`192.0.2.1`, or `192.0.2.1:2055` where ports tell exporters apart) and of
    /// interfaces by exporter and index (`192.0.2.1#3`).
    ///
    /// # Errors
    /// The first key that is neither.
    pub fn new(exporters: &BTreeMap<String, String>, interfaces: &BTreeMap<String, String>) -> Result<Self, String> {
        let mut given = Self::default();
        for (key, name) in exporters {
            let exporter = exporter(key).ok_or_else(|| format!("{key:?} is no address"))?;
            given.exporters.insert(exporter, Arc::from(name.as_str()));
        }
        for (key, name) in interfaces {
            let parts =
                key.split_once('#').and_then(|(address, index)| Some((exporter(address)?, index.parse().ok()?)));
            let parts = parts.ok_or_else(|| format!("{key:?} is no address and index, as in \"192.0.2.1#3\""))?;
            given.interfaces.insert(parts, Arc::from(name.as_str()));
        }
        Ok(given)
    }

    /// The name of an exporter.
    pub fn exporter(&self, exporter: &str) -> Option<&Arc<str>> {
        self.exporters.get(exporter)
    }

    /// The name of an interface.
    pub fn interface(&self, exporter: &str, index: u32) -> Option<&Arc<str>> {
        if self.interfaces.is_empty() { None } else { self.interfaces.get(&(exporter.to_owned(), index)) }
    }

    /// Whether nothing has a name.
    pub fn is_empty(&self) -> bool {
        self.exporters.is_empty() && self.interfaces.is_empty()
    }
}

/// An exporter's address as exporters are written everywhere.
fn exporter(text: &str) -> Option<String> {
    let text = text.trim();
    if let Ok(address) = text.parse::<IpAddr>() {
        return Some(address.to_canonical().to_string());
    }
    let address: SocketAddr = text.parse().ok()?;
    Some(SocketAddr::new(address.ip().to_canonical(), address.port()).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(key, name)| ((*key).to_owned(), (*name).to_owned())).collect()
    }

    #[test]
    fn given_names_are_found_by_the_exporters_canonical_form() {
        let exporters = map(&[("2001:DB8:0::1", "core"), ("::ffff:192.0.2.1", "edge"), ("192.0.2.2:2055", "lab")]);
        let given = GivenNames::new(&exporters, &map(&[("192.0.2.1#3", "uplink")])).unwrap();
        assert_eq!(given.exporter("2001:db8::1").map(|name| &**name), Some("core"));
        assert_eq!(given.exporter("192.0.2.1").map(|name| &**name), Some("edge"));
        assert_eq!(given.exporter("192.0.2.2:2055").map(|name| &**name), Some("lab"));
        assert_eq!(given.interface("192.0.2.1", 3).map(|name| &**name), Some("uplink"));
        assert_eq!(given.interface("192.0.2.1", 4), None);
    }

    #[test]
    fn what_is_no_address_is_told() {
        assert!(GivenNames::new(&map(&[("core", "x")]), &map(&[])).unwrap_err().contains("core"));
        for key in ["192.0.2.1", "192.0.2.1#x", "x#1"] {
            assert!(GivenNames::new(&map(&[]), &map(&[(key, "x")])).unwrap_err().contains(key));
        }
    }

    #[test]
    fn told_names_can_change() {
        let names = InterfaceNames::default();
        names.learn([("192.0.2.1".to_owned(), 3, "old")]);
        names.learn([("192.0.2.1".to_owned(), 3, "new")]);
        assert_eq!(names.get("192.0.2.1", 3).as_deref(), Some("new"));
        assert_eq!(names.get("192.0.2.2", 3), None);
    }
}
