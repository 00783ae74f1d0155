//! Commands about one artifact, and those that show what AOSM says, on stores of a project.

use crate::support::arm::TOKEN;
use crate::support::publisher::{MANIFEST, Publisher, STORE};
use crate::support::registry::PASSWORD;
use crate::support::*;

#[test]
fn one_artifact_is_pushed_shown_listed_and_pulled_through_a_store() {
    let publisher = Publisher::new();
    publisher.project.write("small.txt", "wrong image");
    publisher
        .aosm(&["artifact", "push", "images:release/small-1:1.0.0", "small.txt"])
        .run()
        .ok();
    publisher
        .aosm(&["artifact", "tags", "images:release/small-1"])
        .run()
        .ok()
        .says("1.0.0");
    publisher
        .aosm(&["artifact", "show", "images:release/small-1:1.0.0"])
        .run()
        .ok();
    publisher
        .aosm(&["artifact", "pull", "images:release/small-1:1.0.0", "--output", "got"])
        .run()
        .ok();
    assert_eq!(publisher.project.read("got/small.txt"), "wrong image");
    publisher
        .aosm(&["artifact", "repositories", "images"])
        .run()
        .ok()
        .says("release/small-1")
        .says("release/small-2")
        .silent_about(PASSWORD);
}

#[test]
fn the_manifest_that_lists_the_artifact_is_found_or_given() {
    let publisher = Publisher::new();
    publisher.lists(STORE, "m-2", &["debug/tool:2.0.0".into()]);
    publisher.grants(STORE, "m-2", &["m-2/debug/tool".into()]);
    publisher.project.write("tool.txt", "tool");
    publisher
        .aosm(&["artifact", "push", "images:debug/tool:2.0.0", "tool.txt", "-v"])
        .run()
        .ok()
        .says("through the artifact manifest m-2, which lists it");
    let client = publisher.registry.client();
    assert!(client.digest("m-2/debug/tool", "2.0.0").is_some());
    // Which one is given counts, and does not cover it.
    publisher
        .aosm(&[
            "artifact",
            "show",
            "images:debug/tool:2.0.0",
            "--artifact-manifest",
            MANIFEST,
        ])
        .run()
        .expect(4)
        .says(&format!(
            "the credential of the artifact manifest {MANIFEST} does not cover it"
        ));
    publisher
        .aosm(&["artifact", "show", "images:debug/tool:3.0.0"])
        .run()
        .expect(4)
        .says("debug/tool:3.0.0: no artifact manifest of the artifact store contoso-acr lists it");
    publisher.lists(STORE, "m-3", &["debug/tool:2.0.0".into()]);
    publisher
        .aosm(&["artifact", "show", "images:debug/tool:2.0.0"])
        .run()
        .expect(64)
        .says("several artifact manifests list it: m-2, m-3");
    // A sealed one gives way to an open one.
    publisher.arm.edit_manifest(STORE, "m-3", |value| {
        value["properties"]["artifactManifestState"] = "Uploaded".into();
    });
    publisher
        .aosm(&["artifact", "show", "images:debug/tool:2.0.0"])
        .run()
        .ok();
}

#[test]
fn an_image_is_copied_into_a_store_of_aosm() {
    let publisher = Publisher::new();
    let source = Registry::shared(Kind::Plain);
    let from = source.unique("one-off");
    let (name, image) = &publisher.small.images[0];
    source.push(image, &from, "1.0.0");
    publisher
        .aosm(&[
            "artifact",
            "copy",
            &format!("{}/{from}:1.0.0", source.host()),
            &format!("images:{name}"),
        ])
        .run()
        .ok();
    let digest = publisher.registry.client().digest("release/small-1", "1.0.0");
    assert_eq!(digest.as_deref(), Some(image.digest()));
}

