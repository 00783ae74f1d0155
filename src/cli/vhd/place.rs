//! Where a disk image is or will be: from flags or a store of the project to a blob that can be asked. Nothing is asked here, but of
//! Resource Manager for stores of AOSM.

use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};
use clap::Args;

use crate::azure::credential::ManifestSas;
use crate::blob::{ContainerOptions, Containers, EmulatorSas, FixedSas, PageBlob, SasSource};
use crate::cli::aosm::OneOff;
use crate::cli::context::Context;
use crate::fault::{Fault, Faults, Kind};
use crate::oci::Job;
use crate::oci::registry::{Registries, RegistryOptions};
use crate::plan::aosm::Sought;
use crate::plan::disk_elsewhere;
use crate::project::{AosmStore, Network, Project, SasPlace, Spanned, StorageAccount, StoreKind, VhdConfig};
use crate::state::StateFolder;
use crate::vhd::VhdName;

/// Requests of a store that nobody sets: two more than data is moved at a time, for leases and the like.
const BESIDES: usize = 2;

/// Where the disk image is, and how its container is opened.
#[derive(Debug, Clone, Args, Default)]
pub struct PlaceArgs {
    /// Open the container with the URL and signature (SAS) in this variable
    #[arg(
        long,
        value_name = "VAR",
        conflicts_with = "sas_file",
        help_heading = "Container options"
    )]
    pub sas_env: Option<String>,
    /// Open the container with the URL and signature (SAS) in this file
    #[arg(long, value_name = "FILE", help_heading = "Container options")]
    pub sas_file: Option<Utf8PathBuf>,
    /// Artifact name, which container and blob are called after
    #[arg(long, value_name = "NAME", requires = "version", help_heading = "Container options")]
    pub name: Option<String>,
    /// Artifact version, such as 1-0-0
    #[arg(long, value_name = "VERSION", requires = "name", help_heading = "Container options")]
    pub version: Option<String>,
    /// The blob's name, in whatever container the signature opens
    #[arg(long, value_name = "BLOB", help_heading = "Container options")]
    pub blob: Option<String>,
    /// For a store of AOSM: the artifact manifest whose signatures are used [default: the store's, else the one that lists it]
    #[arg(long, value_name = "NAME", conflicts_with_all = ["sas_env", "sas_file"], help_heading = "Container options")]
    pub artifact_manifest: Option<String>,
    /// Reach the service without TLS (as always on this machine)
    #[arg(long, help_heading = "Container options")]
    pub plain_http: bool,
    /// More certificate authorities, PEM
    #[arg(long, value_name = "FILE", help_heading = "Container options")]
    pub ca_file: Option<Utf8PathBuf>,
}

/// A blob that can be asked.
pub struct Place {
    /// The blob.
    pub blob: PageBlob,
    /// Its artifact, where it was found by that.
    pub name: Option<VhdName>,
    /// The project's word on it, where a store of the project was named.
    pub store: Option<StorageAccount>,
    /// Where checkpoints, receipts and the like are kept.
    pub state: Utf8PathBuf,
    /// Is that the state of a project?
    in_project: bool,
}

impl Place {
    /// Makes the state folder ready to be written.
    pub fn open_state(&self) -> Result<(), Fault> {
        // That of a project says to others that it is nothing to be committed.
        if self.in_project {
            StateFolder::open(&self.state)?;
        }
        Ok(())
    }
}

/// How a place was named.
enum Named {
    /// By a store of the project.
    Store(String, VhdName),
    /// By its artifact; the container is opened by flags.
    Artifact(VhdName),
    /// By the blob alone.
    Blob,
}

/// Opens a place. `parallel`: how much data will be moved at a time, where somebody says so.
pub async fn open(
    context: &Context,
    destination: Option<&str>,
    args: &PlaceArgs,
    parallel: Option<usize>,
) -> Result<Place, Faults> {
    let folder = context.folder()?;
    let named = named(destination, args)?;
    if context.global.offline {
        return Err(Fault::new(Kind::Usage, "--offline forbids asking a storage account")
            .hint("run it without --offline")
            .into());
    }
    // Flags say everything: a mistake in the project must not keep anybody from a blob.
    let project = match context.project_if_any() {
        Ok(project) => project,
        Err(faults) if matches!(named, Named::Store(..)) || context.global.project.is_some() => return Err(faults),
        Err(_) => {
            let warning = Fault::warning("the project here has errors, so its network settings do not count");
            context.screen.fault(&warning.hint("`aosm-build check` shows them"));
            None
        }
    };
    let state = state_folder(project.as_ref(), &folder);
    let opened = Opening {
        context,
        args,
        folder: &folder,
        project: project.as_ref(),
        parallel,
    };
    let place = match &named {
        Named::Store(store, name) => opened.in_store(store, name, state).await,
        Named::Artifact(name) => opened.by_flags(Some(name), state),
        Named::Blob => opened.by_flags(None, state),
    }?;
    Ok(place)
}

