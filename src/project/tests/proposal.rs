//! What `init` proposes loads.

use super::*;

fn propose_and_load(folder: Folder) -> (Proposal, Project) {
    let proposal = propose(&folder.path).unwrap();
    assert_eq!(proposal.file, folder.path.join("aosm.toml"));
    let folder = folder.with("aosm.toml", &proposal.text);
    (proposal, folder.clean())
}

#[test]
fn from_an_input_file() {
    let (proposal, project) = propose_and_load(jsonc(&format!("{{{PACKAGE}}}")));
    assert_eq!(project.files, ["aosm.toml", "cnf-input.jsonc"]);
    assert_eq!(project.charts.len(), 1);
    assert!(proposal.text.contains("# name = \"app\"") && proposal.notes.is_empty());
    let folder = Folder::new()
        .with_chart("app")
        .with("input.json", format!("{{{PACKAGE}}}"));
    assert_eq!(propose_and_load(folder).1.files, ["aosm.toml", "input.json"]);
}

#[test]
fn from_a_folder_of_charts() {
    let folder = Folder::new()
        .with_chart("charts/contoso")
        .with_chart("charts/contoso/charts/inner")
        .with_chart("other/contoso")
        .with_chart("a/b/My Chart_1")
        .with_chart("a/b/c/too-deep")
        .with_chart(".hidden/x")
        .with("packed-1.2.3-rc.1.tgz", "x");
    let (proposal, project) = propose_and_load(folder);
    let names: Vec<&str> = project.charts.iter().map(|chart| chart.name.value.as_str()).collect();
    assert_eq!(names, ["my-chart-1", "contoso", "contoso-2", "packed"]);
    assert_eq!(proposal.notes.len(), 1);
}

#[test]
fn from_a_folder_that_is_a_chart() {
    let folder = Folder::new().with("Chart.yaml", "name: x\n");
    let (_, project) = propose_and_load(folder);
    assert_eq!(project.charts.len(), 1);
}

#[test]
fn an_existing_project_file_is_never_overwritten() {
    let error = propose(&toml("").path).unwrap_err();
    assert!(error.message().contains("exists already"));
}

#[cfg(unix)]
#[test]
fn a_dangling_link_counts_as_existing() {
    let folder = Folder::new().with_chart("app");
    std::os::unix::fs::symlink("/nowhere/at/all", folder.path.join("aosm.toml")).unwrap();
    assert!(propose(&folder.path).is_err());
}

#[test]
fn an_empty_folder_and_an_absent_one_are_errors() {
    let folder = Folder::new();
    assert!(propose(&folder.path).unwrap_err().message().contains("no chart"));
    assert!(
        propose(&folder.path.join("x"))
            .unwrap_err()
            .message()
            .contains("there is no such folder")
    );
}

#[test]
fn a_broken_input_file_is_noted() {
    let proposal = propose(&jsonc("{").path).unwrap();
    assert_eq!(
        proposal.notes,
        ["cnf-input.jsonc has an error: `aosm-build check` shows more"]
    );
}

#[test]
fn strange_file_names_are_quoted() {
    let folder = Folder::new().with_chart("q\"uote\\d");
    let (_, project) = propose_and_load(folder);
    assert_eq!(project.charts[0].name.value, "q-uote-d");
}
