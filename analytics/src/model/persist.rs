//! Exact binary form of model state: what is read back continues bit for bit.

use std::collections::VecDeque;

/// Something that can be written to bytes and read back the same.
pub trait Persist: Sized {
    /// Appends the value.
    fn put(&self, out: &mut Vec<u8>);
    /// Takes a value off the front; `None` where the bytes are none of ours.
    fn take(input: &mut &[u8]) -> Option<Self>;
}

macro_rules! numbers {
    ($($kind:ty),+) => {$(
        impl Persist for $kind {
            fn put(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_le_bytes());
            }
            fn take(input: &mut &[u8]) -> Option<Self> {
                let (front, rest) = input.split_first_chunk()?;
                *input = rest;
                Some(Self::from_le_bytes(*front))
            }
        }
    )+};
}

numbers!(u8, u16, u32, u64, i64, f32, f64);

impl Persist for usize {
    fn put(&self, out: &mut Vec<u8>) {
        (*self as u64).put(out);
    }
    fn take(input: &mut &[u8]) -> Option<Self> {
        u64::take(input)?.try_into().ok()
    }
}

impl Persist for bool {
    fn put(&self, out: &mut Vec<u8>) {
        u8::from(*self).put(out);
    }
    fn take(input: &mut &[u8]) -> Option<Self> {
        match u8::take(input)? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }
}

impl<T: Persist> Persist for Vec<T> {
    fn put(&self, out: &mut Vec<u8>) {
        (self.len() as u64).put(out);
        self.iter().for_each(|item| item.put(out));
    }
    fn take(input: &mut &[u8]) -> Option<Self> {
        let length = u64::take(input)?;
        // Every item takes at least a byte, so that a wrong length cannot ask for memory.
        if length > input.len() as u64 {
            return None;
        }
        (0..length).map(|_| T::take(input)).collect()
    }
}

impl<T: Persist> Persist for VecDeque<T> {
    fn put(&self, out: &mut Vec<u8>) {
        self.len().put(out);
        self.iter().for_each(|item| item.put(out));
    }
    fn take(input: &mut &[u8]) -> Option<Self> {
        Vec::take(input).map(Self::from)
    }
}

impl<T: Persist> Persist for Option<T> {
    fn put(&self, out: &mut Vec<u8>) {
        self.is_some().put(out);
        if let Some(value) = self {
            value.put(out);
        }
    }
    fn take(input: &mut &[u8]) -> Option<Self> {
        if bool::take(input)? { T::take(input).map(Some) } else { Some(None) }
    }
}

impl<T: Persist> Persist for Box<T> {
    fn put(&self, out: &mut Vec<u8>) {
        self.as_ref().put(out);
    }
    fn take(input: &mut &[u8]) -> Option<Self> {
        T::take(input).map(Box::new)
    }
}

impl<T: Persist, const N: usize> Persist for [T; N] {
    fn put(&self, out: &mut Vec<u8>) {
        self.iter().for_each(|item| item.put(out));
    }
    fn take(input: &mut &[u8]) -> Option<Self> {
        let items: Option<Vec<T>> = (0..N).map(|_| T::take(input)).collect();
        items?.try_into().ok()
    }
}

impl<A: Persist, B: Persist> Persist for (A, B) {
    fn put(&self, out: &mut Vec<u8>) {
        self.0.put(out);
        self.1.put(out);
    }
    fn take(input: &mut &[u8]) -> Option<Self> {
        Some((A::take(input)?, B::take(input)?))
    }
}

impl Persist for String {
    fn put(&self, out: &mut Vec<u8>) {
        self.as_bytes().to_vec().put(out);
    }
    fn take(input: &mut &[u8]) -> Option<Self> {
        Self::from_utf8(Vec::take(input)?).ok()
    }
}

/// Derives [`Persist`] for a struct from the list of all its fields.
macro_rules! persist {
    ($kind:ident { $($field:ident),+ $(,)? }) => {
        impl $crate::model::persist::Persist for $kind {
            fn put(&self, out: &mut Vec<u8>) {
                $($crate::model::persist::Persist::put(&self.$field, out);)+
            }
            fn take(input: &mut &[u8]) -> Option<Self> {
                Some(Self { $($field: $crate::model::persist::Persist::take(input)?),+ })
            }
        }
    };
}
pub(crate) use persist;
