//! From a URL to a store.

use super::{ErrorClass, SharedStore, StoreError};

/// What the store of a URL's kind gives, as far as this program was built with it, or else [`unknown_kind`]: the end of a
/// function. `$given` is what not every kind needs.
macro_rules! by_kind {
    ($url:expr, $given:expr, postgres => $postgres:expr, sqlite => $sqlite:expr $(,)?) => {{
        #[cfg(feature = "postgres")]
        if crate::store::postgres::serves($url) {
            return $postgres;
        }
        #[cfg(feature = "sqlite")]
        if crate::store::sqlite::serves($url) {
            return $sqlite;
        }
        let _ = $given;
        Err(crate::store::unknown_kind($url).into())
    }};
}
pub(crate) use by_kind;

/// A checked schema name; `control_plane` by default.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schema(String);

/// A text that is no schema name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a schema name: write at most 63 lower-case letters, digits and underscores, not beginning with a digit"
)]
pub struct SchemaNameError(String);

impl Schema {
    /// Checks a name against `^[a-z_][a-z0-9_]{0,62}$`.
    ///
    /// # Errors
    ///
    /// When it does not match.
    pub fn new(name: &str) -> Result<Self, SchemaNameError> {
        let first = name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_');
        let rest = name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
        if first && rest && name.len() <= 63 {
            Ok(Self(name.to_owned()))
        } else {
            Err(SchemaNameError(name.to_owned()))
        }
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name as SQL wants it: quoted, because words of SQL such as `user` are names too.
    #[must_use]
    pub fn quoted(&self) -> String {
        format!("\"{}\"", self.0)
    }
}

impl Default for Schema {
    fn default() -> Self {
        Self("control_plane".to_owned())
    }
}

/// The store at a URL: `postgres://…`, `postgresql://…`, or `sqlite:path/to/file.db`. Nothing is opened yet. SQLite has no
/// schemas: a file is a log.
///
/// # Errors
///
/// When the URL names no kind of store that this program was built with, or cannot be parsed.
///
/// # Examples
///
/// ```
/// use audit_core::store::{self, Schema};
///
/// # #[cfg(feature = "sqlite")]
/// assert_eq!(store::open("sqlite:audit.db", &Schema::default())?.describe(), "sqlite:audit.db");
/// assert!(store::open("mysql://localhost/app", &Schema::default()).is_err());
/// # Ok::<(), store::StoreError>(())
/// ```
pub fn open(url: &str, schema: &Schema) -> Result<SharedStore, StoreError> {
    open_for(url, schema, "", false)
}

/// [`open`] for a service that administrators of the database shall recognise by its name, behind a pooler perhaps.
pub(crate) fn open_for(
    url: &str,
    schema: &Schema,
    service_name: &str,
    pooler: bool,
) -> Result<SharedStore, StoreError> {
    by_kind!(url, (schema, service_name, pooler),
        postgres => {
            let store = super::postgres::PostgresStore::new(url, schema)?;
            Ok(std::sync::Arc::new(store.with_service_name(service_name).with_pooler(pooler)))
        },
        sqlite => Ok(std::sync::Arc::new(super::sqlite::SqliteStore::new(url)?)),
    )
}

/// The error for a URL that is no store's of this program. The URL may hold a password, so that it is not repeated.
pub(crate) fn unknown_kind(url: &str) -> StoreError {
    let scheme = url.split_once(':').map_or("", |(scheme, _)| scheme);
    let reason = match scheme {
        "postgres" | "postgresql" if cfg!(not(feature = "postgres")) => {
            "this program was built without the feature `postgres` of audit-core"
        }
        "sqlite" if cfg!(not(feature = "sqlite")) => {
            "this program was built without the feature `sqlite` of audit-core"
        }
        _ => "the URL names no kind of store: write postgres://USER@HOST/DATABASE or sqlite:PATH",
    };
    StoreError::new(ErrorClass::Operator, "cannot open the store", reason)
}
