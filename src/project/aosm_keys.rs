//! The keys of `[stores.NAME]` that only stores of AOSM have: read from their layers, each checked where it stands.

use super::aosm_store::{CopyMode, PrivateLink};
use super::model::{Auth, Spanned};
use super::view::View;
use crate::azure::{ApiVersion, ManifestId, PublisherId, StoreId, SubscriptionId, endpoint_named};
use crate::credentials::entra::Cloud;
use crate::fault::{Fault, Faults};

/// The keys that make a store one of AOSM.
pub(crate) const KEYS: [&str; 13] = [
    "subscription",
    "resource-group",
    "publisher",
    "artifact-store",
    "artifact-manifest",
    "location",
    "cloud",
    "endpoint",
    "api-version",
    "copy",
    "seal",
    "private-endpoints",
    "network-fabric-controllers",
];

/// What the layers of one store say; what they leave out may come from an input file.
#[derive(Debug, Clone, Default)]
pub(crate) struct AosmKeys {
    pub(crate) subscription: Option<Spanned<String>>,
    pub(crate) resource_group: Option<Spanned<String>>,
    pub(crate) publisher: Option<Spanned<String>>,
    pub(crate) artifact_store: Option<Spanned<String>>,
    pub(crate) artifact_manifest: Option<Spanned<String>>,
    pub(crate) location: Option<Spanned<String>>,
    pub(crate) tenant: Option<Spanned<String>>,
    pub(crate) cloud: Cloud,
    pub(crate) endpoint: Option<Spanned<String>>,
    pub(crate) api_version: ApiVersion,
    pub(crate) auth: Auth,
    pub(crate) copy: CopyMode,
    pub(crate) seal: bool,
    /// `None`: neither list is there, so an input file may have them.
    pub(crate) private_link: Option<PrivateLink>,
}

/// Does this layer hold any of them?
pub(crate) fn any_in(view: &View<'_>) -> bool {
    KEYS.iter().any(|key| view.entry(key).is_some())
}

