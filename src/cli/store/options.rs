//! Flags of all commands that ask Resource Manager: which publisher, as whom, in which cloud and version. What they leave out
//! comes from a store of the project (see [`super::chosen`]).

use std::time::Duration;

use camino::Utf8PathBuf;
use clap::{Args, ValueEnum};

use super::chosen::{Chosen, Flag, Wanted};
use crate::azure::arm::{ApiVersion, cloud_named};
use crate::azure::{ManifestId, StoreId, StoreType};
use crate::cli::context::Context;
use crate::credentials::entra::Cloud;
use crate::fault::Faults;

/// Which identities may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum ArmAuth {
    /// The token in `AOSM_ARM_TOKEN`, else environment, workload identity, managed identity, Azure CLI
    #[default]
    Auto,
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
    /// The publisher's resource group [default: that of the project's store]
    #[arg(short = 'g', long, value_name = "GROUP", help_heading = "Azure options")]
    pub resource_group: Option<String>,
    /// The publisher [default: that of the project's store]
    #[arg(long, value_name = "NAME", help_heading = "Azure options")]
    pub publisher: Option<String>,
    /// The publisher's region: it is an error if it is another one
    #[arg(long, value_name = "REGION", help_heading = "Azure options")]
    pub location: Option<String>,
    /// The cloud: public, us-government or china [default: the store's, else public]
    #[arg(long, value_name = "CLOUD", value_parser = cloud_named_of, help_heading = "Azure options")]
    pub cloud: Option<Cloud>,
    /// The Entra tenant to log in to, by id or domain
    #[arg(long, value_name = "TENANT", help_heading = "Azure options")]
    pub tenant: Option<String>,
    /// How to log in [default: what the store says, else auto]
    #[arg(long, value_name = "MODE", value_enum, help_heading = "Azure options")]
    pub auth: Option<ArmAuth>,
    /// The version of the API: 2023-09-01, 2024-04-15 or 2025-03-30 [default: the store's, else 2024-04-15]
    #[arg(long, value_name = "VERSION", value_parser = version_of, help_heading = "Azure options")]
    pub api_version: Option<ApiVersion>,
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
    /// The artifact store [default: that of the project's store]
    #[arg(long, value_name = "NAME", help_heading = "Azure options")]
    pub artifact_store: Option<String>,
}

/// Which manifest.
#[derive(Debug, Clone, Args)]
pub struct ManifestArgs {
    /// Which store.
    #[command(flatten)]
    pub store: StoreArgs,
    /// The artifact manifest [default: that of the project's store]
    #[arg(long, value_name = "NAME", help_heading = "Azure options")]
    pub artifact_manifest: Option<String>,
}

fn cloud_named_of(text: &str) -> Result<Cloud, String> {
    cloud_named(text)
}

fn version_of(text: &str) -> Result<ApiVersion, String> {
    text.parse()
}

impl AzureArgs {
    /// Everything that is about the publisher. `named`: the store of the project that is meant; without one, that of `--store`.
    pub fn chosen(&self, context: &Context, named: Option<&str>) -> Result<Chosen, Faults> {
        Chosen::of(context, self, Wanted::default(), named)
    }
}

impl StoreArgs {
    /// The same of an artifact store.
    pub fn chosen(&self, context: &Context, named: Option<&str>) -> Result<(StoreId, Chosen), Faults> {
        let wanted = Wanted {
            store: Flag::Asked(self.artifact_store.as_deref()),
            manifest: Flag::None,
        };
        let chosen = Chosen::of(context, &self.azure, wanted, named)?;
        Ok((chosen.store()?, chosen))
    }
}

impl ManifestArgs {
    /// The same of an artifact manifest.
    pub fn chosen(&self, context: &Context, named: Option<&str>) -> Result<(ManifestId, Chosen), Faults> {
        let wanted = Wanted {
            store: Flag::Asked(self.store.artifact_store.as_deref()),
            manifest: Flag::Asked(self.artifact_manifest.as_deref()),
        };
        let chosen = Chosen::of(context, &self.store.azure, wanted, named)?;
        Ok((chosen.manifest()?, chosen))
    }
}
