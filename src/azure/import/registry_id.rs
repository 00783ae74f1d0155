//! The resource id of a container registry.

/// A container registry, by subscription, resource group and name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RegistryId {
    subscription: String,
    resource_group: String,
    name: String,
}

impl RegistryId {
    /// Reads `/subscriptions/S/resourceGroups/G/providers/Microsoft.ContainerRegistry/registries/N`, in any case; `None` for
    /// everything else. What tells two apart is kept in lower case, as Resource Manager tells no cases apart.
    pub fn parse(text: &str) -> Option<Self> {
        let parts: Vec<&str> = text
            .trim()
            .strip_prefix('/')?
            .trim_end_matches('/')
            .split('/')
            .collect();
        let [
            subscriptions,
            subscription,
            groups,
            group,
            providers,
            provider,
            registries,
            name,
        ] = parts.as_slice()
        else {
            return None;
        };
        let fixed = [
            (*subscriptions, "subscriptions"),
            (*groups, "resourceGroups"),
            (*providers, "providers"),
            (*provider, "Microsoft.ContainerRegistry"),
            (*registries, "registries"),
        ];
        let named = [subscription, group, name].iter().all(|part| is_name(part));
        let good = fixed.iter().all(|(part, wanted)| part.eq_ignore_ascii_case(wanted)) && named;
        good.then(|| Self {
            subscription: subscription.to_ascii_lowercase(),
            resource_group: group.to_lowercase(),
            name: name.to_ascii_lowercase(),
        })
    }

    /// The registry's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The segments of its path.
    pub fn segments(&self) -> [&str; 8] {
        [
            "subscriptions",
            &self.subscription,
            "resourceGroups",
            &self.resource_group,
            "providers",
            "Microsoft.ContainerRegistry",
            "registries",
            &self.name,
        ]
    }
}

impl std::fmt::Display for RegistryId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "/{}", self.segments().join("/"))
    }
}

/// What may stand in a path without leading elsewhere.
fn is_name(part: &str) -> bool {
    !part.is_empty()
        && part.len() <= 90
        && !matches!(part, "." | "..")
        && part
            .chars()
            .all(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | '(' | ')'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registrys_id_is_read_in_any_case_and_nothing_else_is() {
        let id = "/subscriptions/S-1/resourceGroups/contoso-HostedResources-1/providers/Microsoft.ContainerRegistry/registries/Contoso1";
        let same = "/SUBSCRIPTIONS/s-1/resourcegroups/contoso-hostedresources-1/providers/microsoft.containerregistry/registries/contoso1/";
        let read = RegistryId::parse(id);
        assert_eq!(read.as_ref().map(RegistryId::name), Some("contoso1"));
        assert_eq!(read, RegistryId::parse(same));
        for other in [
            "",
            "contoso1",
            "/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/a",
            "/subscriptions/s/resourceGroups/g/providers/Microsoft.ContainerRegistry/registries",
            "/subscriptions/s/resourceGroups/g/providers/Microsoft.ContainerRegistry/registries/a/replications/b",
            "/subscriptions/s/resourceGroups/../providers/Microsoft.ContainerRegistry/registries/a",
            "/subscriptions/s/resourceGroups/g/providers/Microsoft.ContainerRegistry/registries/a?x=y",
            "/subscriptions//resourceGroups/g/providers/Microsoft.ContainerRegistry/registries/a",
        ] {
            assert_eq!(RegistryId::parse(other), None, "{other}");
        }
    }
}
