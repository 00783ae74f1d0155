//! Reading charts: folders, archives, and everything that can be wrong with them.

use super::*;
use crate::archive::write_tar_gz;

fn tgz(files: &[(&str, &[u8])]) -> Vec<u8> {
    write_tar_gz(files.iter().map(|(name, bytes)| ((*name).to_owned(), *bytes))).unwrap()
}

fn plain_tar(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (name, bytes) in files {
        let mut header = tar::Header::new_gnu();
        // Through the raw field: the builder would tidy `./` away.
        header.as_gnu_mut().unwrap().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_mode(0o644);
        header.set_size(bytes.len() as u64);
        header.set_cksum();
        tar.append(&header, *bytes).unwrap();
    }
    tar.into_inner().unwrap()
}

fn all_text(fault: &Fault) -> String {
    let places: Vec<String> = fault.labels().iter().map(|label| label.place.to_string()).collect();
    format!(
        "{fault} [{}] {}",
        places.join(" "),
        fault.hint_text().unwrap_or_default()
    )
}

#[test]
fn a_folder_tells_what_it_is() {
    let folder = small_chart();
    let tree = tree_of(&folder.join("c"));
    assert_eq!(
        (tree.name(), tree.version(), tree.metadata().app_version.as_str()),
        ("contoso", "1.0.0", "2.0")
    );
    let names: Vec<&str> = tree.files().iter().map(|f| f.name.as_str()).collect();
    assert_eq!(
        names,
        ["Chart.yaml", "templates/NOTES.txt", "templates/pod.yaml", "values.yaml"]
    );
    assert!(tree.is_chart() && tree.missing().is_empty() && tree.form() == Form::Folder);
}

#[test]
fn the_digest_covers_names_and_contents_and_nothing_else() {
    let base = tree_of(&small_chart().join("c")).digest().clone();
    let elsewhere = small_chart();
    assert_eq!(
        *tree_of(&elsewhere.join("c")).digest(),
        base,
        "another folder, other times"
    );

    let crlf = small_chart();
    crlf.write("c/templates/pod.yaml", POD.replace('\n', "\r\n").as_bytes());
    crlf.write("c/Chart.yaml", CHART_YAML.replace('\n', "\r\n").as_bytes());
    assert_eq!(
        *tree_of(&crlf.join("c")).digest(),
        base,
        "a checkout with other line endings"
    );
    assert_eq!(
        pack(&tree_of(&crlf.join("c"))).unwrap(),
        pack(&tree_of(&elsewhere.join("c"))).unwrap()
    );

    elsewhere.write("c/.helmignore", b"*.md\n");
    let ignoring = tree_of(&elsewhere.join("c")).digest().clone();
    assert_ne!(ignoring, base, "the .helmignore itself is part of the chart");
    elsewhere.write("c/README.md", b"ignored\n");
    elsewhere.write("c/templates/.swp", b"ignored\n");
    elsewhere.write("c/charts/.gitkeep", b"");
    assert_eq!(
        *tree_of(&elsewhere.join("c")).digest(),
        ignoring,
        "what Helm does not see does not count"
    );

    for (name, text) in [
        ("c/templates/pod.yaml", "kind: Job\n"),
        ("c/new.txt", ""),
        ("c/Chart.yaml", "name: a\nversion: 1.0.0\n"),
    ] {
        let changed = small_chart();
        changed.write(name, text.as_bytes());
        assert_ne!(*tree_of(&changed.join("c")).digest(), base, "{name}");
    }
    let binary = small_chart();
    binary.write("c/files/run.bat", b"a\r\n");
    let with_crlf = tree_of(&binary.join("c")).digest().clone();
    binary.write("c/files/run.bat", b"a\n");
    assert_ne!(
        *tree_of(&binary.join("c")).digest(),
        with_crlf,
        "line endings of scripts are content"
    );
}

