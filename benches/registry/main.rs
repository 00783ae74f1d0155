//! The registry layer against its peers: four sets of images from registry to registry, near, far, over TLS and with tokens.
//!
//! What is promised is in `goals.rs`; how to run it and what came out is in `benches/README.md`.
#![allow(
    clippy::pedantic,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::print_stderr,
    missing_docs,
    reason = "a measurement prints, and one that cannot be made fails with the reason"
)]

mod cases;
mod contest;
mod delay;
mod goals;
#[path = "../measure/mod.rs"]
#[allow(dead_code, reason = "of what all measurements share, only the verdicts are needed")]
mod measure;
mod options;
mod peers;
mod scene;
#[path = "../../tests/support/mod.rs"]
#[allow(
    dead_code,
    unused_imports,
    reason = "the tests' toolbox, of which a measurement needs little"
)]
mod support;
mod work;

use std::process::ExitCode;

use cases::Case;
use measure::Limits;
use options::Options;
use peers::Tool;
use scene::Sources;

fn main() -> ExitCode {
    let options = Options::from_args();
    if let Some(folder) = &options.scratch {
        support::scratch_in(folder.clone());
    }
    let began = std::time::Instant::now();
    let sources = Sources::start(&options.settings);
    let mut limits = Limits::default();
    let mut missing: Vec<Tool> = Vec::new();
    for name in &options.cases {
        let case = Case::create(name, &sources.all());
        println!("{}", case.describe());
        for setting in &options.settings {
            let mut tools = options.tools.clone().unwrap_or_else(|| Tool::usual(name, *setting));
            missing.extend(tools.iter().filter(|tool| !tool.is_there()));
            tools.retain(|tool| tool.is_there());
            println!("\n {name}, {}, {} rounds", setting.name(), options.rounds);
            let results = contest::contest(&case, &sources, *setting, &tools, options.rounds);
            results.print();
            goals::judge(&case, &results, &mut limits);
        }
        println!();
    }
    missing.sort_unstable();
    missing.dedup();
    for tool in missing {
        println!("not there, and left out: {}", tool.name());
    }
    println!("took {} s", began.elapsed().as_secs());
    limits.exit()
}
