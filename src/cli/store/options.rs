//! Flags of all commands that ask Resource Manager: which publisher, as whom, in which cloud and version.

use std::sync::Arc;
use std::time::Duration;

use camino::Utf8PathBuf;
use clap::{Args, ValueEnum};

use crate::azure::arm::{ApiVersion, Arm, ArmSettings, cloud_named};
use crate::azure::{ManifestId, PublisherId, StoreId, StoreType, default_subscription};
use crate::cli::context::Context;
use crate::credentials::Variables;
use crate::credentials::entra::{Cloud, Which};
use crate::fault::{Fault, Faults, Kind};
use crate::oci::Job;
use crate::oci::registry::{Registries, RegistryOptions};
use crate::project::{Network, Spanned};

/// Which identities may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum ArmAuth {
    /// The token in `AOSM_ARM_TOKEN`, else environment, workload identity, job of a pipeline, managed identity, Azure CLI
    #[default]
    Auto,
    /// The token in `AOSM_ARM_TOKEN`, else only what variables name: service principal, workload identity, job of a pipeline
    Environment,
    /// The token in `AOSM_ARM_TOKEN`, else the Azure CLI's login
    AzureCli,
}

/// Kinds of artifact stores, by the names that a project has for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum StoreKindArg {
    /// Backed by a container registry
    Acr,
    /// Backed by a storage account
    StorageAccount,
}

impl StoreKindArg {
    /// The service's word for it.
    pub fn store_type(self) -> StoreType {
        match self {
            Self::Acr => StoreType::Registry,
            Self::StorageAccount => StoreType::StorageAccount,
        }
    }
}

/// Which publisher, and how to reach it.
#[derive(Debug, Clone, Args)]
pub struct AzureArgs {
    /// The subscription, by id [default: `AZURE_SUBSCRIPTION_ID`, else the Azure CLI's]
    #[arg(long, value_name = "ID", help_heading = "Azure options")]
    pub subscription: Option<String>,
    /// The publisher's resource group
    #[arg(short = 'g', long, value_name = "GROUP", help_heading = "Azure options")]
    pub resource_group: String,
    /// The publisher
    #[arg(long, value_name = "NAME", help_heading = "Azure options")]
    pub publisher: String,
    /// The publisher's region: it is an error if it is another one
    #[arg(long, value_name = "REGION", help_heading = "Azure options")]
    pub location: Option<String>,
    /// The cloud: public, us-government or china
    #[arg(long, value_name = "CLOUD", default_value = "public", value_parser = cloud_named_of, help_heading = "Azure options")]
    pub cloud: Cloud,
    /// The Entra tenant to log in to, by id or domain
    #[arg(long, value_name = "TENANT", help_heading = "Azure options")]
    pub tenant: Option<String>,
    /// How to log in
    #[arg(
        long,
        value_name = "MODE",
        value_enum,
        default_value = "auto",
        help_heading = "Azure options"
    )]
    pub auth: ArmAuth,
    /// The version of the API: 2023-09-01, 2024-04-15 or 2025-03-30
    #[arg(long, value_name = "VERSION", default_value = "2024-04-15", value_parser = version_of, help_heading = "Azure options")]
    pub api_version: ApiVersion,
    /// How long an operation of Resource Manager may take
    #[arg(long, value_name = "AGE", default_value = "30m", value_parser = crate::cli::units::age, help_heading = "Azure options")]
    pub operation_limit: Duration,
    /// More certificate authorities, PEM
    #[arg(long, value_name = "FILE", help_heading = "Azure options")]
    pub ca_file: Option<Utf8PathBuf>,
}

/// Which store.
#[derive(Debug, Clone, Args)]
pub struct StoreArgs {
    /// Which publisher.
    #[command(flatten)]
    pub azure: AzureArgs,
    /// The artifact store
    #[arg(long, value_name = "NAME", help_heading = "Azure options")]
    pub artifact_store: String,
}

/// Which manifest.
#[derive(Debug, Clone, Args)]
pub struct ManifestArgs {
    /// Which store.
    #[command(flatten)]
    pub store: StoreArgs,
    /// The artifact manifest
    #[arg(long, value_name = "NAME", help_heading = "Azure options")]
    pub artifact_manifest: String,
}

fn cloud_named_of(text: &str) -> Result<Cloud, String> {
    cloud_named(text)
}

fn version_of(text: &str) -> Result<ApiVersion, String> {
    text.parse()
}

impl AzureArgs {
    /// The publisher; all names that are wrong are told together.
    pub fn publisher(&self) -> Result<PublisherId, Faults> {
        let variables = Variables::from_env();
        let given = self.subscription.clone();
        let found = given
            .or_else(|| variables.get("AZURE_SUBSCRIPTION_ID"))
            .or_else(|| default_subscription(&variables));
        let Some(subscription) = found else {
            return Err(Fault::new(
                Kind::Usage,
                "no subscription is given, and the Azure CLI has no default one",
            )
            .hint("give --subscription, set AZURE_SUBSCRIPTION_ID, or log in with: az login")
            .into());
        };
        PublisherId::new(&subscription, &self.resource_group, &self.publisher)
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
        let settings = ArmSettings {
            cloud: self.cloud,
            which: match self.auth {
                ArmAuth::Auto => Which::Any,
                ArmAuth::Environment => Which::Environment,
                ArmAuth::AzureCli => Which::AzureCli,
            },
            tenant: self.tenant.clone(),
            api: self.api_version,
            operation_limit: self.operation_limit,
            ..ArmSettings::by(&Variables::from_env())
        };
        let registries = Registries::new(&self.network(context)?, RegistryOptions::default());
        let arm = Arm::new(&registries, &settings)?;
        let job = Job::new(what, context.screen.events(), context.cancel.clone());
        Ok((arm, job))
    }

    /// The project's network profile, if there is a project, with the flags on top. A mistake in a project that nobody
    /// named must not keep anybody from looking.
    fn network(&self, context: &Context) -> Result<Network, Faults> {
        let mut network = match context.project_if_any() {
            Ok(project) => project.map_or_else(Network::default, |project| project.network),
            Err(faults) if context.global.project.is_some() => return Err(faults),
            Err(_) => {
                let warning = Fault::warning("the project here has errors, so its network settings do not count");
                context.screen.fault(&warning.hint("`aosm-build check` shows them"));
                Network::default()
            }
        };
        if let Some(file) = &self.ca_file {
            let file = context.folder()?.join(file);
            if !file.is_file() {
                return Err(
                    Fault::new(Kind::Usage, format!("--ca-file {file}: there is no such file"))
                        .hint("name a PEM file with certificates")
                        .into(),
                );
            }
            network.ca_file = Some(Spanned::default_value(file));
        }
        Ok(network)
    }
}

impl StoreArgs {
    /// The store.
    pub fn store(&self) -> Result<StoreId, Faults> {
        match self.azure.publisher() {
            Ok(publisher) => Ok(publisher.store(&self.artifact_store)?),
            // Its own name may be wrong as well.
            Err(mut faults) => {
                faults.extend(StoreId::check(&self.artifact_store).err());
                Err(faults)
            }
        }
    }
}

impl ManifestArgs {
    /// The manifest.
    pub fn manifest(&self) -> Result<ManifestId, Faults> {
        match self.store.store() {
            Ok(store) => Ok(store.manifest(&self.artifact_manifest)?),
            Err(mut faults) => {
                faults.extend(ManifestId::check(&self.artifact_manifest).err());
                Err(faults)
            }
        }
    }
}
