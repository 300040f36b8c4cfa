//! Standard output: data only, and a reader that went away is no error.

use std::io::{BufWriter, ErrorKind, StdoutLock, Write};

use super::exit::{Exit, Failed};

/// Standard output with a buffer.
pub fn stdout() -> BufWriter<StdoutLock<'static>> {
    BufWriter::with_capacity(64 * 1024, std::io::stdout().lock())
}

/// Prints a text.
pub fn print(text: &str) -> Result<Exit, Failed> {
    let mut out = stdout();
    finish(out.write_all(text.as_bytes()).and_then(|()| out.flush()), Exit::Ok)
}

/// The exit of a command that printed: `exit` unless writing failed. A closed pipe ends the command in peace.
pub fn finish(written: std::io::Result<()>, exit: Exit) -> Result<Exit, Failed> {
    match written {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(Exit::Ok),
        Err(error) => Err(Failed {
            exit: Exit::Failure,
            error: anyhow::Error::from(error).context("failed to write to standard output"),
        }),
        Ok(()) => Ok(exit),
    }
}
