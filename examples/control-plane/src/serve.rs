//! The program from its start to its end.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use audit_console::viewer::{self, Log};
use audit_core::store::{Schema, StoreError};
use audit_core::{Auditor, Context, WriterGuard, context};
use axum::Router;
use axum::middleware::from_fn;
use tokio::net::TcpListener;
use tokio::signal::ctrl_c;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::config::Config;
use crate::database::Database;
use crate::{Error, audit, http, jobs, users};

/// How long each step of the end may take. A live tail of the log ends by it: nothing else would.
const GRACE: Duration = Duration::from_secs(10);

/// A program that has started, and does not answer yet.
#[derive(Debug)]
pub struct Server {
    app: App,
    routes: Router,
    listener: TcpListener,
    address: SocketAddr,
    stop: CancellationToken,
    writer: WriterGuard,
}

/// Why the program does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The audit log.
    #[error("the audit log does not start")]
    Audit(#[from] audit_core::Error),
    /// The pages of the log.
    #[error("the audit log cannot be read")]
    Log(#[from] StoreError),
    /// The database.
    #[error("the database does not open")]
    Database(#[from] sqlx::Error),
    /// The first admin.
    #[error("nobody could be invited")]
    Admin(#[from] Error),
    /// The address.
    #[error("the address cannot be listened at")]
    Listen(#[from] io::Error),
}

impl Server {
    /// Starts everything, the audit log first: nothing is done that could not be recorded.
    ///
    /// # Errors
    ///
    /// What does not start.
    pub async fn start(config: &Config) -> Result<Self, StartError> {
        let writer = audit::start(config).await?;
        let db = Database::open(&config.database_url).await?;
        if let Some(token) = &config.admin_token {
            context::scope(Context::system("control-plane"), users::ensure_admin(&db, token)).await?;
        }
        let app = App::new(db.clone());
        let stop = CancellationToken::new();
        let pause = Duration::from_secs(config.sweep_every);
        app.tasks().spawn(jobs::sweep_every(pause, db, stop.clone()));
        let routes = http::router(app.clone(), config.trusted_proxies.clone(), pages(config, writer.auditor()).await?);
        let listener = TcpListener::bind(config.listen).await?;
        let address = listener.local_addr()?;
        Ok(Self { app, routes, listener, address, stop, writer })
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers until `stop` is ready, and ends in order: requests, tasks, the database, and the audit log last.
    ///
    /// # Errors
    ///
    /// When the listener fails.
    pub async fn serve_until(self, stop: impl Future<Output = ()>) -> io::Result<()> {
        let service = self.routes.into_make_service_with_connect_info::<SocketAddr>();
        let stopping = self.stop.clone().cancelled_owned();
        let serve = axum::serve(self.listener, service).with_graceful_shutdown(stopping);
        let mut answering = tokio::spawn(serve.into_future());
        let failed = tokio::select! {
            ended = &mut answering => Some(ended),
            () = stop => None,
        };
        self.stop.cancel();
        if failed.is_none() && timeout(GRACE, &mut answering).await.is_err() {
            tracing::warn!("requests were cut off");
            answering.abort();
        }
        self.app.tasks().close();
        if timeout(GRACE, self.app.tasks().wait()).await.is_err() {
            tracing::warn!("tasks were cut off");
        }
        self.app.db().close().await;
        let report = self.writer.shutdown(GRACE).await;
        tracing::info!(
            stored = report.stored,
            journaled = report.journaled,
            lost = report.lost,
            "the audit log is closed"
        );
        failed.map_or(Ok(()), |ended| ended.unwrap_or_else(|error| Err(io::Error::other(error))))
    }
}

/// The log as web pages, for admins. Who looks is in the log, too.
async fn pages(config: &Config, auditor: &Auditor) -> Result<Router, StoreError> {
    let log = Log::connect(config.reader_url(), &Schema::default()).await?.recording(auditor.clone());
    Ok(viewer::router(log).layer(from_fn(http::admins_alone)))
}

/// Ready when somebody stops the program: by SIGTERM, or from the keyboard.
///
/// # Errors
///
/// When the system lets nobody wait for that.
pub fn told_to_stop() -> io::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = ctrl_c() => {}
        }
    })
}
