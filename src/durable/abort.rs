//! Numbered boundaries: a test build dies at the n-th, so that kills are swept instead of timed.
//!
//! `AOSM_ABORT_AT=n` aborts right before the n-th boundary; `AOSM_ABORT_COUNT=FILE` appends one byte per boundary, so that a
//! harness learns how many there are. Both exist only where debug assertions are on.

/// A durable operation or a request is about to happen.
#[inline]
pub fn boundary(what: &str) {
    #[cfg(debug_assertions)]
    imp::boundary(what);
    #[cfg(not(debug_assertions))]
    let _ = what;
}

#[cfg(debug_assertions)]
mod imp {
    use std::io::Write as _;
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    struct Settings {
        abort_at: Option<u64>,
        log: Option<String>,
    }

    static SETTINGS: OnceLock<Settings> = OnceLock::new();
    static COUNT: AtomicU64 = AtomicU64::new(0);

    pub(super) fn boundary(what: &str) {
        let settings = SETTINGS.get_or_init(|| Settings {
            abort_at: std::env::var("AOSM_ABORT_AT").ok().and_then(|text| text.parse().ok()),
            log: std::env::var("AOSM_ABORT_COUNT").ok(),
        });
        if settings.abort_at.is_none() && settings.log.is_none() {
            return;
        }
        let number = COUNT.fetch_add(1, Ordering::SeqCst) + 1;
        if let Some(path) = &settings.log {
            if let Ok(mut file) = std::fs::OpenOptions::new().create(true).append(true).open(path) {
                let _ = writeln!(file, "{number} {what}");
            }
        }
        if settings.abort_at == Some(number) {
            std::process::abort();
        }
    }
}
