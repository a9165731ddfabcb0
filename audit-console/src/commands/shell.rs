//! Commands to paste into a shell.

use std::borrow::Cow;

use audit_core::store::Schema;

use crate::cli::LogArgs;
use crate::render::escape::visible;

/// A command of `audit` that asks the same log: the flags that have a value, each value as a POSIX shell reads it.
///
/// The environment and `.env` are still there when it is pasted. A URL from a flag is repeated unless it may hold a
/// password; then the command ends in a comment that says so.
pub(crate) fn command<const N: usize>(name: &str, log: &LogArgs, flags: [(&str, Option<String>); N]) -> String {
    command_with(name, log, "", flags)
}

/// The same with a query.
pub(crate) fn command_with<const N: usize>(
    name: &str,
    log: &LogArgs,
    query: &str,
    flags: [(&str, Option<String>); N],
) -> String {
    let secret = log.database_url.as_deref().is_some_and(may_hold_password);
    let place = [
        ("database-url", log.database_url.clone().filter(|_| !secret)),
        ("schema", Some(log.schema.as_str().to_owned()).filter(|_| log.schema != Schema::default())),
    ];
    let given = place.into_iter().chain(flags).filter_map(|(flag, value)| Some((flag, value?)));
    // A query that begins with a dash would be taken for a flag itself.
    let (first, last) = match query {
        "" => (String::new(), String::new()),
        query if query.starts_with('-') => (String::new(), format!(" -- {}", quoted(query))),
        query => (format!(" {}", quoted(query)), String::new()),
    };
    let command = given.fold(format!("audit {name}{first}"), |command, (flag, value)| {
        // What begins with a dash would be taken for a flag itself.
        let between = if value.starts_with('-') { '=' } else { ' ' };
        format!("{command} --{flag}{between}{}", quoted(&value))
    }) + &last;
    if secret { command + "  # with the same --database-url" } else { command }
}

/// Whether a URL may hold a password, as `USER:PASSWORD@` or as a parameter. In doubt it may.
fn may_hold_password(url: &str) -> bool {
    let Some((_, rest)) = url.split_once("://").filter(|(scheme, _)| *scheme != "sqlite") else { return false };
    let user = rest.rsplit_once('@').is_some_and(|(user, _)| user.contains(':'));
    let parameter = rest.split_once('?').is_some_and(|(_, parameters)| {
        parameters
            .split('&')
            .filter_map(|parameter| parameter.split('=').next())
            .any(|name| name.to_ascii_lowercase().contains("pass") || name.contains('%'))
    });
    user || parameter
}

/// A word as a POSIX shell reads it.
fn quoted(word: &str) -> Cow<'_, str> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._~:/@%+=,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return Cow::Borrowed(word);
    }
    Cow::Owned(format!("'{}'", visible(word).replace('\'', r"'\''")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(url: &str) -> String {
        let log = LogArgs {
            database_url: Some(url.to_owned()),
            schema: Schema::new("audit_eu").unwrap(),
            audit_reads: false,
        };
        command("query", &log, [("actor", Some("it's me".to_owned())), ("limit", None)])
    }

    #[test]
    fn a_url_without_a_password_is_repeated() {
        for url in ["sqlite:audit.db", "postgres://reader@db/audit", "postgres://reader@[::1]:6432/audit"] {
            assert_eq!(
                next(url),
                format!("audit query --database-url {} --schema audit_eu --actor 'it'\\''s me'", quoted(url))
            );
        }
        let parameters = next("postgres://db/audit?sslmode=verify-full&host=/run");
        assert!(
            parameters.contains("--database-url 'postgres://db/audit?sslmode=verify-full&host=/run'"),
            "{parameters}"
        );
    }

    #[test]
    fn a_value_that_looks_like_a_flag_stays_a_value() {
        let log = LogArgs { database_url: None, schema: Schema::default(), audit_reads: false };
        assert_eq!(command("query", &log, [("actor", Some("-x".to_owned()))]), "audit query --actor=-x");
    }

    #[test]
    fn a_query_stands_where_it_is_taken_for_one() {
        let log = LogArgs { database_url: None, schema: Schema::default(), audit_reads: false };
        let command = |query| command_with("query", &log, query, [("limit", Some("3".to_owned()))]);
        assert_eq!(command(""), "audit query --limit 3");
        assert_eq!(command("a:\"b c\""), "audit query 'a:\"b c\"' --limit 3");
        assert_eq!(command("-a:b"), "audit query --limit 3 -- -a:b");
    }

    #[test]
    fn a_url_with_a_password_is_named_and_not_shown() {
        for url in [
            "postgres://u:hunter2@db/audit",
            "postgres://u:hun@hunter2@db/audit",
            "postgres://u:h/hunter2@db/audit",
            "postgres://db/audit?user=u&password=hunter2",
            "postgres://db/audit?p%61ssword=hunter2",
        ] {
            let command = next(url);
            assert!(!command.contains("hunter2"), "{command}");
            assert!(
                command.ends_with(" --schema audit_eu --actor 'it'\\''s me'  # with the same --database-url"),
                "{command}"
            );
        }
    }
}
