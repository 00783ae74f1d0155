//! Pulls of artifacts that want out of the output folder. Every published way that oras and its kin were led out is here by
//! its advisory: whatever becomes of the pull, nothing outside of the folder changes.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::support::image::{OCI_MANIFEST, Part};
use crate::support::*;

const TITLE: &str = "org.opencontainers.image.title";
const UNPACK: &str = "io.deis.oras.content.unpack";

/// A hostile tar in the making: names and links as they are, nothing checked.
#[derive(Default)]
struct Tar(Vec<u8>);

impl Tar {
    fn entry(mut self, kind: u8, name: &str, link: &str, mode: u32, content: &[u8]) -> Self {
        let mut header = [0_u8; 512];
        header[..name.len()].copy_from_slice(name.as_bytes());
        header[100..108].copy_from_slice(format!("{mode:07o}\0").as_bytes());
        for at in [108, 116] {
            header[at..at + 8].copy_from_slice(b"0000000\0");
        }
        header[124..136].copy_from_slice(format!("{:011o}\0", content.len()).as_bytes());
        header[136..148].copy_from_slice(b"00000000000\0");
        header[148..156].copy_from_slice(b"        ");
        header[156] = kind;
        header[157..157 + link.len()].copy_from_slice(link.as_bytes());
        header[257..265].copy_from_slice(b"ustar\x0000");
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        self.0.extend_from_slice(&header);
        self.0.extend_from_slice(content);
        self.0.resize(self.0.len().next_multiple_of(512), 0);
        self
    }

    fn file(self, name: &str, text: &str) -> Self {
        self.entry(b'0', name, "", 0o644, text.as_bytes())
    }

    fn folder(self, name: &str) -> Self {
        self.entry(b'5', name, "", 0o755, b"")
    }

    fn symlink(self, name: &str, target: &str) -> Self {
        self.entry(b'2', name, target, 0o777, b"")
    }

    fn hardlink(self, name: &str, target: &str) -> Self {
        self.entry(b'1', name, target, 0o644, b"")
    }

    fn done(mut self) -> Vec<u8> {
        self.0.resize(self.0.len() + 1024, 0);
        self.0
    }
}

