//! No secret reaches a disk, a log, a plan or a process list.

use std::fs;

use base64::Engine as _;

use crate::support::registry::{PASSWORD, USER};
use crate::support::small::Small;
use crate::support::*;

/// What must be nowhere, in every form in which it could be.
struct Planted {
    texts: Vec<String>,
}

impl Planted {
    fn new(secrets: &[&str]) -> Self {
        let base64 = |text: &str| base64::engine::general_purpose::STANDARD.encode(text);
        let texts = secrets
            .iter()
            .flat_map(|secret| [(*secret).to_owned(), base64(secret), base64(&base64(secret))]);
        // Base64 of a longer text that ends so, too: without its padding, its first and last characters.
        Self {
            texts: texts.map(|text| text.trim_end_matches('=').to_owned()).collect(),
        }
    }

    fn assert_not_in(&self, what: &str, text: &str) {
        for planted in &self.texts {
            assert!(!text.contains(planted.as_str()), "{planted} is in {what}: {text}");
        }
    }

    /// Neither in what was said nor in any file that a run wrote.
    fn assert_nowhere(&self, project: &Project, output: &Output) {
        self.assert_not_in("standard output", &output.stdout);
        self.assert_not_in("standard error", &output.stderr);
        for planted in &self.texts {
            for place in [
                project.path(".aosm"),
                project.home(),
                project.folder().parent().unwrap().join("tmp"),
            ] {
                assert_eq!(
                    snapshot::holding(&place, planted),
                    Vec::<std::path::PathBuf>::new(),
                    "{planted}: {output}"
                );
            }
            let lock = fs::read_to_string(project.path("aosm.lock")).unwrap_or_default();
            assert!(!lock.contains(planted.as_str()), "{planted} is in aosm.lock");
        }
    }
}

/// A Helm that writes down its arguments and environment, and what the process list shows of it and those above it.
struct Watched {
    folder: tempfile::TempDir,
}

impl Watched {
    fn new() -> Self {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = temp_dir();
        let script = folder.path().join("helm");
        let log = folder.path().join("seen");
        let text = format!(
            "#!/bin/sh\n{{ printf '%s\\n' \"$@\"; env; tr '\\0' '\\n' < /proc/$$/cmdline; tr '\\0' '\\n' < /proc/$PPID/cmdline; }} \
             >> '{}' 2>/dev/null\nexec '{}' \"$@\"\n",
            log.display(),
            tools::helm().display()
        );
        fs::write(&script, text).unwrap();
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
        Self { folder }
    }

    fn program(&self) -> std::path::PathBuf {
        self.folder.path().join("helm")
    }

    fn seen(&self) -> String {
        fs::read_to_string(self.folder.path().join("seen")).unwrap_or_default()
    }
}

const IN_SET: &str = "planted-in-set-Qx7vJ2";
const IN_LIST: &str = "planted-in-list-Hk3wP8";
const IN_VALUES: &str = "planted-in-values-Zr5tM1";
const IN_DATA: &str = "planted-in-data-Wd9cB4";
const IN_TEXT: &str = "planted-in-string-data-Gy6nF0";

/// The small project, whose chart puts what it is given into Secrets.
fn plant(project: &Project, head: &str) -> Small {
    let small = Small::new(2);
    small.write(project, head);
    // Only in files that are the user's own: these are not searched.
    project.write("values/secret.yaml", format!("fromValues: {IN_VALUES}\nlist: [a, b]\n"));
    project.edit(
        "aosm.toml",
        "path = \"charts/small\"",
        &format!(
            "path = \"charts/small\"\nvalues = [\"values/secret.yaml\"]\n\
             set = {{ fromSet = \"{IN_SET}\", \"list[1]\" = \"{IN_LIST}\" }}"
        ),
    );
    project.write(
        "charts/small/templates/secret.yaml",
        "apiVersion: v1\nkind: Secret\nmetadata:\n  name: s\ndata:\n  set: {{ .Values.fromSet | b64enc }}\n  \
             values: {{ .Values.fromValues | b64enc | quote }}\n  block: |\n    {{ .Values.fromValues | b64enc }}\n\
             stringData:\n  list: {{ index .Values.list 1 }}\n  text: |\n    password: {{ .Values.fromSet }}\n    \
             more: {{ .Values.generated | default \"\" }}\n---\napiVersion: v1\nkind: List\nitems:\n  - apiVersion: v1\n    \
             kind: Secret\n    metadata: {name: t}\n    data: {a: {{ .Values.fromSet | b64enc }}}\n"
    );
    small
}

