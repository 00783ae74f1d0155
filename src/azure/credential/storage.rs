//! Signatures that are good for the containers of one manifest in the storage account behind a store.

use reqwest::Url;

use super::grant::time;
use crate::azure::fields::Fields;
use crate::azure::time::rfc3339;
use crate::credentials::Secret;
use crate::oci::registry::is_loopback;

/// `AzureStorageAccountToken`: a signature for each container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StorageGrant {
    /// The storage account, by id; empty where the service names none.
    pub account_id: String,
    /// Its containers, in the service's order.
    pub containers: Vec<ContainerGrant>,
    /// Until when it is good, as the service writes it.
    pub expiry: String,
}

/// One container and the signature that opens it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerGrant {
    /// Its name.
    pub name: String,
    /// Its URL without the signature.
    pub place: Url,
    /// The query that holds the signature, without `?`.
    pub query: Secret,
    /// What the signature says about itself.
    pub rights: SasRights,
}

/// What a shared access signature says about itself (Storage REST, "Create a service SAS").
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SasRights {
    /// Its rights (`sp`): `rcwl`. `None` where a stored policy has them.
    pub letters: Option<String>,
    /// The stored access policy (`si`) that has the rights and the end.
    pub policy: Option<String>,
    /// Until when it is good (`se`).
    pub end: Option<String>,
}

impl SasRights {
    /// The rights as words; empty where a policy has them.
    pub fn words(&self) -> Vec<&'static str> {
        let word = |letter| match letter {
            'r' => Some("read"),
            'a' => Some("add"),
            'c' => Some("create"),
            'w' => Some("write"),
            'd' => Some("delete"),
            'l' => Some("list"),
            _ => None,
        };
        self.letters
            .iter()
            .flat_map(|text| text.chars())
            .filter_map(word)
            .collect()
    }
}

impl StorageGrant {
    pub(super) fn read(fields: Fields<'_>) -> Result<Self, String> {
        let containers = fields
            .list("containerCredentials")?
            .iter()
            .enumerate()
            .map(|(at, entry)| {
                ContainerGrant::read(Fields(entry)).map_err(|why| format!("containerCredentials[{at}].{why}"))
            })
            .collect::<Result<_, _>>()?;
        Ok(Self {
            account_id: fields.maybe("storageAccountId")?.unwrap_or_default(),
            containers,
            expiry: time(fields, "expiry")?,
        })
    }

    /// The account's name: the last part of its id.
    pub fn account(&self) -> Option<&str> {
        let name = self.account_id.trim_end_matches('/').rsplit('/').next();
        name.filter(|name| !name.is_empty())
    }

    /// The container of this name.
    pub fn container(&self, name: &str) -> Option<&ContainerGrant> {
        self.containers.iter().find(|container| container.name == name)
    }
}

impl ContainerGrant {
    fn read(fields: Fields<'_>) -> Result<Self, String> {
        let name = fields.text("containerName")?;
        let wrong = |why: &str| format!("containerSasUri {why}");
        // Nothing of it is repeated: it is a secret as a whole.
        let mut url = Url::parse(fields.text("containerSasUri")?.trim()).map_err(|_| wrong("is no URL"))?;
        let host = url.host_str().unwrap_or_default();
        match url.scheme() {
            "https" => {}
            "http" if is_loopback(host) => {}
            "http" => return Err(wrong("has no TLS")),
            _ => return Err(wrong("is no https address")),
        }
        let query = url.query().unwrap_or_default().to_owned();
        let parameter = |wanted: &str| {
            url.query_pairs()
                .find(|(name, _)| name == wanted)
                .map(|(_, value)| value.into_owned())
                .filter(|value| !value.is_empty())
        };
        if parameter("sig").is_none() {
            return Err(wrong("holds no signature"));
        }
        let rights = SasRights {
            letters: parameter("sp"),
            policy: parameter("si"),
            end: parameter("se"),
        };
        if rights.end.as_deref().is_some_and(|end| rfc3339(&whole(end)).is_none()) {
            return Err(wrong("has an end (se) that is no time"));
        }
        let rights = SasRights {
            end: rights.end.map(|end| whole(&end)),
            ..rights
        };
        url.set_query(None);
        url.set_fragment(None);
        let _ = url.set_username("");
        let _ = url.set_password(None);
        Ok(Self {
            name,
            place: url,
            query: Secret::new(query),
            rights,
        })
    }
}

/// Signatures may have a date alone, or leave the seconds out.
fn whole(end: &str) -> String {
    match end.trim_end_matches('Z').len() {
        10 => format!("{}T00:00:00Z", end.trim_end_matches('Z')),
        16 => format!("{}:00Z", end.trim_end_matches('Z')),
        _ => end.to_owned(),
    }
}
