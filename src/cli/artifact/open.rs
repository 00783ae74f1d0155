//! Opens references of the command line: from a typed text to a place that can be read, written, listed.
//!
//! A project is not needed. Where there is one, its network profile, its stores and its ways to log in count, flags
//! before them. Nothing is asked of any registry here; where a store of AOSM is named, Resource Manager is asked which registry is
//! behind it, and for the credential.

use std::collections::BTreeSet;
use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};

use super::options::{Login, ReachArgs, RegistryArgs};
use super::surroundings::{Surroundings, store_access};
use super::typed::{self, Location, Typed};
use crate::cli::aosm::{Granted, OneOff};
use crate::cli::context::Context;
use crate::digest::ReadFiles;
use crate::fault::{Fault, Faults, Kind};
use crate::oci::layout::read_folder_index;
use crate::oci::registry::{Access, Client, Registries, RegistryOptions, RegistryPlace};
use crate::oci::{Job, Place, Selector};
use crate::plan::aosm::Sought;
use crate::project::{AosmStore, Network, Spanned, StoreKind};
use crate::store::{ArtifactStore as _, LocalStore};

/// What a reference is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// It is read: a layout must be there, and there is one tag at most.
    Read,
    /// It is deleted: the same.
    Delete,
    /// It is written: a layout is made, several tags may be given, a digest may not.
    Write,
    /// A whole repository is listed: neither tag nor digest.
    List,
}

/// An opened reference.
pub struct Opened {
    /// The repository.
    pub place: Arc<dyn Place>,
    /// All that shares its manifests: the repository itself in a registry, the whole layout in a layout.
    pub whole: Arc<dyn Place>,
    /// Stands before a tag where the whole layout is looked at.
    pub prefix: String,
    /// Tag or digest, where one was given.
    pub selector: Option<Selector>,
    /// Tags after the first.
    pub more_tags: Vec<String>,
    /// The whole reference, for messages.
    pub shown: String,
    /// The repository as a registry has it, where it is in one.
    pub registry: Option<Arc<RegistryPlace>>,
}

impl Opened {
    /// Tag or digest; without one an error that says so.
    pub fn named(&self) -> Result<&Selector, Fault> {
        self.selector.as_ref().ok_or_else(|| {
            Fault::new(Kind::Usage, format!("{}: names no tag and no digest", self.shown)).hint(format!(
                "add one, for example {}:latest; `aosm-build artifact tags` lists them",
                self.shown
            ))
        })
    }

    /// The repository alone, as it is written before a tag or digest.
    pub fn path(&self) -> String {
        let selector = self.selector.as_ref().map_or_else(String::new, ToString::to_string);
        self.shown.strip_suffix(&selector).unwrap_or(&self.shown).to_owned()
    }

    /// All tags that were given.
    pub fn tags(&self) -> Vec<&str> {
        let first = match &self.selector {
            Some(Selector::Tag(tag)) => Some(tag.as_str()),
            Some(Selector::Digest(_)) | None => None,
        };
        first
            .into_iter()
            .chain(self.more_tags.iter().map(String::as_str))
            .collect()
    }
}

/// A whole registry, or what stands in its place.
pub enum OpenedRegistry {
    /// A registry, and the path below which repositories are meant (empty: all).
    Registry {
        /// Its client.
        client: Arc<Client>,
        /// The prefix of a store; may be empty.
        prefix: String,
    },
    /// A layout folder.
    Layout(Arc<dyn Place>),
    /// What a store of AOSM lets see: a manifest's repositories.
    Granted(Granted),
}

/// A job of a command: counted and shown under a word.
pub fn job(context: &Context, step: &str) -> Job {
    Job::new(step, context.screen.events(), context.cancel.clone())
}

/// Opens one reference.
pub async fn open(context: &Context, args: &RegistryArgs, text: &str, purpose: Purpose) -> Result<Opened, Faults> {
    let mut all = open_all(context, args, &[(text, purpose)]).await?;
    all.pop()
        .ok_or_else(|| Fault::bug("an opened reference was lost").into())
}

/// Opens several references that share their flags; all that is wrong with any of them is told.
pub async fn open_all(
    context: &Context,
    args: &RegistryArgs,
    texts: &[(&str, Purpose)],
) -> Result<Vec<Opened>, Faults> {
    let login = Login::of(&args.login)?;
    let each: Vec<(&str, Purpose, &Login)> = texts.iter().map(|(text, purpose)| (*text, *purpose, &login)).collect();
    open_with(context, &args.reach, &each).await
}

