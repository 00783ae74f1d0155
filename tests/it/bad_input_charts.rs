//! Charts, archives and Helm itself gone wrong.

use std::io::Write as _;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::support::Project;
use crate::support::refusal::{refused, refused_run};

const CHART: &str = "apiVersion: v2\nname: c\nversion: 1.0.0\n";
const POD: &str =
    "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: a, image: r.example/a:1}]}\n";

/// A project with one chart folder.
fn project(files: &[(&str, &str)]) -> Project {
    let project = Project::new();
    project.write(
        "aosm.toml",
        "[project]\nname = \"p\"\nversion = \"1.0.0\"\nimage-sources = [\"r.example\"]\n\n[[charts]]\nname = \"c\"\npath = \"c\"\nvalues = [\"v.yaml\"]\n",
    );
    project
        .write("v.yaml", "a: 1\n")
        .write("c/Chart.yaml", CHART)
        .write("c/templates/pod.yaml", POD);
    for (path, text) in files {
        project.write(path, text);
    }
    project
}

/// A project whose chart is an archive.
fn archived(name: &str, bytes: &[u8]) -> Project {
    let project = project(&[]);
    project.remove("c").write(name, bytes);
    project.edit("aosm.toml", "path = \"c\"", &format!("path = \"{name}\""));
    project
}

/// One member of a tar, with any name and type.
struct Member<'a> {
    name: &'a [u8],
    kind: tar::EntryType,
    link: &'a [u8],
    content: &'a [u8],
}

fn file<'a>(name: &'a str, content: &'a str) -> Member<'a> {
    Member {
        name: name.as_bytes(),
        kind: tar::EntryType::Regular,
        link: b"",
        content: content.as_bytes(),
    }
}

fn special<'a>(name: &'a [u8], kind: tar::EntryType, link: &'a [u8]) -> Member<'a> {
    Member {
        name,
        kind,
        link,
        content: b"",
    }
}

fn header(member: &Member<'_>, size: u64) -> tar::Header {
    let mut header = tar::Header::new_old();
    let old = header.as_old_mut();
    old.name[..member.name.len()].copy_from_slice(member.name);
    old.linkname[..member.link.len()].copy_from_slice(member.link);
    header.set_entry_type(member.kind);
    header.set_mode(0o644);
    header.set_size(size);
    header.set_cksum();
    header
}

fn tar(members: &[Member<'_>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for member in members {
        bytes.extend_from_slice(header(member, member.content.len() as u64).as_bytes());
        bytes.extend_from_slice(member.content);
        bytes.resize(bytes.len().next_multiple_of(512), 0);
    }
    bytes.resize(bytes.len() + 1024, 0);
    bytes
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
    gzip.write_all(bytes).unwrap();
    gzip.finish().unwrap()
}

/// A chart, and something beside it.
fn with(more: Vec<Member<'_>>) -> Vec<u8> {
    let mut members = vec![file("c/Chart.yaml", CHART), file("c/templates/pod.yaml", POD)];
    members.extend(more);
    tar(&members)
}

#[test]
fn a_good_archive_is_taken_in_all_forms() {
    let tar = with(Vec::new());
    for (name, bytes) in [("c.tgz", gzip(&tar)), ("c.tar.gz", gzip(&tar)), ("c.tar", tar.clone())] {
        archived(name, &bytes).run(&["check"]).ok().says("1 image");
    }
}

#[test]
fn hostile_members_of_an_archive_are_refused_by_name() {
    use tar::EntryType::{Block, Char, Fifo, Link, Symlink};
    let cases: Vec<(Member<'_>, &str)> = vec![
        (file("c/../../evil", "x"), "climbs out"),
        (file("../evil", "x"), "climbs out"),
        (file("c\\..\\..\\evil", "x"), "climbs out"),
        (file("/evil", "x"), "absolute"),
        (file("\\evil", "x"), "absolute"),
        (file("C:\\evil", "x"), "drive letter"),
        (special(b"c/link", Symlink, b"../../../etc/passwd"), "it is a link"),
        (special(b"c/link", Symlink, b"/etc/passwd"), "it is a link"),
        (special(b"c/link", Link, b"/etc/passwd"), "it is a link"),
        (special(b"c/link", Link, b"../x"), "it is a link"),
        (special(b"c/dev", Char, b""), "neither a file nor a folder"),
        (special(b"c/dev", Block, b""), "neither a file nor a folder"),
        (special(b"c/pipe", Fifo, b""), "neither a file nor a folder"),
        (file("c/Chart.yaml", "name: other"), "occurs twice"),
        (special(b"c/caf\xe9", tar::EntryType::Regular, b""), "not UTF-8"),
    ];
    for (member, words) in cases {
        let shown = String::from_utf8_lossy(member.name).into_owned();
        for (name, bytes) in [
            ("c.tgz", gzip(&with(vec![clone(&member)]))),
            ("c.tar", with(vec![clone(&member)])),
        ] {
            let project = archived(name, &bytes);
            refused(&project, &["apply"], 4)
                .one()
                .says(words)
                .says(name)
                .says("aosm.toml:8:8");
            let folder = project.folder();
            for outside in [folder.parent().unwrap().join("evil"), Path::new("/evil").to_owned()] {
                assert!(!outside.exists(), "{shown} was unpacked to {}", outside.display());
            }
        }
    }
}

