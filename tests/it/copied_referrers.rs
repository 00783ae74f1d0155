//! Signatures, SBOMs and the like travel with images; so does nothing else that the project does not want.

use serde_json::Value;

use crate::support::*;

/// An image of two platforms with an SBOM, a signature of the SBOM, a signature of one platform, and a cosign signature.
struct Signed {
    image: Image,
    sbom: Image,
    sbom_signature: Image,
    child_signature: Image,
    cosign: Image,
}

impl Signed {
    fn new() -> Self {
        let image = ImageSpec::new(71).layers(&[300]).multi_platform();
        let child = image.manifests.first().unwrap().clone();
        let sbom = Image::referrer(image.root(), "sbom/example", b"sbom");
        let sbom_signature = Image::referrer(sbom.root(), "signature/example", b"of the sbom");
        let child_signature = Image::referrer(&child, "signature/example", b"of a child");
        let cosign = ImageSpec::new(72).layers(&[20]).build();
        Self {
            image,
            sbom,
            sbom_signature,
            child_signature,
            cosign,
        }
    }

    fn referrers(&self) -> [&Image; 4] {
        [&self.sbom, &self.sbom_signature, &self.child_signature, &self.cosign]
    }

    fn child(&self) -> &str {
        &self.image.manifests.first().unwrap().digest
    }

    fn cosign_tag(&self) -> String {
        format!("{}.sig", self.image.digest().replace(':', "-"))
    }

    /// Pushes all of it; what the registry does not list is listed by the fallback tag.
    fn push(&self, registry: &Registry, repository: &str) {
        registry.push(&self.image, repository, "1.0.0");
        registry.push(&self.cosign, repository, &self.cosign_tag());
        let client = registry.client();
        for (subject, referrer) in [
            (self.image.digest(), &self.sbom),
            (self.sbom.digest(), &self.sbom_signature),
            (self.child(), &self.child_signature),
        ] {
            for blob in &referrer.blobs {
                client.push_blob(repository, &blob.bytes);
            }
            client.push_manifest(repository, referrer.digest(), referrer.root());
            let mut entry = referrer.root().descriptor();
            entry["artifactType"] = referrer.root().json()["artifactType"].clone();
            let list = serde_json::json!({
                "schemaVersion": 2, "mediaType": image::OCI_INDEX, "manifests": [entry]
            });
            let list = image::Part::new(image::OCI_INDEX, serde_json::to_vec(&list).unwrap());
            client.push_manifest(repository, &subject.replace(':', "-"), &list);
        }
    }
}

struct Scene {
    signed: Signed,
    project: Project,
    source: Faulty,
    store: Faulty,
    prefix: String,
}

impl Scene {
    fn new(name: &str, copy: &str) -> Self {
        let registry = Registry::shared(Kind::Plain);
        let (from, prefix) = (
            registry.unique(&format!("{name}-source")),
            registry.unique(&format!("{name}-store")),
        );
        let signed = Signed::new();
        signed.push(registry, &format!("{from}/release/a"));
        let (source, store) = (Faulty::before(&registry.host()), Faulty::before(&registry.host()));
        let project = Project::new();
        project.write(
            "aosm.toml",
            format!(
                "[project]\nname = \"signed\"\nimage-sources = [\"{}/{from}\"]\n[[images]]\nreference = \"x.example/release/a:1.0.0\"\n\
                 [stores.lab]\nkind = \"registry\"\nregistry = \"{}/{prefix}\"\n[copy]\n{copy}\n",
                source.host(),
                store.host()
            ),
        );
        Self {
            signed,
            project,
            source,
            store,
            prefix,
        }
    }

    fn repository(&self) -> String {
        format!("{}/release/a", self.prefix)
    }

    /// Is a manifest there?
    fn holds(&self, image: &Image) -> bool {
        let client = Registry::shared(Kind::Plain).client();
        client.manifest(&self.repository(), image.digest()).is_some()
    }

    /// The digests that the fallback list of a subject names.
    fn listed(&self, subject: &str) -> Vec<String> {
        let client = Registry::shared(Kind::Plain).client();
        let list = client.manifest(&self.repository(), &subject.replace(':', "-"));
        let entries = list.map_or_else(Vec::new, |list| list.json()["manifests"].as_array().unwrap().clone());
        entries
            .iter()
            .map(|entry| entry["digest"].as_str().unwrap().to_owned())
            .collect()
    }

    fn step(&self, arguments: &[&str], code: i32) -> Value {
        let document = self.project.run(arguments).expect(code).json();
        document["steps"][0].clone()
    }
}

fn refused(status: u16) -> Fault {
    Fault::Answer(http::Response::new(status, "no"))
}

