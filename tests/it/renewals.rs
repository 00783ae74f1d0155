//! Credentials that an artifact manifest grants, in uploads that outlive them; and tokens that their registry does not know yet.

use std::collections::BTreeSet;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use crate::support::arm::{Arm, GROUP, PUBLISHER, SUBSCRIPTION, TOKEN, container_tokens, in_seconds, registry_token};
use crate::support::small::Small;
use crate::support::traffic::Mark;
use crate::support::vhd::{MIB, Vhd};
use crate::support::*;

const STORE: &str = "contoso-acr";
const CHUNK: usize = 64 * 1024;
const DAY: u64 = 24 * 3600;

/// A registry whose tokens live for two seconds.
fn registry() -> &'static Registry {
    static REGISTRY: OnceLock<&'static Registry> = OnceLock::new();
    REGISTRY.get_or_init(|| {
        let registry: &'static Registry = Box::leak(Box::new(Registry::start(Kind::Token)));
        registry.tokens().set_lifetime(2);
        registry
    })
}

/// When a token is good, from its being granted on, and how long the grant says.
#[derive(Clone, Copy)]
struct Life {
    from: Duration,
    until: Duration,
    said: u64,
}

const USUAL: Life = Life {
    from: Duration::ZERO,
    until: Duration::from_secs(DAY),
    said: DAY,
};

/// A project with one image for an artifact store; the registry behind it is reached through a proxy.
struct Publication {
    arm: Arm,
    project: Project,
    small: Small,
    proxy: Faulty,
    manifest: String,
}

impl Publication {
    /// An image whose layer has so many chunks. `life` says of each token when it is good.
    fn new(chunks: usize, life: impl Fn(usize) -> Life + Send + 'static) -> Self {
        let image = ImageSpec::new(1).layers(&[chunks * CHUNK]).build();
        let small = Small {
            images: vec![("release/small-1:1.0.0".to_owned(), image)],
        };
        let publication = Self {
            arm: Arm::start(),
            project: Project::new(),
            small,
            proxy: Faulty::before(&registry().host()),
            manifest: registry().unique("renewal"),
        };
        publication.write();
        publication.grant(life);
        publication
    }

    fn write(&self) {
        let head = format!(
            "[project]\nname = \"small\"\nimage-sources = [\"source.example\"]\n[sources.\"source.example\"]\nkind = \
             \"oci-layout\"\npath = \"images\"\n[stores.images]\nkind = \"acr\"\n{}artifact-store = \
             \"{STORE}\"\nartifact-manifest = \"{}\"\n",
            publisher(),
            self.manifest
        );
        self.small.write(&self.project, &head);
        self.small.write_images(&self.project);
    }

    fn grant(&self, life: impl Fn(usize) -> Life + Send + 'static) {
        let names = ["release/small-1", "small"];
        let entries: Vec<(&str, &str, &str)> = names.iter().map(|name| (*name, "1.0.0", "OCIArtifact")).collect();
        self.arm.registry_store(STORE).manifest(STORE, &self.manifest, &entries);
        let (server, manifest) = (format!("http://{}", self.proxy.host()), self.manifest.clone());
        self.arm.grants(STORE, &self.manifest, move |before| {
            let Life { from, until, said } = life(before);
            let password = format!("planted-token-{before}");
            let below: Vec<String> = names.iter().map(|name| format!("{manifest}/{name}")).collect();
            let below: Vec<&str> = below.iter().map(String::as_str).collect();
            registry().tokens().open(&manifest, &password, &below, from, until);
            registry_token(&server, &manifest, &password, &below, &in_seconds(said))
        });
    }

    fn apply(&self) -> Aosm {
        with_login(&self.project, &self.arm, &["apply"])
            .env("AOSM_CHUNK", CHUNK.to_string())
            .env("AOSM_WHOLE_UP_TO", CHUNK.to_string())
    }

    fn assert_filled(&self) {
        let client = registry().client();
        let there = client.digest(&format!("{}/release/small-1", self.manifest), "1.0.0");
        assert_eq!(there.as_deref(), Some(self.small.digest("release/small-1:1.0.0")));
    }

    fn grants(&self) -> usize {
        self.arm.count("/listCredential?")
    }

    /// What was shown to the token server since a mark, and how often that was refused.
    fn logins(&self, mark: Mark) -> (BTreeSet<String>, usize) {
        let mut shown = BTreeSet::new();
        let mut refused = 0;
        for entry in registry().tokens().since(mark).0 {
            let login = entry.authorization.as_deref().and_then(tokens::basic);
            let Some((_, password)) = login.filter(|(user, _)| *user == self.manifest) else {
                continue;
            };
            refused += usize::from(entry.status == 401);
            shown.insert(password);
        }
        (shown, refused)
    }
}

fn publisher() -> String {
    format!("subscription = \"{SUBSCRIPTION}\"\nresource-group = \"{GROUP}\"\npublisher = \"{PUBLISHER}\"\n")
}

fn with_login(project: &Project, arm: &Arm, arguments: &[&str]) -> Aosm {
    project
        .aosm(arguments)
        .env("AOSM_ARM_ENDPOINT", arm.endpoint())
        .env("AOSM_ARM_TOKEN", TOKEN)
}

