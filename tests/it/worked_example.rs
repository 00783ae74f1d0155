//! The worked example of the Azure documentation, in its three forms, from every kind of source into every kind of store.
//!
//! What the charts name, where it is, and under which name it must land are written down as the documentation has them.

use serde_json::json;

use crate::support::*;

/// The registry that the documentation calls by this name.
const HOST: &str = "myregistry.azurecr.io";

/// One form: what the chart says, where each image is, under which name it lands.
struct Form {
    sources: &'static [&'static str],
    /// Reference in the chart, `repository:tag` in the source, `repository:tag` in the store.
    images: &'static [(&'static str, &'static str, &'static str)],
}

/// All four at the documented paths: the placeholder before them is cut.
const CUT: Form = Form {
    sources: &[HOST],
    images: &[
        (
            "repository/release/contoso-a:1.0.0",
            "release/contoso-a:1.0.0",
            "release/contoso-a:1.0.0",
        ),
        (
            "repository/release/contoso-b:1.0.0",
            "release/contoso-b:1.0.0",
            "release/contoso-b:1.0.0",
        ),
        (
            "repository/release/contoso-c:1.0.0",
            "release/contoso-c:1.0.0",
            "release/contoso-c:1.0.0",
        ),
        (
            "repository/test-release/contoso-test:1.0.0",
            "test-release/contoso-test:1.0.0",
            "test-release/contoso-test:1.0.0",
        ),
    ],
};

/// One of them only below a namespace: found there, and landing under the same name.
const NAMESPACED: Form = Form {
    sources: &[HOST, "myregistry.azurecr.io/test"],
    images: &[
        (
            "repository/release/contoso-a:1.0.0",
            "release/contoso-a:1.0.0",
            "release/contoso-a:1.0.0",
        ),
        (
            "repository/release/contoso-b:1.0.0",
            "release/contoso-b:1.0.0",
            "release/contoso-b:1.0.0",
        ),
        (
            "repository/release/contoso-c:1.0.0",
            "release/contoso-c:1.0.0",
            "release/contoso-c:1.0.0",
        ),
        (
            "repository/test-release/contoso-test:1.0.0",
            "test/test-release/contoso-test:1.0.0",
            "test-release/contoso-test:1.0.0",
        ),
    ],
};

/// The first segment is a namespace here, and stays.
const KEPT: Form = Form {
    sources: &[HOST],
    images: &[("core/contoso-a:1.0.0", "core/contoso-a:1.0.0", "core/contoso-a:1.0.0")],
};

/// The same, with the namespace of a source before it.
const KEPT_BELOW: Form = Form {
    sources: &["myregistry.azurecr.io/some/where"],
    images: &[(
        "core/contoso-a:1.0.0",
        "some/where/core/contoso-a:1.0.0",
        "core/contoso-a:1.0.0",
    )],
};

/// Where the source's images are.
#[derive(Clone, Copy)]
enum From {
    /// In a folder that stands for the host.
    Layout,
    /// In a real registry that answers to the host's name, reached through a proxy.
    Proxy,
    /// In a real registry at its own address.
    Address,
}

/// A project with one chart that names the form's images, and what it needs to stay alive.
struct Example {
    project: Project,
    store: Registry,
    _source: Option<Registry>,
    _proxy: Option<Faulty>,
}

