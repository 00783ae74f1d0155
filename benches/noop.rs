//! `apply` with nothing to do: 200 images that are all in a local store.
#![allow(
    clippy::pedantic,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::print_stderr,
    missing_docs,
    reason = "a measurement prints, and one that cannot be made fails with the reason"
)]

mod measure;
#[path = "../tests/support/mod.rs"]
#[allow(
    dead_code,
    unused_imports,
    reason = "the tests' toolbox, of which a measurement needs little"
)]
mod support;

use std::fmt::Write as _;
use std::process::ExitCode;

use measure::{Limits, Series, rounds, run, table};
use support::{Image, ImageSpec, Project, Snapshot, layout};

const IMAGES: u64 = 200;

fn main() -> ExitCode {
    let project = Project::new();
    let mut images: Vec<(String, Image)> = Vec::new();
    let mut manifests = String::from("apiVersion: v1\nkind: Pod\nmetadata: { name: many }\nspec:\n  containers:\n");
    for number in 0..IMAGES {
        let name = format!("bench/image-{number}:1.0.0");
        writeln!(manifests, "    - {{ name: c{number}, image: \"source.test/{name}\" }}").unwrap();
        images.push((
            name,
            ImageSpec::new(number)
                .base_layer(number / 10 + 1_000_000, 2000)
                .multi_platform(),
        ));
    }
    let entries: Vec<(&str, &Image)> = images.iter().map(|(name, image)| (name.as_str(), image)).collect();
    layout::write(&project.path("images"), &entries);
    project.write("many.yaml", manifests);
    project.write(
        "aosm.toml",
        "[project]\nname = \"bench\"\nimage-sources = [\"source.test\"]\n\n\
         [sources.\"source.test\"]\nkind = \"oci-layout\"\npath = \"images\"\n\n\
         [[charts]]\nname = \"many\"\nmanifests = [\"many.yaml\"]\n",
    );
    project.run(&["apply"]).ok();
    assert_eq!(
        layout::names(&project.path(".aosm/store")).len() as u64,
        IMAGES,
        "the store is not full"
    );
    // The first run after that may write down what it has learnt of the files; from then on nothing.
    project.run(&["apply"]).ok();

    let (cache, store) = (project.path(".aosm/cache"), project.path(".aosm/store"));
    let before = (Snapshot::of(&cache), Snapshot::of(&store));
    let mut series = Series::new("apply, nothing to do");
    for _ in 0..rounds() {
        series
            .runs
            .push(run(project.aosm(&["--quiet", "apply"]).into_command()));
    }
    let touched = [
        before.0.touched(&Snapshot::of(&cache)),
        before.1.touched(&Snapshot::of(&store)),
    ]
    .concat();

    println!("{IMAGES} images, {} rounds\n", rounds());
    let wall = series.wall();
    table(&[series], "apply, nothing to do");
    println!();
    let mut limits = Limits::default();
    limits.at_most("wall, s", wall, 1.0);
    limits.at_most("cache and store files written again", touched.len() as f64, 0.0);
    touched.iter().take(10).for_each(|path| println!("        {path}"));
    limits.exit()
}
