//! What ACR knows of its content beside the content: when it came, how much it is, what may be done with it.

use std::collections::BTreeMap;
use std::time::SystemTime;

use serde_json::{Value, json};

use super::sha256;

/// What may be done with a tag or manifest (`changeableAttributes`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attributes {
    pub delete: bool,
    pub write: bool,
    pub read: bool,
    pub list: bool,
}

impl Default for Attributes {
    fn default() -> Self {
        Self {
            delete: true,
            write: true,
            read: true,
            list: true,
        }
    }
}

impl Attributes {
    /// As `az acr repository update --write-enabled false --delete-enabled false` leaves it.
    pub fn locked() -> Self {
        Self {
            delete: false,
            write: false,
            ..Self::default()
        }
    }

    /// With those of a PATCH instead.
    pub fn changed(self, wanted: &Value) -> Self {
        let of = |name: &str, now: bool| wanted[name].as_bool().unwrap_or(now);
        Self {
            delete: of("deleteEnabled", self.delete),
            write: of("writeEnabled", self.write),
            read: of("readEnabled", self.read),
            list: of("listEnabled", self.list),
        }
    }

    fn json(self) -> Value {
        json!({
            "deleteEnabled": self.delete, "writeEnabled": self.write,
            "readEnabled": self.read, "listEnabled": self.list,
        })
    }
}

#[derive(Debug, Clone)]
struct Times {
    created: String,
    updated: String,
}

#[derive(Debug)]
struct Manifest {
    times: Times,
    media_type: String,
    content: Value,
    size: u64,
}

#[derive(Debug)]
struct Tag {
    times: Times,
    digest: String,
}

#[derive(Debug, Default)]
struct Repository {
    manifests: BTreeMap<String, Manifest>,
    tags: BTreeMap<String, Tag>,
    attributes: BTreeMap<String, Attributes>,
}

/// All repositories.
#[derive(Debug, Default)]
pub struct Records(BTreeMap<String, Repository>);

impl Records {
    pub fn pushed(&mut self, repository: &str, reference: &str, media_type: &str, bytes: &[u8]) {
        let repository = self.0.entry(repository.to_owned()).or_default();
        let (digest, now) = (sha256(bytes), now());
        let fresh = || Times {
            created: now.clone(),
            updated: now.clone(),
        };
        let content: Value = serde_json::from_slice(bytes).unwrap_or_default();
        let parts = content["layers"]
            .as_array()
            .into_iter()
            .flatten()
            .chain([&content["config"]]);
        let size = parts.filter_map(|part| part["size"].as_u64()).sum::<u64>() + bytes.len() as u64;
        let manifest = repository.manifests.entry(digest.clone()).or_insert_with(|| Manifest {
            times: fresh(),
            media_type: media_type.to_owned(),
            content,
            size,
        });
        manifest.times.updated.clone_from(&now);
        if reference != digest {
            let tag = repository.tags.entry(reference.to_owned()).or_insert_with(|| Tag {
                times: fresh(),
                digest: String::new(),
            });
            tag.digest = digest;
            tag.times.updated = now;
        }
    }

    pub fn deleted(&mut self, repository: &str, reference: &str) {
        if let Some(repository) = self.0.get_mut(repository)
            && repository.tags.remove(reference).is_none()
        {
            repository.manifests.remove(reference);
            repository.tags.retain(|_, tag| tag.digest != reference);
        }
        // A repository without manifests is not listed any more.
        self.0.retain(|_, repository| !repository.manifests.is_empty());
    }

    pub fn attributes(&self, repository: &str, reference: &str) -> Attributes {
        let found = self.0.get(repository).and_then(|r| r.attributes.get(reference));
        found.copied().unwrap_or_default()
    }

    pub fn set_attributes(&mut self, repository: &str, reference: &str, attributes: Attributes) {
        let repository = self.0.entry(repository.to_owned()).or_default();
        repository.attributes.insert(reference.to_owned(), attributes);
    }

    /// A manifest goes with its tags: a locked one keeps it.
    pub fn may_be_deleted(&self, repository: &str, reference: &str) -> bool {
        let Some(known) = self.0.get(repository) else {
            return true;
        };
        let mut names = vec![reference];
        names.extend(
            known
                .tags
                .iter()
                .filter(|(_, t)| t.digest == reference)
                .map(|(name, _)| name.as_str()),
        );
        names.iter().all(|name| self.attributes(repository, name).delete)
    }

    pub fn catalog(&self) -> Vec<Value> {
        self.0.keys().map(|name| Value::from(name.as_str())).collect()
    }

    pub fn repository(&self, name: &str) -> Option<super::http::Response> {
        let repository = self.0.get(name)?;
        let all = || repository.manifests.values().map(|m| &m.times);
        let answer = json!({
            "createdTime": all().map(|t| &t.created).min()?,
            "lastUpdateTime": all().map(|t| &t.updated).max()?,
            "manifestCount": repository.manifests.len(),
            "tagCount": repository.tags.len(),
            "changeableAttributes": Attributes::default().json(),
        });
        Some(super::http::Response::new(200, answer.to_string()))
    }

    pub fn tags(&self, name: &str) -> Option<Vec<Value>> {
        let repository = self.0.get(name)?;
        let list = repository.tags.iter().map(|(tag, known)| {
            json!({
                "name": tag, "digest": known.digest,
                "createdTime": known.times.created, "lastUpdateTime": known.times.updated,
                "changeableAttributes": self.attributes(name, tag).json(),
            })
        });
        Some(list.collect())
    }

    pub fn manifests(&self, name: &str) -> Option<Vec<Value>> {
        let repository = self.0.get(name)?;
        let list = repository.manifests.iter().map(|(digest, known)| {
            let tags: Vec<&String> = repository
                .tags
                .iter()
                .filter(|(_, t)| t.digest == *digest)
                .map(|(n, _)| n)
                .collect();
            let mut entry = json!({
                "digest": digest, "imageSize": known.size, "mediaType": known.media_type,
                "createdTime": known.times.created, "lastUpdateTime": known.times.updated,
                "changeableAttributes": self.attributes(name, digest).json(),
            });
            if let Some(config) = known.content["config"]["mediaType"].as_str() {
                entry["configMediaType"] = Value::from(config);
            }
            if let Some(artifact) = known.content["artifactType"].as_str() {
                entry["artifactType"] = Value::from(artifact);
            }
            // An untagged manifest has no list, not an empty one.
            if !tags.is_empty() {
                entry["tags"] = json!(tags);
            }
            entry
        });
        Some(list.collect())
    }
}

/// Now, as ACR writes it: seven digits of a second, in UTC.
fn now() -> String {
    let since = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .expect("a clock after 1970");
    let (seconds, fraction) = (since.as_secs(), since.subsec_nanos() / 100);
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    // Days to a date of the Gregorian calendar, counted in years that begin in March.
    let days = seconds / 86_400 + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{fraction:07}Z")
}
