//! The images of the worked example, `fixtures/contoso-cnf/images`: four small ones for linux on amd64 and arm64.
//!
//! They are committed, so that the example needs no registry. `AOSM_BLESS=1 cargo test --test it contoso` writes them anew.

use std::path::PathBuf;

use super::image::{Image, ImageSpec};
use super::layout;

/// Where each image is in the source registry that the fixture's `aosm.toml` stands for.
pub const PATHS: [&str; 4] = [
    "release/contoso-a:1.0.0",
    "release/contoso-b:1.0.0",
    "release/contoso-c:1.0.0",
    "test-release/contoso-test:1.0.0",
];

/// The image at one of [`PATHS`]: by its last part, so that variants can put it under other names.
pub fn image(path: &str) -> Image {
    let seed = match path.rsplit('/').next().unwrap_or_default() {
        "contoso-a:1.0.0" => 1,
        "contoso-b:1.0.0" => 2,
        "contoso-c:1.0.0" => 3,
        "contoso-test:1.0.0" => 4,
        other => panic!("no such image in the example: {other}"),
    };
    // One layer that all share, as images on one base do, and one of their own.
    ImageSpec::new(seed)
        .layers(&[120])
        .base_layer(100, 200)
        .label(
            "org.opencontainers.image.title",
            path.rsplit('/').next().unwrap_or_default(),
        )
        .multi_platform()
}

/// The committed layout.
pub fn folder() -> PathBuf {
    super::root().join("fixtures/contoso-cnf/images")
}

/// The files that ought to be in it.
pub fn files() -> Vec<(String, Vec<u8>)> {
    let images: Vec<Image> = PATHS.iter().map(|path| image(path)).collect();
    let entries: Vec<(&str, &Image)> = PATHS.iter().copied().zip(&images).collect();
    layout::files(&entries)
}
