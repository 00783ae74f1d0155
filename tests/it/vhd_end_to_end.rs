//! A project with charts, images and a disk image, brought to a registry and a storage account in one run; and everything that may
//! have happened to the blob meanwhile.

use serde_json::{Value, json};

use crate::support::registry::{PASSWORD, USER};
use crate::support::small::{Small, seeded};
use crate::support::snapshot::holding;
use crate::support::vhd::{MIB, Vhd, content_digest};
use crate::support::*;

const STEP: &str = "upload:disks/ubuntu-vm-vhd:1-0-0";
const BLOB: &str = "ubuntuvm-1-0-0.vhd";

/// A project with one disk image, its container in the emulator, and a proxy between them that counts.
struct Lab {
    azurite: &'static Azurite,
    proxy: Faulty,
    project: Project,
    container: String,
}

impl Lab {
    fn new() -> Self {
        Self::with("", &image(1))
    }

    /// `more` goes before the disk image in `aosm.toml`.
    fn with(more: &str, image: &Vhd) -> Self {
        let azurite = Azurite::shared();
        let lab = Self {
            azurite,
            proxy: Faulty::before(&azurite.host()),
            project: Project::new(),
            container: azurite.container("ubuntuvmvhd"),
        };
        image.write(&lab.project.path("disk.vhd"));
        lab.settings(more);
        lab
    }

    fn settings(&self, more: &str) {
        self.project.write(
            "aosm.toml",
            format!(
                "{more}\n[stores.disks]\nkind = \"storage-account\"\n\n[[vhds]]\nname = \"ubuntu-vm-vhd\"\nversion = \
                 \"1-0-0\"\nfile = \"disk.vhd\"\nsas-env = \"DISKS_SAS\"\ncontainer = \"{}\"\n",
                self.container
            ),
        );
    }

    fn sas(&self, sas: &Sas) -> String {
        let url = self.azurite.url(&self.container, sas);
        url.replace(&self.azurite.host(), &self.proxy.host())
    }

    fn aosm(&self, arguments: &[&str]) -> Aosm {
        self.project
            .aosm(arguments)
            .env("DISKS_SAS", self.sas(&Sas::rights("rcw")))
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.aosm(arguments).run()
    }

    /// The one upload step of a plan.
    fn planned(&self, more: &[&str], code: i32) -> Value {
        let arguments = [&["plan", "--json"], more].concat();
        step(&self.run(&arguments).expect(code).json())
    }

    fn content(&self) -> Vec<u8> {
        self.azurite.content(&self.container, BLOB)
    }

    fn resource(&self) -> String {
        format!("{}/{BLOB}", self.container)
    }

    /// A page written by somebody who knows nothing of us.
    fn write_page(&self, at: u64, byte: u8) {
        let range = format!("bytes={at}-{}", at + 511);
        let headers = [("x-ms-page-write", "update"), ("x-ms-range", range.as_str())];
        let resource = format!("{}?comp=page", self.resource());
        let answer = self.azurite.request("PUT", &resource, &headers, &[byte; 512]);
        assert_eq!(answer.status, 201, "{}", String::from_utf8_lossy(&answer.body));
    }

    /// The whole image, put there by another tool.
    fn put_by_another_tool(&self, content: &[u8]) {
        let length = content.len().to_string();
        let headers = [
            ("x-ms-blob-type", "PageBlob"),
            ("x-ms-blob-content-length", length.as_str()),
        ];
        let answer = self.azurite.request("PUT", &self.resource(), &headers, b"");
        assert_eq!(answer.status, 201, "{}", String::from_utf8_lossy(&answer.body));
        for (index, piece) in content.chunks(4 * MIB as usize).enumerate() {
            let at = index as u64 * 4 * MIB;
            let range = format!("bytes={at}-{}", at + piece.len() as u64 - 1);
            let headers = [("x-ms-page-write", "update"), ("x-ms-range", range.as_str())];
            let resource = format!("{}?comp=page", self.resource());
            let answer = self.azurite.request("PUT", &resource, &headers, piece);
            assert_eq!(answer.status, 201, "{}", String::from_utf8_lossy(&answer.body));
        }
    }

