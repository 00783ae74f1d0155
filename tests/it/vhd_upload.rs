//! `vhd upload` and `vhd show`: what is sent, what is proven, what is refused and how it says so.

use serde_json::json;

use crate::documents::fits;
use crate::support::azurite::Sas;
use crate::support::disks::{Disks, VARIABLE, no_secret};
use crate::support::vhd::{BAD, MIB, Vhd, content_digest, write_bad};
use crate::support::*;

/// A disk of 8 MiB with data here and there, some of it over a piece's end.
fn disk(seed: u64) -> Vhd {
    Vhd::new(8 * MIB)
        .random(0, 5000, seed)
        .random(MIB + 7, 200_000, seed + 1)
        .random(4 * MIB - 300_000, 600_000, seed + 2)
}

/// Bytes of data in runs of 64 KiB: what has to be sent.
fn data_of(disk: &Vhd) -> u64 {
    let content = disk.content();
    let full = |block: &&[u8]| block.iter().any(|byte| *byte != 0);
    content
        .chunks(64 << 10)
        .filter(full)
        .map(|block| block.len() as u64)
        .sum()
}

#[test]
fn a_disk_arrives_byte_for_byte_without_its_zeros_and_the_second_run_asks_once() {
    let disks = Disks::new("simple");
    let disk = disk(1);
    disks.write("disk.vhd", &disk);
    let mark = disks.proxy.mark();
    let output = disks.upload("a.vhd", &["--json"]).run().ok();
    no_secret(&output);
    let document = output.json();
    fits(&disks.project, "vhd", &document);
    assert_eq!(document["outcome"], "uploaded");
    assert_eq!(document["digest"], content_digest(&disk.content()).as_str());
    assert_eq!(document["data-bytes"], data_of(&disk));
    assert_eq!(document["bytes-moved"], data_of(&disk));
    assert_eq!(disks.sent("a.vhd", mark), data_of(&disk));
    disks.assert_holds("a.vhd", &disk, "after the first run");

    let mark = disks.proxy.mark();
    let document = disks.upload("a.vhd", &["--json"]).run().ok().json();
    fits(&disks.project, "vhd", &document);
    assert_eq!(
        (&document["outcome"], &document["bytes-moved"]),
        (&json!("present"), &json!(0))
    );
    let requests = disks.requests("a.vhd", mark);
    let methods: Vec<&str> = requests.iter().map(|entry| entry.method.as_str()).collect();
    assert_eq!(methods, ["HEAD"]);
    // A machine that remembers nothing believes the metadata, and asks no more.
    let there = disks.elsewhere();
    there.write("disk.vhd", &disk);
    let document = there.upload("a.vhd", &["--json"]).run().ok().json();
    assert_eq!(
        (&document["outcome"], &document["requests"]),
        (&json!("present"), &json!(1))
    );
}

#[test]
fn container_and_blob_are_called_after_the_artifact() {
    let disks = Disks::new("names");
    let mut named = disks.elsewhere();
    named.container = "upnamesubuntuvhd-1-0-0".to_owned();
    disks.azurite.make_container(&named.container);
    let disk = disk(2);
    named.write("disk.vhd", &disk);
    let run = [
        "vhd",
        "upload",
        "disk.vhd",
        "up-names-ubuntu-vhd:1-0-0",
        "--sas-env",
        VARIABLE,
    ];
    let output = named.aosm(&run).run().ok();
    assert!(
        output
            .stdout
            .contains("/upnamesubuntuvhd-1-0-0/upnamesubuntu-1-0-0.vhd"),
        "{output}"
    );
    named.assert_holds("upnamesubuntu-1-0-0.vhd", &disk, "by the argument");
    let flags = [
        "--name",
        "up-names-ubuntu-vhd",
        "--version",
        "1-0-0",
        "--sas-env",
        VARIABLE,
    ];
    let show = [&["vhd", "show"][..], &flags].concat();
    named
        .aosm(&show)
        .run()
        .ok()
        .says("page blob")
        .says(&content_digest(&disk.content()));
    // The signature is for that container alone.
    disks.write("disk.vhd", &disk);
    let refused = disks.aosm(&run).run().expect(4);
    refused
        .says("its container is upnamesubuntuvhd-1-0-0, and the signature opens")
        .says("--blob");
    let blob = [&run[..], &["--blob", "elsewhere.vhd"]].concat();
    disks.aosm(&blob).run().ok();
    disks.assert_holds("elsewhere.vhd", &disk, "where somebody says so");
}

