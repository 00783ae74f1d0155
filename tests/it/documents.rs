//! What is printed for machines: every document against its schema, every exit code, nothing on the wrong stream.

use serde_json::Value;

use crate::support::*;

/// Fails unless the document is what its schema describes; the schema is the committed one, and the one the program prints.
pub fn fits(project: &Project, name: &str, document: &Value) {
    let text = project.run(&["schema", name]).ok().stdout;
    let committed = std::fs::read_to_string(root().join(format!("schemas/{name}.schema.json"))).unwrap();
    assert_eq!(text.replace("\r\n", "\n"), committed.replace("\r\n", "\n"), "{name}");
    let schema: Value = serde_json::from_str(&text).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let errors: Vec<String> = validator
        .iter_errors(document)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert!(errors.is_empty(), "{name}: {errors:#?}\n{document:#}");
    let format = format!("aosm-{name}/1");
    assert_eq!(document["format"], format.as_str());
    // A schema that takes anything proves nothing.
    let mut other = document.clone();
    other["format"] = "aosm-other/1".into();
    assert!(!validator.is_valid(&other), "{name}: the form is pinned");
}

/// The committed example, to be published to a registry.
fn troubled() -> Project {
    let project = Project::fixture("contoso-cnf");
    let registry = Registry::shared(Kind::Plain);
    let prefix = registry.unique("documents");
    let settings = project.read("aosm.toml");
    project.write(
        "aosm.toml",
        format!(
            "{settings}\n[stores.target]\nkind = \"registry\"\nregistry = \"{}/{prefix}\"\n",
            registry.host()
        ),
    );
    project
}

#[test]
fn plans_fit_their_schema_whatever_they_say() {
    let project = troubled();
    let plan = |arguments: &[&str], code: i32| {
        let output = project.run(arguments).expect(code);
        fits(&project, "plan", &output.json());
        output.json()
    };
    let fresh = plan(&["plan", "--json"], 0);
    assert_eq!(fresh["summary"]["run"], 6, "{fresh}");
    plan(&["plan", "--json", "--offline"], 0);
    project.run(&["apply"]).ok();
    assert_eq!(plan(&["plan", "--json"], 0)["summary"]["fresh"], 6);
    project.write(
        "charts/contoso-cnf/values.yaml",
        project.read("charts/contoso-cnf/values.yaml") + "# more\n",
    );
    let refused = plan(&["plan", "--json"], 4);
    assert_eq!(refused["summary"]["invalid"], 1, "{refused}");
    assert_eq!(plan(&["plan", "--json", "--replace"], 0)["summary"]["run"], 1);
    project.write(
        "charts/contoso-cnf/templates/gone.yaml",
        charts_with("repository/release/gone:1"),
    );
    let missing = plan(&["plan", "--json", "--replace"], 4);
    assert_eq!(missing["summary"]["invalid"], 1, "{missing}");
    project.edit(
        "aosm.toml",
        "kind = \"registry\"\nregistry = \"127.0.0.1:",
        "kind = \"registry\"\nregistry = \"127.0.0.1:1/",
    );
    let unknown = plan(&["plan", "--json", "--only", "push:*"], 4);
    assert_eq!(unknown["summary"]["unknown"], 2, "{unknown}");
}

/// A template that names one more image.
fn charts_with(image: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{ name: more }}\nspec:\n  containers:\n    - name: more\n      image: {image}\n"
    )
}

#[test]
fn the_digest_of_a_plan_is_that_of_its_own_text() {
    let project = Project::fixture("contoso-cnf");
    let output = project.run(&["plan", "--json"]).ok();
    let digest = output.json()["plan-digest"].as_str().unwrap().to_owned();
    let mut compact = String::new();
    let (mut quoted, mut escaped) = (false, false);
    for c in output.stdout.chars() {
        if quoted || !c.is_whitespace() {
            compact.push(c);
        }
        quoted ^= c == '"' && !escaped;
        escaped = quoted && c == '\\' && !escaped;
    }
    let blank = compact.replace(&format!("\"plan-digest\":\"{digest}\""), "\"plan-digest\":null");
    assert_ne!(blank, compact);
    assert_eq!(sha256(blank.as_bytes()), digest);
}

