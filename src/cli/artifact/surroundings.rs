//! Where an `artifact` command runs: its folder, and the project there, if any, whose settings then count.

use camino::Utf8PathBuf;

use super::typed::{Location, Stores};
use crate::cli::context::Context;
use crate::fault::{Fault, Faults};
use crate::oci::registry::Access;
use crate::project::{Auth, Project, Spanned, StoreConfig, StoreKind};

/// Where the command runs: the folder, and the project if there is one.
pub struct Surroundings {
    /// The folder that relative paths start from.
    pub folder: Utf8PathBuf,
    /// The project.
    pub project: Option<Project>,
    /// What is wrong with a project that nobody named: a mistake in it must not keep anybody from looking at a
    /// registry.
    broken: Option<Faults>,
}

impl Surroundings {
    /// Loads the project, if there is one.
    pub fn of(context: &Context) -> Result<Self, Faults> {
        let folder = context.folder()?;
        let (project, broken) = match context.project_if_any() {
            Ok(project) => (project, None),
            Err(faults) if context.global.project.is_none() => (None, Some(faults)),
            Err(faults) => return Err(faults),
        };
        Ok(Self {
            folder,
            project,
            broken,
        })
    }

    /// A reference that cannot be read may name a store of the project that cannot be read.
    pub fn with_the_project(&self, mut faults: Faults) -> Faults {
        faults.extend(self.broken.iter().flat_map(|broken| broken.iter().cloned()));
        faults
    }

    /// Says that the project does not count, where it is broken.
    pub fn warn(&self, context: &Context) {
        if self.broken.is_some() {
            let warning =
                Fault::warning("the project here has errors, so its network, sources and stores do not count");
            context.screen.fault(&warning.hint("`aosm-build check` shows them"));
        }
    }

    /// The names of the project's stores; `None` without a project.
    pub fn stores(&self) -> Stores<'_> {
        let project = self.project.as_ref()?;
        Some(project.stores.iter().map(|store| store.name.value.as_str()).collect())
    }

    /// A store by name.
    pub fn store(&self, name: &str) -> Option<&StoreConfig> {
        let stores = &self.project.as_ref()?.stores;
        stores.iter().find(|store| store.name.value == name)
    }

    /// The registry that a location leads to.
    pub fn host(&self, location: &Location) -> Option<String> {
        match location {
            Location::Registry(host) => Some(host.clone()),
            Location::Layout(_) => None,
            Location::Store(name) => match &self.store(name)?.kind {
                StoreKind::Registry { host, .. } => Some(host.clone()),
                StoreKind::Local { .. } | StoreKind::Acr(_) | StoreKind::StorageAccount(_) => None,
            },
        }
    }

    /// What the project says about logging in to a host: as a source, else as the registry of a store.
    pub fn auth_of(&self, host: &str) -> Access {
        let Some(project) = &self.project else {
            return Access::default();
        };
        if let Some(source) = project.sources.get(host) {
            return access(source.auth, source.tenant.as_ref());
        }
        let store = project
            .stores
            .iter()
            .find(|store| matches!(&store.kind, StoreKind::Registry { host: named, .. } if named == host));
        store.map_or_else(Access::default, store_access)
    }
}

/// How the project logs in to a store's registry.
pub fn store_access(store: &StoreConfig) -> Access {
    access(store.auth, store.tenant.as_ref())
}

fn access(auth: Auth, tenant: Option<&Spanned<String>>) -> Access {
    Access::from(auth).in_tenant(tenant.map(|tenant| tenant.value.clone()))
}
