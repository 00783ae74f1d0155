//! What a copy costs, counted: requests for each image and blob, bytes for all of them, memory while they move.
//!
//! The numbers are the point. A change that makes one of them larger makes copies slower for everybody, over a distance
//! above all; it should have a reason, and change the number here.

use crate::support::traffic::{Traffic, What};
use crate::support::*;

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;

/// A source that has these images and an empty store, both registries of this test alone, and a project that copies.
struct Scene {
    source: Registry,
    target: Registry,
    project: Project,
}

impl Scene {
    fn new(images: &[(&str, &Image)]) -> Self {
        let (source, target) = (Registry::start(Kind::Plain), Registry::start(Kind::Plain));
        let project = Project::new();
        let mut config = format!(
            "[project]\nname = \"costs\"\nimage-sources = [\"{}\"]\n\
             [copy]\nreferrers = \"none\"\n\
             [stores.target]\nkind = \"registry\"\nregistry = \"{}\"\n",
            source.host(),
            target.host()
        );
        for (name, image) in images {
            source.push(image, name, "1");
            config += &format!("[[images]]\nreference = \"{}/{name}:1\"\n", source.host());
        }
        project.write("aosm.toml", config);
        Self {
            source,
            target,
            project,
        }
    }

    /// Runs it, and says what the source and the target were asked.
    fn apply(&self, arguments: &[&str]) -> (Traffic, Traffic) {
        let (source, target) = (self.source.mark(), self.target.mark());
        let mut all = vec!["apply"];
        all.extend(arguments);
        self.project.run(&all).ok();
        (self.source.since(source), self.target.since(target))
    }
}

/// How many requests are about a blob that an earlier one was about.
fn repeated(traffic: &Traffic, about: impl Fn(&traffic::Entry) -> Option<String>) -> usize {
    let mut seen = std::collections::HashSet::new();
    let all = traffic.0.iter().filter_map(about);
    all.filter(|digest| !seen.insert(digest.clone())).count()
}

/// The blob that a finished upload was of.
fn sent(entry: &traffic::Entry) -> Option<String> {
    let digest = entry.query.split('&').find_map(|pair| pair.strip_prefix("digest="))?;
    (entry.is("PUT upload") && entry.status == 201).then(|| digest.to_owned())
}

/// The blob that was read.
fn read(entry: &traffic::Entry) -> Option<String> {
    (entry.method == "GET" && entry.what == What::Blob).then(|| entry.reference.clone())
}

#[test]
fn an_image_of_small_layers_costs_two_requests_a_blob_and_five_for_itself() {
    let image = ImageSpec::new(901).layers(&[3 * KIB; 20]).build();
    let blobs = image.blobs.len();
    let scene = Scene::new(&[("costs/many", &image)]);
    let (source, target) = scene.apply(&[]);
    // Seen by the plan, asked for by digest, then the tag: before, written, after.
    assert_eq!(target.count("HEAD manifest"), 4, "{:?}", target.labels());
    assert_eq!(target.count("PUT manifest"), 1, "{:?}", target.labels());
    // Asking and opening are one request.
    assert_eq!(target.count("POST mount"), blobs, "{:?}", target.labels());
    assert_eq!(target.count("PUT upload"), blobs, "{:?}", target.labels());
    assert_eq!(target.data_path(), 5 + 2 * blobs, "{:?}", target.labels());
    // The manifest and the config are read to know the platform, and not again to be copied.
    assert_eq!(source.count("GET blob"), blobs, "{:?}", source.labels());
    assert_eq!(source.data_path(), 2 + blobs, "{:?}", source.labels());
}

#[test]
fn a_large_layer_is_asked_for_before_an_upload_is_opened() {
    let image = ImageSpec::new(902).layers(&[2 * MIB; 3]).build();
    let scene = Scene::new(&[("costs/large", &image)]);
    let (_, target) = scene.apply(&[]);
    assert_eq!(target.count("HEAD blob"), 3, "{:?}", target.labels());
    assert_eq!(target.count("PUT upload"), 4, "{:?}", target.labels());
    // An open upload costs the registry room: each that was opened was used.
    let opened = target.count("POST upload") + target.count("POST mount");
    assert_eq!(opened, 4, "{:?}", target.labels());
}