/// Opens several references, each with a login of its own.
pub async fn open_with(
    context: &Context,
    reach: &ReachArgs,
    texts: &[(&str, Purpose, &Login)],
) -> Result<Vec<Opened>, Faults> {
    let surroundings = Surroundings::of(context)?;
    let mut faults = Faults::new();
    let mut taken = Vec::new();
    for (text, purpose, login) in texts {
        match typed::reference(text, &surroundings.stores()) {
            Ok(typed) => taken.push((typed, *purpose, *login)),
            Err(fault) => faults.push(fault),
        }
    }
    let ((), _) = faults
        .into_result(())
        .map_err(|faults| surroundings.with_the_project(faults))?;
    surroundings.warn(context);
    let hosts: Vec<String> = taken
        .iter()
        .filter_map(|(typed, ..)| surroundings.host(&typed.location))
        .collect();
    check_given(
        taken
            .iter()
            .map(|(typed, _, login)| (surroundings.host(&typed.location), *login)),
    )?;
    let world = Opening::new(context, surroundings, reach, &hosts)?;
    let mut faults = Faults::new();
    let mut opened = Vec::new();
    for (typed, purpose, login) in taken {
        match Box::pin(world.open(typed, purpose, login)).await {
            Ok(one) => opened.push(one),
            Err(more) => faults.extend(more),
        }
    }
    let (opened, _) = faults.into_result(opened)?;
    Ok(opened)
}

/// Opens a whole registry, store or layout.
pub async fn open_registry(context: &Context, args: &RegistryArgs, text: &str) -> Result<OpenedRegistry, Faults> {
    let login = Login::of(&args.login)?;
    let surroundings = Surroundings::of(context)?;
    let location =
        typed::registry(text, &surroundings.stores()).map_err(|fault| surroundings.with_the_project(fault.into()))?;
    surroundings.warn(context);
    let hosts: Vec<String> = surroundings.host(&location).into_iter().collect();
    let world = Opening::new(context, surroundings, &args.reach, &hosts)?;
    if let Location::Store(name) = &location
        && let Some(config) = world.aosm(&location)
    {
        world.may_ask(name, &login)?;
        return Ok(OpenedRegistry::Granted(world.aosm.granted(&config, None, false).await?));
    }
    Ok(match world.find(&location, Purpose::Read)? {
        Found::Registry { host, prefix, auth } => OpenedRegistry::Registry {
            client: world.client(&host, &auth, &login)?,
            prefix,
        },
        Found::Layout(folder) => {
            let store = LocalStore::new("layout", folder, Arc::new(ReadFiles));
            OpenedRegistry::Layout(store.place("").map_err(Fault::from)?)
        }
        Found::Granted { .. } => return Err(Fault::bug("a store of AOSM was opened as something else").into()),
    })
}

/// There is one standard input, so one password: it is not sent to two registries.
fn check_given<'l>(logins: impl Iterator<Item = (Option<String>, &'l Login)>) -> Result<(), Fault> {
    let given = logins.filter(|(_, login)| login.given.is_some());
    let hosts: BTreeSet<String> = given.filter_map(|(host, _)| host).collect();
    if hosts.len() < 2 {
        return Ok(());
    }
    Err(
        Fault::new(Kind::Usage, "--username: one password would be sent to two registries").hint(
            "say for which it is: --from-username or --to-username; log in to the other beforehand with `aosm-build login`",
        ),
    )
}

/// What a location turned out to be.
enum Found {
    Registry {
        host: String,
        prefix: String,
        auth: Access,
    },
    Layout(Utf8PathBuf),
    /// In a registry behind a store of AOSM.
    Granted {
        client: Arc<Client>,
        repository: String,
    },
}

/// Everything that opening takes.
struct Opening {
    surroundings: Surroundings,
    registries: Arc<Registries>,
    aosm: OneOff,
    offline: bool,
}

