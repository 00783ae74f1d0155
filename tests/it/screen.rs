//! What people see: whole outputs, narrow screens, pipes that close, disks that are full.

use std::process::Command;

use crate::support::aosm::BINARY;
use crate::support::{Project, contoso};

fn example() -> Project {
    Project::fixture("contoso-cnf")
}

#[test]
fn a_plan_is_a_table_and_an_empty_one_a_line() {
    let project = example();
    let expected = "\
store local
  + copy release/contoso-a:1.0.0          db56ea405cf3   10.2 KiB  from myregistry.azurecr.io/release/contoso-a:1.0.0
  + copy release/contoso-b:1.0.0          e77969489ddf    6.2 KiB  from myregistry.azurecr.io/release/contoso-b:1.0.0
  + copy release/contoso-c:1.0.0          72c46dbb4db1    6.2 KiB  from myregistry.azurecr.io/release/contoso-c:1.0.0
  + copy test-release/contoso-test:1.0.0  d6008c115531    6.2 KiB  from myregistry.azurecr.io/test-release/contoso-test:1.0.0
  + push contoso-cnf:1.0.0                1ace0c15a162      2 KiB  from package contoso-cnf
  + push contoso-gateway:1.0.0            dbefda1e6651    1.3 KiB  from package contoso-gateway
lock   + 4 new entries
6 to run, at most 32.4 KiB to move
";
    assert_eq!(project.run(&["plan"]).ok().stdout, expected);
    let applied = project.run(&["apply"]).ok();
    assert_eq!(applied.stdout, "6 done; 32.4 KiB sent\n");
    assert!(applied.stderr.starts_with(expected), "{applied}");
    for command in ["plan", "apply"] {
        let output = project.run(&[command]).ok();
        assert_eq!(
            (output.stdout.as_str(), output.stderr.as_str()),
            ("nothing to do: 6 artifacts up to date\n", "")
        );
    }
}

#[test]
fn a_narrow_screen_breaks_lines_between_columns() {
    let project = example();
    let output = project.aosm(&["plan"]).env("COLUMNS", "60").run().ok();
    assert!(
        output
            .stdout
            .contains("\n      from myregistry.azurecr.io/release/contoso-a:1.0.0\n"),
        "{output}"
    );
    for line in output.stdout.lines() {
        assert!(line.chars().count() <= 70, "{line}");
    }
    project.edit("charts/contoso-cnf/values.yaml", "\n", "\n- x\n");
    let output = project.aosm(&["check"]).env("COLUMNS", "40").run().expect(4);
    for line in output.stderr.lines() {
        assert!(line.chars().count() <= 48, "{line}: {output}");
    }
}

#[test]
fn images_are_listed_with_what_uses_them() {
    let project = example();
    let expected = "\
repository/release/contoso-a:1.0.0          Deployment/contoso-cnf-controller
repository/release/contoso-b:1.0.0          Deployment/contoso-cnf-worker and 1 more
repository/release/contoso-c:1.0.0          Deployment/contoso-gateway
repository/test-release/contoso-test:1.0.0  Pod/contoso-cnf-connection-test (test)
4 images
";
    let output = project.run(&["images"]).ok();
    let objects: Vec<&str> = output
        .stdout
        .lines()
        .map(|line| line.split("  ").next().unwrap_or(line))
        .collect();
    let references: Vec<&str> = expected
        .lines()
        .map(|line| line.split("  ").next().unwrap_or(line))
        .collect();
    assert_eq!(objects, references, "{output}");
    assert!(
        output.stdout.contains("(test)") && output.stdout.contains(" and 1 more"),
        "{output}"
    );
    // Located, they say where, and what they are called in the store.
    let output = project.run(&["images", "--locate"]).ok();
    for path in contoso::PATHS {
        assert!(output.stdout.contains(&format!("    → {path}\n")), "{output}");
    }
    assert_eq!(
        output.stdout.matches("    at myregistry.azurecr.io ").count(),
        4,
        "{output}"
    );
}

#[test]
fn texts_that_may_be_images_are_warned_of_once_and_listed_with_what_a_rule_would_match() {
    let project = example();
    project.write(
        "charts/contoso-cnf/templates/operator.yaml",
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: op}\nspec: {template: {spec: {containers: [{name: a, image: repository/release/contoso-a:1.0.0,\n  args: [--sidecar-image=quay.io/contoso/sidecar:2],\n  env: [{name: RELATED_IMAGE_X, value: 'quay.io/contoso/x:1'}]}]}}}\n",
    );
    for command in ["check", "plan"] {
        let output = project.run(&[command]).ok();
        assert_eq!(output.stderr.matches("warning:").count(), 1, "{output}");
        assert!(
            output.stderr.contains("2 texts may be images and are not taken"),
            "{output}"
        );
    }
    let listed = project.run(&["images"]).ok();
    for place in [
        "env RELATED_IMAGE_X of Deployment/op",
        "--sidecar-image of Deployment/op",
    ] {
        assert!(listed.stdout.contains(place), "{place}: {listed}");
    }
    let json = project.run(&["images", "--json"]).ok().json();
    let named: Vec<&str> = json["candidates"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|c| c["named"].as_str())
        .collect();
    assert_eq!(named, ["--sidecar-image", "env RELATED_IMAGE_X"]);
    // What it is called is what a rule takes.
    let rules = "\n[[discovery.rules]]\nenv = \"RELATED_IMAGE_X\"\n[[discovery.rules]]\narg = \"--sidecar-image\"\n";
    let text = project.read("aosm.toml") + rules;
    project.write("aosm.toml", text);
    let output = project.run(&["check"]).ok();
    assert_eq!(output.stderr, "", "{output}");
    assert!(output.stdout.contains("6 images"), "{output}");
}

