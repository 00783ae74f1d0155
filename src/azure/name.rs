//! Names of resources, checked before anything is asked (`Microsoft.HybridNetwork`, path parameters): no request goes out
//! with a name that cannot be one, and all that are wrong are told together.

use crate::fault::{Fault, Faults};

/// The resource provider.
const PROVIDER: &str = "Microsoft.HybridNetwork";
/// Publishers, stores, manifests, artifacts and versions have at most so many characters.
const NAME_LIMIT: usize = 64;
/// Resource groups have at most so many.
const GROUP_LIMIT: usize = 90;

/// A subscription: a GUID.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SubscriptionId(String);

impl SubscriptionId {
    /// Reads a GUID.
    pub fn new(text: &str) -> Result<Self, Fault> {
        let text = text.trim();
        let lengths: Vec<usize> = text.split('-').map(str::len).collect();
        let hex = text.chars().all(|c| c.is_ascii_hexdigit() || c == '-');
        if lengths == [8, 4, 4, 4, 12] && hex {
            return Ok(Self(text.to_ascii_lowercase()));
        }
        Err(Fault::invalid(format!("subscription {:?} is no GUID", shown(text)))
            .hint("give its id, not its name: az account show --query id -o tsv"))
    }

    /// The GUID.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A publisher.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PublisherId {
    /// The subscription.
    pub subscription: SubscriptionId,
    /// The resource group of the publisher.
    pub resource_group: String,
    /// Its name.
    pub publisher: String,
}

/// An artifact store.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StoreId {
    /// Whose it is.
    pub publisher: PublisherId,
    /// Its name.
    pub store: String,
}

/// An artifact manifest.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ManifestId {
    /// The store it is for.
    pub store: StoreId,
    /// Its name.
    pub manifest: String,
}

impl PublisherId {
    /// Checks all three; every complaint is told.
    pub fn new(subscription: &str, resource_group: &str, publisher: &str) -> Result<Self, Faults> {
        let mut faults = Faults::new();
        let subscription = SubscriptionId::new(subscription).map_err(|fault| faults.push(fault));
        faults.extend(check_group(resource_group).err());
        faults.extend(check_resource_name("publisher", publisher).err());
        match (subscription, faults.is_empty()) {
            (Ok(subscription), true) => Ok(Self {
                subscription,
                resource_group: resource_group.to_owned(),
                publisher: publisher.to_owned(),
            }),
            _ => Err(faults),
        }
    }

    /// Refuses what is no name of a publisher.
    pub fn check(publisher: &str) -> Result<(), Fault> {
        check_resource_name("publisher", publisher)
    }

    /// Refuses what is no name of a resource group.
    pub fn check_group(group: &str) -> Result<(), Fault> {
        check_group(group)
    }

    /// A store of this publisher.
    pub fn store(self, store: &str) -> Result<StoreId, Fault> {
        StoreId::check(store)?;
        Ok(StoreId {
            publisher: self,
            store: store.to_owned(),
        })
    }

    /// The segments of its path.
    pub fn segments(&self) -> Vec<&str> {
        vec![
            "subscriptions",
            self.subscription.as_str(),
            "resourceGroups",
            &self.resource_group,
            "providers",
            PROVIDER,
            "publishers",
            &self.publisher,
        ]
    }
}

impl StoreId {
    /// Refuses what is no name of an artifact store.
    pub fn check(store: &str) -> Result<(), Fault> {
        check_resource_name("artifact store", store)
    }

    /// A manifest of this store.
    pub fn manifest(self, manifest: &str) -> Result<ManifestId, Fault> {
        ManifestId::check(manifest)?;
        Ok(ManifestId {
            store: self,
            manifest: manifest.to_owned(),
        })
    }

    /// The segments of its path.
    pub fn segments(&self) -> Vec<&str> {
        let mut segments = self.publisher.segments();
        segments.extend(["artifactStores", &self.store]);
        segments
    }
}

impl ManifestId {
    /// Refuses what is no name of an artifact manifest.
    pub fn check(manifest: &str) -> Result<(), Fault> {
        check_word("artifact manifest", manifest)
    }

    /// The segments of its path.
    pub fn segments(&self) -> Vec<&str> {
        let mut segments = self.store.segments();
        segments.extend(["artifactManifests", &self.manifest]);
        segments
    }