impl Example {
    fn new(form: &Form, from: From, to_registry: bool) -> Self {
        let project = Project::new();
        let references: Vec<&str> = form.images.iter().map(|(reference, ..)| *reference).collect();
        charts::write(&project, "chart", "contoso", "1.0.0", &references);
        let images: Vec<(&str, Image)> = form.images.iter().map(|(_, at, _)| (*at, contoso::image(at))).collect();
        let mut settings = String::new();
        let mut sources: Vec<String> = form.sources.iter().map(|&source| source.to_owned()).collect();
        let (mut source, mut proxy) = (None, None);
        if matches!(from, From::Layout) {
            let entries: Vec<(&str, &Image)> = images.iter().map(|(at, image)| (*at, image)).collect();
            layout::write(&project.path("images"), &entries);
            settings += &format!("[sources.\"{HOST}\"]\nkind = \"oci-layout\"\npath = \"images\"\n");
        } else {
            let registry = Registry::start(Kind::Plain);
            for (at, image) in &images {
                let (repository, tag) = at.split_once(':').unwrap();
                registry.push(image, repository, tag);
            }
            if matches!(from, From::Proxy) {
                let before = Faulty::before(&registry.host());
                settings += &format!(
                    "[network]\nproxy = \"http://{}\"\nno-proxy = [\"127.0.0.1\"]\nplain-http = [\"{HOST}\"]\n",
                    before.host()
                );
                proxy = Some(before);
            } else {
                sources = sources
                    .iter()
                    .map(|text| text.replace(HOST, &registry.host()))
                    .collect();
            }
            source = Some(registry);
        }
        let store = Registry::start(Kind::Plain);
        if to_registry {
            settings += &format!(
                "[stores.target]\nkind = \"registry\"\nregistry = \"{}\"\n",
                store.host()
            );
        }
        project.write("aosm.toml", settings);
        let input = json!({
            "location": "uksouth",
            "publisher_name": "contoso",
            "publisher_resource_group_name": "contoso-rg",
            "acr_artifact_store_name": "contoso-acr",
            "nf_name": "contoso",
            "version": "1.0.0",
            "expose_all_parameters": false,
            "image_sources": sources,
            "helm_packages": [{"name": "contoso", "path_to_chart": "chart", "default_values": ""}],
        });
        project.write("cnf-input.jsonc", format!("// as the extension wrote it\n{input:#}\n"));
        Self {
            project,
            store,
            _source: source,
            _proxy: proxy,
        }
    }

    /// The store's image under this name.
    fn stored(&self, name: &str, to_registry: bool) -> Option<Image> {
        let (repository, tag) = name.split_once(':').unwrap();
        if to_registry {
            self.store.client().pull(repository, tag)
        } else {
            layout::read(&self.project.path(".aosm/store"), name)
        }
    }
}

/// The form holds: from each kind of source to each kind of store, names and bytes, and the second run has nothing to do.
fn holds(form: &Form) {
    for from in [From::Layout, From::Proxy, From::Address] {
        for to_registry in [false, true] {
            let example = Example::new(form, from, to_registry);
            example.project.run(&["apply"]).ok();
            for (reference, at, lands) in form.images {
                let image = example
                    .stored(lands, to_registry)
                    .unwrap_or_else(|| panic!("{reference} is not at {lands}"));
                assert_eq!(image, contoso::image(at), "{reference}");
            }
            let mut names: Vec<&str> = form.images.iter().map(|(_, _, lands)| *lands).collect();
            names.push("contoso:1.0.0");
            names.sort_unstable();
            if to_registry {
                assert_eq!(all_names(&example.store.client()), names);
            } else {
                assert_eq!(layout::names(&example.project.path(".aosm/store")), names);
            }
            example.project.run(&["apply"]).ok().says("nothing to do");
        }
    }
}

/// Everything that a registry holds, as `repository:tag`.
fn all_names(client: &Client) -> Vec<String> {
    let catalog = client.request("GET", "/v2/_catalog", &[], b"").json();
    let mut names: Vec<String> = catalog["repositories"]
        .as_array()
        .unwrap()
        .iter()
        .map(|name| name.as_str().unwrap())
        .flat_map(|name| client.tags(name).into_iter().map(move |tag| format!("{name}:{tag}")))
        .collect();
    names.sort();
    names
}

#[test]
fn a_placeholder_before_the_documented_paths_is_cut() {
    holds(&CUT);
}

#[test]
fn an_image_that_only_a_namespaced_source_has_lands_without_the_namespace() {
    holds(&NAMESPACED);
}

#[test]
fn a_first_segment_that_is_a_namespace_of_the_source_is_kept() {
    holds(&KEPT);
    holds(&KEPT_BELOW);
}

#[test]
fn the_committed_example_fills_a_local_store_that_skopeo_reads_by_name() {
    let project = Project::fixture("contoso-cnf");
    project.run(&["apply"]).ok();
    let store = project.path(".aosm/store");
    let mut names = vec!["contoso-cnf:1.0.0", "contoso-gateway:1.0.0"];
    names.extend(contoso::PATHS);
    names.sort_unstable();
    assert_eq!(layout::names(&store), names);
    for name in contoso::PATHS {
        assert_eq!(
            layout::read(&store, name).as_ref(),
            Some(&contoso::image(name)),
            "{name}"
        );
        if !tools::without("skopeo") {
            let place = format!("oci:{}:{name}", store.display());
            let raw = tools::run(tools::skopeo().args(["inspect", "--raw", &place]));
            assert_eq!(sha256(raw.as_bytes()), contoso::image(name).digest(), "{name}");
        }
    }
    project.run(&["apply"]).ok().says("nothing to do");
}

