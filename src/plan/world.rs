//! The world outside: sources and stores of a project, opened. Nothing is asked by opening.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;

use super::aosm::{AosmSite, ClosedStore, GrantedStore, Reach, connect};
use super::{DiskStores, Session};
use crate::azure::credential::ManifestLogin;
use crate::azure::import::Imports;
use crate::digest::{Digest, FileDigests};
use crate::fault::{Fault, Faults};
use crate::locate::SourceEntry;
use crate::oci::registry::{Access, Readable, Registries, RegistryOptions, RegistryPlace};
use crate::oci::{
    ByteStream, Content, CopyOptions, Descriptor, ErrorKind, Job, OciError, Origin, Place, Selector, Source,
    docker_archive, layout::LayoutFolder, oci_archive,
};
use crate::project::{Project, SourceConfig, SourceKind, StoreConfig, StoreKind};
use crate::store::{ArtifactStore, LocalStore, RegistryStore};

/// Sources and stores.
pub struct World {
    /// Stores of OCI artifacts, by their position in the project.
    pub stores: BTreeMap<usize, Arc<dyn ArtifactStore>>,
    /// Storage accounts, where the project has disk images.
    pub disks: Option<DiskStores>,
    /// Stores of AOSM, of both kinds, by their position in the project: as [`Self::connect`] saw them.
    pub sites: BTreeMap<usize, Arc<AosmSite>>,
    /// Images that registries fetch by themselves.
    pub imports: Arc<Imports>,
    registries: Arc<Registries>,
    project: Arc<Project>,
    offline: bool,
    /// Sources that are files: opened once, as they read their index once.
    files: BTreeMap<String, Arc<dyn Source>>,
}

impl World {
    /// Opens everything.
    pub fn open(session: &Session) -> Result<Self, Faults> {
        let project = Arc::clone(&session.project);
        let registries = Registries::new(&project.network, RegistryOptions::default());
        let stats: Arc<dyn FileDigests> = Arc::clone(&session.stats) as Arc<dyn FileDigests>;
        let mut faults = Faults::new();
        let mut stores: BTreeMap<usize, Arc<dyn ArtifactStore>> = BTreeMap::new();
        for (index, store) in project.stores.iter().enumerate() {
            let name = store.name.value.clone();
            match &store.kind {
                StoreKind::Local { path } => {
                    let store = LocalStore::new(name, path.clone(), Arc::clone(&stats));
                    stores.insert(index, Arc::new(store));
                }
                StoreKind::Registry { host, prefix } => {
                    let options = CopyOptions::default();
                    match RegistryStore::new(&registries, name, host, prefix, store_access(store), options) {
                        Ok(store) => {
                            stores.insert(index, Arc::new(store));
                        }
                        Err(e) => faults.push(Fault::from(e).at_opt(store.name.place.clone())),
                    }
                }
                // Connecting says where they are.
                StoreKind::Acr(_) | StoreKind::StorageAccount(_) => {}
            }
        }
        let mut files: BTreeMap<String, Arc<dyn Source>> = BTreeMap::new();
        for (host, config) in &project.sources {
            match file_source(host, config, &stats) {
                Ok(Some(source)) => {
                    files.insert(host.clone(), source);
                }
                Ok(None) => {}
                Err(fault) => faults.push(fault),
            }
        }
        let (world, _) = faults.into_result(Self {
            stores,
            disks: DiskStores::open(session),
            sites: BTreeMap::new(),
            imports: Imports::new(session.state.root().to_owned()),
            registries,
            project,
            offline: session.mode.offline,
            files,
        })?;
        Ok(world)
    }

    /// Looks at the stores of AOSM, all at a time: one read of the store and of the manifest and one credential each. Without
    /// `ask`, or offline, nobody is asked; they are known by name then. Never fails: see [`AosmSite::problem`].
    pub async fn connect(&mut self, session: &Session, ask: bool) -> Result<(), Fault> {
        let project = Arc::clone(&self.project);
        let reach = Reach::new(Arc::clone(&self.registries));
        let job = session.job("look at the stores of AOSM");
        let job_if = (ask && !self.offline).then_some(&job);
        let all = project.stores.iter().enumerate().filter_map(|(index, store)| {
            let config = store.kind.aosm()?;
            Some(connect(&reach, index, store, config, job_if))
        });
        let all = futures_util::future::join_all(all).await;
        session.stopped()?;
        for site in all {
            let site = Arc::new(site);
            if matches!(
                project.stores.get(site.index).map(|store| &store.kind),
                Some(StoreKind::Acr(_))
            ) {
                self.stores.insert(site.index, self.behind(&site, &job));
            }
            self.sites.insert(site.index, site);
        }
        if let Some(disks) = &mut self.disks {
            disks.connected(&self.sites, &job);
        }
        Ok(())
    }