fn clone<'a>(member: &Member<'a>) -> Member<'a> {
    Member { ..*member }
}

#[test]
fn a_gigabyte_of_zeros_in_a_megabyte_is_not_unpacked() {
    // One member that says how large it is.
    let zeros = file("c/zeros", "");
    let piece = gzip(&vec![0; 16 << 20]);
    let mut bytes = gzip(header(&zeros, 1 << 30).as_bytes());
    (0..64).for_each(|_| bytes.extend_from_slice(&piece));
    assert!(bytes.len() < 1_200_000, "{}", bytes.len());
    let project = archived("c.tgz", &bytes);
    refused(&project, &["check"], 4)
        .one()
        .says("c/zeros is larger than")
        .says("aosm.toml:8:8");
    // Many that are each within the limit.
    let mut bytes = gzip(&with(Vec::new())[..3 * 1024]);
    let names: Vec<String> = (0..256).map(|n| format!("c/zeros-{n}")).collect();
    let piece = gzip(&vec![0; 4 << 20]);
    for name in &names {
        bytes.extend_from_slice(&gzip(header(&file(name, ""), 4 << 20).as_bytes()));
        bytes.extend_from_slice(&piece);
    }
    refused(&archived("c.tgz", &bytes), &["check"], 4)
        .one()
        .says("unpacks to more than 100 MiB");
    // One long extended header: the reader keeps those in memory.
    let mut bytes = gzip(header(&special(b"long", tar::EntryType::XHeader, b""), 1 << 30).as_bytes());
    (0..256).for_each(|_| bytes.extend_from_slice(&piece));
    refused(&archived("c.tgz", &bytes), &["check"], 4).one().says("c.tgz");
}

#[test]
fn what_is_no_chart_archive_is_told_with_its_place() {
    let good = gzip(&with(Vec::new()));
    let mut flipped = good.clone();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 0x10;
    let two = with(vec![file("d/Chart.yaml", CHART)]);
    let none = tar(&[file("c/values.yaml", "a: 1\n")]);
    let cases: [(&str, Vec<u8>, &str); 9] = [
        ("c.tgz", b"hello, this is no archive\n".repeat(100), "neither a tar nor"),
        ("c.tgz", Vec::new(), "neither a tar nor"),
        ("c.tgz", gzip(&tar(&[])), "no files"),
        ("c.tgz", good[..good.len() / 2].to_vec(), "c.tgz"),
        ("c.tgz", flipped, "c.tgz"),
        ("c.tgz", gzip(&two), "one top folder"),
        ("c.tar", two, "one top folder"),
        ("c.tgz", gzip(&none), "no Chart.yaml in the top folder c"),
        ("c.tgz", gzip(&with(vec![file("./c/x", "")])), "`./`"),
    ];
    for (name, bytes, words) in cases {
        refused(&archived(name, &bytes), &["check"], 4)
            .one()
            .says(words)
            .says("aosm.toml:8:8");
    }
}

#[test]
fn chart_files_with_wrong_content_are_told_at_their_lines() {
    let brackets = ["[".repeat(10_000), "]".repeat(10_000)].concat();
    let deep = format!("{CHART}x: {brackets}\n");
    let project = project(&[("c/Chart.yaml", &deep)]);
    refused(&project, &["check"], 4)
        .one()
        .says("Chart.yaml: not YAML")
        .says("c/Chart.yaml:4:");
    project.write("c/Chart.yaml", "name: Bad Name\nversion: x\n");
    refused(&project, &["check"], 4)
        .says("c/Chart.yaml:1:7")
        .says("c/Chart.yaml:2:10");
    project.write("c/Chart.yaml", "just words\n");
    refused(&project, &["check"], 4).says("c/Chart.yaml");
    project.write(
        "c/Chart.yaml",
        format!("{CHART}dependencies:\n- {{name: gone, version: 1.0.0, repository: \"https://x.example\"}}\n"),
    );
    refused(&project, &["check"], 4)
        .one()
        .says("gone")
        .says("helm dependency build")
        .says("c/Chart.yaml:5:");
}