#[test]
fn logins_of_the_command_line_and_offline_runs_are_refused() {
    let publisher = Publisher::new();
    publisher
        .aosm(&["artifact", "show", "images:small:1.0.0", "--auth", "anonymous"])
        .run()
        .expect(64)
        .says("images: a store of AOSM takes no login of the command line");
    publisher
        .aosm(&["artifact", "show", "images:small:1.0.0", "--offline"])
        .run()
        .expect(64)
        .says("--offline forbids asking it");
    assert!(publisher.arm.seen().is_empty());
    publisher.arm.deny("listCredential");
    publisher
        .aosm(&["artifact", "show", "images:small:1.0.0"])
        .run()
        .expect(5)
        .says("listCredential/action");
}

#[test]
fn what_aosm_says_is_shown_by_a_store_of_the_project() {
    let publisher = Publisher::new();
    for (arguments, expected) in [
        (&["credential", "images"][..], "release/small-1"),
        (&["credential"], "release/small-1"),
        (&["credential", "--store", "images"], "release/small-1"),
        (&["store", "show", "images"], MANIFEST),
        (&["store", "show"], MANIFEST),
        (&["store", "list"], STORE),
        (&["store", "list", "images"], STORE),
        (&["artifact-manifest", "show"], "release/small-2"),
    ] {
        publisher
            .aosm(arguments)
            .run()
            .ok()
            .says(expected)
            .silent_about(PASSWORD)
            .silent_about(TOKEN);
    }
    publisher
        .aosm(&["credential", "images", "--show-secret"])
        .run()
        .ok()
        .says(PASSWORD);
    // Flags go before the project.
    publisher
        .aosm(&["artifact-manifest", "show", "--artifact-manifest", "nowhere"])
        .run()
        .expect(4)
        .says("nowhere");
    publisher
        .aosm(&["credential", "image"])
        .run()
        .expect(64)
        .says("image: the project has no store of this name")
        .says("it has images");
}

#[test]
fn which_store_is_meant_must_be_clear() {
    let publisher = Publisher::new();
    publisher.settings(&format!(
        "[stores.local]\nkind = \"local\"\n[stores.images]\nkind = \"acr\"\n{0}[stores.more]\nkind = \"acr\"\n{1}",
        Publisher::keys(),
        Publisher::keys().replace(MANIFEST, "m-2")
    ));
    publisher
        .aosm(&["credential"])
        .run()
        .expect(64)
        .says("which store is meant? the project has images, more");
    publisher.aosm(&["store", "show"]).run().ok();
    publisher
        .aosm(&["credential", "local"])
        .run()
        .expect(64)
        .says("local: this store is none of AOSM");
    publisher
        .project
        .remove("aosm.toml")
        .aosm(&["credential"])
        .run()
        .expect(64)
        .says("--resource-group, --publisher, --artifact-store, --artifact-manifest missing");
}

#[test]
fn nothing_in_a_sealed_manifest_is_pushed_replaced_or_deleted() {
    let publisher = Publisher::new();
    publisher.aosm(&["apply", "--seal"]).run().ok();
    publisher.project.write("small.txt", "another image");
    let (mark, name) = (publisher.registry.mark(), "images:release/small-1:1.0.0");
    for command in [
        &["artifact", "push", name, "small.txt", "--replace"][..],
        &[
            "artifact",
            "push",
            name,
            "small.txt",
            "--replace",
            "--artifact-manifest",
            MANIFEST,
        ],
        &["artifact", "copy", "images:release/small-2:1.0.0", name, "--replace"],
        &["artifact", "delete", "--yes", name],
    ] {
        publisher
            .aosm(command)
            .run()
            .expect(4)
            .says(&format!(
                "the artifact manifest {MANIFEST} is sealed (Uploaded): nothing in it changes any more"
            ))
            .says("such as contoso-acr-manifest-1-0-1");
    }
    let traffic = publisher.registry.since(mark);
    let writes = traffic
        .0
        .iter()
        .filter(|entry| !matches!(entry.method.as_str(), "GET" | "HEAD"));
    assert_eq!(writes.count(), 0, "{:#?}", traffic.0);
    publisher.aosm(&["artifact", "show", name]).run().ok();
}
