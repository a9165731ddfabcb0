//! How a database is migrated.

use std::time::Duration;

use crate::store::Schema;

/// How a database is migrated.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use audit_core::migrate::Options;
/// use audit_core::store::Schema;
///
/// let options = Options::new()
///     .with_schema(Schema::new("audit")?)
///     .with_role_prefix("billing_audit")?
///     .with_lock_wait(Duration::from_secs(10));
/// assert_eq!(options.role_prefix(), "billing_audit");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Options {
    schema: Schema,
    role_prefix: String,
    lock_wait: Duration,
    largest_log: Option<u64>,
    part: Part,
}

/// What of the log a database holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Part {
    /// All of it, an outbox included.
    #[default]
    Log,
    /// The outbox alone, beside an application's own tables; the log is in another database.
    Outbox,
}

impl Part {
    /// The table that tells which migrations a database has.
    pub(super) const fn history(self) -> &'static str {
        match self {
            Self::Log => "audit_migrations",
            Self::Outbox => "audit_outbox_migrations",
        }
    }
}

/// A text that no role's name can begin with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a role prefix: write at most {max} lower-case letters, digits and underscores, not beginning with a digit or with `pg_`",
    max = Options::MAX_ROLE_PREFIX
)]
pub struct RolePrefixError(String);

impl Options {
    /// Longest role prefix in bytes: `_drainer` still fits into the 63 of a name.
    pub const MAX_ROLE_PREFIX: usize = 55;
    /// How long a run waits by default for another that is under way.
    pub const DEFAULT_LOCK_WAIT: Duration = Duration::from_mins(1);

    /// Schema `control_plane`, roles `audit_writer` and so on, and a minute's patience with other runs.
    #[must_use]
    pub fn new() -> Self {
        Self {
            schema: Schema::default(),
            role_prefix: "audit".to_owned(),
            lock_wait: Self::DEFAULT_LOCK_WAIT,
            largest_log: None,
            part: Part::Log,
        }
    }

    /// The schema that holds the log (PostgreSQL).
    #[must_use]
    pub fn with_schema(mut self, schema: Schema) -> Self {
        self.schema = schema;
        self
    }

    /// What the names of the roles begin with (PostgreSQL). Roles belong to the whole cluster: give logs in
    /// different databases different prefixes where their writers must not share privileges.
    ///
    /// # Errors
    ///
    /// When no role could be named so.
    pub fn with_role_prefix(mut self, prefix: &str) -> Result<Self, RolePrefixError> {
        let well_formed = Schema::new(prefix).is_ok() && prefix.len() <= Self::MAX_ROLE_PREFIX;
        if !well_formed || prefix.starts_with("pg_") || prefix == "pg" {
            return Err(RolePrefixError(prefix.to_owned()));
        }
        prefix.clone_into(&mut self.role_prefix);
        Ok(self)
    }

    /// How long to wait for another run that is under way.
    #[must_use]
    pub const fn with_lock_wait(mut self, wait: Duration) -> Self {
        self.lock_wait = wait;
        self
    }

    /// Refuses migrations that read the whole log, and may lock it meanwhile, where it has more bytes than this
    /// (PostgreSQL). Unless said, they run however large it is, as with `audit migrate`.
    #[must_use]
    pub const fn with_largest_log(mut self, bytes: u64) -> Self {
        self.largest_log = Some(bytes);
        self
    }

    /// What of the log the database is to hold; all of it unless said.
    #[must_use]
    pub const fn with_part(mut self, part: Part) -> Self {
        self.part = part;
        self
    }

    /// The schema that holds the log.
    #[must_use]
    pub const fn schema(&self) -> &Schema {
        &self.schema
    }

    /// What the names of the roles begin with.
    #[must_use]
    pub fn role_prefix(&self) -> &str {
        &self.role_prefix
    }

    /// What of the log the database is to hold.
    #[must_use]
    pub const fn part(&self) -> Part {
        self.part
    }

    /// Bytes of the largest log that is read whole; `None` for any.
    #[must_use]
    pub const fn largest_log(&self) -> Option<u64> {
        self.largest_log
    }

    /// How long to wait for another run.
    #[must_use]
    pub const fn lock_wait(&self) -> Duration {
        self.lock_wait
    }
}

impl Default for Options {
    fn default() -> Self {
        Self::new()
    }
}
