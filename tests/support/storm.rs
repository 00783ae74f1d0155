//! Bad weather from a seed: the same seed, the same faults. For sweeps over real sockets.
//!
//! A storm has a few faults that pass; about one in eight has one that stays. What a client must do in both is the same: end
//! with everything there and verified, or fail and say so. Nothing in it hangs: idle limits are real time.

use std::time::Duration;

use super::fault::{Fault, Rule};
use super::http::Response;

/// Some rules for a proxy.
pub struct Storm {
    pub rules: Vec<Rule>,
    /// What they are, for the message of a failure.
    pub told: String,
}

/// The requests of a copy, a push and a pull that a fault may be for.
const LABELS: [&str; 12] = [
    "HEAD manifest",
    "GET manifest",
    "PUT manifest",
    "HEAD blob",
    "GET blob",
    "POST upload",
    "PATCH upload",
    "PUT upload",
    "GET upload",
    "POST mount",
    "GET referrers",
    "GET tags",
];

/// Some faults for the given seed, in bodies of about `size` bytes.
pub fn storm(seed: u64, size: u64) -> Storm {
    let mut dice = Dice(seed);
    let count = 1 + dice.below(4);
    let lasting = dice.below(8) == 0;
    let mut storm = Storm {
        rules: Vec::new(),
        told: format!("seed {seed}:"),
    };
    for number in 0..count {
        let label = LABELS[usize::try_from(dice.below(LABELS.len() as u64)).expect("a small number")];
        let fault = fault(&mut dice, size.max(1));
        let skip = usize::try_from(dice.below(6)).expect("a small number");
        let times = if lasting && number == 0 {
            usize::MAX
        } else {
            1 + usize::try_from(dice.below(2)).expect("a small number")
        };
        let often = if times == usize::MAX {
            "always".to_owned()
        } else {
            format!("{times}×")
        };
        storm.told += &format!(" {label} after {skip}, {often}: {};", told(&fault));
        storm.rules.push(Rule::new(fault).on(label).skip(skip).times(times));
    }
    storm
}

fn fault(dice: &mut Dice, size: u64) -> Fault {
    let error = |status| Fault::Answer(Response::error(status, "UNAVAILABLE", "not now"));
    match dice.below(20) {
        0 => Fault::Throttle(0),
        1 => Fault::Throttle(1),
        2 => error(500),
        3 => error(502),
        4 => error(503),
        5 => error(408),
        6 | 7 => Fault::Reset,
        8 => Fault::ResetAfter(dice.below(size)),
        9 => Fault::CutAfter(dice.below(size)),
        10 => Fault::ResetUpload(dice.below(size)),
        11 | 12 => Fault::BreakUpload(dice.below(size)),
        13 => Fault::Corrupt(dice.below(size)),
        14 | 15 => Fault::LoseAnswer,
        16 => Fault::AnswerEarly(dice.below(size), Response::error(503, "UNAVAILABLE", "not now")),
        17 => Fault::Garbage(b"HTTP/1.1 whatever\r\n\r\n".to_vec()),
        18 => Fault::Delay(Duration::from_millis(dice.below(30))),
        _ => Fault::IgnoreQuery(&["mount", "from", "artifactType"]),
    }
}

/// A fault in a few words: an answer's status, without its body.
fn told(fault: &Fault) -> String {
    match fault {
        Fault::Answer(response) => format!("answer {}", response.status),
        Fault::AnswerEarly(bytes, response) => format!("answer {} after {bytes} bytes", response.status),
        Fault::Garbage(_) => "garbage".to_owned(),
        other => format!("{other:?}"),
    }
}

/// splitmix64.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % bound
    }
}
