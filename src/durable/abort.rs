//! Numbered boundaries: a test build dies at the n-th, so that kills are swept instead of timed.
//!
//! `AOSM_ABORT_AT=n` aborts right before the n-th boundary, `AOSM_ABORT_AT=TEXT` before the first whose words hold the text (where how
//! many come before depends on time); `AOSM_ABORT_COUNT=FILE` appends one line per boundary, so that a
//! harness learns how many there are and what each is. Both exist only where debug assertions are on.

use camino::Utf8Path;

/// A durable operation or a request is about to happen.
#[inline]
pub fn boundary(what: &str) {
    #[cfg(debug_assertions)]
    imp::boundary(|| what.to_owned());
    #[cfg(not(debug_assertions))]
    let _ = what;
}

/// A durable operation on `path` is about to happen.
#[inline]
pub(super) fn boundary_at(what: &str, path: &Utf8Path) {
    #[cfg(debug_assertions)]
    imp::boundary(|| format!("{what} {path}"));
    #[cfg(not(debug_assertions))]
    let _ = (what, path);
}

#[cfg(debug_assertions)]
mod imp {
    use std::io::Write as _;
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    enum At {
        Number(u64),
        Words(String),
    }

    struct Settings {
        abort_at: Option<At>,
        log: Option<String>,
    }

    static SETTINGS: OnceLock<Settings> = OnceLock::new();
    static COUNT: AtomicU64 = AtomicU64::new(0);

    pub(super) fn boundary(what: impl FnOnce() -> String) {
        let settings = SETTINGS.get_or_init(|| Settings {
            abort_at: std::env::var("AOSM_ABORT_AT")
                .ok()
                .filter(|text| !text.is_empty())
                .map(|text| text.parse().map_or(At::Words(text), At::Number)),
            log: std::env::var("AOSM_ABORT_COUNT").ok(),
        });
        if settings.abort_at.is_none() && settings.log.is_none() {
            return;
        }
        let number = COUNT.fetch_add(1, Ordering::SeqCst) + 1;
        let what = what();
        if let Some(path) = &settings.log
            && let Ok(mut file) = std::fs::OpenOptions::new().create(true).append(true).open(path)
        {
            // One write, so that lines of several threads do not mix.
            let _ = file.write_all(format!("{number} {what}\n").as_bytes());
        }
        let here = match &settings.abort_at {
            Some(At::Number(wanted)) => *wanted == number,
            Some(At::Words(words)) => what.contains(words.as_str()),
            None => false,
        };
        if here {
            std::process::abort();
        }
    }
}
