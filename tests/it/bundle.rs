//! Bundles: everything in one file, taken where no source can be reached.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::support::*;

/// A project of an image with referrers, a chart, an artifact and an attachment; its source is a registry behind a proxy.
struct Scene {
    project: Project,
    source: Faulty,
    image: Image,
    sbom: Image,
}

impl Scene {
    fn new(name: &str) -> Self {
        let registry = Registry::shared(Kind::Plain);
        let from = registry.unique(&format!("{name}-source"));
        let image = ImageSpec::new(91).layers(&[3000, 500]).multi_platform();
        let sbom = Image::referrer(image.root(), "sbom/example", b"sbom");
        let repository = format!("{from}/release/a");
        registry.push(&image, &repository, "1.0.0");
        let client = registry.client();
        for blob in &sbom.blobs {
            client.push_blob(&repository, &blob.bytes);
        }
        client.push_manifest(&repository, sbom.digest(), sbom.root());
        let mut entry = sbom.root().descriptor();
        entry["artifactType"] = "sbom/example".into();
        let list = serde_json::json!({"schemaVersion": 2, "mediaType": image::OCI_INDEX, "manifests": [entry]});
        let list = image::Part::new(image::OCI_INDEX, serde_json::to_vec(&list).unwrap());
        client.push_manifest(&repository, &image.digest().replace(':', "-"), &list);
        let source = Faulty::before(&registry.host());
        let project = Project::new();
        charts::write(&project, "chart", "contoso", "1.0.0", &["x.example/release/a:1.0.0"]);
        project.write("report.txt", "fine");
        project.write(
            "vm.json",
            r#"{"$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#", "contentVersion": "1.0.0.0", "resources": []}"#,
        );
        project.write(
            "aosm.toml",
            format!(
                "[project]\nname = \"contoso\"\nimage-sources = [\"{}/{from}\"]\n{LOCAL}\
                 [[charts]]\nname = \"contoso\"\npath = \"chart\"\n\
                 [[artifacts]]\nname = \"vm\"\nversion = \"1.0.0\"\nkind = \"arm-template\"\nfiles = [{{ path = \"vm.json\" }}]\n\
                 [[attachments]]\nsubject = \"chart:contoso\"\nartifact-type = \"report/example\"\nfiles = [{{ path = \"report.txt\" }}]\n",
                source.host()
            ),
        );
        Self {
            project,
            source,
            image,
            sbom,
        }
    }

    fn exported(name: &str) -> Self {
        let scene = Self::new(name);
        scene
            .project
            .run(&["export", "--bundle", "out/all.tar"])
            .ok()
            .says("wrote out/all.tar: 4 artifacts");
        scene
    }

    fn bundle(&self) -> std::path::PathBuf {
        self.project.path("out/all.tar")
    }

    /// A project on the far side: nothing but a store, and the bundle.
    fn far(&self) -> Project {
        let far = Project::new();
        far.write("aosm.toml", LOCAL);
        std::fs::copy(self.bundle(), far.path("all.tar")).unwrap();
        far
    }
}

const LOCAL: &str = "[stores.main]\nkind = \"local\"\n";

/// The names of a tar's members.
fn members(file: &Path) -> Vec<String> {
    let mut archive = tar::Archive::new(std::fs::File::open(file).unwrap());
    let entries = archive.entries().unwrap();
    entries
        .map(|entry| entry.unwrap().path().unwrap().to_str().unwrap().to_owned())
        .collect()
}

