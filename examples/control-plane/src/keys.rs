//! API keys: what programs show. A key may touch its own project, and do there what its scopes say.

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::Error;
use crate::audit::audited;
use crate::caller::{Caller, Right};
use crate::database::Database;
use crate::projects;
use crate::token::{Token, new_id};

/// An API key, without what proves it.
#[derive(Debug, Clone, Serialize, sqlx::FromRow)]
pub struct Key {
    /// `key_…`.
    pub id: String,
    /// The project that it may touch.
    pub project_id: String,
    /// `live` or `test`, say.
    pub key_type: String,
    /// What it may do there, as JSON.
    pub scopes: String,
}

/// What a key is made of.
#[derive(Debug, Clone, Deserialize)]
pub struct NewKey {
    /// `live` or `test`, say.
    pub key_type: String,
    /// What it may do.
    pub scopes: Vec<Right>,
}

/// A key with what proves it, which is shown once.
#[derive(Debug)]
pub struct Issued {
    /// The key.
    pub key: Key,
    /// What its holder shows.
    pub token: Token,
}

impl Key {
    fn rights(&self) -> Vec<Right> {
        serde_json::from_str(&self.scopes).unwrap_or_default()
    }

    /// The scopes, as words.
    fn scope_names(&self) -> Vec<String> {
        serde_json::from_str(&self.scopes).unwrap_or_default()
    }
}

/// A key of a project that is not suspended.
#[audited(
    action = "key.created",
    target_id = |issued| &issued.key.id,
    metadata(key_type = &new.key_type, ret scopes = |issued| issued.key.scope_names()),
)]
pub async fn create(db: &Database, caller: &Caller, project_id: &str, new: &NewKey) -> Result<Issued, Error> {
    caller.demand_of(project_id, Right::Write)?;
    let mut tx = db.begin().await?;
    if projects::find_in(&mut tx, project_id).await?.suspended.is_some() {
        return Err(Error::Suspended);
    }
    let scopes = json!(new.scopes).to_string();
    let key = Key { id: new_id("key"), project_id: project_id.to_owned(), key_type: new.key_type.clone(), scopes };
    let token = Token::new();
    sqlx::query("INSERT INTO api_keys (id, project_id, key_type, scopes, token_hash) VALUES ($1, $2, $3, $4, $5)")
        .bind(&key.id)
        .bind(&key.project_id)
        .bind(&key.key_type)
        .bind(&key.scopes)
        .bind(token.hash())
        .execute(&mut *tx)
        .await?;
    tx.commit().await?;
    Ok(Issued { key, token })
}

/// Gives the key another token; the one until now is good no longer.
#[audited(
    action = "key.rotated",
    target_id = key_id,
    metadata(ret key_type = |issued| &issued.key.key_type, ret scopes = |issued| issued.key.scope_names()),
)]
pub async fn rotate(db: &Database, caller: &Caller, key_id: &str) -> Result<Issued, Error> {
    let key = find(db, key_id).await?;
    caller.demand_of(&key.project_id, Right::Write)?;
    let token = Token::new();
    let update = "UPDATE api_keys SET token_hash = $1 WHERE id = $2";
    let updated = sqlx::query(update).bind(token.hash()).bind(key_id).execute(db.pool()).await?;
    if updated.rows_affected() == 0 { Err(Error::NotFound("key")) } else { Ok(Issued { key, token }) }
}

/// The key is good no longer.
#[audited(action = "key.revoked", target_id = key_id, metadata(reason))]
pub async fn revoke(db: &Database, caller: &Caller, key_id: &str, reason: Option<&str>) -> Result<(), Error> {
    let key = find(db, key_id).await?;
    caller.demand_of(&key.project_id, Right::Write)?;
    sqlx::query("DELETE FROM api_keys WHERE id = $1").bind(key_id).execute(db.pool()).await?;
    Ok(())
}

/// Revokes the keys of a project that has gone, an entry each.
pub async fn revoke_all(db: &Database, caller: &Caller, project_id: &str) -> Result<(), Error> {
    let select = "SELECT id FROM api_keys WHERE project_id = $1";
    let ids: Vec<String> = sqlx::query_scalar(select).bind(project_id).fetch_all(db.pool()).await?;
    for id in ids {
        revoke(db, caller, &id, Some("its project was deleted")).await?;
    }
    Ok(())
}

/// Who calls with this token.
pub async fn holder(db: &Database, token: &Token) -> Result<Option<Caller>, Error> {
    let select = "SELECT id, project_id, key_type, scopes FROM api_keys WHERE token_hash = $1";
    let key: Option<Key> = sqlx::query_as(select).bind(token.hash()).fetch_optional(db.pool()).await?;
    Ok(key.map(|key| Caller::Key { scopes: key.rights(), id: key.id, project_id: key.project_id }))
}

async fn find(db: &Database, key_id: &str) -> Result<Key, Error> {
    let select = "SELECT id, project_id, key_type, scopes FROM api_keys WHERE id = $1";
    sqlx::query_as(select).bind(key_id).fetch_optional(db.pool()).await?.ok_or(Error::NotFound("key"))
}