#[test]
fn applied_runs_fit_their_schema() {
    let project = troubled();
    let apply = |arguments: &[&str], code: i32| {
        let output = project.run(arguments).expect(code);
        fits(&project, "apply", &output.json());
        output.json()
    };
    project.write(
        "charts/contoso-cnf/templates/gone.yaml",
        charts_with("repository/release/gone:1"),
    );
    let applied = apply(&["apply", "--json"], 4);
    assert_eq!(
        (&applied["summary"]["failed"], &applied["summary"]["done"]),
        (&1.into(), &6.into()),
        "{applied}"
    );
    let failed = applied["steps"]
        .as_array()
        .unwrap()
        .iter()
        .find(|step| step["outcome"] == "failed")
        .unwrap();
    assert!(failed["error"].as_str().unwrap().contains("release/gone:1"), "{failed}");
    project.remove("charts/contoso-cnf/templates/gone.yaml");
    let applied = apply(&["apply", "--json", "--replace"], 0);
    assert_eq!(
        (&applied["summary"]["fresh"], &applied["summary"]["done"]),
        (&5.into(), &1.into()),
        "{applied}"
    );
}

#[test]
fn images_fit_their_schema_alone_and_together() {
    let project = Project::fixture("contoso-cnf");
    project.write(
        "charts/contoso-cnf/templates/candidate.yaml",
        "apiVersion: v1\nkind: Pod\nmetadata: { name: more }\nspec:\n  containers:\n    - name: more\n      \
         image: repository/release/contoso-a:1.0.0\n      env:\n        - name: SIDECAR_IMAGE\n          \
         value: registry.example/team/sidecar:2.1.0\n",
    );
    let images = project.run(&["images", "--json"]).ok().json();
    fits(&project, "images", &images);
    assert_eq!(images["images"].as_array().unwrap().len(), 4);
    assert_eq!(
        images["candidates"][0]["reference"],
        "registry.example/team/sidecar:2.1.0"
    );
    assert_eq!(
        images["images"][0]["located"],
        Value::Null,
        "without --locate and without lock"
    );
    assert_eq!(images["images"][0]["name"], Value::Null, "not decided yet");
    let one = project.run(&["images", "--why", "contoso-b", "--json"]).ok().json();
    fits(&project, "images", &one);
    assert_eq!(one["images"].as_array().unwrap().len(), 1);
    project.write(
        "charts/contoso-cnf/templates/gone.yaml",
        charts_with("repository/release/gone:1"),
    );
    let located = project.run(&["images", "--locate", "--json"]).expect(4).json();
    fits(&project, "images", &located);
    assert_eq!(located["missing"][0]["reference"], "repository/release/gone:1");
    assert_eq!(located["images"][0]["name"], "release/contoso-a");
    let gone = project
        .run(&["images", "--locate", "--why", "gone", "--json"])
        .expect(4)
        .json();
    fits(&project, "images", &gone);
    assert_eq!(gone["missing"].as_array().unwrap().len(), 1);
}

