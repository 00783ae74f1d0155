//! Page blobs through the library, over sockets to a server that does what the emulator cannot: faults, slow links, pages of page
//! ranges, copies that take time.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use aosm_build::blob::{
    Condition, ContainerAccess, ContainerOptions, Containers, CopyStatus, FixedSas, PageBlob, SasUrl,
};
use aosm_build::event::Silent;
use aosm_build::oci::Job;
use aosm_build::project::Network;
use bytes::Bytes;
use tokio_util::sync::CancellationToken;

use crate::support::blob_server::{BlobServer, CopyPlan, Fault, Rule};

const MIB: u64 = 1 << 20;

/// A server, and a blob on it.
struct Run {
    server: BlobServer,
    blob: PageBlob,
    runtime: tokio::runtime::Runtime,
    job: Job,
}

impl Run {
    /// Reached with little patience: `idle` while anything is to be sent, `idle_upload` after that.
    fn new(idle: Duration, idle_upload: Duration) -> Self {
        let mut options = ContainerOptions {
            seed: Some(1),
            ..ContainerOptions::default()
        };
        options.retry.idle = idle;
        options.retry.idle_upload = idle_upload;
        options.retry.backoff.base = Duration::from_millis(10);
        Self::with(&Network::default(), options)
    }

    fn with(network: &Network, options: ContainerOptions) -> Self {
        let server = BlobServer::start(&["c"]);
        let access = ContainerAccess::parse(&server.url("c"), "the variable X").unwrap();
        let containers = Containers::with_options(network, options);
        Self {
            blob: containers.open(Arc::new(FixedSas(access))).blob("a.vhd"),
            server,
            runtime: tokio::runtime::Builder::new_multi_thread()
                .worker_threads(2)
                .enable_all()
                .build()
                .unwrap(),
            job: Job::new("test", Arc::new(Silent), CancellationToken::new()),
        }
    }
}

fn crc(bytes: &[u8]) -> u64 {
    let mut digest = crc64fast_nvme::Digest::new();
    digest.write(bytes);
    digest.sum64()
}

fn none() -> BTreeMap<String, String> {
    BTreeMap::new()
}

/// Bytes that are not zero and not alike.
fn noise(length: usize) -> Bytes {
    (0..length).map(|at| (at % 251 + 1) as u8).collect::<Vec<_>>().into()
}

#[test]
fn faults_over_sockets_are_survived_and_the_content_is_right() {
    let run = Run::new(Duration::from_secs(1), Duration::from_secs(1));
    let (server, blob) = (&run.server, &run.blob);
    let (job, any) = (&run.job, Condition::none());
    run.runtime.block_on(async {
        blob.create(8 * MIB, &none(), &Condition::absent(), job).await.unwrap();
        let bytes = noise(4 << 20);
        for fault in [
            Fault::busy(Some(0)),
            Fault::ResetBefore,
            Fault::ResetAfter,
            Fault::HangBefore,
            Fault::HangAfter,
            Fault::Cut(0),
        ] {
            server
                .service()
                .blobs
                .get_mut("/c/a.vhd")
                .unwrap()
                .content
                .clear(0, 8 * MIB);
            server.service().rules.push(Rule::next("PUT page", fault.clone()));
            blob.put_pages(MIB, bytes.clone(), crc(&bytes), &any, job)
                .await
                .unwrap_or_else(|e| panic!("{fault:?}: {e}"));
            assert_eq!(
                server.service().blobs["/c/a.vhd"].content.read(MIB, 5 * MIB),
                bytes,
                "{fault:?}"
            );
            assert!(server.service().rules.is_empty());
        }
        for fault in [
            Fault::Cut(1 << 20),
            Fault::Cut(0),
            Fault::ResetBefore,
            Fault::HangAfter,
            Fault::busy(None),
        ] {
            server.service().rules.push(Rule::next("GET", fault.clone()));
            assert_eq!(blob.read(MIB..5 * MIB, &any, job).await.unwrap(), bytes, "{fault:?}");
        }
        server.service().ranges_per_page = Some(1);
        blob.clear_pages(2 * MIB..3 * MIB, &any, job).await.unwrap();
        assert_eq!(
            blob.page_ranges(None, &any, job).await.unwrap(),
            [MIB..2 * MIB, 3 * MIB..5 * MIB]
        );
    });
    assert_eq!(server.count("GET pagelist"), 2);
}

#[test]
fn a_slow_link_is_not_taken_for_a_dead_one() {
    // 4 MiB at 1 MiB a second take eight times as long as silence may last before everything is sent.
    let run = Run::new(Duration::from_millis(500), Duration::from_secs(60));
    let (server, blob) = (&run.server, &run.blob);
    run.runtime.block_on(async {
        blob.create(4 * MIB, &none(), &Condition::absent(), &run.job)
            .await
            .unwrap();
        server.slow(MIB);
        let bytes = noise(4 << 20);
        blob.put_pages(0, bytes.clone(), crc(&bytes), &Condition::none(), &run.job)
            .await
            .unwrap();
    });
    assert_eq!(server.count("PUT page"), 1);
}

#[test]
fn copies_that_take_time_fail_or_are_stopped_over_sockets() {
    let run = Run::new(Duration::from_secs(5), Duration::from_secs(5));
    let (server, blob) = (&run.server, &run.blob);
    let job = &run.job;
    server.service().plant("/c/source.vhd", MIB, &[(0, noise(512))]);
    let source = SasUrl::parse(&server.url("c/source.vhd"), "x").unwrap();
    run.runtime.block_on(async {
        server.service().copies = CopyPlan::After(1);
        blob.start_copy(&source, None, &none(), &Condition::absent(), job)
            .await
            .unwrap();
        let mut seen = Vec::new();
        for _ in 0..3 {
            seen.push(blob.properties(job).await.unwrap().unwrap().copy.unwrap().status);
        }
        assert_eq!(seen, [CopyStatus::Pending, CopyStatus::Pending, CopyStatus::Success]);
        server.service().copies = CopyPlan::Never;
        let copy = blob
            .start_copy(&source, None, &none(), &Condition::none(), job)
            .await
            .unwrap();
        blob.abort_copy(&copy.id, job).await.unwrap();
        assert_eq!(blob.properties(job).await.unwrap().unwrap().length, 0);
    });
}

#[test]
fn requests_a_second_are_kept_to() {
    let network = Network {
        requests_per_second: Some(20),
        ..Network::default()
    };
    let run = Run::with(&network, ContainerOptions::default());
    let start = std::time::Instant::now();
    run.runtime.block_on(async {
        for _ in 0..11 {
            run.blob.properties(&run.job).await.unwrap();
        }
    });
    // No request may come early, so this holds on a slow machine as well.
    assert!(start.elapsed() >= Duration::from_millis(490));
    assert_eq!(run.job.filled().requests, 11);
}
