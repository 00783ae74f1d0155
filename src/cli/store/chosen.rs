//! Which publisher, store and manifest a command means, and as whom it asks: flags first, then a store of the project.

use std::sync::Arc;

use super::options::{ArmAuth, AzureArgs};
use crate::azure::arm::{Arm, ArmSettings};
use crate::azure::{ManifestId, PublisherId, StoreId, default_subscription};
use crate::cli::context::Context;
use crate::credentials::Variables;
use crate::credentials::entra::Which;
use crate::fault::{Fault, Faults, Kind, some_of};
use crate::oci::Job;
use crate::oci::registry::{Registries, RegistryOptions};
use crate::project::{AosmStore, Auth, Network, Project, Spanned};

/// A flag that names something a command is about.
#[derive(Debug, Clone, Copy, Default)]
pub enum Flag<'a> {
    /// The command is about no such thing.
    #[default]
    None,
    /// It is, and the flag may be left out.
    Asked(Option<&'a str>),
}

impl<'a> Flag<'a> {
    /// What was given.
    fn given(self) -> Option<&'a str> {
        match self {
            Self::Asked(given) => given,
            Self::None => None,
        }
    }

    /// Is it needed, and was not given?
    fn is_open(self) -> bool {
        matches!(self, Self::Asked(None))
    }

    fn is_asked(self) -> bool {
        matches!(self, Self::Asked(_))
    }
}

/// What a command is about besides the publisher.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wanted<'a> {
    /// `--artifact-store`.
    pub store: Flag<'a>,
    /// `--artifact-manifest`.
    pub manifest: Flag<'a>,
}

/// What was chosen.
pub struct Chosen {
    publisher: PublisherId,
    store: Option<String>,
    manifest: Option<String>,
    /// The publisher's region, where somebody named it.
    pub location: Option<String>,
    settings: ArmSettings,
    network: Network,
}

impl Chosen {
    /// Flags first; what they leave out, the store of the project says. All that is wrong is told.
    pub(super) fn of(
        context: &Context,
        args: &AzureArgs,
        wanted: Wanted<'_>,
        named: Option<&str>,
    ) -> Result<Self, Faults> {
        let named = named.or(context.global.store.as_deref());
        let project = project(context, named.is_some())?;
        let config = match (named, &project) {
            (Some(named), project) => Some(by_name(named, project.as_ref())?),
            (None, Some(project)) => the_only_one(project, args, wanted)?,
            (None, None) => None,
        };
        let missing = missing(args, wanted, config.is_some());
        if !missing.is_empty() {
            return Err(Fault::new(Kind::Usage, format!("{} missing", missing.join(", ")))
                .hint("give them, or name an AOSM store of the project: --store NAME")
                .into());
        }
        let text = |flag: Option<&str>, of: fn(&AosmStore) -> &str| {
            flag.map_or_else(
                || config.as_ref().map_or_else(String::new, |config| of(config).to_owned()),
                str::to_owned,
            )
        };
        let resource_group = text(args.resource_group.as_deref(), |config| &config.resource_group.value);
        let publisher = text(args.publisher.as_deref(), |config| &config.publisher.value);
        let store = wanted
            .store
            .is_asked()
            .then(|| text(wanted.store.given(), |config| &config.artifact_store.value));
        let manifest = wanted
            .manifest
            .is_asked()
            .then(|| text(wanted.manifest.given(), |config| &config.artifact_manifest.value));
        let mut faults = Faults::new();
        let id = subscription(args, config.as_ref())
            .map_err(Faults::from)
            .and_then(|subscription| PublisherId::new(&subscription, &resource_group, &publisher));
        let id = id.map_err(|more| faults.extend(more)).ok();
        // Every name that is wrong is told.
        faults.extend(store.as_deref().and_then(|store| StoreId::check(store).err()));
        faults.extend(
            manifest
                .as_deref()
                .and_then(|manifest| ManifestId::check(manifest).err()),
        );
        let network = network(context, args, project.as_ref())?;
        let chosen = id.map(|publisher| Self {
            publisher,
            store,
            manifest,
            location: args.location.clone().or_else(|| {
                let written = config.as_ref()?.location.as_ref()?;
                Some(written.value.clone())
            }),
            settings: settings(args, config.as_ref()),
            network,
        });
        let (chosen, _) = faults.into_result(chosen)?;
        chosen.ok_or_else(|| Fault::bug("a publisher was lost").into())
    }

