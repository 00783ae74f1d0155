//! Damage to what lies in `.aosm`: never an error, never a wrong "fresh", and repaired by the next run.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::support::aosm::copy_folder;
use crate::support::small::{Small, in_parallel};
use crate::support::*;

/// What can happen to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Damage {
    /// Cut to this part of its length, in percent.
    Cut(usize),
    /// One bit of the byte at this part of its length.
    Flip(usize, u8),
    /// All of it is zeros.
    Zeros,
    /// More than there was.
    Longer,
    /// A folder is in its place.
    Folder,
    /// Nobody may read it. (No damage to a superuser, who may.)
    Unreadable,
    /// Gone.
    Gone,
}

impl Damage {
    fn all() -> Vec<Self> {
        let cuts = [0, 1, 50, 90, 99].map(Self::Cut);
        let flips = [0, 3, 25, 50, 75, 90, 99]
            .into_iter()
            .flat_map(|at| [Self::Flip(at, 0x01), Self::Flip(at, 0x20)]);
        cuts.into_iter()
            .chain(flips)
            .chain([Self::Zeros, Self::Longer, Self::Folder, Self::Unreadable, Self::Gone])
            .collect()
    }

    fn inflict(self, path: &Path) {
        let mut bytes = fs::read(path).unwrap();
        let at = |percent: usize, length: usize| (length * percent / 100).min(length.saturating_sub(1));
        match self {
            Self::Cut(percent) => {
                let length = bytes.len() * percent / 100;
                bytes.truncate(length);
            }
            Self::Flip(..) if bytes.is_empty() => bytes.push(0),
            Self::Flip(percent, bit) => {
                let at = at(percent, bytes.len());
                bytes[at] ^= bit;
            }
            Self::Zeros => bytes.fill(0),
            Self::Longer => bytes.extend_from_slice(b"\nmore\n"),
            Self::Folder => {
                fs::remove_file(path).unwrap();
                fs::create_dir(path).unwrap();
                fs::write(path.join("inside"), "x").unwrap();
                return;
            }
            Self::Unreadable => {
                #[cfg(unix)]
                allow(path, 0o000);
                return;
            }
            Self::Gone => {
                fs::remove_file(path).unwrap();
                return;
            }
        }
        fs::write(path, bytes).unwrap();
    }
}

