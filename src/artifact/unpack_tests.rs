#![allow(clippy::unwrap_used, reason = "tests")]

use std::io::Write as _;

use camino::Utf8PathBuf;

use super::super::test_tars::Tar;
use super::*;

struct Scene {
    _guard: tempfile::TempDir,
    root: Utf8PathBuf,
}

impl Scene {
    /// A folder with a secret beside the place where archives are unpacked.
    fn new() -> Self {
        let guard = tempfile::tempdir().unwrap();
        let root = Utf8PathBuf::from_path_buf(guard.path().canonicalize().unwrap()).unwrap();
        fs::write(root.join("secret"), "secret").unwrap();
        fs::create_dir(root.join("outside")).unwrap();
        Self { _guard: guard, root }
    }

    fn unpack_as(&self, title: &str, bytes: &[u8], limits: &UnpackLimits) -> Result<Vec<Unpacked>, Fault> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        io::Seek::rewind(&mut file).unwrap();
        let archive = Archive {
            file: &mut file,
            size: bytes.len() as u64,
            title,
            content_digest: None,
        };
        let result = unpack(archive, &self.root.join("out"), limits);
        assert_eq!(
            fs::read_to_string(self.root.join("secret")).unwrap(),
            "secret",
            "nothing outside was touched"
        );
        assert_eq!(
            fs::read_dir(self.root.join("outside")).unwrap().count(),
            0,
            "nothing outside was made"
        );
        let mut names: Vec<String> = self
            .root
            .read_dir_utf8()
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_owned())
            .collect();
        names.sort();
        assert_eq!(names, ["out", "outside", "secret"]);
        result
    }

    fn unpack(&self, tar: Tar) -> Result<Vec<Unpacked>, Fault> {
        self.unpack_as("tree", &tar.gzip(), &UnpackLimits::default())
    }

    /// What the refusal says, after the title.
    fn refuse(tar: Tar) -> String {
        let fault = Self::new().unpack(tar).unwrap_err();
        assert!(fault.hint_text().is_some());
        let text = fault.to_string();
        text.strip_prefix("folder \"tree\" is not unpacked: ")
            .unwrap()
            .to_owned()
    }

    fn read(&self, path: &str) -> String {
        fs::read_to_string(self.root.join("out").join(path)).unwrap()
    }
}

#[test]
fn entries_lie_below_the_title_or_its_last_part_or_nothing() {
    for (title, prefix) in [
        ("tree", "tree/"),
        ("./x/tree/", "x/tree/"),
        ("x/tree", "tree/"),
        ("x/tree", ""),
        (".", ""),
    ] {
        let scene = Scene::new();
        let tar = Tar::default()
            .file(&format!("{prefix}a"), "a")
            .file(&format!("{prefix}sub/b"), "b");
        let unpacked = scene.unpack_as(title, &tar.plain(), &UnpackLimits::default()).unwrap();
        let paths: Vec<&str> = unpacked.iter().map(|item| item.path.as_str()).collect();
        assert_eq!(paths, ["a", "sub", "sub/b"], "{title} {prefix}");
        assert_eq!(scene.read("sub/b"), "b");
    }
    assert_eq!(
        Scene::refuse(Tar::default().file("tree/a", "").file("other/a", "")),
        "entry \"other/a\": it does not lie in the folder that the layer is titled by"
    );
}

#[cfg(unix)]
#[test]
fn links_that_stay_inside_are_made_and_modes_are_two() {
    use std::os::unix::fs::PermissionsExt as _;
    let scene = Scene::new();
    let tar = Tar::default()
        .folder("tree/")
        .symlink("tree/sub/up", "../a")
        .entry(b'0', "tree/a", "", 0o6755, b"a")
        .entry(b'0', "tree/b", "", 0o7, b"b")
        .hardlink("tree/c", "tree/a")
        .symlink("tree/all", "sub")
        .folder("tree/empty/");
    scene.unpack(tar).unwrap();
    assert_eq!(
        (scene.read("sub/up"), scene.read("all/up"), scene.read("c")),
        ("a".into(), "a".into(), "a".into())
    );
    assert!(scene.root.join("out/empty").is_dir());
    for (name, executable) in [("a", true), ("b", false), ("c", true)] {
        let mode = fs::metadata(scene.root.join("out").join(name))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o7000, 0, "set-id bits are dropped");
        assert_eq!(mode & 0o100 != 0, executable, "{name}");
        assert_eq!(mode & 0o002, 0, "others may not write");
    }
}

