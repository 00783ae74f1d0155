//! Where a run happens: a source that is there all the time, a new and empty target, a network in between, a home
//! folder that knows nothing.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::json;

use super::cases::{Case, TAG};
use super::delay::Delay;
use super::support::registry::{PASSWORD, USER};
use super::support::{Kind, Project, Registry, sha256};

/// How far away, and how it is talked to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Setting {
    /// Plain http, nothing in between.
    Loopback,
    /// 20 ms round trip to both sides.
    Far,
    /// TLS on both sides.
    Tls,
    /// Tokens on both sides.
    Token,
}

impl Setting {
    pub const ALL: [Self; 4] = [Self::Loopback, Self::Far, Self::Tls, Self::Token];

    pub fn name(self) -> &'static str {
        match self {
            Self::Loopback => "loopback",
            Self::Far => "20ms",
            Self::Tls => "tls",
            Self::Token => "token",
        }
    }

    fn kind(self) -> Kind {
        match self {
            Self::Loopback | Self::Far => Kind::Plain,
            Self::Tls => Kind::Tls,
            Self::Token => Kind::Token,
        }
    }

    fn round_trip(self) -> Duration {
        Duration::from_millis(if self == Self::Far { 20 } else { 0 })
    }
}

/// The sources, one for each way to talk.
pub struct Sources(HashMap<Kind, Registry>);

impl Sources {
    /// Starts what these settings need.
    pub fn start(settings: &[Setting]) -> Self {
        let mut all: HashMap<Kind, Registry> = HashMap::new();
        // What tokens cost is compared with doing without.
        for setting in settings.iter().copied().chain([Setting::Loopback]) {
            all.entry(setting.kind())
                .or_insert_with(|| Registry::start(setting.kind()));
        }
        Self(all)
    }

    pub fn all(&self) -> Vec<&Registry> {
        self.0.values().collect()
    }
}

/// A new target and all that a run needs to know.
pub struct Scene<'a> {
    pub case: &'a Case,
    pub project: Project,
    pub source: &'a Registry,
    pub target: Registry,
    /// As tools reach them.
    pub source_host: String,
    pub target_host: String,
    /// Both authorities, where there is TLS.
    pub authorities: Option<PathBuf>,
    to_target: Option<Delay>,
    _to_source: Option<Delay>,
}

impl<'a> Scene<'a> {
    /// An empty target. With `counting` there is something in between in any case.
    pub fn set(case: &'a Case, sources: &'a Sources, setting: Setting, counting: bool) -> Self {
        let source = &sources.0[&setting.kind()];
        let target = Registry::start(setting.kind());
        let between = |registry: &Registry| {
            (counting || setting == Setting::Far).then(|| Delay::start(&registry.host(), setting.round_trip()))
        };
        let (to_source, to_target) = (between(source), between(&target));
        let host =
            |registry: &Registry, delay: &Option<Delay>| delay.as_ref().map_or_else(|| registry.host(), Delay::address);
        let project = Project::new();
        let authorities = authorities(&project, &[source, &target]);
        let (source_host, target_host) = (host(source, &to_source), host(&target, &to_target));
        if setting == Setting::Token {
            use base64::Engine as _;
            let login = json!({"auth": base64::engine::general_purpose::STANDARD.encode(format!("{USER}:{PASSWORD}"))});
            project.docker_config(&json!({"auths": {&source_host: &login, &target_host: &login}}));
        }
        Self {
            case,
            project,
            source,
            source_host,
            target_host,
            authorities,
            to_target,
            _to_source: to_source,
            target,
        }
    }

    /// Bytes sent to the target and connections made so far, where somebody counts them.
    pub fn sent(&self) -> Option<(u64, u64)> {
        self.to_target.as_ref().map(Delay::sent)
    }

    /// Every image is at the target, every byte of it, in its own repository: as the registry has it on its disk.
    pub fn check(&self, who: &str) {
        let root = self.target.storage().join("docker/registry/v2");
        let hex = |digest: &str| digest.strip_prefix("sha256:").expect("a sha256 digest").to_owned();
        let mut whole = std::collections::HashSet::new();
        for image in &self.case.images {
            let repository = root.join("repositories").join(&image.repository);
            let tag = repository.join(format!("_manifests/tags/{TAG}/current/link"));
            let tagged = std::fs::read_to_string(&tag).unwrap_or_default();
            assert_eq!(
                tagged, image.digest,
                "{who}: {} has another tag or none",
                image.repository
            );
            let blobs = image.blobs.iter().map(|(digest, _)| (digest, "_layers"));
            let manifests = image.manifests.iter().map(|digest| (digest, "_manifests/revisions"));
            for (digest, kind) in blobs.chain(manifests) {
                let link = repository.join(format!("{kind}/sha256/{}/link", hex(digest)));
                assert!(link.is_file(), "{who}: {} is without {digest}", image.repository);
                if whole.insert(digest.clone()) {
                    let hex = hex(digest);
                    let data = std::fs::read(root.join(format!("blobs/sha256/{}/{hex}/data", &hex[..2])));
                    assert_eq!(
                        sha256(&data.expect("a blob")),
                        *digest,
                        "{who}: not what its digest says"
                    );
                }
            }
        }
    }
}

fn authorities(project: &Project, registries: &[&Registry]) -> Option<PathBuf> {
    let mut all = Vec::new();
    for registry in registries {
        all.extend(std::fs::read(registry.ca_file()?).expect("an authority"));
    }
    project.write("ca.pem", all);
    Some(project.path("ca.pem"))
}
