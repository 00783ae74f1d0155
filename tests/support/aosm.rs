//! Projects in scratch folders, and the built binary run in them with an environment of its own.

use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use base64::Engine as _;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::tools;

/// The binary under test.
pub const BINARY: &str = env!("CARGO_BIN_EXE_aosm-build");

/// A project in a scratch folder, with a home folder beside it that nobody else uses.
pub struct Project {
    scratch: TempDir,
}

impl Project {
    /// An empty one.
    pub fn new() -> Self {
        let scratch = super::temp_dir();
        for folder in ["project", "home", "docker", "run", "tmp"] {
            fs::create_dir(scratch.path().join(folder)).expect("a folder");
        }
        Self { scratch }
    }

    /// A copy of `fixtures/NAME`.
    pub fn fixture(name: &str) -> Self {
        let project = Self::new();
        copy_folder(&super::root().join("fixtures").join(name), project.folder().as_path());
        project
    }

    /// The project's folder.
    pub fn folder(&self) -> PathBuf {
        self.scratch.path().join("project")
    }

    /// A path in the project's folder.
    pub fn path(&self, relative: &str) -> PathBuf {
        self.folder().join(relative)
    }

    /// Writes a file, its folders as well.
    pub fn write(&self, relative: &str, content: impl AsRef<[u8]>) -> &Self {
        let path = self.path(relative);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        fs::write(&path, content).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        self
    }

    /// Reads a file as text.
    pub fn read(&self, relative: &str) -> String {
        let path = self.path(relative);
        fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
    }

    /// Replaces text in a file; a text that is not there is a failure.
    pub fn edit(&self, relative: &str, from: &str, to: &str) -> &Self {
        let text = self.read(relative);
        assert!(text.contains(from), "{relative} does not contain {from:?}");
        self.write(relative, text.replace(from, to))
    }

    /// Removes a file or folder.
    pub fn remove(&self, relative: &str) -> &Self {
        let path = self.path(relative);
        let gone = if path.is_dir() {
            fs::remove_dir_all(&path)
        } else {
            fs::remove_file(&path)
        };
        gone.unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        self
    }

    /// Copies a folder into the project.
    pub fn copy_in(&self, from: &Path, relative: &str) -> &Self {
        copy_folder(from, &self.path(relative));
        self
    }

    /// Writes down a login as `docker login` does.
    pub fn login(&self, host: &str, user: &str, password: &str) -> &Self {
        let auth = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
        self.docker_config(&json!({"auths": {host: {"auth": auth}}}))
    }

    /// Writes docker's configuration file.
    pub fn docker_config(&self, config: &Value) -> &Self {
        fs::write(self.scratch.path().join("docker/config.json"), config.to_string()).expect("docker's configuration");
        self
    }

    /// The home folder that runs see.
    pub fn home(&self) -> PathBuf {
        self.scratch.path().join("home")
    }

    /// The binary with these arguments, not yet run.
    pub fn aosm(&self, arguments: &[&str]) -> Aosm {
        let mut command = Command::new(BINARY);
        command.args(arguments).current_dir(self.folder());
        command.env_clear();
        let scratch = self.scratch.path();
        command.env("HOME", self.home());
        command.env("DOCKER_CONFIG", scratch.join("docker"));
        command.env("XDG_RUNTIME_DIR", scratch.join("run"));
        command.env("XDG_CONFIG_HOME", self.home().join(".config"));
        command.env("TMPDIR", scratch.join("tmp"));
        command.env("AOSM_HELM", tools::helm());
        // PATH for what Helm starts; the rest so that coverage and Windows work.
        for name in ["PATH", "LLVM_PROFILE_FILE", "SystemRoot", "SYSTEMROOT"] {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        Aosm {
            command,
            input: None,
            limit: Duration::from_secs(300),
        }
    }

    /// Runs the binary to its end.
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.aosm(arguments).run()
    }

    /// Runs the binary to its good end and lists the numbered boundaries it passed: the points at which
    /// [`Aosm::abort_at`] can kill it.
    pub fn boundaries(&self, arguments: &[&str]) -> Vec<String> {
        let file = self.scratch.path().join("boundaries");
        let _ = fs::remove_file(&file);
        self.aosm(arguments).env("AOSM_ABORT_COUNT", &file).run().ok();
        fs::read_to_string(&file)
            .unwrap_or_default()
            .lines()
            .map(str::to_owned)
            .collect()
    }
}

impl Default for Project {
    fn default() -> Self {
        Self::new()
    }
}

/// A run of the binary to be.
pub struct Aosm {
    command: Command,
    input: Option<String>,
    limit: Duration,
}