#[test]
fn ghsa_g5v4_5x39_vwhx_an_entry_climbs_out_with_dots() {
    for name in ["tree/../../secret", "../secret", "tree\\..\\..\\secret"] {
        let text = Scene::refuse(Tar::default().file("tree/a", "").file(name, "stolen"));
        assert!(text.ends_with("the path climbs out with `..`"), "{text}");
    }
    let text = Scene::refuse(Tar::default().file("/etc/passwd", "stolen"));
    assert!(text.ends_with("the path is absolute"), "{text}");
}

#[test]
fn ghsa_g5v4_5x39_vwhx_a_link_leads_out_and_the_next_entry_goes_through_it() {
    for target in ["../..", "/", "../../outside", "..\\..\\outside"] {
        let text = Scene::refuse(
            Tar::default()
                .symlink("tree/x", target)
                .file("tree/x/outside/evil", "evil"),
        );
        assert!(text.contains("it is a link"), "{text}");
    }
}

#[test]
fn ghsa_g5v4_5x39_vwhx_a_hard_link_opens_a_file_outside_for_the_next_entry() {
    for target in ["../../secret", "/etc/passwd", "tree/../../secret"] {
        let text = Scene::refuse(
            Tar::default()
                .file("tree/a", "")
                .hardlink("tree/x", target)
                .file("tree/x", "stolen"),
        );
        assert!(text.contains("the path"), "{text}");
    }
}

#[test]
fn ghsa_fxhp_mv3v_67qp_a_hard_link_to_a_file_of_the_current_folder() {
    // Cargo.toml lies in the folder that tests run in.
    for target in ["Cargo.toml", "tree/Cargo.toml"] {
        let text = Scene::refuse(Tar::default().file("tree/a", "").hardlink("tree/x", target));
        let inside = "it is a hard link to what the archive did not hold before it";
        let beside = "it does not lie in the folder that the layer is titled by";
        assert!(text.ends_with(inside) || text.ends_with(beside), "{text}");
    }
}

#[test]
fn ghsa_m37j_52j7_pjw7_a_chain_of_links_each_of_which_seems_to_stay_inside() {
    // `d/l` is the root; `x` seems to be `d` and is the root's parent.
    let tar = Tar::default()
        .folder("tree/d/")
        .symlink("tree/d/l", "..")
        .symlink("tree/x", "d/l/..")
        .file("tree/x/outside/evil", "evil");
    let text = Scene::refuse(tar);
    assert_eq!(
        text,
        "entry \"tree/x\": it is a link whose target has `..` after a name"
    );
    // The same with the first link's parent being one.
    let tar = Tar::default()
        .symlink("tree/a", ".")
        .symlink("tree/a/b/l", "../../..")
        .file("tree/l/evil", "evil");
    assert!(Scene::new().unpack(tar).is_err());
}

#[test]
fn ghsa_m37j_52j7_pjw7_a_file_takes_the_place_of_a_link() {
    for order in [true, false] {
        let tar = Tar::default().file("tree/a", "a");
        let tar = if order {
            tar.symlink("tree/x", "a").file("tree/x", "evil")
        } else {
            tar.file("tree/x", "evil").symlink("tree/x", "a")
        };
        assert_eq!(Scene::refuse(tar), "two entries claim the path x");
    }
}

#[test]
fn ghsa_jh75_xv39_vhvx_a_folder_takes_the_place_of_a_link() {
    let tar = Tar::default()
        .folder("tree/d/")
        .symlink("tree/x", "d")
        .entry(b'5', "tree/x/", "", 0o777, b"");
    assert_eq!(Scene::refuse(tar), "two entries claim the path x");
}

#[test]
fn links_are_not_followed_by_entries_that_come_later_or_earlier() {
    for order in [true, false] {
        let tar = Tar::default().file("tree/d/a", "a");
        let tar = if order {
            tar.symlink("tree/x", "d").file("tree/x/b", "b")
        } else {
            tar.file("tree/x/b", "b").symlink("tree/x", "d")
        };
        assert_eq!(Scene::refuse(tar), "two entries claim the path x");
    }
    let tar = Tar::default()
        .folder("tree/d/")
        .symlink("tree/x", "d")
        .symlink("tree/x/y", "d");
    assert_eq!(Scene::refuse(tar), "entry \"x\": it lies below what is no folder");
}

#[cfg(unix)]
#[test]
fn links_in_a_circle_harm_nobody() {
    let scene = Scene::new();
    scene
        .unpack(
            Tar::default()
                .symlink("tree/a", "b")
                .symlink("tree/b", "a")
                .symlink("tree/c", "c/c"),
        )
        .unwrap();
    assert!(fs::symlink_metadata(scene.root.join("out/a")).unwrap().is_symlink());
}

