//! Hostile and honest archives, built by hand.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panicking")]

use std::io::Write as _;

use camino::{Utf8Path, Utf8PathBuf};
use flate2::Compression;
use flate2::write::GzEncoder;

use super::*;
use crate::digest::Digest;

const LABEL: &str = "charts/c.tgz";

/// A tar with raw names, which the tar builder would refuse to write.
struct Raw(Vec<u8>);

impl Raw {
    fn new() -> Self {
        Self(Vec::new())
    }

    fn header(kind: tar::EntryType, name: &str, size: u64) -> tar::Header {
        let mut header = tar::Header::new_gnu();
        header.as_gnu_mut().unwrap().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_entry_type(kind);
        header.set_mode(0o644);
        header.set_size(size);
        header.set_cksum();
        header
    }

    fn file(mut self, name: &str, content: &[u8]) -> Self {
        self.0
            .extend(Self::header(tar::EntryType::Regular, name, content.len() as u64).as_bytes());
        self.0.extend(content);
        self.0.resize(self.0.len().next_multiple_of(512), 0);
        self
    }

    fn special(mut self, kind: tar::EntryType, name: &str, target: &str) -> Self {
        let mut header = Self::header(kind, name, 0);
        header.as_gnu_mut().unwrap().linkname[..target.len()].copy_from_slice(target.as_bytes());
        header.set_cksum();
        self.0.extend(header.as_bytes());
        self
    }

