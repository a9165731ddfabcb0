//! What a server's error means to us.
//!
//! The codes are those of Appendix A of PostgreSQL's manual.

use sqlx::error::DatabaseError;

use crate::store::{ErrorClass, StoreError};

/// A key that is there already.
pub(super) const UNIQUE_VIOLATION: &str = "23505";
/// A CHECK, or, without a constraint's name, a row that finds no partition.
pub(super) const CHECK_VIOLATION: &str = "23514";
/// A right that is missing.
const INSUFFICIENT_PRIVILEGE: &str = "42501";
/// Our own: the time of a row for which no partition is made.
const OUT_OF_WINDOW: &str = "AU001";
/// What to tell people about [`CHECK_VIOLATION`] without a constraint's name once the row's partition has been made.
pub(super) const UNNAMED_CHECK: &str = "a row whose partition is there is refused with SQLSTATE 23514 and no \
     constraint's name: look for a trigger on audit_logs that raises check_violation";
/// A parameter at start-up that the server, or a pooler before it, does not take.
pub(super) const PROTOCOL_VIOLATION: &str = "08P01";

/// Turns an error of sqlx into one of ours.
pub(crate) fn store_error(action: impl Into<String>, error: sqlx::Error) -> StoreError {
    match error {
        sqlx::Error::Database(error) => from_database(action, error.as_ref()),
        sqlx::Error::Io(error) => {
            // The operating system's and the TLS library's words name no values.
            StoreError::new(ErrorClass::Transient, action, format!("the connection failed: {error}"))
        }
        sqlx::Error::Protocol(_) | sqlx::Error::WorkerCrashed => {
            StoreError::new(ErrorClass::Transient, action, "the connection is out of step with the server")
        }
        sqlx::Error::Tls(error) => {
            StoreError::new(ErrorClass::Operator, action, format!("no TLS with this server: {error}"))
        }
        // The rest comes from arguments and columns, and might name their values.
        _ => StoreError::new(ErrorClass::Operator, action, "the answer is not one of this program's tables"),
    }
}

fn from_database(action: impl Into<String>, error: &dyn DatabaseError) -> StoreError {
    let code = error.code().unwrap_or_default();
    if code == CHECK_VIOLATION && error.constraint().is_none_or(str::is_empty) {
        return StoreError::new(ErrorClass::Operator, action, UNNAMED_CHECK);
    }
    let class = class(&code);
    let reason = match (class, error.constraint()) {
        _ if names_no_values(&code) => format!("{} (SQLSTATE {code})", error.message()),
        (ErrorClass::Poison, Some(constraint)) => format!("a value is refused by {constraint} (SQLSTATE {code})"),
        (ErrorClass::Poison, None) => format!("a value is refused (SQLSTATE {code})"),
        _ => format!("SQLSTATE {code}; the server's log says more"),
    };
    let error = StoreError::new(class, action, reason);
    if code == INSUFFICIENT_PRIVILEGE { error.denied() } else { error }
}

/// What is to be done about an error of this code. What is not listed is an operator's: it is held, never dropped.
fn class(code: &str) -> ErrorClass {
    match code {
        "40001" | "40P01" | "55P03" | "57P01" | "57P02" | "57P03" | "25006" | "57014" => ErrorClass::Transient,
        OUT_OF_WINDOW => ErrorClass::OutOfWindow,
        _ => match code.get(..2) {
            Some("08" | "53") => ErrorClass::Transient,
            Some("22" | "23" | "54") => ErrorClass::Poison,
            _ => ErrorClass::Operator,
        },
    }
}

/// Whether the server's words are about connections, privileges, names and resources alone. Other errors, those of
/// the application's own triggers among them, may repeat a row's values.
fn names_no_values(code: &str) -> bool {
    matches!(code.get(..2), Some("08" | "0A" | "25" | "28" | "3D" | "3F" | "40" | "42" | "53" | "55" | "57" | "AU"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_tells_what_to_do() {
        for transient in ["08006", "40001", "40P01", "53200", "53300", "55P03", "57P01", "57P03", "25006", "57014"] {
            assert_eq!(class(transient), ErrorClass::Transient, "{transient}");
        }
        for poison in ["22001", "22P05", "23502", "23514", "54000"] {
            assert_eq!(class(poison), ErrorClass::Poison, "{poison}");
        }
        assert_eq!(class("AU001"), ErrorClass::OutOfWindow);
        for operator in ["42P01", "42501", "28P01", "3D000", "3F000", "XX000", ""] {
            assert_eq!(class(operator), ErrorClass::Operator, "{operator}");
        }
    }
}
