//! The worked example's committed images are what the generator makes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use crate::support::{contoso, layout, root, snapshot, tools};

/// The files that ought to be there; they are written first when that is asked for.
fn wanted() -> &'static BTreeMap<String, Vec<u8>> {
    static WANTED: OnceLock<BTreeMap<String, Vec<u8>>> = OnceLock::new();
    WANTED.get_or_init(|| {
        let wanted: BTreeMap<String, Vec<u8>> = contoso::files().into_iter().collect();
        if std::env::var_os("AOSM_BLESS").is_some() {
            let folder = contoso::folder();
            let _ = std::fs::remove_dir_all(&folder);
            for (path, bytes) in &wanted {
                let path = folder.join(path);
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::write(path, bytes).unwrap();
            }
        }
        wanted
    })
}

#[test]
fn contoso_images_are_up_to_date() {
    let folder = contoso::folder();
    let wanted = wanted();
    let found: BTreeMap<String, Vec<u8>> = snapshot::walk(&folder)
        .into_iter()
        .map(|path| {
            let name = path.strip_prefix(&folder).unwrap().to_string_lossy().replace('\\', "/");
            (name, std::fs::read(&path).unwrap())
        })
        .collect();
    assert_eq!(
        found.keys().collect::<Vec<_>>(),
        wanted.keys().collect::<Vec<_>>(),
        "write them anew with AOSM_BLESS=1"
    );
    for (path, bytes) in wanted {
        assert!(found[path] == *bytes, "{path} differs: write it anew with AOSM_BLESS=1");
    }
}

#[test]
fn contoso_images_are_complete_and_for_two_platforms() {
    wanted();
    for name in contoso::PATHS {
        let image = layout::read(&contoso::folder(), name).unwrap_or_else(|| panic!("no {name} in the layout"));
        assert_eq!(image, contoso::image(name), "{name}");
        let root = image.root().json();
        let platforms: Vec<&str> = root["manifests"]
            .as_array()
            .unwrap()
            .iter()
            .map(|m| m["platform"]["architecture"].as_str().unwrap())
            .collect();
        assert_eq!(platforms, ["amd64", "arm64"], "{name}");
    }
    assert_eq!(layout::names(&contoso::folder()), contoso::PATHS);
}

#[test]
fn contoso_charts_render_to_exactly_these_images() {
    let render = |name: &str, values: Option<&str>| {
        let mut command = std::process::Command::new(tools::helm());
        command
            .args(["template", name, &format!("charts/{name}")])
            .current_dir(root().join("fixtures/contoso-cnf"));
        if let Some(values) = values {
            command.args(["--values", values]);
        }
        tools::run(&mut command)
    };
    let text = render("contoso-cnf", None) + &render("contoso-gateway", Some("values/gateway.yaml"));
    let images: BTreeSet<&str> = text
        .lines()
        .filter_map(|line| line.trim().strip_prefix("image: "))
        .map(|value| value.trim_matches('"'))
        .collect();
    let wanted: BTreeSet<String> = contoso::PATHS.iter().map(|path| format!("repository/{path}")).collect();
    assert_eq!(images, wanted.iter().map(String::as_str).collect());
}
