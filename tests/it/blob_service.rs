//! Page blobs through the library, against the emulator: what the in-memory service assumes, a real one does.

#![allow(clippy::single_range_in_vec_init, reason = "lists of one range")]

use std::collections::BTreeMap;
use std::sync::Arc;

use aosm_build::blob::{
    BlobError, BlobErrorKind, BlobKind, Condition, Container, ContainerAccess, Containers, CopyStatus, EmulatorSas,
    Etag, FixedSas, PageBlob, SasUrl,
};
use aosm_build::event::Silent;
use aosm_build::oci::Job;
use aosm_build::project::Network;
use bytes::Bytes;
use tokio_util::sync::CancellationToken;

use crate::support::*;

const ID: &str = "11111111-1111-4111-8111-111111111111";
const OTHER: &str = "22222222-2222-4222-8222-222222222222";
const MIB: u64 = 1 << 20;

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
        self.open(&self.azurite.url(&self.container, sas)).blob(name)
    }

    fn open(&self, url: &str) -> Container {
        open(&Containers::new(&Network::default()).unwrap(), url)
    }

    fn url(&self, name: &str) -> String {
        let resource = format!("{}/{name}", self.container);
        self.azurite.url(&resource, &Sas::default())
    }
}

fn open(containers: &Containers, url: &str) -> Container {
    containers.open(Arc::new(FixedSas(
        ContainerAccess::parse(url, "the variable X").unwrap(),
    )))
}

