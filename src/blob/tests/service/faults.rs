//! What goes wrong: by rule, or by chance from a seed.

use std::collections::HashMap;

use super::Ask;

/// What goes wrong with one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// Refused with this status and code before anything is done; with `Retry-After` in seconds.
    Refuse(u16, String, Option<u64>),
    /// The connection is reset before anything is done.
    ResetBefore,
    /// Everything is done, then the connection is reset.
    ResetAfter,
    /// Everything is done, and the answer breaks off after so many bytes of its body.
    Cut(u64),
    /// Nothing is done and nothing is answered.
    HangBefore,
    /// Everything is done and nothing is answered.
    HangAfter,
    /// Answered after so many seconds.
    Slow(u64),
    /// No connection is made.
    Refused,
}

impl Fault {
    /// Busy, as the real service says it.
    pub fn busy(retry_after: Option<u64>) -> Self {
        Self::Refuse(503, "ServerBusy".into(), retry_after)
    }
}

/// A fault for requests of one name ([`Ask::name`]; empty for all).
#[derive(Debug, Clone)]
pub struct Rule {
    name: String,
    /// So many of them pass first.
    pub(super) after: u32,
    pub(super) passed: u32,
    pub(super) times: u32,
    pub(super) fault: Fault,
}

impl Rule {
    /// The next request of this name.
    pub fn next(name: &str, fault: Fault) -> Self {
        Self {
            name: name.to_owned(),
            after: 0,
            passed: 0,
            times: 1,
            fault,
        }
    }

    /// The one after so many others.
    pub fn after(self, after: u32) -> Self {
        Self { after, ..self }
    }

    /// So many in a row; at least one.
    pub fn times(self, times: u32) -> Self {
        Self {
            times: times.max(1),
            ..self
        }
    }

    pub(super) fn wants(&self, ask: &Ask) -> bool {
        self.name.is_empty() || self.name == ask.name()
    }
}

/// Faults by chance.
#[derive(Debug, Clone)]
pub struct Storm {
    seed: u64,
    per_mille: u64,
    faults: Vec<Fault>,
    /// At most so many in a row for one and the same request, so that tries are enough; `None`: no mercy.
    in_a_row: Option<u32>,
    struck: HashMap<String, u32>,
}

impl Storm {
    /// Faults of all sorts for so many requests in a thousand.
    pub fn new(seed: u64, per_mille: u64) -> Self {
        Self {
            seed,
            per_mille,
            faults: vec![
                Fault::busy(Some(1)),
                Fault::busy(None),
                Fault::Refuse(500, "InternalError".into(), None),
                Fault::ResetBefore,
                Fault::ResetAfter,
                Fault::Cut(0),
                Fault::Cut(100),
                Fault::HangBefore,
                Fault::HangAfter,
                Fault::Slow(5),
            ],
            in_a_row: Some(3),
            struck: HashMap::new(),
        }
    }

    /// With these faults.
    pub fn of(self, faults: &[Fault]) -> Self {
        Self {
            faults: faults.to_vec(),
            ..self
        }
    }

    /// Tries may run out.
    pub fn merciless(self) -> Self {
        Self { in_a_row: None, ..self }
    }

    pub(super) fn strike(&mut self, ask: &Ask) -> Option<Fault> {
        let key = format!("{} {} {:?}", ask.name(), ask.path, ask.range());
        let hit = self.random() % 1000 < self.per_mille;
        let which = self.random() as usize % self.faults.len().max(1);
        let before = self.struck.entry(key).or_default();
        if !hit || self.in_a_row.is_some_and(|most| *before >= most) {
            *before = 0;
            return None;
        }
        *before += 1;
        self.faults.get(which).cloned()
    }

    /// `SplitMix64`.
    fn random(&mut self) -> u64 {
        self.seed = self.seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.seed;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
}
