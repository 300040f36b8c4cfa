//! What the command says of itself: completions and manual pages.

use std::path::Path;

use clap::CommandFactory as _;
use clap_complete::Shell;

use super::args::Cli;
use super::exit::{Exit, Failed, OrExit};
use super::output::print;

/// Prints a completion script.
pub fn completions(shell: Shell) -> Result<Exit, Failed> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "halfopen", &mut script);
    print(&String::from_utf8_lossy(&script))
}

/// Prints the manual page, or writes one page per command into a directory.
pub fn man(out: Option<&Path>) -> Result<Exit, Failed> {
    if let Some(dir) = out {
        std::fs::create_dir_all(dir).or_exit(Exit::CannotCreate)?;
        clap_mangen::generate_to(Cli::command(), dir).or_exit(Exit::CannotCreate)?;
        return Ok(Exit::Ok);
    }
    let mut page = Vec::new();
    clap_mangen::Man::new(Cli::command()).render(&mut page)?;
    let mut text = String::from_utf8_lossy(&page).into_owned();
    text.push_str(".SH \"EXIT STATUS\"\n");
    for (exit, meaning) in Exit::ALL {
        text.push_str(&format!(".TP\n\\fB{}\\fR\n{meaning}\n", exit as u8));
    }
    print(&text)
}
