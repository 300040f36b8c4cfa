//! Exit codes of the `halfopen` command, all in one place (BSD `sysexits.h` where it has a fitting one).

use std::process::ExitCode;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Everything was done and understood.
    Ok = 0,
    /// Something failed that has no code of its own.
    Failure = 1,
    /// The command line was wrong.
    Usage = 2,
    /// Some input was not understood; what was understood has been processed (`EX_DATAERR`).
    Data = 65,
    /// An input file does not exist or cannot be read (`EX_NOINPUT`).
    NoInput = 66,
    /// An address or interface to listen on is taken or refused (`EX_UNAVAILABLE`).
    Unavailable = 69,
    /// The store or an output file cannot be created or written (`EX_CANTCREAT`).
    CannotCreate = 73,
    /// The configuration is wrong (`EX_CONFIG`).
    Config = 78,
}

impl Exit {
    /// Every code with its meaning, for the manual.
    pub const ALL: [(Self, &'static str); 8] = [
        (Self::Ok, "everything was done and understood"),
        (Self::Failure, "something failed"),
        (Self::Usage, "the command line was wrong"),
        (Self::Data, "some input was not understood; what was understood has been processed"),
        (Self::NoInput, "an input file does not exist or cannot be read"),
        (Self::Unavailable, "an address or interface to listen on is taken or refused"),
        (Self::CannotCreate, "the store or an output file cannot be created or written"),
        (Self::Config, "the configuration is wrong"),
    ];
}

impl Exit {
    /// Of two outcomes of one command the one that counts: anything over [`Exit::Ok`], the greater code over the lesser.
    #[must_use]
    pub fn worse(self, other: Self) -> Self {
        if (other as u8) > (self as u8) { other } else { self }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// An error that decides the exit code.
#[derive(Debug)]
pub struct Failed {
    /// The code.
    pub exit: Exit,
    /// What happened.
    pub error: anyhow::Error,
}

impl<E: Into<anyhow::Error>> From<E> for Failed {
    fn from(error: E) -> Self {
        Self { exit: Exit::Failure, error: error.into() }
    }
}

/// Gives an error its exit code.
pub trait OrExit<T> {
    /// On error, ends the command with this code.
    fn or_exit(self, exit: Exit) -> Result<T, Failed>;
}

impl<T, E: Into<anyhow::Error>> OrExit<T> for Result<T, E> {
    fn or_exit(self, exit: Exit) -> Result<T, Failed> {
        self.map_err(|error| Failed { exit, error: error.into() })
    }
}
