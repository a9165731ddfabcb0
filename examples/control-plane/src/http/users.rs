//! `/users`

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::projects::Why;
use crate::app::App;
use crate::caller::{Caller, Role};
use crate::token::Token;
use crate::users::NewUser;
use crate::{Error, users};

#[derive(Debug, Deserialize)]
pub(super) struct RoleChange {
    role: Role,
}

/// A mail would carry the token; this program has no mail server, and gives it to whoever invites.
pub(super) async fn invite(
    State(app): State<App>,
    caller: Caller,
    Json(new): Json<NewUser>,
) -> Result<(StatusCode, Json<Value>), Error> {
    let token = Token::new();
    let user = users::invite(app.db(), &caller, &new, &token).await?;
    Ok((StatusCode::CREATED, Json(json!({ "id": user.id, "token": token.reveal() }))))
}

pub(super) async fn change_role(
    State(app): State<App>,
    caller: Caller,
    Path(user_id): Path<String>,
    Json(RoleChange { role }): Json<RoleChange>,
) -> Result<StatusCode, Error> {
    users::change_role(app.db(), &caller, &user_id, role).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn remove(
    State(app): State<App>,
    caller: Caller,
    Path(user_id): Path<String>,
    Query(Why { reason }): Query<Why>,
) -> Result<StatusCode, Error> {
    users::remove(app.db(), &caller, &user_id, reason.as_deref()).await?;
    Ok(StatusCode::NO_CONTENT)
}
