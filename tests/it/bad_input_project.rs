//! Project files that are wrong: each gives clear errors with their places, and changes nothing.

use crate::support::Project;
use crate::support::refusal::refused;

/// The worked example, to be broken.
fn example() -> Project {
    Project::fixture("contoso-cnf")
}

/// A project of one file, without charts.
fn settings(text: &str) -> Project {
    let project = Project::new();
    project.write("aosm.toml", text);
    project
}

const HEAD: &str = "[project]\nname = \"p\"\nversion = \"1.0.0\"\nimage-sources = [\"r.example\"]\n";

fn brackets() -> String {
    ["[".repeat(10_000), "]".repeat(10_000)].concat()
}

#[test]
fn a_folder_without_a_project_says_how_to_begin() {
    let project = Project::new();
    for command in ["check", "plan", "apply", "images", "lock", "graph"] {
        refused(&project, &[command], 4).one().says("aosm-build init");
    }
}

#[test]
fn a_folder_that_is_not_there_is_wrong_use() {
    let project = example();
    refused(&project, &["-C", "nowhere", "check"], 64)
        .one()
        .says("-C nowhere: there is no such folder");
    refused(&project, &["-C", "aosm.toml", "check"], 64)
        .one()
        .says("-C aosm.toml");
}

#[test]
fn a_project_file_that_is_not_there_is_told_by_name() {
    refused(&example(), &["--project", "other.toml", "check"], 4)
        .one()
        .says("other.toml: there is no such file");
}

#[test]
fn a_missing_chart_is_told_at_the_line_that_names_it() {
    let project = example();
    project.remove("charts/contoso-cnf");
    for command in ["check", "plan", "apply"] {
        refused(&project, &[command], 4)
            .one()
            .says("chart charts/contoso-cnf: there is no such file or folder")
            .says("cnf-input.jsonc:25:30");
    }
}

#[test]
fn a_chart_path_that_is_something_else_is_told_at_its_line() {
    let project = example();
    project.edit("cnf-input.jsonc", "charts/contoso-cnf", "values/gateway.yaml");
    refused(&project, &["check"], 4)
        .one()
        .says("not a folder, `.tgz`")
        .says("cnf-input.jsonc:25:30");
    project.edit("cnf-input.jsonc", "values/gateway.yaml\",\n", "values\",\n");
    refused(&project, &["check"], 4)
        .one()
        .says("no `Chart.yaml` in this folder");
}

#[test]
fn a_values_file_that_is_no_file_is_told_at_its_line() {
    for (path, words) in [
        ("values/none.yaml", "there is no such file or folder"),
        ("values", "is a folder"),
    ] {
        let project = example();
        project.edit("cnf-input.jsonc", "values/gateway.yaml", path);
        refused(&project, &["check"], 4)
            .one()
            .says(words)
            .says("cnf-input.jsonc:32:31");
    }
}

#[test]
fn a_gigabyte_of_values_is_not_read() {
    let project = example();
    sparse(&project, "values/gateway.yaml");
    refused(&project, &["check"], 4)
        .one()
        .says("larger than 16 MiB")
        .says("cnf-input.jsonc:32:31");
}

#[test]
fn two_packages_of_one_name_are_told_with_both_places() {
    let project = example();
    project.edit("cnf-input.jsonc", "\"contoso-gateway\"", "\"contoso-cnf\"");
    refused(&project, &["apply"], 4)
        .one()
        .says("package contoso-cnf: named twice")
        .says("cnf-input.jsonc:30:21")
        .says("cnf-input.jsonc:23:21");
}

#[test]
fn two_charts_of_one_name_are_told_with_both_places_before_anything_moves() {
    let project = example();
    project.edit(
        "charts/contoso-gateway/Chart.yaml",
        "name: contoso-gateway",
        "name: contoso-cnf",
    );
    for command in ["check", "plan", "apply"] {
        refused(&project, &[command], 4)
            .one()
            .says("contoso-cnf:1.0.0 is wanted with two contents in the store local")
            .says("cnf-input.jsonc:23:21")
            .says("cnf-input.jsonc:30:21");
    }
}

