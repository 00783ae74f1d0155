//! Reading a lock: every value checked, every error with its place, unknown fields passed over.

use std::collections::HashSet;
use std::sync::Arc;

use camino::Utf8Path;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Lock, LockedChart, LockedImage, LockedReferrer, LockedStore, VERSION};
use crate::digest::Digest;
use crate::fault::{Fault, Faults, Place, SourceFile, Span};
use crate::store::ArtifactName;

const RESTORE: &str = "restore it from version control, or delete it and run aosm-build lock";

type Value<'i> = Spanned<DeValue<'i>>;

impl Lock {
    /// Parses the text of a lock; `path` names it in errors.
    pub fn parse(path: &Utf8Path, text: String) -> Result<Self, Faults> {
        let mut reader = Reader {
            file: SourceFile::new(path, text),
            faults: Faults::new(),
        };
        let file = Arc::clone(&reader.file);
        if let Some(at) = conflict_marker(&file.text) {
            let fault = Fault::invalid("aosm.lock has merge conflict markers").at(Place::new(file, at..at + 7));
            return Err(fault.hint("keep either side, then run aosm-build lock").into());
        }
        let (table, errors) = DeTable::parse_recoverable(&file.text);
        for error in errors {
            let span = error.span().unwrap_or(0..0);
            reader.fault(span, format!("aosm.lock is no TOML: {}", error.message().trim()));
        }
        if reader.faults.has_errors() {
            return Err(reader.faults);
        }
        let lock = reader.lock(&table);
        reader.faults.into_result(lock).map(|(lock, _)| lock)
    }
}

/// Byte offset of a line that git put there.
fn conflict_marker(text: &str) -> Option<usize> {
    if text.starts_with("<<<<<<< ") {
        return Some(0);
    }
    text.find("\n<<<<<<< ").map(|at| at + 1)
}

struct Reader {
    file: Arc<SourceFile>,
    faults: Faults,
}

impl Reader {
    fn fault(&mut self, span: Span, message: impl Into<String>) {
        let place = Place::new(Arc::clone(&self.file), span);
        self.faults.push(Fault::invalid(message).at(place).hint(RESTORE));
    }

    fn lock(&mut self, table: &Spanned<DeTable<'_>>) -> Lock {
        let top = (table.get_ref(), table.span());
        // A newer version may mean anything: nothing else is looked at.
        let Some(version) = self.number(top.0, &top.1, "version") else {
            return Lock::default();
        };
        if i64::try_from(version).is_ok_and(|version| version > VERSION) {
            let span = top.0.get("version").map_or(0..0, Spanned::span);
            let place = Place::new(Arc::clone(&self.file), span);
            let fault = Fault::invalid(format!(
                "aosm.lock has version {version}, this aosm-build knows {VERSION}"
            ));
            self.faults
                .push(fault.at(place).hint("use the newer aosm-build that wrote it"));
            return Lock::default();
        }
        let image_sources = self.texts(top.0, &top.1, "image-sources");
        let mut lock = Lock::new(image_sources);
        let mut seen = HashSet::new();
        for (entry, span) in self.tables(top.0, "image") {
            if let Some(image) = self.image(entry, &span) {
                if !seen.insert((image.reference.clone(), image.name.tag.clone())) {
                    self.fault(
                        span,
                        format!("aosm.lock names {} twice as {}", image.reference, image.name),
                    );
                }
                lock.images.push(image);
            }
        }
        for (entry, span) in self.tables(top.0, "chart") {
            let name = self.text(entry, &span, "name");
            let version = self.text(entry, &span, "version");
            let url = self.text(entry, &span, "url");
            let digest = self.digest(entry, &span);
            if let (Some(name), Some(version), Some(url), Some(digest)) = (name, version, url, digest) {
                lock.charts.push(LockedChart {
                    name,
                    version,
                    url,
                    digest,
                });
            }
        }
        for (entry, span) in self.tables(top.0, "store") {
            let (name, layout) = (self.text(entry, &span, "name"), self.text(entry, &span, "layout"));
            if let (Some(name), Some(layout)) = (name, layout) {
                lock.stores.push(LockedStore { name, layout });
            }
        }
        lock.images.sort();
        lock.charts.sort();
        lock.stores.sort();
        lock
    }

    fn image(&mut self, entry: &DeTable<'_>, span: &Span) -> Option<LockedImage> {
        // All fields are read before any is missed: all errors of an entry are told.
        let reference = self.text(entry, span, "reference");
        let name = self.name(entry, span);
        let source = self.text(entry, span, "source");
        let repository = self.text(entry, span, "repository");
        let tag = entry.contains_key("tag").then(|| self.text(entry, span, "tag"));
        let digest = self.digest(entry, span);
        let media_type = self.text(entry, span, "media-type");
        let size = self.number(entry, span, "size");
        let platforms = self.texts(entry, span, "platforms");
        let referrers = self.referrers(entry);
        Some(LockedImage {
            reference: reference?,
            name: name?,
            source: source?,
            repository: repository?,
            tag: match tag {
                Some(tag) => Some(tag?),
                None => None,
            },
            digest: digest?,
            media_type: media_type?,
            size: size?,
            platforms,
            referrers,
        })
    }