fn kind<T>(result: Result<T, BlobError>) -> BlobErrorKind {
    result.map(|_| ()).expect_err("a refusal").kind
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

#[test]
fn leases_and_conditions_keep_others_out() {
    let run = Run::new("lease");
    let (blob, job) = (run.blob("a.vhd"), &run.job);
    run.runtime.block_on(async {
        let none = Condition::none();
        let etag = blob.create(MIB, &metadata(&[]), &none, job).await.unwrap();
        assert_eq!(
            kind(blob.create(MIB, &metadata(&[]), &Condition::absent(), job).await),
            BlobErrorKind::Changed
        );
        let lease = blob.acquire_lease(ID, job).await.unwrap();
        assert_eq!(lease.id, ID);
        assert!(blob.properties(job).await.unwrap().unwrap().leased);
        assert_eq!(blob.acquire_lease(ID, job).await.unwrap(), lease, "once more is fine");
        assert_eq!(kind(blob.acquire_lease(OTHER, job).await), BlobErrorKind::Leased);
        let page = noise(512);
        let put = async |condition: &Condition| blob.put_pages(0, page.clone(), crc(&page), condition, job).await;
        assert_eq!(kind(put(&none).await), BlobErrorKind::Leased);
        let wrong = Condition {
            lease: Some(OTHER.into()),
            ..Condition::none()
        };
        assert_eq!(kind(put(&wrong).await), BlobErrorKind::Leased);
        put(&Condition::leased(&lease)).await.unwrap();
        assert_eq!(
            kind(
                put(&Condition {
                    if_match: Some(etag),
                    ..Condition::leased(&lease)
                })
                .await
            ),
            BlobErrorKind::Changed
        );
        blob.renew_lease(&lease, job).await.unwrap();
        assert_eq!(kind(blob.delete(&none, job).await), BlobErrorKind::Leased);
        blob.release_lease(&lease, job).await.unwrap();
        assert_eq!(kind(blob.renew_lease(&lease, job).await), BlobErrorKind::Leased);
        assert_eq!(kind(put(&Condition::leased(&lease)).await), BlobErrorKind::Leased);
        blob.delete(&none, job).await.unwrap();
    });
}

#[test]
fn a_damaged_write_is_refused_and_so_are_other_types() {
    let run = Run::new("types");
    let (blob, job) = (run.blob("a.vhd"), &run.job);
    run.azurite.put_block_blob(&run.container, "block", b"no pages here");
    run.runtime.block_on(async {
        let (none, page) = (Condition::none(), noise(512));
        blob.create(MIB, &metadata(&[]), &none, job).await.unwrap();
        assert_eq!(
            kind(blob.put_pages(0, page.clone(), crc(&page) ^ 1, &none, job).await),
            BlobErrorKind::Corrupt
        );
        assert_eq!(blob.page_ranges(None, &none, job).await.unwrap(), []);
        assert_eq!(
            kind(blob.put_pages(MIB, page.clone(), crc(&page), &none, job).await),
            BlobErrorKind::Refused
        );
        assert_eq!(
            kind(blob.read(512..MIB + 512, &none, job).await),
            BlobErrorKind::Corrupt
        );

        let block = run.blob("block");
        let held = block.properties(job).await.unwrap().unwrap();
        assert_eq!((held.kind, held.length), (BlobKind::Other("BlockBlob".into()), 13));
        assert_eq!(
            kind(block.put_pages(0, page.clone(), crc(&page), &none, job).await),
            BlobErrorKind::OtherType
        );
    });
}

#[test]
fn metadata_is_replaced_and_the_md5_leaves_other_properties_alone() {
    let run = Run::new("meta");
    let (blob, job) = (run.blob("a.vhd"), &run.job);
    run.runtime.block_on(async {
        let etag = blob
            .create(
                512,
                &metadata(&[("aosm_upload", "x"), ("mine", "y")]),
                &Condition::none(),
                job,
            )
            .await
            .unwrap();
        let resource = format!("{}/a.vhd?comp=properties", run.container);
        let own = [
            ("x-ms-blob-content-type", "application/x-vhd"),
            ("x-ms-blob-cache-control", "no-store"),
        ];
        assert_eq!(run.azurite.request("PUT", &resource, &own, b"").status, 200);
        assert_eq!(
            kind(blob.set_metadata(&metadata(&[]), &Condition::matches(&etag), job).await),
            BlobErrorKind::Changed
        );
        let wanted = metadata(&[("aosm_digest", "sha256:00"), ("mine", "y")]);
        blob.set_metadata(&wanted, &Condition::none(), job).await.unwrap();
        let etag = blob.set_md5([1; 16], &Condition::none(), job).await.unwrap();
        let held = blob.properties(job).await.unwrap().unwrap();
        assert_eq!((held.metadata, held.etag), (wanted, etag));
        assert_eq!(held.md5.as_deref(), Some("AQEBAQEBAQEBAQEBAQEBAQ=="));
    });
    let headers = run.azurite.head(&run.container, "a.vhd").unwrap();
    assert_eq!(headers.get("Content-Type"), Some("application/x-vhd"));
    assert_eq!(headers.get("Cache-Control"), Some("no-store"));
}

#[test]
fn the_service_copies_and_its_source_is_shown_without_signature() {
    let run = Run::new("copies");
    let (source, target, job) = (run.blob("source.vhd"), run.blob("target.vhd"), &run.job);
    run.runtime.block_on(async {
        let (none, page) = (Condition::none(), noise(4096));
        source.create(MIB, &metadata(&[]), &none, job).await.unwrap();
        source
            .put_pages(8192, page.clone(), crc(&page), &none, job)
            .await
            .unwrap();
        let url = SasUrl::parse(&run.url("source.vhd"), "the variable SOURCE").unwrap();
        let copy = target
            .start_copy(
                &url,
                None,
                &metadata(&[("aosm_digest", "x")]),
                &Condition::absent(),
                job,
            )
            .await
            .unwrap();
        assert_eq!(copy.status, CopyStatus::Success, "the emulator copies at once");
        let held = target.properties(job).await.unwrap().unwrap();
        assert_eq!((held.length, held.metadata), (MIB, metadata(&[("aosm_digest", "x")])));
        let told = held.copy.unwrap();
        assert_eq!((told.id, told.status), (copy.id.clone(), CopyStatus::Success));
        assert_eq!(told.source.as_deref(), Some(url.place.as_str()));
        assert_eq!(target.page_ranges(None, &none, job).await.unwrap(), [8192..12288]);
        assert_eq!(kind(target.abort_copy(&copy.id, job).await), BlobErrorKind::Changed);
        let absent = SasUrl::parse(&run.url("absent.vhd"), "x").unwrap();
        let error = target
            .start_copy(&absent, None, &metadata(&[]), &none, job)
            .await
            .unwrap_err();
        assert_eq!(error.kind, BlobErrorKind::Source, "{error}");
    });
}

#[test]
fn refusals_say_what_is_wrong_with_the_signature() {
    let run = Run::new("denied");
    let job = &run.job;
    let page = noise(512);
    run.runtime.block_on(async {
        let none = Condition::none();
        run.blob("a.vhd").create(512, &metadata(&[]), &none, job).await.unwrap();
        let look = async |sas: Sas| run.blob_with("a.vhd", &sas).properties(job).await.unwrap_err();
        let write = async |sas: Sas| {
            run.blob_with("a.vhd", &sas)
                .put_pages(0, page.clone(), crc(&page), &none, job)
                .await
                .unwrap_err()
        };
        for (error, words) in [
            (
                look(Sas::rights("cw")).await,
                "the right r (read) is needed and the signature grants only c, w",
            ),
            (
                write(Sas::rights("rc")).await,
                "the right w (write) is needed and the signature grants only r, c",
            ),
            (look(Sas::expired()).await, "the signature expired at"),
            (look(Sas::default().from(3600)).await, "the signature is good from"),
        ] {
            assert_eq!(error.kind, BlobErrorKind::Denied);
            assert!(error.detail.contains(words) && error.hint.is_some(), "{error}");
        }
        // For another container, and cut off.
        let other = run.azurite.container("other");
        let query = Sas::default().query(&other);
        let good = run.azurite.url(&run.container, &Sas::default());
        for url in [
            format!("{}?{query}", run.azurite.place(&run.container)),
            good[..good.len() - 6].to_owned(),
        ] {
            let error = run.open(&url).blob("a.vhd").properties(job).await.unwrap_err();
            assert_eq!(error.kind, BlobErrorKind::Denied);
            assert!(error.detail.contains("the signature is refused"), "{error}");
            assert!(
                error.hint.as_ref().unwrap().contains("for another container"),
                "{error:?}"
            );
        }
        // With the right to create alone: what is there cannot be replaced.
        let creates = Sas::rights("c");
        run.blob_with("b.vhd", &creates)
            .create(512, &metadata(&[]), &none, job)
            .await
            .unwrap();
        let error = run
            .blob_with("b.vhd", &creates)
            .create(512, &metadata(&[]), &none, job)
            .await
            .unwrap_err();
        assert_eq!(error.kind, BlobErrorKind::Denied, "{error}");
        assert!(error.detail.contains("to replace what is there"), "{error}");
    });
}

#[test]
fn a_container_that_is_not_there_is_named() {
    let run = Run::new("gone");
    let blob = run.blob("a.vhd");
    run.azurite.delete_container(&run.container);
    let error = run
        .runtime
        .block_on(blob.create(512, &metadata(&[]), &Condition::none(), &run.job))
        .unwrap_err();
    assert_eq!(error.kind, BlobErrorKind::NoContainer);
    assert!(
        error.to_string().contains(&run.container) && error.hint.is_some(),
        "{error}"
    );
    // A HEAD has no body: the code is in a header.
    assert_eq!(
        kind(run.runtime.block_on(blob.properties(&run.job))),
        BlobErrorKind::NoContainer
    );
}

#[test]
fn an_emulators_container_is_made_when_it_is_not_there() {
    let run = Run::new("emulator");
    let containers = Containers::new(&Network::default()).unwrap();
    let name = format!("{}-made", run.container);
    run.runtime.block_on(async {
        for _ in 0..2 {
            let source = EmulatorSas::new(&containers, &run.azurite.endpoint(), &name).unwrap();
            let blob = containers.open(Arc::new(source)).blob("a.vhd");
            blob.create(512, &metadata(&[]), &Condition::none(), &run.job)
                .await
                .unwrap();
            assert_eq!(blob.properties(&run.job).await.unwrap().unwrap().length, 512);
        }
    });
    for (endpoint, words) in [
        ("http://disks.blob.core.windows.net", "is not on this machine"),
        ("http://127.0.0.1:10000/other", "has a path"),
        ("127.0.0.1:10000", "is no"),
        ("file:///tmp", "is not the URL"),
    ] {
        let error = EmulatorSas::new(&containers, endpoint, "c").err().unwrap();
        assert!(error.detail.contains(words), "{endpoint}: {error}");
    }
}

#[test]
fn the_python_sdk_reads_what_we_write_and_the_other_way_round() {
    if !python_sdk::available() {
        return;
    }
    let run = Run::new("python");
    let (blob, job) = (run.blob("ours.vhd"), &run.job);
    let mut content = vec![0; 3 << 20];
    let runs = [
        (0, noise(64 << 10)),
        (MIB, noise(1 << 20)),
        ((3 << 20) - 512, noise(512)),
    ];
    run.runtime.block_on(async {
        let lease_free = Condition::none();
        blob.create(3 << 20, &metadata(&[("aosm_digest", "sha256:00")]), &lease_free, job)
            .await
            .unwrap();
        for (offset, bytes) in &runs {
            content[*offset as usize..][..bytes.len()].copy_from_slice(bytes);
            blob.put_pages(*offset, bytes.clone(), crc(bytes), &lease_free, job)
                .await
                .unwrap();
        }
        blob.set_md5([1; 16], &lease_free, job).await.unwrap();
    });
    assert_eq!(
        format!("sha256:{}", python_sdk::sha256(&run.url("ours.vhd"))),
        sha256(&content)
    );
    let told = python_sdk::properties(&run.url("ours.vhd"));
    assert_eq!(told["type"], "PageBlob");
    assert_eq!(
        (told["size"].as_u64(), &told["metadata"]["aosm_digest"]),
        (Some(3 << 20), &"sha256:00".into())
    );
    assert_eq!(told["md5"], "01".repeat(16));
    assert_eq!(
        told["ranges"],
        serde_json::json!([[0, 65536], [MIB, 2 * MIB], [(3 << 20) - 512, 3 << 20]])
    );

    let file = temp_dir();
    let path = file.path().join("theirs.vhd");
    std::fs::write(&path, &content).unwrap();
    python_sdk::upload(&run.url("theirs.vhd"), &path);
    let theirs = run.blob("theirs.vhd");
    run.runtime.block_on(async {
        let held = theirs.properties(job).await.unwrap().unwrap();
        assert_eq!((held.kind, held.length), (BlobKind::Page, 3 << 20));
        let none = Condition::matches(&held.etag);
        let mut read = vec![0; 3 << 20];
        for range in theirs.page_ranges(None, &none, job).await.unwrap() {
            let bytes = theirs.read(range.clone(), &none, job).await.unwrap();
            read[range.start as usize..range.end as usize].copy_from_slice(&bytes);
        }
        assert_eq!(sha256(&read), sha256(&content));
    });
}

#[test]
fn many_writes_at_a_time_arrive_all() {
    let run = Run::new("many");
    let (blob, job) = (run.blob("a.vhd"), &run.job);
    run.runtime.block_on(async {
        blob.create(16 * MIB, &metadata(&[]), &Condition::absent(), job)
            .await
            .unwrap();
        let bytes = noise(256 << 10);
        let sum = crc(&bytes);
        let none = Condition::none();
        let writes = (0..64_u64).map(|at| blob.put_pages(at * (256 << 10), bytes.clone(), sum, &none, job));
        let tags: Vec<Etag> = futures_util::future::try_join_all(writes).await.unwrap();
        assert_eq!(tags.len(), 64);
        assert_eq!(blob.page_ranges(None, &none, job).await.unwrap(), [0..16 * MIB]);
    });
}
