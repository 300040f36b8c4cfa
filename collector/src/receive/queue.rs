//! A bounded queue between threads.
//!
//! Owns waiting, closing and fair shares; a full queue refuses, it never blocks the pusher unless asked to.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hashbrown::HashMap;

/// The queue was closed and is empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueClosed;

#[derive(Debug)]
struct State<T> {
    items: VecDeque<T>,
    weight: usize,
    /// Items of each owner.
    shares: HashMap<IpAddr, usize>,
    closed: bool,
}

/// What an item counts for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Load {
    /// Its weight.
    pub weight: usize,
    /// Whose it is. When the queue is half full, no owner gets more than an equal part of that half.
    pub owner: Option<IpAddr>,
}

/// A bounded queue with many pushers and one or more takers.
#[derive(Debug)]
pub struct Queue<T> {
    state: Mutex<State<T>>,
    filled: Condvar,
    emptied: Condvar,
    capacity: usize,
    /// What an item counts for, and what all may weigh together.
    load: fn(&T) -> Load,
    most: usize,
}

impl<T> Queue<T> {
    /// A queue for so many items.
    pub fn new(capacity: usize) -> Self {
        Self::weighed(capacity, usize::MAX, |_| Load::default())
    }

    /// A queue for so many items that together weigh at most so much, shared fairly between their owners.
    pub fn weighed(capacity: usize, most: usize, load: fn(&T) -> Load) -> Self {
        let state = State { items: VecDeque::new(), weight: 0, shares: HashMap::new(), closed: false };
        Self {
            state: Mutex::new(state),
            filled: Condvar::new(),
            emptied: Condvar::new(),
            capacity: capacity.max(1),
            load,
            most,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        // The state is valid between any two statements, so a panicked holder leaves nothing broken.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds an item unless the queue is full or closed, or its owner has its share already; whether it was added.
    pub fn try_push(&self, item: T) -> bool {
        self.try_push_all([item]) == 1
    }

    /// Adds the items for which there is room, in order, and drops the others; how many were added.
    pub fn try_push_all(&self, items: impl IntoIterator<Item = T>) -> usize {
        let mut state = self.lock();
        let was_empty = state.items.is_empty();
        let added = items.into_iter().map(|item| usize::from(self.add(&mut state, item))).sum();
        if was_empty && added > 0 {
            self.filled.notify_one();
        }
        added
    }

    fn add(&self, state: &mut State<T>, item: T) -> bool {
        let load = (self.load)(&item);
        let (items, half) = (state.items.len(), self.capacity / 2);
        if state.closed || items >= self.capacity || state.weight.saturating_add(load.weight) > self.most {
            return false;
        }
        if let Some(owner) = load.owner {
            let owners = state.shares.len().max(1);
            let share = state.shares.entry(owner).or_default();
            let crowded = items >= half || state.weight >= self.most / 2;
            if crowded && owners > 1 && *share >= (half / owners).max(1) {
                return false;
            }
            *share += 1;
        }
        state.weight += load.weight;
        state.items.push_back(item);
        true
    }

    /// Adds an item of whatever weight, waiting for its place. `false` when the queue is closed.
    pub fn push(&self, item: T) -> bool {
        let mut state = self.lock();
        while !state.closed && state.items.len() >= self.capacity {
            state = self.emptied.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        if state.closed {
            return false;
        }
        state.items.push_back(item);
        self.filled.notify_one();
        true
    }

    /// Takes all items, waiting for the first up to `patience`. Empty after that time; an error once the queue is closed
    /// and drained.
    pub fn take_all(&self, patience: Duration, into: &mut Vec<T>) -> Result<(), QueueClosed> {
        let mut state = self.lock();
        if state.items.is_empty() && !state.closed {
            (state, _) = self
                .filled
                .wait_timeout_while(state, patience, |state| state.items.is_empty() && !state.closed)
                .unwrap_or_else(PoisonError::into_inner);
        }
        if state.items.is_empty() {
            return if state.closed { Err(QueueClosed) } else { Ok(()) };
        }
        into.extend(state.items.drain(..));
        state.weight = 0;
        state.shares.clear();
        self.emptied.notify_all();
        Ok(())
    }

    /// Takes one item, waiting for it up to `patience`; an error once the queue is closed and drained. For several takers
    /// of slow work.
    pub fn take(&self, patience: Duration) -> Result<Option<T>, QueueClosed> {
        let state = self.lock();
        let (mut state, _) = self
            .filled
            .wait_timeout_while(state, patience, |state| state.items.is_empty() && !state.closed)
            .unwrap_or_else(PoisonError::into_inner);
        let item = state.items.pop_front();
        if item.is_none() && state.closed {
            return Err(QueueClosed);
        }
        if !state.items.is_empty() {
            self.filled.notify_one();
        }
        self.emptied.notify_all();
        Ok(item)
    }

    /// No more items are accepted; what is queued can still be taken.
    pub fn close(&self) {
        self.lock().closed = true;
        self.filled.notify_all();
        self.emptied.notify_all();
    }

    /// Items waiting.
    pub fn len(&self) -> usize {
        self.lock().items.len()
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
