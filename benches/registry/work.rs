//! Running what is measured: one or several processes; wall time, CPU time and peak memory.

use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Commands, so many at a time.
pub struct Work {
    pub commands: Vec<Command>,
    pub at_once: usize,
}

impl From<Command> for Work {
    fn from(command: Command) -> Self {
        Self {
            commands: vec![command],
            at_once: 1,
        }
    }
}

/// What a run took.
#[derive(Debug, Clone, Copy)]
pub struct Cost {
    /// Seconds until all had ended.
    pub wall: f64,
    /// User and system seconds of all processes and their children.
    pub cpu: f64,
    /// MiB of the largest process.
    pub peak: f64,
}

/// Runs everything to its good end; what is written to standard output is thrown away.
pub fn carry_out(work: Work) -> Cost {
    let commands: Vec<Mutex<Command>> = work.commands.into_iter().map(Mutex::new).collect();
    let next = AtomicUsize::new(0);
    let alive: Mutex<Vec<u32>> = Mutex::default();
    let peak = AtomicUsize::new(0);
    let done = AtomicBool::new(false);
    let before = cpu_of_children();
    let began = Instant::now();
    let mut wall = Duration::ZERO;
    std::thread::scope(|scope| {
        // The kernel keeps the high-water mark; asking now and then misses it only if it comes at the very end.
        scope.spawn(|| {
            while !done.load(Ordering::SeqCst) {
                for id in alive.lock().expect("the processes").iter() {
                    peak.fetch_max(peak_of(*id), Ordering::SeqCst);
                }
                std::thread::sleep(Duration::from_millis(2));
            }
        });
        let workers: Vec<_> = (0..work.at_once)
            .map(|_| {
                scope.spawn(|| {
                    while let Some(command) = commands.get(next.fetch_add(1, Ordering::SeqCst)) {
                        one(&mut command.lock().expect("a command"), &alive);
                    }
                })
            })
            .collect();
        let ended: Vec<_> = workers.into_iter().map(std::thread::ScopedJoinHandle::join).collect();
        wall = began.elapsed();
        done.store(true, Ordering::SeqCst);
        for end in ended {
            end.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        }
    });
    Cost {
        wall: wall.as_secs_f64(),
        cpu: cpu_of_children() - before,
        peak: peak.load(Ordering::SeqCst) as f64 / 1024.0,
    }
}

fn one(command: &mut Command, alive: &Mutex<Vec<u32>>) {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let child = command.spawn().unwrap_or_else(|e| panic!("{command:?}: {e}"));
    let id = child.id();
    alive.lock().expect("the processes").push(id);
    let output = child.wait_with_output().expect("the end of the run");
    alive.lock().expect("the processes").retain(|other| *other != id);
    assert!(
        output.status.success(),
        "{command:?}: {}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
}

/// `VmHWM` of Linux, in KiB: the most memory the process has had. 0 where the system does not tell.
fn peak_of(id: u32) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok())
        .unwrap_or(0)
}

/// Seconds that ended children took so far; nobody else may end one in between. The registries go on.
#[cfg(unix)]
fn cpu_of_children() -> f64 {
    use nix::sys::resource::{UsageWho, getrusage};
    use nix::sys::time::TimeValLike as _;
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).expect("the usage of children");
    (usage.user_time() + usage.system_time()).num_microseconds() as f64 / 1e6
}

#[cfg(not(unix))]
fn cpu_of_children() -> f64 {
    0.0
}
