//! What is measured, from the command line.

use super::cases;
use super::peers::Tool;
use super::scene::Setting;

/// How to call it.
const USAGE: &str = "cargo bench --bench registry -- [big|many|multi|estate]… [--rounds N] [--settings loopback,20ms,tls,token] \
                     [--tools aosm-build,skopeo,…|all] [--scratch FOLDER]";

/// What is measured.
pub struct Options {
    pub cases: Vec<&'static str>,
    pub settings: Vec<Setting>,
    /// `None`: those that a goal names.
    pub tools: Option<Vec<Tool>>,
    pub rounds: usize,
    /// Where registries keep what they hold: in memory where there is such a folder.
    pub scratch: Option<std::path::PathBuf>,
}

impl Options {
    /// From the command line; a mistake ends the process with how to call it.
    pub fn from_args() -> Self {
        Self::parse(std::env::args().skip(1)).unwrap_or_else(|why| {
            eprintln!("{why}\n{USAGE}");
            std::process::exit(64);
        })
    }

    fn parse(arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Self {
            cases: Vec::new(),
            settings: Setting::ALL.to_vec(),
            tools: None,
            rounds: 5,
            scratch: in_memory(),
        };
        let mut arguments = arguments;
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or_else(|| format!("{argument} needs a value"));
            match argument.as_str() {
                // Cargo says so to every bench.
                "--bench" => {}
                "--rounds" => options.rounds = value()?.parse().map_err(|_| "--rounds needs a number")?,
                "--settings" => {
                    options.settings = listed(&value()?, |name| Setting::ALL.into_iter().find(|s| s.name() == name))?;
                }
                "--tools" => {
                    let value = value()?;
                    let all = Tool::ALL.to_vec();
                    options.tools = Some(match value.as_str() {
                        "all" => all,
                        _ => listed(&value, |name| all.iter().copied().find(|tool| tool.name() == name))?,
                    });
                }
                "--scratch" => options.scratch = Some(value()?.into()),
                name => match cases::NAMES.into_iter().find(|known| *known == name) {
                    Some(known) => options.cases.push(known),
                    None => return Err(format!("what is {name}?")),
                },
            }
        }
        if options.cases.is_empty() {
            options.cases = cases::NAMES.to_vec();
        }
        options.rounds = options.rounds.max(1);
        Ok(options)
    }
}

fn listed<T>(text: &str, find: impl Fn(&str) -> Option<T>) -> Result<Vec<T>, String> {
    text.split(',')
        .map(|name| find(name).ok_or_else(|| format!("what is {name}?")))
        .collect()
}

/// The file system in memory that Linux has.
fn in_memory() -> Option<std::path::PathBuf> {
    Some(std::path::PathBuf::from("/dev/shm")).filter(|folder| folder.is_dir())
}
