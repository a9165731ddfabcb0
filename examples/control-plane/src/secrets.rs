//! Secrets of projects. Their names are in the log, their values never.
//!
//! Values stand in the table as they are, to keep this short; encrypt them with a key of your key store.

use std::fmt;

use crate::Error;
use crate::audit::audited;
use crate::caller::{Caller, Right};
use crate::database::Database;

/// Which secret it is.
#[derive(Debug, Clone)]
pub struct SecretId {
    /// The project that it belongs to.
    pub project_id: String,
    /// Its name there.
    pub name: String,
}

impl fmt::Display for SecretId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.project_id, self.name)
    }
}

/// A new secret.
#[audited(action = "secret.created", target_id = secret, metadata(secret_name = &secret.name))]
pub async fn create(db: &Database, caller: &Caller, secret: &SecretId, value: &str) -> Result<(), Error> {
    caller.demand_of(&secret.project_id, Right::Secrets)?;
    let insert = "INSERT INTO secrets (project_id, name, value) VALUES ($1, $2, $3)";
    let query = sqlx::query(insert).bind(&secret.project_id).bind(&secret.name).bind(value);
    query.execute(db.pool()).await?;
    Ok(())
}

/// Nobody reads a secret without a trace: that somebody is about to is in the log before the body runs, or it does not run.
#[audited(
    action = "secret.accessed",
    target_id = secret,
    metadata(secret_name = &secret.name),
    durability = "before",
)]
pub async fn read(db: &Database, caller: &Caller, secret: &SecretId) -> Result<String, Error> {
    caller.demand_of(&secret.project_id, Right::Secrets)?;
    let select = "SELECT value FROM secrets WHERE project_id = $1 AND name = $2";
    let query = sqlx::query_scalar(select).bind(&secret.project_id).bind(&secret.name);
    query.fetch_optional(db.pool()).await?.ok_or(Error::NotFound("secret"))
}

/// Another value for a secret that is there.
#[audited(action = "secret.rotated", target_id = secret, metadata(secret_name = &secret.name))]
pub async fn rotate(db: &Database, caller: &Caller, secret: &SecretId, value: &str) -> Result<(), Error> {
    caller.demand_of(&secret.project_id, Right::Secrets)?;
    let update = "UPDATE secrets SET value = $1 WHERE project_id = $2 AND name = $3";
    let query = sqlx::query(update).bind(value).bind(&secret.project_id).bind(&secret.name);
    if query.execute(db.pool()).await?.rows_affected() == 0 { Err(Error::NotFound("secret")) } else { Ok(()) }
}