impl Opening {
    fn new(context: &Context, surroundings: Surroundings, reach: &ReachArgs, hosts: &[String]) -> Result<Self, Fault> {
        let mut network: Network = surroundings
            .project
            .as_ref()
            .map_or_else(Network::default, |project| project.network.clone());
        if let Some(file) = &reach.ca_file {
            let file = surroundings.folder.join(file);
            if !file.is_file() {
                return Err(
                    Fault::new(Kind::Usage, format!("--ca-file {file}: there is no such file"))
                        .hint("name a PEM file with certificates"),
                );
            }
            network.ca_file = Some(Spanned::default_value(file));
        }
        if reach.plain_http {
            network.plain_http.extend(hosts.iter().cloned());
        }
        let mut options = RegistryOptions::default();
        if let Some(at_once) = reach.concurrency {
            options.requests_at_once = at_once.get();
        }
        let registries = Registries::new(&network, options);
        Ok(Self {
            aosm: OneOff::new(
                &registries,
                reach.artifact_manifest.clone(),
                job(context, "look at the store of AOSM"),
            ),
            registries,
            surroundings,
            offline: context.global.offline,
        })
    }

    /// The store of AOSM that a location names.
    fn aosm(&self, location: &Location) -> Option<AosmStore> {
        let Location::Store(name) = location else { return None };
        match &self.surroundings.store(name)?.kind {
            StoreKind::Acr(config) => Some(config.clone()),
            _ => None,
        }
    }

    /// A store of AOSM takes no login but what its manifest grants, and is nothing to open without the network.
    fn may_ask(&self, name: &str, login: &Login) -> Result<(), Fault> {
        if self.offline {
            return Err(Fault::new(Kind::Usage, format!("{name}: --offline forbids asking it"))
                .hint("run it without --offline"));
        }
        if !login.is_default() {
            return Err(Fault::new(
                Kind::Usage,
                format!("{name}: a store of AOSM takes no login of the command line, its artifact manifest grants one"),
            )
            .hint("leave --auth, --tenant and --username away; `auth` and `tenant` of the store say who asks Resource Manager"));
        }
        Ok(())
    }

    async fn open(&self, mut typed: Typed, purpose: Purpose, login: &Login) -> Result<Opened, Faults> {
        let name = name_of(&typed);
        if purpose == Purpose::List {
            typed = listed(typed).ok_or_else(|| {
                Fault::new(
                    Kind::Usage,
                    format!("{name}: names one artifact, a repository is listed"),
                )
                .hint("leave the tag or digest away")
            })?;
        }
        if matches!(purpose, Purpose::Read | Purpose::Delete) && !typed.more_tags.is_empty() {
            return Err(
                Fault::new(Kind::Usage, format!("{name}: several tags where one is read"))
                    .hint("give one tag")
                    .into(),
            );
        }
        if purpose == Purpose::Write && matches!(typed.selector, Some(Selector::Digest(_))) {
            return Err(Fault::new(
                Kind::Usage,
                format!("{name}: a digest cannot be chosen, it follows from the content"),
            )
            .hint("give a tag, or none")
            .into());
        }
        let Typed {
            location,
            repository,
            selector,
            more_tags,
        } = typed;
        let (place, whole, registry): (Arc<dyn Place>, Arc<dyn Place>, _) = match self
            .found(&location, purpose, (&repository, selector.as_ref()), login)
            .await?
        {
            Found::Granted { client, repository } => {
                let place = Arc::new(RegistryPlace::new(client, &repository).map_err(Fault::from)?);
                let whole = Arc::clone(&place) as Arc<dyn Place>;
                (Arc::clone(&whole), whole, Some(place))
            }
            Found::Registry { host, prefix, auth } => {
                let client = self.client(&host, &auth, login)?;
                let repository = if prefix.is_empty() {
                    repository.clone()
                } else {
                    format!("{prefix}/{repository}")
                };
                let place = Arc::new(RegistryPlace::new(client, &repository).map_err(Fault::from)?);
                let whole = Arc::clone(&place) as Arc<dyn Place>;
                (Arc::clone(&whole), whole, Some(place))
            }
            Found::Layout(folder) => {
                let store = LocalStore::new("layout", folder, Arc::new(ReadFiles));
                (
                    store.place(&repository).map_err(Fault::from)?,
                    store.place("").map_err(Fault::from)?,
                    None,
                )
            }
        };
        let prefix = if registry.is_some() || repository.is_empty() {
            String::new()
        } else {
            format!("{repository}:")
        };
        let shown = match (&location, &registry) {
            // As it is, complete: a prefix of a store included.
            (_, Some(registry)) => {
                let selector = selector.as_ref().map_or_else(String::new, ToString::to_string);
                format!("{}{selector}", registry.label())
            }
            (_, None) => name,
        };
        Ok(Opened {
            place,
            whole,
            prefix,
            selector,
            more_tags,
            shown,
            registry,
        })
    }

