//! Completions and the manual page, from the same definitions as the command line.

use clap::CommandFactory as _;

use super::Ended;
use super::args::Cli;
use crate::fault::Fault;
use crate::report::Screen;

/// Completions for a shell.
pub fn completions(screen: &Screen, shell: clap_complete::Shell) {
    let mut bytes = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "aosm-build", &mut bytes);
    screen.result(&String::from_utf8_lossy(&bytes));
}

/// The manual page, all commands in one.
pub fn man(screen: &Screen) -> Ended {
    let mut bytes = Vec::new();
    let mut command = Cli::command();
    command.build();
    let fail = |e: std::io::Error| Fault::bug("the manual page cannot be written").because(e);
    clap_mangen::Man::new(command.clone())
        .render(&mut bytes)
        .map_err(fail)?;
    for sub in command.get_subcommands() {
        let man = clap_mangen::Man::new(sub.clone()).title(format!("aosm-build-{}", sub.get_name()));
        man.render_synopsis_section(&mut bytes).map_err(fail)?;
        man.render_description_section(&mut bytes).map_err(fail)?;
        man.render_options_section(&mut bytes).map_err(fail)?;
    }
    screen.result(&String::from_utf8_lossy(&bytes));
    Ok(0)
}
