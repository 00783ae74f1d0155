//! Images with what refers to them, in registries with and without the referrers API.

use serde_json::json;

use super::image::{Image, ImageSpec, OCI_INDEX, Part};
use super::registry::{Kind, Registry};

/// An image, its signature, and its SBOM that is signed as well.
pub struct Signed {
    pub image: Image,
    pub signature: Image,
    pub sbom: Image,
    pub sbom_signature: Image,
}

impl Signed {
    pub fn new(seed: u64) -> Self {
        Self::over(ImageSpec::new(seed).build())
    }

    pub fn over(image: Image) -> Self {
        let signature = Image::referrer(image.root(), "signature/example", b"a signature");
        let sbom = Image::referrer(image.root(), "sbom/example", b"an SBOM");
        let sbom_signature = Image::referrer(sbom.root(), "signature/example", b"a signature of the SBOM");
        Self {
            image,
            signature,
            sbom,
            sbom_signature,
        }
    }

    /// Pushes everything; the image gets the tag.
    pub fn push(&self, registry: &Registry, repository: &str, tag: &str) {
        registry.push(&self.image, repository, tag);
        refer(registry, repository, &self.image, &[&self.signature, &self.sbom]);
        refer(registry, repository, &self.sbom, &[&self.sbom_signature]);
    }

    /// All roots, the image first.
    pub fn digests(&self) -> Vec<&str> {
        [&self.image, &self.signature, &self.sbom, &self.sbom_signature]
            .map(Image::digest)
            .to_vec()
    }
}

/// The tag under which writers keep the list of a subject's referrers.
pub fn list_tag(subject: &str) -> String {
    subject.replace(':', "-")
}

/// Pushes referrers by digest; where the registry keeps no list of them, the list is pushed, too.
pub fn refer(registry: &Registry, repository: &str, subject: &Image, referrers: &[&Image]) {
    let mut list = Vec::new();
    for referrer in referrers {
        registry.push(referrer, repository, referrer.digest());
        let mut entry = referrer.root().descriptor();
        let manifest = referrer.root().json();
        entry["artifactType"] = manifest["artifactType"].clone();
        if manifest["annotations"].is_object() {
            entry["annotations"] = manifest["annotations"].clone();
        }
        list.push(entry);
    }
    if registry.kind() != Kind::Native {
        let index = json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": list});
        let index = Part::new(OCI_INDEX, index.to_string().into_bytes());
        registry
            .client()
            .push_manifest(repository, &list_tag(subject.digest()), &index);
    }
}