/// What was typed. All that is wrong with it is told.
fn named(destination: Option<&str>, args: &PlaceArgs) -> Result<Named, Faults> {
    let usage = |what: &str, hint: &str| Faults::from(Fault::new(Kind::Usage, what).hint(hint));
    let by_flags = args.sas_env.is_some() || args.sas_file.is_some();
    let parts: Vec<&str> = destination.map_or_else(Vec::new, |text| text.split(':').collect());
    let name = match (&args.name, &args.version) {
        (Some(artifact), Some(version)) => Some(VhdName {
            artifact: artifact.clone(),
            version: version.clone(),
        }),
        _ => None,
    };
    let named = match (parts.as_slice(), by_flags, name) {
        ([store, artifact, version], false, None) if !store.is_empty() => Named::Store(
            (*store).to_owned(),
            VhdName {
                artifact: (*artifact).to_owned(),
                version: (*version).to_owned(),
            },
        ),
        ([artifact, version], true, None) => Named::Artifact(VhdName {
            artifact: (*artifact).to_owned(),
            version: (*version).to_owned(),
        }),
        ([], true, Some(name)) => Named::Artifact(name),
        ([], true, None) if args.blob.is_some() => Named::Blob,
        ([], true, None) => {
            return Err(usage(
                "the signature opens a container, and nothing says which blob of it is meant",
                "add --name and --version of the artifact, or --blob with the blob's own name",
            ));
        }
        ([], false, _) => {
            return Err(usage(
                "nothing says where the disk image is",
                "name it STORE:NAME:VERSION by a store of the project, or use --sas-env or --sas-file with --name and --version",
            ));
        }
        (_, true, Some(_)) => {
            return Err(usage(
                "it is named twice",
                "leave --name and --version away, or what stands before them",
            ));
        }
        (_, false, _) => {
            let what = format!("{}: this is not STORE:NAME:VERSION", destination.unwrap_or_default());
            return Err(usage(&what, "for example disks:ubuntu-vm-vhd:1-0-0"));
        }
        (_, true, None) => {
            let what = format!(
                "{}: this is not NAME:VERSION, and --sas-env and --sas-file take no store",
                destination.unwrap_or_default()
            );
            return Err(usage(&what, "for example ubuntu-vm-vhd:1-0-0"));
        }
    };
    if let (Named::Store(..), Some(_)) = (&named, &args.blob) {
        return Err(usage(
            "--blob: a store of the project has names of its own",
            "use it with --sas-env or --sas-file",
        ));
    }
    Ok(named)
}

struct Opening<'a> {
    context: &'a Context,
    args: &'a PlaceArgs,
    folder: &'a Utf8Path,
    project: Option<&'a Project>,
    parallel: Option<usize>,
}

