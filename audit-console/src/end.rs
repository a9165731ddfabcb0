//! What ends a command that would go on for ever.

/// Somebody asks the program to end: SIGINT or SIGTERM.
pub(crate) async fn asked() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = terminate.recv() => return,
                interrupted = tokio::signal::ctrl_c() => if interrupted.is_ok() {
                    return;
                },
            }
        }
    }
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// Whoever read standard output, a pipe, has gone. A file or a terminal is always there.
pub(crate) async fn unread() {
    #[cfg(unix)]
    {
        use std::os::fd::AsFd as _;

        use tokio::io::Interest;
        use tokio::net::unix::pipe::Sender;
        let out = std::io::stdout().as_fd().try_clone_to_owned();
        // Unchecked, because what checks it makes standard output of everybody who shares it not wait for its reader.
        if let Ok(out) = out.and_then(Sender::from_owned_fd_unchecked)
            && out.ready(Interest::ERROR).await.is_ok()
        {
            return;
        }
    }
    std::future::pending::<()>().await;
}