#[test]
fn contradictions_of_the_two_files_are_told_with_both_places() {
    let project = example();
    project.edit(
        "aosm.toml",
        "input = \"cnf-input.jsonc\"",
        "input = \"cnf-input.jsonc\"\nversion = \"2.0.0\"\nimage-sources = [\"x.example\"]",
    );
    let chart = "\n[[charts]]\nname = \"contoso-cnf\"\npath = \"charts/contoso-gateway\"\n";
    let text = project.read("aosm.toml") + chart;
    project.write("aosm.toml", text);
    refused(&project, &["check"], 4)
        .count(3)
        .says("version: the two files differ")
        .says("aosm.toml:5:11")
        .says("cnf-input.jsonc:13:16")
        .says("image-sources: the two files differ")
        .says("aosm.toml:6:1")
        .says("cnf-input.jsonc:18:5")
        .says("package contoso-cnf: two files name different charts")
        .says("aosm.toml:17:8")
        .says("cnf-input.jsonc:25:30");
}

#[test]
fn every_wrong_line_of_both_files_is_told_in_one_run() {
    let project = example();
    project.edit("cnf-input.jsonc", "\"version\": \"1.0.0\"", "\"version\": \"one\"");
    let text = project.read("aosm.toml") + "[stores.a]\nkind = \"registry\"\n[stores.b]\nkind = \"lokal\"\n[storez]\n";
    project.write("aosm.toml", text);
    refused(&project, &["check"], 4)
        .count(4)
        .says("did you mean `local`?")
        .says("did you mean `stores`?")
        .says("stores.a: `registry` is missing")
        .says("cnf-input.jsonc:13:16");
}

#[test]
fn images_that_are_no_references_are_all_told_at_their_lines() {
    let bad = [
        "r.example/UPPER:1",
        "a b:1",
        "x@sha256:12",
        "https://x.example/y:1",
        "x:",
        "x//y",
        "",
    ];
    let list: Vec<String> = bad
        .iter()
        .map(|text| format!("[[images]]\nreference = \"{text}\"\n"))
        .collect();
    let refusal = refused(&settings(&(HEAD.to_owned() + &list.concat())), &["check"], 4).count(bad.len());
    for line in 0..bad.len() {
        assert!(
            refusal.0.stderr.contains(&format!("aosm.toml:{}:13", 6 + 2 * line)),
            "{}",
            refusal.0
        );
    }
}

#[test]
fn ten_thousand_brackets_end_no_run() {
    for (file, text) in [
        ("aosm.toml", format!("x = {}", brackets())),
        (
            "aosm.toml",
            format!("x = {}1{}", "{a=".repeat(10_000), "}".repeat(10_000)),
        ),
        ("aosm.toml", format!("[{}a{}]", "[".repeat(10_000), "]".repeat(10_000))),
        ("cnf-input.jsonc", brackets()),
        ("cnf-input.jsonc", "[".repeat(10_000)),
        (
            "cnf-input.jsonc",
            format!("{}1{}", "{\"a\":".repeat(10_000), "}".repeat(10_000)),
        ),
        ("cnf-input.jsonc", "/*".repeat(10_000)),
    ] {
        let project = example();
        project.write(file, text);
        let refusal = refused(&project, &["check"], 4).says(file);
        assert!(!refusal.0.stderr.contains("no image source names it"), "{}", refusal.0);
        assert!(refusal.0.stderr.len() < 20_000, "{}", refusal.0.stderr.len());
    }
}

#[test]
fn ten_thousand_brackets_in_the_lock_are_told_at_their_line() {
    let project = example();
    project.write("aosm.lock", format!("version = 1\nx = {}\n", brackets()));
    for command in ["check", "plan", "images", "apply", "lock"] {
        refused(&project, &[command], 4)
            .one()
            .says("aosm.lock:2:")
            .says("delete it and run aosm-build lock");
    }
}

