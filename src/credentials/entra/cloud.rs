//! Azure's clouds: where each logs in, and what its Resource Manager is called as an audience.

/// One of Azure's clouds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Cloud {
    /// The public one.
    #[default]
    Public,
    /// US Government.
    UsGovernment,
    /// China.
    China,
}

impl Cloud {
    /// The cloud of a registry's host; the public one for hosts that tell nothing.
    pub fn of_registry(host: &str) -> Self {
        match host.rsplit_once('.') {
            Some((_, "us")) => Self::UsGovernment,
            Some((_, "cn")) => Self::China,
            _ => Self::Public,
        }
    }

    /// Where its identities log in.
    pub fn authority(self) -> &'static str {
        match self {
            Self::Public => "https://login.microsoftonline.com/",
            Self::UsGovernment => "https://login.microsoftonline.us/",
            Self::China => "https://login.chinacloudapi.cn/",
        }
    }

    /// What tokens for its Resource Manager are asked for with.
    pub fn arm_scope(self) -> &'static str {
        match self {
            Self::Public => "https://management.azure.com/.default",
            Self::UsGovernment => "https://management.usgovcloudapi.net/.default",
            Self::China => "https://management.chinacloudapi.cn/.default",
        }
    }

    /// What the Azure CLI calls it.
    pub fn cli_name(self) -> &'static str {
        match self {
            Self::Public => "AzureCloud",
            Self::UsGovernment => "AzureUSGovernment",
            Self::China => "AzureChinaCloud",
        }
    }

    /// The audience of tokens that its Entra takes in exchange ("workload identity federation").
    pub fn exchange_audience(self) -> &'static str {
        match self {
            Self::Public => "api://AzureADTokenExchange",
            Self::UsGovernment => "api://AzureADTokenExchangeUSGov",
            Self::China => "api://AzureADTokenExchangeChina",
        }
    }
}

/// The resource that a scope is for, as the older token endpoints name it.
pub(super) fn resource_of(scope: &str) -> &str {
    scope.strip_suffix("/.default").unwrap_or(scope)
}