#[test]
fn a_store_of_the_project_is_a_place_and_the_signature_may_lie_in_a_file() {
    let disks = Disks::new("store");
    let mut named = disks.elsewhere();
    named.container = "upstorevhd-2-0-1".to_owned();
    disks.azurite.make_container(&named.container);
    let disk = disk(3);
    named.write("disk.vhd", &disk);
    let head = "[stores.disks]\nkind = \"storage-account\"\nverify = \"full\"\n";
    let image =
        "[[vhds]]\nname = \"up-store-vhd\"\nversion = \"2-0-1\"\nfile = \"disk.vhd\"\nsas-env = \"DISKS_SAS\"\n";
    named.project.write("aosm.toml", format!("{head}{image}"));
    let output = named
        .aosm(&["vhd", "upload", "disk.vhd", "disks:up-store-vhd:2-0-1"])
        .run()
        .ok();
    no_secret(&output);
    named.assert_holds("upstore-2-0-1.vhd", &disk, "by the store");
    assert!(
        named.project.path(".aosm/state/disks").is_dir(),
        "the project remembers"
    );
    assert!(named.project.path(".aosm/state/.gitignore").is_file());
    for (destination, words) in [
        ("nowhere:up-store-vhd:2-0-1", "no store of this name"),
        ("disks:other-vhd:2-0-1", "names no such disk image"),
        ("disks:up-store-vhd:2.0.1", "write `2-0-1`"),
    ] {
        named
            .aosm(&["vhd", "upload", "disk.vhd", destination])
            .run()
            .expect(4)
            .says(words);
    }
    named.project.write("sas.txt", named.url(&Sas::default()));
    let run = ["vhd", "show", "up-store-vhd:2-0-1", "--sas-file", "sas.txt"];
    let output = named.project.run(&run).ok().says("page blob");
    no_secret(&output);
}

#[test]
fn the_official_sdk_reads_what_was_sent_and_md5_and_full_proof_are_right() {
    let disks = Disks::new("sdk");
    let disk = disk(4);
    disks.write("disk.vhd", &disk);
    let document = disks
        .upload("a.vhd", &["--md5", "--verify", "full", "--json"])
        .run()
        .ok()
        .json();
    fits(&disks.project, "vhd", &document);
    disks.assert_holds("a.vhd", &disk, "after the upload");
    if !python_sdk::available() {
        return;
    }
    let program = "
import hashlib
blob = BlobClient.from_blob_url(sys.argv[1])
content = blob.download_blob().readall()
with open(sys.argv[2], 'rb') as file:
    local = file.read()
answer({'same': content == local, 'local': hashlib.md5(local).hexdigest(), 'head': headers(blob)})
";
    let url = disks
        .azurite
        .url(&format!("{}/a.vhd", disks.container), &Sas::default());
    let path = disks.project.path("disk.vhd");
    let told = python_sdk::run(program, &[&url, path.to_str().unwrap()]);
    assert_eq!(told["same"], true);
    assert_eq!(told["head"]["md5"], told["local"]);
    assert_eq!(
        told["head"]["type"]
            .as_str()
            .map(|kind| kind.contains("Page") || kind.contains("PAGE")),
        Some(true)
    );
}

#[test]
fn what_another_tool_put_there_is_unknown_until_it_is_read_then_adopted_or_told_where_it_differs() {
    let disks = Disks::new("peer");
    let disk = disk(5);
    disks.write("disk.vhd", &disk);
    let content = disk.content();
    let length = content.len().to_string();
    let create = [
        ("x-ms-blob-type", "PageBlob"),
        ("x-ms-blob-content-length", length.as_str()),
        ("x-ms-meta-owner", "peer"),
    ];
    for blob in ["same.vhd", "other.vhd"] {
        assert_eq!(disks.by_hand("PUT", blob, "", &create, b""), 201);
        for (at, piece) in content.chunks(4 << 20).enumerate() {
            disks.put_pages(blob, at << 22, piece);
        }
    }
    disks.put_pages("other.vhd", 5 * 1024 * 1024, &[7; 512]);
    for blob in ["same.vhd", "other.vhd"] {
        let mark = disks.proxy.mark();
        disks
            .upload(blob, &[])
            .run()
            .expect(4)
            .says("says nothing of its content")
            .says("--verify full");
        assert_eq!(disks.sent(blob, mark), 0);
    }
    let document = disks
        .upload("same.vhd", &["--verify", "full", "--json"])
        .run()
        .ok()
        .json();
    assert_eq!(
        (&document["outcome"], &document["bytes-moved"]),
        (&json!("present"), &json!(0))
    );
    disks.assert_holds("same.vhd", &disk, "adopted");
    let head = disks.azurite.head(&disks.container, "same.vhd").unwrap();
    assert_eq!(head.get("x-ms-meta-owner"), Some("peer"), "other metadata is kept");
    let refused = disks.upload("other.vhd", &["--verify", "full"]).run().expect(4);
    refused.says("from byte 5242880 on").says("--replace");
    disks.assert_claims_nothing("other.vhd", "refused");
    disks.upload("other.vhd", &["--replace"]).run().ok();
    disks.assert_holds("other.vhd", &disk, "replaced");
}