#[cfg(unix)]
#[test]
fn the_executable_bit_is_not_content() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = small_chart();
    let before = tree_of(&folder.join("c")).digest().clone();
    std::fs::set_permissions(folder.join("c/values.yaml"), std::fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!(*tree_of(&folder.join("c")).digest(), before);
}

#[cfg(unix)]
#[test]
fn links_are_followed_and_circles_are_found() {
    use std::os::unix::fs::symlink;
    let folder = small_chart();
    folder.write("shared/extra.yaml", b"a: 1\n");
    symlink("../../shared", folder.join("c/templates/shared")).unwrap();
    symlink("../shared/extra.yaml", folder.join("c/one.yaml")).unwrap();
    let names: Vec<String> = tree_of(&folder.join("c"))
        .files()
        .iter()
        .map(|f| f.name.clone())
        .collect();
    assert!(
        names.contains(&"templates/shared/extra.yaml".into()) && names.contains(&"one.yaml".into()),
        "{names:?}"
    );

    symlink(".", folder.join("c/loop")).unwrap();
    assert!(all_text(&faults_of(&folder.join("c"))[0]).contains("contains itself"));
    std::fs::remove_file(folder.join("c/loop")).unwrap();
    symlink("nowhere", folder.join("c/broken")).unwrap();
    assert!(all_text(&faults_of(&folder.join("c"))[0]).contains("leads nowhere"));
}

