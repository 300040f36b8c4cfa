//! Tests of sockets and queues, on loopback.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::intake::worker_of;
use super::*;
use crate::netflow::DropReason;

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
    let queue = Queue::weighed(10, 100, |item: &Vec<u8>| Load { weight: item.len(), owner: None });
    assert!(queue.try_push(vec![0; 60]) && !queue.try_push(vec![0; 41]) && queue.try_push(vec![0; 40]));
    queue.take_all(PATIENCE, &mut Vec::new()).unwrap();
    assert!(queue.try_push(vec![0; 100]));
}

/// Who sends more than the others cannot take their room, and has all of it when alone.
#[test]
fn room_is_shared_fairly() {
    let queue =
        Queue::weighed(100, usize::MAX, |&item: &u8| Load { weight: 0, owner: Some(IpAddr::from([192, 0, 2, item])) });
    assert_eq!(queue.try_push_all([1; 90]), 90);
    assert_eq!(queue.try_push_all([2; 10]), 10, "there is room, and it is less than the share");
    queue.take_all(PATIENCE, &mut Vec::new()).unwrap();
    assert_eq!(queue.try_push_all([2; 1]), 1);
    assert_eq!(queue.try_push_all([1; 200]), 49, "half, once there is somebody else");
    assert_eq!(queue.try_push_all([2; 200]), 24, "its share of the half");
    assert_eq!(queue.try_push_all([3; 200]), 16);
    assert_eq!(queue.try_push_all([1; 200]), 0);
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

fn intake(workers: usize, capacity: usize, settings: AdmissionSettings) -> Intake {
    Intake::new(workers, capacity, Admission::new(settings), Arc::new(|| 42))
}

/// The datagrams that a worker's queue holds.
fn taken(intake: &Intake, worker: usize) -> Vec<Datagram> {
    let mut taken = Vec::new();
    intake.queues()[worker].take_all(PATIENCE, &mut taken).unwrap();
    let datagram = |arrival| match arrival {
        Arrival::Datagram(datagram) => datagram,
        other => panic!("{other:?}"),
    };
    taken.into_iter().map(datagram).collect()
}

#[test]
fn datagrams_reach_the_queue_and_the_rest_is_counted() {
    for listen in ["127.0.0.1:0", "[::1]:0"] {
        let bound = bind(listen.parse().unwrap(), with(1 << 16, false)).unwrap();
        let target = bound.address;
        let (intake, stop) = (intake(1, 3, AdmissionSettings::default()), Arc::new(AtomicBool::new(false)));
        let receiver = Receiver { socket: bound.socket, intake: intake.clone(), stop: Arc::clone(&stop) };
        let thread = receiver.spawn("test".to_owned()).unwrap();
        let sender = UdpSocket::bind(listen).unwrap();
        for number in 1..=5_usize {
            sender.send_to(&vec![7; number * 10], target).unwrap();
        }
        sender.send_to(&[], target).unwrap();
        stop.store(true, Ordering::Release);
        thread.join().unwrap();
        let counters = intake.counters();
        assert_eq!((counters.received(), counters.bytes()), (6, 150));
        assert_eq!(counters.drops().iter().collect::<Vec<_>>(), [(DropReason::QueueFull, 3)]);
        let taken = taken(&intake, 0);
        let lengths: Vec<_> = taken.iter().map(|datagram| datagram.payload.len()).collect();
        assert_eq!(lengths, [10, 20, 30]);
        assert_eq!((taken[0].received, taken[0].source), (42, sender.local_addr().unwrap()));
    }
}

/// Datagrams that one call sends, and the kernel may hand over joined, are told apart.
#[test]
fn joined_datagrams_are_cut() {
    let bound = bind(any_port(), with(1 << 20, false)).unwrap();
    let target = bound.address;
    let (intake, stop) = (intake(1, 1_000, AdmissionSettings::default()), Arc::new(AtomicBool::new(false)));
    let thread = Receiver { socket: bound.socket, intake: intake.clone(), stop: Arc::clone(&stop) }
        .spawn("test".to_owned())
        .unwrap();
    let sender = UdpSocket::bind(any_port()).unwrap();
    let state = quinn_udp::UdpSocketState::new((&sender).into()).unwrap();
    let contents: Vec<u8> = (0..1_000_u32).map(|n| (n / 100) as u8).collect();
    let transmit = quinn_udp::Transmit {
        destination: target,
        ecn: None,
        contents: &contents[..950],
        segment_size: Some(100),
        src_ip: None,
    };
    let segments = state.max_gso_segments();
    if segments >= 10 {
        state.try_send((&sender).into(), &transmit).unwrap();
    } else {
        for part in contents[..950].chunks(100) {
            sender.send_to(part, target).unwrap();
        }
    }
    stop.store(true, Ordering::Release);
    thread.join().unwrap();
    let taken = taken(&intake, 0);
    assert_eq!(taken.len(), 10);
    for (number, datagram) in taken.iter().enumerate() {
        assert!(datagram.payload.iter().all(|&byte| usize::from(byte) == number));
        assert_eq!(datagram.payload.len(), if number == 9 { 50 } else { 100 });
    }
}

#[test]
fn what_is_not_admitted_is_counted() {
    let settings = AdmissionSettings { allow: vec!["192.0.2.0/24".parse().unwrap()], rate: 3 };
    let intake = intake(2, 100, settings);
    let from = |text: &str| SocketAddr::new(text.parse().unwrap(), 9);
    let sent = |text: &str| (0..5).map(|_| (from(text), &b"abcd"[..])).collect::<Vec<_>>();
    intake.datagrams(sent("192.0.2.1").into_iter());
    intake.datagrams(sent("203.0.113.1").into_iter());
    intake.datagrams(sent("::ffff:192.0.2.2").into_iter());
    let counters = intake.counters();
    assert_eq!((counters.received(), counters.bytes()), (15, 60));
    let drops: Vec<_> = counters.drops().iter().collect();
    assert_eq!(drops, [(DropReason::NotAllowed, 5), (DropReason::RateLimited, 4)]);
    assert_eq!(intake.queues().iter().map(|queue| queue.len()).sum::<usize>(), 6);
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
