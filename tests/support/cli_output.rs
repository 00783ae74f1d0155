//! Folders as the Azure CLI `aosm` extension builds them, with what they name at hand: charts, images, templates, a disk image.

use super::vhd::{MIB, Vhd};
use super::{Project, Registry, contoso, root};

/// The folder of the worked example's network function.
pub const CNF: &str = "cnf-cli-output";
/// Its list.
pub const CNF_LIST: &str = "cnf-cli-output/artifacts/artifacts.json";
/// Its artifact manifest.
pub const CNF_MANIFEST: &str = "cnf-cli-output/artifactManifest/deploy.bicep";

/// The folder of a network function of containers, the charts beside it.
pub fn cnf() -> Project {
    let project = Project::fixture("cli-output-cnf");
    project.copy_in(&root().join("fixtures/contoso-cnf/charts"), "charts");
    project
}

/// The same; both of its registries are real ones with the images in them. What each has under the names of the other is something else.
pub fn cnf_with(first: &Registry, second: &Registry) -> Project {
    let project = cnf_at(first, second);
    for path in contoso::PATHS {
        let (repository, tag) = path.split_once(':').expect("a tag");
        if repository.contains("test") {
            first.push(&contoso::image("release/contoso-a:1.0.0"), repository, tag);
        } else {
            second.push(
                &contoso::image("test-release/contoso-test:1.0.0"),
                &format!("contoso/{repository}"),
                tag,
            );
        }
    }
    project
}

/// The same with nothing else in the registries: three images in the first, the other below a namespace of the second.
pub fn cnf_at(first: &Registry, second: &Registry) -> Project {
    let project = cnf();
    for path in contoso::PATHS {
        let (repository, tag) = path.split_once(':').expect("a tag");
        if repository.contains("test") {
            second.push(&contoso::image(path), &format!("contoso/{repository}"), tag);
        } else {
            first.push(&contoso::image(path), repository, tag);
        }
    }
    let list = project.read(CNF_LIST);
    let list = list
        .replace("myregistry.azurecr.io", &first.host())
        .replace("ghcr.io", &second.host());
    project.write(CNF_LIST, list);
    project
}

/// A project whose list has charts and nothing else, so that no registry is needed.
pub fn cnf_charts() -> Project {
    let project = cnf();
    let chart = |name: &str| {
        format!(
            r#"{{"type": "ACRFromLocalFile", "artifact_name": "{name}", "artifact_type": "OCIArtifact", "artifact_version": "1.0.0", "file_path": "/builds/contoso/charts/{name}"}}"#
        )
    };
    project.write(
        CNF_LIST,
        format!("[{},\n{}]", chart("contoso-cnf"), chart("contoso-gateway")),
    );
    without_images(&project);
    project
}

/// Takes all but the charts out of the artifact manifest.
fn without_images(project: &Project) {
    let text = project.read(CNF_MANIFEST);
    let (head, _) = text
        .split_once("      {\n        artifactName: 'release/")
        .expect("the first image");
    project.write(CNF_MANIFEST, format!("{head}    ]\n  }}\n}}\n"));
}

/// The folder of a virtual machine: its template is beside it, and a disk image of 2 MiB.
pub fn vnf() -> Project {
    let project = Project::fixture("cli-output-vnf");
    std::fs::create_dir(project.path("disks")).expect("a folder");
    disk().write(&project.path("disks/ubuntu.vhd"));
    project
}

/// The disk image of [`vnf`].
pub fn disk() -> Vhd {
    Vhd::new(2 * MIB).random(MIB, 100_000, 1)
}

/// The folder of a service design; the generated template is compiled, as publishing with the extension leaves it.
pub fn nsd() -> Project {
    let project = Project::fixture("cli-output-nsd");
    project.write(
        "nsd-cli-output/artifacts/contoso-cnf.json",
        r#"{"$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#", "contentVersion": "1.0.0.0", "resources": []}"#,
    );
    project
}
