//! What a step does whose image the registry behind its store fetches by itself.

use std::sync::Arc;

use super::effects::Running;
use crate::azure::import::{Import, ImportError, Imported, RegistryId, SourceImage, TargetTag};
use crate::credentials::entra::is_azure_registry;
use crate::digest::Digest;
use crate::event::Event;
use crate::fault::Fault;
use crate::locate::Located;
use crate::oci::{Descriptor, Job, OciError};
use crate::plan::{AosmSite, Target};
use crate::project::CopyMode;
use crate::store::{ArtifactName, ArtifactStore, Observed};

/// The tag of a step, as its store shows it.
struct Tag<'a> {
    store: &'a dyn ArtifactStore,
    name: &'a ArtifactName,
    job: &'a Job,
}

#[async_trait::async_trait]
impl TargetTag for Tag<'_> {
    async fn held(&self) -> Result<Option<Digest>, OciError> {
        Ok(match self.store.observe(self.name, false, self.job).await? {
            Observed::Present(root) | Observed::Damaged { root: Some(root), .. } => Some(root.digest),
            Observed::Absent | Observed::Damaged { root: None, .. } => None,
        })
    }
}

impl Running {
    /// Has the registry import the image. `false`: it is to go through this machine instead, because we may not ask for imports
    /// or would have to hand out a password, and the store leaves the choice to us.
    pub(super) async fn import(
        &self,
        target: &Target,
        root: &Descriptor,
        store: &Arc<dyn ArtifactStore>,
    ) -> Result<bool, Fault> {
        let world = &self.planned.world;
        let located = target.image.and_then(|image| self.planned.locations.get(image)?.ok());
        let (Some(site), Some(located)) = (world.sites.get(&target.store), located) else {
            return Err(Fault::bug("it is to be imported, and its store is none of AOSM's"));
        };
        let (Some(registry), Some(reached)) = (site.backing_registry(), &site.reached) else {
            return Err(Fault::bug("it is to be imported, and nobody knows by which registry"));
        };
        let demanded = site.config.copy == CopyMode::ServerSide;
        if let Some(error) = world.imports.denied(&registry) {
            return self.denied(site, &registry, error, demanded);
        }
        let Some(source) = self.source(site, located, root, demanded).await? else {
            return Ok(false);
        };
        let import = Import {
            repository: site.repository(&target.name.repository)?,
            registry,
            source,
            tag: target.name.tag.clone(),
            digest: root.digest.clone(),
        };
        let tag = Tag {
            store: store.as_ref(),
            name: &target.name,
            job: &self.job,
        };
        match world.imports.import(&reached.arm, &import, &tag, &self.job).await {
            Ok(how) => {
                self.detail(format!("{}: {}", target.id, words(how)));
                Ok(true)
            }
            Err(ImportError::Denied(error)) => self.denied(site, &import.registry, error, demanded),
            Err(error) => Err(error.into()),
        }
    }

    /// Told once, however many images it concerns.
    fn denied(
        &self,
        site: &AosmSite,
        registry: &RegistryId,
        error: crate::azure::arm::ArmError,
        demanded: bool,
    ) -> Result<bool, Fault> {
        let first = self.planned.world.imports.deny(registry, &error);
        if demanded {
            return Err(error.into());
        }
        if first {
            let told = Fault::warning(format!(
                "store {}: its registry {} may not be asked for imports, so images go through this machine",
                site.name,
                registry.name()
            ));
            let hint = error.hint.clone();
            let told = told.at_opt(site.place.clone()).because(error.to_string());
            self.session.events.emit(Event::Fault(match hint {
                Some(hint) => told.hint(hint),
                None => told,
            }));
        }
        Ok(false)
    }

    /// Where the registry finds the image, and the login that it takes. `None`: it is better streamed.
    async fn source(
        &self,
        site: &AosmSite,
        located: &Located,
        root: &Descriptor,
        demanded: bool,
    ) -> Result<Option<SourceImage>, Fault> {
        let world = &self.planned.world;
        let host = located.source.host.as_str();
        let readable = match world.lend(host, &located.repository, &root.digest, &self.job).await {
            Ok(readable) => readable,
            Err(error) if demanded || error.kind == crate::oci::ErrorKind::Cancelled => return Err(error.into()),
            Err(error) => {
                // Streaming says what is the matter in its own words.
                self.detail(format!("{host}: not imported: {error}"));
                return Ok(None);
            }
        };
        // A password is good for more than this image and longer than this run: it is handed to nobody unasked.
        if readable.login.is_some() && !demanded && !is_azure_registry(&readable.registry) {
            if world.imports.is_first(&format!("password of {host}")) {
                let told = Fault::warning(format!(
                    "images of {host} go through this machine: an import would take handing its login to Azure"
                ));
                self.session.events.emit(Event::Fault(told.at_opt(site.place.clone()).hint(format!(
                    "`copy = \"server-side\"` in [stores.{}] hands it over; `copy = \"stream\"` says that this is meant",
                    site.name
                ))));
            }
            return Ok(None);
        }
        Ok(Some(SourceImage {
            registry: readable.registry,
            repository: readable.repository,
            login: readable.login,
        }))
    }

    fn detail(&self, text: String) {
        self.session.events.emit(Event::Detail(text));
    }
}

fn words(how: Imported) -> &'static str {
    match how {
        Imported::Asked => "imported by the registry",
        Imported::Found => "imported by the registry, as an earlier run had asked for",
        Imported::WasThere => "it was there already",
    }
}
