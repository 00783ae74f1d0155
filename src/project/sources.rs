//! `[project] image-sources` and `[sources."host"]`.

use std::collections::BTreeMap;

use camino::Utf8PathBuf;

use super::image_source;
use super::model::{Auth, ImageSource, SourceConfig, SourceKind, Spanned};
use super::names;
use super::paths::Resolver;
use super::suggest;
use super::view::View;
use crate::fault::{Fault, Faults, Label, Place};

/// The image sources of one file, with the place of the list as a whole.
pub(crate) struct SourceList {
    /// Where the list stands.
    pub(crate) place: Option<Place>,
    /// Its entries, in order, without repetitions.
    pub(crate) entries: Vec<Spanned<ImageSource>>,
}

/// Reads a list of image sources; `None` if the key is absent.
pub(crate) fn list(view: &View<'_>, key: &str, faults: &mut Faults) -> Option<SourceList> {
    let place = view.key_place(key)?;
    let mut entries: Vec<Spanned<ImageSource>> = Vec::new();
    for text in view.texts(key) {
        if let Some(source) = one(&text, image_source::parse(&text.value), faults) {
            push(source, &mut entries, faults);
        }
    }
    Some(SourceList {
        place: Some(place),
        entries,
    })
}

/// Turns what was read at a place into a source, or into a fault.
pub(crate) fn one(
    text: &Spanned<String>,
    parsed: Result<image_source::Parsed, String>,
    faults: &mut Faults,
) -> Option<Spanned<ImageSource>> {
    match parsed {
        Ok(parsed) => {
            if let Some(warning) = parsed.warning {
                faults.push(
                    Fault::warning(format!("image source {}: {warning}", parsed.source)).at_opt(text.place.clone()),
                );
            }
            Some(Spanned {
                value: parsed.source,
                place: text.place.clone(),
            })
        }
        Err(why) => {
            faults.push(
                Fault::invalid(format!("image source: {why}"))
                    .at_opt(text.place.clone())
                    .hint("write a host and, perhaps, a namespace: `myregistry.azurecr.io/samples`"),
            );
            None
        }
    }
}

fn push(source: Spanned<ImageSource>, entries: &mut Vec<Spanned<ImageSource>>, faults: &mut Faults) {
    if let Some(first) = entries.iter().find(|entry| entry.value == source.value) {
        let fault =
            Fault::warning(format!("image source {}: stands twice", source.value)).hint("remove one of the two");
        faults.push(with_first(fault, source.place, first.place.clone(), "first here"));
    } else {
        entries.push(source);
    }
}

/// Two places, where known: the main one, and the one that came first.
pub(crate) fn with_first(fault: Fault, main: Option<Place>, first: Option<Place>, word: &str) -> Fault {
    let fault = fault.at_opt(main);
    match first.map(|place| Label {
        place,
        text: word.to_owned(),
    }) {
        Some(label) => fault.label(label.place, label.text),
        None => fault,
    }
}

/// `auth`, of sources and stores alike.
pub(crate) fn auth(text: Option<&str>) -> Auth {
    match text {
        Some("docker-config") => Auth::DockerConfig,
        Some("environment") => Auth::Environment,
        Some("azure-cli") => Auth::AzureCli,
        Some("anonymous") => Auth::Anonymous,
        _ => Auth::Auto,
    }
}

/// `tenant`, of sources and stores alike: only identities of Entra have one.
pub(crate) fn tenant(
    label: &str,
    tenant: Option<Spanned<String>>,
    auth: Auth,
    faults: &mut Faults,
) -> Option<Spanned<String>> {
    let tenant = tenant?;
    if !matches!(auth, Auth::Auto | Auth::AzureCli) {
        faults.push(
            Fault::invalid(format!("{label}.tenant: this way to log in knows no tenants"))
                .at_opt(tenant.place)
                .hint("remove it, or write `auth = \"auto\"` or `auth = \"azure-cli\"`"),
        );
        return None;
    }
    if let Err(why) = names::tenant(&tenant.value) {
        faults.push(
            Fault::invalid(format!("{label}.tenant: {why}"))
                .at_opt(tenant.place)
                .hint("write the tenant's id or one of its domains: `az account show --query tenantId` prints the id"),
        );
        return None;
    }
    Some(tenant)
}