impl Opening<'_> {
    /// By the signature in a variable or file.
    fn by_flags(&self, name: Option<&VhdName>, state: Utf8PathBuf) -> Result<Place, Faults> {
        let source = match (&self.args.sas_env, &self.args.sas_file) {
            (Some(variable), _) => FixedSas::from_variable(variable).map_err(given)?,
            (None, Some(file)) => self.sas_file(&self.folder.join(file), name)?,
            (None, None) => return Err(Fault::bug("no signature is named").into()),
        };
        let blob = match (&self.args.blob, name) {
            (Some(blob), _) => blob.clone(),
            (None, Some(name)) => {
                self.check_name(name)?;
                check_container(&source, &name.container(), name)?;
                name.blob()
            }
            (None, None) => return Err(Fault::bug("no blob is named").into()),
        };
        let parallel = self.parallel.unwrap_or(crate::project::DISK_PARALLEL);
        let containers = self.containers(&source, parallel)?;
        Ok(Place {
            blob: containers.open(Arc::new(source)).blob(&blob),
            name: name.cloned(),
            store: None,
            state,
            in_project: self.project.is_some(),
        })
    }

    /// By a store of the project.
    async fn in_store(&self, store: &str, name: &VhdName, state: Utf8PathBuf) -> Result<Place, Faults> {
        let none = |what: String, hint: String| Faults::from(Fault::invalid(what).hint(hint));
        let Some(project) = self.project else {
            return Err(none(
                format!("{store}: there is no project here that could name a store"),
                "go to its folder, or use --sas-env or --sas-file with --name and --version".to_owned(),
            ));
        };
        let found = project.stores.iter().position(|known| known.name.value == store);
        let Some((at, config)) = found.and_then(|at| project.stores.get(at).map(|config| (at, config))) else {
            let names: Vec<&str> = project.stores.iter().map(|known| known.name.value.as_str()).collect();
            return Err(none(
                format!("{store}: the project has no store of this name"),
                format!("it has {}", crate::fault::some_of(&names)),
            ));
        };
        let StoreKind::StorageAccount(account) = &config.kind else {
            return Err(none(
                format!("{store}: this store holds no disk images"),
                "a store of kind \"storage-account\" does".to_owned(),
            ));
        };
        self.check_name(name)?;
        let vhd = project
            .vhds
            .iter()
            .find(|vhd| vhd.vhd_name() == *name && vhd.store == at);
        let parallel = self.parallel.unwrap_or(account.parallel);
        let (source, containers): (Arc<dyn SasSource>, Containers) = match (&account.emulator, vhd) {
            _ if account.aosm.is_some() => {
                let containers = self.containers_for(parallel, Vec::new())?;
                let container = vhd.map_or_else(|| name.container(), VhdConfig::expected_container);
                (
                    self.granted(store, account.aosm.as_ref(), name, &container).await?,
                    containers,
                )
            }
            (Some(endpoint), vhd) => {
                let containers = self.containers_for(parallel, Vec::new())?;
                let container = vhd.map_or_else(|| name.container(), VhdConfig::expected_container);
                let source = EmulatorSas::new(&containers, endpoint.as_str(), &container).map_err(Fault::from)?;
                (Arc::new(source), containers)
            }
            (None, Some(vhd)) => {
                let source = match &vhd.sas {
                    Some(SasPlace::Variable(variable)) => FixedSas::from_variable(&variable.value).map_err(given)?,
                    Some(SasPlace::File(file)) => self.sas_file(&file.value, Some(name))?,
                    None => return Err(Fault::bug("a disk image without the signature of its container").into()),
                };
                // As `apply` does: what the signature opens is used, and that it is another container is told.
                let warning = disk_elsewhere(&source, vhd).map_err(given)?;
                if let Some(warning) = warning {
                    self.context.screen.fault(&warning);
                }
                let containers = self.containers(&source, parallel)?;
                (Arc::new(source), containers)
            }
            (None, None) => {
                return Err(none(
                    format!(
                        "{name}: the project names no such disk image in {store}, so no signature of its container"
                    ),
                    "add it to [[vhds]], or use --sas-env or --sas-file with --name and --version".to_owned(),
                ));
            }
        };
        Ok(Place {
            blob: containers.open(source).blob(&name.blob()),
            name: Some(name.clone()),
            store: Some(account.clone()),
            state,
            in_project: true,
        })
    }

    /// The signature that the manifest of a store of AOSM grants for a container.
    async fn granted(
        &self,
        store: &str,
        config: Option<&AosmStore>,
        name: &VhdName,
        container: &str,
    ) -> Result<Arc<dyn SasSource>, Faults> {
        let Some(config) = config else {
            return Err(Fault::bug(format!("{store}: no store of AOSM")).into());
        };
        let registries = Registries::new(&self.network(Vec::new())?, RegistryOptions::default());
        let job = Job::new(
            "look at the store of AOSM",
            self.context.screen.events(),
            self.context.cancel.clone(),
        );
        let one = OneOff::new(&registries, self.args.artifact_manifest.clone(), job);
        let sought = Sought {
            name: &name.artifact,
            version: Some(&name.version),
        };
        let (credential, _) = one.credential(config, Some(sought)).await?;
        let granted = credential.get(one.job()).await.map_err(Fault::from)?;
        let manifest = credential.manifest().manifest.clone();
        let grant = granted.grant.storage(&manifest).map_err(Fault::from)?;
        if grant.container(container).is_none() {
            let names: Vec<&str> = grant.containers.iter().map(|one| one.name.as_str()).collect();
            return Err(Fault::invalid(format!(
                "{store}:{name}: the credential of the artifact manifest {manifest} does not cover the container {container}"
            ))
            .because(if names.is_empty() {
                "it covers none".to_owned()
            } else {
                format!("it covers {}", crate::fault::some_of(&names))
            })
            .hint("name the manifest that lists the disk image: --artifact-manifest NAME")
            .into());
        }
        Ok(Arc::new(ManifestSas::new(credential, container, one.job().clone())))
    }

    fn sas_file(&self, path: &Utf8Path, name: Option<&VhdName>) -> Result<FixedSas, Fault> {
        // A file of several has one for each container, by its name.
        let container = name.map(VhdName::container);
        let (source, warning) = FixedSas::from_file(path, container.as_deref())
            .or_else(|error| {
                if container.is_some() {
                    FixedSas::from_file(path, None)
                } else {
                    Err(error)
                }
            })
            .map_err(given)?;
        if let Some(warning) = warning {
            self.context.screen.fault(&Fault::warning(warning));
        }
        Ok(source)
    }

    /// Errors end it, warnings are told.
    fn check_name(&self, name: &VhdName) -> Result<(), Faults> {
        let found: Faults = name.check().into_iter().collect();
        let ((), warnings) = found.into_result(())?;
        self.context.screen.faults(&warnings);
        Ok(())
    }

    fn containers(&self, source: &FixedSas, parallel: usize) -> Result<Containers, Fault> {
        let place = &source.0.url.place;
        let host = place.host_str().map(|host| match place.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        });
        self.containers_for(parallel, host.into_iter().collect())
    }

    fn containers_for(&self, parallel: usize, hosts: Vec<String>) -> Result<Containers, Fault> {
        let options = ContainerOptions {
            requests_at_once: parallel.saturating_add(BESIDES),
            ..ContainerOptions::default()
        };
        Ok(Containers::with_options(&self.network(hosts)?, options))
    }

    /// The project's network profile with the flags on top; `hosts` are reached without TLS where the flags say so.
    fn network(&self, hosts: Vec<String>) -> Result<Network, Fault> {
        let mut network = self
            .project
            .map_or_else(Network::default, |project| project.network.clone());
        if let Some(file) = &self.args.ca_file {
            let file = self.folder.join(file);
            if !file.is_file() {
                return Err(
                    Fault::new(Kind::Usage, format!("--ca-file {file}: there is no such file"))
                        .hint("name a PEM file with certificates"),
                );
            }
            network.ca_file = Some(Spanned::default_value(file));
        }
        if self.args.plain_http {
            network.plain_http.extend(hosts);
        }
        Ok(network)
    }
}