#[test]
fn everything_that_refers_to_an_image_travels_along_and_the_lock_lists_it() {
    let scene = Scene::new("along", "");
    scene.project.run(&["apply"]).ok().says("1 done");
    for referrer in scene.signed.referrers() {
        assert!(scene.holds(referrer), "{referrer:?}");
    }
    assert_eq!(scene.listed(scene.signed.image.digest()), [scene.signed.sbom.digest()]);
    assert_eq!(
        scene.listed(scene.signed.sbom.digest()),
        [scene.signed.sbom_signature.digest()]
    );
    assert_eq!(
        scene.listed(scene.signed.child()),
        [scene.signed.child_signature.digest()]
    );
    let client = Registry::shared(Kind::Plain).client();
    assert_eq!(
        client
            .digest(&scene.repository(), &scene.signed.cosign_tag())
            .as_deref(),
        Some(scene.signed.cosign.digest())
    );
    let lock = scene.project.read("aosm.lock");
    for referrer in scene.signed.referrers() {
        assert!(lock.contains(referrer.digest()), "{lock}");
    }
}

#[test]
fn a_second_run_asks_no_source_and_at_most_once_for_each_tag_and_listed_referrer() {
    let scene = Scene::new("along-again", "");
    scene.project.run(&["apply"]).ok();
    let (at_source, at_store) = (scene.source.mark(), scene.store.mark());
    scene
        .project
        .run(&["plan", "--detailed-exitcode"])
        .ok()
        .says("nothing to do: 1 artifact up to date");
    assert_eq!(scene.source.since(at_source).0.len(), 0);
    let asked = scene.store.since(at_store);
    // The tag, three subjects, cosign's tag, and once whether there is an API for it.
    assert!(asked.data_path() <= 6, "{:?}", asked.labels());
}

#[test]
fn a_referrer_that_is_missing_in_the_store_is_the_reason_of_the_step_and_alone_moves() {
    let scene = Scene::new("along-missing", "referrers = \"none\"");
    scene.project.run(&["apply"]).ok();
    for referrer in scene.signed.referrers() {
        assert!(!scene.holds(referrer), "{referrer:?}");
    }
    scene.project.edit("aosm.toml", "\"none\"", "\"all\"");
    let step = scene.step(&["plan", "--json"], 0);
    assert_eq!(step["action"], "run");
    assert_eq!(step["reasons"][0]["type"], "referrers-missing", "{step}");
    assert_eq!(step["reasons"][0]["missing"].as_array().unwrap().len(), 4, "{step}");
    let mark = scene.store.mark();
    let done = scene.step(&["apply", "--json"], 0);
    assert_eq!(done["outcome"], "done");
    let referrers: u64 = scene.signed.referrers().iter().map(|image| image.size()).sum();
    assert!(done["bytes-moved"].as_u64().unwrap() <= referrers + 4096, "{done}");
    let traffic = scene.store.since(mark);
    assert!(scene.holds(&scene.signed.sbom_signature), "{:?}", traffic.labels());
    scene.project.run(&["plan", "--detailed-exitcode"]).ok();
}

#[test]
fn types_select_and_a_change_of_them_asks_no_source() {
    let scene = Scene::new("along-types", "referrers = [\"sbom/example\"]");
    scene.project.run(&["apply"]).ok();
    assert!(scene.holds(&scene.signed.sbom));
    for other in [
        &scene.signed.sbom_signature,
        &scene.signed.child_signature,
        &scene.signed.cosign,
    ] {
        assert!(!scene.holds(other), "{other:?}");
    }
    scene.project.edit(
        "aosm.toml",
        "[\"sbom/example\"]",
        "[\"sbom/example\", \"signature/example\"]",
    );
    let mark = scene.source.mark();
    let step = scene.step(&["plan", "--json", "--locked"], 0);
    assert_eq!(step["reasons"][0]["missing"].as_array().unwrap().len(), 2, "{step}");
    let asked = scene.source.since(mark);
    assert!(
        asked
            .0
            .iter()
            .all(|entry| entry.method == "GET" && entry.reference.starts_with("sha256:")),
        "only sizes are read, by digest: {:?}",
        asked.labels()
    );
}

#[test]
fn a_source_that_does_not_tell_is_an_error_and_never_means_none() {
    for status in [401, 403] {
        let scene = Scene::new("along-denied", "");
        scene
            .source
            .rule(Rule::new(refused(status)).when(|entry| entry.path.contains("/referrers/")));
        let plan = scene.project.run(&["plan"]);
        assert!([4, 5].contains(&plan.code()), "{status}: {plan}");
        plan.says("does not tell what refers to it");
        assert!(!scene.project.path("aosm.lock").exists());
        scene.project.run(&["apply"]);
        assert!(!scene.holds(&scene.signed.image), "{status}");
    }
}

#[test]
fn a_lock_that_says_nothing_of_referrers_is_completed_or_refused_where_it_may_not_change() {
    let scene = Scene::new("along-old-lock", "referrers = \"none\"");
    scene.project.run(&["lock"]).ok();
    assert!(!scene.project.read("aosm.lock").contains("referrers"));
    scene.project.edit("aosm.toml", "\"none\"", "\"all\"");
    for flag in ["--locked", "--frozen"] {
        scene
            .project
            .run(&["plan", flag])
            .expect(3)
            .says("does not say what refers to the image");
    }
    scene.project.run(&["lock"]).ok().says("referrers unknown → referrers");
    scene.project.run(&["lock"]).ok().says("up to date");
}