#[test]
fn something_else_is_refused_with_the_command_that_replaces_it() {
    let disks = Disks::new("replace");
    disks
        .azurite
        .put_block_blob(&disks.container, "block.vhd", b"something");
    disks.write("disk.vhd", &disk(6));
    disks.upload("block.vhd", &[]).run().expect(4).says("--replace");
    disks.upload("a.vhd", &[]).run().ok();
    let small = Vhd::new(2 * MIB).random(4096, 5000, 60);
    let other = disk(61);
    for (next, words) in [
        (&small, "bytes are there instead of 2097664"),
        (&other, "something else is there"),
    ] {
        disks.write("disk.vhd", next);
        let mark = disks.proxy.mark();
        disks.upload("a.vhd", &[]).run().expect(4).says(words).says("--replace");
        assert_eq!(disks.sent("a.vhd", mark), 0);
        disks.assert_holds(
            "a.vhd",
            &if next.content().len() < 3 << 20 {
                disk(6)
            } else {
                small.clone()
            },
            "refused",
        );
        disks.upload("a.vhd", &["--replace"]).run().ok();
        disks.assert_holds("a.vhd", next, "replaced");
    }
    disks.upload("block.vhd", &["--replace"]).run().ok();
    disks.assert_holds("block.vhd", &other, "replaced");
}

#[test]
fn somebody_who_writes_afterwards_is_noticed_by_the_pages() {
    let disks = Disks::new("afterwards");
    let disk = disk(7);
    disks.write("disk.vhd", &disk);
    disks.upload("a.vhd", &[]).run().ok();
    // Another entity tag, the same content: metadata of somebody's.
    let digest = content_digest(&disk.content());
    let headers = [("x-ms-meta-aosm_digest", digest.as_str()), ("x-ms-meta-owner", "me")];
    assert_eq!(disks.by_hand("PUT", "a.vhd", "?comp=metadata", &headers, b""), 200);
    let document = disks.upload("a.vhd", &["--json"]).run().ok().json();
    assert_eq!(
        (&document["outcome"], &document["requests"]),
        (&json!("present"), &json!(2))
    );
    let document = disks.upload("a.vhd", &["--json"]).run().ok().json();
    assert_eq!(document["requests"], 1, "the new tag is remembered");
    // A page where zeros belong.
    disks.put_pages("a.vhd", 7 << 20, &[1; 512]);
    disks
        .upload("a.vhd", &[])
        .run()
        .expect(4)
        .says("byte 7340032 is written and should be zero");
    let refused = disks.upload("a.vhd", &["--verify", "full"]).run().expect(4);
    refused.says("from byte 7340032 on, although its metadata claims so");
    disks.upload("a.vhd", &["--replace"]).run().ok();
    disks.assert_holds("a.vhd", &disk, "replaced");
}

#[test]
fn what_is_no_disk_for_azure_is_refused_with_all_reasons_before_anything_is_asked() {
    let disks = Disks::new("bad");
    let mark = disks.proxy.mark();
    for what in BAD {
        write_bad(what, &disks.project.path("disk.vhd"));
        disks.upload("a.vhd", &[]).run().expect(4);
    }
    assert_eq!(disks.requests("a.vhd", mark).len(), 0);
    // Both are told: the file and the place.
    disks.project.write("disk.vhd", vec![1_u8; 700]);
    let both = disks
        .project
        .run(&["vhd", "upload", "disk.vhd", "x-vhd:1.0.0", "--sas-env", VARIABLE]);
    assert!(both.code() == 4 && both.stderr.matches("error").count() >= 2, "{both}");
    disks.project.remove("disk.vhd");
    disks.upload("a.vhd", &[]).run().expect(4).says("disk.vhd");
    std::fs::create_dir(disks.project.path("disk.vhd")).unwrap();
    disks.upload("a.vhd", &[]).run().expect(4);
}