#[test]
fn an_input_file_alone_fills_the_local_store() {
    let registry = Registry::start(Kind::Plain);
    for path in contoso::PATHS {
        let (repository, tag) = path.split_once(':').unwrap();
        registry.push(&contoso::image(path), repository, tag);
    }
    let project = Project::fixture("contoso-cnf");
    project.remove("aosm.toml").remove("images");
    project.edit("cnf-input.jsonc", HOST, &registry.host());
    project.run(&["plan", "--detailed-exitcode"]).expect(2);
    project.run(&["apply"]).ok();
    for path in contoso::PATHS {
        assert_eq!(
            layout::read(&project.path(".aosm/store"), path),
            Some(contoso::image(path)),
            "{path}"
        );
    }
    project.run(&["plan", "--detailed-exitcode"]).ok();
}

#[test]
fn an_image_source_may_be_written_with_https_and_a_slash_at_its_end() {
    let project = Project::fixture("contoso-cnf");
    project.edit(
        "cnf-input.jsonc",
        "[\"myregistry.azurecr.io\"]",
        "[\"https://MyRegistry.azurecr.io/\"]",
    );
    project.run(&["apply"]).ok().says("6 done");
}

/// The older forms: what `helm_packages` and `images` looked like, and what the file was called.
#[test]
fn older_input_files_are_read_as_they_are() {
    let head = json!({
        "location": "uksouth", "publisher_name": "contoso", "publisher_resource_group_name": "contoso-rg",
        "acr_artifact_store_name": "contoso-acr", "nf_name": "contoso", "version": "1.0.0",
    });
    let arm = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg/providers/\
        Microsoft.ContainerRegistry/registries/myregistry";
    let table = [
        (
            "input.json",
            json!({"source_registry": arm, "source_registry_namespace": "", "source_local_docker_image": ""}),
            json!({"path_to_mappings": "", "depends_on": []}),
        ),
        (
            "input.json",
            json!({"source_registry": HOST, "source_registry_namespace": "samples"}),
            json!({"path_to_mappings": "", "depends_on": []}),
        ),
        (
            "cnf-input.jsonc",
            json!({"source_registry": HOST, "source_registry_namespace": "samples/"}),
            json!({"default_values": "", "depends_on": []}),
        ),
    ];
    for (file, images, more) in table {
        let project = Project::new();
        charts::write(
            &project,
            "chart",
            "contoso",
            "1.0.0",
            &["repository/release/contoso-a:1.0.0"],
        );
        let namespace = images["source_registry_namespace"]
            .as_str()
            .unwrap()
            .trim_end_matches('/');
        let at = format!("{namespace}/release/contoso-a:1.0.0");
        layout::write(
            &project.path("images"),
            &[(at.trim_start_matches('/'), &contoso::image("contoso-a:1.0.0"))],
        );
        let mut package = json!({"name": "contoso", "path_to_chart": "chart"});
        package
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        let mut input = head.clone();
        input["images"] = images.clone();
        input["helm_packages"] = json!([package]);
        project.write(file, input.to_string());
        let sources = format!("[sources.\"{HOST}\"]\nkind = \"oci-layout\"\npath = \"images\"\n");
        project.write("aosm.toml", format!("[project]\ninput = \"{file}\"\n{sources}"));
        project.run(&["apply"]).ok();
        let stored = layout::read(&project.path(".aosm/store"), "release/contoso-a:1.0.0");
        assert_eq!(stored, Some(contoso::image("contoso-a:1.0.0")), "{file} {images}");
    }
}

#[test]
fn an_image_of_the_local_docker_is_refused_with_the_way_that_works() {
    let project = Project::new();
    charts::write(
        &project,
        "chart",
        "contoso",
        "1.0.0",
        &["repository/release/contoso-a:1.0.0"],
    );
    let input = json!({
        "nf_name": "contoso", "version": "1.0.0",
        "images": {"source_local_docker_image": "contoso-a:1.0.0"},
        "helm_packages": [{"name": "contoso", "path_to_chart": "chart"}],
    });
    project.write("cnf-input.jsonc", input.to_string());
    let output = project.run(&["plan"]).expect(4);
    output
        .says("source_local_docker_image")
        .says("docker save")
        .says("docker-archive");
}