/// A signature that is no good is input, not infrastructure.
fn given(error: crate::blob::BlobError) -> Fault {
    Fault::from(error).of_kind(Kind::Invalid)
}

/// A signature for another container than the artifact's would put the image where nobody looks for it.
fn check_container(source: &FixedSas, expected: &str, name: &VhdName) -> Result<(), Fault> {
    let container = source.0.container();
    if container == expected {
        return Ok(());
    }
    Err(Fault::invalid(format!(
        "{name}: its container is {expected}, and the signature opens {container}"
    ))
    .because(format!("the signature is from {}", source.0.origin))
    .hint("use the signature of that container; to put the image into another one all the same, give --blob NAME"))
}

/// `.aosm/state` of a project; else a folder of the user's, so that nothing is left in a folder that is no project.
pub fn state_folder(project: Option<&Project>, folder: &Utf8Path) -> Utf8PathBuf {
    if let Some(project) = project {
        return project.root.join(".aosm/state");
    }
    let variable = |name: &str| {
        std::env::var(name)
            .ok()
            .filter(|value| !value.is_empty())
            .map(Utf8PathBuf::from)
    };
    let home = || variable("HOME").map(|home| home.join(".local/state"));
    variable("XDG_STATE_HOME")
        .filter(|path| path.is_absolute())
        .or_else(home)
        .or_else(|| variable("LOCALAPPDATA"))
        .map_or_else(|| folder.join(".aosm/state"), |base| base.join("aosm-build"))
}
