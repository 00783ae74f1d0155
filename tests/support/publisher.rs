//! A publisher's world: Resource Manager played, a registry that asks for tokens behind the artifact store, and a project that
//! names both. What the manifest grants opens the registry.

use super::aosm::{Aosm, Project};
use super::arm::{Arm, GROUP, PUBLISHER, SUBSCRIPTION, TOKEN, in_seconds, registry_token};
use super::client::Client;
use super::registry::{Kind, PASSWORD, Registry, USER};
use super::small::Small;

/// The artifact store for charts and images.
pub const STORE: &str = "contoso-acr";
/// Its artifact manifest.
pub const MANIFEST: &str = "contoso-acr-manifest-1-0-0";

/// Everything that one test needs.
pub struct Publisher {
    /// Resource Manager.
    pub arm: Arm,
    /// What is behind the artifact store: one of the test's own, as names there are the project's.
    pub registry: Registry,
    /// The project.
    pub project: Project,
    /// Its chart and images.
    pub small: Small,
}

impl Publisher {
    /// A small project of two images whose store is `stores.images`; the manifest lists all of it. Images come from a layout.
    pub fn new() -> Self {
        let publisher = Self::bare();
        publisher.settings(&format!("[stores.images]\nkind = \"acr\"\n{}", Self::keys()));
        publisher
    }

    /// The same without any store in its `aosm.toml`.
    pub fn bare() -> Self {
        let (arm, project, small) = (Arm::start(), Project::new(), Small::new(2));
        let registry = Registry::start(Kind::Token);
        arm.registry_store(STORE);
        let publisher = Self {
            arm,
            registry,
            project,
            small,
        };
        publisher.small.write_images(&publisher.project);
        publisher.settings("");
        publisher.lists(STORE, MANIFEST, &publisher.names());
        publisher.grants(STORE, MANIFEST, &publisher.repositories());
        publisher
    }

    /// Writes `aosm.toml`: `more` goes before the chart.
    pub fn settings(&self, more: &str) -> &Self {
        let head = "[project]\nname = \"small\"\nimage-sources = [\"source.example\"]\n[sources.\"source.example\"]\nkind = \
                    \"oci-layout\"\npath = \"images\"\n";
        self.small.write(&self.project, &format!("{head}{more}"));
        self
    }

    /// The keys that name the publisher's store and manifest.
    pub fn keys() -> String {
        format!(
            "subscription = \"{SUBSCRIPTION}\"\nresource-group = \"{GROUP}\"\npublisher = \"{PUBLISHER}\"\nartifact-store = \
             \"{STORE}\"\nartifact-manifest = \"{MANIFEST}\"\n"
        )
    }

    /// Names with tags of everything that the project wants there.
    pub fn names(&self) -> Vec<String> {
        self.small.names()
    }

    /// The same without tags.
    pub fn repositories(&self) -> Vec<String> {
        let names = self.names();
        let repositories = names.iter().filter_map(|name| Some(name.split_once(':')?.0.to_owned()));
        repositories.collect()
    }

    /// A manifest that lists these names with tags.
    pub fn lists(&self, store: &str, manifest: &str, names: &[String]) -> &Self {
        let entries: Vec<(&str, &str, &str)> = names
            .iter()
            .filter_map(|name| {
                let (name, version) = name.split_once(':')?;
                Some((name, version, "OCIArtifact"))
            })
            .collect();
        self.arm.manifest(store, manifest, &entries);
        self
    }

    /// What the manifest grants: the registry's own login, said to be for these repositories.
    pub fn grants(&self, store: &str, manifest: &str, repositories: &[String]) -> &Self {
        let (server, repositories) = (format!("http://{}", self.registry.host()), repositories.to_vec());
        self.arm.grants(store, manifest, move |_| {
            let repositories: Vec<&str> = repositories.iter().map(String::as_str).collect();
            registry_token(&server, USER, PASSWORD, &repositories, &in_seconds(24 * 3600))
        });
        self
    }

    /// The binary in the project's folder, with a login for Resource Manager.
    pub fn aosm(&self, arguments: &[&str]) -> Aosm {
        self.project
            .aosm(arguments)
            .env("AOSM_ARM_ENDPOINT", self.arm.endpoint())
            .env("AOSM_ARM_TOKEN", TOKEN)
    }

    /// How often Resource Manager was asked about the manifest and for its credential, and for anything else, since `before`
    /// lines of [`Arm::seen`].
    pub fn asked_since(&self, before: usize) -> (usize, usize, usize) {
        let seen = self.arm.seen();
        let lines = seen.get(before..).unwrap_or_default();
        let credentials = lines.iter().filter(|line| line.contains("/listCredential?")).count();
        let manifests = lines
            .iter()
            .filter(|line| line.starts_with("GET ") && line.contains("/artifactManifests/"))
            .count();
        (manifests, credentials, lines.len() - credentials - manifests)
    }

    /// Fails unless the registry has all of it, below `prefix`, each image with the digest of its source.
    pub fn assert_filled(&self, prefix: &str) {
        let client: Client = self.registry.client();
        for name in self.names() {
            let (repository, tag) = name.split_once(':').expect("a tag");
            let digest = client.digest(&format!("{prefix}{repository}"), tag);
            let digest = digest.unwrap_or_else(|| panic!("{prefix}{name} is not there"));
            if self.small.images.iter().any(|(known, _)| *known == name) {
                assert_eq!(digest, self.small.digest(&name), "{name}");
            }
        }
    }
}

impl Default for Publisher {
    fn default() -> Self {
        Self::new()
    }
}
