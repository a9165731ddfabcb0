//! The people who work here. Nobody has a password: whoever is invited is sent a token, and signs in with it.

use audit_core::annotate;
use serde::{Deserialize, Serialize};

use crate::Error;
use crate::audit::audited;
use crate::caller::{Caller, Right, Role};
use crate::database::Database;
use crate::token::{Token, new_id, now};

/// How long an invitation is good, in seconds.
const INVITATION: i64 = 7 * 24 * 3600;

/// A person.
#[derive(Debug, Clone, Serialize)]
pub struct User {
    /// `user_…`.
    pub id: String,
    /// What they may do.
    pub role: Role,
}

/// Who is to be invited.
#[derive(Debug, Clone, Deserialize)]
pub struct NewUser {
    /// Where the invitation is sent.
    pub email: String,
    /// What they may do.
    pub role: Role,
}

/// Invites somebody, who signs in with the token. Whoever calls sends it.
#[audited(action = "user.invited", target_id = |user| &user.id, metadata(role = %new.role))]
pub async fn invite(db: &Database, caller: &Caller, new: &NewUser, token: &Token) -> Result<User, Error> {
    caller.demand(Right::Administer)?;
    if !new.email.contains('@') {
        return Err(Error::Invalid("an address has an @"));
    }
    let user = User { id: new_id("user"), role: new.role };
    let mut tx = db.begin().await?;
    let insert = "INSERT INTO users (id, email, role) VALUES ($1, $2, $3)";
    sqlx::query(insert).bind(&user.id).bind(&new.email).bind(user.role.as_str()).execute(&mut *tx).await?;
    let insert = "INSERT INTO invitations (token_hash, user_id, expires_at) VALUES ($1, $2, $3)";
    let query = sqlx::query(insert).bind(token.hash()).bind(&user.id).bind(now() + INVITATION);
    query.execute(&mut *tx).await?;
    tx.commit().await?;
    Ok(user)
}

/// The role until now is known to the body alone.
#[audited(action = "user.role_changed", metadata(old_role = later, new_role = %role))]
pub async fn change_role(db: &Database, caller: &Caller, user_id: &str, role: Role) -> Result<(), Error> {
    caller.demand(Right::Administer)?;
    let mut tx = db.begin().await?;
    let select = "SELECT role FROM users WHERE id = $1";
    let old: Option<String> = sqlx::query_scalar(select).bind(user_id).fetch_optional(&mut *tx).await?;
    annotate!(old_role = old.ok_or(Error::NotFound("user"))?);
    let update = "UPDATE users SET role = $1 WHERE id = $2";
    sqlx::query(update).bind(role.as_str()).bind(user_id).execute(&mut *tx).await?;
    Ok(tx.commit().await?)
}

/// With their sessions.
#[audited(action = "user.removed", metadata(reason))]
pub async fn remove(db: &Database, caller: &Caller, user_id: &str, reason: Option<&str>) -> Result<(), Error> {
    caller.demand(Right::Administer)?;
    let deleted = sqlx::query("DELETE FROM users WHERE id = $1").bind(user_id).execute(db.pool()).await?;
    if deleted.rows_affected() == 0 { Err(Error::NotFound("user")) } else { Ok(()) }
}

/// Invites the first admin, unless there are people already.
pub async fn ensure_admin(db: &Database, token: &Token) -> Result<(), Error> {
    let count: i64 = sqlx::query_scalar("SELECT count(*) FROM users").fetch_one(db.pool()).await?;
    if count == 0 {
        let admin = NewUser { email: "admin@localhost".to_owned(), role: Role::Admin };
        invite(db, &Caller::System("control-plane"), &admin, token).await?;
    }
    Ok(())
}
