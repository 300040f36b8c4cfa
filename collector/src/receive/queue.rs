//! A bounded queue between threads.
//!
//! Owns waiting and closing; a full queue refuses, it never blocks the pusher unless asked to.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The queue was closed and is empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueClosed;

#[derive(Debug)]
struct State<T> {
    items: VecDeque<T>,
    weight: usize,
    closed: bool,
}

/// A bounded queue with many pushers and one or more takers.
#[derive(Debug)]
pub struct Queue<T> {
    state: Mutex<State<T>>,
    filled: Condvar,
    emptied: Condvar,
    capacity: usize,
    /// What an item weighs, and what all may weigh together.
    weigh: fn(&T) -> usize,
    most: usize,
}

impl<T> Queue<T> {
    /// A queue for so many items.
    pub fn new(capacity: usize) -> Self {
        Self::weighed(capacity, usize::MAX, |_| 0)
    }

    /// A queue for so many items that together weigh at most so much.
    pub fn weighed(capacity: usize, most: usize, weigh: fn(&T) -> usize) -> Self {
        Self {
            state: Mutex::new(State { items: VecDeque::new(), weight: 0, closed: false }),
            filled: Condvar::new(),
            emptied: Condvar::new(),
            capacity: capacity.max(1),
            weigh,
            most,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        // The state is valid between any two statements, so a panicked holder leaves nothing broken.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds an item unless the queue is full or closed; whether it was added.
    pub fn try_push(&self, item: T) -> bool {
        let weight = (self.weigh)(&item);
        let mut state = self.lock();
        if state.closed || state.items.len() >= self.capacity || state.weight.saturating_add(weight) > self.most {
            return false;
        }
        state.weight += weight;
        state.items.push_back(item);
        if state.items.len() == 1 {
            self.filled.notify_one();
        }
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
        self.emptied.notify_all();
        Ok(())
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
