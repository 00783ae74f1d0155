//! Helm packages: `[[charts]]` and `helm_packages`, read into one partial form, joined by name, then completed.

use camino::{Utf8Path, Utf8PathBuf};

use super::manifests;
use super::model::{ChartInput, ChartPackage, Dependencies, Spanned, StoreConfig};
use super::paths::Resolver;
use super::set_values;
use super::sources::with_first;
use super::view::View;
use super::{names, suggest};
use crate::fault::{Fault, Faults, Place};

/// A package as one file describes it.
pub(crate) struct Partial {
    /// Its name.
    pub(crate) name: Spanned<String>,
    /// The chart.
    pub(crate) path: Written<Spanned<Utf8PathBuf>>,
    /// Ready-made manifests.
    pub(crate) manifests: Written<Vec<Spanned<Utf8PathBuf>>>,
    /// Where the key `manifests` stands.
    pub(crate) manifests_place: Option<Place>,
    /// Values files.
    pub(crate) values: Vec<Spanned<Utf8PathBuf>>,
    /// Single values.
    pub(crate) set: Vec<(Spanned<String>, String)>,
    /// Release name, where given.
    pub(crate) release_name: Option<Spanned<String>>,
    /// Namespace, where given.
    pub(crate) namespace: Option<Spanned<String>>,
    /// Kubernetes version.
    pub(crate) kube_version: Option<Spanned<String>>,
    /// API versions.
    pub(crate) api_versions: Vec<Spanned<String>>,
    /// The `crds` folder too.
    pub(crate) include_crds: bool,
    /// Missing dependencies.
    pub(crate) dependencies: Dependencies,
    /// Its store.
    pub(crate) store: Option<Spanned<String>>,
    /// The first key that only a chart can have, for the error beside `manifests`.
    pub(crate) chart_only: Option<(&'static str, Place)>,
}

/// What became of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Written<T> {
    /// It is not there.
    Absent,
    /// It is there, but of no use; told already.
    Broken,
    /// It is there.
    Is(T),
}

impl<T> Written<T> {
    fn from(present: bool, value: Option<T>) -> Self {
        match (present, value) {
            (_, Some(value)) => Self::Is(value),
            (true, None) => Self::Broken,
            (false, None) => Self::Absent,
        }
    }
}

/// Reads `[[charts]]`.
pub(crate) fn from_settings(root: &View<'_>, resolver: Resolver<'_>, faults: &mut Faults) -> Vec<Partial> {
    let partials: Vec<Partial> = root
        .tables("charts")
        .iter()
        .filter_map(|(view, _)| setting(view, resolver, faults))
        .collect();
    unique(partials, "charts", faults)
}

fn setting(view: &View<'_>, resolver: Resolver<'_>, faults: &mut Faults) -> Option<Partial> {
    let name = view.text("name")?;
    let path = view
        .text("path")
        .and_then(|path| chart_path(&path, view, resolver, faults));
    let patterns = view.texts("manifests");
    let files = manifests::expand(&patterns, view.document, resolver, faults);
    let values = view
        .texts("values")
        .iter()
        .filter_map(|file| file_path(file, "values file", view, resolver, faults))
        .collect();
    let kube_version = view.text("kube-version");
    if let Some(version) = &kube_version
        && let Err(why) = names::kube_version(&version.value)
    {
        faults.push(
            Fault::invalid(format!("charts.kube-version: {why}"))
                .at_opt(version.place.clone())
                .hint("write it like `kube-version = \"1.31\"`"),
        );
    }
    let chart_only = [
        "values",
        "set",
        "kube-version",
        "api-versions",
        "include-crds",
        "dependencies",
        "release-name",
        "namespace",
    ];
    Some(Partial {
        path: Written::from(view.entry("path").is_some(), path),
        manifests: Written::from(
            view.entry("manifests").is_some(),
            Some(files).filter(|files| !files.is_empty()),
        ),
        manifests_place: view.key_place("manifests"),
        values,
        set: view
            .entry("set")
            .map(|entry| set_values::flatten(&entry.node, view.document, faults))
            .unwrap_or_default(),
        release_name: view.text("release-name"),
        namespace: view.text("namespace"),
        kube_version,
        api_versions: view.texts("api-versions"),
        include_crds: view.truth("include-crds").unwrap_or(false),
        dependencies: match view.text("dependencies").as_ref().map(|text| text.value.as_str()) {
            Some("build") => Dependencies::Build,
            _ => Dependencies::Error,
        },
        store: view.text("store"),
        chart_only: chart_only.into_iter().find_map(|key| Some((key, view.key_place(key)?))),
        name,
    })
}

