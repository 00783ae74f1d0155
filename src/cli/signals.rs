//! Ctrl-C: the first ends cleanly, the second at once.

use tokio_util::sync::CancellationToken;

use crate::fault::Kind;
use crate::report::Screen;

/// Watches for Ctrl-C (and, on Unix, the polite request to end) in the background.
pub fn watch(screen: Screen) -> CancellationToken {
    let cancel = CancellationToken::new();
    let token = cancel.clone();
    #[cfg(unix)]
    outlive_size_limits();
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

/// A file beyond `ulimit -f` ends a process by a signal, unless somebody listens: then the write fails, with an error.
#[cfg(unix)]
fn outlive_size_limits() {
    use tokio::signal::unix::{SignalKind, signal};
    /// `SIGXFSZ` on Linux, macOS and the BSDs; elsewhere listening to this number does no harm.
    const FILE_SIZE_EXCEEDED: i32 = 25;
    // Without it all goes on as before.
    let _ = signal(SignalKind::from_raw(FILE_SIZE_EXCEEDED));
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
