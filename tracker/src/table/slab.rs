//! Stores values under small numbers that stay valid until removed; freed places are used again.

use std::ops::{Index, IndexMut};

#[derive(Debug)]
pub(super) struct Slab<T> {
    items: Vec<T>,
    free: Vec<u32>,
    limit: usize,
}

impl<T> Slab<T> {
    pub fn new(limit: usize) -> Self {
        Self { items: Vec::new(), free: Vec::new(), limit: limit.min(u32::MAX as usize - 1) }
    }

    /// Number of values.
    pub fn len(&self) -> usize {
        self.items.len() - self.free.len()
    }

    pub fn is_full(&self) -> bool {
        self.free.is_empty() && self.items.len() >= self.limit
    }

    /// Places in use or free.
    pub fn places(&self) -> u32 {
        self.items.len() as u32
    }

    /// Stores a value; `None` if there is no room.
    pub fn insert(&mut self, value: T) -> Option<u32> {
        if let Some(index) = self.free.pop() {
            self.items[index as usize] = value;
            return Some(index);
        }
        if self.items.len() >= self.limit {
            return None;
        }
        if self.items.len() == self.items.capacity() {
            // Growth by half, and never past the limit: the tail of a doubled vector would be paid for in vain.
            let more = (self.items.len() / 2).max(1024).min(self.limit - self.items.len());
            self.items.reserve_exact(more);
        }
        self.items.push(value);
        Some((self.items.len() - 1) as u32)
    }

    /// The freed place that the next value goes to.
    pub fn next_free(&self) -> Option<u32> {
        self.free.last().copied()
    }

    /// Frees a place; its value stays readable until the place is used again.
    pub fn remove(&mut self, index: u32) {
        self.free.push(index);
    }

    pub fn get(&self, index: u32) -> Option<&T> {
        self.items.get(index as usize)
    }

    /// Bytes held.
    pub fn bytes(&self) -> usize {
        self.items.capacity() * size_of::<T>() + self.free.capacity() * size_of::<u32>()
    }
}

impl<T> Index<u32> for Slab<T> {
    type Output = T;
    #[inline]
    fn index(&self, index: u32) -> &T {
        &self.items[index as usize]
    }
}

impl<T> IndexMut<u32> for Slab<T> {
    #[inline]
    fn index_mut(&mut self, index: u32) -> &mut T {
        &mut self.items[index as usize]
    }
}
