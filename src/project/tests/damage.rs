//! Files damaged at random, from a fixed seed: loading answers, and every fault can be drawn.

use super::*;
use crate::report::diagnostic::{self, Style};

/// A linear congruential generator (Knuth's constants): reproducible without a crate.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % sides.max(1)
    }
}

fn damage(text: &str, dice: &mut Dice) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    for _ in 0..=dice.roll(4) {
        let at = dice.roll(bytes.len());
        match dice.roll(5) {
            0 => bytes[at] = b"[]{}\"'=:,\n#/*\\\0x\xff"[dice.roll(17)],
            1 => drop(bytes.remove(at)),
            2 => bytes.insert(at, b"[{\"'=\n"[dice.roll(6)]),
            3 => bytes.truncate(at.max(1)),
            _ => {
                let end = (at + dice.roll(40)).min(bytes.len());
                let copy = bytes[at..end].to_vec();
                bytes.splice(at..at, copy);
            }
        }
    }
    bytes
}

#[test]
fn damaged_files_give_faults_that_can_be_drawn_and_never_show_a_set_value() {
    let example = std::fs::read_to_string(Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("aosm.example.toml")).unwrap();
    let settings = example.replace("\"1.0.0\", replicas = 2", "\"s3cret\", replicas = 2");
    let input = r#"{"nf_name": "n", "version": "1.0.0", // é
        "image_sources": ["x.io/a", "y.io"], "images": {"source_registry": "z.io"},
        "helm_packages": [{"name": "contoso", "path_to_chart": "charts/contoso", "depends_on": ["x"]}]}"#;
    let mut dice = Dice(7);
    for round in 0..120 {
        let folder = Folder::new()
            .with_chart("charts/contoso")
            .with("aosm.toml", damage(&settings, &mut dice))
            .with("cnf-input.jsonc", damage(input, &mut dice));
        let faults = match folder.load() {
            Ok((_, warnings)) => warnings,
            Err(faults) => {
                assert!(faults.has_errors());
                faults
            }
        };
        for fault in &faults {
            let drawn = diagnostic::render(fault, Style::default());
            assert!(!drawn.is_empty());
            let line = diagnostic::one_line(fault);
            assert!(
                !drawn.contains("s3cret") && !line.contains("s3cret"),
                "round {round}: {drawn}"
            );
        }
    }
}
