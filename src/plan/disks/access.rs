//! The containers of a run's disk images: which signature opens which, found without asking anybody.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

use tokio::sync::Semaphore;

use crate::azure::credential::ManifestSas;
use crate::blob::{
    BlobError, BlobErrorKind, ContainerOptions, Containers, EmulatorSas, FixedSas, PageBlob, Remote, Right, SasSource,
    SasUrl, read_variable,
};
use crate::fault::Fault;
use crate::oci::Job;
use crate::plan::Session;
use crate::plan::aosm::AosmSite;
use crate::project::{Project, SasPlace, StorageAccount, StoreKind, VhdConfig, VhdSource};

/// Requests besides those that carry data: leases must get through.
const BESIDES: usize = 2;

/// What the disk images of a run share. Nothing is asked by opening it, and nobody without need.
pub struct DiskStores {
    project: Arc<Project>,
    containers: Containers,
    /// By store: uploads take turns.
    turns: BTreeMap<usize, Arc<Semaphore>>,
    /// Stores of AOSM, as they were seen, and how they are asked again.
    sites: BTreeMap<usize, Arc<AosmSite>>,
    job: Option<Job>,
}

/// A blob, and what there is to say about the signature that opens it.
pub struct Opened {
    /// The blob.
    pub blob: PageBlob,
    /// Why the signature would not do for writing, as far as it says so itself.
    pub cannot_write: Option<BlobError>,
    /// What is worth warning of.
    pub warning: Option<Fault>,
}

impl DiskStores {
    /// Those of a project; `None` where it has no disk images.
    pub fn open(session: &Session) -> Option<Self> {
        Self::of(&session.project)
    }

    /// The same without a session.
    pub fn of(project: &Arc<Project>) -> Option<Self> {
        let project = Arc::clone(project);
        if project.vhds.is_empty() {
            return None;
        }
        let accounts = project.stores.iter().enumerate();
        let accounts: Vec<(usize, &StorageAccount)> = accounts
            .filter_map(|(index, store)| match &store.kind {
                StoreKind::StorageAccount(account) => Some((index, account)),
                _ => None,
            })
            .collect();
        let most = accounts.iter().map(|(_, account)| account.parallel).max().unwrap_or(1);
        let options = ContainerOptions {
            requests_at_once: most.saturating_add(BESIDES),
            ..ContainerOptions::default()
        };
        Some(Self {
            containers: Containers::with_options(&project.network, options),
            turns: accounts
                .iter()
                .map(|(index, _)| (*index, Arc::new(Semaphore::new(1))))
                .collect(),
            sites: BTreeMap::new(),
            job: None,
            project,
        })
    }

    /// Takes in what the stores of AOSM were seen to be. Credentials are renewed within `job`.
    pub fn connected(&mut self, sites: &BTreeMap<usize, Arc<AosmSite>>, job: &Job) {
        self.sites.clone_from(sites);
        self.job = Some(job.clone());
    }

    /// The AOSM store at a position, where it is one and was looked at.
    pub fn site(&self, store: usize) -> Option<&Arc<AosmSite>> {
        self.sites.get(&store)
    }

    /// What receipts know a store by, for when nobody may be asked.
    pub fn identity(&self, store: usize) -> String {
        let name = self
            .project
            .stores
            .get(store)
            .map_or("", |store| store.name.value.as_str());
        if let Some(site) = self.site(store) {
            return site.identity();
        }
        match self.account(store).and_then(|account| account.emulator.as_ref()) {
            Some(emulator) => format!("storage-account:{name}:{emulator}"),
            None => format!("storage-account:{name}"),
        }
    }

    /// What a store says of its disk images.
    pub fn account(&self, store: usize) -> Option<&StorageAccount> {
        match &self.project.stores.get(store)?.kind {
            StoreKind::StorageAccount(account) => Some(account),
            _ => None,
        }
    }

    /// The turn of an upload. One after another is no slower than all at once, as each fills the line by itself; it keeps
    /// memory and connections at those of one, and the first image is whole and proven before the second begins.
    pub fn turn(&self, store: usize) -> Option<Arc<Semaphore>> {
        self.turns.get(&store).cloned()
    }

