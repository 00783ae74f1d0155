//! A publisher's run that dies while the service works for it: in the middle of an import, of a copy between storage accounts, of
//! a seal. The next run finds what is under way and brings all of it to its end; nothing is asked for twice.

use bytes::Bytes;

use crate::support::arm::{PUBLISHER, Slow};
use crate::support::blob_server::{BlobServer, CopyPlan};
use crate::support::cloud::{ACCOUNT, ACR, keys};
use crate::support::small::{in_parallel, seeded};
use crate::support::vhd::{MIB, Vhd};
use crate::support::*;

const MANIFEST: &str = "contoso-acr-manifest-1-0-0";
const CONTAINER: &str = "ubuntuvmvhd-1-0-0";
const BLOB: &str = "ubuntuvm-1-0-0.vhd";
const IMAGE: &str = "release/kill";

/// A world of its own for one kill: everything in it takes its time.
struct World {
    cloud: Cloud,
    blobs: std::sync::Arc<BlobServer>,
    project: Project,
    image: Image,
    disk: Vec<u8>,
}

impl World {
    fn new() -> Self {
        let source = Registry::shared(Kind::Plain);
        let from = source.unique("aosm-kill");
        let image = ImageSpec::new(77).layers(&[900, 400]).build();
        source.push(&image, &format!("{from}/{IMAGE}"), "1.0.0");
        let cloud = Cloud::empty().registry_store(PUBLISHER, ACR);
        let blobs = std::sync::Arc::new(BlobServer::start(&["from", CONTAINER]));
        let disk = Vhd::new(2 * MIB).random(MIB, 70_144, 3).content();
        let pages = [(0, Bytes::from(disk.clone()))];
        blobs.service().plant("/from/source.vhd", disk.len() as u64, &pages);
        blobs.service().copies = CopyPlan::After(2);
        let service = std::sync::Arc::clone(&blobs);
        cloud.arm.disk_store(ACCOUNT).backs(ACCOUNT, move |_, _, _, _| {
            let url = service.url(CONTAINER);
            arm::container_tokens("contosodisks", &[(CONTAINER, url.as_str())], &arm::in_seconds(3600))
        });
        cloud
            .arm
            .manifest(ACR, MANIFEST, &[(IMAGE, "1.0.0", "OCIArtifact")])
            .manifest(ACCOUNT, "disks", &[("ubuntu-vm-vhd", "1-0-0", "VhdImageFile")])
            .slow(Slow::Location(2));
        cloud.arm.validates_for(ACR, MANIFEST, 2);
        let project = Project::new();
        project.write(
            "aosm.toml",
            format!(
                "[project]\nname = \"kills\"\nimage-sources = [\"{}/{from}\"]\n[stores.images]\nkind = \"acr\"\nseal = \
                 true\nartifact-manifest = \"{MANIFEST}\"\n{}[stores.disks]\nkind = \"storage-account\"\nartifact-manifest = \
                 \"disks\"\n{}[[images]]\nreference = \"source.example/{IMAGE}:1.0.0\"\n[[vhds]]\nname = \"ubuntu-vm-vhd\"\nversion = \
                 \"1-0-0\"\nblob-url-env = \"SOURCE\"\n",
                source.host(),
                keys(PUBLISHER, ACR),
                keys(PUBLISHER, ACCOUNT),
            ),
        );
        Self {
            cloud,
            blobs,
            project,
            image,
            disk,
        }
    }

    fn aosm(&self, arguments: &[&str]) -> Aosm {
        self.cloud
            .aosm(&self.project, arguments)
            .env("SOURCE", self.blobs.url("from/source.vhd"))
    }

    /// How often each was asked for: imports, copies, seals.
    fn asked(&self) -> (usize, usize, usize) {
        let path = format!("/{CONTAINER}/{BLOB}");
        let service = self.blobs.service();
        let copies = service
            .log
            .iter()
            .filter(|one| one.path == path && one.name == "PUT copy");
        (
            self.cloud.arm.count("/importImage?"),
            copies.count(),
            self.cloud.arm.count("/updateState?"),
        )
    }

    /// Runs to the end, and fails unless all is there, sealed, and was asked for once.
    fn assert_converges(&self, kill: &str) {
        let output = self.aosm(&["apply"]).run();
        assert_eq!(output.code(), 0, "after {kill}: {output}");
        assert_eq!(self.asked(), (1, 1, 1), "after {kill}: {output}");
        let held = self.cloud.shelf(ACR).registry.client().digest(IMAGE, "1.0.0");
        assert_eq!(held.as_deref(), Some(self.image.digest()), "after {kill}");
        let service = self.blobs.service();
        let blob = service.blobs.get(&format!("/{CONTAINER}/{BLOB}")).expect("a blob");
        assert!(blob.content.all() == self.disk, "after {kill}");
        drop(service);
        assert_eq!(self.cloud.arm.state_of(ACR, MANIFEST), "Uploaded", "after {kill}");
        self.aosm(&["plan", "--detailed-exitcode"]).run().ok();
    }
}

/// The numbered boundaries of a whole run.
fn boundaries() -> Vec<String> {
    let world = World::new();
    let file = world.project.path("boundaries");
    world.aosm(&["apply"]).env("AOSM_ABORT_COUNT", &file).run().ok();
    assert_eq!(world.asked(), (1, 1, 1));
    let text = std::fs::read_to_string(file).expect("boundaries");
    text.lines().map(str::to_owned).collect()
}

#[test]
fn killed_in_the_middle_of_an_import_a_copy_or_a_seal_the_next_run_converges_and_asks_for_nothing_twice() {
    let boundaries = boundaries();
    let mut points = Vec::new();
    for part in [
        "/importImage",
        "/imports/",
        "/operations/",
        "/copies/",
        &format!("PUT /devstoreaccount1/{CONTAINER}"),
        "/seals/",
        "/updateState",
    ] {
        let found: Vec<usize> = (1..=boundaries.len())
            .filter(|at| boundaries[at - 1].contains(part))
            .collect();
        assert!(!found.is_empty(), "no boundary has {part}: {boundaries:#?}");
        // Before each and right after.
        points.extend(found.iter().flat_map(|at| [*at, at + 1]));
    }
    points.extend(seeded("aosm", 12, boundaries.len()).into_iter().map(|point| point + 1));
    points.sort_unstable();
    points.dedup();
    in_parallel(&points, |point| {
        let world = World::new();
        let killed = world.aosm(&["apply"]).abort_at(point).run();
        world.assert_converges(&format!("a kill at {point} ({})", killed.code()));
    });
}