#[test]
fn a_template_that_fails_is_told_with_all_of_helms_words_at_its_line() {
    let cases = [
        (
            "a: {{ required \"set a password, please\" .Values.password }}\n",
            "set a password, please",
            "c/templates/x.yaml:1:",
        ),
        (
            "a: 1\nb: {{ fail \"never mind\" }}\n",
            "never mind",
            "c/templates/x.yaml:2:",
        ),
        ("a: 1\nb: {{ .Values.x \n", "unclosed action", "c/templates/x.yaml:"),
        ("a: {{ include \"nothing\" . }}\n", "nothing", "c/templates/x.yaml:1:"),
        (
            "a: {{ .Values.a.b.c }}\n",
            "can't evaluate field b",
            "c/templates/x.yaml:1:",
        ),
    ];
    for (text, words, place) in cases {
        let project = project(&[("c/templates/x.yaml", text)]);
        refused(&project, &["check"], 4)
            .one()
            .says(words)
            .says(place)
            .says("aosm.toml:7:8");
    }
}

#[test]
fn broken_yaml_is_told_with_the_rendered_line_and_the_template() {
    let text = "{{/* a comment that is not rendered */}}\na: 1\n---\nb: 2\n{{- range list 1 2 3 }}\nc{{ . }}: 3\n{{- end }}\n  d: 4\n";
    let project = project(&[("c/templates/x.yaml", text)]);
    let refusal = refused(&project, &["check"], 4)
        .one()
        .says("YAML parse error on c/templates/x.yaml")
        .says("c/templates/x.yaml (rendered):")
        .says("aosm.toml:7:8");
    // The line that Helm only counts, and within one document of the output.
    let marked: Vec<&str> = refusal
        .0
        .stderr
        .lines()
        .filter(|line| line.contains("  d: 4"))
        .collect();
    assert_eq!(marked.len(), 1, "{}", refusal.0);
    let number: usize = marked[0].split_whitespace().next().unwrap().parse().unwrap();
    let named = format!("c/templates/x.yaml (rendered):{number}:");
    assert!(refusal.0.stderr.contains(&named), "{}", refusal.0);
}

#[test]
fn broken_yaml_of_a_secret_shows_no_line_of_it() {
    let text = "kind: Secret\nstringData:\n  password: hunter2hunter2: x\n";
    let project = project(&[("c/templates/x.yaml", text)]);
    refused(&project, &["check"], 4)
        .one()
        .says("c/templates/x.yaml (rendered):")
        .silent_about("hunter2");
}

#[test]
fn deep_yaml_ends_no_run() {
    let brackets = ["[".repeat(10_000), "]".repeat(10_000)].concat();
    let text = format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: x}}\ndata: {brackets}\n");
    refused(&project(&[("c/templates/x.yaml", &text)]), &["check"], 4)
        .one()
        .says("c/templates/x.yaml (rendered):");
    let project = project(&[("v.yaml", &format!("a: {brackets}\n"))]);
    refused(&project, &["check"], 4)
        .one()
        .says("failed to parse v.yaml")
        .says("v.yaml:1:");
    project
        .write("v.yaml", "a: 1\n")
        .write("c/values.yaml", format!("a: {brackets}\n"));
    refused(&project, &["check"], 4).one().says("c/values.yaml:1:");
}

#[test]
fn values_that_helm_cannot_read_are_told_at_their_line_without_their_text() {
    for (text, line) in [
        ("a: 1\npassword: hunter2: x\n", 2),
        ("- hunter2\n", 1),
        ("a: [hunter2\nb: 1\n", 2),
    ] {
        let project = project(&[("v.yaml", text)]);
        refused(&project, &["check"], 4)
            .one()
            .says(&format!("v.yaml:{line}:"))
            .says("aosm.toml:7:8")
            .silent_about("hunter2");
    }
}

