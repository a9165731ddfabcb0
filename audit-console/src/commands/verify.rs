//! `audit verify`: whether the log still is what its writers froze.

use std::fmt;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::str::FromStr;

use audit_core::retention::Pruning;
use audit_core::signing::TrustedKeys;
use audit_core::verify::{ArchiveError, Break, Progress, Proof, Report, SavedCheckpoint, Verifier, check_archive};
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use clap::Args;
use indicatif::{ProgressBar, ProgressState, ProgressStyle};
use uuid::Uuid;

use super::ADVICE;
use super::format::{Format, document};
use crate::cli::LogArgs;
use crate::failure::Failure;
use crate::render::escape::visible;
use crate::render::style::{DIM, GREEN, PLAIN, RED, YELLOW};
use crate::run::block_on;
use crate::say::say;
use audit_core::query::Moment;

#[derive(Debug, Args)]
#[command(after_help = "\
It reads the whole log, as a reader may, computes every hash again and compares.
It changes nothing. What is recorded meanwhile is looked at the next time.

It finds what was changed, inserted, moved or removed by whoever can write to
the database. Against somebody who computes all hashes anew it needs a memory of
its own: the keys that it trusts, and the checkpoint that it kept the last time.

The file of --keys has a line for each key: `log KEY` for one that signs
checkpoints, `writer KEY` for one that signs batches, the latter followed, if
need be, by since=TIME and until=TIME: when the database took the batch, which
may be long after it was signed, if it waited in a journal. So let the key that
a new one follows end after the last journal was adopted. Keys of the log end
when their line is removed. Keep the file, and what --save writes, where nobody
who can write to the database can write.

No look at a log can see what was never recorded, nor what whoever holds all the
keys did before the first checkpoint that you kept.

Exit codes:
  0  intact
  1  something is not as it was written
  2  it could not be checked

Examples:
  audit verify
  audit verify --format json | jq '.breaks[]'
  audit verify --keys trusted-keys --checkpoint last --save last
  audit verify --since 7d
  audit verify --proof proof.json --keys trusted-keys
  audit verify --archive audit-20260105T000000Z-20260112T000000Z.jsonl.gz --keys trusted-keys
  audit verify || page-the-auditor")]
pub(crate) struct VerifyArgs {
    /// The keys that are trusted
    #[arg(long, env = "AUDIT_TRUSTED_KEYS", value_name = "FILE")]
    keys: Option<PathBuf>,

    /// What --save wrote the last time: the log has to contain it, unchanged
    #[arg(long, value_name = "FILE")]
    checkpoint: Option<PathBuf>,

    /// Write what the log is now, for the next time; only if it is intact
    #[arg(long, value_name = "FILE")]
    save: Option<PathBuf>,

    /// Look only at entries of batches since then; at headers and checkpoints always
    #[arg(long, value_name = "TIME", value_parser = Moment::from_str)]
    since: Option<Moment>,

    /// Look only at entries of this stream; at headers and checkpoints always
    #[arg(long, value_name = "ID")]
    stream: Option<Uuid>,

    /// Check what `audit proof` printed; no database is needed
    #[arg(long, value_name = "FILE", requires = "keys", conflicts_with_all = ["checkpoint", "save", "since", "stream"])]
    proof: Option<PathBuf>,

    /// Check a file that `audit retention apply --archive` wrote; no database is needed
    #[arg(long, value_name = "FILE", conflicts_with_all = ["checkpoint", "save", "since", "stream", "proof"])]
    archive: Option<PathBuf>,