fn local(project: &Project) -> Small {
    let small = plant(
        project,
        "[project]\nname = \"small\"\nimage-sources = [\"source.example\"]\n\
         [sources.\"source.example\"]\nkind = \"oci-layout\"\npath = \"images\"\n",
    );
    small.write_images(project);
    small
}

#[test]
fn values_that_are_rendered_into_secrets_reach_neither_disk_nor_screen_nor_process_list() {
    let planted = Planted::new(&[IN_SET, IN_LIST, IN_VALUES]);
    let helm = Watched::new();
    let project = Project::new();
    local(&project);
    let commands: [&[&str]; 10] = [
        &["check", "-v"],
        &["images", "-v", "--json"],
        &["plan", "-v"],
        &["plan", "--json"],
        &["apply", "-v"],
        &["apply", "-v", "--json"],
        &["why", "push:local/small:1.0.0"],
        &["why", "render:small"],
        &["graph", "--format", "json"],
        &["images", "--why", "small-1"],
    ];
    for command in commands {
        let output = project.aosm(command).env("AOSM_HELM", helm.program()).run().ok();
        planted.assert_nowhere(&project, &output);
    }
    let seen = helm.seen();
    assert!(seen.contains("template"), "{seen}");
    planted.assert_not_in("what Helm was started with", &seen);
    // Changed, so that `why` has something to tell.
    project.edit("aosm.toml", IN_SET, "planted-and-changed-Lp2x");
    let planted = Planted::new(&[IN_SET, IN_LIST, IN_VALUES, "planted-and-changed-Lp2x"]);
    for command in [&["why", "render:small"][..], &["plan", "-v"], &["apply", "-v"]] {
        let output = project.aosm(command).env("AOSM_HELM", helm.program()).run().ok();
        planted.assert_nowhere(&project, &output);
    }
    planted.assert_not_in("what Helm was started with", &helm.seen());
}

#[test]
fn runs_that_fail_do_not_tell_the_values_either() {
    let planted = Planted::new(&[IN_SET, IN_LIST, IN_VALUES]);
    // Templates that stop with a value in their complaint, that render no YAML, and an image field that holds one.
    let breaks = [
        ("{{ fail (printf \"no such user: %s\" .Values.fromSet) }}", 4),
        ("{{ fail (printf \"no such user: %s\" (index .Values.list 1)) }}", 4),
        ("{{ required \"a value is needed\" .Values.absent }}", 4),
        ("{{ .Values.fromSet.deeper.still }}", 4),
        (
            "apiVersion: v1\nkind: Secret\nmetadata: {name: x}\nstringData:\n  a: {{ .Values.fromSet }}\n b: [",
            4,
        ),
        (
            "apiVersion: v1\nkind: Secret\nmetadata: {name: x}\ndata: {{ .Values.fromValues }}\n  : x\n",
            4,
        ),
    ];
    for (text, code) in breaks {
        let project = Project::new();
        local(&project);
        project.write("charts/small/templates/broken.yaml", text);
        for command in [["plan", "-v"], ["apply", "-v"], ["images", "--json"]] {
            let output = project.run(&command);
            assert_eq!(output.code(), code, "{text}: {output}");
            planted.assert_nowhere(&project, &output);
        }
    }
    // Mistakes in the project file itself: excerpts do not show the values.
    for (from, to) in [
        ("fromSet", "from[Set"),
        ("path = \"charts/small\"", "path = \"charts/absent\""),
        ("set = {", "set = { ="),
    ] {
        let project = Project::new();
        local(&project);
        project.edit("aosm.toml", from, to);
        for command in [["check", "-v"], ["plan", "-v"]] {
            let output = project.run(&command);
            assert_eq!(output.code(), 4, "{to}: {output}");
            planted.assert_nowhere(&project, &output);
        }
    }
}