/// Reads `helm_packages`.
pub(crate) fn from_input(root: &View<'_>, resolver: Resolver<'_>, faults: &mut Faults) -> Vec<Partial> {
    let partials = root
        .tables("helm_packages")
        .iter()
        .filter_map(|(view, _)| {
            let name = view.text("name")?;
            let path = view
                .text("path_to_chart")
                .and_then(|path| chart_path(&path, view, resolver, faults));
            let values = view
                .text("default_values")
                .and_then(|file| file_path(&file, "values file", view, resolver, faults));
            Some(Partial {
                name,
                path: Written::from(true, path),
                manifests: Written::Absent,
                manifests_place: None,
                values: values.into_iter().collect(),
                set: Vec::new(),
                release_name: None,
                namespace: None,
                kube_version: None,
                api_versions: Vec::new(),
                include_crds: false,
                dependencies: Dependencies::Error,
                store: None,
                chart_only: None,
            })
        })
        .collect();
    unique(partials, "helm_packages", faults)
}

/// Names are well formed and stand once.
fn unique(partials: Vec<Partial>, table: &str, faults: &mut Faults) -> Vec<Partial> {
    let mut kept: Vec<Partial> = Vec::new();
    for partial in partials {
        let name = &partial.name;
        if let Err(why) = names::package(&name.value) {
            faults.push(
                Fault::invalid(format!(
                    "{table}: package {}: {why}",
                    super::check::shorten(&name.value)
                ))
                .at_opt(name.place.clone())
                .hint("AOSM and Helm install the package under this name: choose another"),
            );
        }
        if let Some(first) = kept.iter().find(|other| other.name.value == name.value) {
            let fault = Fault::invalid(format!("package {}: named twice", super::check::shorten(&name.value)))
                .hint("AOSM installs a package under its name: give one of the two another name");
            faults.push(with_first(
                fault,
                name.place.clone(),
                first.name.place.clone(),
                "first named here",
            ));
        } else {
            kept.push(partial);
        }
    }
    kept
}

/// Values files have some kilobytes; Helm needs some twenty times their size in memory.
const MAX_VALUES: u64 = 16 * 1024 * 1024;

/// A file that can be read to its end: no folder, no pipe, no device.
pub(crate) fn file_path(
    written: &Spanned<String>,
    what: &str,
    view: &View<'_>,
    resolver: Resolver<'_>,
    faults: &mut Faults,
) -> Option<Spanned<Utf8PathBuf>> {
    let path = resolver.existing(written, view.document, what, faults)?;
    let (why, hint) = match std::fs::metadata(&path.value) {
        Ok(meta) if meta.is_file() && meta.len() <= MAX_VALUES => return Some(path),
        Ok(meta) if meta.is_file() => ("larger than 16 MiB", "is this the right file? Helm would read it whole"),
        Ok(meta) if meta.is_dir() => ("is a folder", "name the file in it"),
        _ => ("not a regular file", "name a file that can be read to its end"),
    };
    faults.push(
        Fault::invalid(format!("{what} {}: {why}", written.value))
            .at_opt(path.place)
            .hint(hint),
    );
    None
}

fn chart_path(
    written: &Spanned<String>,
    view: &View<'_>,
    resolver: Resolver<'_>,
    faults: &mut Faults,
) -> Option<Spanned<Utf8PathBuf>> {
    let path = resolver.existing(written, view.document, "chart", faults)?;
    let fault = |why: &str| Fault::invalid(format!("chart {}: {why}", written.value)).at_opt(written.place.clone());
    if path.value.is_dir() {
        if !path.value.join("Chart.yaml").is_file() {
            faults.push(fault("no `Chart.yaml` in this folder").hint("name the folder that holds `Chart.yaml`"));
            return None;
        }
    } else if !is_chart_archive(&path.value) {
        faults.push(fault("not a folder, `.tgz`, `.tar` or `.tar.gz`").hint("`helm package` writes a `.tgz`"));
        return None;
    }
    Some(path)
}

/// Does the name end as chart archives do?
pub(crate) fn is_chart_archive(path: &Utf8Path) -> bool {
    [".tgz", ".tar", ".tar.gz"]
        .iter()
        .any(|suffix| path.as_str().ends_with(suffix))
}

/// Lays what `aosm.toml` says over the packages of the input; new names come after. A contradiction is told with both
/// places.
pub(crate) fn join(input: Vec<Partial>, settings: Vec<Partial>, faults: &mut Faults) -> Vec<Partial> {
    let mut joined = input;
    for above in settings {
        match joined.iter_mut().find(|below| below.name.value == above.name.value) {
            Some(below) => lay_over(below, above, faults),
            None => joined.push(above),
        }
    }
    joined
}