    /// Its id, as Resource Manager writes it.
    pub fn id(&self) -> String {
        format!("/{}", self.segments().join("/"))
    }
}

impl std::fmt::Display for PublisherId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.publisher)
    }
}

impl std::fmt::Display for StoreId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.publisher, self.store)
    }
}

impl std::fmt::Display for ManifestId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.store, self.manifest)
    }
}

fn check_group(text: &str) -> Result<(), Fault> {
    let good = (1..=GROUP_LIMIT).contains(&text.chars().count())
        && !text.ends_with('.')
        && text
            .chars()
            .all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '(' | ')'));
    if good && text.chars().any(|c| c != '.') {
        return Ok(());
    }
    Err(
        Fault::invalid(format!("resource group {:?} is no name of one", shown(text)))
            .hint("1 to 90 letters, digits and _ - . ( ), not ending with a dot"),
    )
}

/// Publishers and stores: `^[a-zA-Z0-9][a-zA-Z0-9_-]*$`, at most 64 characters.
fn check_resource_name(what: &str, text: &str) -> Result<(), Fault> {
    let good = (1..=NAME_LIMIT).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'));
    if good {
        return Ok(());
    }
    Err(Fault::invalid(format!("{what} {:?} is no name of one", shown(text)))
        .hint("1 to 64 letters, digits, _ and -, starting with a letter or digit"))
}

/// Manifests, artifacts, versions: at most 64 characters, no white space; what a path cannot hold is no name either.
fn check_word(what: &str, text: &str) -> Result<(), Fault> {
    let good = (1..=NAME_LIMIT).contains(&text.chars().count())
        && !text.chars().any(|c| c.is_whitespace() || c.is_control())
        && !matches!(text, "." | "..");
    if good {
        return Ok(());
    }
    Err(Fault::invalid(format!("{what} {:?} is no name of one", shown(text)))
        .hint("1 to 64 characters without white space"))
}

/// An artifact's name in a list of versions.
pub fn check_artifact_name(text: &str) -> Result<(), Fault> {
    check_word("artifact", text)
}

/// A version's name.
pub fn check_artifact_version(text: &str) -> Result<(), Fault> {
    check_word("artifact version", text)
}

fn shown(text: &str) -> String {
    text.chars().take(100).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests may fail loudly")]

    use super::*;

    const SUBSCRIPTION: &str = "0AAAAAAA-bbbb-cccc-dddd-eeeeeeeeeeee";

    #[test]
    fn a_subscription_is_a_guid() {
        let read = SubscriptionId::new(&format!(" {SUBSCRIPTION}\n")).unwrap();
        assert_eq!(read.as_str(), SUBSCRIPTION.to_ascii_lowercase());
        for bad in [
            "",
            "my subscription",
            "0aaaaaaa-bbbb-cccc-dddd-eeeeeeeeeee",
            "0aaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeeg",
            "0aaaaaaabbbbccccddddeeeeeeeeeeee",
            "../../x",
        ] {
            assert!(SubscriptionId::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn all_names_that_are_wrong_are_told_together() {
        let faults = PublisherId::new("x", "group.", "-contoso").unwrap_err();
        assert_eq!(faults.len(), 3, "{faults:?}");
    }

    #[test]
    fn names_follow_the_rules_of_the_service() {
        let publisher =
            || PublisherId::new(SUBSCRIPTION, "contoso-rg (1)_x".replace(' ', "").as_str(), "contoso").unwrap();
        assert!(publisher().store("contoso_acr-1").is_ok());
        for bad in ["", "a b", "a/b", "_a", "a.b", &"x".repeat(65)] {
            assert!(publisher().store(bad).is_err(), "{bad}");
        }
        let store = || publisher().store("s").unwrap();
        assert!(store().manifest("contoso-acr-manifest-1.0.0~x").is_ok());
        for bad in ["", "a b", "..", "a\tb", &"x".repeat(65)] {
            assert!(store().manifest(bad).is_err(), "{bad}");
        }
        let manifest = store().manifest("m").unwrap();
        assert_eq!(manifest.to_string(), "contoso/s/m");
        assert!(manifest.id().ends_with(
            "/resourceGroups/contoso-rg(1)_x/providers/Microsoft.HybridNetwork/publishers/contoso/artifactStores/s/artifactManifests/m"
        ));
    }
}
