//! Running one child: its own process group, a cleared environment, bounded in time and output, killed when the run is
//! stopped or nobody waits any longer.

use std::io;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, Command};
use tokio_util::sync::CancellationToken;

/// What a child may cost.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ChildLimits {
    pub timeout: Duration,
    pub output: u64,
}

/// Kept of standard error; a longer one is cut in the middle of nowhere, but with a word about it.
const MAX_STDERR: u64 = 1024 * 1024;

/// A child that ended by itself.
#[derive(Debug)]
pub(crate) struct Finished {
    pub status: ExitStatus,
    pub stdout: Vec<u8>,
    pub stderr: String,
}

/// Why a child did not end by itself.
#[derive(Debug)]
pub(crate) enum Stopped {
    /// It could not be started.
    Spawn(io::Error),
    /// It took longer than allowed.
    TimedOut,
    /// It wrote more than allowed.
    TooMuchOutput,
    /// The user stopped the run.
    Cancelled,
    /// Its pipes failed.
    Pipe(io::Error),
}

/// Starts a child and waits for its end. `stdin` is written to it and closed.
pub(crate) async fn run(
    mut command: Command,
    stdin: Option<Vec<u8>>,
    limits: ChildLimits,
    cancel: &CancellationToken,
) -> Result<Finished, Stopped> {
    if cancel.is_cancelled() {
        return Err(Stopped::Cancelled);
    }
    command
        .stdin(if stdin.is_some() { Stdio::piped() } else { Stdio::null() })
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    // A group of its own: Ctrl-C on the terminal reaches this program alone, which then decides.
    #[cfg(unix)]
    command.process_group(0);
    #[cfg(windows)]
    command.creation_flags(0x0000_0200); // CREATE_NEW_PROCESS_GROUP
    let child = spawn(&mut command).await.map_err(Stopped::Spawn)?;
    let mut group = Group { child };
    let outcome = tokio::select! {
        biased;
        () = cancel.cancelled() => Err(Stopped::Cancelled),
        result = tokio::time::timeout(limits.timeout, talk(&mut group.child, stdin, limits.output)) => {
            result.unwrap_or(Err(Stopped::TimedOut))
        }
    };
    if outcome.is_err() {
        group.kill();
        // Reaped here, so that no zombie stays behind; a killed child ends at once.
        let _ = group.child.wait().await;
    }
    outcome
}

/// Another thread that forks while a helper's executable is still open for writing makes the start fail with "text
/// file busy"; it passes at once.
async fn spawn(command: &mut Command) -> io::Result<Child> {
    for _ in 0..20 {
        match command.spawn() {
            Err(e) if e.kind() == io::ErrorKind::ExecutableFileBusy => {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            other => return other,
        }
    }
    command.spawn()
}

async fn talk(child: &mut Child, stdin: Option<Vec<u8>>, output: u64) -> Result<Finished, Stopped> {
    let (input, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let feed = async {
        if let (Some(mut pipe), Some(bytes)) = (input, stdin) {
            // A child that fails early does not read its input; its own words say why.
            let _ = pipe.write_all(&bytes).await;
            let _ = pipe.shutdown().await;
        }
        Ok(())
    };
    let out = async {
        let (bytes, more) = drain(stdout, output, false).await.map_err(Stopped::Pipe)?;
        if more { Err(Stopped::TooMuchOutput) } else { Ok(bytes) }
    };
    let err = async { drain(stderr, MAX_STDERR, true).await.map_err(Stopped::Pipe) };
    let ((), stdout, (stderr, cut)) = tokio::try_join!(feed, out, err)?;
    let status = child.wait().await.map_err(Stopped::Pipe)?;
    let mut stderr = String::from_utf8_lossy(&stderr).into_owned();
    if cut {
        stderr.push_str("\n(more than 1 MiB of messages; the rest was left out)");
    }
    Ok(Finished { status, stdout, stderr })
}

/// Reads up to a limit; beyond it either stops or reads on without keeping. Tells whether there was more.
async fn drain(pipe: Option<impl AsyncRead + Unpin>, limit: u64, go_on: bool) -> io::Result<(Vec<u8>, bool)> {
    let mut bytes = Vec::new();
    let Some(mut pipe) = pipe else {
        return Ok((bytes, false));
    };
    (&mut pipe).take(limit).read_to_end(&mut bytes).await?;
    let mut more = false;
    let mut buffer = vec![0_u8; 8192];
    while pipe.read(&mut buffer).await? > 0 {
        more = true;
        if !go_on {
            break;
        }
    }
    Ok((bytes, more))
}

/// A running child with all that it started.
struct Group {
    child: Child,
}

impl Group {
    fn kill(&mut self) {
        // While the child is not reaped, its id cannot name another process; `id` is `None` afterwards.
        #[cfg(unix)]
        if let Some(pid) = self
            .child
            .id()
            .and_then(|id| i32::try_from(id).ok())
            .and_then(rustix::process::Pid::from_raw)
        {
            let _ = rustix::process::kill_process_group(pid, rustix::process::Signal::KILL);
        }
        let _ = self.child.start_kill();
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // The future was dropped midway: nobody waits, so nothing may go on.
        self.kill();
    }
}