#[test]
fn devices_pipes_and_sparse_files_are_refused() {
    for (kind, what) in [
        (b'3', "a device"),
        (b'4', "a device"),
        (b'6', "a pipe"),
        (b'S', "a sparse file"),
    ] {
        assert_eq!(
            Scene::refuse(Tar::default().entry(kind, "tree/x", "", 0o666, b"")),
            format!("entry \"tree/x\": it is {what}")
        );
    }
}

#[test]
fn a_file_may_not_replace_the_folder_itself() {
    for kind in [b'0', b'2'] {
        let text = Scene::refuse(Tar::default().entry(kind, "tree", "x", 0o644, b""));
        assert!(text.contains("takes the place of the folder itself"), "{text}");
    }
}

#[test]
fn one_name_twice_is_refused() {
    assert_eq!(
        Scene::refuse(Tar::default().file("tree/a", "1").file("tree/./a", "2")),
        "two entries claim the path a"
    );
    assert_eq!(
        Scene::refuse(Tar::default().file("tree/a", "1").file("tree/a/b", "2")),
        "entry \"a\": it lies below what is no folder"
    );
    assert_eq!(
        Scene::refuse(Tar::default().file("tree/a/b", "1").file("tree/a", "2")),
        "two entries claim the path a"
    );
}

#[test]
fn names_that_no_terminal_should_see_are_refused() {
    let text = Scene::refuse(Tar::default().file("tree/a\u{1b}[2J", ""));
    assert_eq!(text, "entry \"tree/a\\u{1b}[2J\": the name holds a control character");
}

#[test]
fn a_bomb_is_stopped_at_the_ratio() {
    let limits = UnpackLimits {
        free: 1 << 20,
        ..UnpackLimits::default()
    };
    let zeros = vec![0_u8; 80 << 20];
    let bomb = Tar::default().entry(b'0', "tree/zeros", "", 0o644, &zeros).gzip();
    assert!(bomb.len() < 1 << 20);
    let fault = Scene::new().unpack_as("tree", &bomb, &limits).unwrap_err();
    assert!(fault.to_string().contains("it unpacks to more than"), "{fault}");
    let fault = Scene::new()
        .unpack_as(
            "tree",
            &Tar::default().file("tree/a", "a").file("tree/b", "b").gzip(),
            &UnpackLimits { entries: 1, ..limits },
        )
        .unwrap_err();
    assert!(fault.to_string().contains("more than 1 entries"), "{fault}");
    let mut links = Tar::default().entry(b'0', "tree/a", "", 0o644, &zeros[..700 << 10]);
    for number in 0..3 {
        links = links.hardlink(&format!("tree/{number}"), "tree/a");
    }
    let fault = Scene::new().unpack_as("tree", &links.plain(), &limits).unwrap_err();
    assert!(fault.to_string().contains("hard links stand for more"), "{fault}");
}

#[test]
fn a_cut_or_damaged_archive_is_an_error() {
    let whole = Tar::default().file("tree/a", &"text ".repeat(1000)).gzip();
    for bytes in [
        &whole[..whole.len() - 9],
        &whole[..20],
        b"neither tar nor gzip, but long enough to be seen".as_slice(),
    ] {
        let fault = Scene::new()
            .unpack_as("tree", bytes, &UnpackLimits::default())
            .unwrap_err();
        assert!(fault.to_string().contains("the archive"), "{fault}");
    }
    let mut flipped = whole.clone();
    let at = flipped.len() - 6;
    flipped[at] ^= 1;
    assert!(
        Scene::new()
            .unpack_as("tree", &flipped, &UnpackLimits::default())
            .is_err(),
        "gzip's own checksum"
    );
}

#[test]
fn unpacked_content_must_have_the_digest_that_its_annotation_tells() {
    let plain = Tar::default().file("tree/a", "a").plain();
    for (content, good) in [(plain.as_slice(), true), (b"else", false)] {
        let scene = Scene::new();
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&plain).unwrap();
        io::Seek::rewind(&mut file).unwrap();
        let digest = Digest::of(content);
        let archive = Archive {
            file: &mut file,
            size: plain.len() as u64,
            title: "tree",
            content_digest: Some(&digest),
        };
        let result = unpack(archive, &scene.root.join("out"), &UnpackLimits::default());
        assert_eq!(result.is_ok(), good);
    }
}
