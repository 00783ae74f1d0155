//! What is copied in a run, between which hosts, and what must be there afterwards.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::fake::{Fake, FakeHost, Login};
use super::super::uploads::Chunks;
use super::super::{noise, options, put};
use super::referring;
use crate::credentials::LoginFiles;
use crate::digest::Digest;
use crate::oci::backoff::Jitter;
use crate::oci::manifest::{OCI_INDEX, OCI_MANIFEST};
use crate::oci::recursive::{Along, Selection, TagsOfSource, copy_with_referrers, find_referrers};
use crate::oci::registry::repository::Repository;
use crate::oci::registry::{Registries, RegistryOptions, RegistryTarget, UploadPolicy};
use crate::oci::{CopyOptions, Descriptor, Guard, Job, OciError, Selector, Source as _, TagAs};
use crate::project::{Auth, Network};

const SOURCE: &str = "source.test";
const TARGET: &str = "target.test";

/// One tag that is copied.
pub struct Root {
    /// The same name at both ends.
    pub repository: String,
    root: Descriptor,
    /// Manifests that refer to something of it, with what they refer to.
    referrers: Vec<(Digest, Descriptor)>,
    /// Tags besides that are copied along (cosign's).
    tags: Vec<String>,
}

/// Two hosts, and what is copied.
pub struct World {
    pub fake: Fake,
    pub roots: Vec<Root>,
    uploads: UploadPolicy,
    at_once: usize,
    per_second: Option<u32>,
    blobs_at_once: usize,
}

impl World {
    /// By dice; small ones are frequent.
    pub fn new(dice: &mut Jitter) -> Self {
        let fake = Fake::default().host(SOURCE, host(dice)).host(TARGET, host(dice));
        let shape = dice.next_u64() % 10;
        let repositories: &[&str] = match shape {
            0..=5 | 8 | 9 => &["a"],
            6 => &["a", "b"],
            _ => &["a", "b", "c"],
        };
        let roots = repositories
            .iter()
            .map(|repository| fake.with(SOURCE, |host| plant(host, repository, shape, dice)))
            .collect();
        let chunked = dice.next_u64().is_multiple_of(2);
        Self {
            fake,
            roots,
            uploads: UploadPolicy {
                whole_up_to: if chunked { dice.next_u64() % 2000 } else { u64::MAX },
                chunk: 500 + dice.next_u64() % 2000,
            },
            at_once: [2, 3, 16][usize::try_from(dice.next_u64() % 3).unwrap()],
            per_second: dice.next_u64().is_multiple_of(8).then_some(20),
            blobs_at_once: 1 + usize::try_from(dice.next_u64() % 16).unwrap(),
        }
    }

    /// What a process has.
    pub fn registries(&self, seed: u64) -> Arc<Registries> {
        let options = RegistryOptions {
            uploads: self.uploads,
            requests_at_once: self.at_once,
            seed: Some(seed),
            ..options(LoginFiles::default())
        };
        let network = Network {
            requests_per_second: self.per_second,
            ..Network::default()
        };
        Registries::with_transport(Arc::new(self.fake.clone()), &network, options)
    }

    /// Locates, finds referrers and copies.
    pub async fn copy(&self, registries: &Arc<Registries>, root: &Root, job: &Job) -> Result<(), OciError> {
        let source = registries.source(SOURCE, Auth::Auto, job)?;
        let repository = &root.repository;
        let found = source.resolve(repository, &Selector::Tag("1".to_owned())).await?;
        let content = source.content(repository);
        let tags = TagsOfSource {
            source: &source,
            repository,
        };
        let referrers = if root.referrers.is_empty() && root.tags.is_empty() {
            Vec::new()
        } else {
            find_referrers(&content, Some(&tags), &found, &Selection::All, job).await?
        };
        let client = registries.client(TARGET, Auth::Auto)?;
        let target = RegistryTarget::new(Repository::writing(&client, repository)?);
        let options = CopyOptions {
            blobs_at_once: self.blobs_at_once,
            ..CopyOptions::default()
        };
        let tag = TagAs {
            tag: "1",
            guard: &Guard::Create,
        };
        let along = Along {
            referrers: &referrers,
            guards: &BTreeMap::new(),
        };
        copy_with_referrers(&content, &target, &found, Some(tag), along, options, job).await
    }

    /// All of it is at the target: the tag, what is below it, what refers to it, and the lists of that.
    pub fn check(&self, root: &Root) -> Result<(), String> {
        let name = &root.repository;
        let held = self.fake.verify(TARGET, name, "1")?;
        if held != root.root.digest {
            return Err(format!("the tag names {held}, not {}", root.root.digest));
        }
        for tag in &root.tags {
            self.fake
                .verify(TARGET, name, tag)
                .map_err(|why| format!("{tag}: {why}"))?;
        }
        for (subject, referrer) in &root.referrers {
            let listed = self.fake.with(TARGET, |host| referring::listed(host, name, subject));
            if !listed.contains(&referrer.digest) {
                return Err(format!("{} is not listed for {subject}", referrer.digest));
            }
        }
        self.check_tags(root)
    }

    /// Whatever tags the target has, all below them is there.
    pub fn check_tags(&self, root: &Root) -> Result<(), String> {
        let name = &root.repository;
        let tags: Vec<String> = self.fake.with(TARGET, |host| {
            let tags = host.held.tags.keys().filter(|(repository, _)| repository == name);
            tags.map(|(_, tag)| tag.clone()).collect()
        });
        for tag in tags {
            let held = self
                .fake
                .verify(TARGET, name, &tag)
                .map_err(|why| format!("tag {tag}: {why}"))?;
            if tag == "1" && held != root.root.digest {
                return Err(format!("tag 1 names {held}"));
            }
        }
        Ok(())
    }

