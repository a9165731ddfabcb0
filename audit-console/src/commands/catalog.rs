//! `audit catalog`: what the built-in catalog lists.

use std::io::Write;
use std::process::ExitCode;

use audit_core::AuditAction;
use audit_core::catalog::render;
use clap::{Args, ValueEnum};

use crate::failure::Failure;

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  audit catalog > docs/catalog.md
  audit catalog --format json | jq -r '.[].name'")]
pub(crate) struct CatalogArgs {
    /// How to print it
    #[arg(long, value_enum, default_value_t = CatalogFormat::Markdown)]
    format: CatalogFormat,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum CatalogFormat {
    /// A document for people
    Markdown,
    /// A list of actions for programs
    Json,
}

pub(crate) fn run(args: &CatalogArgs, out: &mut impl Write) -> Result<ExitCode, Failure> {
    let text = match args.format {
        CatalogFormat::Markdown => render::markdown::<AuditAction>(),
        CatalogFormat::Json => render::json::<AuditAction>(),
    };
    writeln!(out, "{}", text.trim_end())?;
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}
