//! The templates of one source, how long they hold, and the pool in which equal ones are shared.
//!
//! Owns their number and lifetime (RFC 7011 section 8.4); must not know how they are written or used.

use std::hash::BuildHasher;
use std::sync::{Arc, Mutex, PoisonError};

use foldhash::fast::RandomState;
use hashbrown::HashMap;
use hashbrown::hash_map::Entry;
use tracker::Micros;

use super::template::Template;

/// Protocol (IPFIX or not) and id.
pub(crate) type TemplateKey = (bool, u16);

/// Pools are searched for templates that nobody uses when they have grown to twice their size, and not below this.
const POOL: usize = 1_024;

/// Keeps one copy of templates that many exporters define alike.
#[derive(Debug, Default)]
pub(crate) struct TemplatePool(Mutex<Pool>);

#[derive(Debug, Default)]
struct Pool {
    shapes: HashMap<u64, Arc<Template>>,
    hasher: RandomState,
    sweep_at: usize,
}

impl TemplatePool {
    /// The template, or an equal one that is known.
    fn share(&self, template: Template) -> Arc<Template> {
        let mut guard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Pool { shapes, hasher, sweep_at } = &mut *guard;
        let hash = hasher.hash_one((template.id, template.scopes, template.v9_scopes, &template.fields));
        if shapes.len() >= (*sweep_at).max(POOL) {
            shapes.retain(|_, known| Arc::strong_count(known) > 1);
            *sweep_at = shapes.len() * 2;
        }
        match shapes.entry(hash) {
            Entry::Occupied(known) if known.get().id == template.id && known.get().same_shape(&template) => {
                Arc::clone(known.get())
            }
            Entry::Occupied(_) => Arc::new(template),
            Entry::Vacant(empty) => Arc::clone(empty.insert(Arc::new(template))),
        }
    }
}

/// What a template record changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Learnt {
    /// Nothing: the template is known, and holds for another lifetime.
    Refreshed,
    /// A template that was not known.
    New,
    /// Another shape for a known id, without a withdrawal.
    Redefined,
    /// There is no room.
    Full,
}

/// A template and when it was last sent.
#[derive(Debug, Clone)]
pub(crate) struct Known {
    pub(crate) template: Arc<Template>,
    pub(crate) refreshed: Micros,
}

/// The templates of one source.
#[derive(Debug)]
pub(crate) struct Templates {
    known: HashMap<TemplateKey, Known>,
    pool: Arc<TemplatePool>,
    /// How long a template holds that is not sent again; 0 is for ever.
    lifetime: Micros,
    fields: usize,
    /// Counts every change of what is known.
    changes: u64,
}

impl Templates {
    pub(crate) fn new(pool: Arc<TemplatePool>, lifetime: Micros) -> Self {
        Self { known: HashMap::new(), pool, lifetime, fields: 0, changes: 0 }
    }

    /// The template that holds for this key at `now`.
    #[inline]
    pub(crate) fn get(&self, key: TemplateKey, now: Micros) -> Option<Arc<Template>> {
        let known = self.known.get(&key)?;
        self.holds(known, now).then(|| Arc::clone(&known.template))
    }

    fn holds(&self, known: &Known, now: Micros) -> bool {
        self.lifetime == 0 || now.saturating_sub(known.refreshed) <= self.lifetime
    }

    pub(crate) fn len(&self) -> usize {
        self.known.len()
    }

    /// Fields of all templates.
    pub(crate) fn fields(&self) -> usize {
        self.fields
    }