fn lay_over(below: &mut Partial, above: Partial, faults: &mut Faults) {
    let name = above.name.value.clone();
    if let (Written::Is(theirs), Written::Is(ours)) = (&below.path, &above.path)
        && theirs.value != ours.value
    {
        let fault = Fault::invalid(format!("package {name}: two files name different charts"))
            .hint("leave out `path` here: the input file has it");
        faults.push(with_first(
            fault,
            ours.place.clone(),
            theirs.place.clone(),
            "the other chart",
        ));
    }
    if above.manifests != Written::Absent {
        let fault = Fault::invalid(format!("package {name}: a chart in one file, manifests in the other"))
            .hint("keep one of the two, or give this entry another name");
        let chart = match &below.path {
            Written::Is(path) => path.place.clone(),
            _ => below.name.place.clone(),
        };
        faults.push(with_first(fault, above.manifests_place.clone(), chart, "the chart"));
    }
    // The name's place stays the input's: it was named there first.
    for file in above.values {
        if !below.values.iter().any(|other| other.value == file.value) {
            below.values.push(file);
        }
    }
    below.set = above.set;
    below.release_name = above.release_name;
    below.namespace = above.namespace;
    below.kube_version = above.kube_version;
    below.api_versions = above.api_versions;
    below.include_crds = above.include_crds;
    below.dependencies = above.dependencies;
    below.store = above.store;
}

/// Completes a package: defaults, and the rules that need the whole.
pub(crate) fn complete(partial: Partial, stores: &[StoreConfig], faults: &mut Faults) -> Option<ChartPackage> {
    let name = partial.name;
    if let Some(store) = &partial.store {
        check_store(store, stores, faults);
    }
    let input = match (partial.path, partial.manifests) {
        (Written::Is(path), Written::Absent) => ChartInput::Chart(path),
        (Written::Absent, Written::Is(files)) => {
            if let Some((key, place)) = partial.chart_only {
                faults.push(
                    Fault::invalid(format!("package {}: `{key}` has no use with `manifests`", name.value))
                        .at(place)
                        .hint("ready-made manifests are taken as they are: remove it"),
                );
            }
            ChartInput::Manifests(files)
        }
        (Written::Absent, Written::Absent) => {
            faults.push(
                Fault::invalid(format!("package {}: neither `path` nor `manifests`", name.value))
                    .at_opt(name.place.clone())
                    .hint("add `path`: the chart's folder or archive"),
            );
            return None;
        }
        (Written::Absent | Written::Broken, Written::Broken) | (Written::Broken, Written::Absent) => return None,
        (_, _) => {
            faults.push(
                Fault::invalid(format!("package {}: `path` and `manifests` at once", name.value))
                    .at_opt(partial.manifests_place)
                    .hint("keep one of the two"),
            );
            return None;
        }
    };
    let release_name = partial.release_name.unwrap_or_else(|| name.clone());
    let namespace = partial.namespace.unwrap_or_else(|| name.clone());
    if matches!(input, ChartInput::Chart(_)) {
        helm_name(&release_name, &name, names::release, "release-name", faults);
        if names::release(&namespace.value).is_ok() || namespace.place != release_name.place {
            helm_name(&namespace, &name, names::namespace, "namespace", faults);
        }
    }
    Some(ChartPackage {
        input,
        values: partial.values,
        set: partial.set,
        release_name,
        namespace,
        kube_version: partial.kube_version,
        api_versions: partial.api_versions,
        include_crds: partial.include_crds,
        dependencies: partial.dependencies,
        store: partial.store,
        name,
    })
}

fn helm_name(
    text: &Spanned<String>,
    package: &Spanned<String>,
    rule: fn(&str) -> Result<(), String>,
    key: &str,
    faults: &mut Faults,
) {
    if let Err(why) = rule(&text.value) {
        let hint = if text.place == package.place {
            format!("AOSM installs the package under this name: change it, or set `{key}` in `[[charts]]`")
        } else {
            format!("change `{key}`")
        };
        faults.push(
            Fault::invalid(format!("package {}: {why}", super::check::shorten(&package.value)))
                .at_opt(text.place.clone())
                .hint(hint),
        );
    }
}

/// A named store must be there, and none but disk images go to a storage account.
pub(crate) fn check_store(store: &Spanned<String>, stores: &[StoreConfig], faults: &mut Faults) {
    match stores.iter().find(|other| other.name.value == store.value) {
        Some(found) if found.kind.is_for_disks() => faults.push(
            Fault::invalid(format!(
                "store {}: a storage account holds disk images only",
                super::check::shorten(&store.value)
            ))
            .at_opt(store.place.clone())
            .hint("name a store of kind `local` or `registry`, or leave `store` out"),
        ),
        Some(_) => {}
        None => faults.push(no_store(store, stores)),
    }
}

/// No store is called so: what there is.
pub(crate) fn no_store(store: &Spanned<String>, stores: &[StoreConfig]) -> Fault {
    let known: Vec<&str> = stores.iter().map(|other| other.name.value.as_str()).collect();
    Fault::invalid(format!(
        "store {}: the project has none of this name",
        super::check::shorten(&store.value)
    ))
    .at_opt(store.place.clone())
    .hint(suggest::hint(&store.value, &known, "stores"))
}
