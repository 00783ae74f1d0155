//! What registries list, delete and tell of themselves, through the library, against real ones of every kind.

use std::sync::Arc;

use aosm_build::credentials::LoginFiles;
use aosm_build::digest::Digest;
use aosm_build::event::Silent;
use aosm_build::oci::registry::{Caller, Registries, RegistryOptions, RegistryPlace, repositories};
use aosm_build::oci::{Descriptor, ErrorKind, Guard, Job, OciError, Place, Selector};
use aosm_build::project::{Auth, Network, Spanned};
use camino::Utf8PathBuf;
use tokio_util::sync::CancellationToken;

use crate::support::registry::{PASSWORD, READER, READER_PASSWORD, USER};
use crate::support::*;

pub fn job() -> Job {
    Job::new("test", Arc::new(Silent), CancellationToken::new())
}

/// Logged in to registries, as one program.
pub struct Program {
    pub registries: Arc<Registries>,
    pub runtime: tokio::runtime::Runtime,
    _folder: tempfile::TempDir,
}

impl Program {
    pub fn user(hosts: &[&str], authorities: &[&Registry]) -> Self {
        Self::new(hosts, authorities, USER, PASSWORD)
    }

    pub fn new(hosts: &[&str], authorities: &[&Registry], user: &str, password: &str) -> Self {
        let folder = temp_dir();
        let path = |name: &str| Utf8PathBuf::from_path_buf(folder.path().join(name)).expect("UTF-8");
        let auths: serde_json::Map<String, serde_json::Value> = hosts
            .iter()
            .map(|host| {
                let login = serde_json::json!({ "username": user, "password": password });
                ((*host).to_owned(), login)
            })
            .collect();
        std::fs::write(path("config.json"), serde_json::json!({ "auths": auths }).to_string()).unwrap();
        let mut network = Network::default();
        let pems: Vec<u8> = authorities
            .iter()
            .filter_map(|registry| registry.ca_file())
            .flat_map(|file| std::fs::read(file).unwrap())
            .collect();
        if !pems.is_empty() {
            std::fs::write(path("ca.pem"), pems).unwrap();
            network.ca_file = Some(Spanned::default_value(path("ca.pem")));
        }
        let options = RegistryOptions {
            logins: LoginFiles::new([path("config.json")]),
            ..RegistryOptions::default()
        };
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        Self {
            registries: Registries::new(&network, options),
            runtime,
            _folder: folder,
        }
    }

    pub fn of(registry: &Registry) -> Self {
        Self::user(&[&registry.host()], &[registry])
    }

    pub fn place(&self, host: &str, repository: &str) -> RegistryPlace {
        RegistryPlace::new(self.registries.client(host, Auth::Auto).unwrap(), repository).unwrap()
    }

    pub fn tags(&self, place: &RegistryPlace) -> Result<Vec<String>, OciError> {
        self.runtime.block_on(place.tags(&job()))
    }

    pub fn resolve(&self, place: &RegistryPlace, tag: &str) -> Result<Descriptor, OciError> {
        let selector = Selector::Tag(tag.to_owned());
        self.runtime.block_on(place.resolve(&selector, &job()))
    }

    pub fn delete(&self, place: &RegistryPlace, digest: &str) -> Result<(), OciError> {
        let digest: Digest = digest.parse().unwrap();
        self.runtime.block_on(place.delete_manifest(&digest, &job()))
    }
}

#[test]
fn tags_of_every_kind_of_registry_are_listed_and_a_deleted_manifest_takes_its_tags_along() {
    for kind in Kind::all() {
        let registry = Registry::shared(kind);
        let repository = registry.unique("endpoints") + "/app";
        let (first, second) = (ImageSpec::new(700).build(), ImageSpec::new(701).build());
        for tag in ["b", "a", "1.0.0"] {
            registry.push(&first, &repository, tag);
        }
        registry.push(&second, &repository, "other");
        let program = Program::of(registry);
        let place = program.place(&registry.host(), &repository);
        assert_eq!(program.tags(&place).unwrap(), ["1.0.0", "a", "b", "other"], "{kind:?}");
        program
            .delete(&place, first.digest())
            .unwrap_or_else(|error| panic!("{kind:?}: {error}"));
        assert_eq!(program.tags(&place).unwrap(), ["other"], "{kind:?}");
        assert_eq!(
            program.delete(&place, first.digest()).unwrap_err().kind,
            ErrorKind::Absent,
            "{kind:?}"
        );
        let nowhere = program.place(&registry.host(), &(registry.unique("nowhere") + "/app"));
        let absent = program.tags(&nowhere);
        assert!(
            matches!(&absent, Err(error) if error.kind == ErrorKind::Absent),
            "{kind:?}: {absent:?}"
        );
    }
}

