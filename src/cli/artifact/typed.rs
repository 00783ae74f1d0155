//! References as people type them: which registry, store or layout, which repository, which tag or digest.
//!
//! Pure: nothing is opened here. Every text has one meaning, decided by its form and by the names of the project's stores:
//!
//! - `oci:DIR[:REF][@DIGEST]` is an image layout. `REF` is a name as it stands in the layout's index.
//! - `NAME:REF` is a store, where the project has one called `NAME`.
//! - `host[:port]/repository[:tag][@digest]` is a registry. Short Docker Hub names are refused: `nginx:1.25` may as well be a
//!   store that was mistyped.
//!
//! After a tag more may follow, with commas between. A digest beside a tag decides.

use camino::Utf8PathBuf;

use crate::digest::Digest;
use crate::fault::{Fault, Kind, some_of};
use crate::oci::Selector;
use crate::reference::{ImageReference, is_docker_hub, normalise_host};

/// Starts a reference to an image layout.
const LAYOUT: &str = "oci:";

/// Where a typed reference leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// A registry, by host.
    Registry(String),
    /// A store of the project, by name.
    Store(String),
    /// An image layout, by folder as typed.
    Layout(Utf8PathBuf),
}

/// A reference, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Typed {
    /// Where.
    pub location: Location,
    /// The repository there; empty for names of a layout that have none, and where no repository was typed.
    pub repository: String,
    /// Tag or digest.
    pub selector: Option<Selector>,
    /// Tags that followed the first.
    pub more_tags: Vec<String>,
}

/// What is known about the project: `None` without one, else the names of its stores.
pub type Stores<'a> = Option<Vec<&'a str>>;

/// Reads a reference to one artifact or one repository.
pub fn reference(text: &str, stores: &Stores<'_>) -> Result<Typed, Fault> {
    let typed = match text.strip_prefix(LAYOUT) {
        Some(rest) => layout(text, rest),
        None => registry_or_store(text, stores),
    }?;
    if !typed.more_tags.is_empty() && !matches!(typed.selector, Some(Selector::Tag(_))) {
        return Err(usage(text, "has tags after a comma, but no tag before it").hint("write repository:tag,tag"));
    }
    Ok(typed)
}

fn registry_or_store(text: &str, stores: &Stores<'_>) -> Result<Typed, Fault> {
    let (text, more_tags) = split_tags(text)?;
    let (location, path) = location(text, stores)?;
    if path.is_empty() {
        return Err(usage(text, "names no repository").hint("write host/repository:tag"));
    }
    // The grammar is that of a registry's; whatever stands before it is known already.
    let parsed =
        ImageReference::parse(&format!("localhost/{path}")).map_err(|e| usage(text, &e.to_string()).hint(e.hint()))?;
    let selector = match (parsed.digest(), parsed.tag()) {
        (Some(digest), _) => Some(Selector::Digest(digest.clone())),
        (None, Some(tag)) => Some(Selector::Tag(tag.to_owned())),
        (None, None) => None,
    };
    let repository = match &location {
        Location::Registry(host) if is_docker_hub(host) && !parsed.path().contains('/') => {
            format!("library/{}", parsed.path())
        }
        _ => parsed.path().to_owned(),
    };
    Ok(Typed {
        location,
        repository,
        selector,
        more_tags,
    })
}

/// Reads what names a whole registry, store or layout: `host[:port]`, `NAME`, `oci:DIR`.
pub fn registry(text: &str, stores: &Stores<'_>) -> Result<Location, Fault> {
    let named = text.strip_suffix(':').unwrap_or(text);
    if let Some(folder) = text.strip_prefix(LAYOUT) {
        return match folder {
            "" => Err(usage(text, "names no folder").hint("write oci:DIR")),
            folder => Ok(Location::Layout(folder.into())),
        };
    }
    if stores.as_ref().is_some_and(|stores| stores.contains(&named)) {
        return Ok(Location::Store(named.to_owned()));
    }
    let host = text.trim_end_matches('/');
    // A host is one that a reference to it would have.
    let parsed = ImageReference::parse(&format!("{host}/x")).ok();
    match parsed.as_ref().and_then(ImageReference::registry) {
        Some(parsed) if parsed == host => Ok(Location::Registry(normalise_host(host))),
        _ if host.contains('/') => {
            Err(usage(text, "names more than a registry").hint("name the host alone: host[:port]"))
        }
        _ => Err(no_registry(text, stores)),
    }
}

/// Tags after the first comma; none of them may be empty.
fn split_tags(text: &str) -> Result<(&str, Vec<String>), Fault> {
    let mut pieces = text.split(',');
    let head = pieces.next().unwrap_or_default();
    let mut more: Vec<String> = Vec::new();
    for tag in pieces {
        let tag = tag.trim();
        if let Err(e) = ImageReference::parse(&format!("localhost/x:{tag}")) {
            return Err(usage(text, &e.to_string()).hint(e.hint()));
        }
        if !more.iter().any(|known| known == tag) {
            more.push(tag.to_owned());
        }
    }
    Ok((head, more))
}

