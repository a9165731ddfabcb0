//! What an error of SQLite means to us.
//!
//! The codes are SQLite's result codes (<https://sqlite.org/rescode.html>); of an extended code the low byte is the
//! primary one.

use crate::store::{ErrorClass, StoreError};

const ERROR: i32 = 1;
const BUSY: i32 = 5;
const LOCKED: i32 = 6;
const NOMEM: i32 = 7;
const READONLY: i32 = 8;
const INTERRUPT: i32 = 9;
const IOERR: i32 = 10;
const CORRUPT: i32 = 11;
const FULL: i32 = 13;
const CANTOPEN: i32 = 14;
const PROTOCOL: i32 = 15;
const SCHEMA: i32 = 17;
const TOOBIG: i32 = 18;
const CONSTRAINT: i32 = 19;
const MISMATCH: i32 = 20;
const NOTADB: i32 = 26;

/// Turns an error of sqlx into one of ours.
pub(crate) fn store_error(action: impl Into<String>, error: sqlx::Error) -> StoreError {
    match error {
        sqlx::Error::Database(error) => {
            let code = primary_code(error.as_ref());
            let mut reason = error.message().to_owned();
            if let Some(advice) = advice(code, &reason) {
                reason = format!("{reason}: {advice}");
            }
            StoreError::new(class(code), action, reason)
        }
        sqlx::Error::Io(error) => StoreError::new(ErrorClass::Transient, action, "the file failed").with_source(error),
        sqlx::Error::WorkerCrashed => {
            StoreError::new(ErrorClass::Transient, action, "the connection's thread has ended")
        }
        // The rest comes from arguments and columns, and might name their values.
        _ => StoreError::new(ErrorClass::Operator, action, "the file holds no log of this program"),
    }
}

/// Whether an operation met another program's lock.
pub(crate) fn is_busy(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(|error| matches!(primary_code(error), BUSY | LOCKED))
}

fn primary_code(error: &dyn sqlx::error::DatabaseError) -> i32 {
    error.code().and_then(|code| code.parse::<i32>().ok()).map_or(ERROR, |code| code & 0xff)
}

/// What is to be done about an error of this code. What is not listed is an operator's: it is held, never dropped.
fn class(code: i32) -> ErrorClass {
    match code {
        BUSY | LOCKED | NOMEM | INTERRUPT | IOERR | PROTOCOL | SCHEMA => ErrorClass::Transient,
        TOOBIG | CONSTRAINT | MISMATCH => ErrorClass::Poison,
        _ => ErrorClass::Operator,
    }
}

fn advice(code: i32, message: &str) -> Option<&'static str> {
    match code {
        ERROR if message.starts_with("no such table") => Some("run `audit migrate`"),
        READONLY => Some("give this user the right to write the file and its directory"),
        CORRUPT => Some("the file is damaged: keep a copy, then `sqlite3 FILE .recover`"),
        FULL => Some("make room on the disk"),
        CANTOPEN => Some("check that the directory exists and that this user may write there"),
        NOTADB => Some("the URL names a file that SQLite did not make"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_tells_what_to_do() {
        for transient in [BUSY, LOCKED, NOMEM, INTERRUPT, IOERR, PROTOCOL, SCHEMA] {
            assert_eq!(class(transient), ErrorClass::Transient, "{transient}");
        }
        for poison in [TOOBIG, CONSTRAINT, MISMATCH] {
            assert_eq!(class(poison), ErrorClass::Poison, "{poison}");
        }
        for operator in [ERROR, READONLY, CORRUPT, FULL, CANTOPEN, NOTADB, 99] {
            assert_eq!(class(operator), ErrorClass::Operator, "{operator}");
        }
    }
}
