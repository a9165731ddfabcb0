//! Which database holds the log.
//!
//! A URL given on the command line wins over the environment, which wins over `.env`. The environment or the
//! file names the database wholly, by `DATABASE_URL`, else by `AUDIT_LOGS_DB_HOST`, `_PORT`, `_NAME`, `_USER` and
//! `_PASSWORD`: what one says is never completed from the other, or a password would travel to a host that it
//! is not for. The parts stand as they are: whatever a URL would take for syntax is encoded here.

use std::collections::HashMap;
use std::{env, fmt};

use crate::failure::Failure;

/// Names the whole address.
const URL: &str = "DATABASE_URL";
/// Name its parts.
const HOST: &str = "AUDIT_LOGS_DB_HOST";
const PORT: &str = "AUDIT_LOGS_DB_PORT";
const NAME: &str = "AUDIT_LOGS_DB_NAME";
const USER: &str = "AUDIT_LOGS_DB_USER";
const PASSWORD: &str = "AUDIT_LOGS_DB_PASSWORD";

/// Variables by name, from one place.
type Variables = HashMap<String, String>;

/// The URL of the log's database. It may hold a password, so it is never shown.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct DatabaseUrl(String);

impl DatabaseUrl {
    /// The URL given by flag, else by the environment, else by `.env`.
    pub(crate) fn resolve(flag: Option<&str>) -> Result<Self, Failure> {
        match flag {
            Some("") => Err(Failure::usage("--database-url is empty")
                .with_hint("write --database-url sqlite:audit.db, or leave it out to take DATABASE_URL")),
            Some(url) => Ok(Self::given(url)),
            None => Self::from_places([read_environment, read_env_file]),
        }
    }

    pub(crate) fn given(url: &str) -> Self {
        Self(url.to_owned())
    }

    /// The URL of the first place that names a database; places after it are not even looked at.
    fn from_places(
        places: impl IntoIterator<Item = impl FnOnce() -> Result<Variables, Failure>>,
    ) -> Result<Self, Failure> {
        for place in places {
            if let Some(url) = Self::from_variables(&place()?)? {
                return Ok(url);
            }
        }
        Err(Failure::usage("no database was named")
            .with_hint("set DATABASE_URL in the environment or in .env, or pass --database-url sqlite:audit.db"))
    }