impl Aosm {
    pub fn env(mut self, name: &str, value: impl AsRef<std::ffi::OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    pub fn env_remove(mut self, name: &str) -> Self {
        self.command.env_remove(name);
        self
    }

    /// What it reads from standard input; without, there is nothing to read.
    pub fn input(mut self, text: &str) -> Self {
        self.input = Some(text.to_owned());
        self
    }

    /// Runs in another folder than the project's.
    pub fn current_dir(mut self, folder: &Path) -> Self {
        self.command.current_dir(folder);
        self
    }

    /// Dies right before the n-th boundary, counted from 1, as a power cut would have it. Only builds with debug assertions.
    pub fn abort_at(self, number: usize) -> Self {
        self.env("AOSM_ABORT_AT", number.to_string())
    }

    /// A run that takes longer is killed, and the test fails.
    pub fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// The command itself: for measurements.
    pub fn into_command(self) -> Command {
        self.command
    }

    /// Starts it and lets it run: for kills and signals.
    pub fn spawn(mut self) -> Running {
        let mut child = self
            .command
            .stdin(if self.input.is_some() {
                Stdio::piped()
            } else {
                Stdio::null()
            })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|e| panic!("{BINARY}: {e}"));
        if let (Some(text), Some(mut stdin)) = (&self.input, child.stdin.take()) {
            // Who does not read it may be gone already.
            let _ = stdin.write_all(text.as_bytes());
        }
        let stdout = reader(child.stdout.take().expect("its output"));
        let stderr = reader(child.stderr.take().expect("its complaints"));
        Running {
            child,
            stdout,
            stderr,
            limit: self.limit,
            shown: format!("{:?}", self.command),
        }
    }

    /// Runs it to its end.
    pub fn run(self) -> Output {
        self.spawn().wait()
    }
}

/// A run under way.
pub struct Running {
    child: Child,
    stdout: std::thread::JoinHandle<Vec<u8>>,
    stderr: std::thread::JoinHandle<Vec<u8>>,
    limit: Duration,
    shown: String,
}

impl Running {
    /// Its process number, for signals.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Has it ended?
    pub fn ended(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(Some(_)))
    }

    /// `kill -9`.
    pub fn kill(mut self) -> Output {
        let _ = self.child.kill();
        self.wait()
    }

    /// Ctrl-C, as the terminal sends it to this process.
    #[cfg(unix)]
    pub fn interrupt(&self) {
        let pid = rustix::process::Pid::from_raw(i32::try_from(self.child.id()).expect("a process number"));
        rustix::process::kill_process(pid.expect("a process number"), rustix::process::Signal::INT).expect("a signal");
    }

    /// Waits for the end.
    pub fn wait(mut self) -> Output {
        let until = Instant::now() + self.limit;
        let status = loop {
            match self.child.try_wait().expect("the state of the run") {
                Some(status) => break status,
                None if Instant::now() > until => {
                    let _ = self.child.kill();
                    let _ = self.child.wait();
                    let stderr = self.stderr.join().unwrap_or_default();
                    panic!(
                        "{}: still running after {:?}\n{}",
                        self.shown,
                        self.limit,
                        String::from_utf8_lossy(&stderr)
                    );
                }
                None => std::thread::sleep(Duration::from_millis(2)),
            }
        };
        let text = |thread: std::thread::JoinHandle<Vec<u8>>| {
            String::from_utf8(thread.join().expect("its output")).expect("output is UTF-8")
        };
        Output {
            status,
            stdout: text(self.stdout),
            stderr: text(self.stderr),
            shown: self.shown,
        }
    }
}

fn reader(mut from: impl Read + Send + 'static) -> std::thread::JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = from.read_to_end(&mut bytes);
        bytes
    })
}

/// What a run came to.
#[derive(Debug)]
pub struct Output {
    pub status: ExitStatus,
    pub stdout: String,
    pub stderr: String,
    shown: String,
}

impl Output {
    /// The exit code; -1 when a signal ended it.
    pub fn code(&self) -> i32 {
        self.status.code().unwrap_or(-1)
    }

    /// Fails, with all that was written, unless the run ended with this code.
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(self.code(), code, "{self}");
        self
    }

    /// Fails unless the run ended well.
    pub fn ok(self) -> Self {
        self.expect(0)
    }

    /// Fails unless this was written to standard output or standard error; lines that were wrapped count as one.
    pub fn says(self, text: &str) -> Self {
        assert!(self.holds(text), "nothing says {text:?}: {self}");
        self
    }

    /// Fails if this was written anywhere.
    pub fn silent_about(self, text: &str) -> Self {
        assert!(!self.holds(text), "{text:?} is said: {self}");
        self
    }

    fn holds(&self, text: &str) -> bool {
        [&self.stdout, &self.stderr]
            .iter()
            .any(|written| written.contains(text) || unwrapped(written).contains(text))
    }

    /// Standard output as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|e| panic!("not JSON ({e}): {self}"))
    }
}

/// A text with the line breaks that fitting it to the screen brought in taken out.
fn unwrapped(text: &str) -> String {
    let words = text.split_whitespace().filter(|word| !matches!(*word, "│" | "|"));
    words.collect::<Vec<_>>().join(" ")
}

impl std::fmt::Display for Output {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{}: {}", self.shown, self.status)?;
        writeln!(f, "--- stdout\n{}--- stderr\n{}", self.stdout, self.stderr)
    }
}

/// Copies a folder with everything below it.
pub fn copy_folder(from: &Path, to: &Path) {
    for path in super::snapshot::walk(from) {
        let target = to.join(path.strip_prefix(from).expect("below the folder"));
        fs::create_dir_all(target.parent().expect("a parent")).expect("a folder");
        fs::copy(&path, &target).unwrap_or_else(|e| panic!("{}: {e}", target.display()));
    }
}
