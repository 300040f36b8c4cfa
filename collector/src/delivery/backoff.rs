//! How long to wait before the next attempt: exponential, with jitter, capped.

use std::time::Duration;

/// Waits that grow until something succeeds.
#[derive(Debug, Clone)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
    failures: u32,
}

impl Backoff {
    /// Waits from `first` to `longest`.
    pub const fn new(first: Duration, longest: Duration) -> Self {
        Self { first, longest, failures: 0 }
    }

    /// Something succeeded.
    pub fn reset(&mut self) {
        self.failures = 0;
    }

    /// The next wait after a failure. `random` is from 0 to 1 and spreads the attempts of many senders over half of it;
    /// what the receiver asks for (`asked`) is the least, within the cap.
    pub fn next(&mut self, random: f64, asked: Option<Duration>) -> Duration {
        let grown = self.first.saturating_mul(1_u32 << self.failures.min(20)).min(self.longest);
        self.failures = self.failures.saturating_add(1);
        let spread = grown.mul_f64(0.5 + 0.5 * random.clamp(0.0, 1.0));
        spread.max(asked.unwrap_or_default().min(self.longest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_the_cap_and_begin_anew() {
        let second = Duration::from_secs(1);
        let mut backoff = Backoff::new(second, 60 * second);
        let waits: Vec<Duration> = (0..8).map(|_| backoff.next(1.0, None)).collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60].map(|n| n * second));
        assert_eq!(backoff.next(0.0, None), 30 * second);
        backoff.reset();
        assert_eq!(backoff.next(0.0, Some(7 * second)), 7 * second);
        assert_eq!(backoff.next(0.0, Some(900 * second)), 60 * second);
        for _ in 0..100 {
            assert!(backoff.next(0.5, None) <= 60 * second);
        }
    }
}
