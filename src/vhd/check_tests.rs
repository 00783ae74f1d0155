#![allow(clippy::unwrap_used, reason = "tests may fail loudly")]
use super::*;
use crate::vhd::test_images::{footer, footer_of, noise, sealed};

const DISK: u64 = 4 << 20;

fn codes(problems: &[Problem]) -> Vec<&'static str> {
    problems.iter().map(|problem| problem.code).collect()
}

/// Head and footer of a file of so many bytes.
fn found(length: u64, head: &[u8], footer: &[u8]) -> Vec<Problem> {
    check_parts("disk.img", length, head, footer)
}

/// A field of a good footer changed, with a right checksum.
fn changed(at: usize, field: &[u8]) -> Vec<u8> {
    let mut bytes = footer(DISK);
    bytes[at..at + field.len()].copy_from_slice(field);
    sealed(bytes)
}

fn qcow2(size: u64) -> Vec<u8> {
    let mut head = b"QFI\xfb\0\0\0\x03".to_vec();
    head.resize(512, 0);
    head[24..32].copy_from_slice(&size.to_be_bytes());
    head
}

#[test]
fn good_disks_have_no_problems() {
    for size in [MIB, 20 * MIB, 30 << 30, MAX_LENGTH - MIB] {
        assert_eq!(found(size + 512, &[0; 512], &footer(size)), vec![], "{size}");
    }
    assert_eq!(found(DISK + 512, &[0x1f, 0x8b, 8], &footer(DISK)), vec![]);
    // A boot sector is nothing that looks like another format.
    assert_eq!(found(DISK + 512, &noise(1, 512), &footer(DISK)), vec![]);
}

