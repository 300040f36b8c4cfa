//! Requests as a test's own servers read them, and a server that only writes down what it was sent.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};

/// The next request: its head in lower case, and its body.
pub fn request(reader: &mut BufReader<TcpStream>) -> Option<(String, String)> {
    let mut head = String::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if line == "\r\n" {
            break;
        }
        head.push_str(&line.to_lowercase());
    }
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "))?.trim().parse().ok()?;
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some((head, String::from_utf8(body).ok()?))
}

/// A server that takes every request. It ends with the process.
#[derive(Debug, Clone)]
pub struct Hook {
    /// Where it listens.
    pub address: SocketAddr,
    requests: Arc<Mutex<Vec<(String, String)>>>,
}

impl Hook {
    /// Starts it.
    ///
    /// # Panics
    /// It cannot listen.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has ports");
        let hook = Self { address: listener.local_addr().expect("it listens"), requests: Arc::default() };
        let requests = Arc::clone(&hook.requests);
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let Ok(reader) = stream.try_clone() else { continue };
                let Some(found) = request(&mut BufReader::new(reader)) else { continue };
                requests.lock().unwrap_or_else(PoisonError::into_inner).push(found);
                stream.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok").ok();
            }
        });
        hook
    }

    /// Head (in lower case) and body of every request so far.
    pub fn requests(&self) -> Vec<(String, String)> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