    /// How to print it
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

pub(crate) fn run(log: &LogArgs, args: &VerifyArgs, out: &mut impl Write) -> Result<ExitCode, Failure> {
    let keys = args.keys.as_ref().map(TrustedKeys::from_file).transpose().map_err(Failure::usage)?;
    let keys = keys.unwrap_or_default();
    if let Some(file) = &args.proof {
        return check_proof(file, &keys, args.format, out);
    }
    if let Some(file) = &args.archive {
        return look_at_archive(file, &keys, args.format, out);
    }
    let url = log.url()?;
    let mut verifier = Verifier::new(url.as_str(), &log.schema).trusting(keys);
    if let Some(file) = &args.checkpoint {
        verifier = verifier.against(read::<SavedCheckpoint>(file)?);
    }
    if let Some(since) = args.since {
        verifier = verifier.since(since.start(Utc::now()));
    }
    if let Some(stream_id) = args.stream {
        verifier = verifier.stream(stream_id);
    }
    // It is not drawn where nobody looks.
    let bar = ProgressBar::new(0).with_style(style());
    let watch = |Progress { entries, promised, .. }| {
        bar.set_length(promised);
        bar.set_position(entries);
    };
    let report = block_on(verifier.run(watch)).map_err(Failure::into_usage)?;
    bar.finish_and_clear();
    // Exit code 2, also where only the server is to blame: 1 says that something is broken.
    let report = report.map_err(|error| Failure::wrong(&error).with_hint(ADVICE))?;
    let code = if report.is_intact() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    if let Some(file) = args.save.as_ref().filter(|_| report.is_intact()) {
        save(file, &report.head)
            .map_err(|error| Failure::usage(format!("cannot write the checkpoint to {}: {error}", file.display())))?;
    }
    match print(&report, args.format, out) {
        // What was found does not hang on whether anybody reads it.
        Err(Failure::Output(error)) => {
            if error.kind() != ErrorKind::BrokenPipe {
                say(format_args!("cannot write to standard output: {error}"));
            }
            Ok(code)
        }
        printed => printed.map(|()| code),
    }
}

fn read<T: FromStr<Err: fmt::Display>>(file: &Path) -> Result<T, Failure> {
    let text = std::fs::read_to_string(file);
    let text = text.map_err(|error| Failure::usage(format!("cannot read {}: {error}", file.display())))?;
    text.parse().map_err(|error| Failure::usage(format!("{}: {error}", file.display())))
}

/// The file is whole at any time: it is what the next look is compared with.
fn save(file: &Path, head: &str) -> std::io::Result<()> {
    let scratch = file.with_added_extension("part");
    std::fs::write(&scratch, head)?;
    std::fs::rename(scratch, file)
}

fn check_proof(file: &Path, keys: &TrustedKeys, format: Format, out: &mut impl Write) -> Result<ExitCode, Failure> {
    let proof: ProofFile = read(file)?;
    let row = proof.0.row();
    let checked = proof.0.check(keys);
    match (format, &checked) {
        (Format::Json, _) => {
            let told = serde_json::json!({
                "intact": checked.is_ok(),
                "id": row.id,
                "reason": checked.as_ref().err().map(ToString::to_string),
                "covered_batches": checked.as_ref().ok().map(|proved| proved.checkpoint.size),
                "origin": checked.as_ref().ok().map(|proved| &proved.checkpoint.origin),
                "writer": checked.as_ref().ok().and_then(|proved| proved.writer.as_ref()),
            });
            document(&told, out)?;
        }
        (Format::Text, Ok(proved)) => {
            let (origin, size) = (visible(&proved.checkpoint.origin), proved.checkpoint.size);
            writeln!(
                out,
                "{GREEN}✓ proved{PLAIN}: entry {} is in the log {origin}, as its checkpoint of {size} batches states",
                row.id
            )?;
            let actor = row.actor_id.as_deref().unwrap_or("(erased)");
            writeln!(out, "  {} {} · {}", visible(actor), visible(&row.action), row.outcome.as_str())?;
            let recorded = proved.recorded_at.to_rfc3339_opts(SecondsFormat::Micros, true);
            writeln!(
                out,
                "  recorded {recorded}, signed by {}",
                visible(proved.writer.as_deref().unwrap_or("no trusted writer"))
            )?;
        }
        (Format::Text, Err(error)) => writeln!(out, "{RED}✗ not proved{PLAIN}: {}", visible(&error.to_string()))?,
    }
    out.flush()?;
    Ok(if checked.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn look_at_archive(file: &Path, keys: &TrustedKeys, format: Format, out: &mut impl Write) -> Result<ExitCode, Failure> {
    let checked = match check_archive(file, keys) {
        Err(error @ (ArchiveError::Io(_) | ArchiveError::Unreadable { line: 1, .. })) => {
            return Err(Failure::wrong(&error));
        }
        checked => checked,
    };
    match (format, &checked) {
        (Format::Json, Ok(archive)) => {
            let mut told = serde_json::to_value(archive).map_err(|error| Failure::failed(&error))?;
            told["intact"] = true.into();
            document(&told, out)?;
        }
        (Format::Json, Err(error)) => {
            let told = serde_json::json!({"intact": false, "reason": error.to_string()});
            document(&told, out)?;
        }
        (Format::Text, Ok(archive)) => {
            let entries = counted(archive.rows, "entry", "entries");
            let batches = counted(archive.batches, "batch", "batches");
            let exact = |time: DateTime<Utc>| time.to_rfc3339_opts(SecondsFormat::AutoSi, true);
            writeln!(
                out,
                "{GREEN}✓ intact{PLAIN}: {entries} in {batches}, created from {} until {}",
                exact(archive.since),
                exact(archive.until)
            )?;
            let (origin, size) = (visible(&archive.origin), archive.covered_batches);
            match &archive.signed_by {
                Some(key) => writeln!(
                    out,
                    "  covered by the checkpoint of {size} batches of {origin}, signed by {}",
                    visible(key)
                )?,
                None => {
                    writeln!(out, "{YELLOW}!{PLAIN} nobody says whose checkpoint of {origin} to trust: give --keys")?;
                }
            }
        }
        (Format::Text, Err(error)) => writeln!(out, "{RED}✗ broken{PLAIN}: {}", visible(&error.to_string()))?,
    }
    out.flush()?;
    Ok(if checked.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

struct ProofFile(Proof);

impl FromStr for ProofFile {
    type Err = serde_json::Error;

    fn from_str(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text).map(Self)
    }
}

fn print(report: &Report, format: Format, out: &mut impl Write) -> Result<(), Failure> {
    match format {
        Format::Json => {
            let mut told = serde_json::to_value(report).map_err(|error| Failure::failed(&error))?;
            told["intact"] = report.is_intact().into();
            document(&told, out)?;
        }
        Format::Text => show(report, out)?,
    }
    out.flush()?;
    Ok(())
}

fn style() -> ProgressStyle {
    let template = "{bar:40} {percent}% of {len} entries, {rate} a second, {eta} left";
    let rate = |state: &ProgressState, out: &mut dyn fmt::Write| {
        // A bar that cannot be drawn is no reason to stop.
        let _ = write!(out, "{:.0}", state.per_sec());
    };
    ProgressStyle::with_template(template).expect("the template names only what there is").with_key("rate", rate)
}

fn show(report: &Report, out: &mut impl Write) -> Result<(), Failure> {
    let Report { dead_letters, lost_batches, .. } = report;
    let entries = counted(report.entries, "entry", "entries");
    let batches = counted(report.batches, "batch", "batches");
    let streams = counted(report.streams, "stream", "streams");
    if let Some(first) = report.breaks.first() {
        writeln!(out, "{RED}✗ broken{PLAIN}: {}", visible(&first.to_string()))?;
        writeln!(out, "  {DIM}→{PLAIN} {}", next_command(first))?;
        for found in &report.breaks[1..] {
            writeln!(out, "  also: {}", visible(&found.to_string()))?;
        }
        if report.more_breaks > 0 {
            writeln!(out, "  and {} more", report.more_breaks)?;
        }
        let breaks = counted(report.breaks.len() as u64 + report.more_breaks, "break", "breaks");
        writeln!(out, "{breaks} in {entries}, {batches}, {streams}")?;
    } else {
        writeln!(out, "{GREEN}✓ intact{PLAIN}: {entries} in {batches} of {streams}")?;
    }
    if report.sealed_batches > 0 || report.checkpoints > 0 {
        let covered = report.covered_batches;
        let open = report.batches.saturating_sub(covered);
        match (report.checkpoints, open) {
            (0, _) => writeln!(out, "  no checkpoint was ever signed: audit seal --help")?,
            (_, 0) => writeln!(out, "  the newest checkpoint covers all of it")?,
            (_, open) => {
                let open = counted(open, "batch is", "batches are");
                writeln!(out, "{YELLOW}!{PLAIN} {open} newer than the newest checkpoint")?;
            }
        }
    }
    if report.signed_batches > 0 {
        writeln!(out, "  {} signed by trusted writers", counted(report.signed_batches, "batch is", "batches are"))?;
    }
    if let Some(last) = report.prunings.last() {
        tell_pruned(report, last, out)?;
    }
    if report.imported > 0 {
        let imported = counted(report.imported, "entry was", "entries were");
        writeln!(out, "  {imported} imported: what they tell of the time before rests on the log that they come from")?;
    }
    if report.late_batches > 0 {
        let late = counted(report.late_batches, "batch", "batches");
        writeln!(out, "  {late} reached the database more than five minutes after they were frozen")?;
    }
    if report.redacted_rows > 0 {
        let rows = counted(report.redacted_rows, "entry", "entries");
        writeln!(out, "  of {rows} something was erased: audit query --action audit.redacted")?;
        for redaction in &report.redactions {
            writeln!(
                out,
                "  {DIM}·{PLAIN} {} {} erased {} of {}: {}",
                redaction.at.to_rfc3339_opts(SecondsFormat::Secs, true),
                visible(redaction.by.as_deref().unwrap_or("somebody")),
                visible(&redaction.fields.join(", ")),
                counted(redaction.rows as u64, "entry", "entries"),
                visible(&redaction.reason)
            )?;
        }
    }
    if let Some(last) = report.silences.first() {
        let streams = counted(report.silent_streams, "stream was", "streams were");
        let since = last.since.to_rfc3339_opts(SecondsFormat::Secs, true);
        writeln!(
            out,
            "{YELLOW}!{PLAIN} {streams} never closed and {silent}: a crash, or an end that was cut off before it was sealed. The newest is \
             {} since {since}",
            last.stream_id,
            silent = if report.silent_streams == 1 { "is silent" } else { "are silent" },
        )?;
    }
    if *dead_letters > 0 {
        writeln!(out, "{YELLOW}!{PLAIN} {dead_letters} of the rows are dead letters: audit dead-letters")?;
    }
    if *lost_batches > 0 {
        writeln!(
            out,
            "{YELLOW}!{PLAIN} {lost_batches} batches were lost by a damaged journal: audit query --action audit.gap"
        )?;
    }
    Ok(())
}

/// The whole list is in the document of `--format json`.
fn tell_pruned(report: &Report, last: &Pruning, out: &mut impl Write) -> Result<(), Failure> {
    let exact = |time: DateTime<Utc>| time.to_rfc3339_opts(SecondsFormat::AutoSi, true);
    let bounds = report.prunings.iter().map(|pruning| (pruning.lower_bound, pruning.upper_bound));
    let (since, until) = bounds.fold((last.lower_bound, last.upper_bound), |(since, until), (lower, upper)| {
        (since.min(lower), until.max(upper))
    });
    let entries = counted(report.pruned(), "entry", "entries");
    let prunings = counted(report.prunings.len() as u64, "pruning", "prunings");
    writeln!(
        out,
        "  {entries} created from {} until {} went in {prunings}, the last at {} by {}, signed by {}",
        exact(since),
        exact(until),
        exact(last.pruned_at),
        visible(&last.pruned_by),
        visible(last.signed_by.as_deref().unwrap_or("no trusted key")),
    )?;
    Ok(())
}

fn counted(n: u64, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}

/// Shows the rows concerned, and those of the same time; where no time is known, what else is known of what is broken.
fn next_command(found: &Break) -> String {
    let exact = |time: DateTime<Utc>| time.to_rfc3339_opts(SecondsFormat::Micros, true);
    if let Some((first, last)) = found.span()
        && let Some(until) = last.checked_add_signed(TimeDelta::microseconds(1))
    {
        return format!("audit query --since {} --until {}", exact(first), exact(until));
    }
    match found {
        Break::MissingBatches { stream_id, .. }
        | Break::BrokenChain { stream_id, .. }
        | Break::BrokenNumbers { stream_id, .. }
        | Break::OutOfPlace { stream_id, .. }
        | Break::DoubledRow { stream_id, .. }
        | Break::PassedOver { stream_id, .. }
        | Break::AlteredHeader { stream_id, .. }
        | Break::NeverSealed { stream_id, .. }
        | Break::Unsigned { stream_id, .. }
        | Break::UntrustedKey { stream_id, .. }
        | Break::BadSignature { stream_id, .. } => format!("audit verify --stream {stream_id} --format json"),
        Break::Misplaced { id, .. } => {
            format!("in psql: SELECT tableoid::regclass, * FROM audit_logs WHERE id = '{id}'")
        }
        Break::AlteredDeadLetter { .. } => "audit dead-letters".to_owned(),
        Break::ForgedPruning { .. } => "audit query --action audit.pruned".to_owned(),
        Break::BrokenTree { .. }
        | Break::OtherTree { .. }
        | Break::Truncated { .. }
        | Break::ForgedCheckpoint { .. }
        | Break::ForeignCheckpoint { .. }
        | Break::AlteredCheckpoint { .. }
        | Break::NoCheckpoint { .. } => {
            "audit verify --checkpoint FILE, with what --save wrote at other times: it tells when it was whole"
                .to_owned()
        }
        _ => "audit doctor".to_owned(),
    }
}