    fn end(mut self) -> Vec<u8> {
        self.0.resize(self.0.len() + 1024, 0);
        self.0
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = GzEncoder::new(Vec::new(), Compression::best());
    out.write_all(bytes).unwrap();
    out.finish().unwrap()
}

fn names(bytes: &[u8]) -> Result<Vec<String>, String> {
    read_all(bytes, Utf8Path::new(LABEL), &Limits::CHART)
        .map(|files| files.into_iter().map(|(name, _)| name.to_string()).collect())
        .map_err(|fault| fault.to_string())
}

fn unpacked_elsewhere(bytes: &[u8]) -> Result<Vec<Utf8PathBuf>, String> {
    let outer = tempfile::tempdir().unwrap();
    let outer = Utf8Path::from_path(outer.path()).unwrap();
    let inner = outer.join("inner");
    std::fs::create_dir(&inner).unwrap();
    let result = unpack_into(bytes, Utf8Path::new(LABEL), &Limits::CHART, &inner);
    let beside: Vec<_> = std::fs::read_dir(outer)
        .unwrap()
        .map(|e| e.unwrap().file_name())
        .collect();
    assert_eq!(beside, ["inner"], "nothing may be written beside the folder");
    result.map_err(|fault| fault.to_string())
}

#[test]
fn tar_and_gzip_are_told_apart_by_content() {
    let tar = Raw::new()
        .file("c/Chart.yaml", b"name: c")
        .file("c/values.yaml", b"")
        .end();
    assert_eq!(names(&tar).unwrap(), ["c/Chart.yaml", "c/values.yaml"]);
    assert_eq!(names(&gzip(&tar)).unwrap(), ["c/Chart.yaml", "c/values.yaml"]);
    assert!(
        names(b"apiVersion: v2\n")
            .unwrap_err()
            .contains("neither a tar nor a gzip")
    );
    assert!(names(b"").unwrap_err().contains("neither"));
}

#[test]
fn names_that_lead_out_are_refused_and_nothing_is_written() {
    for name in [
        "../evil",
        "c/../../evil",
        "/evil",
        "C:/evil",
        "c\\..\\..\\evil",
        "\\evil",
    ] {
        let tar = Raw::new().file(name, b"x").end();
        let error = unpacked_elsewhere(&tar).unwrap_err();
        assert!(error.contains("is refused"), "{name}: {error}");
        assert!(names(&gzip(&tar)).is_err(), "{name}");
    }
}

#[test]
fn links_and_devices_are_refused() {
    for (kind, word) in [
        (tar::EntryType::Symlink, "link"),
        (tar::EntryType::Link, "link"),
        (tar::EntryType::Char, "neither a file nor a folder"),
        (tar::EntryType::Block, "neither a file nor a folder"),
        (tar::EntryType::Fifo, "neither a file nor a folder"),
        (tar::EntryType::GNUSparse, "c.tgz"),
    ] {
        let tar = Raw::new().special(kind, "c/x", "../../etc/passwd").end();
        let error = unpacked_elsewhere(&tar).unwrap_err();
        assert!(error.contains(word), "{kind:?}: {error}");
    }
}

#[test]
fn a_name_that_occurs_twice_is_refused_however_it_is_spelled() {
    let tar = Raw::new().file("c/a", b"1").file("./c//a", b"2").end();
    assert!(names(&tar).unwrap_err().contains("occurs twice"));
}

#[test]
fn a_file_that_is_also_a_folder_is_refused() {
    let tar = Raw::new().file("c/a", b"1").file("c/a/b", b"2").end();
    assert!(
        unpacked_elsewhere(&tar)
            .unwrap_err()
            .contains("two entries claim one path")
    );
}

#[test]
fn a_gibibyte_of_zeros_is_refused_by_its_header() {
    let mut tar = Raw::header(tar::EntryType::Regular, "c/zeros", 1 << 30)
        .as_bytes()
        .to_vec();
    tar.resize(1 << 20, 0);
    let error = names(&gzip(&tar)).unwrap_err();
    assert!(error.contains("c/zeros is larger than 100 MiB"), "{error}");
}

#[test]
fn many_files_that_are_too_much_together_are_refused() {
    let limits = Limits {
        total_size: 2000,
        ..Limits::CHART
    };
    let tar = Raw::new()
        .file("c/a", &[1; 900])
        .file("c/b", &[1; 900])
        .file("c/c", &[1; 900])
        .end();
    let error = read_all(&tar[..], Utf8Path::new(LABEL), &limits).unwrap_err();
    assert!(error.message().contains("unpacks to more than 2000 B"), "{error}");
}

#[test]
fn too_many_entries_are_refused() {
    let limits = Limits {
        entries: 2,
        ..Limits::CHART
    };
    let tar = Raw::new().file("c/a", b"").file("c/b", b"").file("c/c", b"").end();
    let error = read_all(&tar[..], Utf8Path::new(LABEL), &limits).unwrap_err();
    assert!(error.message().contains("more than 2 entries"), "{error}");
}

#[test]
fn an_endless_long_name_is_bounded() {
    let limits = Limits {
        total_size: 10_000,
        entries: 10,
        ..Limits::CHART
    };
    let mut tar = Raw::header(tar::EntryType::GNULongName, "././@LongLink", 1 << 29)
        .as_bytes()
        .to_vec();
    tar.resize(4 << 20, b'a');
    let error = read_all(&gzip(&tar)[..], Utf8Path::new(LABEL), &limits).unwrap_err();
    assert!(error.message().contains("unpacks to more than 10000 B"), "{error}");
}

#[test]
fn a_cut_archive_and_a_flipped_byte_are_errors() {
    let content: Vec<u8> = (0..60_000_u32).flat_map(u32::to_le_bytes).collect();
    let whole = gzip(&Raw::new().file("c/a", &content).end());
    for at in [1, 20, whole.len() / 2, whole.len() - 4] {
        assert!(names(&whole[..at]).is_err(), "cut at {at}");
    }
    let mut flipped = whole.clone();
    let at = whole.len() - 6;
    flipped[at] ^= 1;
    assert!(names(&flipped).is_err(), "the checksum at the end must be compared");
}

#[test]
fn bytes_after_the_gzip_member_are_ignored_as_helm_does() {
    let mut bytes = gzip(&Raw::new().file("c/a", b"1").end());
    bytes.extend(b"trailing words");
    assert_eq!(names(&bytes).unwrap(), ["c/a"]);
}

#[test]
fn unpacking_writes_the_files_and_keeps_to_windows_separators() {
    let folder = tempfile::tempdir().unwrap();
    let folder = Utf8Path::from_path(folder.path()).unwrap();
    let tar = Raw::new()
        .file("c\\templates\\a.yaml", b"a")
        .file("c/Chart.yaml", b"b")
        .end();
    let names = unpack_into(&tar[..], Utf8Path::new(LABEL), &Limits::CHART, folder).unwrap();
    assert_eq!(names, ["c/templates/a.yaml", "c/Chart.yaml"]);
    assert_eq!(std::fs::read(folder.join("c/templates/a.yaml")).unwrap(), b"a");
}

#[test]
fn the_bytes_written_are_the_same_everywhere() {
    let long = format!("c/{}/a.yaml", "d".repeat(150));
    let text = "replicas: 1\n".repeat(500);
    let one = write_tar_gz([
        ("c/b".into(), &b"2"[..]),
        ("c/a".into(), text.as_bytes()),
        (long.clone(), b"3"),
    ])
    .unwrap();
    let two = write_tar_gz([
        (long.clone(), &b"3"[..]),
        ("c/a".into(), text.as_bytes()),
        ("c/b".into(), b"2"),
    ])
    .unwrap();
    assert_eq!(one, two, "the order of adding must not matter");
    assert_eq!(names(&one).unwrap(), ["c/a".into(), "c/b".into(), long]);
    assert_eq!(
        one[..10],
        [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255],
        "no time, no name, no system in the header"
    );
    // Pinned: when this changes, every packed chart in every store changes with it.
    assert_eq!(
        Digest::of(&one).hex(),
        "d0cb6085a0043653535e3f67e0d7a588744ee2c720066da4f2865ff5fc9272c8"
    );
}
