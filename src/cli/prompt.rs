//! Questions on a terminal: a line, yes or no, or a password that is not shown.

use std::io::{BufRead as _, IsTerminal as _, Read as _, Write as _};

use tokio_util::sync::CancellationToken;

use crate::credentials::Secret;
use crate::fault::{Fault, Kind};

/// Nobody types more, in bytes.
const LINE_LIMIT: u64 = 64 * 1024;

/// Can somebody be asked?
pub fn possible() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

/// Asks for a line.
pub async fn line(question: &str, cancel: &CancellationToken) -> Result<String, Fault> {
    say(question);
    until_cancelled(read_line, cancel).await
}

/// Asks for yes or no; whatever is not yes is no. Ctrl-C is an answer, too.
pub async fn agreed(question: &str, cancel: &CancellationToken) -> Result<bool, Fault> {
    say(question);
    let answer = tokio::select! {
        answer = tokio::task::spawn_blocking(read_line) => answer.map_err(std::io::Error::other).and_then(|answer| answer),
        () = cancel.cancelled() => {
            return Err(Fault::new(Kind::Interrupted, "stopped before anything was changed"));
        }
    };
    let answer = answer.map_err(|error| {
        Fault::infrastructure("the answer cannot be read")
            .because(error)
            .hint("--yes goes on without asking")
    })?;
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}

/// Asks for a password, which is not shown. However this ends, what is typed later is shown again.
pub async fn password(question: &str, cancel: &CancellationToken) -> Result<Secret, Fault> {
    #[cfg(unix)]
    {
        // Before the question is seen: nobody types earlier.
        let quiet = quiet::Quiet::begin().map_err(failed)?;
        say(question);
        let read = until_cancelled(read_line, cancel).await;
        drop(quiet);
        // The line break was not shown either.
        say("\n");
        read.map(Secret::new)
    }
    #[cfg(not(unix))]
    {
        say(question);
        until_cancelled(rpassword::read_password, cancel).await.map(Secret::new)
    }
}

fn say(text: &str) {
    let mut err = std::io::stderr().lock();
    // Who does not see the question cannot answer it: reading tells.
    let _ = err.write_all(text.as_bytes()).and_then(|()| err.flush());
}

fn read_line() -> std::io::Result<String> {
    let mut bytes = Vec::new();
    std::io::stdin().lock().take(LINE_LIMIT).read_until(b'\n', &mut bytes)?;
    let text = String::from_utf8(bytes).map_err(|_| std::io::Error::other("what was typed is not UTF-8"))?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

/// The thread that reads cannot be stopped: it ends with the program.
async fn until_cancelled(
    read: impl FnOnce() -> std::io::Result<String> + Send + 'static,
    cancel: &CancellationToken,
) -> Result<String, Fault> {
    tokio::select! {
        line = tokio::task::spawn_blocking(read) => match line {
            Ok(line) => line.map_err(failed),
            Err(e) => Err(Fault::bug(format!("reading what was typed ended: {e}"))),
        },
        () = cancel.cancelled() => Err(Fault::new(Kind::Interrupted, "login: stopped, nothing was kept")
            .hint("run it again when you have the password at hand")),
    }
}

#[allow(clippy::needless_pass_by_value, reason = "for map_err")]
fn failed(error: std::io::Error) -> Fault {
    Fault::infrastructure("the terminal cannot be read")
        .because(error)
        .hint("give the password on standard input: --password-stdin")
}

#[cfg(unix)]
mod quiet {
    use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

    /// While it lives, the terminal does not show what is typed.
    pub struct Quiet(Termios);

    impl Quiet {
        pub fn begin() -> std::io::Result<Self> {
            let stdin = std::io::stdin();
            let before = tcgetattr(&stdin)?;
            let mut quiet = before.clone();
            quiet.local_modes.remove(LocalModes::ECHO);
            tcsetattr(&stdin, OptionalActions::Flush, &quiet)?;
            Ok(Self(before))
        }
    }

    impl Drop for Quiet {
        fn drop(&mut self) {
            // There is nobody to tell, and nothing else to do.
            let _ = tcsetattr(std::io::stdin(), OptionalActions::Now, &self.0);
        }
    }
}