    /// Bytes that went to the account since a mark.
    fn sent_since(&self, mark: crate::support::traffic::Mark) -> u64 {
        self.proxy.since(mark).0.iter().map(|request| request.uploaded).sum()
    }

    /// Fails if a signature is anywhere in the project's folder.
    fn no_secret(&self) {
        for signature in ["sig=", "sig%3D"] {
            assert_eq!(
                holding(&self.project.folder(), signature),
                Vec::<std::path::PathBuf>::new()
            );
        }
    }
}

fn image(seed: u64) -> Vhd {
    Vhd::new(10 * MIB)
        .random(MIB, 200_000, seed)
        .random(9 * MIB, 70_000, seed + 1)
}

fn step(document: &Value) -> Value {
    let steps = document["steps"].as_array().expect("steps");
    steps
        .iter()
        .find(|step| step["id"] == STEP)
        .expect("the upload")
        .clone()
}

fn types(step: &Value) -> Vec<&str> {
    let reasons = step["reasons"].as_array().expect("reasons");
    reasons
        .iter()
        .map(|reason| reason["type"].as_str().expect("a type"))
        .collect()
}

#[test]
fn charts_and_images_go_to_a_registry_and_the_disk_to_the_account_in_one_run() {
    if !Azurite::available() {
        return;
    }
    let registry = Registry::shared(Kind::Basic);
    let small = Small::new(2);
    let lab = Lab::new();
    let vhd = lab.project.read("aosm.toml");
    let head = format!(
        "[project]\nname = \"small\"\nimage-sources = [\"source.example\"]\n[sources.\"source.example\"]\nkind = \
         \"oci-layout\"\npath = \"images\"\n{vhd}[stores.images]\nkind = \"registry\"\nregistry = \"{}/{}\"\n",
        registry.host(),
        registry.unique("vhd-e2e")
    );
    small.write(&lab.project, &head);
    small.write_images(&lab.project);
    lab.project.login(&registry.host(), USER, PASSWORD);
    let plan = lab.run(&["plan", "--json"]).ok();
    assert_eq!(
        plan.stdout,
        lab.run(&["plan", "--json"]).ok().stdout,
        "the same plan twice"
    );
    let planned = step(&plan.json());
    // Whole blocks of 64 KiB: 5 around 200,000 bytes at 1 MiB at most, 2 at 9 MiB, the last one.
    let data = planned["bytes"].as_u64().unwrap();
    assert!((270_000..=600_000).contains(&data), "{planned}");
    assert_eq!(
        planned["disk"],
        json!({"size": 10 * MIB + 512, "zero": 10 * MIB + 512 - data})
    );
    assert_eq!(planned["transfer"], "stream");
    assert_eq!(planned["desired"], content_digest(&image(1).content()));
    let applied = lab.run(&["apply", "--json"]).ok().json();
    assert_eq!(applied["summary"]["done"], 4, "{applied}");
    assert_eq!(step(&applied)["bytes-moved"], data);
    assert!(lab.content() == image(1).content(), "other content");

    // The next run: one HEAD, and nothing to do.
    let mark = lab.proxy.mark();
    lab.run(&["apply"]).ok().says("nothing to do: 4 artifacts up to date");
    assert_eq!(lab.proxy.since(mark).0.len(), 1, "{:?}", lab.proxy.since(mark).labels());
    lab.run(&["plan", "--detailed-exitcode"]).ok();
    lab.no_secret();
}