    /// The publisher.
    pub fn publisher(&self) -> &PublisherId {
        &self.publisher
    }

    /// The artifact store.
    pub(super) fn store(&self) -> Result<StoreId, Fault> {
        self.publisher.clone().store(self.store.as_deref().unwrap_or_default())
    }

    /// The artifact manifest.
    pub(super) fn manifest(&self) -> Result<ManifestId, Fault> {
        self.store()?.manifest(self.manifest.as_deref().unwrap_or_default())
    }

    /// The client of Resource Manager.
    pub fn arm(&self, context: &Context, what: &str) -> Result<(Arc<Arm>, Job), Faults> {
        if context.global.offline {
            return Err(Fault::new(
                Kind::Usage,
                format!("{what}: --offline forbids asking Resource Manager"),
            )
            .hint("run it without --offline")
            .into());
        }
        let registries = Registries::new(&self.network, RegistryOptions::default());
        let arm = Arm::new(&registries, &self.settings)?;
        let job = Job::new(what, context.screen.events(), context.cancel.clone());
        Ok((arm, job))
    }
}

/// The project here. A mistake in one that nobody named must not keep anybody from looking.
fn project(context: &Context, needed: bool) -> Result<Option<Project>, Faults> {
    match context.project_if_any() {
        Ok(project) => Ok(project),
        Err(faults) if needed || context.global.project.is_some() => Err(faults),
        Err(_) => {
            let warning =
                Fault::warning("the project here has errors, so its stores and network settings do not count");
            context.screen.fault(&warning.hint("`aosm-build check` shows them"));
            Ok(None)
        }
    }
}

fn by_name(named: &str, project: Option<&Project>) -> Result<AosmStore, Fault> {
    let Some(project) = project else {
        return Err(Fault::new(
            Kind::Usage,
            format!("{named}: there is no project here that could name a store"),
        )
        .hint("go to its folder, or give --resource-group, --publisher and the others"));
    };
    let Some(store) = project.stores.iter().find(|store| store.name.value == named) else {
        let known: Vec<&str> = project.stores.iter().map(|store| store.name.value.as_str()).collect();
        return Err(
            Fault::new(Kind::Usage, format!("{named}: the project has no store of this name"))
                .hint(format!("it has {}", some_of(&known))),
        );
    };
    store.kind.aosm().cloned().ok_or_else(|| {
        Fault::new(Kind::Usage, format!("{named}: this store is none of AOSM"))
            .at_opt(store.name.place.clone())
            .hint("stores of kind \"acr\", and of kind \"storage-account\" with a publisher, are")
    })
}