#[test]
fn the_other_documents_fit_their_schemas() {
    let project = Project::fixture("contoso-cnf");
    let json = |arguments: &[&str], code: i32| project.run(arguments).expect(code).json();
    let graph = json(&["graph", "--json"], 0);
    fits(&project, "graph", &graph);
    assert_eq!(graph, json(&["graph", "--format", "json"], 0));
    fits(
        &project,
        "why",
        &json(&["why", "push:local/contoso-cnf:1.0.0", "--json"], 0),
    );
    fits(&project, "why", &json(&["why", "render:contoso-cnf", "--json"], 0));
    fits(&project, "check", &json(&["check", "--json"], 0));
    let check = json(&["lock", "--check", "--json"], 3);
    fits(&project, "lock-changes", &check);
    assert_eq!(check["changes"].as_array().unwrap().len(), 4);
    assert_eq!(json(&["lock", "--json"], 0), check);
    project.run(&["apply"]).ok();
    fits(&project, "lock-changes", &json(&["lock", "--update", "--json"], 0));
    fits(&project, "cache-prune", &json(&["cache", "prune", "--json"], 0));
    let names = project.run(&["schema"]).ok().stdout;
    let mut committed: Vec<String> = std::fs::read_dir(root().join("schemas"))
        .unwrap()
        .map(|entry| {
            entry
                .unwrap()
                .file_name()
                .into_string()
                .unwrap()
                .replace(".schema.json", "")
        })
        .collect();
    committed.sort();
    assert_eq!(names.lines().collect::<Vec<_>>(), committed);
    project.run(&["schema", "nonsense"]).expect(64);
}

#[test]
fn why_tells_file_and_line_of_what_changed() {
    let project = Project::fixture("contoso-cnf");
    project.run(&["apply"]).ok();
    project
        .run(&["why", "push:local/contoso-cnf:1.0.0"])
        .ok()
        .says("nothing it depends on changed");
    project.edit(
        "charts/contoso-cnf/templates/worker.yaml",
        "kind: Deployment",
        "# a remark\nkind: Deployment",
    );
    let line = project
        .read("charts/contoso-cnf/templates/worker.yaml")
        .lines()
        .position(|line| line == "# a remark");
    let line = format!(
        ": charts/contoso-cnf/templates/worker.yaml changed at line {}",
        line.unwrap() + 1
    );
    let why = project
        .run(&["why", "push:local/contoso-cnf:1.0.0", "--json"])
        .ok()
        .json();
    fits(&project, "why", &why);
    assert_eq!(why["action"], "run");
    assert_ne!(why["desired"], why["observed"]);
    assert!(
        why["changes"]
            .as_array()
            .unwrap()
            .iter()
            .any(|c| line == format!(": {}", c["what"].as_str().unwrap())),
        "{why:#}"
    );
    project.run(&["why", "push:local/contoso-cnf:1.0.0"]).ok().says(&line);
    // Values and settings are told as well.
    project.write("values/gateway.yaml", project.read("values/gateway.yaml") + "# more\n");
    project
        .run(&["why", "render:contoso-gateway"])
        .ok()
        .says(": values/gateway.yaml changed");
    project
        .run(&["why", "copy:local/release/contoso-a:1.0.0"])
        .ok()
        .says("contoso-cnf/templates/controller.yaml");
    project.run(&["why", "contoso"]).expect(64).says("several steps");
    project.run(&["why", "nobody"]).expect(64);
}

#[test]
fn graphs_come_as_mermaid_dot_and_json() {
    let project = Project::fixture("contoso-cnf");
    let mermaid = project.run(&["graph"]).ok().stdout;
    assert!(
        mermaid.starts_with("flowchart LR\n") && mermaid.contains("push:local/contoso-cnf:1.0.0"),
        "{mermaid}"
    );
    let dot = project.run(&["graph", "--format", "dot"]).ok().stdout;
    assert!(
        dot.starts_with("digraph ") && dot.contains("\"package:contoso-cnf\" -> \"push:local/contoso-cnf:1.0.0\""),
        "{dot}"
    );
    let json = project.run(&["graph", "--format", "json"]).ok().json();
    let steps = json["steps"].as_array().unwrap();
    let ids: Vec<&str> = steps.iter().map(|step| step["id"].as_str().unwrap()).collect();
    assert!(ids.is_sorted(), "{ids:?}");
    let copy = steps
        .iter()
        .find(|step| step["id"] == "copy:local/release/contoso-b:1.0.0")
        .unwrap();
    assert_eq!(copy["deps"][0], "locate:repository/release/contoso-b:1.0.0");
}

