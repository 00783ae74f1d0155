//! `artifacts.json` as the extension writes it, from what a project wants: the same bytes for the same project.

use camino::{Utf8Path, Utf8PathBuf};

use super::artifacts::{ACR_FILE, ACR_REMOTE, AZURE, DISK_FILE, Registry, UNIVERSAL, listed_type};
use super::json_text::Json;
use crate::project::ArtifactType;

/// An artifact, and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Placed {
    /// A Helm chart: a folder, or an archive that Helm reads.
    Chart {
        /// Name in its `Chart.yaml`.
        name: String,
        /// Version in its `Chart.yaml`.
        version: String,
        /// The chart; absolute.
        path: Utf8PathBuf,
    },
    /// An image in a registry.
    Image {
        /// Name in the store.
        name: String,
        /// Tag, at the source and in the store.
        version: String,
        /// What AOSM calls it.
        kind: ArtifactType,
        /// The registry, and the namespace that is before the name there.
        source: Registry,
    },
    /// A template of Resource Manager.
    Template {
        /// Name in the store.
        name: String,
        /// Tag in the store.
        version: String,
        /// The file; absolute.
        path: Utf8PathBuf,
    },
    /// A disk image in a file.
    Disk {
        /// Artifact name.
        name: String,
        /// Version, with hyphens.
        version: String,
        /// The file; absolute.
        path: Utf8PathBuf,
    },
}

/// The list. Paths start from `folder`, the folder that the extension is pointed at (`--build-output-folder`), wherever they can.
pub fn artifacts_json(all: &[Placed], folder: &Utf8Path) -> String {
    Json::List(all.iter().map(|placed| entry(placed, folder)).collect()).to_text(4)
}

fn entry(placed: &Placed, folder: &Utf8Path) -> Json {
    let file = |class, kind, name: &str, version: &str, path: &Utf8Path| {
        let path = from_folder(path, folder);
        Json::texts(&[
            ("type", class),
            ("artifact_name", name),
            ("artifact_type", kind),
            ("artifact_version", version),
            ("file_path", path.as_str()),
        ])
    };
    match placed {
        Placed::Chart { name, version, path } => {
            file(ACR_FILE, listed_type(ArtifactType::OciArtifact), name, version, path)
        }
        Placed::Template { name, version, path } => {
            file(ACR_FILE, listed_type(ArtifactType::ArmTemplate), name, version, path)
        }
        Placed::Disk { name, version, path } => file(DISK_FILE, "VhdImageFile", name, version, path),
        Placed::Image {
            name,
            version,
            kind,
            source,
        } => {
            let Json::Object(mut members) = Json::texts(&[
                ("type", ACR_REMOTE),
                ("artifact_name", name),
                ("artifact_type", listed_type(*kind)),
                ("artifact_version", version),
            ]) else {
                return Json::Object(Vec::new());
            };
            let class = if is_azure(&source.host) { AZURE } else { UNIVERSAL };
            let registry = Json::texts(&[("type", class), ("registry_name", &source.host)]);
            let namespace = match source.namespace.as_str() {
                "" => String::new(),
                namespace => format!("{namespace}/"),
            };
            members.push(("source_registry".to_owned(), registry));
            members.push(("registry_namespace".to_owned(), Json::Text(namespace)));
            Json::Object(members)
        }
    }
}

/// What the extension takes for an Azure registry: letters and digits, then `.azurecr.io`. It reaches all others by way of docker.
fn is_azure(host: &str) -> bool {
    host.strip_suffix(".azurecr.io")
        .is_some_and(|name| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric()))
}

/// The path from a folder on; both absolute. Without anything in common it stays as it is.
fn from_folder(path: &Utf8Path, folder: &Utf8Path) -> Utf8PathBuf {
    let (mut rest, mut base) = (path.components().peekable(), folder.components().peekable());
    let mut common = 0;
    while let (Some(a), Some(b)) = (rest.peek(), base.peek()) {
        if a != b {
            break;
        }
        rest.next();
        base.next();
        common += 1;
    }
    // The root alone is no neighbourhood.
    if common < 2 {
        return path.to_owned();
    }
    let relative: Utf8PathBuf = base.map(|_| "..").chain(rest.map(|part| part.as_str())).collect();
    // `/` is read on every system.
    Utf8PathBuf::from(relative.as_str().replace(std::path::MAIN_SEPARATOR, "/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_start_from_the_folder_where_they_can() {
        for (path, folder, expected) in [
            ("/a/b/charts/x", "/a/b/cnf-cli-output", "../charts/x"),
            ("/a/b/cnf-cli-output/x.tgz", "/a/b/cnf-cli-output", "x.tgz"),
            ("/a/x", "/a/b/c/d/e/f", "../../../../../x"),
            ("/z/x", "/a/b", "/z/x"),
        ] {
            assert_eq!(
                from_folder(path.into(), folder.into()),
                expected,
                "{path} from {folder}"
            );
        }
    }

    #[test]
    fn registries_are_azure_ones_as_the_extension_tells_them() {
        for (host, azure) in [
            ("myregistry.azurecr.io", true),
            ("MyAcr2.azurecr.io", true),
            ("my-registry.azurecr.io", false),
            (".azurecr.io", false),
            ("myregistry.azurecr.us", false),
            ("ghcr.io", false),
            ("myregistry.azurecr.io.evil", false),
        ] {
            assert_eq!(is_azure(host), azure, "{host}");
        }
    }

    #[test]
    fn entries_are_written_as_the_extension_writes_them() {
        let text = |name: &str| name.to_owned();
        let all = [
            Placed::Chart {
                name: text("nginx"),
                version: text("0.1.0"),
                path: "/p/charts/nginx".into(),
            },
            Placed::Image {
                name: text("release/a"),
                version: text("1.0.0"),
                kind: ArtifactType::OciArtifact,
                source: Registry {
                    host: text("ghcr.io"),
                    namespace: text("contoso/x"),
                },
            },
            Placed::Image {
                name: text("b"),
                version: text("2"),
                kind: ArtifactType::ImageFile,
                source: Registry {
                    host: text("acr.azurecr.io"),
                    namespace: String::new(),
                },
            },
        ];
        let expected = r#"[
    {
        "type": "ACRFromLocalFile",
        "artifact_name": "nginx",
        "artifact_type": "OCIArtifact",
        "artifact_version": "0.1.0",
        "file_path": "../charts/nginx"
    },
    {
        "type": "ACRFromRemote",
        "artifact_name": "release/a",
        "artifact_type": "OCIArtifact",
        "artifact_version": "1.0.0",
        "source_registry": {
            "type": "UniversalRegistry",
            "registry_name": "ghcr.io"
        },
        "registry_namespace": "contoso/x/"
    },
    {
        "type": "ACRFromRemote",
        "artifact_name": "b",
        "artifact_type": "ImageFile",
        "artifact_version": "2",
        "source_registry": {
            "type": "AzureContainerRegistry",
            "registry_name": "acr.azurecr.io"
        },
        "registry_namespace": ""
    }
]"#;
        assert_eq!(artifacts_json(&all, Utf8Path::new("/p/out")), expected);
    }
}
