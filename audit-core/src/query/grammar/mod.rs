//! The language in which the log is asked, the same in the library, the console, the viewer and its URLs.
//!
//! Words stand apart by spaces, and all of them have to hold:
//!
//! | word | rows |
//! |---|---|
//! | `actor:user_123`, `actor:user/user_123` | by this actor; of this type, too |
//! | `action:project.created`, `action:project.*` | of this action; of those that begin so |
//! | `target:proj_456`, `target:project/proj_456` | about the thing of this id; of this type, too |
//! | `actor_type:api_key`, `target_type:project`, `outcome:failure` | of this kind of actor or target, ended so |
//! | `request:req_9`, `tenant:acme`, `trace:…`, `on_behalf_of:…` | that belong there |
//! | `user_agent:…`, `error:…`, `origin:…` | whose column says this; with `*`, begins so |
//! | `id:UUID`, `attempt:UUID` | the row itself; what was announced by it |
//! | `ip:10.0.0.1`, `ip:10.0.0.0/8`, `ip:2001:db8::/32` | from this address, from this network |
//! | `created:>=2026-11-01`, `>`, `<`, `<=` | of that time: a day, a month (`2026-11`), an instant, or how long ago (`24h`) |
//! | `created:2026-11-01..2026-11-30` | from the first to the last, which belongs to it |
//! | `metadata.changes.name:MyProject` | with this value (text, number, `true`, `false`, `null`) there, or in a list there |
//! | `failed`, `"free text"` | that hold this anywhere: see [`Filter::matches`] |
//!
//! A `-` before a word turns it into its opposite; rows without such a value match, too: `-tenant:acme`. A lone `*` stands for
//! any value: `-tenant:*` has the rows without a tenant. What stands in quotes is taken as it is, be it a whole value or part of it
//! (`metadata."a.b":c`); so is the character after a `\`, and `\u{7f}` is the character of this number.
//!
//! # Errors
//!
//! [`ParseError`] points at the word that is wrong and says what was probably meant.
//!
//! # Examples
//!
//! ```
//! use audit_core::query::Filter;
//!
//! let error = "actor:user_123 outcome:failed".parse::<Filter>().unwrap_err();
//! assert_eq!(error.message(), "`failed` is not an outcome");
//! assert_eq!(error.span(), 23..29);
//! assert_eq!(error.hint(), Some("did you mean `failure`?"));
//! ```

mod error;
mod field;
#[cfg(test)]
mod tests;
mod value;
mod word;

use std::str::FromStr;

use chrono::{DateTime, Utc};

pub use error::ParseError;

use self::field::Field;
use self::word::{Word, words};
use super::Filter;
use super::filter::{Condition, Term};

impl Filter {
    /// Longest text in bytes.
    pub const MAX_TEXT_BYTES: usize = 4_096;
    /// Most words.
    pub const MAX_TERMS: usize = 32;

    /// Reads the [grammar](self). Times such as `24h` count back from `now`.
    ///
    /// # Errors
    ///
    /// When a word is wrong, or the text too long.
    pub fn parse(text: &str, now: DateTime<Utc>) -> Result<Self, ParseError> {
        if text.len() > Self::MAX_TEXT_BYTES {
            let end = text.len();
            let start = text.floor_char_boundary(Self::MAX_TEXT_BYTES);
            return Err(ParseError::new(
                start..end,
                format!("the query is longer than {} bytes", Self::MAX_TEXT_BYTES),
            ));
        }
        let words = words(text)?;
        if let Some(extra) = words.get(Self::MAX_TERMS) {
            let what = format!("the query has more than {} words", Self::MAX_TERMS);
            return Err(ParseError::new(extra.span(), what));
        }
        words.iter().map(|word| term(word, now)).collect()
    }
}

impl FromStr for Filter {
    type Err = ParseError;

    /// Reads the [grammar](self); times such as `24h` count back from now.
    fn from_str(text: &str) -> Result<Self, ParseError> {
        Self::parse(text, Utc::now())
    }
}

fn term(word: &Word, now: DateTime<Utc>) -> Result<Term, ParseError> {
    let condition = match word.field() {
        Some((name, value)) => Field::named(name)?.condition(&value, now)?,
        None => free_text(word)?,
    };
    Ok(Term { negated: word.is_negated(), condition })
}

fn free_text(word: &Word) -> Result<Condition, ParseError> {
    let text = word.text();
    if let Some(star) = text.syntax('*') {
        return Err(ParseError::new(star, "a `*` stands at the end of a field's value")
            .with_hint("free text is found anywhere: leave the `*` out, or write \"*\" for the character"));
    }
    if text.is_empty() {
        return Err(ParseError::new(word.span(), "there is nothing to look for")
            .with_hint("write a word, or several in quotes"));
    }
    Ok(Condition::anywhere(text.to_string()))
}