    fn from_variables(variables: &Variables) -> Result<Option<Self>, Failure> {
        let variable = |name: &str| variables.get(name).filter(|value| !value.is_empty()).map(String::as_str);
        if let Some(url) = variable(URL) {
            return Ok(Some(Self(url.to_owned())));
        }
        let Some(name) = variable(NAME) else {
            return match [HOST, PORT, USER, PASSWORD].into_iter().find(|part| variable(part).is_some()) {
                None => Ok(None),
                Some(part) => Err(Failure::usage(format!("{part} is set, but {NAME} is not beside it")).with_hint(
                    format!("set {NAME} to the name of the database that holds the log, in the same place"),
                )),
            };
        };
        let port = variable(PORT).unwrap_or("5432");
        if !port.parse::<u16>().is_ok_and(|port| port > 0) {
            return Err(Failure::usage(format!("{PORT} is not a port"))
                .with_hint("set it to a number from 1 to 65535, or leave it out for 5432"));
        }
        let (host, user) = (variable(HOST).unwrap_or("localhost"), variable(USER).unwrap_or("postgres"));
        Ok(Some(Self::compose(host, port, name, user, variable(PASSWORD))))
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

/// What the environment says of the database.
fn read_environment() -> Result<Variables, Failure> {
    let set = [URL, HOST, PORT, NAME, USER, PASSWORD].into_iter().filter_map(|name| Some((name, env::var_os(name)?)));
    set.map(|(name, value)| match value.into_string() {
        Ok(text) => Ok((name.to_owned(), text)),
        Err(_) => {
            Err(Failure::usage(format!("{name} is not UTF-8")).with_hint("percent-encode such bytes in DATABASE_URL"))
        }
    })
    .collect()
}

/// The variables of the nearest `.env`, here or in a folder above; none where there is no such file.
fn read_env_file() -> Result<Variables, Failure> {
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
pub(crate) fn encode(text: &str) -> String {
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

    fn place(variables: &[(&str, &str)]) -> Variables {
        variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    /// What the environment and the file say together.
    fn resolve(environment: &[(&str, &str)], file: &[(&str, &str)]) -> Result<String, String> {
        let places = [environment, file].map(|variables| move || Ok(place(variables)));
        DatabaseUrl::from_places(places).map(|url| url.0).map_err(|failure| failure.to_string())
    }

    #[test]
    fn the_environment_wins_over_the_file_and_in_each_a_url_over_its_parts() {
        let (url, parts) = (("DATABASE_URL", "postgres://whole/db"), ("AUDIT_LOGS_DB_NAME", "parts"));
        let composed = Ok("postgres://postgres@localhost:5432/parts".to_owned());
        let whole = Ok(url.1.to_owned());
        assert_eq!(resolve(&[url, parts], &[]), whole);
        assert_eq!(resolve(&[("DATABASE_URL", ""), parts], &[]), composed);
        assert_eq!(resolve(&[parts], &[url]), composed);
        assert_eq!(resolve(&[url], &[parts]), whole);
        assert_eq!(resolve(&[], &[url, parts]), whole);
        assert_eq!(resolve(&[("DATABASE_URL", "")], &[parts]), composed);
    }

    #[test]
    fn parts_of_the_environment_are_never_completed_from_the_file() {
        let file = [("AUDIT_LOGS_DB_NAME", "audit"), ("AUDIT_LOGS_DB_PASSWORD", "secret")];
        let host = ("AUDIT_LOGS_DB_HOST", "elsewhere");
        assert_eq!(
            resolve(&[host, ("AUDIT_LOGS_DB_NAME", "audit")], &file).unwrap(),
            "postgres://postgres@elsewhere:5432/audit"
        );
        assert_eq!(
            resolve(&[host], &file).unwrap_err(),
            "AUDIT_LOGS_DB_HOST is set, but AUDIT_LOGS_DB_NAME is not beside it"
        );
    }

    #[test]
    fn parts_are_encoded_so_that_no_password_changes_the_url() {
        let parts = [
            ("AUDIT_LOGS_DB_HOST", "db.internal"),
            ("AUDIT_LOGS_DB_PORT", "6432"),
            ("AUDIT_LOGS_DB_NAME", "audit logs"),
            ("AUDIT_LOGS_DB_USER", "writer@eu"),
            ("AUDIT_LOGS_DB_PASSWORD", "p@ss/w:rd?#%ü"),
        ];
        assert_eq!(
            resolve(&parts, &[]).unwrap(),
            "postgres://writer%40eu:p%40ss%2Fw%3Ard%3F%23%25%C3%BC@db.internal:6432/audit%20logs"
        );
    }

    #[test]
    fn hosts_may_be_ipv6_addresses_and_socket_folders() {
        let host = |host| resolve(&[("AUDIT_LOGS_DB_HOST", host), ("AUDIT_LOGS_DB_NAME", "a")], &[]).unwrap();
        assert_eq!(host("::1"), "postgres://postgres@[::1]:5432/a");
        assert_eq!(host("/var/run/postgresql"), "postgres://postgres@%2Fvar%2Frun%2Fpostgresql:5432/a");
    }

    #[test]
    fn what_is_missing_or_wrong_is_named() {
        assert_eq!(resolve(&[], &[]).unwrap_err(), "no database was named");
        for wrong in ["54x32", "0", "65536"] {
            let port = resolve(&[("AUDIT_LOGS_DB_NAME", "a"), ("AUDIT_LOGS_DB_PORT", wrong)], &[]);
            assert_eq!(port.unwrap_err(), "AUDIT_LOGS_DB_PORT is not a port", "{wrong}");
        }
        assert_eq!(DatabaseUrl::resolve(Some("")).unwrap_err().to_string(), "--database-url is empty");
    }

    #[test]
    fn the_url_is_never_shown() {
        assert_eq!(format!("{:?}", DatabaseUrl::resolve(Some("postgres://u:secret@h/d")).unwrap()), "DatabaseUrl(..)");
    }
}
