//! What is copied: four sets of images, the same bytes each time.

use std::collections::HashSet;

use super::support::{Image, ImageSpec, Registry};

const MIB: usize = 1 << 20;
const KIB: usize = 1 << 10;

/// The tag that every image gets.
pub const TAG: &str = "1";

/// One image, without its bytes: enough to ask for it and to know it again.
pub struct Expected {
    pub repository: String,
    /// The root's digest.
    pub digest: String,
    /// Digest and size of every blob.
    pub blobs: Vec<(String, u64)>,
    /// Digests of all manifests, children before the root.
    pub manifests: Vec<String>,
}

/// A set of images that is copied as a whole.
pub struct Case {
    pub name: &'static str,
    pub images: Vec<Expected>,
    /// Bytes of all different blobs and manifests together.
    pub unique: u64,
    /// Bytes of all blobs and manifests that the images name.
    pub referenced: u64,
    pub unique_blobs: usize,
}

/// The names of all cases, in the order they are measured.
pub const NAMES: [&str; 4] = ["big", "many", "multi", "estate"];

impl Case {
    /// Makes the images up and pushes them to each registry; their bytes are not kept.
    pub fn create(name: &'static str, registries: &[&Registry]) -> Self {
        let mut case = Self {
            name,
            images: Vec::new(),
            unique: 0,
            referenced: 0,
            unique_blobs: 0,
        };
        let mut seen = HashSet::new();
        let mut add = |repository: String, image: Image| {
            for registry in registries {
                registry.push(&image, &repository, TAG);
            }
            case.referenced += image.size();
            for part in image.blobs.iter().chain(&image.manifests) {
                if seen.insert(part.digest.clone()) {
                    case.unique += part.bytes.len() as u64;
                }
            }
            case.unique_blobs += image
                .blobs
                .iter()
                .filter(|blob| seen.insert(format!("blob {}", blob.digest)))
                .count();
            case.images.push(Expected {
                repository,
                digest: image.digest().to_owned(),
                blobs: image
                    .blobs
                    .iter()
                    .map(|blob| (blob.digest.clone(), blob.bytes.len() as u64))
                    .collect(),
                manifests: image.manifests.iter().map(|manifest| manifest.digest.clone()).collect(),
            });
        };
        match name {
            "big" => add("bench/big".to_owned(), ImageSpec::new(1).layers(&[40 * MIB; 5]).build()),
            "many" => {
                let sizes: Vec<usize> = (0..60).map(|n| 16 * KIB + (n * 37 % 61) * 4 * KIB).collect();
                add("bench/many".to_owned(), ImageSpec::new(2).layers(&sizes).build());
            }
            "multi" => {
                let platforms = [("amd64", 3), ("arm64", 4), ("ppc64le", 5)].map(|(architecture, seed)| {
                    let sizes = [20 * MIB, 8 * MIB, 2 * MIB, 300 * KIB, 40 * KIB];
                    ImageSpec::new(seed)
                        .platform("linux", architecture)
                        .layers(&sizes)
                        .build()
                });
                add("bench/multi".to_owned(), Image::index(&platforms));
            }
            "estate" => estate(&mut add),
            other => panic!("no case is called {other}: there are {}", NAMES.join(", ")),
        }
        case
    }

    /// In one line, for headings.
    pub fn describe(&self) -> String {
        format!(
            "{}: {} image(s), {} different blobs, {} MiB, {} MiB counted each time they are named",
            self.name,
            self.images.len(),
            self.unique_blobs,
            self.unique >> 20,
            self.referenced >> 20
        )
    }
}

/// 30 images, ten on each of three bases of five layers, with two or three layers and a config of their own: 133
/// different blobs, 268 named.
fn estate(add: &mut impl FnMut(String, Image)) {
    for number in 0..30_u64 {
        let own = [3840 * KIB, 1536 * KIB, 300 * KIB];
        let own = if number < 28 { &own[..] } else { &own[..2] };
        let mut spec = ImageSpec::new(100 + number).layers(own);
        // The last one put below the others is the lowest.
        for (layer, size) in [512 * KIB, 1536 * KIB, 4 * MIB, 8 * MIB, 24 * MIB]
            .into_iter()
            .enumerate()
        {
            spec = spec.base_layer(1_000_000 + number % 3 * 10 + layer as u64, size);
        }
        add(format!("estate/image-{number:02}"), spec.build());
    }
}
