//! Which database holds the log.
//!
//! A URL given on the command line wins over the environment, which wins over `.env`. Where none of them
//! has a `DATABASE_URL`, one is composed from `AUDIT_LOGS_DB_HOST`, `_PORT`, `_NAME`, `_USER` and
//! `_PASSWORD`, whose values stand as they are: whatever a URL would take for syntax is encoded here.

use std::collections::HashMap;
use std::{env, fmt};

use crate::failure::Failure;

/// The URL of the log's database. It may hold a password, so it is never shown.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct DatabaseUrl(String);

impl DatabaseUrl {
    /// The URL given by flag, else by the environment, else by `.env`.
    pub(crate) fn resolve(flag: Option<&str>) -> Result<Self, Failure> {
        let file = read_env_file()?;
        Self::from_variables(flag, |name| env::var(name).ok().or_else(|| file.get(name).cloned()))
    }

    fn from_variables(flag: Option<&str>, variable: impl Fn(&str) -> Option<String>) -> Result<Self, Failure> {
        let variable = |name: &str| variable(name).filter(|value| !value.is_empty());
        if let Some(url) = flag.filter(|url| !url.is_empty()).map(str::to_owned).or_else(|| variable("DATABASE_URL")) {
            return Ok(Self(url));
        }
        let part_of = |name: &str| variable(&format!("AUDIT_LOGS_DB_{name}"));
        match (part_of("HOST"), part_of("NAME")) {
            (None, None) => Err(Failure::usage("no database was named")
                .with_hint("set DATABASE_URL in the environment or in .env, or pass --database-url sqlite:audit.db")),
            (Some(_), None) => Err(Failure::usage("AUDIT_LOGS_DB_HOST is set, but AUDIT_LOGS_DB_NAME is not")
                .with_hint("set AUDIT_LOGS_DB_NAME to the name of the database that holds the log")),
            (host, Some(name)) => {
                let port = part_of("PORT").unwrap_or_else(|| "5432".to_owned());
                if port.parse::<u16>().is_err() {
                    return Err(Failure::usage("AUDIT_LOGS_DB_PORT is not a port")
                        .with_hint("set it to a number from 1 to 65535, or leave it out for 5432"));
                }
                let user = part_of("USER").unwrap_or_else(|| "postgres".to_owned());
                let host = host.unwrap_or_else(|| "localhost".to_owned());
                Ok(Self::compose(&host, &port, &name, &user, part_of("PASSWORD").as_deref()))
            }
        }
    }

    fn compose(host: &str, port: &str, name: &str, user: &str, password: Option<&str>) -> Self {
        let user = encode(user);
        let password = password.map(|text| format!(":{}", encode(text))).unwrap_or_default();
        // An IPv6 address stands in brackets, a folder of unix sockets percent-encoded.
        let host = if host.parse::<std::net::Ipv6Addr>().is_ok() { format!("[{host}]") } else { encode(host) };
        Self(format!("postgres://{user}{password}@{host}:{port}/{}", encode(name)))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DatabaseUrl(..)")
    }
}

/// The variables of the nearest `.env`, here or in a folder above; none where there is no such file.
fn read_env_file() -> Result<HashMap<String, String>, Failure> {
    let unreadable = |error: &dotenvy::Error| {
        // A parse error quotes its line, which may hold the password.
        let what = match error {
            dotenvy::Error::LineParse(_, _) => "cannot parse .env".to_owned(),
            other => format!("cannot read .env: {other}"),
        };
        Failure::usage(what).with_hint("write NAME='VALUE', one a line; .env.example shows every name")
    };
    match dotenvy::dotenv_iter() {
        Ok(lines) => lines.collect::<Result<_, _>>().map_err(|error| unreadable(&error)),
        Err(error) if error.not_found() => Ok(HashMap::new()),
        Err(error) => Err(unreadable(&error)),
    }
}

/// Percent-encodes everything but RFC 3986's unreserved characters.
fn encode(text: &str) -> String {
    use fmt::Write as _;
    text.bytes().fold(String::with_capacity(text.len()), |mut encoded, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
        encoded
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(flag: Option<&str>, variables: &[(&str, &str)]) -> Result<DatabaseUrl, Failure> {
        DatabaseUrl::from_variables(flag, |name| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn a_flag_wins_over_a_variable_and_a_url_over_its_parts() {
        let variables = [("DATABASE_URL", "postgres://env/db"), ("AUDIT_LOGS_DB_NAME", "parts")];
        assert_eq!(resolve(Some("sqlite:a.db"), &variables).unwrap().as_str(), "sqlite:a.db");
        assert_eq!(resolve(None, &variables).unwrap().as_str(), "postgres://env/db");
        assert_eq!(
            resolve(None, &[("DATABASE_URL", ""), variables[1]]).unwrap().as_str(),
            "postgres://postgres@localhost:5432/parts"
        );
    }

    #[test]
    fn parts_are_encoded_so_that_no_password_changes_the_url() {
        let url = resolve(
            None,
            &[
                ("AUDIT_LOGS_DB_HOST", "db.internal"),
                ("AUDIT_LOGS_DB_PORT", "6432"),
                ("AUDIT_LOGS_DB_NAME", "audit logs"),
                ("AUDIT_LOGS_DB_USER", "writer@eu"),
                ("AUDIT_LOGS_DB_PASSWORD", "p@ss/w:rd?#%ü"),
            ],
        )
        .unwrap();
        assert_eq!(url.as_str(), "postgres://writer%40eu:p%40ss%2Fw%3Ard%3F%23%25%C3%BC@db.internal:6432/audit%20logs");
    }

    #[test]
    fn hosts_may_be_ipv6_addresses_and_socket_folders() {
        let host = |host| resolve(None, &[("AUDIT_LOGS_DB_HOST", host), ("AUDIT_LOGS_DB_NAME", "a")]).unwrap().0;
        assert_eq!(host("::1"), "postgres://postgres@[::1]:5432/a");
        assert_eq!(host("/var/run/postgresql"), "postgres://postgres@%2Fvar%2Frun%2Fpostgresql:5432/a");
    }

    #[test]
    fn what_is_missing_or_wrong_is_named() {
        assert_eq!(resolve(None, &[]).unwrap_err().to_string(), "no database was named");
        assert!(
            resolve(None, &[("AUDIT_LOGS_DB_HOST", "h")])
                .unwrap_err()
                .to_string()
                .contains("AUDIT_LOGS_DB_NAME is not")
        );
        let port = resolve(None, &[("AUDIT_LOGS_DB_NAME", "a"), ("AUDIT_LOGS_DB_PORT", "54x32")]);
        assert_eq!(port.unwrap_err().to_string(), "AUDIT_LOGS_DB_PORT is not a port");
    }

    #[test]
    fn the_url_is_never_shown() {
        assert_eq!(format!("{:?}", resolve(Some("postgres://u:secret@h/d"), &[]).unwrap()), "DatabaseUrl(..)");
    }
}
