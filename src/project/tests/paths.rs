//! Which file a path means.

use super::*;

/// A project in `project/`, loaded from the folder above.
fn below(text: &str) -> (Folder, LoadOptions) {
    let folder = Folder::new().with("project/aosm.toml", text);
    let options = LoadOptions {
        folder: folder.path.join("project"),
        ..folder.options()
    };
    (folder, options)
}

#[test]
fn paths_start_from_the_file_that_names_them() {
    let (folder, options) = below(APP);
    let folder = folder.with_chart("project/app");
    let (project, warnings) = load(&options).unwrap();
    assert!(warnings.is_empty());
    assert_eq!(project.files, ["project/aosm.toml"]);
    assert_eq!(project.root, folder.path.join("project"));
    assert!(
        matches!(&project.charts[0].input, ChartInput::Chart(path) if path.value == folder.path.join("project/app"))
    );
}

#[test]
fn a_path_found_only_from_the_current_folder_is_taken_with_a_warning() {
    let (folder, options) = below(APP);
    let folder = folder.with_chart("app");
    let (project, warnings) = load(&options).unwrap();
    assert_eq!(
        lines(&warnings),
        "warning project/aosm.toml:3:8 chart app: found only from the current folder / paths start from the file that \
         names them: write `../app`"
    );
    assert!(matches!(&project.charts[0].input, ChartInput::Chart(path) if path.value == folder.path.join("app")));
}

#[test]
fn where_both_exist_the_file_s_is_taken_with_a_warning() {
    let (folder, options) = below(APP);
    let folder = folder.with_chart("app").with_chart("project/app");
    let (project, warnings) = load(&options).unwrap();
    assert!(lines(&warnings).starts_with("warning project/aosm.toml:3:8 chart app: means two things"));
    assert!(
        matches!(&project.charts[0].input, ChartInput::Chart(path) if path.value == folder.path.join("project/app"))
    );
}

#[cfg(unix)]
#[test]
fn two_ways_to_one_folder_are_no_ambiguity() {
    let (folder, options) = below(APP);
    let folder = folder.with_chart("app");
    std::os::unix::fs::symlink(folder.path.join("app"), folder.path.join("project/app")).unwrap();
    let (_, warnings) = load(&options).unwrap();
    assert!(warnings.is_empty(), "{}", lines(&warnings));
}

#[test]
fn local_stores_never_start_from_the_current_folder() {
    let (folder, options) = below(&format!("{APP}[stores.s]\nkind = \"local\"\npath = \"../out\"\n"));
    let folder = folder.with_chart("project/app").with("out/x", "");
    let (project, _) = load(&options).unwrap();
    assert_eq!(
        project.stores[0].kind,
        StoreKind::Local {
            path: folder.path.join("out")
        }
    );
}

#[test]
fn patterns_of_manifests_match_sorted_and_once() {
    let folder = toml("[[charts]]\nname = \"m\"\nmanifests = [\"./r/**/*.yaml\", \"r/b.yaml\", \"r/?.yml\"]\n")
        .with("r/b.yaml", "")
        .with("r/a.yaml", "")
        .with("r/sub/c.yaml", "")
        .with("r/d.yml", "")
        .with("r/.git/e.yaml", "")
        .with("r/f.txt", "");
    let project = folder.clean();
    let ChartInput::Manifests(files) = &project.charts[0].input else {
        panic!("no manifests")
    };
    let names: Vec<&str> = files
        .iter()
        .map(|file| file.value.strip_prefix(&folder.path).unwrap().as_str())
        .collect();
    assert_eq!(names, ["r/a.yaml", "r/b.yaml", "r/d.yml", "r/sub/c.yaml"]);
}

#[test]
fn a_star_does_not_cross_folders() {
    let folder = toml("[[charts]]\nname = \"m\"\nmanifests = [\"r/*.yaml\"]\n").with("r/sub/c.yaml", "");
    assert!(folder.error().contains("nothing matches"));
}

#[cfg(unix)]
#[test]
fn circles_of_links_end() {
    let folder = toml("[[charts]]\nname = \"m\"\nmanifests = [\"r/**/*.yaml\"]\n").with("r/a.yaml", "");
    std::os::unix::fs::symlink(folder.path.join("r"), folder.path.join("r/loop")).unwrap();
    let project = folder.clean();
    assert!(matches!(&project.charts[0].input, ChartInput::Manifests(files) if files.len() == 1));
}

#[test]
fn names_of_packages_with_manifests_are_no_release_names() {
    let folder = toml("[[charts]]\nname = \"My_Manifests\"\nmanifests = [\"r/*.yaml\"]\n").with("r/a.yaml", "");
    assert_eq!(folder.clean().charts.len(), 1);
}