#[test]
fn many_tags_come_in_pages_and_none_is_missing() {
    let registry = Registry::shared(Kind::Plain);
    let repository = registry.unique("many") + "/app";
    let image = ImageSpec::new(710).build();
    registry.push(&image, &repository, "t-0000");
    for n in 1..250 {
        registry
            .client()
            .push_manifest(&repository, &format!("t-{n:04}"), image.root());
    }
    let program = Program::of(registry);
    let tags = program.tags(&program.place(&registry.host(), &repository)).unwrap();
    assert_eq!(tags.len(), 250);
    assert!(tags.is_sorted());
}

#[test]
fn repositories_are_listed_by_every_kind_of_registry() {
    for kind in [Kind::Plain, Kind::Basic, Kind::Token, Kind::Old, Kind::OldToken]
        .into_iter()
        .filter(|kind| kind.available())
    {
        let registry = Registry::start(kind);
        for name in ["b/one", "a/two", "c"] {
            registry.push(&ImageSpec::new(720).build(), name, "1");
        }
        let program = Program::of(&registry);
        let client = program.registries.client(&registry.host(), Auth::Auto).unwrap();
        let names = program
            .runtime
            .block_on(repositories(&client, &Caller::from(&job())))
            .unwrap_or_else(|error| panic!("{kind:?}: {error}"));
        assert_eq!(names, ["a/two", "b/one", "c"], "{kind:?}");
    }
}

#[test]
fn a_reader_may_list_and_not_delete() {
    let registry = Registry::shared(Kind::Token);
    let repository = registry.unique("reader") + "/app";
    let image = ImageSpec::new(730).build();
    registry.push(&image, &repository, "1");
    let program = Program::new(&[&registry.host()], &[], READER, READER_PASSWORD);
    let place = program.place(&registry.host(), &repository);
    assert_eq!(program.tags(&place).unwrap(), ["1"]);
    let error = program.delete(&place, image.digest()).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Denied, "{error}");
    assert!(error.hint.unwrap().contains("delete"));
    assert_eq!(
        registry.client().digest(&repository, "1").as_deref(),
        Some(image.digest())
    );
}

#[test]
fn a_graph_is_written_through_a_place_and_read_back() {
    for kind in [Kind::Plain, Kind::Token] {
        let registry = Registry::shared(kind);
        let program = Program::of(registry);
        let (from, to) = (registry.unique("from"), registry.unique("to"));
        let image = ImageSpec::new(740).multi_platform();
        registry.push(&image, &from, "1");
        let (source, target) = (
            program.place(&registry.host(), &from),
            program.place(&registry.host(), &to),
        );
        let root = program.resolve(&source, "1").unwrap();
        let job = job();
        program.runtime.block_on(async {
            let tag = aosm_build::oci::TagAs {
                tag: "1",
                guard: &Guard::Create,
            };
            let content = source.content(&job);
            aosm_build::oci::copy_graph(&content, &*target.target(), &root, Some(tag), Default::default(), &job)
                .await
                .unwrap();
            let bytes = target.content(&job).manifest(&root).await.unwrap();
            assert_eq!(Digest::of(&bytes), root.digest);
        });
        assert_eq!(program.resolve(&target, "1").unwrap().digest, root.digest, "{kind:?}");
    }
}

mod acr {
    use super::*;
    use crate::support::acr_records::Attributes;

    /// A stand-in with two tagged images and an untagged one.
    fn filled(kind: Kind) -> (&'static Registry, Acr, String, Vec<Image>) {
        let registry = Registry::shared(kind);
        let acr = Acr::before(registry);
        let mut client = Client::plain(&acr.host());
        if kind.token() {
            client = client.with_login(client::Login::Minted(registry.authority()));
        }
        let repository = registry.unique("acr") + "/app";
        let images: Vec<Image> = (760..763).map(|seed| ImageSpec::new(seed).build()).collect();
        client.push(&images[0], &repository, "v1");
        client.push(&images[1], &repository, "v2");
        client.push(&images[2], &repository, "v1");
        (registry, acr, repository, images)
    }