#[test]
fn missing_dependencies_are_one_error_with_all_names_and_places() {
    let folder = small_chart();
    let yaml = format!(
        "{CHART_YAML}dependencies:\n- name: redis\n  version: ^1\n  repository: https://charts.example\n- name: common\n  version: 1.x\n  repository: file://../common\n  condition: common.enabled\n"
    );
    folder.write("c/Chart.yaml", yaml.as_bytes());
    folder.write("common/Chart.yaml", b"apiVersion: v2\nname: common\nversion: 1.0.0\n");
    let faults = faults_of(&folder.join("c"));
    assert_eq!(faults.len(), 1);
    let text = all_text(&faults[0]);
    for part in [
        "redis, common",
        "Chart.yaml:6:9",
        "Chart.yaml:9:9",
        "helm dependency build",
        "dependencies = \"build\"",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    // Helm compares names only, and takes folders (of any name) and archives.
    folder.write(
        "c/charts/whatever/Chart.yaml",
        b"apiVersion: v2\nname: redis\nversion: 9.0.0\n",
    );
    assert!(all_text(&faults_of(&folder.join("c"))[0]).contains("charts/: common"));
    folder.write(
        "c/charts/common-1.tgz",
        &tgz(&[("common/Chart.yaml", b"name: common\nversion: 1.0.0\n")]),
    );
    assert!(tree_of(&folder.join("c")).missing().is_empty());
    std::fs::rename(folder.join("c/charts/whatever"), folder.join("c/charts/_redis")).unwrap();
    assert!(
        all_text(&faults_of(&folder.join("c"))[0]).contains("charts/: redis"),
        "Helm does not look at `_` names"
    );
}

#[test]
fn old_charts_name_their_dependencies_in_a_file_of_its_own() {
    let folder = small_chart();
    folder.write("c/Chart.yaml", b"name: contoso\nversion: 1.0.0\n");
    folder.write("c/requirements.yaml", b"dependencies:\n- name: redis\n  version: 1\n");
    assert!(all_text(&faults_of(&folder.join("c"))[0]).contains("requirements.yaml:2:9"));
}

#[test]
fn what_is_wrong_with_a_folder_is_said_at_its_place() {
    let folder = small_chart();
    folder.write("c/Chart.yaml", b"apiVersion: v2\nname: Con toso\nversion: one\n");
    let faults = faults_of(&folder.join("c"));
    assert_eq!(faults.len(), 2, "{faults:?}");
    assert!(all_text(&faults[0]).contains("Chart.yaml:2:7") && all_text(&faults[1]).contains("Chart.yaml:3:10"));

    folder.write("c/.helmignore", b"# fine\na/**/b\n");
    assert!(all_text(&faults_of(&folder.join("c"))[0]).contains(".helmignore:2:1"));
    folder.write("c/.helmignore", b"!x\n");
    assert!(all_text(&faults_of(&folder.join("c"))[0]).contains(".helmignore` hides it"));
    std::fs::remove_file(folder.join("c/.helmignore")).unwrap();
    std::fs::remove_file(folder.join("c/Chart.yaml")).unwrap();
    assert!(all_text(&faults_of(&folder.join("c"))[0]).contains("no Chart.yaml"));
    assert!(all_text(&faults_of(&folder.join("absent"))[0]).contains("no chart there"));
    folder.write("c.tgz", b"kind: Pod\n");
    assert!(all_text(&faults_of(&folder.join("c.tgz"))[0]).contains("neither a tar nor"));
}

#[test]
fn archives_are_read_whatever_they_are_called() {
    let files: &[(&str, &[u8])] = &[
        ("contoso/Chart.yaml", CHART_YAML.as_bytes()),
        ("contoso/templates/a.yaml", b"a: 1\n"),
    ];
    let folder = Folder::new(&[]);
    folder.write("c.tar", &tgz(files));
    folder.write("c.tgz", &plain_tar(files));
    assert_eq!(tree_of(&folder.join("c.tar")).form(), Form::Compressed);
    assert_eq!(tree_of(&folder.join("c.tgz")).form(), Form::Plain);
    folder.write("copy.tgz", &tgz(files));
    assert_eq!(
        tree_of(&folder.join("copy.tgz")).digest(),
        tree_of(&folder.join("c.tar")).digest()
    );
}

#[test]
fn archives_that_are_not_one_chart_are_refused() {
    let chart: (&str, &[u8]) = ("c/Chart.yaml", CHART_YAML.as_bytes());
    let folder = Folder::new(&[]);
    for (files, word) in [
        (&[chart, ("d/x", b"1")][..], "one top folder"),
        (&[chart, ("README.md", b"1")], "one top folder"),
        (&[("c/values.yaml", b"a: 1")], "no Chart.yaml"),
        (&[("Chart.yaml", CHART_YAML.as_bytes())], "one top folder"),
        (&[], "neither a tar"),
        (&[("c/Chart.yaml", b"name: [\n")], "not YAML"),
        (&[("c/Chart.yaml", b"name: c\nversion: x\n")], "version"),
        (
            &[(
                "c/Chart.yaml",
                b"name: c\nversion: 1.0.0\ndependencies:\n- name: redis\n",
            )],
            "missing in charts/: redis",
        ),
    ] {
        let bytes = if files.is_empty() {
            b"nothing".to_vec()
        } else {
            tgz(files)
        };
        folder.write("c.tgz", &bytes);
        let text = all_text(&faults_of(&folder.join("c.tgz"))[0]);
        assert!(text.contains(word), "{word} in {text}");
    }
    let dotted: &[(&str, &[u8])] = &[("./c/Chart.yaml", CHART_YAML.as_bytes())];
    folder.write("dotted.tar", &plain_tar(dotted));
    assert_eq!(
        tree_of(&folder.join("dotted.tar")).name(),
        "contoso",
        "a plain tar is packed again, so `./` does no harm"
    );
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut gzip, &plain_tar(dotted)).unwrap();
    folder.write("dotted.tgz", &gzip.finish().unwrap());
    assert!(all_text(&faults_of(&folder.join("dotted.tgz"))[0]).contains("begin with `./`"));
}

