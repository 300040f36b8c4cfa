//! Tests of sockets and queues, on loopback.

use std::net::UdpSocket;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::*;

const PATIENCE: Duration = Duration::from_secs(20);

fn with(receive_buffer: usize, shared: bool) -> BindOptions {
    BindOptions { receive_buffer, shared, only_v6: false }
}

fn any_port() -> SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

#[test]
fn a_full_queue_refuses() {
    let queue = Queue::new(2);
    assert!(queue.try_push(1) && queue.try_push(2));
    assert!(!queue.try_push(3));
    let mut taken = Vec::new();
    queue.take_all(PATIENCE, &mut taken).unwrap();
    assert_eq!(taken, [1, 2]);
    assert!(queue.try_push(4));
    queue.close();
    assert!(!queue.try_push(5) && !queue.push(6));
    queue.take_all(PATIENCE, &mut taken).unwrap();
    assert_eq!(taken, [1, 2, 4]);
    assert_eq!(queue.take_all(PATIENCE, &mut taken), Err(QueueClosed));
}

#[test]
fn a_heavy_queue_refuses() {
    let queue = Queue::weighed(10, 100, Vec::len);
    assert!(queue.try_push(vec![0; 60]) && !queue.try_push(vec![0; 41]) && queue.try_push(vec![0; 40]));
    queue.take_all(PATIENCE, &mut Vec::new()).unwrap();
    assert!(queue.try_push(vec![0; 100]));
}

#[test]
fn a_patient_pusher_waits_for_room() {
    let queue = Arc::new(Queue::new(1));
    assert!(queue.push(1));
    let pusher = {
        let queue = Arc::clone(&queue);
        std::thread::spawn(move || queue.push(2))
    };
    let mut taken = Vec::new();
    while taken.len() < 2 {
        queue.take_all(PATIENCE, &mut taken).unwrap();
    }
    assert!(pusher.join().unwrap());
    assert_eq!(taken, [1, 2]);
}

#[test]
fn an_exporter_has_one_worker() {
    let worker = |text: &str| worker_of(text.parse().unwrap(), 4);
    assert_eq!(worker("192.0.2.1"), worker("192.0.2.1"));
    let spread: std::collections::HashSet<_> = (0..64).map(|n| worker(&format!("10.0.0.{n}"))).collect();
    assert_eq!(spread.len(), 4);
}

#[test]
fn datagrams_reach_the_queue_and_the_rest_is_counted() {
    let bound = bind(any_port(), with(1 << 16, false)).unwrap();
    let target = bound.address;
    let queue = Arc::new(Queue::new(3));
    let (counters, stop) = (Arc::<ReceiveCounters>::default(), Arc::new(AtomicBool::new(false)));
    let receiver = Receiver {
        socket: bound.socket,
        queues: vec![Arc::clone(&queue)],
        counters: Arc::clone(&counters),
        stop: Arc::clone(&stop),
        clock: Arc::new(|| 42),
    };
    let thread = receiver.spawn("test".to_owned()).unwrap();
    let sender = UdpSocket::bind(any_port()).unwrap();
    for number in 0..5_u8 {
        sender.send_to(&[number; 20], target).unwrap();
    }
    stop.store(true, Ordering::Release);
    thread.join().unwrap();
    assert_eq!((counters.received(), counters.queued(), counters.dropped(), counters.bytes()), (5, 3, 2, 100));
    let mut taken = Vec::new();
    queue.take_all(PATIENCE, &mut taken).unwrap();
    assert_eq!((taken[0].payload.len(), taken[0].received, taken[0].source), (20, 42, sender.local_addr().unwrap()));
}

#[test]
fn a_taken_port_is_named() {
    let first = bind(any_port(), with(0, false)).unwrap();
    let error = bind(first.address, with(0, false)).unwrap_err();
    assert!(error.to_string().contains(&first.address.to_string()), "{error}");
    let shared = bind(any_port(), with(0, true)).unwrap();
    assert!(bind(shared.address, with(0, true)).is_ok());
    assert!(bind(shared.address, with(0, false)).is_err());
}

#[test]
fn a_small_receive_buffer_is_told() {
    let bound = bind(any_port(), with(1 << 34, false)).unwrap();
    assert!(bound.warning.is_some_and(|text| text.contains("net.core.rmem_max")));
    assert!(bind("[::1]:0".parse().unwrap(), with(4_096, false)).is_ok_and(|bound| bound.warning.is_none()));
}

#[test]
fn an_ipv6_socket_takes_both_families_unless_told_otherwise() {
    let both = bind("[::]:0".parse().unwrap(), with(0, false)).unwrap();
    let sender = UdpSocket::bind(any_port()).unwrap();
    sender.send_to(b"four", ("127.0.0.1", both.address.port())).unwrap();
    let mut buffer = [0; 16];
    let (length, source) = both.socket.recv_from(&mut buffer).unwrap();
    assert_eq!((length, source.ip().to_canonical()), (4, sender.local_addr().unwrap().ip()));
    let four = bind(any_port(), with(0, false)).unwrap();
    let six = SocketAddr::new("::".parse().unwrap(), four.address.port());
    assert!(bind(six, BindOptions { only_v6: true, ..with(0, false) }).is_ok());
}