#[test]
fn a_new_signature_at_the_source_is_taken_when_the_lock_is_renewed() {
    let scene = Scene::new("along-new", "");
    scene.project.run(&["apply"]).ok();
    let registry = Registry::shared(Kind::Plain);
    let other = ImageSpec::new(73).layers(&[20]).build();
    let from = scene.project.read("aosm.toml");
    let from = from
        .split("image-sources = [\"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap();
    let repository = format!("{}/release/a", from.split_once('/').unwrap().1);
    registry.push(&other, &repository, &scene.signed.cosign_tag());
    scene.project.run(&["plan", "--detailed-exitcode"]).ok();
    scene.project.run(&["lock", "--check"]).expect(3);
    scene.project.run(&["lock", "--update"]).ok();
    // The store's tag holds the old signature: replacing it takes leave.
    scene
        .project
        .run(&["apply"])
        .expect(4)
        .says("--replace=release/a:1.0.0");
    scene
        .project
        .run(&["apply", "--replace=release/a:1.0.0"])
        .ok()
        .says("1 done");
    assert!(scene.holds(&other));
}

#[test]
fn platforms_cut_an_index_keep_its_signatures_and_name_both_digests() {
    let scene = Scene::new("along-cut", "platforms = [\"linux/amd64\"]");
    let step = scene.step(&["plan", "--json"], 0);
    let desired = step["desired"].as_str().unwrap().to_owned();
    assert_ne!(desired, scene.signed.image.digest());
    scene
        .project
        .run(&["plan"])
        .ok()
        .says(&format!("(linux/amd64 of {})", &scene.signed.image.digest()[7..19]));
    scene.project.run(&["apply"]).ok();
    let client = Registry::shared(Kind::Plain).client();
    let held = client.pull(&scene.repository(), "1.0.0").unwrap();
    assert_eq!(held.digest(), desired);
    let left = held.root().json()["manifests"].as_array().unwrap().len();
    assert_eq!(left, 1);
    // What refers to the whole index says nothing of a part of it.
    let amd64 = held.root().json()["manifests"][0]["digest"] == scene.signed.child();
    assert_eq!(scene.holds(&scene.signed.child_signature), amd64);
    assert!(!scene.holds(&scene.signed.sbom));
    assert!(scene.project.read("aosm.lock").contains(scene.signed.image.digest()));
    scene.project.run(&["plan", "--detailed-exitcode"]).ok();
}

#[test]
fn a_platform_that_an_image_lacks_is_an_error_that_names_those_it_has() {
    let scene = Scene::new("along-lacks", "platforms = [\"linux/riscv64\"]");
    scene
        .project
        .run(&["plan"])
        .expect(4)
        .says("has no linux/riscv64; it has linux/amd64")
        .says("x.example/release/a:1.0.0");
}

#[test]
fn an_image_named_by_digest_is_never_cut() {
    let scene = Scene::new("along-pinned", "platforms = [\"linux/amd64\"]");
    let digest = scene.signed.image.digest().to_owned();
    scene
        .project
        .edit("aosm.toml", "release/a:1.0.0", &format!("release/a@{digest}"));
    let step = scene.step(&["plan", "--json"], 0);
    assert_eq!(step["desired"], digest.as_str());
}

#[test]
fn after_a_kill_at_any_request_all_referrers_are_there_and_listed() {
    let scene = Scene::new("along-killed", "");
    scene.project.run(&["lock"]).ok();
    let toml = scene.project.read("aosm.toml");
    let project_for = |point: usize| {
        let copy = Project::new();
        aosm::copy_folder(&scene.project.folder(), &copy.folder());
        let text = toml.replace(&scene.prefix, &format!("{}/{point}", scene.prefix));
        copy.write("aosm.toml", text);
        copy
    };
    let boundaries = project_for(0).boundaries(&["apply"]).len();
    let points: Vec<usize> = (1..=boundaries).step_by(3).collect();
    small::in_parallel(&points, |point| {
        let copy = project_for(point);
        copy.aosm(&["apply"]).abort_at(point).run();
        copy.run(&["apply", "--quiet"]).ok();
        copy.run(&["plan", "--detailed-exitcode"]).ok();
        let client = Registry::shared(Kind::Plain).client();
        let repository = format!("{}/{point}/release/a", scene.prefix);
        for (subject, referrer) in [
            (scene.signed.image.digest(), &scene.signed.sbom),
            (scene.signed.sbom.digest(), &scene.signed.sbom_signature),
        ] {
            let list = client.manifest(&repository, &subject.replace(':', "-"));
            let list = list.expect("the list of referrers").json().to_string();
            assert!(list.contains(referrer.digest()), "after a kill at boundary {point}");
        }
    });
}
