//! Registries in memory, under virtual time: logins, faults, copies.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::pedantic,
    reason = "tests may fail loudly"
)]

mod asking;
mod chunks;
mod copying;
mod entra;
mod fake;
mod hostile;
mod listing;
mod lists;
mod login;
mod outside;
mod races;
mod referrers;
mod reply;
mod retrying;
mod sweep;
mod uploads;

use std::sync::Arc;

use bytes::Bytes;
use camino::Utf8PathBuf;
use tokio_util::sync::CancellationToken;

use self::fake::Fake;
use super::pool::{Registries, RegistryOptions};
use crate::credentials::LoginFiles;
use crate::digest::Digest;
use crate::event::Silent;
use crate::oci::backoff::Jitter;
use crate::oci::manifest::{OCI_INDEX, OCI_MANIFEST};
use crate::oci::{CopyOptions, Descriptor, Filled, Guard, Job, OciError, Source as _};
use crate::project::{Auth, Network};
use crate::store::{ArtifactName, ArtifactStore as _, RegistryStore};

fn job() -> Job {
    Job::new("test", Arc::new(Silent), CancellationToken::new())
}

fn options(logins: LoginFiles) -> RegistryOptions {
    RegistryOptions {
        seed: Some(1),
        logins,
        ..RegistryOptions::default()
    }
}

fn registries(fake: &Fake) -> Arc<Registries> {
    Registries::with_transport(
        Arc::new(fake.clone()),
        &Network::default(),
        options(LoginFiles::default()),
    )
}

/// Registries with a login file that holds this JSON.
fn registries_with(fake: &Fake, config: &str) -> (Arc<Registries>, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let path = Utf8PathBuf::from_path_buf(folder.path().join("config.json")).unwrap();
    std::fs::write(&path, config).unwrap();
    let options = options(LoginFiles::new([path]));
    (
        Registries::with_transport(Arc::new(fake.clone()), &Network::default(), options),
        folder,
    )
}

fn name(repository: &str, tag: &str) -> ArtifactName {
    ArtifactName {
        repository: repository.to_owned(),
        tag: tag.to_owned(),
    }
}

fn store(registries: &Registries, host: &str) -> RegistryStore {
    RegistryStore::new(registries, "store", host, "", Auth::Auto, CopyOptions::default()).unwrap()
}

fn noise(seed: u64, length: usize) -> Bytes {
    let mut jitter = Jitter::new(seed);
    let mut bytes: Vec<u8> = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        bytes.extend_from_slice(&jitter.next_u64().to_le_bytes());
    }
    bytes.truncate(length);
    bytes.into()
}

/// An index of images in a fake host: `images` of them with `layers` each, sizes by seed; some layers shared.
fn plant(fake: &Fake, host: &str, repository: &str, tag: &str, images: u64, layers: u64, seed: u64) -> Descriptor {
    fake.with(host, |host| {
        let mut children = Vec::new();
        for image in 0..images {
            let mut add = |seed: u64, length: usize| {
                let bytes = noise(seed, length);
                let descriptor = Descriptor::of("application/vnd.oci.image.layer.v1.tar", &bytes);
                host.held
                    .blobs
                    .entry(repository.to_owned())
                    .or_default()
                    .insert(descriptor.digest.clone(), bytes);
                serde_json::to_string(&descriptor).unwrap()
            };
            let config = add(seed * 1000 + image, 300);
            let layers: Vec<String> = (0..layers)
                // Even layers are shared by all images of a seed.
                .map(|layer| {
                    add(
                        seed * 1000 + 100 + layer + (layer % 2) * image * 50,
                        2500 + 700 * usize::try_from(layer).unwrap(),
                    )
                })
                .collect();
            let text = format!(
                "{{ \"schemaVersion\":2,\n\"config\":{config},\"layers\":[{}],\"x\":{image} }}",
                layers.join(",")
            );
            children.push(put(host, repository, OCI_MANIFEST, text));
        }
        let list: Vec<String> = children.iter().map(|c| serde_json::to_string(c).unwrap()).collect();
        let text = format!(
            "{{\"schemaVersion\":2,\"mediaType\":\"{OCI_INDEX}\",\"manifests\":[{}]}}",
            list.join(", ")
        );
        let root = put(host, repository, OCI_INDEX, text);
        host.held
            .tags
            .insert((repository.to_owned(), tag.to_owned()), root.digest.clone());
        root
    })
}

fn put(host: &mut fake::FakeHost, repository: &str, media_type: &str, text: String) -> Descriptor {
    let descriptor = Descriptor::of(media_type, text.as_bytes());
    let held = (media_type.to_owned(), Bytes::from(text));
    host.held
        .manifests
        .entry(repository.to_owned())
        .or_default()
        .insert(descriptor.digest.clone(), held);
    descriptor
}

/// Copies a tag from one fake host to another as the program does: locate, then fill.
async fn copy(
    registries: &Registries,
    from: (&str, &str),
    to: (&str, &str),
    tag: &str,
) -> Result<(Filled, Digest), OciError> {
    let job = job();
    let source = registries.source(from.0, Auth::Auto, &job)?;
    let root = source
        .resolve(from.1, &crate::oci::Selector::Tag(tag.to_owned()))
        .await?;
    let filled = store(registries, to.0)
        .fill(&name(to.1, tag), &root, source.content(from.1), &Guard::Create, &job)
        .await?;
    Ok((filled, root.digest))
}