    pub(crate) fn changes(&self) -> u64 {
        self.changes
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (bool, &Known)> {
        self.known.iter().map(|(key, known)| (key.0, known))
    }

    /// Takes a template that was sent at `now`.
    pub(crate) fn learn(&mut self, ipfix: bool, template: Template, now: Micros, limit: usize) -> Learnt {
        let key = (ipfix, template.id);
        let room = self.known.len() < limit;
        let learnt = match self.known.get_mut(&key) {
            Some(known) if known.template.same_shape(&template) => {
                let held = self.lifetime == 0 || now.saturating_sub(known.refreshed) <= self.lifetime;
                known.refreshed = known.refreshed.max(now);
                // What waited since it ceased to hold can be read again.
                return if held { Learnt::Refreshed } else { Learnt::New };
            }
            Some(_) => Learnt::Redefined,
            None if !room => return Learnt::Full,
            None => Learnt::New,
        };
        self.fields += template.fields.len();
        let template = self.pool.share(template);
        if let Some(former) = self.known.insert(key, Known { template, refreshed: now }) {
            self.fields -= former.template.fields.len();
        }
        self.changes += 1;
        learnt
    }

    /// Forgets the IPFIX templates that are chosen; how many.
    pub(crate) fn withdraw(&mut self, mut chosen: impl FnMut(&Template) -> bool) -> u64 {
        self.forget(|key, known| key.0 && chosen(&known.template))
    }

    /// Forgets what has ceased to hold; how many.
    pub(crate) fn expire(&mut self, now: Micros) -> u64 {
        if self.lifetime == 0 {
            return 0;
        }
        let lifetime = self.lifetime;
        self.forget(|_, known| now.saturating_sub(known.refreshed) > lifetime)
    }

    fn forget(&mut self, mut chosen: impl FnMut(TemplateKey, &Known) -> bool) -> u64 {
        let before = self.known.len();
        let fields = &mut self.fields;
        self.known.retain(|key, known| {
            let keep = !chosen(*key, known);
            if !keep {
                *fields -= known.template.fields.len();
            }
            keep
        });
        let forgotten = (before - self.known.len()) as u64;
        self.changes += forgotten;
        forgotten
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::netflow::template::FieldSpec;

    fn template(id: u16, length: u16) -> Template {
        Template::new(id, vec![FieldSpec { enterprise: 0, id: 8, length }], 0, false).unwrap()
    }

    #[test]
    fn equal_templates_are_one() {
        let pool = Arc::<TemplatePool>::default();
        let (mut one, mut other) = (Templates::new(Arc::clone(&pool), 0), Templates::new(pool, 0));
        assert_eq!(one.learn(true, template(256, 4), 1, 9), Learnt::New);
        assert_eq!(other.learn(true, template(256, 4), 2, 9), Learnt::New);
        assert!(Arc::ptr_eq(&one.get((true, 256), 3).unwrap(), &other.get((true, 256), 3).unwrap()));
        assert_eq!(other.learn(true, template(256, 8), 2, 9), Learnt::Redefined);
        assert_eq!(one.get((true, 256), 3).unwrap().min_length, 4);
        assert_eq!(other.get((true, 256), 3).unwrap().min_length, 8);
    }

    #[test]
    fn the_pool_forgets_what_nobody_uses() {
        let pool = TemplatePool::default();
        for length in 1..=5_000 {
            drop(pool.share(template(256, length)));
        }
        assert!(pool.0.lock().unwrap().shapes.len() <= POOL);
    }

    #[test]
    fn a_template_that_is_not_sent_again_ceases_to_hold() {
        let mut templates = Templates::new(Arc::default(), 10);
        templates.learn(false, template(256, 4), 100, 9);
        templates.learn(false, template(257, 4), 100, 9);
        assert_eq!(templates.learn(false, template(256, 4), 108, 9), Learnt::Refreshed);
        assert!(templates.get((false, 256), 118).is_some());
        assert!(templates.get((false, 257), 111).is_none());
        assert_eq!((templates.expire(111), templates.len(), templates.fields()), (1, 1, 1));
        assert!(templates.get((false, 256), 119).is_none());
        assert_eq!(templates.learn(false, template(256, 4), 120, 9), Learnt::New, "what waits is read again");
        assert!(templates.get((false, 256), 130).is_some());
    }

    #[test]
    fn room_and_withdrawal() {
        let mut templates = Templates::new(Arc::default(), 0);
        assert_eq!(templates.learn(true, template(256, 4), 0, 2), Learnt::New);
        assert_eq!(templates.learn(false, template(256, 4), 0, 2), Learnt::New);
        assert_eq!(templates.learn(true, template(257, 4), 0, 2), Learnt::Full);
        assert_eq!(templates.withdraw(|template| template.id == 256), 1);
        assert!(templates.get((true, 256), 0).is_none() && templates.get((false, 256), 0).is_some());
        assert_eq!(templates.changes(), 3);
    }
}
