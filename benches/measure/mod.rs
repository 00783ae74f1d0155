//! Measuring runs of programs: wall time, peak memory, medians over interleaved rounds.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// One run.
#[derive(Debug, Clone, Copy)]
pub struct Run {
    pub wall: Duration,
    /// Peak resident memory of the process itself, in KiB; `None` where the system does not tell.
    pub peak: Option<u64>,
}

/// Runs a command to its good end; what it writes is thrown away.
pub fn run(mut command: Command) -> Run {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let began = Instant::now();
    let child = command.spawn().unwrap_or_else(|e| panic!("{command:?}: {e}"));
    let id = child.id();
    let (done, stop) = std::sync::mpsc::channel::<()>();
    // The kernel keeps the peak; asking every millisecond misses it only if it comes in the last one.
    let watcher = std::thread::spawn(move || {
        let mut peak = None;
        while stop.recv_timeout(Duration::from_millis(1)) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
            peak = peak_of(id).or(peak);
        }
        peak
    });
    let output = child.wait_with_output().expect("the end of the run");
    let wall = began.elapsed();
    let _ = done.send(());
    let peak = watcher.join().expect("the watcher");
    assert!(
        output.status.success(),
        "{command:?}: {}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    Run { wall, peak }
}

/// `VmHWM` of Linux: the most memory the process has had.
fn peak_of(id: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// The runs of one contestant.
#[derive(Debug)]
pub struct Series {
    pub name: &'static str,
    pub runs: Vec<Run>,
}

impl Series {
    pub fn new(name: &'static str) -> Self {
        Self { name, runs: Vec::new() }
    }

    /// Median wall time in seconds.
    pub fn wall(&self) -> f64 {
        let mut all: Vec<f64> = self.runs.iter().map(|run| run.wall.as_secs_f64()).collect();
        all.sort_by(f64::total_cmp);
        all[all.len() / 2]
    }

    /// Highest peak in MiB; 0 where the system does not tell.
    pub fn peak(&self) -> f64 {
        self.runs.iter().filter_map(|run| run.peak).max().unwrap_or(0) as f64 / 1024.0
    }
}

/// A table, each row with its ratio to `base`.
pub fn table(all: &[Series], base: &str) {
    let to = all.iter().find(|series| series.name == base).map_or(1.0, Series::wall);
    println!(
        "{:<22} {:>10} {:>10} {:>10} {:>8} {:>10}",
        "", "median s", "least s", "most s", "ratio", "peak MiB"
    );
    for series in all {
        let walls = series.runs.iter().map(|run| run.wall.as_secs_f64());
        let (least, most) = walls.fold((f64::MAX, 0.0_f64), |(l, m), wall| (l.min(wall), m.max(wall)));
        let (wall, peak) = (series.wall(), series.peak());
        println!(
            "{:<22} {wall:>10.3} {least:>10.3} {most:>10.3} {:>8.2} {peak:>10.1}",
            series.name,
            wall / to
        );
    }
}

/// Says whether a limit holds; remembers if not.
#[derive(Debug, Default)]
pub struct Limits {
    missed: bool,
}

impl Limits {
    pub fn at_most(&mut self, what: &str, value: f64, limit: f64) {
        let verdict = if value <= limit { "ok" } else { "MISSED" };
        self.missed |= value > limit;
        println!("{verdict:<7} {what}: {value:.3} (at most {limit})");
    }

    /// 1 when a limit was missed.
    pub fn exit(self) -> std::process::ExitCode {
        std::process::ExitCode::from(u8::from(self.missed))
    }
}

/// How often everything is run: `AOSM_BENCH_ROUNDS`, else 5.
pub fn rounds() -> usize {
    std::env::var("AOSM_BENCH_ROUNDS")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(5)
}
