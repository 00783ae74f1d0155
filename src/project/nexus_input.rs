//! `vnf-input.jsonc` for Azure Operator Nexus, decoded in every form that the Azure CLI `aosm` extension has read.
//!
//! Its templates become artifacts, its images copied images. Each image is taken from the registry that it names and from
//! nowhere else, unless `image-sources` in `aosm.toml` says where to look.

use super::artifact_model::ArtifactType;
use super::document::Document;
use super::input::Input;
use super::input_kind::InputKind;
use super::input_values::{is_written, missing, whole_file};
use super::model::{ExtraImage, ImageSource, Spanned};
use super::paths::Resolver;
use super::publication::Publication;
use super::sources::{SourceList, with_first};
use super::view::View;
use super::{check, input_head, input_templates, names, nexus_input_keys};
use crate::fault::{Fault, Faults};
use crate::reference::ImageReference;

/// Checks and decodes.
pub(crate) fn decode(document: &Document, resolver: Resolver<'_>, faults: &mut Faults) -> Input {
    check::check(document, nexus_input_keys::ROOT, faults);
    // After a syntax error nothing of the file is left to judge.
    let mut unheard = Faults::new();
    let faults = if document.damaged { &mut unheard } else { faults };
    let root = View::root(document, nexus_input_keys::ROOT);
    let version = root.text("version");
    if let Some(version) = &version {
        input_head::check_version(version, "version", faults);
    }
    input_head::check(&root, "nf_name", "version", faults);
    let images = images(&root, faults);
    Input {
        publication: Some(Publication::read(InputKind::Nexus, document, nexus_input_keys::ROOT)),
        name: root.text("nf_name"),
        version,
        artifacts: input_templates::of_network_function(&root, resolver, faults),
        image_sources: Some(registries(&images)),
        images,
        ..Input::empty()
    }
}

/// The registries that images name, in the order of their first appearance: written nowhere as a list.
fn registries(images: &[ExtraImage]) -> SourceList {
    let mut entries: Vec<Spanned<ImageSource>> = Vec::new();
    for image in images {
        if let Some(source) = &image.only_from
            && !entries.iter().any(|entry| entry.value == *source)
        {
            entries.push(Spanned {
                value: source.clone(),
                place: image.reference.place.clone(),
            });
        }
    }
    SourceList { place: None, entries }
}

fn images(root: &View<'_>, faults: &mut Faults) -> Vec<ExtraImage> {
    if !is_written(root, "images") {
        faults.push(missing(
            root.document.source.path.as_str(),
            "images",
            &root.key_place("images").unwrap_or_else(|| whole_file(root)),
            "add at least one image: `\"images\": [\"sourceacr.azurecr.io/image:1.0.0\"]`",
        ));
    }
    let mut all: Vec<ExtraImage> = Vec::new();
    for text in root.texts("images") {
        if let Some(image) = image(text, faults) {
            push(image, &mut all, faults);
        }
    }
    all
}

fn push(image: ExtraImage, all: &mut Vec<ExtraImage>, faults: &mut Faults) {
    let Some(first) = all.iter().find(|other| other.reference.value == image.reference.value) else {
        all.push(image);
        return;
    };
    let fault = Fault::invalid(format!("image {}: named twice", check::shorten(&image.reference.value)))
        .hint("remove one of the two");
    let (at, first) = (image.reference.place.clone(), first.reference.place.clone());
    faults.push(with_first(fault, at, first, "first named here"));
}

/// `registry/namespace/name:1.0.0`.
fn image(text: Spanned<String>, faults: &mut Faults) -> Option<ExtraImage> {
    match read(&text.value) {
        Ok(source) => Some(ExtraImage {
            reference: text,
            version: None,
            store: None,
            kind: ArtifactType::ImageFile,
            only_from: Some(source),
            named_in: "images",
        }),
        Err((why, hint)) => {
            let message = format!("image {}: {why}", check::shorten(&text.value));
            faults.push(Fault::invalid(message).at_opt(text.place).hint(hint));
            None
        }
    }
}

/// The registry of an image, or why there is none, and what to do.
fn read(text: &str) -> Result<ImageSource, (String, String)> {
    const EXAMPLE: &str = "write it like `sourceacr.azurecr.io/image:1.0.0`";
    let last = text.rsplit('/').next().unwrap_or_default();
    if let Some((_, version)) = last.split_once(":~")
        && names::version(version).is_ok()
    {
        // A tag cannot begin with a tilde (distribution-spec, "Pulling manifests").
        return Err((
            "no registry takes a tag that begins with `~`".to_owned(),
            format!("name the tag that the registry has: `:{version}`"),
        ));
    }
    let reference = ImageReference::parse(text).map_err(|why| {
        let hint = why.hint().to_owned();
        (format!("is no image reference: {why}"), hint)
    })?;
    let Some(registry) = reference.registry() else {
        return Err(("names no registry".to_owned(), EXAMPLE.to_owned()));
    };
    let Some(tag) = reference.tag() else {
        return Err(("names no version".to_owned(), EXAMPLE.to_owned()));
    };
    if names::version(tag).is_err() {
        return Err((
            format!(
                "AOSM takes only three numbers joined by dots as the version of an image file, not `{}`",
                check::shorten(tag)
            ),
            "give the image such a tag in its registry, then name that".to_owned(),
        ));
    }
    Ok(ImageSource {
        host: registry.to_ascii_lowercase(),
        namespace: String::new(),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::expect_used, reason = "a failed expectation is a failed test")]
    use super::*;

    #[test]
    fn an_image_names_its_registry_and_a_version_of_three_numbers() {
        let good = [
            ("sourceacr.azurecr.io/image:1.0.0", "sourceacr.azurecr.io"),
            ("SourceAcr.azurecr.io/ns/deeper/image:10.2.33", "sourceacr.azurecr.io"),
            ("localhost:5000/image:1.0.0", "localhost:5000"),
            ("[::1]:5000/ns/image:1.0.0", "[::1]:5000"),
        ];
        for (text, host) in good {
            let expected = ImageSource {
                host: host.to_owned(),
                namespace: String::new(),
            };
            assert_eq!(read(text), Ok(expected), "{text}");
        }
        let bad = [
            ("image:1.0.0", "names no registry"),
            ("sourceacr/image:1.0.0", "names no registry"),
            ("/image:1.0.0", "names no registry"),
            ("a.azurecr.io/image", "names no version"),
            ("a.azurecr.io:443/image", "names no version"),
            ("a.azurecr.io/image:1.0", "not `1.0`"),
            ("a.azurecr.io/image:v1.0.0", "not `v1.0.0`"),
            ("a.azurecr.io/image:latest", "not `latest`"),
            ("a.azurecr.io/ns/image:~1.0.0", "begins with `~`"),
            ("a.azurecr.io/image:~x", "is no image reference"),
            ("https://a.azurecr.io/image:1.0.0", "is no image reference"),
            ("a.azurecr.io/Image:1.0.0", "is no image reference"),
            ("", "is no image reference"),
        ];
        for (text, why) in bad {
            let found = read(text).expect_err(text);
            assert!(found.0.contains(why), "{text}: {found:?}");
            assert!(!found.1.is_empty());
        }
    }
}