/// What it is, its length, head and last bytes, and the codes it should have.
type Row<'a> = (&'a str, u64, &'a [u8], Vec<u8>, &'a [&'static str]);

#[test]
fn each_fault_is_told_by_its_own_code() {
    let good = footer(DISK);
    let length = DISK + 512;
    let zero = [0_u8; 512];
    let mut flipped = good.clone();
    flipped[100] ^= 1;
    let mut late = vec![0; 100];
    late.extend_from_slice(&good[..412]);
    let [inside, dynamic, differencing] = [qcow2(DISK), footer_of(3, 512, DISK), footer_of(4, 512, DISK)];
    let table: Vec<Row> = vec![
        ("5 bytes", 5, b"hello", b"hello".to_vec(), &["too-short"]),
        ("one footer", 512, &good, good.clone(), &["too-short", "size"]),
        ("a raw MiB", MIB, &zero, zero.to_vec(), &["too-short", "no-footer"]),
        ("raw", DISK, &zero, zero.to_vec(), &["no-footer"]),
        ("cut by 512", DISK, &zero, noise(2, 512), &["no-footer"]),
        ("cut by 100", length - 100, &zero, late, &["not-512", "no-footer"]),
        ("odd raw", 100_000_001, &zero, zero.to_vec(), &["not-512", "no-footer"]),
        ("too large", MAX_LENGTH + 512, &zero, footer(MAX_LENGTH), &["too-large"]),
        ("vhdx", 4 << 20, b"vhdxfile", zero.to_vec(), &["vhdx"]),
        ("small qcow2", 196_616, &inside, zero.to_vec(), &["qcow2"]),
        ("vmdk", DISK, b"KDMV\x01\0\0\0", zero.to_vec(), &["vmdk"]),
        ("vmdk text", 400, b"# Disk DescriptorFile\n", b"\n".to_vec(), &["vmdk"]),
        ("gzip", 70_001, &[0x1f, 0x8b, 8], noise(3, 512), &["compressed"]),
        ("wrapped", length, &inside, good.clone(), &["qcow2"]),
        ("dynamic", 2560, &dynamic, footer_of(3, 512, DISK), &["dynamic"]),
        (
            "dynamic without its head",
            length,
            &zero,
            footer_of(3, 512, DISK),
            &["dynamic"],
        ),
        ("dynamic inside", length, &dynamic, good.clone(), &["dynamic"]),
        (
            "differencing",
            9000,
            &differencing,
            differencing.clone(),
            &["differencing"],
        ),
        ("checksum", length, &zero, flipped.clone(), &["checksum"]),
        (
            "checksum and length",
            length + 512,
            &zero,
            flipped,
            &["checksum", "not-mib"],
        ),
        ("version 2", length, &zero, changed(12, &[0, 2, 0, 0]), &["version"]),
        ("type 7", length, &zero, footer_of(7, u64::MAX, DISK), &["type"]),
        (
            "type 2 with an offset",
            length,
            &zero,
            footer_of(2, 512, DISK),
            &["data-offset"],
        ),
        ("longer", length + MIB, &zero, good.clone(), &["size"]),
        ("shorter", length - MIB, &zero, good.clone(), &["size"]),
        (
            "geometry's size",
            104_865_792 + 512,
            &zero,
            footer(104_865_792),
            &["not-mib"],
        ),
        ("both sizes", length, &zero, footer(DISK + 512), &["size", "not-mib"]),
        (
            "version and offset and size",
            length,
            &zero,
            {
                let mut bytes = footer_of(2, 0, DISK + 1);
                bytes[13] = 3;
                sealed(bytes)
            },
            &["version", "data-offset", "size", "not-mib"],
        ),
    ];
    for (what, length, head, footer, wanted) in table {
        let problems = found(length, head, &footer);
        assert_eq!(codes(&problems), wanted, "{what}: {problems:#?}");
        for problem in problems {
            assert!(
                !problem.repair.is_empty() && !problem.message.ends_with('.'),
                "{problem:?}"
            );
        }
    }
}

#[test]
fn repairs_are_commands_with_the_right_size() {
    let repair = |length: u64, head: &[u8], footer: &[u8]| found(length, head, footer).remove(0).repair;
    let vpc = "-O vpc -o subformat=fixed,force_size";
    let table = [
        (
            repair(104_865_792 + 512, &[], &footer(104_865_792)),
            format!(
                "qemu-img convert -f vpc disk.img -O raw disk.raw\nqemu-img resize -f raw disk.raw 101M\n\
                 qemu-img convert -f raw disk.raw {vpc} disk.vhd"
            ),
        ),
        (
            repair(196_616, &qcow2(100_000_000), &[0; 512]),
            format!(
                "qemu-img convert -f qcow2 disk.img -O raw disk.raw\nqemu-img resize -f raw disk.raw 96M\n\
                 qemu-img convert -f raw disk.raw {vpc} disk.vhd"
            ),
        ),
        (
            repair(2560, &footer_of(3, 512, DISK), &footer_of(3, 512, DISK)),
            format!("qemu-img convert -f vpc disk.img {vpc} disk.vhd"),
        ),
    ];
    for (found, wanted) in table {
        assert_eq!(found, wanted);
    }
    let raw = found(100_000_256, &[0; 512], &[0; 512]).remove(0).repair;
    assert!(raw.contains(&format!(
        "qemu-img resize -f raw disk.img 96M\nqemu-img convert -f raw disk.img {vpc} disk.vhd"
    )));
    assert!(raw.contains("where it is a VHD that was cut"), "{raw}");
    // Made by a program whose geometry may be smaller than the disk.
    let other = repair(2560, &changed(60, &[0, 0, 0, 3, 0, 0, 0, 0]), &[0; 512]);
    assert!(other.starts_with("qemu-img convert -f vpc"), "{other}");
    let mut vbox = footer_of(3, 512, DISK);
    vbox[28..32].copy_from_slice(b"vbox");
    let vbox = repair(2560, &sealed(vbox), &[0; 512]);
    assert!(
        vbox.contains("--image-opts driver=vpc,force_size_calc=current_size,file.filename=disk.img"),
        "{vbox}"
    );
}

#[test]
fn no_bytes_make_it_panic() {
    for seed in 0..20_000_u64 {
        let random = noise(seed + 1, 1100);
        let byte = |at: usize| random.get(at).copied().map_or(0, u64::from);
        let mut head = random[..usize::try_from(byte(1025) * 2).unwrap()].to_vec();
        let mut last = random[512..512 + usize::try_from(byte(1026) * 2).unwrap()].to_vec();
        // Near misses find more than noise does.
        for (bytes, choice) in [(&mut head, byte(1027)), (&mut last, byte(1028))] {
            let good = footer(byte(1029) << 20);
            let starts: [&[u8]; 6] = [b"conectix", b"QFI\xfb", b"KDMV", b"vhdxfile", b"", &good];
            let start = starts[usize::try_from(choice / 2 % 6).unwrap()];
            let shared = start.len().min(bytes.len());
            bytes[..shared].copy_from_slice(&start[..shared]);
            if bytes.len() >= 512 && choice % 8 > 2 {
                *bytes = sealed(std::mem::take(bytes)[..512].to_vec());
            }
        }
        for length in [0, 1, 511, 512, 513, byte(1030) << 20, u64::MAX, u64::MAX - byte(1031)] {
            for problem in found(length, &head, &last) {
                assert!(!problem.message.is_empty() && !problem.repair.is_empty());
            }
        }
    }
}
