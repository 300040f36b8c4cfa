//! Where one IPFIX message ends and the next begins in a stream of octets (RFC 7011 section 10.4.2).
//!
//! Owns the octets of a message that has not come whole; must not know connections. Sans-IO.

/// Octets of an IPFIX message header, its length field included.
const HEADER: usize = 16;
/// IPFIX. `NetFlow` says no length in its header, so no stream can carry it.
const IPFIX: u16 = 10;

/// The stream cannot be read on: nothing tells where its next message begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// A message begins with another version than IPFIX.
    #[error("version {0} is not IPFIX")]
    Version(u16),
    /// A message is shorter than its header.
    #[error("a message of {0} octets is shorter than its header")]
    Length(u16),
}

/// Cuts a stream into messages. Holds one message of at most 65,535 octets and what came after it in the same read.
#[derive(Debug, Default)]
pub struct Frames {
    buffer: Vec<u8>,
    /// Octets of the buffer that have been handed out.
    taken: usize,
}

impl Frames {
    /// Adds octets as they arrive.
    pub fn push(&mut self, octets: &[u8]) {
        self.buffer.drain(..std::mem::take(&mut self.taken));
        self.buffer.extend_from_slice(octets);
    }

    /// The next message, header included; `None` until it has come whole.
    ///
    /// # Errors
    /// The octets are no IPFIX message; the stream is of no further use.
    pub fn next_message(&mut self) -> Result<Option<&[u8]>, FrameError> {
        let rest = self.buffer.get(self.taken..).unwrap_or_default();
        // The version is judged as soon as it is there: what is no IPFIX is not waited for.
        let Some((version, after)) = rest.split_first_chunk::<2>() else { return Ok(None) };
        let version = u16::from_be_bytes(*version);
        if version != IPFIX {
            return Err(FrameError::Version(version));
        }
        let Some((length, _)) = after.split_first_chunk::<2>() else { return Ok(None) };
        let length = u16::from_be_bytes(*length);
        if usize::from(length) < HEADER {
            return Err(FrameError::Length(length));
        }
        let Some(message) = rest.get(..usize::from(length)) else { return Ok(None) };
        self.taken += message.len();
        Ok(Some(message))
    }

    /// Octets of a message that has not come whole.
    pub fn unfinished(&self) -> usize {
        self.buffer.len() - self.taken
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn message(body: &[u8]) -> Vec<u8> {
        let mut message = vec![0, 10];
        message.extend((HEADER as u16 + body.len() as u16).to_be_bytes());
        message.extend([7; 12]);
        message.extend(body);
        message
    }

    proptest! {
        /// However a stream is cut into reads, its messages come out whole and in order.
        #[test]
        fn messages_survive_any_cut(
            bodies in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..300), 0..12),
            cuts in proptest::collection::vec(1_usize..200, 1..60),
        ) {
            let messages: Vec<_> = bodies.iter().map(|body| message(body)).collect();
            let stream = messages.concat();
            let (mut frames, mut found, mut at) = (Frames::default(), Vec::new(), 0);
            for cut in cuts.into_iter().cycle() {
                if at == stream.len() {
                    break;
                }
                let end = (at + cut).min(stream.len());
                frames.push(&stream[at..end]);
                at = end;
                while let Some(message) = frames.next_message().unwrap() {
                    found.push(message.to_vec());
                }
            }
            prop_assert_eq!(found, messages);
            prop_assert_eq!(frames.unfinished(), 0);
        }

        /// Whatever arrives, memory stays within one message and one read.
        #[test]
        fn anything_is_bounded(reads in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..400), 0..40)) {
            let mut frames = Frames::default();
            for read in reads {
                frames.push(&read);
                loop {
                    match frames.next_message() {
                        Ok(Some(message)) => prop_assert!(message.len() >= HEADER),
                        Ok(None) => break,
                        Err(_) => return Ok(()),
                    }
                }
                prop_assert!(frames.unfinished() <= 65_535);
            }
        }
    }

    #[test]
    fn what_is_no_ipfix_is_refused_at_once() {
        let mut frames = Frames::default();
        frames.push(b"GE");
        assert_eq!(frames.next_message(), Err(FrameError::Version(0x4745)));
        let mut frames = Frames::default();
        frames.push(&[0, 10, 0]);
        assert_eq!(frames.next_message(), Ok(None));
        frames.push(&[15]);
        assert_eq!(frames.next_message(), Err(FrameError::Length(15)));
    }
}