#[test]
fn a_file_that_changed_is_refused_and_then_replaced_on_demand() {
    if !Azurite::available() {
        return;
    }
    let lab = Lab::new();
    lab.run(&["apply"]).ok();
    let old = content_digest(&image(1).content());
    let new = content_digest(&image(7).content());
    image(7).write(&lab.project.path("disk.vhd"));
    let planned = lab.planned(&[], 4);
    assert_eq!(
        (&planned["action"], &planned["effect"]),
        (&json!("invalid"), &json!("none"))
    );
    assert_eq!((&planned["observed"], &planned["desired"]), (&json!(old), &json!(new)));
    assert_eq!(types(&planned), ["other-content"]);
    let mark = lab.proxy.mark();
    lab.run(&["apply"])
        .expect(4)
        .says("the blob holds something else")
        .says("aosm-build apply --replace=ubuntu-vm-vhd:1-0-0");
    assert_eq!(lab.proxy.since(mark).0.len(), 1, "asked, and left alone");
    lab.run(&["why", "upload"])
        .ok()
        .says("inspect:ubuntu-vm-vhd: disk.vhd changed")
        .says(&format!("what it wants changed: {} → {}", &old[7..19], &new[7..19]));
    let planned = lab.planned(&["--replace=ubuntu*"], 0);
    assert_eq!(
        (&planned["action"], &planned["effect"]),
        (&json!("run"), &json!("replace"))
    );
    lab.run(&["apply", "--replace=ubuntu-vm-vhd:1-0-0"]).ok();
    assert!(lab.content() == image(7).content(), "other content");
    // A store may allow it once and for all.
    image(8).write(&lab.project.path("disk.vhd"));
    lab.project.edit(
        "aosm.toml",
        "kind = \"storage-account\"",
        "kind = \"storage-account\"\nreplace = true",
    );
    lab.run(&["apply"]).ok();
    assert!(lab.content() == image(8).content(), "other content");
}

#[test]
fn a_touched_file_is_read_once_more_and_found_equal() {
    if !Azurite::available() {
        return;
    }
    let lab = Lab::new();
    lab.run(&["apply"]).ok();
    lab.run(&["plan", "-v"]).ok().says("inspect:ubuntu-vm-vhd (cached)");
    image(1).without_holes().write(&lab.project.path("disk.vhd"));
    lab.run(&["plan", "-v"])
        .ok()
        .silent_about("inspect:ubuntu-vm-vhd (cached)")
        .says("nothing to do");
}

#[test]
fn what_somebody_else_wrote_is_noticed_and_not_taken_for_fresh() {
    if !Azurite::available() {
        return;
    }
    let lab = Lab::new();
    lab.run(&["apply"]).ok();
    // Where zeros belong: the pages alone tell.
    lab.write_page(5 * MIB, 9);
    let planned = lab.planned(&[], 4);
    assert_eq!(
        (&planned["action"], types(&planned)),
        (&json!("unknown"), vec!["cannot-tell"])
    );
    lab.run(&["apply"])
        .expect(4)
        .says("nobody can tell what the blob holds: somebody wrote since it was last seen here")
        .says("when this machine last saw it")
        .says("`aosm-build apply --verify full` reads it back");
    lab.run(&["why", "upload"]).says("entity tag");
    // Read back, it is something else; and what it was is put back on demand.
    let planned = lab.planned(&["--verify", "full"], 4);
    assert_eq!(
        (&planned["action"], types(&planned)),
        (&json!("invalid"), vec!["other-content"])
    );
    assert!(
        planned["reasons"][0]["why"]
            .as_str()
            .unwrap()
            .contains("although its metadata claims so"),
        "{planned}"
    );
    lab.run(&["apply", "--replace"]).ok();
    assert!(lab.content() == image(1).content(), "other content");
}

#[test]
fn a_right_image_by_another_tool_is_unknown_until_it_is_read_back() {
    if !Azurite::available() {
        return;
    }
    let lab = Lab::new();
    lab.put_by_another_tool(&image(1).content());
    assert_eq!(lab.planned(&[], 4)["action"], "unknown");
    lab.run(&["apply"]).expect(4).says("another tool put it there");
    lab.run(&["apply", "--verify", "full"]).ok().says("nothing to do");
    // From now on it says so itself.
    assert_eq!(lab.planned(&[], 0)["action"], "fresh");
    let headers = lab.azurite.head(&lab.container, BLOB).expect("the blob");
    let digest = headers.get("x-ms-meta-aosm_digest").map(str::to_owned);
    assert_eq!(digest, Some(content_digest(&image(1).content())));
}

