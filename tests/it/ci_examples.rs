//! The pipelines of `docs/ci.md`: their scripts are taken from there and run, and what they set is what is read.
#![cfg(unix)]

use std::process::Command;

use crate::support::aosm::BINARY;
use crate::support::publisher::Publisher;
use crate::support::*;

fn guide() -> String {
    std::fs::read_to_string(root().join("docs/ci.md")).unwrap()
}

/// The lines below the `nth` line that begins with this, as far as they are indented deeper: a block of YAML.
fn block(text: &str, beginning: &str, nth: usize) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let mut starts = lines
        .iter()
        .enumerate()
        .filter(|(_, line)| line.trim_start().starts_with(beginning));
    let (at, first) = starts.nth(nth).unwrap_or_else(|| panic!("no {beginning}"));
    // Behind the dash of a list stands a key like those below it.
    let depth = first.len() - first.trim_start_matches([' ', '-']).len();
    let body: Vec<&str> = lines[at + 1..]
        .iter()
        .take_while(|line| line.trim().is_empty() || line.len() - line.trim_start().len() > depth)
        .copied()
        .collect();
    let indent = body[0].len() - body[0].trim_start().len();
    body.iter()
        .map(|line| line.get(indent..).unwrap_or_default().to_owned() + "\n")
        .collect()
}

/// Runs a script as a pipeline's shell does, in a project; its exit code, and what it wrote.
fn shell(project: &Project, script: &str, variables: &[(&str, &str)]) -> (i32, String) {
    let folder = std::path::Path::new(BINARY).parent().unwrap();
    let mut command: Command = project.aosm(&[]).into_command();
    let environment: Vec<_> = command
        .get_envs()
        .filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned())))
        .collect();
    command = Command::new("bash");
    command
        .args(["--noprofile", "--norc", "-eo", "pipefail", "-c", script])
        .current_dir(project.folder())
        .env_clear()
        .envs(environment)
        .env("GITHUB_STEP_SUMMARY", project.path("summary.md"))
        .env(
            "PATH",
            format!("{}:{}", folder.display(), std::env::var("PATH").unwrap_or_default()),
        )
        .envs(variables.iter().copied());
    let output = command.output().expect("bash");
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (output.status.code().unwrap_or(-1), text)
}

/// A project that is in order, with its lock; its store is a registry at this address.
fn project(registry: &str) -> Project {
    let project = Project::fixture("contoso-cnf");
    let settings = project.read("aosm.toml");
    project.run(&["lock"]).ok();
    project.write(
        "aosm.toml",
        format!("{settings}\n[stores.target]\nkind = \"registry\"\nregistry = \"{registry}\"\n"),
    );
    project
}

#[test]
fn the_script_for_pull_requests_is_green_where_something_is_pending_and_red_where_something_is_wrong() {
    let guide = guide();
    let github = block(&guide, "run: |", 0);
    let pipelines = block(&guide, "inlineScript: |", 0);
    assert!(github.contains("plan --detailed-exitcode") && pipelines.contains("plan --detailed-exitcode"));
    let registry = Registry::shared(Kind::Plain);
    let target = format!("{}/{}", registry.host(), registry.unique("ci"));
    for script in [&github, &pipelines] {
        let project = project(&target);
        let (code, text) = shell(&project, script, &[("FORK", "false")]);
        assert_eq!(code, 0, "{text}");
        assert!(text.contains("contoso-a"), "{text}");
        project.write("aosm.toml", project.read("aosm.toml") + "[sorces]\n");
        for fork in ["false", "true"] {
            let (code, text) = shell(&project, script, &[("FORK", fork)]);
            assert_eq!(code, 4, "{text}");
        }
    }
    // What the summary of the run shows is the plan.
    let project = project(&target);
    shell(&project, &github, &[("FORK", "false")]);
    assert!(
        project.read("summary.md").contains("copy"),
        "{}",
        project.read("summary.md")
    );
}

#[test]
fn a_store_that_cannot_be_read_is_red_unless_the_pull_request_is_a_forks() {
    let guide = guide();
    let github = block(&guide, "run: |", 0);
    let pipelines = block(&guide, "inlineScript: |", 0);
    let fork = block(&guide, "- bash: |", 0);
    // Nobody answers at this port.
    let project = project("127.0.0.1:1/contoso");
    for (script, given, expected) in [
        (&github, "true", 0),
        (&github, "false", 5),
        (&github, "", 5),
        (&pipelines, "", 5),
        (&fork, "", 0),
    ] {
        let (code, text) = shell(&project, script, &[("FORK", given)]);
        assert_eq!(code, expected, "{script}\n{text}");
        assert!(
            text.contains('?') && text.contains("contoso-a"),
            "the rest is said: {text}"
        );
    }
    project.write("aosm.toml", project.read("aosm.toml") + "[sorces]\n");
    let (code, text) = shell(&project, &fork, &[]);
    assert_eq!(code, 4, "mistakes are told to forks, too: {text}");
}

#[test]
fn a_fork_without_a_login_is_told_everything_but_what_an_artifact_store_holds() {
    let guide = guide();
    let publisher = Publisher::new();
    publisher.project.run(&["lock"]).ok();
    let endpoint = publisher.arm.endpoint();
    for (script, given, expected) in [
        (block(&guide, "run: |", 0), "true", 0),
        (block(&guide, "run: |", 0), "false", 5),
        (block(&guide, "- bash: |", 0), "", 0),
    ] {
        let variables = [
            ("FORK", given),
            ("GITHUB_ACTIONS", "true"),
            ("AOSM_ARM_ENDPOINT", &endpoint),
            // No metadata service, and no `az`.
            ("AZURE_POD_IDENTITY_AUTHORITY_HOST", &format!("{endpoint}/nowhere")),
        ];
        let (code, text) = shell(&publisher.project, &script, &variables);
        assert_eq!(code, expected, "{text}");
        for part in ["small-1", "?", "no Entra identity was found", "id-token: write"] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }
    assert_eq!(publisher.arm.count("listCredential"), 0, "{:?}", publisher.arm.seen());
}

#[test]
fn the_examples_are_yaml_and_name_the_variables_that_are_read() {
    let guide = guide();
    let blocks: Vec<&str> = guide
        .split("```yaml\n")
        .skip(1)
        .filter_map(|rest| rest.split("\n```").next())
        .collect();
    assert_eq!(blocks.len(), 2);
    for text in &blocks {
        let value: serde_json::Value = serde_saphyr::from_str(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
        assert!(value.is_object());
    }
    let github: serde_json::Value = serde_saphyr::from_str(blocks[0]).unwrap();
    for job in ["plan", "apply"] {
        assert_eq!(github["jobs"][job]["permissions"]["id-token"], "write");
        for name in ["AZURE_CLIENT_ID", "AZURE_TENANT_ID"] {
            assert!(github["jobs"][job]["env"][name].is_string(), "{job} {name}");
        }
    }
    let pipelines: serde_json::Value = serde_saphyr::from_str(blocks[1]).unwrap();
    let tasks: Vec<&serde_json::Value> = pipelines["steps"].as_array().unwrap().iter().collect();
    let with_azure = tasks.iter().filter(|step| step["task"] == "AzureCLI@2");
    assert_eq!(
        with_azure
            .filter(|step| step["env"]["SYSTEM_ACCESSTOKEN"] == "$(System.AccessToken)")
            .count(),
        2
    );
}