/// Where a text leads, and what follows.
fn location<'t>(text: &'t str, stores: &Stores<'_>) -> Result<(Location, &'t str), Fault> {
    if text.is_empty() {
        return Err(Fault::new(Kind::Usage, "the reference is empty").hint("write host/repository:tag"));
    }
    if let Some((name, rest)) = text.split_once(':')
        && stores.as_ref().is_some_and(|stores| stores.contains(&name))
    {
        return Ok((Location::Store(name.to_owned()), rest));
    }
    if text.contains("://") {
        return Err(usage(text, "has a scheme").hint("remove it: a reference starts with the registry host"));
    }
    let Some((first, rest)) = text.split_once('/') else {
        return Err(no_registry(text, stores));
    };
    if is_store_like(first) {
        return Err(no_registry(text, stores));
    }
    match ImageReference::parse(&format!("{first}/x")) {
        Ok(parsed) if parsed.registry() == Some(first) => Ok((Location::Registry(normalise_host(first)), rest)),
        Ok(_) => Err(no_registry(text, stores)),
        Err(e) => Err(usage(text, &e.to_string()).hint(e.hint())),
    }
}

/// `images:samples`: a name, and after the colon no port.
fn is_store_like(first: &str) -> bool {
    first
        .split_once(':')
        .is_some_and(|(name, rest)| !name.contains(['.', '[']) && !rest.bytes().all(|b| b.is_ascii_digit()))
}

/// `DIR[:REF][@DIGEST]`. The folder ends at the first colon, save that of a Windows drive.
fn layout(text: &str, rest: &str) -> Result<Typed, Fault> {
    let (rest, digest) = match rest.rsplit_once('@') {
        // Folders may have an @ in their names.
        Some((before, after)) if looks_like_digest(after) => {
            let digest = after
                .parse::<Digest>()
                .map_err(|e| usage(text, &e.to_string()).hint("digests are sha256: with 64 lower-case hex digits"))?;
            (before, Some(digest))
        }
        _ => (rest, None),
    };
    let drive = usize::from(has_drive(rest)) * 2;
    let colon = rest.get(drive..).and_then(|tail| tail.find(':')).map(|at| at + drive);
    let (folder, name) = match colon {
        Some(at) => (rest.get(..at).unwrap_or_default(), rest.get(at + 1..)),
        None => (rest, None),
    };
    if folder.is_empty() {
        return Err(usage(text, "names no folder").hint("write oci:DIR:NAME, as in oci:images:1.0.0"));
    }
    if name == Some("") {
        return Err(usage(text, "has nothing after its colon").hint("write oci:DIR:NAME, as in oci:images:1.0.0"));
    }
    let (name, more_tags) = split_tags(name.unwrap_or_default())?;
    let (repository, tag) = split_name(name);
    let repository = repository.to_owned();
    let tag = Some(tag.to_owned()).filter(|tag| !tag.is_empty());
    let selector = match (digest, tag) {
        (Some(digest), _) => Some(Selector::Digest(digest)),
        (None, Some(tag)) => Some(Selector::Tag(tag)),
        (None, None) => None,
    };
    Ok(Typed {
        location: Location::Layout(folder.into()),
        repository,
        selector,
        more_tags,
    })
}

fn looks_like_digest(text: &str) -> bool {
    text.starts_with("sha256:") || text.starts_with("sha512:")
}

/// `C:\` or `C:/`.
fn has_drive(text: &str) -> bool {
    matches!(text.as_bytes(), [letter, b':', b'\\' | b'/', ..] if letter.is_ascii_alphabetic())
}

/// A name in a layout: `repository:tag`, or one word.
fn split_name(name: &str) -> (&str, &str) {
    match name.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') && !tag.is_empty() => (repository, tag),
        _ => ("", name),
    }
}

fn no_registry(text: &str, stores: &Stores<'_>) -> Fault {
    let fault = usage(text, "names no registry");
    let name = text
        .split_once(':')
        .map(|(name, _)| name)
        .filter(|name| !name.contains(['.', '/', '[']));
    let hub = format!(
        "docker.io/{}",
        if text.contains('/') {
            text.to_owned()
        } else {
            format!("library/{text}")
        }
    );
    // `images:samples/artifact:1.0` can only be meant as a store; `nginx:1.25` may be either.
    let store_only = text.split('/').next().is_some_and(is_store_like) && text.contains('/');
    match (name, stores) {
        (Some(name), Some(stores)) if store_only => {
            usage(text, &format!("the project has no store {name:?}")).hint(format!("its stores: {}", some_of(stores)))
        }
        (Some(name), None) if store_only => usage(
            text,
            &format!("there is no project here that could have a store {name:?}"),
        )
        .hint("write host/repository:tag, or name the project with -C or --project"),
        (_, Some(stores)) => fault.hint(format!(
            "write host/repository:tag (Docker Hub: {hub}), or NAME:REF with a store of the project: {}",
            some_of(stores)
        )),
        (_, None) => fault.hint(format!("write host/repository:tag (Docker Hub: {hub})")),
    }
}

/// Wrong use of the command line, with the text it is about.
fn usage(text: &str, why: &str) -> Fault {
    let shown: String = text.chars().take(200).collect();
    Fault::new(Kind::Usage, format!("{shown}: {why}"))
}

#[cfg(test)]
#[path = "typed_tests.rs"]
mod tests;
