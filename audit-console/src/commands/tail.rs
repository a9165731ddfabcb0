//! `audit tail`: the latest entries, and those that come.

mod kept;

use std::collections::HashSet;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use audit_core::Row;
use audit_core::query::{Filter, Follow, Query, Reader};
use audit_core::store::{ErrorClass, StoreError};
use chrono::{SecondsFormat, TimeDelta, Utc};
use clap::{Args, ValueEnum};
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use self::kept::Kept;
use super::filter::{FilterArgs, GRAMMAR};
use super::{ADVICE, recorder};
use crate::cli::LogArgs;
use crate::end;
use crate::failure::Failure;
use crate::render::{escape, line};
use crate::run::block_on;
use crate::say::say;

/// Entries that are written before the output is flushed, and their place kept, however many come.
const AT_ONCE: usize = 1_000;
/// How long batches may wait for a sealer before that is said. It looks every 200 ms.
const SEALED_WITHIN: TimeDelta = TimeDelta::seconds(5);
/// How often that is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// The pause after a log that did not answer.
const PAUSE: Duration = Duration::from_secs(1);

const EXAMPLES: &str = "
With --follow, each entry comes once, however late its transaction commits: what
is followed is not time but the order in which batches were sealed, a fraction of
a second after they were stored. So an entry may come behind one that was made
later. Where nobody seals (a writer of the role audit_sealer, or `audit seal`),
nothing comes, and that is said. It runs until SIGINT or SIGTERM, or until nobody
reads it any more, and ends with 0.

With --state, FILE says how far the log was followed. Where it is there, the
command goes on behind that, and misses nothing that came in between. What was
written just before the program was killed may come again.

Examples:
  audit tail
  audit tail -f outcome:denied
  audit tail -n 100 'action:secret.* -actor_type:system'
  audit tail -f -n 0 --format jsonl --state shipped | send-to-the-siem";

#[derive(Debug, Args)]
#[command(after_help = format!("{GRAMMAR}\n{EXAMPLES}"))]
pub(crate) struct TailArgs {
    #[command(flatten)]
    filter: FilterArgs,

    /// How many of the latest to begin with
    #[arg(short = 'n', long, value_name = "COUNT", default_value_t = 10, value_parser = lines_range())]
    lines: u32,

    /// Go on with those that come
    #[arg(short, long)]
    follow: bool,

    /// Keep in FILE how far the log was followed, and go on from there
    #[arg(long, value_name = "FILE", requires = "follow")]
    state: Option<PathBuf>,

    /// How to print them
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A line each, for people
    Text,
    /// A document each, in a line, with every column
    #[value(alias = "json")]
    Jsonl,
}

fn lines_range() -> clap::builder::RangedI64ValueParser<u32> {
    clap::value_parser!(u32).range(0..=i64::from(Query::MAX_LIMIT))
}

pub(crate) fn run(log: &LogArgs, args: &TailArgs, out: &mut impl Write) -> Result<ExitCode, Failure> {
    let filter = args.filter.filter(Utc::now())?;
    let kept = args.state.clone().map(Kept::open).transpose()?;
    let url = log.url()?;
    recorder::viewed(log, url.as_str(), "tail", filter.to_string())?;
    block_on(async {
        let reader = Reader::connect(url.as_str(), &log.schema).await.map_err(|error| failed(&error))?;
        let mut tail = Tail { reader, format: args.format, kept, out, shown: HashSet::new() };
        let shown = async {
            let mut follow = tail.begin(&filter, args).await?;
            if args.follow { tail.follow(&mut follow).await } else { Ok(()) }
        };
        tokio::select! {
            ended = shown => ended,
            () = end::asked() => Ok(()),
            () = end::unread(), if args.follow => Ok(()),
        }
    })??;
    Ok(ExitCode::SUCCESS)
}

fn failed(error: &StoreError) -> Failure {
    Failure::failed(error).with_hint(ADVICE)
}