#[test]
fn every_exit_code_comes_when_the_table_says() {
    let ready = || Project::fixture("contoso-cnf");
    let applied = || {
        let project = ready();
        project.run(&["apply"]).ok();
        project
    };
    ready().run(&["plan"]).ok();
    ready().run(&["plan", "--detailed-exitcode"]).expect(2);
    applied().run(&["plan", "--detailed-exitcode"]).ok();
    ready().run(&["plan", "--locked"]).expect(3);
    ready().run(&["lock", "--check"]).expect(3);
    let broken = ready();
    broken.write("aosm.toml", broken.read("aosm.toml") + "[sorces]\n");
    broken
        .run(&["plan", "--detailed-exitcode"])
        .expect(4)
        .says("sources")
        .says("aosm.toml:");
    let missing = ready();
    missing.edit("cnf-input.jsonc", "charts/contoso-gateway", "charts/nowhere");
    missing
        .run(&["check"])
        .expect(4)
        .says("charts/nowhere")
        .says("cnf-input.jsonc:");
    let template = ready();
    template.write(
        "charts/contoso-cnf/templates/bad.yaml",
        "{{ required \"a name is needed\" .Values.nothing }}",
    );
    template
        .run(&["plan"])
        .expect(4)
        .says("a name is needed")
        .says("bad.yaml");
    let no_helm = ready();
    no_helm
        .aosm(&["plan"])
        .env("AOSM_HELM", "/nowhere/helm")
        .run()
        .expect(5)
        .says("AOSM_HELM")
        .says("/nowhere/helm");
    no_helm
        .aosm(&["plan", "--helm", "/nowhere/else"])
        .run()
        .expect(5)
        .says("--helm")
        .says("/nowhere/else");
    no_helm
        .aosm(&["plan"])
        .env_remove("AOSM_HELM")
        .env("PATH", "")
        .run()
        .expect(5)
        .says("helm")
        .says("install");
    for usage in [
        &["--nonsense"][..],
        &["plan", "--nonsense"],
        &["apply", "-j", "0"],
        &["apply", "-j", "many"],
        &["apply", "--only", "[broken"],
        &["graph", "--format", "png"],
        &["plan", "--quiet", "--verbose"],
        &["why"],
        &["dance"],
        &["-C", "nowhere", "plan"],
        &[],
    ] {
        let output = ready().run(usage).expect(64);
        assert_eq!(output.stdout, "", "{usage:?}: {output}");
        assert_ne!(output.stderr, "", "{usage:?}");
    }
}

#[test]
fn help_teaches_with_an_example_for_each_command() {
    let project = Project::new();
    let help = project.run(&["--help"]).ok();
    assert_eq!(help.stderr, "");
    let commands: Vec<&str> = help
        .stdout
        .lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| line.starts_with("  "))
        .filter(|line| !line.starts_with("   "))
        .map(|line| line.split_whitespace().next().unwrap())
        .collect();
    for command in [
        "init",
        "plan",
        "apply",
        "images",
        "lock",
        "why",
        "graph",
        "check",
        "cache",
        "completions",
        "man",
        "schema",
    ] {
        assert!(commands.contains(&command), "{command}: {commands:?}");
    }
    for command in commands {
        let help = project.run(&[command, "--help"]).ok().stdout;
        let own_example = help.contains("Example") && help.contains(&format!("aosm-build {command}"));
        assert!(own_example || ["cache", "man"].contains(&command), "{command}: {help}");
    }
    project.run(&["--version"]).ok().says(env!("CARGO_PKG_VERSION"));
}

#[test]
fn completions_and_the_manual_know_every_command() {
    let project = Project::new();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let text = project.run(&["completions", shell]).ok().stdout;
        for word in ["apply", "force-check", "detailed-exitcode"] {
            assert!(text.contains(word), "{shell}: no {word}");
        }
    }
    let manual = project.run(&["man"]).ok().stdout;
    assert!(
        manual.starts_with(".ie") || manual.starts_with(".TH"),
        "{}",
        &manual[..80]
    );
    for word in ["apply", "images", "detailed\\-exitcode", "NO_COLOR"] {
        assert!(manual.contains(word), "no {word} in the manual");
    }
}