#[test]
fn a_killed_run_leaves_no_value_behind_in_the_project() {
    let planted = Planted::new(&[IN_SET, IN_LIST, IN_VALUES]);
    let project = Project::new();
    local(&project);
    let points = project.boundaries(&["plan"]).len();
    let forget = || {
        if project.path(".aosm").exists() {
            project.remove(".aosm");
        }
    };
    for point in 1..=points.min(12) {
        forget();
        let output = project.aosm(&["plan"]).abort_at(point).run();
        planted.assert_nowhere(&project, &output);
    }
    // Killed while Helm runs.
    forget();
    for millis in [5_u64, 10, 20, 30, 40, 60, 80] {
        let running = project.aosm(&["plan"]).spawn();
        std::thread::sleep(std::time::Duration::from_millis(millis));
        let output = running.kill();
        for planted in &planted.texts {
            assert!(
                snapshot::holding(&project.path(".aosm"), planted).is_empty(),
                "{planted}: {output}"
            );
        }
    }
}

#[test]
fn values_that_are_in_secrets_of_ready_made_manifests_are_not_kept() {
    let planted = Planted::new(&[IN_DATA, IN_TEXT]);
    let project = Project::new();
    let base64 = base64::engine::general_purpose::STANDARD.encode(IN_DATA);
    project.write(
        "rendered/all.yaml",
        format!(
            "apiVersion: v1\nkind: Secret\nmetadata: {{name: s}}\ndata:\n  key: {base64}\nstringData:\n  text: {IN_TEXT}\n---\n\
             apiVersion: v1\nkind: Pod\nmetadata: {{name: p}}\nspec:\n  containers: [{{name: c, image: \"repository/release/small-1:1.0.0\"}}]\n"
        ),
    );
    Small::new(1).write_images(&project);
    project.write(
        "aosm.toml",
        "[project]\nname = \"small\"\nimage-sources = [\"source.example\"]\n[sources.\"source.example\"]\n\
         kind = \"oci-layout\"\npath = \"images\"\n[[charts]]\nname = \"ready\"\nmanifests = [\"rendered/*.yaml\"]\n",
    );
    for command in [
        &["check", "-v"][..],
        &["plan", "-v"],
        &["apply", "-v"],
        &["images", "--json"],
        &["plan", "--json"],
    ] {
        let output = project.run(command).ok();
        planted.assert_nowhere(&project, &output);
    }
}

#[test]
fn passwords_and_tokens_of_logins_reach_neither_disk_nor_screen() {
    let (source, target) = (Registry::shared(Kind::Plain), Registry::shared(Kind::Basic));
    let from = source.unique("secrets-source");
    let small = Small::new(1);
    for (name, image) in &small.images {
        let (repository, tag) = name.rsplit_once(':').unwrap();
        source.push(image, &format!("{from}/{repository}"), tag);
    }
    let project_for = |password: &str| {
        let project = Project::new();
        let head = format!(
            "[project]\nimage-sources = [\"{}/{from}\"]\n[stores.target]\nkind = \"registry\"\nregistry = \"{}/{}\"\n",
            source.host(),
            target.host(),
            target.unique("secrets-target")
        );
        small.write(&project, &head);
        project.login(&target.host(), USER, password);
        project
    };
    let login = |password: &str| base64::engine::general_purpose::STANDARD.encode(format!("{USER}:{password}"));
    let helm = Watched::new();
    for (password, code) in [(PASSWORD, 0), ("not the password 8Kd2", 5)] {
        let project = project_for(password);
        let login = login(password);
        let planted = Planted::new(&[password, &login]);
        for command in [
            &["check", "-v"][..],
            &["plan", "-v"],
            &["apply", "-v"],
            &["plan", "--json", "-v"],
            &["apply", "--json"],
        ] {
            let output = project.aosm(command).env("AOSM_HELM", helm.program()).run();
            let wanted = if command[0] == "check" { 0 } else { code };
            assert_eq!(output.code(), wanted, "{output}");
            planted.assert_nowhere(&project, &output);
        }
        planted.assert_not_in("what Helm was started with", &helm.seen());
    }
}