#[test]
fn without_image_sources_one_error_says_which_to_name() {
    let project = Project::new();
    project.write(
        "aosm.toml",
        "[project]\nname = \"p\"\nversion = \"1.0.0\"\n[[images]]\nreference = \"quay.io/a/b:1\"\n[[images]]\nreference = \"nginx:1\"\n",
    );
    let output = project.run(&["plan"]).expect(4);
    assert_eq!(output.stderr.matches("error:").count(), 1, "{output}");
    assert!(
        output.stderr.contains("image-sources = [\"docker.io\", \"quay.io\"]"),
        "{output}"
    );
}

#[test]
fn json_stands_alone_on_standard_output() {
    let project = example();
    for arguments in [
        ["plan", "--json"].as_slice(),
        &["images", "--json"],
        &["check", "--json"],
        &["graph", "--json"],
        &["apply", "--json"],
        &["why", "push:local/contoso-cnf:1.0.0", "--json"],
        &["lock", "--json"],
    ] {
        let output = project.run(arguments).ok();
        assert!(
            output.json()["format"].as_str().unwrap().starts_with("aosm-"),
            "{output}"
        );
        // Only `apply` has a course to tell.
        assert!(output.stderr.is_empty() || arguments[0] == "apply", "{output}");
    }
}

#[test]
fn every_command_teaches_with_an_example() {
    let project = Project::new();
    let help = project.run(&["--help"]).ok().stdout;
    let mut commands: Vec<Vec<&str>> = help
        .lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| !line.is_empty())
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .map(|command| vec![command])
        .collect();
    assert!(commands.len() > 10, "{help}");
    commands.extend([vec!["cache", "prune"], vec!["cache", "dir"], vec![]]);
    for mut command in commands {
        command.push("--help");
        let output = project.aosm(&command).env("COLUMNS", "90").run().ok();
        assert!(output.stdout.contains("Example"), "{output}");
        for line in output.stdout.lines() {
            assert!(line.chars().count() <= 110, "{line}");
        }
    }
}

#[test]
fn wrong_use_says_what_was_meant() {
    let project = example();
    for (arguments, words) in [
        (["plam"].as_slice(), "'plan'"),
        (&["plan", "--jsn"], "'--json'"),
        (&["apply", "-j", "0"], "no number from 1 on"),
        (&["cache", "prune", "--max-size", "x"], "500MiB"),
        (&["cache", "prune", "--max-age", "1y"], "30d"),
        (&["graph", "--format", "png"], "mermaid"),
        (&["plan", "-q", "-v"], "cannot be used with"),
        (&["plan", "--locked", "--frozen"], "cannot be used with"),
        (&[], "Usage"),
    ] {
        let output = project.run(arguments).expect(64);
        assert!(output.stderr.contains(words), "{output}");
    }
}

#[cfg(unix)]
fn in_shell(project: &Project, script: &str) -> (i32, String, String) {
    let prepared = project.aosm(&[]).into_command();
    let mut shell = Command::new("sh");
    shell
        .arg("-c")
        .arg(script)
        .arg(BINARY)
        .env_clear()
        .current_dir(project.folder());
    for (name, value) in prepared.get_envs() {
        if let Some(value) = value {
            shell.env(name, value);
        }
    }
    let output = shell.output().expect("a shell");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    (
        output.status.code().unwrap_or(-1),
        text(output.stdout),
        text(output.stderr),
    )
}

#[cfg(unix)]
#[test]
fn a_pipe_that_closes_is_the_readers_choice() {
    let project = example();
    for command in [
        "plan",
        "plan --json",
        "images",
        "graph",
        "schema plan",
        "man",
        "completions bash",
        "--help",
    ] {
        let script = format!("{{ \"$0\" {command}; echo $? > code; }} | head -c 1 > /dev/null");
        let (_, _, stderr) = in_shell(&project, &script);
        assert_eq!(project.read("code").trim(), "0", "{command}: {stderr}");
        assert!(
            !stderr.contains("panicked") && !stderr.contains("roken pipe"),
            "{command}: {stderr}"
        );
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_result_that_cannot_be_written_is_an_error() {
    let project = example();
    for command in ["plan", "plan --json", "images", "graph", "schema plan", "check"] {
        let (code, _, stderr) = in_shell(&project, &format!("\"$0\" {command} > /dev/full"));
        assert_eq!(code, 5, "{command}: {stderr}");
        assert!(
            stderr.contains("standard output cannot be written") && stderr.contains("help: "),
            "{stderr}"
        );
    }
    // Nobody who listens to what goes wrong is no reason to fail.
    let (code, stdout, _) = in_shell(&project, "\"$0\" plan 2> /dev/full");
    assert!(code == 0 && stdout.contains("6 to run"), "{stdout}");
    let (code, stdout, _) = in_shell(&project, "\"$0\" plan 2>&-");
    assert!(code == 0 && stdout.contains("6 to run"), "{stdout}");
}
