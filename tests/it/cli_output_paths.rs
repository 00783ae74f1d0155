//! Files that the list of a built folder names with the paths of another machine.

use crate::support::cli_output::{CNF, CNF_LIST, cnf_charts, vnf};
use crate::support::refusal::refused;

/// The arguments of a plan that asks no registry.
const PLAN: [&str; 3] = ["plan", "--from", CNF];

#[test]
fn a_chart_is_found_by_the_end_of_its_path_beside_the_folder_and_told() {
    let project = cnf_charts();
    project
        .run(&PLAN)
        .ok()
        .says("2 files are not where the list says, and taken from elsewhere")
        .says("chart /builds/contoso/charts/contoso-cnf: taken: charts/contoso-cnf");
}

#[test]
fn a_path_that_is_there_is_taken_without_a_word() {
    let project = cnf_charts();
    let absolute = project.path("charts").display().to_string();
    project.write(
        CNF_LIST,
        project.read(CNF_LIST).replace("/builds/contoso/charts", &absolute),
    );
    let output = project.run(&PLAN).ok();
    assert_eq!(output.stderr.matches("warning").count(), 0, "{output}");
    // From the folder on, as the extension reads relative paths.
    let relative = project.read(CNF_LIST).replace(&absolute, "../charts");
    project.write(CNF_LIST, relative);
    let output = project.run(&PLAN).ok();
    assert_eq!(output.stderr.matches("warning").count(), 0, "{output}");
}

#[test]
fn relative_paths_start_from_the_folder_then_beside_it_then_here() {
    let project = cnf_charts();
    project.write(
        CNF_LIST,
        project.read(CNF_LIST).replace("/builds/contoso/charts", "charts"),
    );
    project.run(&PLAN).ok().says("taken: charts/contoso-cnf");
    // Inside the folder goes before.
    project.copy_in(&project.path("charts"), "cnf-cli-output/charts");
    let output = project.run(&PLAN).ok();
    assert_eq!(output.stderr.matches("taken").count(), 0, "{output}");
}

#[test]
fn paths_of_windows_are_read_too() {
    let project = cnf_charts();
    let windows = project
        .read(CNF_LIST)
        .replace("/builds/contoso/charts/", "C:\\\\agent\\\\_work\\\\1\\\\charts\\\\");
    project.write(CNF_LIST, windows);
    project.run(&PLAN).ok().says("taken: charts/contoso-cnf");
}

#[test]
fn a_file_is_found_by_its_name_if_there_is_exactly_one() {
    let project = cnf_charts();
    std::fs::create_dir_all(project.path("elsewhere/deep")).unwrap();
    std::fs::rename(
        project.path("charts/contoso-cnf"),
        project.path("elsewhere/deep/contoso-cnf"),
    )
    .unwrap();
    project.run(&PLAN).ok().says("taken: elsewhere/deep/contoso-cnf");
    // With a second one nobody guesses.
    project.copy_in(
        &project.path("elsewhere/deep/contoso-cnf"),
        "elsewhere/other/contoso-cnf",
    );
    refused(&project, &PLAN, 4)
        .one()
        .says("several files could be meant")
        .says("elsewhere/deep/contoso-cnf")
        .says("elsewhere/other/contoso-cnf");
}

#[test]
fn one_file_under_two_names_is_one() {
    let project = cnf_charts();
    std::fs::rename(project.path("charts"), project.path("cnf-cli-output/charts")).unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink("cnf-cli-output/charts", project.path("charts")).unwrap();
    project.run(&PLAN).ok().says("charts/contoso-cnf");
}

#[test]
fn what_is_nowhere_is_an_error_with_every_place_tried_and_all_are_told_at_once() {
    let project = cnf_charts();
    project.remove("charts");
    refused(&project, &PLAN, 4)
        .count(2)
        .says("chart /builds/contoso/charts/contoso-cnf: there is no such file")
        .says("looked for /builds/contoso/charts/contoso-cnf")
        .says("looked for contoso-cnf below and beside")
        .says("carry the file along with the folder")
        .says("contoso-gateway: there is no such file");
}

#[test]
fn a_folder_is_no_template_and_no_disk_image() {
    let project = vnf();
    project.write(
        "aosm.toml",
        "[stores.local]\nkind = \"local\"\n[stores.disks]\nkind = \"storage-account\"\nemulator = \"http://127.0.0.1:9/devstoreaccount1\"\n",
    );
    project.remove("templates").remove("disks");
    project
        .write("templates/ubuntu-template.json/x", "")
        .write("disks/ubuntu.vhd/x", "");
    refused(&project, &["plan", "--from", "vnf-cli-output"], 4)
        .count(2)
        .says("template /builds/ubuntu-vm/templates/ubuntu-template.json: there is no such file")
        .says("disk image /builds/ubuntu-vm/disks/ubuntu.vhd: there is no such file");
}
