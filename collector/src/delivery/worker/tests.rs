//! Nothing is lost or given up too early, whatever a sink says and however often the worker dies.

use std::collections::BTreeMap;

use futures::FutureExt as _;
use futures::future::BoxFuture;

use super::*;
use crate::delivery::item::tests::item;
use crate::delivery::target::Answer;

/// A sink that says of a document what its id asks for, and keeps what it took with how often.
#[derive(Clone, Default)]
struct Fake {
    taken: Arc<Mutex<BTreeMap<String, u32>>>,
    asked: Arc<Mutex<u32>>,
}

impl Target for Fake {
    fn send<'a>(&'a mut self, items: &'a [Item]) -> BoxFuture<'a, Answer> {
        let mut asked = self.asked.lock().unwrap();
        *asked += 1;
        let turn = *asked;
        let verdict = |item: &Item| match item.id.as_bytes()[0] {
            b'x' => Verdict::Never("malformed".to_owned()),
            b'p' => Verdict::Later { reason: "poison".to_owned(), blame: true },
            b'l' if turn < 4 => Verdict::Later { reason: "busy".to_owned(), blame: false },
            _ => {
                *self.taken.lock().unwrap().entry(item.id.clone()).or_default() += 1;
                Verdict::Taken
            }
        };
        let verdicts = items.iter().map(verdict).collect();
        async move { Answer { verdicts, wait: None } }.boxed()
    }
}

const QUICK: (usize, Duration) = (10, Duration::from_millis(2));

fn worker(queue: &Queue, target: &Fake, dir: &Path) -> (Worker, watch::Sender<bool>) {
    let (stop, stopped) = watch::channel(false);
    (Worker::new("s", queue.clone(), Box::new(target.clone()), dir, QUICK, || 5_000_000, stopped), stop)
}

async fn until(mut condition: impl FnMut() -> bool) {
    let waited = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(Duration::from_mins(1), waited).await.unwrap();
}

#[tokio::test]
async fn documents_wait_repeat_or_become_dead_letters() {
    let dir = tempfile::tempdir().unwrap();
    let queue = Queue::new(Spool::open(&dir.path().join("spool"), 1 << 30).unwrap());
    queue.put(&["a", "x1", "l1", "p1", "b", "a"].map(item)).unwrap();
    let fake = Fake::default();
    let (worker, stop) = worker(&queue, &fake, dir.path());
    let running = tokio::spawn(worker.run());
    until(|| queue.counts.get().waiting == 0).await;
    queue.put(&[item("c")]).unwrap();
    until(|| queue.counts.get().waiting == 0).await;
    stop.send_replace(true);
    running.await.unwrap();
    let taken: Vec<(String, u32)> = fake.taken.lock().unwrap().clone().into_iter().collect();
    assert_eq!(taken, [("a", 1), ("b", 1), ("c", 1), ("l1", 1)].map(|(id, times)| (id.to_owned(), times)));
    let counts = queue.counts.get();
    assert_eq!((counts.accepted, counts.delivered, counts.rejected, counts.superseded), (7, 4, 2, 1));
    assert!(counts.state == SinkState::Well && counts.failures >= 3 && counts.last_delivery == Some(5_000));
    let letters = std::fs::read_to_string(dir.path().join(crate::delivery::dead::FILE)).unwrap();
    let reasons: Vec<_> =
        letters.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()).collect();
    assert_eq!((&reasons[0]["reason"], &reasons[1]["reason"]), (&"malformed".into(), &"poison".into()));
    assert_eq!(reasons[0]["document"]["text"], "x1 über");
}

#[tokio::test]
async fn a_worker_that_dies_again_and_again_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let fake = Fake::default();
    let mut next = 0;
    for life in 0..30 {
        let queue = Queue::new(Spool::open(&dir.path().join("spool"), 1 << 30).unwrap());
        let items: Vec<Item> = (next..next + 20).map(|n| item(&format!("d{n}"))).collect();
        next += 20;
        queue.put(&items).unwrap();
        let (worker, _stop) = worker(&queue, &fake, dir.path());
        let running = tokio::spawn(worker.run());
        tokio::time::sleep(Duration::from_millis(life % 5)).await;
        running.abort();
        running.await.ok();
        // What it was doing with the disk ends before the next life begins.
        until(|| Arc::strong_count(&queue.spool) == 1).await;
    }
    let queue = Queue::new(Spool::open(&dir.path().join("spool"), 1 << 30).unwrap());
    let (worker, stop) = worker(&queue, &fake, dir.path());
    let running = tokio::spawn(worker.run());
    until(|| queue.counts.get().waiting == 0).await;
    stop.send_replace(true);
    running.await.unwrap();
    assert_eq!(fake.taken.lock().unwrap().len(), next);
}

#[test]
fn messages_have_room_of_their_own_and_an_end() {
    let dir = tempfile::tempdir().unwrap();
    let queue = Queue::new(Spool::open(dir.path(), 1 << 20).unwrap());
    let large = Item { body: Some("x".repeat(100_000)), ..item("a") };
    while !queue.is_full() {
        queue.put(std::slice::from_ref(&large)).unwrap();
    }
    let before = queue.counts.get().waiting;
    (0..20).for_each(|_| queue.put_message(large.clone()).unwrap());
    let counts = queue.counts.get();
    assert!(counts.waiting > before && counts.dropped > 0 && counts.waiting - before + counts.dropped == 20);
    assert!(counts.bytes < (1 << 20) * 3 / 2);
}