#[test]
fn a_bundle_fills_the_stores_where_no_source_can_be_reached() {
    let scene = Scene::exported("bundle");
    let far = scene.far();
    let mark = scene.source.mark();
    far.run(&["plan", "--from-bundle", "all.tar", "--detailed-exitcode"])
        .expect(2)
        .says("+ copy release/a:1.0.0")
        .says("+ attach contoso:1.0.0/report/example");
    far.run(&["apply", "--from-bundle", "all.tar"]).ok().says("4 done");
    assert_eq!(scene.source.since(mark).0.len(), 0, "no source was asked");
    let store = far.path(".aosm/store");
    assert_eq!(layout::names(&store), ["contoso:1.0.0", "release/a:1.0.0", "vm:1.0.0"]);
    assert_eq!(
        layout::read(&store, "release/a:1.0.0").unwrap().digest(),
        scene.image.digest()
    );
    let index = far.read(".aosm/store/index.json");
    assert!(index.contains(scene.sbom.digest()), "{index}");
    assert!(index.contains("report/example"), "{index}");
    far.run(&["plan", "--from-bundle", "all.tar", "--detailed-exitcode"])
        .ok()
        .says("nothing to do: 4 artifacts up to date");
    // What was filled from the bundle is what the project itself would have filled.
    scene.project.run(&["apply"]).ok();
    let digests = |project: &Project| {
        let index: Value = serde_json::from_str(&project.read(".aosm/store/index.json")).unwrap();
        let list = index["manifests"].as_array().unwrap().iter();
        let mut digests: Vec<String> = list.map(|entry| entry["digest"].to_string()).collect();
        digests.sort();
        digests
    };
    assert_eq!(digests(&far), digests(&scene.project));
}

#[test]
fn the_same_content_is_the_same_bytes_and_each_blob_crosses_once() {
    let scene = Scene::new("bundle-same");
    let mark = scene.source.mark();
    scene.project.run(&["export", "--bundle", "one.tar"]).ok();
    let asked = scene.source.since(mark);
    let blobs: Vec<&str> = asked
        .0
        .iter()
        .filter(|entry| entry.is("GET blob"))
        .map(|entry| entry.reference.as_str())
        .collect();
    for layer in scene
        .image
        .blobs
        .iter()
        .filter(|blob| blob.media_type.contains("layer"))
    {
        let times = blobs.iter().filter(|digest| **digest == layer.digest).count();
        assert_eq!(times, 1, "{blobs:?}");
    }
    scene.project.run(&["export", "--bundle", "two.tar"]).ok();
    let other = Project::new();
    aosm::copy_folder(&scene.project.folder(), &other.folder());
    std::fs::remove_dir_all(other.path(".aosm")).unwrap();
    other.run(&["export", "--bundle", "three.tar"]).ok();
    let bytes = |project: &Project, name: &str| std::fs::read(project.path(name)).unwrap();
    assert!(bytes(&scene.project, "one.tar") == bytes(&scene.project, "two.tar"));
    assert!(bytes(&scene.project, "one.tar") == bytes(&other, "three.tar"));
    let names = members(&scene.project.path("one.tar"));
    let mut sorted = names.clone();
    sorted.sort();
    assert_eq!(names, sorted);
    assert_eq!(names.first().map(String::as_str), Some("aosm-bundle.json"));
}

#[test]
fn other_tools_read_a_bundle_as_the_archive_of_a_layout() {
    let scene = Scene::exported("bundle-others");
    if tools::without("skopeo") {
        return;
    }
    let output = Command::new("skopeo")
        .arg("--tmpdir")
        .arg(scene.project.folder())
        .args(["inspect", "--raw"])
        .arg(format!("oci-archive:{}:release/a:1.0.0", scene.bundle().display()))
        .current_dir(scene.project.folder())
        .output()
        .expect("skopeo");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(sha256(&output.stdout), scene.image.digest());
    // And this tool reads it as a source.
    let reader = Project::new();
    std::fs::copy(scene.bundle(), reader.path("all.tar")).unwrap();
    reader.write(
        "aosm.toml",
        "[project]\nimage-sources = [\"saved\"]\n[sources.saved]\nkind = \"oci-archive\"\npath = \"all.tar\"\n\
         [[images]]\nreference = \"x.example/release/a:1.0.0\"\n",
    );
    reader.run(&["apply"]).ok().says("1 done");
}