/// Reads and checks them; the uppermost layer that has a key counts. `auth` and `tenant` are the caller's, as every kind has them.
pub(crate) fn read(label: &str, layers: &[View<'_>], faults: &mut Faults) -> AosmKeys {
    let text = |key: &str| layers.iter().find_map(|view| view.text(key));
    let list = |key: &str| {
        let layer = layers.iter().find(|view| view.entry(key).is_some());
        layer.map(|view| view.texts(key))
    };
    let mut checked = |key: &str, check: fn(&str) -> Result<String, Fault>| {
        let written = text(key)?;
        match check(&written.value) {
            Ok(value) => Some(Spanned { value, ..written }),
            Err(why) => {
                faults.push(at_key(label, key, &written, &why));
                // Told: what follows from it needs no word of its own.
                Some(written)
            }
        }
    };
    let subscription = checked("subscription", |text| {
        SubscriptionId::new(text).map(|id| id.as_str().to_owned())
    });
    let resource_group = checked("resource-group", |text| kept(text, PublisherId::check_group));
    let publisher = checked("publisher", |text| kept(text, PublisherId::check));
    let artifact_store = checked("artifact-store", |text| kept(text, StoreId::check));
    let artifact_manifest = checked("artifact-manifest", |text| kept(text, ManifestId::check));
    let endpoint = checked("endpoint", |text| {
        endpoint_named("the address", text).map(|url| url.to_string())
    });
    let lists = (list("private-endpoints"), list("network-fabric-controllers"));
    let private_link = match lists {
        (None, None) => None,
        (endpoints, controllers) => Some(PrivateLink {
            endpoints: ids(label, "private-endpoints", endpoints, faults),
            controllers: ids(label, "network-fabric-controllers", controllers, faults),
        }),
    };
    let word = |key: &str| text(key).map(|word| word.value).unwrap_or_default();
    AosmKeys {
        subscription,
        resource_group,
        publisher,
        artifact_store,
        artifact_manifest,
        location: text("location"),
        tenant: None,
        cloud: match word("cloud").as_str() {
            "us-government" => Cloud::UsGovernment,
            "china" => Cloud::China,
            // Other words were told by the check of all words.
            _ => Cloud::Public,
        },
        endpoint,
        api_version: word("api-version").parse().unwrap_or_default(),
        auth: Auth::Auto,
        copy: match word("copy").as_str() {
            "stream" => CopyMode::Stream,
            "server-side" => CopyMode::ServerSide,
            _ => CopyMode::Auto,
        },
        seal: layers.iter().find_map(|view| view.truth("seal")).unwrap_or(false),
        private_link,
    }
}

fn kept(text: &str, check: fn(&str) -> Result<(), Fault>) -> Result<String, Fault> {
    check(text).map(|()| text.to_owned())
}

/// A rule's complaint, at the key that broke it.
fn at_key(label: &str, key: &str, written: &Spanned<String>, why: &Fault) -> Fault {
    let fault = Fault::invalid(format!("{label}.{key}: {}", why.message())).at_opt(written.place.clone());
    match why.hint_text() {
        Some(hint) => fault.hint(hint.to_owned()),
        None => fault,
    }
}

/// Resource ids; what is none is told.
pub(crate) fn ids(
    label: &str,
    key: &str,
    written: Option<Vec<Spanned<String>>>,
    faults: &mut Faults,
) -> Vec<Spanned<String>> {
    let mut good: Vec<Spanned<String>> = Vec::new();
    for id in written.unwrap_or_default() {
        if !is_resource_id(&id.value) {
            faults.push(
                Fault::invalid(format!("{label}.{key}: {} is no resource id", super::check::shorten(&id.value)))
                    .at_opt(id.place)
                    .hint("write it whole: `/subscriptions/…/resourceGroups/…/providers/…/NAME`, as `az resource show --query id` prints it"),
            );
        } else if !good.iter().any(|other| other.value.eq_ignore_ascii_case(&id.value)) {
            good.push(id);
        }
    }
    good
}

/// `/subscriptions/ID/resourceGroups/GROUP/providers/NAMESPACE/TYPE/NAME`, perhaps with more types and names.
fn is_resource_id(text: &str) -> bool {
    let segments: Vec<&str> = text.trim().split('/').collect();
    let is = |at: usize, word: &str| {
        segments
            .get(at)
            .is_some_and(|segment| segment.eq_ignore_ascii_case(word))
    };
    text.len() <= 2048
        && segments.len() >= 9
        && segments.len() % 2 == 1
        && segments.first().is_some_and(|first| first.is_empty())
        && segments.iter().skip(1).all(|segment| {
            !segment.is_empty()
                && !segment
                    .chars()
                    .any(|c| c.is_whitespace() || c.is_control() || "?#".contains(c))
        })
        && is(1, "subscriptions")
        && is(3, "resourceGroups")
        && is(5, "providers")
}

/// The login of a store: Resource Manager takes an Entra identity and nothing else.
pub(crate) fn check_auth(label: &str, written: Option<&Spanned<String>>, auth: Auth, faults: &mut Faults) {
    let Some(written) = written.filter(|_| !matches!(auth, Auth::Auto | Auth::Environment | Auth::AzureCli)) else {
        return;
    };
    faults.push(
        Fault::invalid(format!(
            "{label}.auth: `{}` logs in to registries only, an AOSM store asks Resource Manager",
            super::check::shorten(&written.value)
        ))
        .at_opt(written.place.clone())
        .hint(
            "write `auth = \"auto\"` (AOSM_ARM_TOKEN, else an Entra identity), `\"environment\"` (only identities that variables \
             name) or `\"azure-cli\"`",
        ),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resource_id_is_written_whole() {
        let endpoint = "/subscriptions/0/resourceGroups/g/providers/Microsoft.Network/privateEndpoints/p";
        for (text, good) in [
            (endpoint.to_owned(), true),
            (endpoint.to_lowercase(), true),
            (format!("{endpoint}/more/x"), true),
            (format!("{endpoint}/"), false),
            (format!("https://management.azure.com{endpoint}"), false),
            ("p".to_owned(), false),
            (String::new(), false),
            ("/subscriptions/0/resourceGroups/g".to_owned(), false),
            (endpoint.replace("/g/", "//"), false),
            (endpoint.replace("/p", "/p?x"), false),
            (endpoint.replace("/p", "/p x"), false),
        ] {
            assert_eq!(is_resource_id(&text), good, "{text}");
        }
    }
}