#[cfg(unix)]
fn allow(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// A small project that was applied: copied for every damage.
struct Applied {
    project: Project,
    small: Small,
}

impl Applied {
    fn new() -> Self {
        let (project, small) = (Project::new(), Small::new(2));
        small.write_local(&project);
        project.run(&["apply"]).ok();
        Self { project, small }
    }

    fn copy(&self) -> Project {
        let copy = Project::new();
        copy_folder(&self.project.folder(), &copy.folder());
        // The stat table is about the paths of the first: this run writes it anew.
        copy.run(&["apply", "--quiet"]).ok();
        copy
    }

    /// Files below a folder of the project, relative to the project.
    fn files(&self, folder: &str) -> Vec<PathBuf> {
        snapshot::walk(&self.project.path(folder))
            .iter()
            .map(|path| path.strip_prefix(self.project.folder()).unwrap().to_owned())
            .collect()
    }
}

/// Every file below a folder with every damage, shared out to jobs with a project each; restored in between.
fn sweep(applied: &Applied, folder: &str, check: impl Fn(&Project, &Path, Damage) + Sync) {
    let files = applied.files(folder);
    assert!(files.len() > 3, "{folder} has files: {files:?}");
    let numbers: Vec<usize> = (0..files.len()).collect();
    in_parallel(&numbers, |number| {
        let project = applied.copy();
        let path = project.folder().join(&files[number]);
        let whole = fs::read(&path).unwrap();
        // AOSM_CACHE_DIR may name any folder: a folder of such a name may be somebody's, and is left alone.
        let plain = ["CACHEDIR.TAG", ".gitignore", "version"].map(|name| format!(".aosm/cache/{name}"));
        let spared = |damage| match damage {
            Damage::Folder => plain.iter().any(|name| files[number] == Path::new(name)),
            // A lock that may not be opened may be held by another user: that is an error.
            Damage::Unreadable => files[number] == Path::new(".aosm/state/lock"),
            _ => false,
        };
        for damage in Damage::all().into_iter().filter(|damage| !spared(*damage)) {
            damage.inflict(&path);
            check(&project, &files[number], damage);
            // What nobody needed nobody looked at.
            if path.is_dir() {
                fs::remove_dir_all(&path).unwrap();
            }
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            if fs::read(&path).ok().as_ref() != Some(&whole) {
                let _ = fs::remove_file(&path);
                fs::write(&path, &whole).unwrap();
            }
        }
    });
}

#[test]
fn damage_to_any_file_of_cache_and_state_is_never_an_error_and_never_makes_anything_stale_or_fresh() {
    let applied = Applied::new();
    let truth = applied.copy().run(&["plan", "--json"]).ok().stdout;
    for folder in [".aosm/cache", ".aosm/state"] {
        sweep(&applied, folder, |project, file, damage| {
            let plan = project.run(&["plan", "--json", "--detailed-exitcode"]);
            assert_eq!(plan.code(), 0, "{} with {damage:?}: {plan}", file.display());
            assert_eq!(
                plan.stdout,
                truth,
                "{} with {damage:?}: {}",
                file.display(),
                plan.stderr
            );
            assert!(
                !plan.stderr.contains("error"),
                "{} with {damage:?}: {plan}",
                file.display()
            );
            let again = project.run(&["apply"]);
            assert_eq!(again.code(), 0, "{} with {damage:?}: {again}", file.display());
            // Repaired: nobody hears of it a second time.
            let quiet = project.run(&["apply"]);
            assert_eq!(
                (quiet.code(), quiet.stderr.as_str()),
                (0, ""),
                "{} with {damage:?}: {quiet}",
                file.display()
            );
        });
    }
    applied.small.assert_complete(&applied.project);
}

#[test]
fn with_damage_a_change_of_chart_and_store_is_still_seen() {
    let applied = Applied::new();
    let files: Vec<PathBuf> = [".aosm/cache", ".aosm/state"]
        .iter()
        .flat_map(|folder| applied.files(folder))
        .collect();
    let damages = [
        Damage::Cut(0),
        Damage::Cut(50),
        Damage::Flip(50, 0x01),
        Damage::Zeros,
        Damage::Folder,
    ];
    let numbers: Vec<usize> = (0..files.len()).collect();
    in_parallel(&numbers, |number| {
        let project = applied.copy();
        let damage = damages[number % damages.len()];
        damage.inflict(&project.folder().join(&files[number]));
        // The chart no longer wants the second image, and the store lost the first.
        project.edit("charts/small/templates/app.yaml", "small-2:1.0.0", "small-1:1.0.0");
        let index = project
            .read(".aosm/store/index.json")
            .replace("release/small-1:1.0.0", "release/elsewhere:1.0.0");
        project.write(".aosm/store/index.json", index);
        let plan = project.run(&["plan", "--json", "--detailed-exitcode"]);
        assert_eq!(plan.code(), 2, "{} with {damage:?}: {plan}", files[number].display());
        let steps: BTreeMap<String, String> = plan.json()["steps"]
            .as_array()
            .unwrap()
            .iter()
            .map(|step| {
                (
                    step["id"].as_str().unwrap().to_owned(),
                    step["action"].as_str().unwrap().to_owned(),
                )
            })
            .collect();
        let wanted = [
            ("copy:local/release/small-1:1.0.0", "run"),
            ("push:local/small:1.0.0", "run"),
        ];
        let wanted: BTreeMap<String, String> = wanted.map(|(id, action)| (id.to_owned(), action.to_owned())).into();
        assert_eq!(steps, wanted, "{} with {damage:?}", files[number].display());
    });
}

/// Steps of a plan that run, with the type of their first reason.
fn stale(plan: &Output) -> BTreeMap<String, String> {
    plan.json()["steps"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|step| step["action"] == "run")
        .map(|step| {
            (
                step["id"].as_str().unwrap().to_owned(),
                step["reasons"][0]["type"].as_str().unwrap().to_owned(),
            )
        })
        .collect()
}

#[test]
fn damaged_blobs_of_a_local_store_are_found_by_plan_and_made_anew_by_apply() {
    let applied = Applied::new();
    sweep(&applied, ".aosm/store/blobs", |project, file, damage| {
        if damage == Damage::Unreadable && fs::read(project.folder().join(file)).is_ok() {
            return;
        }
        if damage == Damage::Folder {
            // Not damage that a disk does; cleared away for the next.
            fs::remove_dir_all(project.folder().join(file)).unwrap();
        }
        let plan = project.run(&["plan", "--json", "--detailed-exitcode"]);
        assert_eq!(plan.code(), 2, "{} with {damage:?}: {plan}", file.display());
        let stale = stale(&plan);
        assert!(
            !stale.is_empty() && stale.values().all(|reason| reason == "damaged"),
            "{damage:?}: {stale:?}"
        );
        project.run(&["apply", "--quiet"]).ok();
        applied.small.assert_complete(project);
        assert_eq!(
            project.run(&["plan", "--detailed-exitcode"]).code(),
            0,
            "{} with {damage:?}",
            file.display()
        );
    });
}

/// What an index says to its readers: `None` if nothing.
fn meaning(index: &[u8]) -> Option<Vec<String>> {
    let index: serde_json::Value = serde_json::from_slice(index).ok()?;
    let right_type = index.get("mediaType").is_none_or(|own| own == image::OCI_INDEX);
    if index["schemaVersion"] != 2 || !right_type {
        return None;
    }
    let entries = index["manifests"].as_array()?.iter();
    let mut tags: Vec<String> = entries
        .filter(|e| !e["annotations"][layout::REF_NAME].is_null())
        .map(|e| e.to_string())
        .collect();
    tags.sort();
    Some(tags)
}

#[test]
fn a_damaged_index_of_a_local_store_is_found_by_plan_and_made_anew_by_apply() {
    let applied = Applied::new();
    let whole = fs::read(applied.project.path(".aosm/store/index.json")).unwrap();
    let cuts = (0..whole.len())
        .step_by(whole.len() / 12)
        .map(|at| whole[..at].to_vec());
    let flips = (0..whole.len()).step_by(11).map(|at| {
        let mut bytes = whole.clone();
        bytes[at] ^= if at % 2 == 0 { 0x01 } else { 0x08 };
        bytes
    });
    let versions: Vec<Vec<u8>> = cuts.chain(flips).chain([vec![0; whole.len()]]).collect();
    let numbers: Vec<usize> = (0..versions.len()).collect();
    in_parallel(&numbers, |number| {
        let project = Project::new();
        copy_folder(&applied.project.folder(), &project.folder());
        let shown = String::from_utf8_lossy(&versions[number]).into_owned();
        project.write(".aosm/store/index.json", &versions[number]);
        let plan = project.run(&["plan", "--json"]);
        assert_eq!(plan.code(), 0, "{plan}\n{shown}");
        // A flipped space is no damage.
        assert_eq!(
            stale(&plan).is_empty(),
            meaning(&versions[number]) == meaning(&whole),
            "{plan}\n{shown}"
        );
        project.run(&["apply", "--quiet"]).ok();
        let mut names = layout::names(&project.path(".aosm/store"));
        names.retain(|name| applied.small.names().contains(name));
        assert_eq!(names, applied.small.names(), "{shown}");
        for name in names {
            let image = layout::read(&project.path(".aosm/store"), &name).unwrap();
            if name != "small:1.0.0" {
                assert_eq!(image.digest(), applied.small.digest(&name), "{shown}");
            }
        }
        let after = project.run(&["plan", "--detailed-exitcode"]);
        assert_eq!(after.code(), 0, "{after}\n{shown}");
    });
}

#[test]
fn what_could_not_be_read_of_an_index_is_kept_beside_the_new_one() {
    let applied = Applied::new();
    let project = applied.copy();
    let whole = project.read(".aosm/store/index.json");
    let cut = &whole[..whole.len() - 20];
    project.write(".aosm/store/index.json", cut);
    project
        .run(&["plan"])
        .ok()
        .says("damaged in the store")
        .says("index.json");
    project.run(&["apply"]).ok();
    assert_eq!(project.read(".aosm/store/index.json.damaged"), cut);
    assert_eq!(project.read(".aosm/store/index.json"), whole);
}

#[test]
fn a_damaged_oci_layout_file_is_found_and_written_anew_but_one_of_another_version_is_left_alone() {
    let applied = Applied::new();
    let project = applied.copy();
    let whole = project.read(".aosm/store/oci-layout");
    for damage in [
        "",
        "{",
        "{\"imageLayoutVersion\":\"1.0",
        "{\"imageLayoutVersioo\":\"1.0.0\"}",
    ] {
        project.write(".aosm/store/oci-layout", damage);
        let plan = project.run(&["plan", "--json", "--detailed-exitcode"]).expect(2);
        assert!(stale(&plan).values().all(|reason| reason == "damaged"), "{plan}");
        project.run(&["apply"]).ok();
        assert_eq!(project.read(".aosm/store/oci-layout"), whole);
        project.run(&["plan", "--detailed-exitcode"]).ok();
    }
    project.remove(".aosm/store/oci-layout");
    project.run(&["plan", "--detailed-exitcode"]).expect(2);
    project.run(&["apply"]).ok();
    assert_eq!(project.read(".aosm/store/oci-layout"), whole);
    let foreign = "{\"imageLayoutVersion\":\"2.0.0\"}";
    project.write(".aosm/store/oci-layout", foreign);
    project.run(&["apply"]).expect(5).says("2.0.0");
    assert_eq!(project.read(".aosm/store/oci-layout"), foreign);
}

/// Makes the stat table believe that a file is as it was: what damage below the file system looks like.
fn fool_the_stat_table(project: &Project, file: &Path) {
    use std::os::unix::fs::MetadataExt as _;
    let table = project.path(".aosm/state/stat");
    let text = fs::read_to_string(&table).unwrap();
    let (body, _) = text.trim_end_matches('\n').rsplit_once('\n').unwrap();
    let meta = fs::metadata(file).unwrap();
    let time = |seconds: i64, nanos: i64| (i128::from(seconds) * 1_000_000_000 + i128::from(nanos)).to_string();
    let mut fooled = 0;
    let mut lines: Vec<String> = body.lines().map(str::to_owned).collect();
    for line in lines.iter_mut().skip(1) {
        let mut row: serde_json::Value = serde_json::from_str(line).unwrap();
        if Path::new(row[0].as_str().unwrap()) == file {
            assert_eq!(row[1], meta.len(), "the size is as it was");
            row[2] = time(meta.mtime(), meta.mtime_nsec()).into();
            row[3] = time(meta.ctime(), meta.ctime_nsec()).into();
            row[4] = meta.ino().into();
            *line = row.to_string();
            fooled += 1;
        }
    }
    assert_eq!(fooled, 1, "{} is in the stat table", file.display());
    let body = lines.join("\n") + "\n";
    fs::write(&table, format!("{body}{}\n", sha256(body.as_bytes()))).unwrap();
}

#[cfg(unix)]
#[test]
fn damage_that_the_stat_does_not_show_is_found_by_a_forced_check_and_repaired() {
    let applied = Applied::new();
    let files = applied.files(".aosm/store/blobs");
    let numbers: Vec<usize> = (0..files.len()).collect();
    in_parallel(&numbers, |number| {
        let project = applied.copy();
        let path = project.folder().join(&files[number]);
        Damage::Flip(50, 0x01).inflict(&path);
        fool_the_stat_table(&project, &path);
        // Parsing a manifest may show it by accident; a blob is not read.
        let trusting = project.run(&["plan", "--json"]).ok();
        let manifest = serde_json::from_slice::<serde_json::Value>(&fs::read(&path).unwrap()).is_ok();
        assert!(manifest || stale(&trusting).len() <= 2, "{trusting}");
        let forced = project
            .run(&["plan", "--json", "--force-check", "--detailed-exitcode"])
            .expect(2);
        assert!(stale(&forced).values().all(|reason| reason == "damaged"), "{forced}");
        project.run(&["apply", "--force-check"]).ok();
        applied.small.assert_complete(&project);
        project.run(&["plan", "--force-check", "--detailed-exitcode"]).ok();
    });
}

#[test]
fn an_old_mtime_does_not_hide_a_changed_file() {
    let applied = Applied::new();
    let project = applied.copy();
    let chart = project.path("charts/small/values.yaml");
    let modified = fs::metadata(&chart).unwrap().modified().unwrap();
    project.edit("charts/small/values.yaml", "replicas: 1", "replicas: 2");
    fs::File::options()
        .write(true)
        .open(&chart)
        .unwrap()
        .set_modified(modified)
        .unwrap();
    let plan = project.run(&["plan", "--json", "--detailed-exitcode"]).expect(2);
    assert_eq!(stale(&plan).into_keys().collect::<Vec<_>>(), ["push:local/small:1.0.0"]);
}
