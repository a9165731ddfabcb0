//! What wakes a drainer before its next look: callers' commits, where they tell of themselves.

use std::sync::Arc;

use tokio::sync::Notify;

use crate::store::Schema;

/// Where commits may be heard of.
#[derive(Clone)]
pub(crate) struct Bell {
    /// The outbox's database.
    pub(crate) url: Arc<str>,
    pub(crate) schema: Schema,
    pub(crate) pooler: bool,
}

impl Bell {
    /// Notifies whoever waits that something was committed, or may have been. Ends where nothing can be heard: the drainer
    /// looks by itself, too.
    #[cfg_attr(not(feature = "postgres"), allow(clippy::unused_async, reason = "only PostgreSQL tells of commits"))]
    pub(crate) async fn ring(self, waiting: Arc<Notify>) {
        #[cfg(feature = "postgres")]
        if crate::store::postgres::serves(&self.url) && !self.pooler {
            postgres::ring(&self.url, self.schema.as_str(), &waiting).await;
        }
        #[cfg(not(feature = "postgres"))]
        let _ = (self.url, self.schema, self.pooler, waiting);
    }
}

#[cfg(feature = "postgres")]
mod postgres {
    use std::time::Duration;

    use sqlx::postgres::{PgConnectOptions, PgListener, PgPoolOptions};
    use tokio::sync::Notify;
    use tokio::time::{sleep, timeout};

    use crate::outbox::postgres::CHANNEL;
    use crate::store::postgres::{CONNECT_TIMEOUT, address, passes_sessions_on, store_error};
    use crate::store::{ErrorClass, StoreError};

    /// After how long without a notification to ask whether the connection is still there.
    const QUIET: Duration = Duration::from_secs(30);
    /// The pause between two attempts to listen. Meanwhile the drainer looks by itself.
    const PAUSE: Duration = Duration::from_secs(5);

    pub(super) async fn ring(url: &str, schema: &str, waiting: &Notify) {
        loop {
            match passes_sessions_on(url).await {
                Ok(true) => {
                    tracing::warn!(
                        "behind a pooler no commit is heard of: the audit outbox is looked into as often as said"
                    );
                    return;
                }
                Ok(false) => {
                    let Err(error) = listen(url, schema, waiting).await;
                    tracing::debug!(%error, "the audit outbox's drainer does not hear of commits for a while");
                }
                Err(error) => tracing::debug!(%error, "the audit outbox's drainer does not hear of commits yet"),
            }
            sleep(PAUSE).await;
        }
    }

    /// Listens until the connection fails.
    async fn listen(url: &str, schema: &str, waiting: &Notify) -> Result<std::convert::Infallible, StoreError> {
        let failed = |error| store_error("cannot listen to the outbox", error);
        let silent = || StoreError::new(ErrorClass::Transient, "cannot listen to the outbox", "no answer in time");
        // Of one connection, with nothing that would keep or renew it.
        let pool = PgPoolOptions::new().max_connections(1).idle_timeout(None).max_lifetime(None);
        let server = PgConnectOptions::clone(&*address::parse(url)?).application_name("audit-writer bell");
        let pool = pool.acquire_timeout(CONNECT_TIMEOUT).connect_lazy_with(server);
        let mut listener = PgListener::connect_with(&pool).await.map_err(failed)?;
        listener.eager_reconnect(false);
        timeout(CONNECT_TIMEOUT, listener.listen(CHANNEL)).await.map_err(|_| silent())?.map_err(failed)?;
        // What was committed before is found by a look.
        waiting.notify_one();
        loop {
            match timeout(QUIET, listener.try_recv()).await {
                Ok(Ok(Some(heard))) if heard.payload() == schema => waiting.notify_one(),
                Ok(Ok(Some(_))) => {}
                Ok(Ok(None)) => return Err(silent()),
                Ok(Err(error)) => return Err(failed(error)),
                Err(_) => {
                    let asked = sqlx::raw_sql("SELECT 1").execute(&mut listener);
                    timeout(CONNECT_TIMEOUT, asked).await.map_err(|_| silent())?.map_err(failed)?;
                }
            }
        }
    }
}