    /// The registry behind an artifact store, logged in to with what its manifest grants.
    fn behind(&self, site: &Arc<AosmSite>, job: &Job) -> Arc<dyn ArtifactStore> {
        let (Some(grant), Some(reached)) = (site.registry(), &site.reached) else {
            return Arc::new(ClosedStore::new(site));
        };
        let login = ManifestLogin::new(Arc::clone(&reached.credential), job.clone());
        let client = self
            .registries
            .client_with(&grant.host, Arc::new(login), grant.plain_http);
        match client {
            Ok(client) => {
                let registry = RegistryStore::with_client(&site.name, client, "", CopyOptions::default());
                Arc::new(GrantedStore::new(Arc::clone(site), registry))
            }
            Err(error) => Arc::new(ClosedStore::failed(site, error)),
        }
    }

    /// The source of a host, as the project reaches it. Its requests are counted into the job.
    pub fn source(&self, host: &str, job: &Job) -> Result<Arc<dyn Source>, Fault> {
        self.reach(host, job).map_err(Fault::from)
    }

    /// The source of a host, with the error as it is.
    pub fn reach(&self, host: &str, job: &Job) -> Result<Arc<dyn Source>, OciError> {
        if let Some(source) = self.files.get(host) {
            return Ok(Arc::clone(source));
        }
        // Entries of the lock name sources that are not asked: only what would send a request is refused.
        if self.offline {
            return Ok(Arc::new(Unreachable { host: host.to_owned() }));
        }
        let access = self.project.sources.get(host).map(source_access).unwrap_or_default();
        Ok(Arc::new(self.registries.source(host, access, job)?))
    }

    /// A repository of a source that is a registry, for what sources in general cannot do.
    pub fn repository(&self, host: &str, repository: &str) -> Result<Option<Arc<dyn Place>>, OciError> {
        if self.offline || self.files.contains_key(host) {
            return Ok(None);
        }
        let access = self.project.sources.get(host).map(source_access).unwrap_or_default();
        let client = self.registries.client_as(host, &access)?;
        Ok(Some(Arc::new(RegistryPlace::new(client, repository)?)))
    }

    /// How somebody else could read a manifest of a source that is a registry: it is asked for once.
    pub async fn lend(&self, host: &str, repository: &str, digest: &Digest, job: &Job) -> Result<Readable, OciError> {
        let access = self.project.sources.get(host).map(source_access).unwrap_or_default();
        let client = self.registries.client_as(host, &access)?;
        client.lend(repository, digest, job).await
    }

    /// All image sources, in the order written.
    pub fn sources(&self, job: &Job) -> Result<Vec<SourceEntry>, Faults> {
        let mut faults = Faults::new();
        let mut by_host: BTreeMap<&str, Arc<dyn Source>> = BTreeMap::new();
        let mut entries = Vec::new();
        for source in &self.project.image_sources {
            let host = source.value.host.as_str();
            let access = match by_host.get(host) {
                Some(access) => Arc::clone(access),
                None => match self.source(host, job) {
                    Ok(access) => {
                        by_host.insert(host, Arc::clone(&access));
                        access
                    }
                    Err(fault) => {
                        faults.push(fault.at_opt(source.place.clone()));
                        continue;
                    }
                },
            };
            let config = self.project.sources.get(host);
            let path = config.and_then(|config| config.path.as_ref());
            entries.push(SourceEntry {
                source: source.value.clone(),
                access,
                optional: config.is_some_and(|config| config.optional),
                is_file: self.files.contains_key(host),
                place: path
                    .and_then(|path| path.place.clone())
                    .or_else(|| source.place.clone()),
            });
        }
        let (entries, _) = faults.into_result(entries)?;
        Ok(entries)
    }