#[test]
fn a_signature_that_is_no_good_is_told_with_its_reason_and_never_shown() {
    let disks = Disks::new("sas");
    disks.write("disk.vhd", &Vhd::new(MIB).random(0, 1000, 8));
    let run = ["vhd", "upload", "disk.vhd", "--sas-env", VARIABLE, "--blob", "a.vhd"];
    let with = |url: String| disks.project.aosm(&run).env(VARIABLE, url).run();
    let good = disks.url(&Sas::default());
    for (what, url, code, words) in [
        ("expired", disks.url(&Sas::expired()), 5, "expired"),
        (
            "not yet",
            disks.url(&Sas::default().from(3600).until(7200)),
            5,
            "good from",
        ),
        ("no r", disks.url(&Sas::rights("cw")), 5, "r (read)"),
        ("no w", disks.url(&Sas::rights("rc")), 5, "w (write)"),
        ("only r", disks.url(&Sas::rights("r")), 5, "w (write)"),
        (
            "cut off",
            format!("{}&sig=abcd", good.split("&sig=").next().unwrap()),
            5,
            "refused",
        ),
        (
            "no signature",
            good.split("&sig=").next().unwrap().to_owned(),
            4,
            "`sig`",
        ),
        ("no URL", "hello".to_owned(), 4, "is no URL"),
        ("empty", String::new(), 4, "is empty"),
    ] {
        let output = with(url).expect(code);
        no_secret(&output);
        assert!(output.stderr.replace("\n  │ ", " ").contains(words), "{what}: {output}");
    }
    disks.project.run(&run).expect(4).says("is not set");
    // Another container's signature is refused by the service.
    let other = disks.azurite.container("othersas");
    let theirs = disks
        .azurite
        .url(&other, &Sas::default())
        .split_once('?')
        .unwrap()
        .1
        .to_owned();
    let mixed = format!("{}?{theirs}", good.split('?').next().unwrap());
    no_secret(&with(mixed).expect(5).says("refused"));
    // A container that is not there.
    let gone = disks.url(&Sas::default()).replace(&disks.container, "upnowhere");
    assert!(with(gone).code() == 5);
    assert!(
        disks.azurite.head(&disks.container, "a.vhd").is_none(),
        "nothing was made"
    );
}

#[test]
fn a_container_that_is_not_there_is_named() {
    let disks = Disks::new("absent");
    disks.write("disk.vhd", &Vhd::new(MIB));
    disks.azurite.delete_container(&disks.container);
    disks.upload("a.vhd", &[]).run().expect(5).says(&disks.container);
}

#[test]
fn wrong_ways_to_name_a_place_are_wrong_use() {
    let disks = Disks::new("usage");
    disks.write("disk.vhd", &Vhd::new(MIB));
    for arguments in [
        &["vhd", "upload", "disk.vhd"][..],
        &["vhd", "upload", "disk.vhd", "one"],
        &["vhd", "upload", "disk.vhd", "a:b:c:d"],
        &["vhd", "upload", "disk.vhd", "--sas-env", VARIABLE],
        &[
            "vhd",
            "upload",
            "disk.vhd",
            "a:1-0-0",
            "--sas-env",
            VARIABLE,
            "--name",
            "a",
            "--version",
            "1-0-0",
        ],
        &["vhd", "upload", "disk.vhd", "s:a:1-0-0", "--sas-env", VARIABLE],
        &["vhd", "upload", "disk.vhd", "s:a:1-0-0", "--blob", "b"],
        &["vhd", "upload", "disk.vhd", "--name", "a", "--sas-env", VARIABLE],
        &["vhd", "show", "--sas-env", VARIABLE, "--sas-file", "x"],
        &["vhd", "show", "a:1-0-0", "--sas-env", VARIABLE, "--offline"],
    ] {
        let output = disks.aosm(arguments).run();
        assert_eq!(output.code(), 64, "{output}");
    }
}

#[test]
fn show_tells_what_is_there_and_what_is_not() {
    let disks = Disks::new("show");
    let show = ["vhd", "show", "--sas-env", VARIABLE, "--blob", "a.vhd"];
    disks.aosm(&show).run().expect(4).says("nothing is there");
    let absent = disks.aosm(&[&show[..], &["--json"]].concat()).run().expect(4).json();
    fits(&disks.project, "vhd", &absent);
    assert_eq!(absent["outcome"], "absent");
    disks
        .azurite
        .put_block_blob(&disks.container, "block.vhd", b"something");
    let block = disks.show("block.vhd");
    fits(&disks.project, "vhd", &block);
    assert_eq!(
        (&block["type"], &block["data-bytes"]),
        (&json!("BlockBlob"), &json!(null))
    );
    let disk = disk(9);
    disks.write("disk.vhd", &disk);
    disks.upload("a.vhd", &[]).run().ok();
    let whole = disks.show("a.vhd");
    fits(&disks.project, "vhd", &whole);
    assert_eq!(whole["data-bytes"], data_of(&disk));
    assert_eq!(whole["leased"], false);
    disks.aosm(&show).run().ok().says("% zero").says("digest  sha256:");
}
