//! What a connection was, read from its endpoints for its record: the whole history and the payload of both sides.

use super::{End, Extra, History};

/// What a connection was, read for its record.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Summary {
    pub history: String,
    pub sizes: [u64; 2],
}

/// History and sizes of a TCP connection.
pub(crate) fn summary(ends: &[End; 2], history: History, extra: Option<&Extra>) -> Summary {
    let wraps = extra.map_or([[0; 2]; 2], |extra| extra.wraps);
    let mut letters: String = history.letters().map(char::from).collect();
    letters.push_str(extra.map_or("", |extra| &extra.more));
    let sizes = [ends[0].size(wraps[0], ends[1]), ends[1].size(wraps[1], ends[0])];
    Summary { history: letters, sizes }
}