#[test]
fn locks_that_are_none_are_told_with_what_to_do() {
    for (text, words) in [
        ("garbage", "aosm.lock is no TOML"),
        ("version = 99\n", "aosm.lock has version 99, this aosm-build knows 1"),
        ("version = 1\nimage-sources = 5\n", "image-sources in the lock is"),
        (
            "<<<<<<< HEAD\nversion = 1\n=======\n>>>>>>> x\n",
            "merge conflict markers",
        ),
        ("\u{0}\u{0}", "aosm.lock"),
        (
            "version = 1\nimage-sources = [\"myregistry.azurecr.io\"]\n[[image]]\nreference = \"x\"\n",
            "aosm.lock:3:",
        ),
    ] {
        let project = example();
        project.write("aosm.lock", text);
        refused(&project, &["plan"], 4).says(words);
        refused(&project, &["check"], 4).says(words);
    }
    let project = example();
    project.write("aosm.lock/file", "");
    refused(&project, &["plan"], 4).one().says("aosm.lock is not a file");
    let project = example();
    project.write("aosm.lock", [0xff, 0xfe, b'a', 0]);
    refused(&project, &["plan"], 4).one().says("aosm.lock is not UTF-8");
    let project = example();
    sparse(&project, "aosm.lock");
    refused(&project, &["plan"], 4).one().says("aosm.lock is larger than");
}

#[test]
fn project_files_that_are_no_text_files_are_told_by_name() {
    for file in ["aosm.toml", "cnf-input.jsonc"] {
        let broken = |content: &[u8]| {
            let project = example();
            project.write(file, content);
            project
        };
        refused(&broken(&[b'#', 0x80, 0xff]), &["check"], 4)
            .one()
            .says(&format!("{file}: line 1 is not UTF-8"));
        refused(&broken(&[0xff, 0xfe, b'#', 0, b'\n', 0]), &["check"], 4)
            .one()
            .says("UTF-16");
        refused(&broken(&(0..=255).collect::<Vec<u8>>()), &["check"], 4).says(file);
        let project = example();
        project.remove(file).write(&format!("{file}/x"), "");
        refused(&project, &["check"], 4)
            .one()
            .says(&format!("{file}: is a folder"));
        let project = example();
        sparse(&project, file);
        refused(&project, &["check"], 4)
            .one()
            .says(&format!("{file}: larger than 1 MiB"));
    }
}

#[test]
fn byte_order_marks_and_windows_line_ends_are_fine() {
    let project = example();
    for file in ["aosm.toml", "cnf-input.jsonc"] {
        let text = project.read(file).replace('\n', "\r\n");
        project.write(file, format!("\u{feff}{text}"));
    }
    project.run(&["check"]).ok().says("ok: 2 Helm packages");
}

#[cfg(unix)]
#[test]
fn a_pipe_in_place_of_a_file_is_not_waited_for() {
    for file in [
        "aosm.toml",
        "cnf-input.jsonc",
        "values/gateway.yaml",
        "charts/contoso-cnf/templates/pipe.yaml",
    ] {
        let project = example();
        if project.path(file).exists() {
            project.remove(file);
        }
        let made = std::process::Command::new("mkfifo")
            .arg(project.path(file))
            .status()
            .expect("mkfifo");
        assert!(made.success());
        refused(&project, &["check"], 4)
            .one()
            .says(file.rsplit('/').next().unwrap());
    }
}

#[test]
fn an_environment_that_is_not_there_is_told_with_those_that_are() {
    refused(&example(), &["--environment", "lab", "check"], 4)
        .one()
        .says("environment lab");
    let text = HEAD.to_owned()
        + "[[images]]\nreference = \"r.example/x:1\"\n[stores.s]\nkind = \"registry\"\nregistry = \"r.example\"\n[environments.production.stores.s]\nregistry = \"p.example\"\n";
    refused(&settings(&text), &["--environment", "prodution", "check"], 4)
        .one()
        .says("did you mean `production`?");
}

