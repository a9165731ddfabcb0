//! `audit serve`: the log as web pages.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use audit_core::signing::TrustedKeys;
use audit_core::store::StoreError;
use axum::Router;
use clap::Args;
use tokio::net::TcpListener;

use super::{ADVICE, recorder};
use crate::cli::LogArgs;
use crate::failure::Failure;
use crate::render::escape::visible;
use crate::run::block_on;
use crate::say::say;
use crate::viewer::auth::{self, Token};
use crate::viewer::server::{self, Limits};
use crate::viewer::{self, Log};

#[derive(Debug, Args)]
#[command(after_help = "\
On a loopback address whoever is on this machine sees the log. On any other,
a token has to be shown: as `Authorization: Bearer TOKEN`, or to the form that
a browser gets. It travels as it is: put a proxy with TLS before it.

At most 256 connections are served at a time. One ends when a request's head
takes more than 15 s or 16 KiB, or its client reads nothing for 30 s.

The pages change nothing, and the reader's role suffices.

Examples:
  audit serve
  audit serve --listen 0.0.0.0:8080 --token-file /run/secrets/viewer")]
pub(crate) struct ServeArgs {
    /// The address to listen on
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8686")]
    listen: SocketAddr,

    /// The token that has to be shown; --token-file keeps it out of process lists
    #[arg(long, value_name = "TOKEN", conflicts_with = "token_file")]
    token: Option<String>,

    /// A file that holds the token
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,

    /// The keys that are trusted, as `audit verify` takes them
    #[arg(long, value_name = "FILE")]
    keys: Option<PathBuf>,
}

pub(crate) fn run(log: &LogArgs, args: &ServeArgs) -> Result<ExitCode, Failure> {
    let token = args.read_token()?;
    if token.is_none() && !args.listen.ip().is_loopback() {
        return Err(Failure::usage(format!("whoever reaches {} would read the log", args.listen))
            .with_hint("name a file that holds a token: --token-file FILE, or listen on 127.0.0.1"));
    }
    let keys = args.keys.as_ref().map(TrustedKeys::from_file).transpose().map_err(Failure::usage)?;
    let url = log.url()?;
    block_on(async {
        let unreachable = |error: StoreError| Failure::failed(&error).with_hint(ADVICE);
        let mut shown = Log::connect(url.as_str(), &log.schema).await.map_err(unreachable)?;
        shown = shown.trusting(keys.unwrap_or_default());
        // Ends with the program, and with it what was recorded is stored.
        let mut writer = None;
        if log.audit_reads {
            let started = recorder::start(log, url.as_str(), "audit serve").await?;
            shown = shown.recording(started.auditor().clone());
            writer = Some(started);
        }
        let pages = viewer::router(shown);
        let unusable = |error: std::io::Error| {
            let what = format!("cannot listen on {}: {error}", args.listen);
            Failure::Failed { what, hint: Some("listen elsewhere: --listen 127.0.0.1:0 takes a free port".to_owned()) }
        };
        let listener = TcpListener::bind(args.listen).await.map_err(unusable)?;
        let address = listener.local_addr().map_err(unusable)?;
        let pages = match &token {
            Some(token) => auth::behind_token(pages, token),
            None => auth::on_loopback(pages, address),
        };
        say(format_args!("the log is at http://{address}/"));
        let served = serve(listener, pages).await;
        drop(writer);
        served
    })?
}

/// Until somebody interrupts it.
async fn serve(listener: TcpListener, pages: Router) -> Result<ExitCode, Failure> {
    tokio::select! {
        never = server::serve(listener, pages, Limits::DEFAULT) => match never {},
        // Whoever follows the log would keep it from ending.
        _ = tokio::signal::ctrl_c() => Ok(ExitCode::SUCCESS),
    }
}

impl ServeArgs {
    fn read_token(&self) -> Result<Option<Token>, Failure> {
        let text = match (&self.token, &self.token_file) {
            (Some(token), _) => token.clone(),
            (None, Some(path)) => fs::read_to_string(path).map_err(|error| {
                Failure::usage(format!("cannot read {}: {error}", visible(&path.display().to_string())))
                    .with_hint("--token-file names a file that holds the token and nothing else")
            })?,
            (None, None) => return Ok(None),
        };
        let text = text.trim();
        if text.chars().count() < Token::FEWEST {
            return Err(Failure::usage(format!("the token has less than {} characters", Token::FEWEST))
                .with_hint("make one that nobody guesses: openssl rand -hex 24"));
        }
        Ok(Some(Token::new(text)))
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use crate::cli::{Cli, Command};

    #[test]
    fn where_nobody_says_an_address_it_is_this_machine_alone() {
        let Command::Serve(args) = Cli::parse_from(["audit", "serve"]).command else { unreachable!("it is `serve`") };
        assert!(args.listen.ip().is_loopback(), "{}", args.listen);
    }
}
