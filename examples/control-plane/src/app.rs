//! What every request shares.

use tokio_util::task::TaskTracker;

use crate::database::Database;

/// What every request shares.
#[derive(Debug, Clone)]
pub struct App {
    db: Database,
    tasks: TaskTracker,
}

impl App {
    /// Over a database.
    #[must_use]
    pub fn new(db: Database) -> Self {
        Self { db, tasks: TaskTracker::new() }
    }

    /// The application's tables.
    #[must_use]
    pub const fn db(&self) -> &Database {
        &self.db
    }

    /// What goes on after its request was answered, or without one. It is waited for when the program ends.
    #[must_use]
    pub const fn tasks(&self) -> &TaskTracker {
        &self.tasks
    }
}