    /// Where a location is; `artifact`: what is meant there.
    async fn found(
        &self,
        location: &Location,
        purpose: Purpose,
        (repository, selector): (&str, Option<&Selector>),
        login: &Login,
    ) -> Result<Found, Faults> {
        let (Some(config), Location::Store(name)) = (self.aosm(location), location) else {
            return Ok(self.find(location, purpose)?);
        };
        self.may_ask(name, login)?;
        let version = match selector {
            Some(Selector::Tag(tag)) => Some(tag.as_str()),
            _ => None,
        };
        let granted = self
            .aosm
            .granted(
                &config,
                Some(Sought {
                    name: repository,
                    version,
                }),
                matches!(purpose, Purpose::Write | Purpose::Delete),
            )
            .await?;
        Ok(Found::Granted {
            repository: granted.repository(repository)?,
            client: granted.client,
        })
    }

    fn find(&self, location: &Location, purpose: Purpose) -> Result<Found, Fault> {
        let found = match location {
            Location::Registry(host) => Found::Registry {
                host: host.clone(),
                prefix: String::new(),
                auth: self.surroundings.auth_of(host),
            },
            Location::Store(name) => {
                let store = self.surroundings.store(name);
                let store = store.ok_or_else(|| Fault::bug(format!("the store {name} was there and is gone")))?;
                match &store.kind {
                    StoreKind::Registry { host, prefix } => Found::Registry {
                        host: host.clone(),
                        prefix: prefix.clone(),
                        auth: store_access(store),
                    },
                    StoreKind::Local { path } => Found::Layout(path.clone()),
                    StoreKind::Acr(_) => return Err(Fault::bug(format!("{name}: nobody asked what is behind it"))),
                    StoreKind::StorageAccount(_) => {
                        return Err(Fault::new(
                            Kind::Usage,
                            format!("{name}: this store is a storage account, which holds disk images only"),
                        )
                        .hint("`aosm-build vhd` is for disk images"));
                    }
                }
            }
            Location::Layout(folder) => Found::Layout(self.surroundings.folder.join(folder)),
        };
        match &found {
            Found::Registry { host, .. } if self.offline => {
                Err(Fault::new(Kind::Usage, format!("{host}: --offline forbids asking it"))
                    .hint("run it without --offline, or name a layout: oci:DIR:NAME"))
            }
            Found::Layout(folder) if purpose != Purpose::Write => {
                check_layout(folder)?;
                Ok(found)
            }
            _ => Ok(found),
        }
    }

    fn client(&self, host: &str, project: &Access, login: &Login) -> Result<Arc<Client>, Fault> {
        let access = Access {
            auth: login.auth.unwrap_or(project.auth),
            tenant: login.tenant.clone().or_else(|| project.tenant.clone()),
            given: login.given.clone(),
        };
        Ok(self.registries.client_as(host, &access)?)
    }
}

/// A folder that is read must be a layout.
fn check_layout(folder: &Utf8Path) -> Result<(), Fault> {
    read_folder_index(folder).map(|_| ()).map_err(Fault::from)
}

/// The repository alone. What follows the folder of a layout is one, here, even without a tag.
fn listed(mut typed: Typed) -> Option<Typed> {
    if let (Location::Layout(_), "", Some(Selector::Tag(name))) = (&typed.location, &*typed.repository, &typed.selector)
    {
        typed.repository.clone_from(name);
        typed.selector = None;
    }
    typed.selector.is_none().then_some(typed)
}

/// A reference that needs no host to be told: `oci:DIR:NAME`, `NAME:REF`, `host/repository:tag`.
fn name_of(typed: &Typed) -> String {
    let selector = typed.selector.as_ref().map_or_else(String::new, ToString::to_string);
    let repository = &typed.repository;
    match &typed.location {
        Location::Registry(host) => format!("{host}/{repository}{selector}"),
        Location::Store(name) => format!("{name}:{repository}{selector}"),
        Location::Layout(folder) if repository.is_empty() => format!("oci:{folder}{selector}"),
        Location::Layout(folder) => format!("oci:{folder}:{repository}{selector}"),
    }
}