#[test]
fn a_wrong_image_by_another_tool_is_told_apart_and_where() {
    if !Azurite::available() {
        return;
    }
    let lab = Lab::new();
    let mut other = image(1).content();
    other[3 * MIB as usize] ^= 1;
    lab.put_by_another_tool(&other);
    lab.run(&["apply", "--verify", "full"])
        .expect(4)
        .says("the blob holds something else: content")
        .says(&format!("from byte {} on", 3 * MIB));
    assert!(lab.content() == other, "left alone");
}

#[test]
fn a_block_blob_in_its_place_needs_leave_to_be_replaced() {
    if !Azurite::available() {
        return;
    }
    let lab = Lab::new();
    lab.azurite.put_block_blob(&lab.container, BLOB, b"not a disk");
    lab.run(&["apply"]).expect(4).says("not a page blob");
    assert_eq!(lab.content(), b"not a disk");
    lab.run(&["apply", "--replace"]).ok();
    assert!(lab.content() == image(1).content(), "other content");
}

#[test]
fn a_run_killed_anywhere_is_gone_on_with_by_the_next() {
    if !Azurite::available() {
        return;
    }
    let scattered = Vhd::new(24 * MIB).scattered(6, 200_000, 3);
    let whole = scattered.content();
    let lab = Lab::with("", &scattered);
    let boundaries = {
        let list = lab.project.path("boundaries");
        lab.aosm(&["apply"]).env("AOSM_ABORT_COUNT", &list).run().ok();
        std::fs::read_to_string(&list).unwrap().lines().count()
    };
    assert!(boundaries > 12, "{boundaries}");
    for point in seeded("disk image", 6, boundaries) {
        let lab = Lab::with("", &scattered);
        let mark = lab.proxy.mark();
        // How often progress is written down depends on time: the last points may come after the end.
        let killed = lab.aosm(&["apply"]).abort_at(point + 1).run().code();
        assert!(killed == -1 || point * 2 > boundaries, "a kill at {point}: {killed}");
        let applied = lab.run(&["apply", "--json"]);
        assert_eq!(applied.code(), 0, "after a kill at {point}: {applied}");
        assert!(lab.content() == whole, "after a kill at {point}");
        let sent = lab.sent_since(mark);
        // What is on its way at the kill may have to go again.
        let data = lab.planned(&[], 0)["disk"].clone();
        let data = data["size"].as_u64().unwrap() - data["zero"].as_u64().unwrap();
        assert!(sent <= data * 2 + 100_000, "after a kill at {point}: {sent} of {data}");
        assert_eq!(lab.planned(&[], 0)["action"], "fresh", "after a kill at {point}");
        lab.no_secret();
    }
}