    /// The blob of a disk image. Errors name the variable or file, and never repeat what is in it.
    pub fn blob(&self, vhd: &VhdConfig) -> Result<Opened, BlobError> {
        let expected = vhd.expected_container();
        let emulator = self.account(vhd.store).and_then(|account| account.emulator.as_ref());
        if self.account(vhd.store).is_some_and(|account| account.aosm.is_some()) {
            let source = self.granted(vhd.store, &expected)?;
            return Ok(Opened {
                blob: self.containers.open(source).blob(&vhd.vhd_name().blob()),
                cannot_write: None,
                warning: None,
            });
        }
        let (source, cannot_write, warning): (Arc<dyn SasSource>, _, _) = match (emulator, &vhd.sas) {
            (Some(endpoint), _) => {
                let source = EmulatorSas::new(&self.containers, endpoint.as_str(), &expected)?;
                (Arc::new(source), None, None)
            }
            (None, Some(place)) => {
                let (sas, warning) = signature(place, &expected)?;
                let now = SystemTime::now();
                sas.0.check(&[Right::Read], now)?;
                let elsewhere = disk_elsewhere(&sas, vhd)?;
                let cannot_write = sas.0.check(&[Right::Write], now).err();
                (Arc::new(sas), cannot_write, elsewhere.or(warning))
            }
            (None, None) => {
                let why = "has no signature for its container";
                return Err(BlobError::new(BlobErrorKind::Denied, "open", &vhd.name.value, why)
                    .hint("add `sas-env` to its `[[vhds]]`"));
            }
        };
        Ok(Opened {
            blob: self.containers.open(source).blob(&vhd.vhd_name().blob()),
            cannot_write,
            warning: warning.map(|fault| fault.at_opt(vhd.name.place.clone())),
        })
    }

    /// The signature that an artifact manifest grants for a container.
    fn granted(&self, store: usize, container: &str) -> Result<Arc<dyn SasSource>, BlobError> {
        let refused = |what: &str, why: &str| BlobError::new(BlobErrorKind::Denied, "open", what, why);
        let (Some(site), Some(job)) = (self.site(store), &self.job) else {
            return Err(refused(container, "its store was not asked"));
        };
        if let Some(problem) = &site.problem {
            let error = refused(container, problem.message());
            return Err(match problem.hint_text() {
                Some(hint) => error.hint(hint),
                None => error,
            });
        }
        let Some(reached) = &site.reached else {
            return Err(refused(container, "its store was not asked"));
        };
        let credential = Arc::clone(&reached.credential);
        Ok(Arc::new(ManifestSas::new(credential, container, job.clone())))
    }

    /// The source of a copy; `None` for files.
    pub fn source(&self, vhd: &VhdConfig) -> Option<Result<Remote, BlobError>> {
        let parsed = match &vhd.source {
            VhdSource::File(_) => return None,
            VhdSource::UrlInVariable(variable) => {
                let origin = format!("the variable {}", variable.value);
                read_variable(&variable.value)
                    .map_err(|error| error.hint("set it to the URL of the blob to copy, with its signature"))
                    .and_then(|text| Ok((SasUrl::parse(&text, &origin)?, origin)))
            }
            VhdSource::Url(url) => {
                let origin = "the input file".to_owned();
                SasUrl::parse(url.value.expose(), &origin).map(|url| (url, origin))
            }
        };
        Some(parsed.map(|(url, origin)| Remote::new(&self.containers, url, &origin)))
    }
}

/// The signature at a place; of a file that holds several, the one under the container's name.
fn signature(place: &SasPlace, container: &str) -> Result<(FixedSas, Option<Fault>), BlobError> {
    match place {
        SasPlace::Variable(variable) => Ok((FixedSas::from_variable(&variable.value)?, None)),
        SasPlace::File(file) => {
            let path = &file.value;
            let found = FixedSas::from_file(path, Some(container)).or_else(|_| FixedSas::from_file(path, None));
            let (sas, warning) = found.map_err(|error| match error.hint {
                Some(_) => error,
                None => error.hint("put the container's URL with its signature there, or name another `sas-file`"),
            })?;
            Ok((sas, warning.map(Fault::warning)))
        }
    }
}

/// The container that a signature opens is the one that is used. That it is another than the project names is an error; another
/// than the one derived from the name, which nobody wrote down, is worth a word.
pub fn disk_elsewhere(sas: &FixedSas, vhd: &VhdConfig) -> Result<Option<Fault>, BlobError> {
    let expected = vhd.expected_container();
    let opened = sas.0.container();
    if opened == expected {
        return Ok(None);
    }
    let name = &vhd.name.value;
    if vhd.container.is_some() {
        let why = format!("opens the container {opened}, and {name} goes to {expected}");
        return Err(BlobError::new(BlobErrorKind::Denied, "use", &sas.0.origin, why)
            .hint("name another signature, or correct `container`"));
    }
    let what = format!(
        "disk image {name}: goes to the container {opened}, which {} opens; by its name it would be {expected}",
        sas.0.origin
    );
    Ok(Some(
        Fault::warning(what).hint(format!("write `container = \"{opened}\"` if that is meant")),
    ))
}
