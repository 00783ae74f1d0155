//! Shared access signatures: read and judged. What can be shown of one is told apart from what cannot.
//!
//! The fields are those of the REST reference, "Create a service SAS", "Create an account SAS" and "Create a user delegation
//! SAS".

use std::collections::BTreeSet;
use std::time::SystemTime;

use url::Url;

use super::{BlobError, BlobErrorKind, moment};
use crate::credentials::Secret;

/// A right that a request needs, as a SAS names it (`sp`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Right {
    /// `r`
    Read,
    /// `c`
    Create,
    /// `w`
    Write,
    /// `d`
    Delete,
}

impl Right {
    /// Its letter.
    pub fn letter(self) -> char {
        match self {
            Self::Read => 'r',
            Self::Create => 'c',
            Self::Write => 'w',
            Self::Delete => 'd',
        }
    }

    /// For people: `w (write)`.
    pub fn words(self) -> &'static str {
        match self {
            Self::Read => "r (read)",
            Self::Create => "c (create)",
            Self::Write => "w (write)",
            Self::Delete => "d (delete)",
        }
    }

    /// Do these letters grant it? Who may write may create, too.
    fn granted_by(self, letters: &str) -> bool {
        letters.contains(self.letter()) || self == Self::Create && letters.contains('w')
    }
}

/// A URL that may hold a signature, taken apart: the place can be shown, the rest cannot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SasUrl {
    /// Scheme, host and path, without query: `https://account.blob.core.windows.net/container`.
    pub place: Url,
    /// The query with the signature, without `?`; empty for a URL without one.
    pub query: Secret,
}

impl SasUrl {
    /// Reads any URL of a blob or container, with a signature or without (a public blob as source of a copy). `origin` says
    /// where the text came from: `the variable DISKS_SAS`. Errors tell what is wrong without repeating any of the text.
    pub fn parse(text: &str, origin: &str) -> Result<Self, BlobError> {
        let bad = |detail: &str, hint: &str| {
            Err(BlobError::new(BlobErrorKind::Denied, "read the URL in", origin, detail).hint(hint))
        };
        let shape =
            "it has to be like https://ACCOUNT.blob.core.windows.net/CONTAINER?sv=…&sig=…, all of it in one line";
        let text = text.trim();
        if text.is_empty() {
            return bad("is empty", shape);
        }
        if text.starts_with(['"', '\'']) || text.ends_with(['"', '\'']) {
            return bad("stands in quotes", "leave them out");
        }
        if text.contains(|c: char| c.is_whitespace() || c.is_control()) {
            return bad("holds white space in its middle", shape);
        }
        if text.starts_with('?') || text.starts_with("sv=") || text.starts_with("sp=") || text.starts_with("sig=") {
            return bad("is a signature alone, without its URL", shape);
        }
        if text.contains("&amp;") {
            return bad(
                "holds `&amp;` where `&` belongs",
                "copy it from where it is not escaped",
            );
        }
        let Ok(mut place) = Url::parse(text) else {
            return bad("is no URL", shape);
        };
        if !matches!(place.scheme(), "https" | "http") || !place.has_host() {
            return bad("is not the URL of a web server", shape);
        }
        if !place.username().is_empty() || place.password().is_some() {
            return bad("holds a login", shape);
        }
        if place.fragment().is_some() {
            return bad("holds a `#`", "a `#` within a URL is written %23");
        }
        let query = Secret::new(place.query().unwrap_or_default());
        place.set_query(None);
        Ok(Self { place, query })
    }

    /// A field of the signature.
    pub fn field(&self, name: &str) -> Option<String> {
        url::form_urlencoded::parse(self.query.expose().as_bytes())
            .find(|(field, _)| field.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.into_owned())
    }

    /// Does it hold a signature at all?
    pub fn is_signed(&self) -> bool {
        self.field("sig").is_some()
    }

    /// When it begins to be good, where it says so.
    pub fn start(&self) -> Option<SystemTime> {
        moment::parse(&self.field("st")?)
    }

    /// When it ends, where it says so (one by a stored access policy does not).
    pub fn expiry(&self) -> Option<SystemTime> {
        moment::parse(&self.field("se")?)
    }

    /// The letters of the rights it grants, where it says so.
    pub fn rights(&self) -> Option<String> {
        self.field("sp").filter(|letters| !letters.is_empty())
    }

    /// What it says of itself, for people: `grants rcw, until 2030-01-31T12:00:00Z`.
    pub fn describe(&self) -> String {
        let rights = self.rights().map_or("rights as its policy says".to_owned(), |rights| {
            format!("grants {rights}")
        });
        match self.expiry() {
            Some(expiry) => format!("{rights}, until {}", moment::format(expiry)),
            None => rights,
        }
    }

    /// What speaks against it without asking anybody: its time and its rights. `None`: nothing does.
    pub fn objection(&self, needed: &[Right], now: SystemTime) -> Option<String> {
        let clock = || format!("this machine's clock says {}", moment::format(now));
        if let Some(expiry) = self.expiry().filter(|expiry| *expiry <= now) {
            return Some(format!(
                "the signature expired at {}; {}",
                moment::format(expiry),
                clock()
            ));
        }
        if let Some(start) = self.start().filter(|start| *start > now) {
            return Some(format!(
                "the signature is good from {} only; {}",
                moment::format(start),
                clock()
            ));
        }
        let letters = self.rights()?;
        let missing: Vec<&str> = needed
            .iter()
            .filter(|right| !right.granted_by(&letters))
            .collect::<BTreeSet<_>>()
            .into_iter()
            .map(|right| right.words())
            .collect();
        if missing.is_empty() {
            return None;
        }
        let (noun, verb) = if missing.len() == 1 {
            ("right", "is")
        } else {
            ("rights", "are")
        };
        Some(format!(
            "the {noun} {} {verb} needed and the signature grants only {}",
            missing.join(", "),
            spelt(&letters)
        ))
    }
}

