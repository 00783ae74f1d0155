//! Documents that are true: their commands are run, and what they print is compared with what is written.

use std::fs;
use std::process::Command;

use crate::support::*;

/// A block of commands, and what the document says that they print.
#[derive(Debug)]
pub struct Block {
    pub commands: String,
    pub prints: Option<String>,
    /// Where `prints` lies in the document.
    pub place: std::ops::Range<usize>,
}

/// The `sh` blocks of a document, each with the `text` block that follows it. Where it shows commands of another tool, they are in
/// `bash` blocks, and each begins with `theirs`.
pub fn blocks(text: &str, theirs: Option<&str>) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut at = 0;
    while let Some(fence) = text[at..].find("```") {
        let open = at + fence + 3;
        let inside = open + text[open..].find('\n').expect("a line") + 1;
        let close = inside + text[inside..].find("```").expect("the fence is closed");
        let content = text[inside..close].to_owned();
        match &text[open..inside - 1] {
            "sh" => blocks.push(Block {
                commands: content,
                prints: None,
                place: 0..0,
            }),
            "text" => {
                let block = blocks.last_mut().expect("commands come before what they print");
                assert!(block.prints.is_none(), "two outputs of one block:\n{}", block.commands);
                block.prints = Some(content);
                block.place = inside..close;
            }
            "bash" if theirs.is_some() => {
                let mut commands = content.lines().filter(|line| !line.starts_with(' ')).peekable();
                assert!(commands.peek().is_some());
                assert!(commands.all(|line| line.starts_with(theirs.unwrap())), "{content}");
            }
            other => panic!("a block of {other:?} is neither run nor compared"),
        }
        at = close + 3;
    }
    blocks
}

/// What each block prints, when all are run one after another in one shell; the first command that fails ends the test. The
/// shell has the environment of `prepared`; each name of the document stands for what is really there.
pub fn run_as(blocks: &[Block], project: &Project, prepared: Aosm, names: &[(&str, &str)]) -> Vec<String> {
    let bin = project.home().join("bin");
    fs::create_dir_all(&bin).unwrap();
    std::os::unix::fs::symlink(aosm::BINARY, bin.join("aosm-build")).unwrap();
    if tools::find("jq").is_none() {
        // Enough of jq for the two questions of the document.
        let poor = "#!/bin/sh\ncase \"$*\" in *length*) grep -c '^ *\"digest\"' || true ;;\n\
                    *) sed -n 's/.*\"digest\": *\"\\(sha256:[0-9a-f]*\\)\".*/\\1/p' | sed -n 2p ;; esac\n";
        fs::write(bin.join("jq"), poor).unwrap();
        let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions(bin.join("jq"), executable).unwrap();
    }
    let mut script = String::from("set -eu\n");
    for (number, block) in blocks.iter().enumerate() {
        let commands = names
            .iter()
            .fold(block.commands.clone(), |text, (name, real)| text.replace(name, real));
        script += &format!("{commands}printf '\\n@@ %s\\n' {number}\n");
    }
    fs::write(project.home().join("script"), script).unwrap();
    // The binary's environment, with a shell instead of the binary.
    let prepared = prepared.into_command();
    let mut shell = Command::new("sh");
    shell
        .arg(project.home().join("script"))
        .current_dir(project.folder())
        .env_clear();
    for (name, value) in prepared.get_envs() {
        shell.env(name, value.unwrap_or_default());
    }
    let path = std::env::var("PATH").unwrap_or_default();
    shell.env("PATH", format!("{}:{path}", bin.display()));
    let output = shell.output().expect("a shell");
    let (stdout, stderr) = (
        String::from_utf8(output.stdout).expect("text"),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    );
    assert!(
        output.status.success(),
        "{}: after\n{stdout}\nit says\n{stderr}",
        output.status
    );
    let mut rest = names
        .iter()
        .fold(stdout.clone(), |text, (name, real)| text.replace(real, name));
    let mut printed = Vec::new();
    for number in 0..blocks.len() {
        let mark = format!("\n@@ {number}\n");
        let (before, after) = rest
            .split_once(&mark)
            .unwrap_or_else(|| panic!("no {mark:?} in {stdout}"));
        printed.push(before.to_owned());
        rest = after.to_owned();
    }
    printed
}

/// The commands of a table's second column are there, with the flags that are named with them; how many there were. `gone` are
/// flags of nobody's any more.
pub fn commands_with_flags<'a>(rows: impl Iterator<Item = &'a str>, gone: &[&str]) -> usize {
    let project = Project::new();
    let mut seen = 0;
    for row in rows {
        let here = row.split(" | ").nth(1).expect("two columns");
        let mut command = Vec::new();
        for part in here.split('`').skip(1).step_by(2) {
            if let Some(words) = part.strip_prefix("aosm-build ") {
                let known =
                    |word: &&str| word.chars().all(|c| c.is_ascii_lowercase() || c == '-') && !word.starts_with('-');
                command = words.split(' ').take_while(known).collect();
                let help = project.run(&[command.as_slice(), &["--help"]].concat()).ok();
                for flag in words.split(' ').filter(|word| word.starts_with('-')) {
                    assert!(help.stdout.contains(flag), "{words}: no {flag} in its help");
                }
                seen += 1;
            } else if part.starts_with("--") && !command.is_empty() && !gone.contains(&part) {
                let help = project.run(&[command.as_slice(), &["--help"]].concat()).ok();
                assert!(help.stdout.contains(part), "{command:?} has no {part}");
            }
        }
    }
    seen
}