    /// Nobody has a place at a host any more.
    pub fn check_permits(&self, registries: &Arc<Registries>) -> Result<(), String> {
        for host in [SOURCE, TARGET] {
            let client = registries.client(host, Auth::Auto).map_err(|error| error.to_string())?;
            if client.gate.busy() != 0 {
                return Err(format!("{} places at {host} were not given back", client.gate.busy()));
            }
        }
        Ok(())
    }
}

fn host(dice: &mut Jitter) -> FakeHost {
    let mut coin = || dice.next_u64().is_multiple_of(2);
    let login = if coin() {
        Login::Open
    } else {
        let life = if coin() { 5 } else { 300 };
        Login::Bearer {
            user: "u",
            password: "p",
            identity: "i",
            anonymous: true,
            life,
        }
    };
    let mut host = FakeHost {
        login,
        mounts: coin(),
        ranges: coin(),
        digests: coin(),
        redirect_blobs: coin(),
        upload_elsewhere: coin(),
        ..FakeHost::default()
    };
    host.lists.native = coin();
    host.lists.page = if coin() { 1 } else { 1000 };
    host.uploads.ranges = !dice.next_u64().is_multiple_of(4);
    host.uploads.min = dice.next_u64().is_multiple_of(4).then(|| dice.next_u64() % 3000);
    host.uploads.chunks = match dice.next_u64() % 8 {
        0..=2 => Chunks::Bytes,
        3 | 4 => Chunks::Whole,
        5 => Chunks::Fragile,
        6 => Chunks::Lies,
        _ => Chunks::None,
    };
    host
}

fn plant(host: &mut FakeHost, repository: &str, shape: u64, dice: &mut Jitter) -> Root {
    let count = match shape {
        0..=4 | 8 => 1,
        _ => 2,
    };
    let images: Vec<Descriptor> = (0..count)
        .map(|_| {
            let layers = 1 + dice.next_u64() % 3;
            image(host, repository, layers, None, dice)
        })
        .collect();
    let root = if shape <= 4 || shape == 8 {
        images[0].clone()
    } else {
        let list: Vec<String> = images.iter().map(json).collect();
        let text = format!(
            "{{\"schemaVersion\":2,\"mediaType\":\"{OCI_INDEX}\",\"manifests\":[{}]}}",
            list.join(", ")
        );
        put(host, repository, OCI_INDEX, text)
    };
    let mut planted = Root {
        repository: repository.to_owned(),
        root,
        referrers: Vec::new(),
        tags: Vec::new(),
    };
    if shape >= 8 {
        refer(host, &mut planted, &images, dice);
    }
    let key = (repository.to_owned(), "1".to_owned());
    host.held.tags.insert(key, planted.root.digest.clone());
    planted
}

/// An SBOM of the root with a signature of its own, a signature of an image below, now and then what cosign tags.
fn refer(host: &mut FakeHost, planted: &mut Root, images: &[Descriptor], dice: &mut Jitter) {
    let repository = planted.repository.clone();
    let mut add = |host: &mut FakeHost, subject: &Descriptor, dice: &mut Jitter| {
        let referrer = image(host, &repository, 1, Some(subject), dice);
        planted.referrers.push((subject.digest.clone(), referrer.clone()));
        referrer
    };
    let sbom = add(host, &planted.root, dice);
    if dice.next_u64().is_multiple_of(2) {
        add(host, &sbom, dice);
    }
    if dice.next_u64().is_multiple_of(2) {
        add(host, &planted.root, dice);
    }
    if let Some(image) = images.last() {
        add(host, image, dice);
    }
    if dice.next_u64().is_multiple_of(3) {
        let signature = image(host, &repository, 1, None, dice);
        let tag = format!("sha256-{}.sig", planted.root.digest.hex());
        host.held
            .tags
            .insert((repository.clone(), tag.clone()), signature.digest);
        planted.tags.push(tag);
    }
    if !host.lists.native {
        referring::write_lists(host, &repository);
    }
}

/// An image with layers from a small stock, so that they are shared.
fn image(
    host: &mut FakeHost,
    repository: &str,
    layers: u64,
    subject: Option<&Descriptor>,
    dice: &mut Jitter,
) -> Descriptor {
    let mut add = |seed: u64, length: usize| {
        let bytes = noise(seed, length);
        let descriptor = Descriptor::of("application/vnd.oci.image.layer.v1.tar", &bytes);
        let blobs = host.held.blobs.entry(repository.to_owned()).or_default();
        blobs.insert(descriptor.digest.clone(), bytes);
        json(&descriptor)
    };
    let config = add(dice.next_u64() % 3, 200);
    let layers: Vec<String> = (0..layers)
        .map(|_| {
            let seed = dice.next_u64() % 8;
            add(100 + seed, 500 + 800 * usize::try_from(seed).unwrap())
        })
        .collect();
    let subject = subject.map_or_else(String::new, |subject| {
        format!("\"artifactType\":\"test/sbom\",\"subject\":{},", json(subject))
    });
    let text = format!(
        "{{ \"schemaVersion\":2,{subject}\n\"config\":{config},\"layers\":[{}],\"x\":{} }}",
        layers.join(","),
        dice.next_u64() % 1000,
    );
    put(host, repository, OCI_MANIFEST, text)
}

fn json(descriptor: &Descriptor) -> String {
    serde_json::to_string(descriptor).unwrap()
}
