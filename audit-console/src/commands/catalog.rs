//! `audit catalog`: what the built-in catalog lists, and what a change of a catalog breaks.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use audit_core::AuditAction;
use audit_core::catalog::{self, ocsf, render};
use clap::{Args, ValueEnum};

use crate::failure::Failure;
use crate::render::escape::visible;
use crate::say::say;

#[derive(Debug, Args)]
#[command(after_help = "\
A catalog of your own is printed by a test or a program of yours, with
audit_core::catalog::render::json; --catalog takes that in place of the built-in one.

--check exits with 1 when readers of entries recorded under FILE would miss
something: an action that is gone or renamed, or done to another kind of thing,
a metadata field that is gone, has another type, or may now be left out.

Examples:
  audit catalog > docs/catalog.md
  audit catalog --format json | jq -r '.[].name'
  audit catalog --format json-schema > entries.schema.json
  audit catalog --check released.json --catalog current.json")]
pub(crate) struct CatalogArgs {
    /// How to print it
    #[arg(long, value_enum, default_value_t = CatalogFormat::Markdown)]
    format: CatalogFormat,

    /// Say what has been broken since this catalog, printed as JSON
    #[arg(long, value_name = "FILE", conflicts_with = "format")]
    check: Option<PathBuf>,

    /// With --check: a catalog printed as JSON, in place of the built-in one
    #[arg(long, value_name = "FILE", requires = "check")]
    catalog: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum CatalogFormat {
    /// A document for people
    Markdown,
    /// A list of actions for programs, and for --check
    Json,
    /// A schema of the entries (JSON Schema 2020-12)
    JsonSchema,
    /// What each action is in OCSF 1.3.0
    Ocsf,
}

pub(crate) fn run(args: &CatalogArgs, out: &mut impl Write) -> Result<ExitCode, Failure> {
    if let Some(earlier) = &args.check {
        return check(earlier, args.catalog.as_deref(), out);
    }
    let text = match args.format {
        CatalogFormat::Markdown => render::markdown::<AuditAction>(),
        CatalogFormat::Json => render::json::<AuditAction>(),
        CatalogFormat::JsonSchema => catalog::json_schema::<AuditAction>(),
        CatalogFormat::Ocsf => ocsf::mapping::<AuditAction>(),
    };
    writeln!(out, "{}", text.trim_end())?;
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

fn check(earlier: &Path, now: Option<&Path>, out: &mut impl Write) -> Result<ExitCode, Failure> {
    let now = now.map_or_else(|| Ok(render::json::<AuditAction>()), read)?;
    let changes = catalog::breaking_changes(&read(earlier)?, &now).map_err(|error| Failure::wrong(&error))?;
    for change in &changes {
        writeln!(out, "{}", visible(&change.to_string()))?;
    }
    out.flush()?;
    match changes.len() {
        0 => say("nothing is broken"),
        1 => say("1 breaking change"),
        count => say(format_args!("{count} breaking changes")),
    }
    Ok(if changes.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn read(path: &Path) -> Result<String, Failure> {
    fs::read_to_string(path).map_err(|error| Failure::usage(format!("cannot read {}: {error}", path.display())))
}
