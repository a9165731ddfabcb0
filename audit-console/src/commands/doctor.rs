//! `audit doctor`: what is well with the log, what is not, and what to do about it.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use audit_core::doctor::{self, Finding, Level};
use clap::Args;
use serde_json::{Value, json};

use super::format::{Format, document};
use crate::cli::{LogArgs, RoleArgs};
use crate::failure::Failure;
use crate::render::escape::visible;
use crate::render::style::{DIM, GREEN, PLAIN, RED, YELLOW};
use crate::run::block_on;

#[derive(Debug, Args)]
#[command(after_help = "\
It changes nothing. Run it as the user that the service runs as: what is well
for an administrator may not be for the writer.

Exits with 1 when something is red: the log cannot be written or trusted until
that is mended. What is yellow works, and could be better.

Examples:
  audit doctor
  audit doctor --journal /var/lib/billing/audit
  audit doctor --format json | jq '.[] | select(.level == \"red\")'
  audit doctor || page-the-operator")]
pub(crate) struct DoctorArgs {
    #[command(flatten)]
    roles: RoleArgs,

    /// The directory that the service keeps its journal in, to be examined as well
    #[arg(long, env = "AUDIT_JOURNAL", value_name = "DIR")]
    journal: Option<PathBuf>,

    /// How to print it; as JSON a list of findings: `check`, `level`, `message` and `advice`
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

pub(crate) fn run(log: &LogArgs, args: &DoctorArgs, out: &mut impl Write) -> Result<ExitCode, Failure> {
    let url = log.url()?;
    let options = log.options(&args.roles)?;
    let mut findings = block_on(doctor::examine(url.as_str(), &options))?;
    findings.extend(args.journal.as_deref().map(doctor::journal));
    let count = |level| findings.iter().filter(|finding| finding.level == level).count();
    let (green, yellow, red) = (count(Level::Green), count(Level::Yellow), count(Level::Red));
    if args.format == Format::Json {
        let list: Value = findings.iter().map(as_json).collect();
        document(&list, out)?;
    } else {
        let widest = findings.iter().map(|finding| finding.check.len()).max().unwrap_or(0);
        for finding in &findings {
            show(finding, widest, out)?;
        }
        writeln!(out, "\n{green} green, {yellow} yellow, {red} red")?;
    }
    out.flush()?;
    Ok(if red > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn show(finding: &Finding, widest: usize, out: &mut impl Write) -> Result<(), Failure> {
    let (colour, sign) = match finding.level {
        Level::Green => (GREEN, '✓'),
        Level::Yellow => (YELLOW, '!'),
        Level::Red => (RED, '✗'),
    };
    let (check, message) = (finding.check, visible(&finding.message));
    writeln!(out, "{colour}{sign}{PLAIN} {check:widest$}  {message}")?;
    if let Some(advice) = &finding.advice {
        let blank = "";
        writeln!(out, "  {blank:widest$}  {DIM}→{PLAIN} {}", visible(advice))?;
    }
    Ok(())
}

fn as_json(finding: &Finding) -> Value {
    let level = match finding.level {
        Level::Green => "green",
        Level::Yellow => "yellow",
        Level::Red => "red",
    };
    json!({ "check": finding.check, "level": level, "message": finding.message, "advice": finding.advice })
}
