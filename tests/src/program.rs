//! Running programs: the built `halfopen` and the real ones that tests compare with.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

/// The built binary, beside the test binary's folder.
///
/// # Panics
/// It has not been built: `cargo build --workspace` makes it.
pub fn binary() -> PathBuf {
    let test = std::env::current_exe().expect("a test has a path");
    let folder = test.ancestors().nth(2).expect("a test lies in target/debug/deps");
    let path = folder.join("halfopen");
    assert!(path.exists(), "{} is missing: run `cargo build --workspace` first", path.display());
    path
}

/// `halfopen` with these arguments and none of the user's settings.
pub fn halfopen<I: IntoIterator<Item = S>, S: AsRef<OsStr>>(args: I) -> Command {
    let mut command = Command::new(binary());
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("HALFOPEN_") {
            command.env_remove(name);
        }
    }
    command.args(args).stdin(Stdio::null());
    command
}

/// Runs it to its end.
///
/// # Panics
/// It cannot be started.
pub fn run<I: IntoIterator<Item = S>, S: AsRef<OsStr>>(args: I) -> Output {
    halfopen(args).output().expect("halfopen starts")
}

/// Standard output of a run that must succeed.
///
/// # Panics
/// It ends with another code than 0.
pub fn stdout<I: IntoIterator<Item = S>, S: AsRef<OsStr>>(args: I) -> String {
    let output = run(args);
    assert!(output.status.success(), "{:?}: {}", output.status, String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("output is UTF-8")
}

/// A real program that a test compares with.
///
/// # Panics
/// It is not installed. A missing program fails a test, it never skips one.
pub fn real(name: &str) -> Command {
    let path = std::env::var("PATH").unwrap_or_default() + ":/usr/sbin:/sbin";
    let found = path.split(':').map(|folder| PathBuf::from(folder).join(name)).find(|file| file.exists());
    let mut command = Command::new(found.unwrap_or_else(|| panic!("{name} is not installed: see `make test`")));
    command.stdin(Stdio::null());
    command
}
