//! Registries through the library, against real ones of every kind: what the in-memory tests assume, real servers do.

use std::sync::Arc;

use aosm_build::credentials::LoginFiles;
use aosm_build::event::Silent;
use aosm_build::oci::registry::{Registries, RegistryOptions};
use aosm_build::oci::{CopyOptions, Descriptor, ErrorKind, Filled, Guard, Job, OciError, Selector, Source as _};
use aosm_build::project::{Auth, Network, Spanned};
use aosm_build::store::{ArtifactName, ArtifactStore as _, Observed, RegistryStore};
use camino::Utf8PathBuf;
use tokio_util::sync::CancellationToken;

use crate::support::registry::{IDENTITY_TOKEN, PASSWORD, USER};
use crate::support::*;

/// What a run of the program has: registries with logins, a network profile and a runtime.
struct Run {
    registries: Arc<Registries>,
    runtime: tokio::runtime::Runtime,
    _folder: tempfile::TempDir,
}

impl Run {
    /// Logged in everywhere with these words, trusting the authorities of the registries among `hosts`.
    fn new(hosts: &[&Registry], login: &str) -> Self {
        let folder = temp_dir();
        let path = |name: &str| Utf8PathBuf::from_path_buf(folder.path().join(name)).expect("UTF-8");
        let auths: Vec<String> = hosts
            .iter()
            .map(|host| format!("\"{}\":{{{login}}}", host.host()))
            .collect();
        std::fs::write(path("config.json"), format!("{{\"auths\":{{{}}}}}", auths.join(","))).unwrap();
        let mut network = Network::default();
        let authorities: Vec<u8> = hosts
            .iter()
            .filter_map(|host| host.ca_file())
            .flat_map(|file| std::fs::read(file).unwrap())
            .collect();
        if !authorities.is_empty() {
            std::fs::write(path("ca.pem"), authorities).unwrap();
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

    fn user(hosts: &[&Registry]) -> Self {
        Self::new(hosts, &password(PASSWORD))
    }

    fn resolve(&self, host: &str, repository: &str, tag: &str) -> Result<Descriptor, OciError> {
        let source = self.registries.source(host, Auth::Auto, &job())?;
        self.runtime
            .block_on(source.resolve(repository, &Selector::Tag(tag.to_owned())))
    }

    /// Locates a tag and fills a store with it.
    fn copy(&self, from: (&str, &str), to: (&str, &str), tag: &str) -> Result<Filled, OciError> {
        let job = job();
        let source = self.registries.source(from.0, Auth::Auto, &job)?;
        let store = self.store(to.0)?;
        let name = ArtifactName {
            repository: to.1.to_owned(),
            tag: tag.to_owned(),
        };
        self.runtime.block_on(async {
            let root = source.resolve(from.1, &Selector::Tag(tag.to_owned())).await?;
            store
                .fill(&name, &root, source.content(from.1), &Guard::Create, &job)
                .await
        })
    }

    fn store(&self, host: &str) -> Result<RegistryStore, OciError> {
        RegistryStore::new(&self.registries, "store", host, "", Auth::Auto, CopyOptions::default())
    }

    fn observe(&self, host: &str, repository: &str, tag: &str) -> Observed {
        let name = ArtifactName {
            repository: repository.to_owned(),
            tag: tag.to_owned(),
        };
        let store = self.store(host).unwrap();
        self.runtime.block_on(store.observe(&name, true, &job())).unwrap()
    }
}

fn job() -> Job {
    Job::new("test", Arc::new(Silent), CancellationToken::new())
}

fn password(password: &str) -> String {
    format!("\"username\":\"{USER}\",\"password\":\"{password}\"")
}

fn image(seed: u64) -> Image {
    Image::index(&[
        ImageSpec::new(seed).spaced().multi_platform(),
        ImageSpec::new(seed + 1).docker().build(),
    ])
}

#[test]
fn an_image_goes_whole_between_registries_of_every_kind() {
    let kinds = Kind::all();
    for (n, from) in kinds.iter().enumerate() {
        // Each kind is once a source and once a target.
        let to = kinds[(n + 1) % kinds.len()];
        let (source, target) = (Registry::shared(*from), Registry::shared(to));
        let repository = source.unique("whole") + "/app";
        let image = image(100 + n as u64);
        source.push(&image, &repository, "1.0.0");
        let run = Run::user(&[source, target]);
        let mark = target.mark();
        run.copy((&source.host(), &repository), (&target.host(), &repository), "1.0.0")
            .unwrap_or_else(|error| panic!("{from:?} to {to:?}: {error}"));
        let back = target.client().pull(&repository, "1.0.0").expect("what was copied");
        assert_eq!(back.digest(), image.digest(), "{from:?} to {to:?}");
        assert_eq!(back.size(), image.size(), "{from:?} to {to:?}");
        assert_eq!(
            target.since(mark).under(&repository).count("GET ping"),
            0,
            "nobody is pinged"
        );
        // Again: nothing is written, and looking thoroughly finds nothing wrong.
        let mark = target.mark();
        let again = run
            .copy((&source.host(), &repository), (&target.host(), &repository), "1.0.0")
            .unwrap();
        assert_eq!(again.bytes_moved, 0);
        let labels = target.since(mark).under(&repository).labels();
        assert!(labels.keys().all(|label| label.starts_with("HEAD")), "{labels:?}");
        assert!(
            matches!(run.observe(&target.host(), &repository, "1.0.0"), Observed::Present(_)),
            "{to:?}"
        );
    }
}

#[test]
fn layers_that_the_registry_has_elsewhere_are_mounted_and_not_sent() {
    for kind in Kind::all() {
        let registry = Registry::shared(kind);
        let base = registry.unique("mounted");
        let image = ImageSpec::new(200).layers(&[300_000, 20_000]).build();
        let (first, second, third) = (format!("{base}/a"), format!("{base}/b"), format!("{base}/c"));
        registry.push(&image, &first, "1");
        let run = Run::user(&[registry]);
        let host = registry.host();
        for to in [&second, &third] {
            let filled = run.copy((&host, &first), (&host, to), "1").unwrap();
            assert!(filled.bytes_mounted >= 320_000, "{kind:?}: {filled:?}");
            assert!(filled.bytes_moved < 10_000, "{kind:?}: {filled:?}");
            assert_eq!(
                registry.client().pull(to, "1").expect("the copy").digest(),
                image.digest(),
                "{kind:?}"
            );
        }
    }
}

#[test]
fn an_identity_token_logs_in_where_tokens_are_given() {
    for kind in [Kind::Token, Kind::OldToken]
        .into_iter()
        .filter(|kind| kind.available())
    {
        let registry = Registry::shared(kind);
        let repository = registry.unique("identity");
        registry.push(&ImageSpec::new(300).build(), &repository, "1");
        let run = Run::new(&[registry], &format!("\"identitytoken\":\"{IDENTITY_TOKEN}\""));
        run.resolve(&registry.host(), &repository, "1").unwrap();
    }
}

#[test]
fn wrong_and_missing_logins_are_told_apart_from_what_is_absent() {
    for kind in Kind::all() {
        let registry = Registry::shared(kind);
        let repository = registry.unique("logins");
        registry.push(&ImageSpec::new(400).build(), &repository, "1");
        let good = Run::user(&[registry]);
        assert_eq!(
            good.resolve(&registry.host(), &repository, "2").unwrap_err().kind,
            ErrorKind::Absent,
            "{kind:?}"
        );
        let wrong = Run::new(&[registry], &password("wrong")).resolve(&registry.host(), &repository, "1");
        if kind.open() {
            assert!(wrong.is_ok(), "{kind:?}: nobody asks for a login");
        } else {
            let error = wrong.unwrap_err();
            assert_eq!(error.kind, ErrorKind::BadCredentials, "{kind:?}: {error}");
            assert!(error.detail.contains("config.json"), "{error}");
        }
    }
}

#[test]
fn an_unknown_authority_is_refused_with_a_way_out() {
    let registry = Registry::shared(Kind::Tls);
    let folder = temp_dir();
    let options = RegistryOptions {
        logins: LoginFiles::new([Utf8PathBuf::from_path_buf(folder.path().join("none")).unwrap()]),
        ..RegistryOptions::default()
    };
    // This machine's hosts are tried without TLS first; this one turns out to have it.
    let registries = Registries::new(&Network::default(), options);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let source = registries.source(&registry.host(), Auth::Auto, &job()).unwrap();
    let error = runtime
        .block_on(source.resolve("any", &Selector::Tag("1".into())))
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unreachable, "{error}");
    assert!(error.detail.contains("certificate"), "{error}");
    assert!(error.hint.expect("a hint").contains("ca-file"));
}

/// A source and a target, each behind a proxy that can do wrong.
fn faulty_pair() -> (Faulty, Faulty, String, Image) {
    let registry = Registry::shared(Kind::Plain);
    let repository = registry.unique("faulty") + "/app";
    let image = ImageSpec::new(500).layers(&[3_000_000, 200_000, 1000]).build();
    registry.push(&image, &repository, "1");
    let target = Registry::start(Kind::Plain);
    let proxies = (Faulty::before(&registry.host()), Faulty::before(&target.host()));
    // Lives as long as the process: tests look into it through the proxy.
    std::mem::forget(target);
    (proxies.0, proxies.1, repository, image)
}

#[test]
fn resets_cuts_and_throttling_on_real_sockets_are_survived() {
    let cases: [(&str, bool, Rule); 8] = [
        (
            "reset while reading",
            false,
            Rule::new(Fault::ResetAfter(900_000)).on("GET blob").times(3),
        ),
        (
            "cut while reading",
            false,
            Rule::new(Fault::CutAfter(1_000)).on("GET blob").times(3),
        ),
        ("reset before the answer", false, Rule::new(Fault::Reset).times(3)),
        ("throttled source", false, Rule::new(Fault::Throttle(1)).times(2)),
        (
            "reset while writing",
            true,
            Rule::new(Fault::ResetUpload(500_000)).on("PUT upload").times(2),
        ),
        (
            "lost answers",
            true,
            Rule::new(Fault::LoseAnswer).on("PUT upload").times(2),
        ),
        ("throttled target", true, Rule::new(Fault::Throttle(1)).times(2)),
        (
            "lost manifest answers",
            true,
            Rule::new(Fault::LoseAnswer).on("PUT manifest").times(1),
        ),
    ];
    for (what, at_target, rule) in cases {
        let (source, target, repository, image) = faulty_pair();
        (if at_target { &target } else { &source }).rule(rule);
        let run = Run::new(&[], "");
        run.copy((&source.host(), &repository), (&target.host(), &repository), "1")
            .unwrap_or_else(|error| panic!("{what}: {error}"));
        target.clear();
        let back = Client::plain(&target.host())
            .pull(&repository, "1")
            .expect("what was copied");
        assert_eq!(back.digest(), image.digest(), "{what}");
        assert_eq!(back.size(), image.size(), "{what}");
    }
}

#[test]
fn a_corrupt_source_leaves_no_tag_and_says_so() {
    let (source, target, repository, _image) = faulty_pair();
    source.rule(Rule::new(Fault::Corrupt(999_999)).on("GET blob"));
    let run = Run::new(&[], "");
    let error = run
        .copy((&source.host(), &repository), (&target.host(), &repository), "1")
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::Corrupt, "{error}");
    assert_eq!(Client::plain(&target.host()).digest(&repository, "1"), None);
}

#[test]
fn a_registry_that_answers_garbage_is_an_error() {
    let (source, _target, repository, _image) = faulty_pair();
    source.rule(Rule::new(Fault::Garbage(b"SSH-2.0-nonsense\r\n".to_vec())));
    let error = Run::new(&[], "").resolve(&source.host(), &repository, "1").unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unreachable, "{error}");
}

#[test]
fn public_registries_manners_for_what_is_absent_are_understood() {
    for (guise, kind) in [
        (Guise::DockerHub { login: None }, ErrorKind::Denied),
        (Guise::Ghcr, ErrorKind::Denied),
        (Guise::Denied { login: None }, ErrorKind::Denied),
    ] {
        let (source, _target, repository, _image) = faulty_pair();
        source.guise(guise.clone());
        let run = Run::new(&[], "");
        run.resolve(&source.host(), &repository, "1")
            .unwrap_or_else(|error| panic!("{guise:?}: {error}"));
        let error = run.resolve(&source.host(), "absent/app", "1").unwrap_err();
        assert_eq!(error.kind, kind, "{guise:?}: {error}");
    }
}
