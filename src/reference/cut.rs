//! The cut rule: which repository of a source holds an image, and which name it gets in the store.
//!
//! The service replaces the registry in a rendered reference by the artifact store's, so the name in the store is
//! what remains of the reference without its registry: inner namespaces stay, the source's own namespace is not
//! part of it. Where the first segment only *may* be a registry, both readings are asked for, cut first, at each
//! source before the next one; what the project says about the segment decides beforehand.

use super::host::is_docker_hub;
use super::image_reference::ImageReference;
use crate::project::ImageSource;

/// What the project says about ambiguous first segments.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FirstSegment {
    /// Segments that stand for a registry: always cut.
    pub placeholders: Vec<String>,
    /// Segments that are namespaces: never cut.
    pub namespaces: Vec<String>,
}

/// How a reference was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Form {
    /// The first segment is a registry (or stands for one) and is gone.
    Cut,
    /// The whole path counts: there was nothing to cut, or the first segment is a namespace.
    Whole,
}

/// One repository to ask a source for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Candidate {
    /// The repository at that source, its namespace included.
    pub repository: String,
    /// The name in the store, should the image be found here.
    pub store_name: String,
    /// How the reference was read.
    pub form: Form,
}

/// A reading of the reference before a source is looked at.
struct Reading<'r> {
    path: &'r str,
    form: Form,
    /// True when nobody said that the first segment is a registry.
    guessed: bool,
}

impl ImageReference {
    /// The repositories to ask one source for, in order. Empty only at Docker Hub, where a guess that would turn
    /// `acme/redis` into the official `redis` is not made.
    pub fn candidates(&self, source: &ImageSource, decide: &FirstSegment) -> Vec<Candidate> {
        let mut candidates: Vec<Candidate> = Vec::with_capacity(2);
        for reading in self.readings(decide) {
            if let Some(repository) = repository_at(source, &reading)
                && candidates.iter().all(|known| known.repository != repository)
            {
                candidates.push(Candidate {
                    repository,
                    store_name: reading.path.to_owned(),
                    form: reading.form,
                });
            }
        }
        candidates
    }

    fn readings(&self, decide: &FirstSegment) -> Vec<Reading<'_>> {
        let whole = Reading {
            path: self.path(),
            form: Form::Whole,
            guessed: false,
        };
        let Some((first, rest)) = self.first_segment() else {
            let form = if self.registry().is_some() || self.has_empty_registry() {
                Form::Cut
            } else {
                Form::Whole
            };
            return vec![Reading { form, ..whole }];
        };
        if decide.placeholders.iter().any(|p| p == first) {
            vec![Reading {
                path: rest,
                form: Form::Cut,
                guessed: false,
            }]
        } else if decide.namespaces.iter().any(|n| n == first) {
            vec![whole]
        } else {
            vec![
                Reading {
                    path: rest,
                    form: Form::Cut,
                    guessed: true,
                },
                whole,
            ]
        }
    }
}

/// The repository of a reading at a source; `None` where Docker Hub's rule forbids the guess.
fn repository_at(source: &ImageSource, reading: &Reading<'_>) -> Option<String> {
    let namespace = source.namespace.as_str();
    let path = reading.path;
    let joined = if namespace.is_empty() {
        path.to_owned()
    } else {
        format!("{namespace}/{path}")
    };
    if !is_docker_hub(&source.host) {
        return Some(joined);
    }
    // Docker Hub keeps its official images under `library`; `library/library` does not exist.
    let repository = if !joined.contains('/') {
        format!("library/{joined}")
    } else if namespace == "library" && path.starts_with("library/") {
        path.to_owned()
    } else {
        joined
    };
    (!reading.guessed || !repository.starts_with("library/")).then_some(repository)
}

#[cfg(test)]
#[path = "cut_tests.rs"]
mod tests;