type Reorder = dyn Fn(&mut Vec<(String, Vec<u8>)>);

#[test]
fn a_bundle_that_was_changed_in_any_way_is_one_clear_error_and_nothing_is_tagged() {
    let scene = Scene::exported("bundle-changed");
    let good = std::fs::read(scene.bundle()).unwrap();
    let repacked = |order: &Reorder| {
        let mut files = Vec::new();
        let mut archive = tar::Archive::new(good.as_slice());
        for entry in archive.entries().unwrap() {
            let mut entry = entry.unwrap();
            let name = entry.path().unwrap().to_str().unwrap().to_owned();
            let mut bytes = Vec::new();
            std::io::Read::read_to_end(&mut entry, &mut bytes).unwrap();
            files.push((name, bytes));
        }
        order(&mut files);
        let folder = temp_dir();
        let file = folder.path().join("x.tar");
        layout::write_tar(&file, &files);
        std::fs::read(file).unwrap()
    };
    let last_blob = |files: &mut Vec<(String, Vec<u8>)>| {
        let at = files.iter().rposition(|(name, _)| name.starts_with("blobs/")).unwrap();
        files.remove(at);
    };
    let mut padded = good.clone();
    padded.extend_from_slice(&[0; 512]);
    let mut trailing = good.clone();
    trailing.extend_from_slice(b"more");
    let newer = repacked(&|files| {
        files[0].1 = String::from_utf8(files[0].1.clone())
            .unwrap()
            .replace("aosm-bundle/1", "aosm-bundle/2")
            .into_bytes();
    });
    let mut layout_only = Vec::new();
    {
        let folder = temp_dir();
        let file = folder.path().join("x.tar");
        layout::write_archive(&file, &[("release/a:1.0.0", &scene.image)]);
        layout_only.extend(std::fs::read(file).unwrap());
    }
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("empty", Vec::new(), "this is no bundle"),
        ("text", b"hello".to_vec(), "this is no bundle"),
        ("another archive", layout_only, "this is no bundle"),
        (
            "cut in the middle",
            good[..good.len() / 2].to_vec(),
            "the bundle is damaged",
        ),
        (
            "cut by one byte",
            good[..good.len() - 1].to_vec(),
            "the bundle is damaged",
        ),
        (
            "without its end",
            good[..good.len() - 1024].to_vec(),
            "the bundle is damaged",
        ),
        ("padded", padded, "the bundle is damaged"),
        ("with more behind it", trailing, "the bundle is damaged"),
        (
            "in another order",
            repacked(&|files| files[1..].reverse()),
            "the bundle is damaged",
        ),
        ("a blob missing", repacked(&last_blob), "the bundle is damaged"),
        ("a newer form", newer, "has the form \"aosm-bundle/2\""),
    ];
    for (what, bytes, expected) in cases {
        let far = scene.far();
        std::fs::write(far.path("all.tar"), &bytes).unwrap();
        let applied = far.run(&["apply", "--from-bundle", "all.tar"]);
        assert_eq!(applied.code(), 4, "{what}: {applied}");
        assert_eq!(applied.stderr.matches("error:").count(), 1, "{what}: {applied}");
        applied.says(expected);
        assert!(!far.path(".aosm/store/index.json").exists(), "{what}");
    }
    let far = scene.far();
    far.remove("all.tar");
    far.run(&["apply", "--from-bundle", "all.tar"])
        .expect(4)
        .says("the bundle cannot be read");
}