    /// The place that keeps the blobs of a store: stores on one registry share it.
    pub fn place(&self, store: usize) -> String {
        match self.project.stores.get(store).map(|store| &store.kind) {
            Some(StoreKind::Registry { host, .. }) => host.clone(),
            Some(StoreKind::Local { path }) => path.to_string(),
            Some(StoreKind::Acr(_)) => {
                let site = self.sites.get(&store);
                let host = site.and_then(|site| site.registry()).map(|grant| grant.host.clone());
                // Unknown stores share nothing.
                host.unwrap_or_else(|| format!("aosm store {store}"))
            }
            Some(StoreKind::StorageAccount(_)) | None => String::new(),
        }
    }

    /// Is the source a folder or an archive?
    pub fn is_file(&self, host: &str) -> bool {
        self.files.contains_key(host)
    }

    /// Can the store take content of this source host from itself?
    pub fn mounts(&self, host: &str, store: usize) -> bool {
        !self.files.contains_key(host)
            && matches!(
                self.project.stores.get(store).map(|store| &store.kind),
                Some(StoreKind::Registry { host: target, .. }) if target == host
            )
    }
}

/// How the project logs in to a source's registry.
fn source_access(config: &SourceConfig) -> Access {
    Access::from(config.auth).in_tenant(config.tenant.as_ref().map(|tenant| tenant.value.clone()))
}

/// How the project logs in to a store's registry.
fn store_access(config: &StoreConfig) -> Access {
    Access::from(config.auth).in_tenant(config.tenant.as_ref().map(|tenant| tenant.value.clone()))
}

fn file_source(
    host: &str,
    config: &SourceConfig,
    stats: &Arc<dyn FileDigests>,
) -> Result<Option<Arc<dyn Source>>, Fault> {
    if config.kind == SourceKind::Registry {
        return Ok(None);
    }
    let Some(path) = &config.path else {
        return Err(Fault::invalid(format!("the source {host:?} has no path"))
            .at_opt(config.host.place.clone())
            .hint("name the folder or the archive: path = \"images\""));
    };
    let path = path.value.clone();
    let stats = Arc::clone(stats);
    let source: Arc<dyn Source> = match config.kind {
        SourceKind::Registry => return Ok(None),
        SourceKind::OciLayout => Arc::new(LayoutFolder::new(host, path)),
        SourceKind::OciArchive => Arc::new(oci_archive::open(host, path, stats)),
        SourceKind::DockerArchive => Arc::new(docker_archive::open(host, path, stats)),
    };
    Ok(Some(source))
}

/// A registry that `--offline` puts out of reach.
struct Unreachable {
    host: String,
}

impl Unreachable {
    fn refuse(&self, operation: &str) -> OciError {
        OciError::new(
            ErrorKind::Unreachable,
            operation,
            self.host.as_str(),
            "--offline forbids asking it",
        )
    }
}

#[async_trait::async_trait]
impl Source for Unreachable {
    fn host(&self) -> &str {
        &self.host
    }

    async fn resolve(&self, _repository: &str, _selector: &Selector) -> Result<Descriptor, OciError> {
        Err(self.refuse("find"))
    }

    fn content(&self, repository: &str) -> Arc<dyn Content> {
        let label = format!("{}/{repository}", self.host);
        Arc::new(UnreachableContent {
            host: self.host.clone(),
            origin: Origin { label, mount: None },
        })
    }
}

struct UnreachableContent {
    host: String,
    origin: Origin,
}

#[async_trait::async_trait]
impl Content for UnreachableContent {
    fn origin(&self) -> &Origin {
        &self.origin
    }

    async fn manifest(&self, _descriptor: &Descriptor) -> Result<Bytes, OciError> {
        Err(Unreachable {
            host: self.host.clone(),
        }
        .refuse("read manifest from"))
    }

    async fn blob(&self, _descriptor: &Descriptor, _offset: u64) -> Result<ByteStream, OciError> {
        Err(Unreachable {
            host: self.host.clone(),
        }
        .refuse("read blob from"))
    }

    async fn referrers(&self, _subject: &Digest) -> Result<Vec<Descriptor>, OciError> {
        Err(Unreachable {
            host: self.host.clone(),
        }
        .refuse("list referrers at"))
    }
}