enum Layer {
    File(&'static str, &'static str),
    Tree(&'static str, Tar),
}

use Layer::{File, Tree};

/// A scratch folder with a victim beside the output folder.
struct Scene {
    project: Project,
    before: Vec<(PathBuf, Vec<u8>)>,
}

impl Scene {
    fn new(layers: Vec<Layer>) -> Self {
        let project = Project::new();
        project
            .write("secret.txt", "secret")
            .write("victim/file.txt", "untouched")
            .write("out/mine.txt", "mine");
        let mut blobs = vec![Part::new("application/vnd.oci.empty.v1+json", b"{}".to_vec())];
        let config = blobs[0].descriptor();
        let mut list: Vec<Value> = Vec::new();
        for layer in layers {
            let (part, annotations) = match layer {
                File(title, text) => (Part::new("text/plain", text.into()), json!({TITLE: title})),
                Tree(title, tar) => (Part::new("a/tar", tar.done()), json!({TITLE: title, UNPACK: "true"})),
            };
            let mut descriptor = part.descriptor();
            descriptor["annotations"] = annotations;
            list.push(descriptor);
            blobs.push(part);
        }
        let manifest = json!({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": list});
        let image = Image {
            blobs,
            manifests: vec![Part::new(OCI_MANIFEST, manifest.to_string().into_bytes())],
            platform: None,
        };
        layout::write(&project.path("layout"), &[("1", &image)]);
        let mut scene = Self {
            project,
            before: Vec::new(),
        };
        scene.before = scene.outside();
        scene
    }

    fn out(&self) -> PathBuf {
        self.project.path("out")
    }

    /// Everything in the scratch folder that is not below the output folder.
    fn outside(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let root = self.project.folder().parent().unwrap().to_owned();
        let mut all: Vec<(PathBuf, Vec<u8>)> = snapshot::walk(&root)
            .into_iter()
            .filter(|path| !path.starts_with(self.out()))
            .map(|path| (path.clone(), fs::read(&path).unwrap_or_default()))
            .collect();
        all.sort();
        all
    }

    fn pull(&self, overwrite: bool) -> Output {
        let mut arguments = vec!["artifact", "pull", "oci:layout:1", "-o", "out"];
        arguments.extend(overwrite.then_some("--overwrite"));
        self.project.run(&arguments)
    }

    /// The pull is refused, with and without `--overwrite`, and nothing at all changed.
    fn refused(&self, said: &str) {
        for overwrite in [false, true] {
            self.pull(overwrite).expect(4).says(said);
            self.untouched();
            assert_eq!(
                left(&self.out()),
                ["mine.txt"],
                "nothing new in the output folder either"
            );
        }
    }

    fn untouched(&self) {
        assert_eq!(
            self.outside(),
            self.before,
            "nothing outside of the output folder changed"
        );
        assert_eq!(self.project.read("out/mine.txt"), "mine");
    }
}

/// All names in a folder, links not followed.
fn left(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn titles_that_climb_are_absolute_or_name_a_drive() {
    for title in [
        "../victim/file.txt",
        "x/../../victim/file.txt",
        "..\\victim\\file.txt",
        "x\\..\\..\\victim\\file.txt",
        "/tmp/aosm-traversal",
        "//server/share/file",
        "\\\\server\\share\\file",
        "C:\\victim\\file.txt",
        "C:file.txt",
        "..",
        "nul\0byte",
        "line\nbreak",
    ] {
        Scene::new(vec![File(title, "evil")]).refused("is refused");
        Scene::new(vec![Tree(title, Tar::default().file("a", "evil"))]).refused("is refused");
    }
}

#[test]
fn two_titles_are_one_file_on_some_disks() {
    Scene::new(vec![File("a.txt", "1"), File("A.TXT", "2")]).refused("another layer has the name \"a.txt\"");
    Scene::new(vec![File("a.txt", "1"), File("./a.txt", "2")]).refused("another layer has the name \"a.txt\"");
    Scene::new(vec![File("a", "1"), File("a/b", "2")]).refused("another layer has the name \"a\"");
}

#[test]
fn ghsa_g5v4_5x39_vwhx_entries_of_a_folder_climb_out() {
    for name in [
        "tree/../../victim/file.txt",
        "../victim/file.txt",
        "tree/x/../../../victim/file.txt",
    ] {
        Scene::new(vec![Tree(
            "tree",
            Tar::default().file("tree/a", "a").file(name, "evil"),
        )])
        .refused("climbs out");
    }
    Scene::new(vec![Tree("tree", Tar::default().file("/tmp/aosm-traversal", "evil"))]).refused("absolute");
}

#[test]
fn ghsa_g5v4_5x39_vwhx_a_link_leads_out_and_a_file_is_written_through_it() {
    for target in ["../../victim", "../..", "/tmp", "/"] {
        let tar = Tar::default().symlink("tree/x", target).file("tree/x/file.txt", "evil");
        Scene::new(vec![Tree("tree", tar)]).refused("it is a link");
        let tar = Tar::default().symlink("tree/x", target).file("tree/x", "evil");
        Scene::new(vec![Tree("tree", tar)]).refused("it is a link");
    }
}

#[test]
fn ghsa_g5v4_5x39_vwhx_a_hard_link_is_made_to_a_file_outside_and_written_to() {
    for target in ["../../secret.txt", "../secret.txt", "/etc/hostname"] {
        let tar = Tar::default()
            .file("tree/a", "")
            .hardlink("tree/x", target)
            .file("tree/x", "evil");
        Scene::new(vec![Tree("tree", tar)]).refused("entry");
    }
}

#[test]
fn ghsa_8xwf_rjm4_xvhv_a_title_leads_through_a_link_that_lies_in_the_output_folder() {
    let scene = Scene::new(vec![File("link/file.txt", "evil"), File("fine.txt", "fine")]);
    link("../victim", &scene.out().join("link"));
    for overwrite in [false, true] {
        scene.pull(overwrite).expect(4).says("links where folders belong");
        scene.untouched();
        assert!(
            !scene.out().join("fine.txt").exists(),
            "all is looked at before anything is written"
        );
    }
    let scene = Scene::new(vec![Tree("a", Tar::default().file("a/link/file.txt", "evil"))]);
    fs::create_dir(scene.out().join("a")).unwrap();
    link("../../victim", &scene.out().join("a/link"));
    for overwrite in [false, true] {
        scene.pull(overwrite).expect(4);
        scene.untouched();
    }
}

#[test]
fn ghsa_fxhp_mv3v_67qp_a_hard_link_names_a_file_of_the_current_folder() {
    // The pull runs in the folder that `secret.txt` lies in.
    let tar = Tar::default().file("tree/a", "").hardlink("tree/stolen", "secret.txt");
    Scene::new(vec![Tree("tree", tar)]).refused("entry");
    let tar = Tar::default().hardlink("stolen", "secret.txt");
    Scene::new(vec![Tree("tree", tar)]).refused("it is a hard link to what the archive did not hold before it");
}

#[test]
fn ghsa_m37j_52j7_pjw7_links_that_stay_inside_one_by_one_lead_out_together() {
    let tar = Tar::default()
        .folder("tree/d")
        .symlink("tree/d/up", "..")
        .symlink("tree/x", "d/up/../victim")
        .file("tree/x/file.txt", "evil");
    Scene::new(vec![Tree("tree", tar)]).refused("it is a link whose target has `..` after a name");
    // CVE-2025-4517 of Python's tarfile is the same with a path too long to be resolved in between.
    let deep = "d/".repeat(20);
    let mut tar = Tar::default();
    let mut at = String::from("tree/");
    for _ in 0..20 {
        at.push_str("d/");
        tar = tar.folder(&at);
    }
    let tar = tar
        .symlink("tree/x", &format!("{deep}{}", "../".repeat(22)))
        .file("tree/x/file.txt", "evil");
    Scene::new(vec![Tree("tree", tar)]).refused("it is a link whose target has `..` after a name");
}

#[test]
fn ghsa_2hhj_vj64_hx3j_a_link_of_one_layer_is_the_title_of_the_next() {
    let planted = || Tar::default().file("tree/a", "a").symlink("tree/x", "a");
    Scene::new(vec![Tree("tree", planted()), File("tree/x", "evil")]).refused("two layers hold \"tree/x\"");
    Scene::new(vec![
        Tree("tree", planted()),
        Tree("tree/x", Tar::default().file("tree/x/y", "evil")),
    ])
    .refused("two layers hold \"tree/x\"");
    let outward = Tar::default().symlink("tree/x", "../../victim/file.txt");
    Scene::new(vec![Tree("tree", outward), File("tree/x", "evil")]).refused("it is a link that leads out");
}

#[test]
fn ghsa_2hhj_vj64_hx3j_a_title_is_a_link_that_lies_in_the_output_folder() {
    let scene = Scene::new(vec![File("link", "evil")]);
    link("../victim/file.txt", &scene.out().join("link"));
    scene.pull(false).expect(4).says("there already");
    scene.untouched();
    scene.pull(true).ok();
    scene.untouched();
    assert!(
        !fs::symlink_metadata(scene.out().join("link")).unwrap().is_symlink(),
        "replaced and not followed"
    );
}

#[test]
fn ghsa_jh75_xv39_vhvx_modes_are_never_set_through_a_link() {
    let scene = Scene::new(vec![Tree(
        "tree",
        Tar::default()
            .symlink("tree/x", "../../victim")
            .entry(b'5', "tree/x", "", 0o777, b""),
    )]);
    scene.refused("it is a link that leads out");
    let scene = Scene::new(vec![Tree(
        "tree",
        Tar::default()
            .folder("tree/d")
            .symlink("tree/x", "d")
            .entry(b'5', "tree/x", "", 0o777, b""),
    )]);
    scene.refused("two entries claim the path x");
}

#[cfg(unix)]
#[test]
fn set_id_bits_are_dropped_and_devices_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let scene = Scene::new(vec![Tree(
        "tree",
        Tar::default().entry(b'0', "tree/su", "", 0o6777, b"evil"),
    )]);
    scene.pull(false).ok();
    let mode = fs::metadata(scene.out().join("tree/su")).unwrap().permissions().mode();
    assert_eq!(
        mode & 0o7022,
        0,
        "no set-id bits, nothing for others to write: {mode:o}"
    );
    for kind in [b'3', b'4', b'6'] {
        Scene::new(vec![Tree(
            "tree",
            Tar::default().entry(kind, "tree/device", "", 0o666, b""),
        )])
        .refused("it is a");
    }
}

#[test]
fn a_bomb_is_stopped() {
    use std::io::Write as _;
    let zeros = vec![0_u8; 1 << 20];
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    let head = Tar::default().entry(b'0', "tree/zeros", "", 0o644, b"").0;
    let mut header: [u8; 512] = head.try_into().unwrap();
    header[124..136].copy_from_slice(format!("{:011o}\0", 400_u64 << 20).as_bytes());
    header[148..156].copy_from_slice(b"        ");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    gzip.write_all(&header).unwrap();
    for _ in 0..400 {
        gzip.write_all(&zeros).unwrap();
    }
    gzip.write_all(&zeros[..1024]).unwrap();
    let bomb = gzip.finish().unwrap();
    assert!(bomb.len() < 1 << 20, "{} bytes stand for 400 MiB", bomb.len());
    Scene::new(vec![Tree("tree", Tar(bomb))]).refused("it unpacks to more than 256 MiB");
}

#[cfg(unix)]
fn link(target: &str, at: &Path) {
    std::os::unix::fs::symlink(target, at).unwrap();
}

#[cfg(windows)]
fn link(target: &str, at: &Path) {
    std::os::windows::fs::symlink_dir(target, at).unwrap();
}
