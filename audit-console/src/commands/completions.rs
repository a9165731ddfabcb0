//! `audit completions` and `audit man`: what shells and manuals want to know of the command itself.

use std::io::Write;
use std::process::ExitCode;

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::cli::Cli;
use crate::failure::Failure;

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  audit completions bash > ~/.local/share/bash-completion/completions/audit
  audit completions zsh > \"${fpath[1]}/_audit\"
  audit completions fish > ~/.config/fish/completions/audit.fish")]
pub(crate) struct CompletionsArgs {
    /// For which shell
    #[arg(value_enum)]
    shell: Shell,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  audit man | man -l -
  audit man query > audit-query.1")]
pub(crate) struct ManArgs {
    /// Of which command: `query`, `migrate status`; of `audit` itself where none is named
    #[arg(value_name = "COMMAND")]
    command: Vec<String>,
}

pub(crate) fn completions(args: &CompletionsArgs, out: &mut impl Write) -> Result<ExitCode, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "audit", &mut script);
    out.write_all(&script)?;
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn man(args: &ManArgs, out: &mut impl Write) -> Result<ExitCode, Failure> {
    let mut root = Cli::command();
    root.build();
    let mut command = &root;
    for name in &args.command {
        command = command
            .find_subcommand(name)
            .ok_or_else(|| Failure::usage(format!("`{name}` is no command")).with_hint("`audit --help` lists them"))?;
    }
    clap_mangen::Man::new(command.clone()).render(out)?;
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}