struct Tail<'a, W> {
    reader: Reader,
    format: Format,
    kept: Option<Kept>,
    out: &'a mut W,
    /// The latest that it began with: some of them are sealed only then.
    shown: HashSet<Uuid>,
}

impl<W: Write> Tail<'_, W> {
    /// Shows the latest, unless an earlier command did, and says from where on to follow.
    async fn begin(&mut self, filter: &Filter, args: &TailArgs) -> Result<Follow, Failure> {
        if let Some(position) = self.kept.as_ref().and_then(|kept| kept.position) {
            return Ok(Follow::new(filter.clone(), position));
        }
        // First, so that nothing comes between it and the latest.
        let end = self.reader.end().await.map_err(|error| failed(&error))?;
        if args.lines > 0 {
            let latest = Query::from(filter.clone()).limit(args.lines);
            let page = self.reader.page(&latest).await.map_err(|error| failed(&error))?;
            for row in page.rows.iter().rev() {
                self.write(row)?;
                self.shown.insert(row.id);
            }
            self.out.flush()?;
            if let Some(searched_to) = page.searched_to {
                let time = searched_to.to_rfc3339_opts(SecondsFormat::Secs, true);
                say(format_args!("searched as far as {time}, when the time was up"));
            }
        }
        Ok(Follow::new(filter.clone(), end))
    }

    /// Shows what comes, for ever.
    async fn follow(&mut self, follow: &mut Follow) -> Result<(), Failure> {
        let mut next_look = Instant::now();
        let (mut silent, mut unsealed) = (false, false);
        loop {
            match self.drain(follow).await? {
                Ok(()) => silent = false,
                Err(error) if error.class() == ErrorClass::Transient => {
                    if !silent {
                        say(format_args!("{}; trying again", escape::visible(&error.to_string())));
                    }
                    silent = true;
                    sleep(PAUSE).await;
                    continue;
                }
                Err(error) => return Err(failed(&error)),
            }
            if next_look <= Instant::now() {
                next_look = Instant::now() + LOOK_EVERY;
                // A log that does not answer is told of above.
                let since = self.reader.unsealed_since().await.ok().flatten();
                let since = since.filter(|since| *since < Utc::now() - SEALED_WITHIN);
                if let Some(since) = since.filter(|_| !unsealed) {
                    let since = since.to_rfc3339_opts(SecondsFormat::Secs, true);
                    say(format_args!(
                        "nobody seals this log: what was stored since {since} comes once `audit seal` runs"
                    ));
                }
                unsealed = since.is_some();
            }
            sleep(Follow::PACE).await;
        }
    }

    /// Shows what is there by now. Reading may fail, which a follower survives, or writing, which it does not.
    async fn drain(&mut self, follow: &mut Follow) -> Result<Result<(), StoreError>, Failure> {
        let mut written = 0;
        let read = loop {
            match follow.next_if_any(&self.reader).await {
                Ok(Some(row)) if self.shown.remove(&row.id) => {}
                Ok(Some(row)) => self.write(&row)?,
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
            }
            written += 1;
            if written == AT_ONCE {
                self.keep(follow)?;
                written = 0;
            }
        };
        self.keep(follow)?;
        Ok(read)
    }

    /// Sees to it that what was written arrives, and then that it does not come again.
    fn keep(&mut self, follow: &Follow) -> Result<(), Failure> {
        self.out.flush()?;
        self.kept.as_mut().map_or(Ok(()), |kept| kept.keep(follow.position()))
    }

    fn write(&mut self, row: &Row) -> Result<(), Failure> {
        match self.format {
            Format::Text => writeln!(self.out, "{}", line::of(row))?,
            Format::Jsonl => {
                let document = serde_json::to_string(row).map_err(|error| Failure::failed(&error))?;
                writeln!(self.out, "{}", escape::json(&document))?;
            }
        }
        Ok(())
    }
}
