//! Page blobs in memory, under virtual time: faults, traces of lost answers, signatures.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::pedantic,
    clippy::single_range_in_vec_init,
    reason = "tests may fail loudly"
)]

pub(crate) mod fake;
mod faults;
mod refusals;
#[allow(dead_code, reason = "a toolbox: not every tool is in use at every moment")]
pub(crate) mod service;
mod signatures;

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use tokio_util::sync::CancellationToken;

pub(crate) use self::fake::Fake;
use super::{Container, ContainerAccess, ContainerOptions, Containers, FixedSas, PageBlob};
use crate::event::Silent;
use crate::oci::Job;
use crate::project::Network;

/// The container's URL, with a signature that ends in the year 2100.
pub(crate) const URL: &str =
    "https://disks.blob.core.windows.net/c?sv=2024-11-04&sr=c&sp=rcwd&se=2100-01-01&sig=s3cret%2Fs3cret%3D";
/// The signature in it, decoded.
pub(crate) const SIGNATURE: &str = "s3cret/s3cret=";

pub(crate) fn job() -> Job {
    Job::new("test", Arc::new(Silent), CancellationToken::new())
}

/// Containers over a service in memory.
pub(crate) fn containers(fake: &Fake) -> Containers {
    let options = ContainerOptions {
        seed: Some(1),
        ..ContainerOptions::default()
    };
    Containers::with_transport(Arc::new(fake.clone()), &Network::default(), options)
}

/// The container `c` of a service in memory, opened by this URL.
pub(crate) fn container(fake: &Fake, url: &str) -> Container {
    containers(fake).open(Arc::new(FixedSas(
        ContainerAccess::parse(url, "the variable X").unwrap(),
    )))
}

/// A service in memory with the container `c`, and its blob `a.vhd`.
pub(crate) fn blob() -> (Fake, PageBlob) {
    let fake = Fake::with_containers(&["c"]);
    let blob = container(&fake, URL).blob("a.vhd");
    (fake, blob)
}

/// Bytes that are not zero and not alike.
pub(crate) fn noise(seed: u64, length: usize) -> Bytes {
    let mut state = seed;
    let mut next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8 | 1
    };
    (0..length).map(|_| next()).collect::<Vec<_>>().into()
}

pub(crate) fn crc64(bytes: &[u8]) -> u64 {
    let mut digest = crc64fast_nvme::Digest::new();
    digest.write(bytes);
    digest.sum64()
}

fn metadata(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs
        .iter()
        .map(|(name, value)| ((*name).into(), (*value).into()))
        .collect()
}
