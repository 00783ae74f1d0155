//! Ctrl-C: the first ends cleanly, the second at once.

use tokio_util::sync::CancellationToken;

use crate::fault::Kind;
use crate::report::Screen;

/// Watches for Ctrl-C (and, on Unix, the polite request to end) in the background.
pub fn watch(screen: Screen) -> CancellationToken {
    let cancel = CancellationToken::new();
    let token = cancel.clone();
    tokio::spawn(async move {
        if next().await.is_err() {
            return;
        }
        screen.say("stopping: what has begun is brought to a clean end; Ctrl-C again stops at once");
        token.cancel();
        if next().await.is_ok() {
            screen.finish();
            std::process::exit(i32::from(Kind::Interrupted.exit_code()));
        }
    });
    cancel
}

#[cfg(unix)]
async fn next() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        outcome = tokio::signal::ctrl_c() => outcome,
        _ = terminate.recv() => Ok(()),
    }
}

#[cfg(not(unix))]
async fn next() -> std::io::Result<()> {
    tokio::signal::ctrl_c().await
}