#[test]
fn a_warm_run_does_not_unpack_again() {
    let folder = Folder::new(&[]);
    folder.write("c.tgz", &tgz(&[("contoso/Chart.yaml", CHART_YAML.as_bytes())]));
    folder.write(
        "d/Chart.yaml",
        format!("{CHART_YAML}dependencies:\n- name: contoso\n").as_bytes(),
    );
    folder.write("d/charts/x.tgz", &tgz(&[("contoso/Chart.yaml", CHART_YAML.as_bytes())]));
    let memory = Remembering::default();
    let cold = load(&package(&folder.join("c.tgz")), &memory).unwrap().0;
    let cold_folder = load(&package(&folder.join("d")), &memory).unwrap().0;
    // What is remembered is believed: the stat table decides when to forget.
    folder.write("c.tgz", b"not an archive any more");
    folder.write("d/charts/x.tgz", b"not an archive any more");
    assert_eq!(load(&package(&folder.join("c.tgz")), &memory).unwrap().0, cold);
    assert_eq!(load(&package(&folder.join("d")), &memory).unwrap().0, cold_folder);
    assert!(
        pack(&cold).unwrap_err().message().contains("changed while"),
        "but never packed unseen"
    );
}

#[test]
fn a_signature_beside_an_archive_is_taken_along() {
    let folder = Folder::new(&[("c.tgz.prov", "signed")]);
    folder.write("c.tgz", &tgz(&[("contoso/Chart.yaml", CHART_YAML.as_bytes())]));
    let tree = tree_of(&folder.join("c.tgz"));
    assert!(tree.provenance().is_some());
    std::fs::remove_file(folder.join("c.tgz.prov")).unwrap();
    assert_ne!(tree_of(&folder.join("c.tgz")).digest(), tree.digest());
}

#[test]
fn render_inputs_hold_no_path_and_no_value() {
    let folder = small_chart();
    folder.write("my-values.yaml", b"image: b:2\n");
    let mut package = package(&folder.join("c"));
    package.values = vec![Spanned::default_value(folder.join("my-values.yaml"))];
    set(&mut package, &[("password", "hunter2")]);
    let inputs = |package: &ChartPackage| {
        let tree = load(package, &ReadFiles).unwrap().0;
        render_inputs(package, &tree, &ReadFiles).unwrap()
    };
    let first = inputs(&package);
    let text = format!("{first:?}");
    assert!(
        !text.contains(folder.path.as_str()) && !text.contains("hunter2") && !text.contains("my-values"),
        "{text}"
    );
    assert!(
        text.contains("chart templates/pod.yaml") && text.contains("values 1"),
        "{text}"
    );
    set(&mut package, &[("password", "hunter3")]);
    assert_ne!(inputs(&package), first);
    set(&mut package, &[("password", "hunter2")]);
    assert_eq!(inputs(&package), first);
    folder.write("my-values.yaml", b"image: b:3\n");
    assert_ne!(inputs(&package), first);
    std::fs::remove_file(folder.join("my-values.yaml")).unwrap();
    let tree = load(&package, &ReadFiles).unwrap().0;
    assert!(render_inputs(&package, &tree, &ReadFiles).unwrap_err().has_errors());
}

#[test]
fn manifests_stand_in_for_a_chart() {
    let folder = Folder::new(&[("m/a.yaml", "kind: A\n"), ("m/sub/b.yaml", "kind: B\r\n")]);
    let mut package = package(&folder.path);
    package.input = ChartInput::Manifests(
        ["m/a.yaml", "m/sub/b.yaml"]
            .iter()
            .map(|name| Spanned::default_value(folder.join(name)))
            .collect(),
    );
    let tree = load(&package, &ReadFiles).unwrap().0;
    assert!(!tree.is_chart());
    assert!(pack(&tree).is_err());
    let text = render_with(
        &helm(),
        &package,
        &tree,
        &RenderLimits::default(),
        &CancellationToken::new(),
    )
    .unwrap();
    assert_eq!(
        text,
        "---\n# Source: m/a.yaml\nkind: A\n---\n# Source: m/sub/b.yaml\nkind: B\n"
    );
    package.input = ChartInput::Manifests(vec![Spanned::default_value(folder.join("absent.yaml"))]);
    assert!(load(&package, &ReadFiles).is_err());
}
