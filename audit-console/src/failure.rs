//! What ends a command, and the exit code it ends with.

use std::fmt;
use std::io;
use std::ops::Range;
use std::process::ExitCode;

use audit_core::query::ParseError;
use miette::{Diagnostic, LabeledSpan, SourceCode};

use crate::render::escape::visible;

/// What ends a command before its time.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The command line or the configuration is wrong; trying again changes nothing.
    #[error("{what}")]
    Usage { what: String, hint: Option<String> },
    /// A query has a word that is none.
    #[error("{what}")]
    Query { what: String, hint: Option<String>, query: String, word: Range<usize> },
    /// What was asked for could not be done.
    #[error("{what}")]
    Failed { what: String, hint: Option<String> },
    /// Standard output takes no more.
    #[error("cannot write to standard output")]
    Output(#[from] io::Error),
}

impl Failure {
    /// What is wrong with the command line or the configuration.
    pub(crate) fn usage(what: impl fmt::Display) -> Self {
        Self::Usage { what: visible(&what.to_string()).into_owned(), hint: None }
    }

    /// An error of the configuration with everything that caused it, in one line.
    pub(crate) fn wrong(error: &dyn std::error::Error) -> Self {
        Self::usage(with_causes(error))
    }

    /// What is wrong with a query, and where.
    pub(crate) fn query(text: &str, error: &ParseError) -> Self {
        let span = error.span();
        // What is written out takes more room.
        let shown = |end: usize| visible(&text[..end]).len();
        Self::Query {
            what: visible(error.message()).into_owned(),
            hint: error.hint().map(|hint| visible(hint).into_owned()),
            query: visible(text).into_owned(),
            word: shown(span.start)..shown(span.end),
        }
    }

    /// A failure with everything that caused it, in one line.
    pub(crate) fn failed(error: &dyn std::error::Error) -> Self {
        Self::Failed { what: with_causes(error), hint: None }
    }

    /// Adds what to do about it.
    pub(crate) fn with_hint(mut self, text: impl Into<String>) -> Self {
        match &mut self {
            Self::Usage { hint, .. } | Self::Query { hint, .. } | Self::Failed { hint, .. } => {
                *hint = Some(text.into());
            }
            Self::Output(_) => {}
        }
        self
    }

    /// The same with the exit code of a wrong configuration, where 1 says something else.
    pub(crate) fn into_usage(self) -> Self {
        match self {
            Self::Failed { what, hint } => Self::Usage { what, hint },
            other => other,
        }
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Usage { .. } | Self::Query { .. } => ExitCode::from(2),
            Self::Failed { .. } | Self::Output(_) => ExitCode::FAILURE,
        }
    }
}

/// In one line, which a server's own words do not get out of.
fn with_causes(error: &dyn std::error::Error) -> String {
    let mut what = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !what.contains(&cause_text) {
            what.push_str(": ");
            what.push_str(&cause_text);
        }
        source = cause.source();
    }
    visible(&what).into_owned()
}

impl Diagnostic for Failure {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        match self {
            Self::Usage { hint, .. } | Self::Query { hint, .. } | Self::Failed { hint, .. } => {
                hint.as_ref().map(|text| Box::new(text) as Box<dyn fmt::Display>)
            }
            Self::Output(_) => None,
        }
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        match self {
            Self::Query { query, .. } => Some(query),
            _ => None,
        }
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        match self {
            Self::Query { word, .. } => Some(Box::new(std::iter::once(LabeledSpan::underline(word.clone())))),
            _ => None,
        }
    }
}