#[test]
fn globs_and_names_that_fit_nothing_are_wrong_use() {
    let project = example();
    refused(&project, &["plan", "--only", "["], 64).one().says("--only=[");
    refused(&project, &["why", "nothing"], 64)
        .one()
        .says("aosm-build graph");
    refused(&project, &["images", "--why", "nothing"], 64)
        .one()
        .says("aosm-build images");
    refused(&project, &["lock", "--update", "nothing"], 64)
        .one()
        .says("aosm-build images");
    refused(&project, &["schema", "nothing"], 64).one().says("aosm");
}

#[test]
fn very_long_and_foreign_names_stay_readable() {
    let long = "n".repeat(5000);
    let text =
        format!("{HEAD}[[charts]]\nname = \"{long}\"\npath = \"c\"\n[[charts]]\nname = \"кубернетес\"\npath = \"ü\"\n");
    let refusal = refused(&settings(&text), &["check"], 4);
    assert!(refusal.0.stderr.len() < 10_000, "{}", refusal.0);
    let refusal = refusal.says("кубернетес");
    for line in refusal.0.stderr.lines() {
        assert!(line.chars().count() <= 130, "{line}");
    }
}

#[test]
fn control_characters_of_a_file_do_not_reach_the_terminal() {
    let text = format!("{HEAD}[[images]]\nreference = \"\\u001b[31mred\\u202e\"\n\u{202e}= 1\n");
    let refusal = refused(&settings(&text), &["check"], 4);
    assert!(!refusal.0.stderr.contains(['\u{1b}', '\u{202e}']), "{}", refusal.0);
}

#[cfg(target_os = "linux")]
#[test]
fn paths_that_are_not_utf8_are_told_as_such() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;
    let project = example();
    let odd = OsStr::from_bytes(b"caf\xe9.yaml");
    std::fs::write(project.path("charts/contoso-cnf/templates").join(odd), "a: 1\n").unwrap();
    refused(&project, &["check"], 4)
        .one()
        .says("a file's name in this folder is not UTF-8")
        .says("charts/contoso-cnf/templates");
    let project = example();
    let folder = project.path("x").with_file_name(OsStr::from_bytes(b"caf\xe9"));
    std::fs::create_dir(&folder).unwrap();
    // Its path is what is wrong, so it is told whole.
    let output = project.aosm(&["check"]).current_dir(&folder).run().expect(4);
    assert!(
        output.stderr.contains("the current folder's name is not UTF-8"),
        "{output}"
    );
    assert!(output.stderr.contains("help: "), "{output}");
}

#[cfg(unix)]
#[test]
fn links_that_lead_nowhere_or_round_are_told_by_name() {
    use std::os::unix::fs::symlink;
    for (name, to, words) in [
        ("loop", "loop", "a link that leads nowhere"),
        ("gone", "/nowhere/at/all", "a link that leads nowhere"),
        ("up", "..", "the folder contains itself"),
    ] {
        let project = example();
        symlink(to, project.path("charts/contoso-cnf/templates").join(name)).unwrap();
        refused(&project, &["check"], 4)
            .one()
            .says(words)
            .says(&format!("charts/contoso-cnf/templates/{name}"))
            .says("cnf-input.jsonc:25:30");
    }
}

#[test]
fn errors_are_told_from_the_folder_that_the_command_was_called_in() {
    let project = example();
    project.remove("images");
    let run = project.aosm(&["-C", "..", "plan"]).current_dir(&project.path("charts"));
    let output = run.run().expect(4);
    assert!(output.stderr.contains("aosm.toml:9:8"), "{output}");
}

/// A file of one gigabyte that takes no room.
fn sparse(project: &Project, path: &str) {
    let file = std::fs::File::create(project.path(path)).unwrap();
    file.set_len(1 << 30).unwrap();
}
