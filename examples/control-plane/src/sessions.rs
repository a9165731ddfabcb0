//! Sessions of people who signed in.

use audit_core::Actor;

use crate::Error;
use crate::audit::audited;
use crate::caller::Caller;
use crate::database::Database;
use crate::token::{Token, new_id, now};
use crate::users::User;

/// How long somebody stays signed in, in seconds.
pub const LIFETIME: i64 = 12 * 3600;

/// A session, with what proves it.
#[derive(Debug)]
pub struct Session {
    /// `sess_…`.
    pub id: String,
    /// What the browser shows.
    pub token: Token,
}

/// Signs in whoever was invited with this token.
pub async fn sign_in(db: &Database, invitation: &Token) -> Result<Session, Error> {
    let user = invited(db, invitation).await?;
    start(db, user, invitation).await
}

/// Who is not known yet is known to this call alone; a token that is no good is an entry, too, and has no actor.
#[audited(
    action = "session.started",
    target_id = |session| &session.id,
    actor = user.as_ref().map(|user| Actor::user(&user.id)),
)]
pub async fn start(db: &Database, user: Option<User>, invitation: &Token) -> Result<Session, Error> {
    let user = user.ok_or(Error::Unauthenticated)?;
    let session = Session { id: new_id("sess"), token: Token::new() };
    let mut tx = db.begin().await?;
    let delete = "DELETE FROM invitations WHERE token_hash = $1";
    if sqlx::query(delete).bind(invitation.hash()).execute(&mut *tx).await?.rows_affected() == 0 {
        return Err(Error::Unauthenticated);
    }
    sqlx::query("INSERT INTO sessions (id, token_hash, user_id, expires_at) VALUES ($1, $2, $3, $4)")
        .bind(&session.id)
        .bind(session.token.hash())
        .bind(&user.id)
        .bind(now() + LIFETIME)
        .execute(&mut *tx)
        .await?;
    tx.commit().await?;
    Ok(session)
}

/// The session is good no longer.
#[audited(action = "session.ended", target_id = session_id)]
pub async fn end(db: &Database, session_id: &str) -> Result<(), Error> {
    sqlx::query("DELETE FROM sessions WHERE id = $1").bind(session_id).execute(db.pool()).await?;
    Ok(())
}

/// Who calls with this token.
pub async fn holder(db: &Database, token: &Token) -> Result<Option<Caller>, Error> {
    let select = "SELECT sessions.id, users.id, users.role FROM sessions JOIN users ON users.id = sessions.user_id
                  WHERE token_hash = $1 AND expires_at > $2";
    let query = sqlx::query_as::<_, (String, String, String)>(select).bind(token.hash()).bind(now());
    let Some((session_id, id, role)) = query.fetch_optional(db.pool()).await? else { return Ok(None) };
    Ok(Some(Caller::User { id, role: role.parse()?, session_id }))
}

async fn invited(db: &Database, invitation: &Token) -> Result<Option<User>, Error> {
    let select = "SELECT users.id, users.role FROM invitations JOIN users ON users.id = invitations.user_id
                  WHERE token_hash = $1 AND expires_at > $2";
    let query = sqlx::query_as::<_, (String, String)>(select).bind(invitation.hash()).bind(now());
    let Some((id, role)) = query.fetch_optional(db.pool()).await? else { return Ok(None) };
    Ok(Some(User { id, role: role.parse()? }))
}