#[test]
fn quiet_says_results_only_and_verbose_says_more() {
    let project = Project::fixture("contoso-cnf");
    let quiet = project.run(&["apply", "--quiet"]).ok();
    assert_eq!(quiet.stderr, "");
    assert_eq!(quiet.stdout.lines().count(), 1, "{quiet}");
    project.remove(".aosm");
    let plain = project.run(&["apply"]).ok();
    assert!(
        plain.stderr.contains("done copy:local/release/contoso-a:1.0.0"),
        "{plain}"
    );
    assert!(!plain.stderr.contains("render:"), "{plain}");
    let verbose = project.run(&["plan", "-v"]).ok();
    assert!(verbose.stderr.contains("render:contoso-cnf (cached)"), "{verbose}");
    assert!(
        verbose.stdout.contains("= copy release/contoso-a:1.0.0"),
        "fresh steps as well: {verbose}"
    );
    // Errors are said in any case.
    project.write("aosm.toml", "nonsense = 1\n");
    let errors = project.run(&["plan", "--quiet"]).expect(4);
    assert!(errors.stderr.contains("nonsense"), "{errors}");
    assert_eq!(errors.stdout, "");
}

#[test]
fn without_a_terminal_there_are_no_escapes_unless_asked_for() {
    let project = Project::fixture("contoso-cnf");
    let escapes = |output: &Output| output.stdout.contains('\u{1b}') || output.stderr.contains('\u{1b}');
    for arguments in [
        &["plan"][..],
        &["apply"],
        &["images"],
        &["why", "push:local/contoso-cnf:1.0.0"],
        &["--help"],
        &["nonsense"],
    ] {
        let output = project.run(arguments);
        assert!(!escapes(&output), "{output}");
    }
    let always = project.run(&["plan", "-v", "--color", "always"]).ok();
    assert!(escapes(&always), "{always}");
    let never = project.run(&["plan", "-v", "--color", "never"]).ok();
    assert!(!escapes(&never), "{never}");
    // What is typed goes before what the environment says.
    let typed = project
        .aosm(&["plan", "-v", "--color", "always"])
        .env("NO_COLOR", "1")
        .run()
        .ok();
    assert!(escapes(&typed), "{typed}");
    // JSON is never coloured.
    let json = project.run(&["plan", "--json", "--color", "always"]).ok();
    assert!(!json.stdout.contains('\u{1b}'), "{json}");
    json.json();
}

#[test]
fn an_error_leaves_no_half_document_on_standard_output() {
    let project = Project::fixture("contoso-cnf");
    project.write("aosm.toml", "nonsense = 1\nalso = 2\n");
    for arguments in [
        &["plan", "--json"][..],
        &["apply", "--json"],
        &["images", "--json"],
        &["check", "--json"],
    ] {
        let output = project.run(arguments).expect(4);
        assert_eq!(output.stdout, "", "{output}");
        assert_eq!(output.stderr.matches("error:").count(), 2, "all errors: {output}");
    }
}

#[test]
fn commands_work_from_another_folder_and_with_a_named_file() {
    let project = Project::fixture("contoso-cnf");
    let elsewhere = temp_dir();
    let plan = project.run(&["plan", "--json"]).ok().stdout;
    let folder = project.folder();
    let there = project
        .aosm(&["-C", folder.to_str().unwrap(), "plan", "--json"])
        .current_dir(elsewhere.path())
        .run()
        .ok();
    assert_eq!(there.stdout, plan, "the same plan from any folder");
    let file = project.path("aosm.toml");
    let named = project
        .aosm(&["plan", "--json", "--project", file.to_str().unwrap()])
        .current_dir(elsewhere.path())
        .run()
        .ok();
    assert_eq!(named.stdout, plan);
    assert_eq!(
        std::fs::read_dir(elsewhere.path()).unwrap().count(),
        0,
        "nothing is left where it was called"
    );
}