    #[test]
    fn its_own_api_lists_repositories_tags_and_manifests_in_all_their_pages() {
        for kind in [Kind::Plain, Kind::Token] {
            let (_registry, acr, repository, images) = filled(kind);
            acr.set_page(1);
            acr.set_attributes(
                &repository,
                "v2",
                Attributes {
                    delete: false,
                    ..Attributes::default()
                },
            );
            let program = Program::user(&[&acr.host()], &[]);
            let place = program.place(&acr.host(), &repository);
            let job = job();
            program.runtime.block_on(async {
                let api = place.acr(&job).await.unwrap().expect("it is a registry of that kind");
                assert!(api.repositories(&job).await.unwrap().contains(&repository));
                let tags = api.tags(&repository, &job).await.unwrap();
                let named: Vec<&str> = tags.iter().map(|tag| tag.name.as_str()).collect();
                assert_eq!(named, ["v1", "v2"]);
                assert_eq!(tags[0].digest.as_ref().unwrap().as_str(), images[2].digest());
                assert_eq!(tags[1].changeable_attributes.unwrap().delete_enabled, Some(false));
                assert!(tags[0].created_time.is_some());
                let manifests = api.manifests(&repository, &job).await.unwrap();
                let mut digests: Vec<&str> = images.iter().map(Image::digest).collect();
                digests.sort_unstable();
                let found: Vec<&str> = manifests.iter().map(|m| m.digest.as_str()).collect();
                assert_eq!(found, digests, "untagged ones as well");
                let untagged = manifests
                    .iter()
                    .find(|m| m.digest.as_str() == images[0].digest())
                    .unwrap();
                assert!(untagged.tags.as_deref().unwrap_or_default().is_empty());
                assert!(untagged.image_size.is_some());
                let about = api.repository(&repository, &job).await.unwrap();
                assert_eq!((about.manifest_count, about.tag_count), (Some(3), Some(2)));
                let one = api
                    .manifest(&repository, &images[1].digest().parse().unwrap(), &job)
                    .await
                    .unwrap();
                assert_eq!(one.tags, Some(vec!["v2".to_owned()]));
                assert_eq!(api.tag(&repository, "v1", &job).await.unwrap(), tags[0]);
                api.untag(&repository, "v1", &job).await.unwrap();
                let error = api.tag(&repository, "v1", &job).await.unwrap_err();
                assert_eq!(error.kind, ErrorKind::Absent, "{error}");
                assert_eq!(
                    api.manifests(&repository, &job).await.unwrap().len(),
                    3,
                    "only the tag went"
                );
            });
        }
    }

    #[test]
    fn a_login_without_the_right_is_told_which_and_how_to_get_it() {
        let (_registry, acr, repository, _) = filled(Kind::Token);
        let program = Program::new(&[&acr.host()], &[], READER, READER_PASSWORD);
        let place = program.place(&acr.host(), &repository);
        let job = job();
        program.runtime.block_on(async {
            let api = place.acr(&job).await.unwrap().expect("a refusal is an answer");
            for error in [
                api.manifests(&repository, &job).await.unwrap_err(),
                api.tags(&repository, &job).await.unwrap_err(),
                api.repository(&repository, &job).await.unwrap_err(),
            ] {
                assert_eq!(error.kind, ErrorKind::Denied, "{error}");
                let hint = error.hint.unwrap();
                assert!(
                    hint.contains("metadata/read") && hint.contains("--auth azure-cli"),
                    "{hint}"
                );
            }
            let error = api.repositories(&job).await.unwrap_err();
            assert!(error.hint.unwrap().contains("--auth azure-cli"));
        });
        assert_eq!(program.tags(&place).unwrap(), ["v1", "v2"], "reading content goes on");
    }

    #[test]
    fn what_is_locked_is_not_deleted_and_the_hint_says_how_to_open_it() {
        let (_registry, acr, repository, images) = filled(Kind::Plain);
        acr.set_attributes(&repository, "v2", Attributes::locked());
        acr.set_attributes(&repository, images[1].digest(), Attributes::locked());
        let program = Program::user(&[&acr.host()], &[]);
        let place = program.place(&acr.host(), &repository);
        let error = program.delete(&place, images[1].digest()).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Denied, "{error}");
        assert!(error.hint.unwrap().contains("--delete-enabled"));
        assert_eq!(program.tags(&place).unwrap(), ["v1", "v2"]);
    }

    #[test]
    fn another_registry_has_no_such_api() {
        for kind in Kind::all() {
            let registry = Registry::shared(kind);
            let program = Program::of(registry);
            let place = program.place(&registry.host(), "any");
            let found = program.runtime.block_on(place.acr(&job()));
            assert!(found.unwrap_or_else(|e| panic!("{kind:?}: {e}")).is_none(), "{kind:?}");
        }
    }
}