/// The AOSM store of a project that fits the flags, where only one can be meant.
fn the_only_one(project: &Project, args: &AzureArgs, wanted: Wanted<'_>) -> Result<Option<AosmStore>, Fault> {
    if missing(args, wanted, false).is_empty() {
        return Ok(None);
    }
    let fits =
        |flag: Option<&str>, value: &Spanned<String>| flag.is_none_or(|flag| flag.eq_ignore_ascii_case(&value.value));
    let all: Vec<(&str, &AosmStore)> = project
        .stores
        .iter()
        .filter_map(|store| Some((store.name.value.as_str(), store.kind.aosm()?)))
        .filter(|(_, config)| {
            fits(args.resource_group.as_deref(), &config.resource_group)
                && fits(args.publisher.as_deref(), &config.publisher)
                && fits(wanted.store.given(), &config.artifact_store)
        })
        .collect();
    let Some((_, first)) = all.first() else {
        return Ok(None);
    };
    let same = |other: &AosmStore| {
        let equal = |a: &Spanned<String>, b: &Spanned<String>| a.value.eq_ignore_ascii_case(&b.value);
        equal(&first.resource_group, &other.resource_group)
            && equal(&first.publisher, &other.publisher)
            && (!wanted.store.is_asked() || equal(&first.artifact_store, &other.artifact_store))
            && (!wanted.manifest.is_open() || equal(&first.artifact_manifest, &other.artifact_manifest))
    };
    if all.iter().all(|(_, other)| same(other)) {
        return Ok(Some((*first).clone()));
    }
    let names: Vec<&str> = all.iter().map(|(name, _)| *name).collect();
    Err(Fault::new(
        Kind::Usage,
        format!("which store is meant? the project has {}", some_of(&names)),
    )
    .hint("name it: --store NAME"))
}

/// Flags that are needed and not given.
fn missing(args: &AzureArgs, wanted: Wanted<'_>, has_config: bool) -> Vec<&'static str> {
    let needed = [
        ("--resource-group", args.resource_group.is_none()),
        ("--publisher", args.publisher.is_none()),
        ("--artifact-store", wanted.store.is_open()),
        ("--artifact-manifest", wanted.manifest.is_open()),
    ];
    let needed = needed.into_iter().filter(|(_, missing)| *missing && !has_config);
    needed.map(|(flag, _)| flag).collect()
}

fn subscription(args: &AzureArgs, config: Option<&AosmStore>) -> Result<String, Fault> {
    let variables = Variables::from_env();
    let found = args
        .subscription
        .clone()
        .or_else(|| Some(config?.subscription.as_ref()?.value.clone()))
        .or_else(|| variables.get("AZURE_SUBSCRIPTION_ID"))
        .or_else(|| default_subscription(&variables));
    found.ok_or_else(|| {
        Fault::new(
            Kind::Usage,
            "no subscription is given, and the Azure CLI has no default one",
        )
        .hint("give --subscription, set AZURE_SUBSCRIPTION_ID, or log in with: az login")
    })
}

fn settings(args: &AzureArgs, config: Option<&AosmStore>) -> ArmSettings {
    let variables = ArmSettings::by(&Variables::from_env());
    let endpoint = config.and_then(|config| Some(config.endpoint.as_ref()?.value.clone()));
    let tenant = config.and_then(|config| Some(config.tenant.as_ref()?.value.clone()));
    let which = match (args.auth, config.map(|config| config.auth)) {
        (Some(ArmAuth::AzureCli), _) | (None, Some(Auth::AzureCli)) => Which::AzureCli,
        (Some(ArmAuth::Environment), _) | (None, Some(Auth::Environment)) => Which::Environment,
        (Some(ArmAuth::Auto) | None, _) => Which::Any,
    };
    ArmSettings {
        cloud: args.cloud.or(config.map(|config| config.cloud)).unwrap_or_default(),
        endpoint: endpoint.or_else(|| variables.endpoint.clone()),
        which,
        tenant: args.tenant.clone().or(tenant),
        api: args
            .api_version
            .or(config.map(|config| config.api_version))
            .unwrap_or_default(),
        operation_limit: args.operation_limit,
        ..variables
    }
}

/// The project's network profile, if there is a project, with the flags on top.
fn network(context: &Context, args: &AzureArgs, project: Option<&Project>) -> Result<Network, Fault> {
    let mut network = project.map_or_else(Network::default, |project| project.network.clone());
    if let Some(file) = &args.ca_file {
        let file = context.folder()?.join(file);
        if !file.is_file() {
            return Err(
                Fault::new(Kind::Usage, format!("--ca-file {file}: there is no such file"))
                    .hint("name a PEM file with certificates"),
            );
        }
        network.ca_file = Some(Spanned::default_value(file));
    }
    Ok(network)
}