#[test]
fn a_huge_or_strange_chart_is_refused_before_helm_sees_it() {
    let project = project(&[]);
    let file = std::fs::File::create(project.path("c/values.yaml")).unwrap();
    file.set_len(1 << 30).unwrap();
    refused(&project, &["check"], 4)
        .one()
        .says("more than 100 MiB")
        .says("c/values.yaml")
        .says(".helmignore");
}

/// An executable that answers as a Helm of this version and then does as the script says.
#[cfg(unix)]
fn fake_helm(project: &Project, version: &str, script: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    let text = format!("#!/bin/sh\nif [ \"$1\" = version ]; then {version}; exit 0; fi\n{script}\n");
    project.write("fake-helm", text);
    std::fs::set_permissions(project.path("fake-helm"), std::fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn no_helm_at_all_is_told_with_how_to_get_it() {
    let project = project(&[]);
    let nowhere = || {
        project
            .aosm(&["check"])
            .env_remove("AOSM_HELM")
            .env("PATH", "/nothing-here")
    };
    refused_run(&project, nowhere(), 5, &[])
        .one()
        .says("helm: not found on PATH")
        .says("helm.sh/docs/intro/install");
    let named = project.aosm(&["check"]).env("AOSM_HELM", "/nothing-here/helm");
    refused_run(&project, named, 5, &[]).one().says("named by AOSM_HELM");
    for path in ["./absent", "c", "v.yaml"] {
        refused(&project, &["check", "--helm", path], 5)
            .one()
            .says("named by --helm")
            .says("Helm 3.8 or newer");
    }
}

#[cfg(unix)]
#[test]
fn a_helm_that_is_too_old_or_none_is_told_with_what_it_said() {
    let project = project(&[]);
    for (version, words) in [
        ("echo v3.7.0+geeb46d7", "is v3.7.0+geeb46d7, 3.8 or newer is needed"),
        ("echo v2.17.0", "is v2.17.0, 3.8 or newer is needed"),
        ("echo garbage", "says its version is \"garbage\", which is none"),
        ("exit 3", "exit status: 3"),
        ("echo no such thing >&2; exit 1", "no such thing"),
        ("yes", "it writes without end"),
    ] {
        fake_helm(&project, version, "exit 1");
        refused(&project, &["check", "--helm", "./fake-helm"], 5)
            .one()
            .says(words)
            .says("Helm 3.8 or newer");
    }
}

#[cfg(unix)]
#[test]
fn a_helm_that_hangs_or_floods_is_stopped_and_leaves_nothing_running() {
    let project = project(&[]);
    let limits = "[project]\nrender-timeout = 1\nrender-output-limit = 100000\n";
    project.edit("aosm.toml", "[project]\n", limits);
    let hang = format!(
        "echo $$ > {0}; sleep 1000 & echo $! >> {0}; wait",
        project.path("pids").display()
    );
    project.write("pids", "");
    fake_helm(&project, "echo v4.0.0", &hang);
    let run = project.aosm(&["check", "--helm", "./fake-helm"]);
    refused_run(&project, run, 4, &["pids"])
        .one()
        .says("longer than 1 s")
        .says("render-timeout")
        .says("aosm.toml:9:8");
    for pid in project.read("pids").lines() {
        let gone = || {
            let state = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            state.is_empty() || state.rsplit(") ").next().unwrap_or_default().starts_with('Z')
        };
        (0..500)
            .take_while(|_| !gone())
            .for_each(|_| std::thread::sleep(std::time::Duration::from_millis(10)));
        assert!(gone(), "{pid} still runs");
    }
    fake_helm(&project, "echo v4.0.0", "exec yes 'a: b'");
    refused(&project, &["check", "--helm", "./fake-helm"], 4)
        .one()
        .says("more than 100000 bytes")
        .says("render-output-limit");
    // What it complains of without end is cut, and the end of the run is its own.
    fake_helm(&project, "echo v4.0.0", "yes complaint | head -c 5000000 >&2; exit 1");
    let refusal = refused(&project, &["check", "--helm", "./fake-helm"], 4);
    assert!(refusal.0.stderr.len() < 3_000_000, "{}", refusal.0.stderr.len());
    fake_helm(&project, "echo v4.0.0", "kill -9 $$");
    refused(&project, &["check", "--helm", "./fake-helm"], 4)
        .one()
        .says("said nothing")
        .says("signal");
    fake_helm(&project, "echo v4.0.0", "exit 7");
    refused(&project, &["check", "--helm", "./fake-helm"], 4)
        .one()
        .says("said nothing")
        .says("exit status: 7");
}
