//! The kinds of fault and the exit code of each (documented in `docs/formats.md`, "Exit codes").

/// What sort of thing went wrong; decides the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Steps of an `apply` failed for reasons of their own (1).
    StepsFailed,
    /// The plan or the lock is out of date (3).
    Stale,
    /// Invalid configuration, input or step, missing image, refused overwrite (4).
    Invalid,
    /// Network, denied, disk, tool missing (5).
    Infrastructure,
    /// Another run holds the lock (6).
    LockHeld,
    /// Wrong use of the command line (64).
    Usage,
    /// A bug in this program (70).
    Bug,
    /// Stopped by the user (130).
    Interrupted,
}

impl Kind {
    /// The process exit code.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::StepsFailed => 1,
            Self::Stale => 3,
            Self::Invalid => 4,
            Self::Infrastructure => 5,
            Self::LockHeld => 6,
            Self::Usage => 64,
            Self::Bug => 70,
            Self::Interrupted => 130,
        }
    }

    /// Which kind wins when several faults of one run differ: higher wins.
    pub(crate) fn gravity(self) -> u8 {
        match self {
            Self::StepsFailed => 0,
            Self::Stale => 1,
            Self::Infrastructure => 2,
            Self::Invalid => 3,
            Self::LockHeld => 4,
            Self::Usage => 5,
            Self::Interrupted => 6,
            Self::Bug => 7,
        }
    }

    /// The word used in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::StepsFailed => "steps-failed",
            Self::Stale => "stale",
            Self::Invalid => "invalid",
            Self::Infrastructure => "infrastructure",
            Self::LockHeld => "lock-held",
            Self::Usage => "usage",
            Self::Bug => "bug",
            Self::Interrupted => "interrupted",
        }
    }
}