/// The letters for people.
pub(super) fn spelt(letters: &str) -> String {
    let all: Vec<String> = letters
        .chars()
        .filter(char::is_ascii_alphabetic)
        .map(String::from)
        .collect();
    all.join(", ")
}

/// A container and the signature that opens it.
#[derive(Debug, Clone)]
pub struct ContainerAccess {
    /// The container's URL.
    pub url: SasUrl,
    /// Where the signature came from, for errors: `the variable DISKS_SAS`.
    pub origin: String,
    /// Counts up when a source renews it.
    pub generation: u64,
}

impl ContainerAccess {
    /// Reads the URL of a container with its signature: a service, user delegation or account SAS. Errors never repeat any of
    /// the text.
    pub fn parse(text: &str, origin: &str) -> Result<Self, BlobError> {
        let mut url = SasUrl::parse(text, origin)?;
        let bad = |detail: String, hint: &str| {
            Err(BlobError::new(BlobErrorKind::Denied, "read the container URL in", origin, detail).hint(hint))
        };
        let issue = "issue one with `az storage container generate-sas --permissions rcw --as-user --auth-mode login`, and put \
                     it behind the container's URL";
        if !url.is_signed() {
            return bad("holds no signature (`sig`)".into(), issue);
        }
        for field in ["sv", "sig"] {
            if url.field(field).is_none_or(|value| value.is_empty()) {
                return bad(
                    format!("its signature is incomplete: `{field}` is missing"),
                    "copy all of the URL",
                );
            }
        }
        if url.field("se").is_none() && url.field("si").is_none() {
            return bad(
                "its signature is incomplete: `se`, its end, is missing".into(),
                "copy all of the URL",
            );
        }
        if url.field("se").is_some() && url.expiry().is_none() {
            return bad("its end, `se`, is no time".into(), "copy all of the URL");
        }
        match url.field("sr").as_deref() {
            Some("c") => {}
            Some("b" | "bv" | "bs") => {
                return bad(
                    "its signature opens a single blob (`sr=b`), not a container".into(),
                    issue,
                );
            }
            Some("d") => {
                return bad(
                    "its signature opens a single folder (`sr=d`), not a container".into(),
                    issue,
                );
            }
            Some(_) => return bad("its signature is not for a container (`sr`)".into(), issue),
            None => match (url.field("ss"), url.field("srt")) {
                (Some(services), Some(types)) if services.contains('b') && types.contains('o') => {}
                (Some(services), Some(_)) if !services.contains('b') => {
                    return bad("its signature is not for blobs (`ss` without `b`)".into(), issue);
                }
                (Some(_), Some(_)) => {
                    return bad(
                        "its signature is not for the blobs of a container (`srt` without `o`)".into(),
                        issue,
                    );
                }
                _ => {
                    return bad(
                        "its signature is incomplete: `sr` is missing".into(),
                        "copy all of the URL",
                    );
                }
            },
        }
        // One slash at the end is a matter of taste.
        let path = url.place.path().trim_end_matches('/').to_owned();
        url.place.set_path(&path);
        let segments = path.split('/').filter(|segment| !segment.is_empty()).count();
        // An emulator has the account in the path, as it has no name of its own.
        match (segments, is_path_style(&url.place)) {
            (0, _) | (1, true) => {
                return bad(
                    "names no container".into(),
                    "put its name behind the account: https://ACCOUNT…/CONTAINER?…",
                );
            }
            (1, false) | (2, true) => {}
            _ => {
                return bad(
                    "names something within a container".into(),
                    "the container's own URL is needed",
                );
            }
        }
        Ok(Self {
            url,
            origin: origin.to_owned(),
            generation: 0,
        })
    }

    /// The container's name.
    pub fn container(&self) -> &str {
        self.url.place.path().rsplit('/').next().unwrap_or_default()
    }

    /// Host and container, for people.
    pub fn label(&self) -> String {
        label_of(&self.url.place)
    }

    /// What can be known before the first request: is it good now, and does it grant these rights? Read rights and times are
    /// the signature's own words; only the service knows whether it is genuine.
    pub fn check(&self, needed: &[Right], now: SystemTime) -> Result<(), BlobError> {
        let Some(objection) = self.url.objection(needed, now) else {
            return Ok(());
        };
        Err(BlobError::new(BlobErrorKind::Denied, "use", self.label(), objection)
            .hint(format!("put a new signature into {}", self.origin)))
    }
}

/// Is the account part of the path? So it is where the host is an address or this machine (REST reference, "Use the Azurite
/// emulator").
pub(super) fn is_path_style(place: &Url) -> bool {
    match place.host() {
        Some(url::Host::Domain(name)) => crate::oci::registry::is_loopback(name) || !name.contains('.'),
        _ => true,
    }
}

/// `account.blob.core.windows.net/container`.
pub(super) fn label_of(place: &Url) -> String {
    let host = place.host_str().unwrap_or_default();
    let path = percent_encoding::percent_decode_str(place.path()).decode_utf8_lossy();
    match place.port() {
        Some(port) => format!("{host}:{port}{path}"),
        None => format!("{host}{path}"),
    }
}
