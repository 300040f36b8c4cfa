//! Names of addresses from reverse DNS, asked for beside the stream of sessions.
//!
//! Owns the cache and the threads that ask; must not know sessions. Nobody waits for an answer: who asks gets what is
//! known, and the next session gets more.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use hashbrown::HashMap;

use crate::receive::Queue;

/// Threads that ask.
const ASKING: usize = 4;
/// Addresses that wait to be asked for. Beyond them, an address is asked for when it is next seen.
const WAITING: usize = 4_096;
/// Names that are remembered.
const REMEMBERED: usize = 131_072;
/// How long a name is believed, and how long its absence.
const NAME_HOLDS: Duration = Duration::from_hours(6);
const ABSENCE_HOLDS: Duration = Duration::from_mins(30);
/// The longest name (RFC 1035 section 2.3.4).
const LONGEST: usize = 255;

/// Asks for the name of an address; may take long.
pub type Resolve = Arc<dyn Fn(IpAddr) -> Option<String> + Send + Sync>;

#[derive(Debug, Clone)]
struct Answer {
    name: Option<Arc<str>>,
    at: Instant,
    /// Asked for and not answered yet; a former answer holds until then.
    asked: bool,
}

#[derive(Debug, Default)]
struct Cache(Mutex<HashMap<IpAddr, Answer>>);

/// Knows names of addresses.
pub struct ReverseDns {
    cache: Arc<Cache>,
    questions: Arc<Queue<IpAddr>>,
}

impl ReverseDns {
    /// Starts threads that ask the system's resolver.
    ///
    /// # Errors
    /// A thread cannot be started.
    pub fn start() -> std::io::Result<Self> {
        Self::with(Arc::new(|address| dns_lookup::lookup_addr(&address).ok()))
    }

    /// Starts threads that ask this resolver. They end when the value is dropped.
    ///
    /// # Errors
    /// A thread cannot be started.
    pub fn with(resolve: Resolve) -> std::io::Result<Self> {
        let dns = Self { cache: Arc::default(), questions: Arc::new(Queue::new(WAITING)) };
        for index in 0..ASKING {
            let (cache, questions, resolve) =
                (Arc::clone(&dns.cache), Arc::clone(&dns.questions), Arc::clone(&resolve));
            std::thread::Builder::new().name(format!("dns-{index}")).spawn(move || {
                while let Ok(address) = questions.take(Duration::from_secs(1)) {
                    if let Some(address) = address {
                        cache.answer(address, resolve(address).as_deref().and_then(clean));
                    }
                }
            })?;
        }
        Ok(dns)
    }

    /// The name of an address, where it is known now.
    pub fn name(&self, address: IpAddr) -> Option<Arc<str>> {
        let (known, ask) = self.cache.look(address);
        if ask && !self.questions.try_push(address) {
            self.cache.not_asked(address);
        }
        known
    }
}

impl Drop for ReverseDns {
    fn drop(&mut self) {
        self.questions.close();
    }
}

impl Cache {
    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<IpAddr, Answer>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is known, and whether to ask.
    fn look(&self, address: IpAddr) -> (Option<Arc<str>>, bool) {
        let mut cache = self.lock();
        let now = Instant::now();
        if let Some(answer) = cache.get_mut(&address) {
            let holds = if answer.name.is_some() { NAME_HOLDS } else { ABSENCE_HOLDS };
            let ask = !answer.asked && now.duration_since(answer.at) > holds;
            answer.asked |= ask;
            return (answer.name.clone(), ask);
        }
        if cache.len() >= REMEMBERED {
            cache.retain(|_, answer| answer.name.is_some() && now.duration_since(answer.at) < NAME_HOLDS);
            if cache.len() >= REMEMBERED {
                cache.clear();
            }
        }
        cache.insert(address, Answer { name: None, at: now, asked: true });
        (None, true)
    }

    fn answer(&self, address: IpAddr, name: Option<Arc<str>>) {
        self.lock().insert(address, Answer { name, at: Instant::now(), asked: false });
    }

    /// There was no room to ask: the next one may.
    fn not_asked(&self, address: IpAddr) {
        self.lock().remove(&address);
    }
}

/// A name as it may be stored and shown. Whoever owns an address chooses its name, so only what host names consist of is
/// believed.
fn clean(name: &str) -> Option<Arc<str>> {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    (!name.is_empty() && name.len() <= LONGEST && name.bytes().all(allowed)).then(|| Arc::from(name))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::sync::mpsc;

    use super::*;

    fn address(n: u8) -> IpAddr {
        [192, 0, 2, n].into()
    }

    fn eventually(dns: &ReverseDns, address: IpAddr) -> Arc<str> {
        let end = Instant::now() + Duration::from_secs(20);
        loop {
            match dns.name(address) {
                Some(name) => return name,
                None => assert!(Instant::now() < end),
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    #[test]
    fn nobody_waits_and_everybody_is_asked_for_once() {
        let asked = Arc::new(AtomicU32::new(0));
        let (release, hold) = mpsc::channel::<()>();
        let hold = Mutex::new(hold);
        let count = Arc::clone(&asked);
        let resolve: Resolve = Arc::new(move |address| {
            count.fetch_add(1, Ordering::Relaxed);
            hold.lock().unwrap().recv().ok();
            (address != self::address(9)).then(|| format!("Host-{address}.Example."))
        });
        let dns = ReverseDns::with(resolve).unwrap();
        for _ in 0..100 {
            assert_eq!(dns.name(address(1)), None, "the resolver has not answered");
        }
        release.send(()).unwrap();
        assert_eq!(&*eventually(&dns, address(1)), "host-192.0.2.1.example");
        assert_eq!(asked.load(Ordering::Relaxed), 1);
        drop(release);
        assert_eq!(dns.name(address(9)), None);
    }

    #[test]
    fn what_is_no_host_name_is_not_believed() {
        for name in ["", ".", "a b", "<script>", "a\u{7f}", &"x".repeat(256), "ä.example"] {
            assert_eq!(clean(name), None, "{name:?}");
        }
        assert_eq!(clean("Mail_1.Example.COM.").as_deref(), Some("mail_1.example.com"));
    }

    #[test]
    fn memory_is_bounded() {
        let cache = Cache::default();
        for n in 0..REMEMBERED as u32 + 10 {
            cache.look(IpAddr::V4(n.into()));
        }
        assert!(cache.lock().len() <= REMEMBERED);
    }
}
