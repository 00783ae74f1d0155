//! What is pushed of a chart, pulled back by Helm.

use super::server::{Answers, Server};
use super::*;

fn artifact_of(tree: &ChartTree) -> (PackedChart, ChartArtifact) {
    let packed = pack(tree).unwrap();
    let artifact = artifact_at(tree, &packed, None).unwrap();
    (packed, artifact)
}

#[test]
fn helm_pulls_it_back_and_renders_the_same() {
    let folder = small_chart();
    folder.write("c/Chart.yaml", CHART_YAML.replace("1.0.0", "1.0.0+build.5").as_bytes());
    let tree = tree_of(&folder.join("c"));
    let (packed, artifact) = artifact_of(&tree);
    assert_eq!(artifact.tag, "1.0.0_build.5");
    let server = Server::start(|_| {
        let mut answers = Answers::new();
        answers.insert("/v2/".into(), ("application/json".into(), b"{}".to_vec()));
        let base = "/v2/charts/contoso";
        for name in [artifact.tag.clone(), artifact.digest().to_string()] {
            answers.insert(
                format!("{base}/manifests/{name}"),
                (MANIFEST_TYPE.into(), artifact.manifest.to_vec()),
            );
        }
        let config = ("application/octet-stream".into(), artifact.config.to_vec());
        answers.insert(format!("{base}/blobs/{}", Digest::of(&artifact.config)), config);
        for (descriptor, bytes) in &artifact.layers {
            answers.insert(
                format!("{base}/blobs/{}", descriptor.digest),
                ("application/octet-stream".into(), bytes.to_vec()),
            );
        }
        answers
    });
    let reference = format!("oci://{}/charts/contoso", server.address);
    plain_helm(&[
        "pull",
        &reference,
        "--version",
        "1.0.0+build.5",
        "--plain-http",
        "-d",
        folder.path.as_str(),
    ])
    .unwrap();
    let pulled = folder.join("contoso-1.0.0+build.5.tgz");
    assert_eq!(std::fs::read(&pulled).unwrap(), packed.archive);
    assert_eq!(
        rendered(&package(&pulled)).unwrap(),
        rendered(&package(&folder.join("c"))).unwrap()
    );
}

#[test]
fn the_same_chart_is_the_same_artifact_and_its_time_is_only_what_is_given() {
    let (one, two) = (small_chart(), small_chart());
    let (tree, other) = (tree_of(&one.join("c")), tree_of(&two.join("c")));
    assert_eq!(artifact_of(&tree), artifact_of(&other));
    let packed = pack(&tree).unwrap();
    let timed = artifact_at(&tree, &packed, Some(86_400)).unwrap();
    assert!(String::from_utf8_lossy(&timed.manifest).contains("1970-01-02T00:00:00Z"));
    assert!(!String::from_utf8_lossy(&artifact_of(&tree).1.manifest).contains("created"));
    // Pinned: when these change, every chart in every store is pushed again.
    assert_eq!(
        packed.digest().hex(),
        "0451c20ce97165eaf03df77f3b316d7f9aa12d1d977a0522338d419dbd6ff55d"
    );
    assert_eq!(
        artifact_of(&tree).1.digest().hex(),
        "9751d634b5b3845f6d63ace35c436bf90b29daf4db08aacd3108706bf579ce94"
    );
}

#[test]
fn the_manifest_is_the_one_that_helm_writes() {
    let folder = small_chart();
    folder.write(
        "c/Chart.yaml",
        b"apiVersion: v2\nname: contoso\nversion: 1.0.0\ndescription: a chart\nhome: https://x\nsources: [https://s, https://t]\n\
          maintainers:\n- {name: One, email: one@x}\n- {name: Two}\nannotations: {team: core, org.opencontainers.image.title: no}\n",
    );
    let (packed, artifact) = artifact_of(&tree_of(&folder.join("c")));
    let manifest: serde_json::Value = serde_json::from_slice(&artifact.manifest).unwrap();
    assert_eq!(manifest["schemaVersion"], 2);
    assert_eq!(manifest["config"]["mediaType"], CONFIG_TYPE);
    assert_eq!(manifest["config"]["digest"], Digest::of(&artifact.config).as_str());
    assert_eq!(manifest["layers"][0]["mediaType"], CHART_TYPE);
    assert_eq!(manifest["layers"][0]["digest"], packed.digest().as_str());
    assert_eq!(
        manifest["annotations"],
        serde_json::json!({
            "org.opencontainers.image.description": "a chart",
            "org.opencontainers.image.title": "contoso",
            "org.opencontainers.image.version": "1.0.0",
            "org.opencontainers.image.url": "https://x",
            "org.opencontainers.image.source": "https://s",
            "org.opencontainers.image.authors": "One (one@x), Two",
            "team": "core",
        })
    );
}

#[test]
fn a_ready_archive_goes_as_it_is_with_its_signature() {
    let folder = small_chart();
    plain_helm(&["package", folder.join("c").as_str(), "-d", folder.path.as_str()]).unwrap();
    folder.write("contoso-1.0.0.tgz.prov", b"signed");
    let bytes = std::fs::read(folder.join("contoso-1.0.0.tgz")).unwrap();
    let (packed, artifact) = artifact_of(&tree_of(&folder.join("contoso-1.0.0.tgz")));
    assert_eq!(packed.archive, bytes);
    let kinds: Vec<&str> = artifact.layers.iter().map(|(d, _)| d.media_type.as_str()).collect();
    assert!(
        kinds.contains(&CHART_TYPE) && kinds.contains(&PROVENANCE_TYPE),
        "{kinds:?}"
    );
    let mut sorted: Vec<_> = artifact.layers.iter().map(|(d, _)| d.digest.clone()).collect();
    sorted.sort();
    assert_eq!(
        sorted,
        artifact
            .layers
            .iter()
            .map(|(d, _)| d.digest.clone())
            .collect::<Vec<_>>()
    );
}

#[test]
fn a_plain_tar_is_packed_like_the_folder_in_it() {
    let folder = small_chart();
    let (packed, _) = artifact_of(&tree_of(&folder.join("c")));
    let mut tar = Vec::new();
    std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(&packed.archive[..]), &mut tar).unwrap();
    folder.write("c.tar", &tar);
    assert_eq!(pack(&tree_of(&folder.join("c.tar"))).unwrap(), packed);
}