#[cfg(unix)]
#[test]
fn ctrl_c_leaves_what_the_next_run_goes_on_from_and_no_lease() {
    if !Azurite::available() {
        return;
    }
    let dense = Vhd::new(40 * MIB).random(0, 40 * MIB as usize, 5);
    let lab = Lab::with("", &dense);
    let mark = lab.proxy.mark();
    let running = lab.aosm(&["apply"]).spawn();
    // Some pieces have gone.
    let limit = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while lab.sent_since(mark) < 5 * MIB {
        assert!(std::time::Instant::now() < limit, "nothing is sent");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    running.interrupt();
    running.wait().expect(130).says("stopped");
    let headers = lab.azurite.head(&lab.container, BLOB).expect("the blob");
    assert_eq!(
        headers.get("x-ms-lease-state").map(str::to_owned),
        Some("available".to_owned())
    );
    let planned = lab.planned(&[], 0);
    assert_eq!((&planned["action"], types(&planned)), (&json!("run"), vec!["goes-on"]));
    lab.run(&["apply"]).ok();
    assert!(lab.content() == dense.content(), "other content");
    let sent = lab.sent_since(mark);
    assert!(sent <= 44 * MIB, "{sent} bytes for 40 MiB");
}

#[test]
fn a_copy_from_a_url_is_made_by_the_service_and_found_again() {
    if !Azurite::available() {
        return;
    }
    let lab = Lab::new();
    let source = lab.azurite.container("source");
    lab.run(&["apply"]).ok();
    let from = format!("{source}/image.vhd");
    let original = image(4).content();
    let length = original.len().to_string();
    let headers = [
        ("x-ms-blob-type", "PageBlob"),
        ("x-ms-blob-content-length", length.as_str()),
    ];
    assert_eq!(lab.azurite.request("PUT", &from, &headers, b"").status, 201);
    for (index, piece) in original.chunks(4 * MIB as usize).enumerate() {
        let at = index * 4 * MIB as usize;
        let range = format!("bytes={at}-{}", at + piece.len() - 1);
        let headers = [("x-ms-page-write", "update"), ("x-ms-range", range.as_str())];
        let answer = lab
            .azurite
            .request("PUT", &format!("{from}?comp=page"), &headers, piece);
        assert_eq!(answer.status, 201);
    }
    lab.project
        .edit("aosm.toml", "file = \"disk.vhd\"", "blob-url-env = \"SOURCE_URL\"");
    let url = lab.azurite.url(&from, &Sas::rights("r"));
    // The service fetches from itself: it does not know the proxy.
    let run = |arguments: &[&str]| {
        let sas = lab.azurite.url(&lab.container, &Sas::rights("rcwd"));
        lab.project
            .aosm(arguments)
            .env("DISKS_SAS", sas)
            .env("SOURCE_URL", &url)
            .run()
    };
    let refused = run(&["plan", "--json"]).expect(4).json();
    // As many bytes, and nobody knows the content of the source without reading it.
    assert_eq!(step(&refused)["action"], "unknown");
    let planned = step(&run(&["plan", "--json", "--replace"]).ok().json());
    assert_eq!(
        (&planned["transfer"], &planned["bytes"]),
        (&json!("server-side"), &json!(10 * MIB + 512))
    );
    let applied = step(&run(&["apply", "--json", "--replace"]).ok().json());
    assert_eq!(
        (&applied["outcome"], &applied["bytes-moved"]),
        (&json!("done"), &json!(0))
    );
    assert!(lab.content() == original, "other content");
    run(&["plan", "--detailed-exitcode"]).ok().says("nothing to do");
    run(&["plan", "--offline"]).ok().says("nothing to do");
    lab.no_secret();
}

#[test]
fn two_disk_images_go_to_the_containers_that_the_emulator_makes() {
    if !Azurite::available() {
        return;
    }
    let azurite = Azurite::start();
    let project = Project::new();
    image(1).write(&project.path("a.vhd"));
    image(2).write(&project.path("b.vhd"));
    project.write(
        "aosm.toml",
        format!(
            "[stores.disks]\nkind = \"storage-account\"\nemulator = \"{}/devstoreaccount1\"\nverify = \"full\"\nmd5 = true\nparallel = \
             2\n[[vhds]]\nname = \"a-vhd\"\nversion = \"1-0-0\"\nfile = \"a.vhd\"\n[[vhds]]\nname = \"b-vhd\"\nversion = \
             \"1-0-0\"\nfile = \"b.vhd\"\n",
            azurite.endpoint()
        ),
    );
    project.run(&["apply"]).ok().says("2 done");
    assert!(azurite.content("avhd-1-0-0", "a-1-0-0.vhd") == image(1).content());
    assert!(azurite.content("bvhd-1-0-0", "b-1-0-0.vhd") == image(2).content());
    let headers = azurite.head("avhd-1-0-0", "a-1-0-0.vhd").unwrap();
    assert!(headers.get("content-md5").is_some(), "the MD5 that was asked for");
    project.run(&["plan", "--detailed-exitcode"]).ok();
    // Only one of them, by its name.
    image(3).write(&project.path("a.vhd"));
    image(4).write(&project.path("b.vhd"));
    project
        .run(&["apply", "--only", "b-vhd*", "--replace"])
        .ok()
        .says("1 done");
    assert!(azurite.content("avhd-1-0-0", "a-1-0-0.vhd") == image(1).content());
    assert!(azurite.content("bvhd-1-0-0", "b-1-0-0.vhd") == image(4).content());
}
