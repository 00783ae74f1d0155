//! Page blobs through the library, against the emulator: what the in-memory service assumes, a real one does.

use std::collections::BTreeMap;
use std::sync::Arc;

use aosm_build::blob::{
    BlobErrorKind, BlobKind, Condition, ContainerAccess, Containers, CopyStatus, Etag, FixedSas, PageBlob, SasUrl,
};
use aosm_build::event::Silent;
use aosm_build::oci::Job;
use aosm_build::project::Network;
use bytes::Bytes;
use tokio_util::sync::CancellationToken;

use crate::support::*;

/// A container in the shared emulator, and a runtime.
struct Run {
    azurite: &'static Azurite,
    container: String,
    runtime: tokio::runtime::Runtime,
    job: Job,
}

impl Run {
    fn new(name: &str) -> Self {
        let azurite = Azurite::shared();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        Self {
            azurite,
            container: azurite.container(name),
            runtime,
            job: Job::new("test", Arc::new(Silent), CancellationToken::new()),
        }
    }

    fn blob(&self, name: &str) -> PageBlob {
        self.blob_with(name, &Sas::default())
    }

    fn blob_with(&self, name: &str, sas: &Sas) -> PageBlob {
        let access = ContainerAccess::parse(&self.azurite.url(&self.container, sas), "the variable X").unwrap();
        let containers = Containers::new(&Network::default()).unwrap();
        containers.open(Arc::new(FixedSas(access))).blob(name)
    }

    fn url(&self, name: &str) -> String {
        let resource = format!("{}/{name}", self.container);
        self.azurite.url(&resource, &Sas::default())
    }
}

fn crc(bytes: &[u8]) -> u64 {
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

/// Bytes that are not zero and not alike.
fn noise(length: usize) -> Bytes {
    (0..length).map(|at| (at % 251 + 1) as u8).collect::<Vec<_>>().into()
}

#[test]
fn a_page_blob_is_created_written_read_and_deleted() {
    let run = Run::new("life");
    let (blob, job) = (run.blob("a.vhd"), &run.job);
    run.runtime.block_on(async {
        assert_eq!(blob.properties(job).await.unwrap(), None);
        let meta = metadata(&[("aosm_upload", "sha256:00")]);
        let created = blob.create(8 << 20, &meta, &Condition::absent(), job).await.unwrap();
        let held = blob.properties(job).await.unwrap().unwrap();
        assert_eq!(
            (held.kind, held.length, &held.metadata),
            (BlobKind::Page, 8 << 20, &meta)
        );
        assert_eq!(
            (&held.etag, held.md5, held.copy, held.leased),
            (&created, None, None, false)
        );

        let (first, second) = (noise(4 << 20), noise(512));
        blob.put_pages(4 << 20, first.clone(), crc(&first), &Condition::none(), job)
            .await
            .unwrap();
        blob.put_pages(0, second.clone(), crc(&second), &Condition::none(), job)
            .await
            .unwrap();
        assert_eq!(job.filled().bytes_moved, (4 << 20) + 512);
        let ranges = blob.page_ranges(None, &Condition::none(), job).await.unwrap();
        assert_eq!(ranges, [0..512, 4 << 20..8 << 20]);
        assert_eq!(
            blob.page_ranges(Some(256 << 10..(4 << 20) + 1024), &Condition::none(), job)
                .await
                .unwrap(),
            [4 << 20..(4 << 20) + 1024]
        );
        assert_eq!(
            blob.read(0..1024, &Condition::none(), job).await.unwrap()[..512],
            second[..]
        );
        assert_eq!(
            blob.read(4 << 20..8 << 20, &Condition::none(), job).await.unwrap(),
            first
        );

        blob.clear_pages(4 << 20..8 << 20, &Condition::none(), job)
            .await
            .unwrap();
        assert_eq!(blob.page_ranges(None, &Condition::none(), job).await.unwrap(), [0..512]);
        blob.delete(&Condition::none(), job).await.unwrap();
        assert_eq!(blob.properties(job).await.unwrap(), None);
        assert_eq!(
            blob.delete(&Condition::none(), job).await.unwrap_err().kind,
            BlobErrorKind::Absent
        );
    });
}