#[test]
fn an_upload_of_twenty_seconds_goes_on_with_credentials_that_live_for_three() {
    let publication = Publication::new(20, |_| Life {
        until: Duration::from_secs(3),
        said: 3,
        ..USUAL
    });
    let second = Fault::Delay(Duration::from_secs(1));
    publication.proxy.rule(Rule::new(second).on("PATCH upload"));
    let mark = registry().tokens().mark();
    publication.apply().run().ok().silent_about("planted");
    publication.assert_filled();
    let (shown, refused) = publication.logins(mark);
    assert!(shown.len() >= 5, "{shown:?}");
    assert_eq!(refused, 0, "each was renewed before it expired");
}

#[test]
fn a_token_that_dies_before_its_time_is_replaced_in_the_middle_of_an_upload() {
    let publication = Publication::new(8, |before| match before {
        0 => Life {
            until: Duration::from_secs(4),
            ..USUAL
        },
        _ => USUAL,
    });
    let second = Fault::Delay(Duration::from_secs(1));
    publication
        .proxy
        .rule(Rule::new(Fault::ExpireTokens).on("PATCH upload").skip(5).times(1));
    publication.proxy.rule(Rule::new(second).on("PATCH upload"));
    publication.apply().run().ok();
    publication.assert_filled();
    assert_eq!(publication.grants(), 2, "one at the beginning, one instead of it");
}

#[test]
fn a_token_that_its_token_server_does_not_know_yet_is_waited_for_and_that_is_said_once() {
    let publication = Publication::new(1, |_| Life {
        from: Duration::from_secs(3),
        ..USUAL
    });
    let mark = registry().tokens().mark();
    let output = publication.apply().run().ok();
    let words = format!(
        "waiting for the registry to accept the new token of the artifact manifest {}",
        publication.manifest
    );
    assert_eq!(output.stderr.matches(&words).count(), 1, "{output}");
    publication.assert_filled();
    let (shown, refused) = publication.logins(mark);
    assert_eq!(
        (shown.len(), publication.grants()),
        (1, 1),
        "the same one is shown again"
    );
    assert!((1..=4).contains(&refused), "{refused}");
}

#[test]
fn a_token_that_the_registry_itself_does_not_know_yet_is_waited_for() {
    let publication = Publication::new(1, |_| USUAL);
    let early = Rule::new(Fault::Challenge).when(|entry| entry.authorization.is_some());
    publication.proxy.rule(early.times(3));
    let output = publication.apply().run().ok();
    output.says("waiting for the registry to accept the new token");
    publication.assert_filled();
    assert_eq!(publication.grants(), 1);
}

#[test]
fn waiting_for_a_token_ends_at_once_when_the_run_is_stopped() {
    let publication = Publication::new(1, |_| Life {
        from: Duration::from_secs(DAY),
        ..USUAL
    });
    let mark = registry().tokens().mark();
    // Shorter than anybody would wait for the token.
    let running = publication.apply().limit(Duration::from_secs(40)).spawn();
    let until = Instant::now() + Duration::from_secs(30);
    while publication.logins(mark).1 < 3 {
        assert!(Instant::now() < until, "nothing was refused");
        std::thread::sleep(Duration::from_millis(20));
    }
    running.interrupt();
    running.wait().expect(130);
}

#[test]
fn a_disk_image_of_twenty_seconds_goes_on_with_signatures_that_live_for_three() {
    if !Azurite::available() {
        return;
    }
    const CONTAINER: &str = "renewaltestvhd-1-0-0";
    let (azurite, arm, project) = (Azurite::shared(), Arm::start(), Project::new());
    let proxy = Faulty::before(&azurite.host());
    azurite.make_container(CONTAINER);
    Vhd::new(36 * MIB)
        .scattered(18, 70_000, 5)
        .write(&project.path("disk.vhd"));
    project.write(
        "aosm.toml",
        format!(
            "[stores.disks]\nkind = \"storage-account\"\nparallel = 1\n{}artifact-store = \"contoso-sa\"\nartifact-manifest = \
             \"m-1\"\n[[vhds]]\nname = \"renewal-test-vhd\"\nversion = \"1-0-0\"\nfile = \"disk.vhd\"\n",
            publisher()
        ),
    );
    arm.disk_store("contoso-sa")
        .manifest("contoso-sa", "m-1", &[("renewal-test-vhd", "1-0-0", "VhdImageFile")]);
    let (from, to) = (azurite.host(), proxy.host());
    arm.grants("contoso-sa", "m-1", move |_| {
        let url = azurite.url(CONTAINER, &Sas::rights("rcw").until(3)).replace(&from, &to);
        container_tokens("contosodisks", &[(CONTAINER, &url)], &in_seconds(3))
    });
    let second = Fault::Delay(Duration::from_millis(1100));
    proxy.rule(Rule::new(second).when(|entry| entry.method == "PUT" && entry.query.contains("comp=page")));
    let output = with_login(&project, &arm, &["apply"]).run().ok();
    output.silent_about("sig=");
    let sent = std::fs::read(project.path("disk.vhd")).unwrap();
    assert!(
        azurite.content(CONTAINER, "renewaltest-1-0-0.vhd") == sent,
        "the blob is the file"
    );
    assert!(arm.count("/listCredential?") >= 5, "{}", arm.count("/listCredential?"));
}
