//! What a page's address asks for, and the addresses of pages that ask for something else.

use audit_core::query::{Filter, ParseError};
use chrono::{DateTime, SubsecRound as _, Utc};
use serde::Deserialize;

use crate::database_url::encode;
use crate::render::escape::visible;

/// What a page's address asks for.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Asked {
    /// In the [grammar](audit_core::query::grammar).
    #[serde(default)]
    pub(super) q: String,
    /// The cursors of pages.
    pub(super) after: Option<String>,
    pub(super) before: Option<String>,
}

/// A query that was understood, as text and otherwise.
#[derive(Debug)]
pub(super) struct Understood {
    /// Safe to show.
    pub(super) text: String,
    pub(super) filter: Filter,
    /// The canonical text of each term, safe to show.
    terms: Vec<String>,
}

impl Asked {
    pub(super) fn understood(&self, now: DateTime<Utc>) -> Result<Understood, ParseError> {
        let text = self.q.trim();
        // `24h` is told again as an instant, which nobody wants to read to the microsecond.
        let filter = Filter::parse(text, now.trunc_subsecs(0))?;
        let terms = filter.terms().iter().map(|term| safe(&term.to_string())).collect();
        Ok(Understood { text: visible(text).into_owned(), filter, terms })
    }
}

/// A term's canonical text, in which hidden characters are written out. They stand in quotes, so that it is still the
/// same term.
pub(super) fn safe(term: &str) -> String {
    visible(term).into_owned()
}

impl Understood {
    pub(super) fn terms(&self) -> &[String] {
        &self.terms
    }

    pub(super) fn has(&self, term: &str) -> bool {
        self.terms.iter().any(|other| other == term)
    }

    /// The address of the same query.
    pub(super) fn address(&self) -> String {
        address(&self.text)
    }

    /// The address of the query with one more term.
    pub(super) fn with(&self, term: &str) -> String {
        address(format!("{} {term}", self.text).trim())
    }

    /// The address of the query without a term.
    pub(super) fn without(&self, term: &str) -> String {
        self.only(|other| other != term, None)
    }

    /// The address of the query about another time.
    pub(super) fn during(&self, created: &str) -> String {
        self.only(|term| !is_time(term), Some(created).filter(|term| !term.is_empty()))
    }

    /// The text of the query about all time.
    pub(super) fn without_times(&self) -> String {
        self.text_of(|term| !is_time(term), None)
    }

    fn only(&self, keep: impl Fn(&str) -> bool, more: Option<&str>) -> String {
        address(&self.text_of(keep, more))
    }

    fn text_of(&self, keep: impl Fn(&str) -> bool, more: Option<&str>) -> String {
        let terms = self.terms.iter().map(String::as_str).filter(|term| keep(term)).chain(more);
        terms.collect::<Vec<_>>().join(" ")
    }
}

fn is_time(term: &str) -> bool {
    term.starts_with("created:")
}

fn address(text: &str) -> String {
    if text.is_empty() { "entries".to_owned() } else { format!("entries?q={}", encode(text)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn understood(q: &str) -> Understood {
        let asked = Asked { q: q.to_owned(), ..Asked::default() };
        asked.understood("2026-11-27T12:00:00Z".parse().unwrap()).unwrap()
    }

    #[test]
    fn terms_are_added_taken_away_and_put_in_the_place_of_others() {
        let query = understood("actor:a created:>=2026-11-01 -outcome:success");
        assert_eq!(query.without("actor:a"), "entries?q=created%3A%3E%3D2026-11-01%20-outcome%3Asuccess");
        assert_eq!(query.during("created:2026"), "entries?q=actor%3Aa%20-outcome%3Asuccess%20created%3A2026");
        assert_eq!(understood("").with("outcome:failure"), "entries?q=outcome%3Afailure");
        assert_eq!(understood("actor:a").without("actor:a"), "entries");
    }

    #[test]
    fn hidden_characters_are_written_out_and_the_query_stays_the_same() {
        let query = understood("actor:\"a\u{202e}b\"");
        assert_eq!(query.text, "actor:\"a\\u{202e}b\"");
        assert_eq!(understood(&query.text).filter, query.filter);
        assert_eq!(understood(&query.terms()[0]).filter, query.filter);
    }
}