#[test]
fn a_flipped_byte_in_a_blob_fails_what_it_belongs_to_and_tags_none_of_it() {
    let scene = Scene::exported("bundle-flipped");
    let mut bytes = std::fs::read(scene.bundle()).unwrap();
    let layer = scene.image.blobs.iter().max_by_key(|blob| blob.bytes.len()).unwrap();
    let at = bytes
        .windows(layer.bytes.len())
        .position(|window| window == layer.bytes.as_slice())
        .unwrap();
    bytes[at + 10] ^= 1;
    let far = scene.far();
    std::fs::write(far.path("all.tar"), &bytes).unwrap();
    let applied = far.run(&["apply", "--from-bundle", "all.tar"]);
    assert_eq!(applied.code(), 1, "{applied}");
    assert_eq!(layout::names(&far.path(".aosm/store")), ["contoso:1.0.0", "vm:1.0.0"]);
    // With a good one the rest is filled.
    std::fs::copy(scene.bundle(), far.path("all.tar")).unwrap();
    far.run(&["apply", "--from-bundle", "all.tar"])
        .ok()
        .says("1 done, 3 fresh");
}

#[test]
fn stores_that_the_project_has_not_are_an_error_that_names_them() {
    let scene = Scene::exported("bundle-stores");
    let far = scene.far();
    far.write("aosm.toml", "[stores.other]\nkind = \"local\"\n");
    far.run(&["apply", "--from-bundle", "all.tar"])
        .expect(4)
        .says("stores that this project has not: main")
        .says("stores of this project: other");
}

#[test]
fn only_takes_a_part_with_what_it_needs() {
    let scene = Scene::exported("bundle-only");
    let far = scene.far();
    far.run(&["apply", "--from-bundle", "all.tar", "--only", "attach:*"])
        .ok()
        .says("2 done");
    assert_eq!(layout::names(&far.path(".aosm/store")), ["contoso:1.0.0"]);
}

#[test]
fn a_bundle_is_written_whole_or_not_at_all() {
    let scene = Scene::new("bundle-whole");
    scene.project.run(&["lock"]).ok();
    scene
        .source
        .rule(Rule::new(Fault::Answer(http::Response::new(404, "gone"))).when(|entry| entry.is("GET blob")));
    scene.project.write("old.tar", "what was there");
    let failed = scene.project.run(&["export", "--bundle", "old.tar"]);
    assert_ne!(failed.code(), 0, "{failed}");
    assert_eq!(scene.project.read("old.tar"), "what was there");
    let leftovers: Vec<_> = snapshot::walk(&scene.project.folder())
        .into_iter()
        .filter(|path| path.to_string_lossy().contains(".tmp-"))
        .collect();
    assert!(leftovers.is_empty(), "{leftovers:?}");
    scene.source.clear();
    scene.project.run(&["export", "--bundle", "old.tar"]).ok();
    assert!(members(&scene.project.path("old.tar")).len() > 5);
}

#[cfg(unix)]
#[test]
fn an_interrupted_export_leaves_no_file_under_the_name() {
    let scene = Scene::new("bundle-interrupted");
    scene.project.run(&["lock"]).ok();
    scene
        .source
        .rule(Rule::new(Fault::Hang).when(|entry| entry.is("GET blob")));
    let running = scene.project.aosm(&["export", "--bundle", "all.tar"]).spawn();
    let begun = std::time::Instant::now();
    while !scene.source.traffic().0.iter().any(|entry| entry.is("GET blob")) {
        assert!(begun.elapsed().as_secs() < 60, "no blob was asked for");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    running.interrupt();
    let output = running.wait();
    assert_eq!(output.code(), 130, "{output}");
    let left: Vec<_> = snapshot::walk(&scene.project.folder())
        .into_iter()
        .filter(|path| path.to_string_lossy().contains("all.tar"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn an_image_that_is_missing_is_an_error_and_no_bundle_is_written() {
    let scene = Scene::new("bundle-missing");
    scene
        .project
        .edit("chart/templates/app-0.yaml", "release/a:1.0.0", "release/absent:1.0.0");
    scene
        .project
        .run(&["export", "--bundle", "all.tar"])
        .expect(4)
        .says("release/absent:1.0.0");
    assert!(!scene.project.path("all.tar").exists());
}
