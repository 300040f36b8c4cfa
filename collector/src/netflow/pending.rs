//! Data sets of one source that came before their template.
//!
//! Owns how much of them is kept and for how long; must not know how sets are decoded.

use std::collections::VecDeque;

use tracker::Micros;

use super::normalise::MessageContext;
use super::templates::TemplateKey;

/// A data set that waits for its template.
#[derive(Debug)]
pub(crate) struct Waiting {
    pub(crate) context: MessageContext,
    pub(crate) template: TemplateKey,
    pub(crate) arrived: Micros,
    pub(crate) body: Box<[u8]>,
}

impl Waiting {
    /// Octets of memory, so that many small sets count too.
    fn weight(&self) -> usize {
        self.body.len() + size_of::<Self>()
    }
}

/// What became of a set that should wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kept {
    /// It waits; so many older ones had to make room.
    Making(u64),
    /// There is no room for it.
    Refused,
}

/// The sets that wait, the oldest first.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    sets: VecDeque<Waiting>,
    weight: usize,
}

impl Pending {
    pub(crate) fn len(&self) -> usize {
        self.sets.len()
    }

    /// Octets of memory that it takes.
    pub(crate) fn weight(&self) -> usize {
        self.weight
    }

    /// Keeps a set; the oldest ones of this source make room up to `limit`. `room` is what all sources may still take.
    pub(crate) fn keep(&mut self, set: Waiting, limit: usize, room: usize) -> Kept {
        let weight = set.weight();
        if weight > limit || weight > room {
            return Kept::Refused;
        }
        let mut gone = 0;
        while self.weight + weight > limit && self.pop() {
            gone += 1;
        }
        self.weight += weight;
        self.sets.push_back(set);
        Kept::Making(gone)
    }

    fn pop(&mut self) -> bool {
        let oldest = self.sets.pop_front();
        self.weight -= oldest.as_ref().map_or(0, Waiting::weight);
        oldest.is_some()
    }

    /// Takes out the sets that wait for this template, in order of arrival.
    pub(crate) fn release(&mut self, template: TemplateKey) -> VecDeque<Waiting> {
        if !self.sets.iter().any(|set| set.template == template) {
            return VecDeque::new();
        }
        let (ready, rest): (VecDeque<_>, VecDeque<_>) =
            std::mem::take(&mut self.sets).into_iter().partition(|set| set.template == template);
        self.sets = rest;
        self.weight -= ready.iter().map(Waiting::weight).sum::<usize>();
        ready
    }

    /// Gives up what arrived before this time; how many.
    pub(crate) fn expire(&mut self, before: Micros) -> u64 {
        let mut gone = 0;
        while self.sets.front().is_some_and(|oldest| oldest.arrived < before) && self.pop() {
            gone += 1;
        }
        gone
    }

    /// Gives up everything; how many.
    pub(crate) fn clear(&mut self) -> u64 {
        self.weight = 0;
        let gone = self.sets.len() as u64;
        self.sets = VecDeque::new();
        gone
    }
}
