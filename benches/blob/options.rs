//! What is measured, from the command line.

use std::path::PathBuf;

const USAGE: &str = "cargo bench --bench blob -- [sparse|dense|memory|again]… [--rounds N] [--python-rounds N] [--scratch FOLDER] \
                     [--images FOLDER]";

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Case {
    Sparse,
    Dense,
    Memory,
    Again,
}

impl Case {
    const ALL: [Self; 4] = [Self::Sparse, Self::Dense, Self::Memory, Self::Again];

    fn name(self) -> &'static str {
        match self {
            Self::Sparse => "sparse",
            Self::Dense => "dense",
            Self::Memory => "memory",
            Self::Again => "again",
        }
    }

    /// What it is about.
    pub fn words(self) -> &'static str {
        match self {
            Self::Sparse => "sparse: 4 GiB of which 256 MiB are data, into the emulator",
            Self::Dense => "dense: 1 GiB without a zero page, into a server that throws it away",
            Self::Memory => "memory: 100 GiB of which 64 MiB are data, into a server that throws them away",
            Self::Again => "again: nothing to do",
        }
    }
}

/// How it is measured.
pub struct Options {
    pub cases: Vec<Case>,
    pub rounds: usize,
    /// Rounds of the Python SDK in `sparse`, each of which takes minutes.
    pub python_rounds: usize,
    /// Where servers keep what they hold: in memory where there is such a folder.
    pub scratch: Option<PathBuf>,
    /// Where images are made, and kept for the next time; else they are made anew.
    pub images: Option<PathBuf>,
}

impl Options {
    /// From the command line; a mistake ends the process with how to call it.
    pub fn from_args() -> Self {
        Self::parse(std::env::args().skip(1)).unwrap_or_else(|why| {
            eprintln!("{why}\n{USAGE}");
            std::process::exit(64);
        })
    }

    fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Self {
            cases: Vec::new(),
            rounds: 3,
            python_rounds: 1,
            scratch: Some(PathBuf::from("/dev/shm")).filter(|folder| folder.is_dir()),
            images: None,
        };
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or_else(|| format!("{argument} needs a value"));
            let number = |text: String| text.parse().map_err(|_| format!("{text} is no number"));
            match argument.as_str() {
                // Cargo says so to every bench.
                "--bench" => {}
                "--rounds" => options.rounds = number(value()?)?,
                "--python-rounds" => options.python_rounds = number(value()?)?,
                "--scratch" => options.scratch = Some(value()?.into()),
                "--images" => options.images = Some(value()?.into()),
                name => match Case::ALL.into_iter().find(|case| case.name() == name) {
                    Some(case) => options.cases.push(case),
                    None => return Err(format!("what is {name}?")),
                },
            }
        }
        if options.cases.is_empty() {
            options.cases = Case::ALL.to_vec();
        }
        options.rounds = options.rounds.max(1);
        Ok(options)
    }
}
