//! Who may send, and how much.
//!
//! Owns the list of allowed exporters and the rate of each; must not know what they send.

use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use hashbrown::HashMap;
use ipnet::IpNet;
use tracker::Micros;

use crate::netflow::DropReason;

/// Exporters whose rate is followed at the same time. Those that keep within it are forgotten first.
const FOLLOWED: usize = 65_536;
const SECOND: i64 = 1_000_000;

/// Which datagrams are looked at.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AdmissionSettings {
    /// Prefixes of exporters. Empty: everyone.
    pub allow: Vec<IpNet>,
    /// Datagrams (IPFIX messages of a stream) per second and exporter; as many may come at once. 0: no limit.
    pub rate: u32,
}

/// Applies [`AdmissionSettings`].
#[derive(Debug, Default)]
pub struct Admission {
    settings: AdmissionSettings,
    buckets: Mutex<HashMap<IpAddr, Bucket>>,
}

/// A token bucket; tokens in millionths of a datagram.
#[derive(Debug, Clone, Copy)]
struct Bucket {
    tokens: i64,
    at: Micros,
}

impl Admission {
    /// Nobody has sent anything yet.
    pub fn new(settings: AdmissionSettings) -> Self {
        Self { settings, buckets: Mutex::default() }
    }

    /// Whether this address may export at all.
    pub fn allows(&self, address: IpAddr) -> bool {
        let allow = &self.settings.allow;
        allow.is_empty() || allow.iter().any(|net| net.contains(&address))
    }

    /// Whether a datagram of this address that arrives at `now` is looked at.
    ///
    /// # Errors
    /// Why it is not.
    pub fn admit(&self, address: IpAddr, now: Micros) -> Result<(), DropReason> {
        if !self.allows(address) {
            return Err(DropReason::NotAllowed);
        }
        if self.settings.rate == 0 || self.within_rate(address, now) {
            return Ok(());
        }
        Err(DropReason::RateLimited)
    }

    fn within_rate(&self, address: IpAddr, now: Micros) -> bool {
        let rate = i64::from(self.settings.rate);
        let full = rate * SECOND;
        let refilled = |bucket: &Bucket| {
            let since = (now - bucket.at).clamp(0, SECOND);
            (bucket.tokens + since * rate).min(full)
        };
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= FOLLOWED && !buckets.contains_key(&address) {
            buckets.retain(|_, bucket| refilled(bucket) < full);
            if buckets.len() >= FOLLOWED {
                return false;
            }
        }
        let bucket = buckets.entry(address).or_insert(Bucket { tokens: full, at: now });
        let tokens = refilled(bucket);
        let admitted = tokens >= SECOND;
        *bucket = Bucket { tokens: if admitted { tokens - SECOND } else { tokens }, at: now };
        admitted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn only_those_on_the_list_are_looked_at() {
        let allow = vec!["192.0.2.0/24".parse().unwrap(), "2001:db8::/32".parse().unwrap()];
        let admission = Admission::new(AdmissionSettings { allow, rate: 0 });
        assert_eq!(admission.admit(address("192.0.2.9"), 0), Ok(()));
        assert_eq!(admission.admit(address("2001:db8::9"), 0), Ok(()));
        assert_eq!(admission.admit(address("198.51.100.9"), 0), Err(DropReason::NotAllowed));
    }

    #[test]
    fn each_exporter_has_its_own_rate() {
        let admission = Admission::new(AdmissionSettings { allow: Vec::new(), rate: 10 });
        let of = |text, now| (0..100).filter(|_| admission.admit(address(text), now).is_ok()).count();
        assert_eq!((of("192.0.2.1", SECOND), of("192.0.2.2", SECOND)), (10, 10));
        assert_eq!(of("192.0.2.1", SECOND + SECOND / 2), 5);
        assert_eq!(of("192.0.2.1", 100 * SECOND), 10, "what was not used does not add up");
        assert_eq!(of("192.0.2.1", 50 * SECOND), 0, "a clock that goes back gives nothing");
    }

    #[test]
    fn memory_is_bounded() {
        let admission = Admission::new(AdmissionSettings { allow: Vec::new(), rate: 1 });
        for n in 0..70_000_u32 {
            admission.admit(IpAddr::V4(n.into()), i64::from(n) * 100).ok();
        }
        assert!(admission.buckets.lock().unwrap().len() <= FOLLOWED);
    }
}