    fn name(&mut self, entry: &DeTable<'_>, span: &Span) -> Option<ArtifactName> {
        let text = self.text(entry, span, "name")?;
        match text.rsplit_once(':') {
            Some((repository, tag)) if !repository.is_empty() && !tag.is_empty() && !tag.contains('/') => {
                Some(ArtifactName {
                    repository: repository.to_owned(),
                    tag: tag.to_owned(),
                })
            }
            _ => {
                let span = entry.get("name").map_or(span.clone(), Spanned::span);
                self.fault(span, "name in the lock is no repository:tag");
                None
            }
        }
    }

    fn digest(&mut self, entry: &DeTable<'_>, span: &Span) -> Option<Digest> {
        let text = self.text(entry, span, "digest")?;
        let span = entry.get("digest").map_or(span.clone(), Spanned::span);
        self.parse_digest(&text, span)
    }

    fn parse_digest(&mut self, text: &str, span: Span) -> Option<Digest> {
        text.parse()
            .map_err(|e: crate::digest::BadDigest| self.fault(span, e.to_string()))
            .ok()
    }

    /// `None` where the key is absent: nobody has asked yet.
    fn referrers(&mut self, entry: &DeTable<'_>) -> Option<Vec<LockedReferrer>> {
        entry.get("referrers")?;
        let mut all = Vec::new();
        for (one, span) in self.tables(entry, "referrers") {
            let digest = self.digest(one, &span);
            let subject = self.text(one, &span, "subject");
            let subject_span = one.get("subject").map_or(span.clone(), Spanned::span);
            let subject = subject.and_then(|text| self.parse_digest(&text, subject_span));
            let media_type = self.text(one, &span, "media-type");
            let size = self.number(one, &span, "size");
            let mut optional = |key: &str| one.contains_key(key).then(|| self.text(one, &span, key)).flatten();
            let (artifact_type, tag) = (optional("artifact-type"), optional("tag"));
            if let (Some(digest), Some(subject), Some(media_type), Some(size)) = (digest, subject, media_type, size) {
                all.push(LockedReferrer {
                    digest,
                    subject,
                    media_type,
                    artifact_type: artifact_type.unwrap_or_default(),
                    size,
                    tag,
                });
            }
        }
        all.sort();
        Some(all)
    }

    fn value<'t, 'i>(&mut self, table: &'t DeTable<'i>, span: &Span, key: &str) -> Option<&'t Value<'i>> {
        let value = table.get(key);
        if value.is_none() {
            self.fault(span.clone(), format!("{key} is missing in the lock"));
        }
        value
    }

    fn wrong(&mut self, value: &Value<'_>, key: &str, wanted: &str) {
        let found = value.get_ref().type_str();
        self.fault(
            value.span(),
            format!("{key} in the lock is {found}, {wanted} is needed"),
        );
    }

    fn text(&mut self, table: &DeTable<'_>, span: &Span, key: &str) -> Option<String> {
        let value = self.value(table, span, key)?;
        match value.get_ref().as_str() {
            Some(text) if !text.is_empty() => Some(text.to_owned()),
            Some(_) => {
                self.fault(value.span(), format!("{key} in the lock is empty"));
                None
            }
            None => {
                self.wrong(value, key, "a string");
                None
            }
        }
    }

    fn number(&mut self, table: &DeTable<'_>, span: &Span, key: &str) -> Option<u64> {
        let value = self.value(table, span, key)?;
        let number = value
            .get_ref()
            .as_integer()
            .and_then(|n| u64::from_str_radix(n.as_str(), n.radix()).ok());
        if number.is_none() {
            self.wrong(value, key, "a number from 0 up");
        }
        number
    }

    fn texts(&mut self, table: &DeTable<'_>, span: &Span, key: &str) -> Vec<String> {
        let Some(value) = self.value(table, span, key) else {
            return Vec::new();
        };
        let Some(items) = value.get_ref().as_array() else {
            self.wrong(value, key, "a list of strings");
            return Vec::new();
        };
        let mut texts = Vec::with_capacity(items.len());
        for item in items {
            match item.get_ref().as_str() {
                Some(text) => texts.push(text.to_owned()),
                None => self.wrong(item, key, "a list of strings"),
            }
        }
        texts
    }

    fn tables<'t, 'i>(&mut self, table: &'t DeTable<'i>, key: &str) -> Vec<(&'t DeTable<'i>, Span)> {
        let Some(value) = table.get(key) else { return Vec::new() };
        let Some(items) = value.get_ref().as_array() else {
            self.wrong(value, key, "a list of tables");
            return Vec::new();
        };
        let mut tables = Vec::with_capacity(items.len());
        for item in items {
            match item.get_ref().as_table() {
                Some(entry) => tables.push((entry, item.span())),
                None => self.wrong(item, key, "a list of tables"),
            }
        }
        tables
    }
}
