//! CPU work on rayon's threads, awaited from the runtime: neither pool ever blocks on the other.

use std::panic::{AssertUnwindSafe, catch_unwind};

use tokio::sync::oneshot;

use crate::fault::Fault;

/// Runs `work` on rayon and waits for its value. A panic inside becomes a fault instead of taking the process down.
pub async fn cpu<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Fault> {
    let (sender, receiver) = oneshot::channel();
    rayon::spawn(move || {
        let value = catch_unwind(AssertUnwindSafe(work));
        // The receiver is gone when the run was cancelled: the value is of no use then.
        let _ = sender.send(value);
    });
    match receiver.await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(_)) | Err(_) => Err(Fault::bug("a computation ended unexpectedly")),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::panic, reason = "tests may fail loudly")]
    use super::*;

    #[tokio::test]
    async fn a_value_comes_back() {
        assert_eq!(cpu(|| 6 * 7).await, Ok(42));
    }

    #[tokio::test]
    async fn a_panic_is_a_fault() {
        let fault = cpu(|| -> u8 { panic!("on purpose") }).await;
        assert!(fault.is_err());
    }
}