/// Reads `[sources]`, by host in lower case.
pub(crate) fn table(root: &View<'_>, resolver: Resolver<'_>, faults: &mut Faults) -> BTreeMap<String, SourceConfig> {
    let mut sources: BTreeMap<String, SourceConfig> = BTreeMap::new();
    for (written, view) in root.named("sources") {
        let Some(config) = source(&written, &view, resolver, faults) else {
            continue;
        };
        let host = config.host.value.to_ascii_lowercase();
        if let Some(first) = sources.get(&host) {
            let fault =
                Fault::invalid(format!("sources.\"{host}\": named twice")).hint("hosts do not tell cases apart");
            faults.push(with_first(fault, written.place, first.host.place.clone(), "first here"));
        } else {
            sources.insert(host, config);
        }
    }
    sources
}

fn source(
    written: &Spanned<String>,
    view: &View<'_>,
    resolver: Resolver<'_>,
    faults: &mut Faults,
) -> Option<SourceConfig> {
    let label = format!("sources.\"{}\"", super::check::shorten(&written.value));
    if let Err(why) = names::host(&written.value.to_ascii_lowercase()) {
        let hint = if written.value.contains('/') {
            "name the host alone, without scheme and namespace"
        } else {
            "name a host as `image-sources` does, or any such name for a file"
        };
        faults.push(
            Fault::invalid(format!("{label}: {why}"))
                .at_opt(written.place.clone())
                .hint(hint),
        );
        return None;
    }
    let kind = match view.text("kind").as_ref().map(|kind| kind.value.as_str()) {
        None | Some("registry") => SourceKind::Registry,
        Some("oci-layout") => SourceKind::OciLayout,
        Some("oci-archive") => SourceKind::OciArchive,
        Some("docker-archive") => SourceKind::DockerArchive,
        // Told by the check of all words.
        Some(_) => return None,
    };
    let path: Option<Spanned<Utf8PathBuf>> = match (kind, view.text("path")) {
        (SourceKind::Registry, Some(path)) => {
            faults.push(
                Fault::invalid(format!("{label}: a registry has no path"))
                    .at_opt(path.place)
                    .hint("add `kind`: \"oci-layout\", \"oci-archive\" or \"docker-archive\""),
            );
            None
        }
        (SourceKind::Registry, None) => None,
        // Not needed while the lock and the stores answer, so an absent one is told when it is.
        (_, Some(path)) => Some(resolver.perhaps(&path, view.document, "source", faults)),
        (_, None) => {
            if view.entry("path").is_none() {
                faults.push(
                    Fault::invalid(format!("{label}: `path` is missing"))
                        .at_opt(written.place.clone())
                        .hint("add `path`: the folder or tar that holds the images"),
                );
            }
            return None;
        }
    };
    let auth = auth(view.text("auth").as_ref().map(|text| text.value.as_str()));
    Some(SourceConfig {
        host: written.clone(),
        kind,
        path,
        auth,
        tenant: tenant(&label, view.text("tenant"), auth, faults),
        optional: view.truth("optional").unwrap_or(false),
    })
}

/// Image sources and `[sources]` must fit: a table that no source uses, and a bare word that no table explains, are told.
pub(crate) fn fit(list: &[Spanned<ImageSource>], sources: &BTreeMap<String, SourceConfig>, faults: &mut Faults) {
    for (host, config) in sources {
        if !list.iter().any(|source| source.value.host == *host) {
            let hosts: Vec<&str> = list.iter().map(|source| source.value.host.as_str()).collect();
            faults.push(
                Fault::warning(format!("sources.\"{host}\": no image source names it"))
                    .at_opt(config.host.place.clone())
                    .hint(suggest::hint(host, &hosts, "image sources")),
            );
        }
    }
    for source in list {
        let host = &source.value.host;
        if image_source::lacks_domain(host) && !sources.contains_key(host) {
            faults.push(
                Fault::warning(format!("image source {host}: a host without a domain"))
                    .at_opt(source.place.clone())
                    .hint(format!(
                        "is `{host}.azurecr.io` meant? a file needs a table `[sources.\"{host}\"]`"
                    )),
            );
        }
    }
}
