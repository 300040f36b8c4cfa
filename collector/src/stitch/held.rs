//! The sessions held: a slot each, used again once the session was handed out.
//!
//! Must not know which 5-tuple is in which slot.

use std::num::NonZeroU32;

use super::session::Session;

/// Where a session is held. The number is one more than its index, so that no slot takes no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Slot(NonZeroU32);

impl Slot {
    pub(super) fn new(index: usize) -> Self {
        Self(NonZeroU32::MIN.saturating_add(index as u32))
    }

    fn index(self) -> usize {
        self.0.get() as usize - 1
    }
}

/// The sessions held.
#[derive(Debug, Default)]
pub(super) struct Held {
    slots: Vec<Option<Session>>,
    free: Vec<Slot>,
}

impl Held {
    pub(super) fn add(&mut self, session: Session) -> Slot {
        if let Some(slot) = self.free.pop() {
            self.slots[slot.index()] = Some(session);
            return slot;
        }
        self.slots.push(Some(session));
        Slot::new(self.slots.len() - 1)
    }

    pub(super) fn get(&self, slot: Slot) -> Option<&Session> {
        self.slots.get(slot.index())?.as_ref()
    }

    pub(super) fn get_mut(&mut self, slot: Slot) -> Option<&mut Session> {
        self.slots.get_mut(slot.index())?.as_mut()
    }

    pub(super) fn remove(&mut self, slot: Slot) {
        // Emptied where it is: a session is too large to be moved out of the way.
        if let Some(place @ Some(_)) = self.slots.get_mut(slot.index()) {
            *place = None;
            self.free.push(slot);
        }
    }

    /// Every session with its slot.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Slot, &Session)> {
        self.slots.iter().enumerate().filter_map(|(index, session)| Some((Slot::new(index), session.as_ref()?)))
    }
}