#[test]
fn images_on_one_base_send_it_once_and_are_asked_for_once_the_second_time() {
    let images: Vec<(String, Image)> = (0..12_u64)
        .map(|number| {
            let mut spec = ImageSpec::new(910 + number).layers(&[5 * KIB]);
            for layer in 0..3 {
                spec = spec.base_layer(9_000 + number % 2 * 10 + layer, 40 * KIB + 600 * KIB * (layer as usize));
            }
            (format!("costs/image-{number}"), spec.build())
        })
        .collect();
    let listed: Vec<(&str, &Image)> = images.iter().map(|(name, image)| (name.as_str(), image)).collect();
    let scene = Scene::new(&listed);
    let (source, target) = scene.apply(&[]);
    // Two bases of three layers; a layer and a config for each image.
    assert_eq!(target.count("PUT upload"), 2 * 3 + 12 * 2, "{:?}", target.labels());
    assert_eq!(target.mounts(), 10 * 3, "{:?}", target.labels());
    assert_eq!(repeated(&target, sent), 0, "blobs were sent twice");
    assert_eq!(repeated(&source, read), 0, "blobs were read twice");

    let (source, target) = scene.apply(&[]);
    assert_eq!(
        source.data_path(),
        0,
        "with a lock, sources are not asked: {:?}",
        source.labels()
    );
    assert_eq!(target.data_path(), 12, "{:?}", target.labels());
    assert_eq!(target.count("HEAD manifest"), 12, "{:?}", target.labels());

    let (source, target) = scene.apply(&["--offline"]);
    assert_eq!((source.0.len(), target.0.len()), (0, 0), "--offline asked somebody");
}

#[test]
fn a_run_after_one_that_was_killed_sends_nothing_again() {
    let image = ImageSpec::new(903).layers(&[4 * KIB, 1500 * KIB, 6 * KIB]).build();
    let scene = Scene::new(&[("costs/again", &image)]);
    // As a killed run leaves it: every blob is there, the manifest is not.
    for blob in &image.blobs {
        scene.target.client().push_blob("costs/again", &blob.bytes);
    }
    let (source, target) = scene.apply(&[]);
    assert_eq!(target.count("PUT upload"), 0, "{:?}", target.labels());
    // At most those that were asked for before the first answer came, none of them large.
    let large = image.blobs.iter().max_by_key(|blob| blob.bytes.len()).expect("blobs");
    let of_large = |entry: &&traffic::Entry| entry.is("GET blob") && entry.reference == large.digest;
    assert_eq!(source.0.iter().filter(of_large).count(), 0, "{:?}", source.labels());
    let stored = scene.target.client().digest("costs/again", "1");
    assert_eq!(stored.as_deref(), Some(image.digest()));
}

#[test]
#[cfg(target_os = "linux")]
fn memory_depends_on_the_number_of_streams_and_not_on_what_flows() {
    const STREAMS: usize = 6;
    let image = ImageSpec::new(904).layers(&[12 * MIB; STREAMS]).build();
    let scene = Scene::new(&[("costs/memory", &image)]);
    let mut run = scene.project.aosm(&["apply"]).spawn();
    let status = format!("/proc/{}/status", run.id());
    let mut peak = 0_usize;
    while !run.ended() {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        // What the run itself holds. Pages of the executable, which is huge without optimisation, are not its doing.
        let line = text.lines().find_map(|line| line.strip_prefix("RssAnon:"));
        let now = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
        peak = peak.max(now.unwrap_or(0));
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    run.wait().ok();
    assert!(peak > 0, "nothing was seen of the run");
    let limit = (10 + STREAMS) * KIB;
    assert!(
        peak <= limit,
        "{peak} KiB of memory for {STREAMS} streams (at most {limit} KiB)"
    );
}
