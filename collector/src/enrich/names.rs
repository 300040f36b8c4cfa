//! Names of exporters' interfaces, as their options data tell them.
//!
//! Owns the table from exporter and index to name; must not know how options are read.

use std::sync::{Arc, PoisonError, RwLock};

use hashbrown::HashMap;

/// Names by exporter (as [`ExporterKey`](crate::netflow::ExporterKey) writes itself) and index.
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
}
