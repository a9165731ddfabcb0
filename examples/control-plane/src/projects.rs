//! Projects: what customers have.

use audit_core::{Diff, annotate, diff};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::Error;
use crate::audit::audited;
use crate::caller::{Caller, Right};
use crate::database::{Database, Tx};
use crate::token::new_id;

/// A project.
#[derive(Debug, Clone, Serialize, Diff, sqlx::FromRow)]
pub struct Project {
    /// `proj_…`.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// How much it may use.
    pub cap: i64,
    /// How much it has used.
    pub used: i64,
    /// Why it is suspended, if it is.
    pub suspended: Option<String>,
}

/// What a project is made of.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct NewProject {
    /// What people call it.
    pub name: String,
    /// How much it may use.
    pub cap: i64,
}

/// What is to be changed.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct ProjectChange {
    /// Another name.
    pub name: Option<String>,
    /// Another cap.
    pub cap: Option<i64>,
}

/// The project and its entry are in the transaction of the caller: both are there, or neither is.
#[audited(action = "project.created", target_id = |project| &project.id, metadata(changes = json!(new)), tx = tx)]
pub async fn create(tx: &mut Tx, caller: &Caller, new: &NewProject) -> Result<Project, Error> {
    caller.demand(Right::Write)?;
    let id = new_id("proj");
    let NewProject { name, cap } = new;
    check(name, *cap)?;
    let insert = "INSERT INTO projects (id, name, cap) VALUES ($1, $2, $3)";
    sqlx::query(insert).bind(&id).bind(name).bind(cap).execute(&mut **tx).await?;
    Ok(Project { id, name: name.clone(), cap: *cap, used: 0, suspended: None })
}

/// What changed is known to the body alone, which supplies it.
#[audited(action = "project.updated", metadata(changes = later))]
pub async fn update(db: &Database, caller: &Caller, project_id: &str, change: ProjectChange) -> Result<Project, Error> {
    caller.demand_of(project_id, Right::Write)?;
    let mut tx = db.begin().await?;
    let before = find_in(&mut tx, project_id).await?;
    let mut after = before.clone();
    after.name = change.name.unwrap_or(after.name);
    after.cap = change.cap.unwrap_or(after.cap);
    check(&after.name, after.cap)?;
    annotate!(changes = diff(&before, &after));
    let update = "UPDATE projects SET name = $1, cap = $2 WHERE id = $3";
    sqlx::query(update).bind(&after.name).bind(after.cap).bind(project_id).execute(&mut *tx).await?;
    tx.commit().await?;
    Ok(after)
}

/// A person suspends a project.
#[audited(action = "project.suspended", metadata(reason))]
pub async fn suspend(db: &Database, caller: &Caller, project_id: &str, reason: &str) -> Result<(), Error> {
    caller.demand_of(project_id, Right::Write)?;
    set_suspended(db, project_id, reason).await
}

/// This program suspends a project that has used too much.
#[audited(action = "project.auto_suspended", metadata(reason = "used more than its cap", hard_cap_exceeded = true))]
pub async fn auto_suspend(db: &Database, project_id: &str) -> Result<(), Error> {
    set_suspended(db, project_id, "used more than its cap").await
}

/// With its secrets. Its keys are revoked later: see [`keys::revoke_all`](crate::keys::revoke_all).
#[audited(action = "project.deleted", metadata(reason))]
pub async fn delete(db: &Database, caller: &Caller, project_id: &str, reason: Option<&str>) -> Result<(), Error> {
    caller.demand_of(project_id, Right::Write)?;
    let deleted = sqlx::query("DELETE FROM projects WHERE id = $1").bind(project_id).execute(db.pool()).await?;
    if deleted.rows_affected() == 0 { Err(Error::NotFound("project")) } else { Ok(()) }
}

/// All projects.
pub async fn list(db: &Database, caller: &Caller) -> Result<Vec<Project>, Error> {
    caller.demand(Right::Read)?;
    Ok(sqlx::query_as("SELECT * FROM projects ORDER BY id").fetch_all(db.pool()).await?)
}

/// Counts what a project uses. Nobody has to answer for that: it is not audited.
pub async fn record_usage(db: &Database, caller: &Caller, project_id: &str, amount: u32) -> Result<(), Error> {
    caller.demand_of(project_id, Right::Write)?;
    let update = "UPDATE projects SET used = used + $1 WHERE id = $2 AND suspended IS NULL";
    let updated = sqlx::query(update).bind(i64::from(amount)).bind(project_id).execute(db.pool()).await?;
    if updated.rows_affected() == 0 { Err(Error::Suspended) } else { Ok(()) }
}

/// The ids of those that have used more than they may, and are not suspended yet.
pub async fn over_their_cap(db: &Database) -> Result<Vec<String>, Error> {
    let select = "SELECT id FROM projects WHERE used > cap AND suspended IS NULL";
    Ok(sqlx::query_scalar(select).fetch_all(db.pool()).await?)
}

/// A project that takes part in a transaction.
pub async fn find_in(tx: &mut Tx, project_id: &str) -> Result<Project, Error> {
    let project = sqlx::query_as("SELECT * FROM projects WHERE id = $1").bind(project_id);
    project.fetch_optional(&mut **tx).await?.ok_or(Error::NotFound("project"))
}

async fn set_suspended(db: &Database, project_id: &str, reason: &str) -> Result<(), Error> {
    let update = "UPDATE projects SET suspended = $1 WHERE id = $2";
    let updated = sqlx::query(update).bind(reason).bind(project_id).execute(db.pool()).await?;
    if updated.rows_affected() == 0 { Err(Error::NotFound("project")) } else { Ok(()) }
}

const fn check(name: &str, cap: i64) -> Result<(), Error> {
    match (name.is_empty(), cap) {
        (true, _) => Err(Error::Invalid("a project needs a name")),
        (_, ..0) => Err(Error::Invalid("a cap is zero or more")),
        _ => Ok(()),
    }
}
