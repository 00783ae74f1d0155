//! Decoding `Chart.yaml` and `requirements.yaml`: every fault with its place, all of them in one go.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use super::metadata::{Dependency, Maintainer, Metadata};
use super::version::is_version;
use super::yaml::{At, Node, parse};
use crate::fault::{Fault, Faults, Place, SourceFile};

/// Metadata, and where each dependency is named.
#[derive(Debug, Default)]
pub(super) struct Decoded {
    pub metadata: Metadata,
    /// One for each of `metadata.dependencies`.
    pub dependency_places: Vec<Place>,
}

/// Decodes a chart's own file and, where there is one, its `requirements.yaml` (apiVersion v1; Helm reads it for v2
/// as well, and what it says replaces what `Chart.yaml` says).
pub(super) fn decode(
    chart: &Arc<SourceFile>,
    requirements: Option<&Arc<SourceFile>>,
    faults: &mut Faults,
) -> Option<Decoded> {
    let mut reader = Reader {
        file: Arc::clone(chart),
        faults,
    };
    let root = reader.parse()?;
    let mut decoded = reader.metadata(&root);
    if let Some(requirements) = requirements {
        let mut reader = Reader {
            file: Arc::clone(requirements),
            faults,
        };
        let root = reader.parse()?;
        if root.get("dependencies").is_some() {
            (decoded.metadata.dependencies, decoded.dependency_places) = reader.dependencies(&root);
        }
    }
    Some(decoded)
}

/// The name that a vendored chart goes by, when its `Chart.yaml` can be read: Helm compares names only.
pub(super) fn name_of(text: &str) -> Option<String> {
    parse(text)
        .ok()?
        .get("name")?
        .node
        .text()
        .map(|name| printable(&name))
        .filter(|name| !name.is_empty())
}

struct Reader<'a> {
    file: Arc<SourceFile>,
    faults: &'a mut Faults,
}

impl Reader<'_> {
    fn place(&self, span: Range<usize>) -> Place {
        Place::new(Arc::clone(&self.file), span)
    }

    fn wrong(&mut self, at: &At, message: String) -> &mut Faults {
        let name = self.file.path.file_name().unwrap_or("this file");
        let hint = format!("correct {name}: Helm wants it so as well (helm.sh/docs/topics/charts)");
        let fault = Fault::invalid(message).at(self.place(at.span.clone())).hint(hint);
        self.faults.push(fault);
        self.faults
    }

    fn parse(&mut self) -> Option<At> {
        match parse(&self.file.text) {
            Ok(at) if matches!(at.node, Node::Map(_)) => Some(at),
            Ok(at) => {
                let name = self.file.path.file_name().unwrap_or("the file").to_owned();
                self.wrong(&at, format!("{name}: not a map of keys and values"));
                None
            }
            Err(bad) => {
                let name = self.file.path.file_name().unwrap_or("the file");
                let fault = Fault::invalid(format!("{name}: not YAML"))
                    .at(self.place(bad.span.unwrap_or_default()))
                    .because(bad.message);
                let fault = fault.hint("correct this file: Helm refuses the chart for it as well");
                self.faults.push(fault);
                None
            }
        }
    }

    fn metadata(&mut self, root: &At) -> Decoded {
        let (dependencies, dependency_places) = self.dependencies(root);
        let mut metadata = Metadata {
            name: self.text(root, "name"),
            home: self.text(root, "home"),
            sources: self.texts(root, "sources"),
            version: self.text(root, "version"),
            description: self.text(root, "description"),
            keywords: self.texts(root, "keywords"),
            maintainers: self.maintainers(root),
            icon: self.text(root, "icon"),
            api_version: self.raw_text(root, "apiVersion"),
            condition: self.text(root, "condition"),
            tags: self.text(root, "tags"),
            app_version: self.text(root, "appVersion"),
            deprecated: self.flag(root, "deprecated"),
            annotations: self.annotations(root),
            kube_version: self.text(root, "kubeVersion"),
            dependencies,
            chart_type: self.raw_text(root, "type"),
        };
        // Charts of Helm 2 had none.
        if metadata.api_version.is_empty() {
            "v1".clone_into(&mut metadata.api_version);
        }
        self.check(root, &metadata);
        Decoded {
            metadata,
            dependency_places,
        }
    }

    fn check(&mut self, root: &At, metadata: &Metadata) {
        if let Some(trouble) = name_trouble(&metadata.name) {
            let place = self.key_place(root, "name");
            self.faults.push(
                Fault::invalid(format!("chart name {:?}: {trouble}", metadata.name)).at(place).hint(
                    "use lower-case letters, digits and single `-`, `_` or `.` between them: the name becomes that of a repository",
                ),
            );
        }
        if !is_version(&metadata.version) {
            let place = self.key_place(root, "version");
            let what = if metadata.version.is_empty() {
                "none given"
            } else {
                "not a semantic version"
            };
            self.faults.push(
                Fault::invalid(format!("chart version {:?}: {what}", metadata.version))
                    .at(place)
                    .hint("write a version such as `1.0.0` (semver.org)"),
            );
        } else if metadata.version.len() > 128 {
            let place = self.key_place(root, "version");
            self.faults.push(
                Fault::invalid("chart version: longer than the 128 characters that a tag may have")
                    .at(place)
                    .hint("shorten it: the version is the chart's tag in the store"),
            );
        }
        if !matches!(metadata.chart_type.as_str(), "" | "application" | "library") {
            let place = self.key_place(root, "type");
            self.faults.push(
                Fault::invalid(format!("chart type {:?}: unknown", metadata.chart_type))
                    .at(place)
                    .hint("`application` (also when left out) or `library`"),
            );
        }
    }

    /// The place of a key's value; the whole file when it is absent.
    fn key_place(&self, root: &At, key: &str) -> Place {
        match root.get(key) {
            Some(at) => self.place(at.span.clone()),
            None => Place::file_only(&self.file.path),
        }
    }

    fn raw_text(&mut self, map: &At, key: &str) -> String {
        let Some(at) = map.get(key) else { return String::new() };
        if let Some(text) = at.node.text() {
            return text;
        }
        self.wrong(at, format!("{key}: a text is needed"));
        String::new()
    }

    fn text(&mut self, map: &At, key: &str) -> String {
        printable(&self.raw_text(map, key))
    }

    fn flag(&mut self, map: &At, key: &str) -> bool {
        match map.get(key).map(|at| (at, &at.node)) {
            None | Some((_, Node::Null)) => false,
            Some((_, Node::Bool(value))) => *value,
            Some((at, _)) => {
                self.wrong(at, format!("{key}: `true` or `false` is needed"));
                false
            }
        }
    }

    fn items<'n>(&mut self, map: &'n At, key: &str) -> &'n [At] {
        match map.get(key).map(|at| (at, &at.node)) {
            None | Some((_, Node::Null)) => &[],
            Some((_, Node::List(items))) => items,
            Some((at, _)) => {
                self.wrong(at, format!("{key}: a list is needed"));
                &[]
            }
        }
    }

    fn texts(&mut self, map: &At, key: &str) -> Vec<String> {
        let mut texts = Vec::new();
        for item in self.items(map, key) {
            match item.node.text() {
                Some(text) => texts.push(printable(&text)),
                None => drop(self.wrong(item, format!("{key}: a list of texts is needed"))),
            }
        }
        texts
    }

    fn maintainers(&mut self, map: &At) -> Vec<Maintainer> {
        let mut list = Vec::new();
        for item in self.items(map, "maintainers") {
            if matches!(item.node, Node::Map(_)) {
                list.push(Maintainer {
                    name: self.text(item, "name"),
                    email: self.text(item, "email"),
                    url: self.text(item, "url"),
                });
            } else {
                self.wrong(item, "maintainers: each needs keys such as `name` and `email`".into());
            }
        }
        list
    }

    fn annotations(&mut self, map: &At) -> BTreeMap<String, String> {
        let mut annotations = BTreeMap::new();
        match map.get("annotations").map(|at| (at, &at.node)) {
            None | Some((_, Node::Null)) => {}
            Some((_, Node::Map(entries))) => {
                for (key, at) in entries {
                    match at.node.text() {
                        Some(text) => drop(annotations.insert(key.clone(), text)),
                        None => drop(self.wrong(at, format!("annotations: {key:?} needs a text"))),
                    }
                }
            }
            Some((at, _)) => drop(self.wrong(at, "annotations: a map of texts is needed".into())),
        }
        annotations
    }

    fn dependencies(&mut self, map: &At) -> (Vec<Dependency>, Vec<Place>) {
        let (mut list, mut places) = (Vec::new(), Vec::new());
        for item in self.items(map, "dependencies") {
            if !matches!(item.node, Node::Map(_)) {
                self.wrong(
                    item,
                    "dependencies: each needs `name`, `version` and `repository`".into(),
                );
                continue;
            }
            let dependency = Dependency {
                name: self.text(item, "name"),
                version: self.text(item, "version"),
                repository: self.text(item, "repository"),
                condition: self.text(item, "condition"),
                tags: self.texts(item, "tags"),
                enabled: self.flag(item, "enabled"),
                import_values: self.items(item, "import-values").iter().map(At::to_json).collect(),
                alias: self.raw_text(item, "alias"),
            };
            if dependency.name.is_empty() {
                self.wrong(item, "dependencies: an entry without a name".into());
                continue;
            }
            let at = item.get("name").unwrap_or(item);
            // The name becomes part of a path; Helm takes the last segment only and then finds nothing.
            if dependency.name.contains(['/', '\\']) || matches!(dependency.name.as_str(), "." | "..") {
                self.wrong(at, format!("dependencies: {:?} is not a chart's name", dependency.name));
                continue;
            }
            places.push(self.place(at.span.clone()));
            list.push(dependency);
        }
        (list, places)
    }
}

/// As Helm cleans texts: every blank becomes a space, what cannot be printed goes.
fn printable(text: &str) -> String {
    text.chars()
        .filter_map(|c| {
            if c.is_whitespace() {
                Some(' ')
            } else if c.is_control() {
                None
            } else {
                Some(c)
            }
        })
        .collect()
}

/// Why a chart of this name could not be pushed: a path component of a repository is
/// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*` (distribution-spec, "Pulling manifests").
fn name_trouble(name: &str) -> Option<&'static str> {
    if name.is_empty() {
        return Some("none given");
    }
    if name.len() > 200 {
        return Some("too long");
    }
    let word = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let bytes = name.as_bytes();
    let ends = bytes.first().copied().is_some_and(word) && bytes.last().copied().is_some_and(word);
    if !ends || !bytes.iter().all(|b| word(*b) || matches!(b, b'.' | b'_' | b'-')) {
        return Some("not a name that a repository can have");
    }
    let mut run = String::new();
    for c in name.chars() {
        if c.is_ascii_alphanumeric() {
            run.clear();
            continue;
        }
        run.push(c);
        if run != "." && run != "_" && run != "__" && !run.chars().all(|c| c == '-') {
            return Some("not a name that a repository can have");
        }
    }
    None
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panicking")]
    use super::*;

    fn decoded(text: &str) -> Result<Metadata, Vec<String>> {
        let mut faults = Faults::new();
        let file = SourceFile::new("c/Chart.yaml", text);
        let decoded = decode(&file, None, &mut faults);
        if faults.has_errors() {
            return Err(faults
                .iter()
                .map(|f| {
                    format!(
                        "{} {}",
                        f.labels().first().map(|l| l.place.to_string()).unwrap_or_default(),
                        f
                    )
                })
                .collect());
        }
        Ok(decoded.unwrap().metadata)
    }

    #[test]
    fn all_faults_come_at_once_with_their_places() {
        let faults =
            decoded("name: Bad\nversion: 1.x\ntype: thing\nkeywords: one\nannotations: {a: [1]}\n").unwrap_err();
        let text = faults.join("\n");
        for place in [
            "c/Chart.yaml:1:7",
            "c/Chart.yaml:2:10",
            "c/Chart.yaml:3:7",
            "c/Chart.yaml:4:11",
            "c/Chart.yaml:5:18",
        ] {
            assert!(text.contains(place), "{place} in\n{text}");
        }
        assert_eq!(faults.len(), 5, "{text}");
    }

    #[test]
    fn names_are_those_that_a_repository_can_have() {
        for good in ["contoso", "a-b", "a--b", "a_b", "a__b", "a.b", "5g-core"] {
            assert_eq!(name_trouble(good), None, "{good}");
        }
        for bad in [
            "",
            "Contoso",
            "a b",
            "-a",
            "a-",
            "a..b",
            "a/b",
            "..",
            ".",
            "a._b",
            "a___b",
            "ü",
            &"a".repeat(201),
        ] {
            assert!(name_trouble(bad).is_some(), "{bad}");
        }
    }

    #[test]
    fn broken_yaml_names_its_line() {
        let faults = decoded("name: a\nversion: [1\n").unwrap_err();
        assert!(
            faults[0].contains("Chart.yaml") && faults[0].contains("not YAML"),
            "{faults:?}"
        );
        assert!(decoded("- a\n").unwrap_err()[0].contains("not a map"));
        assert!(decoded("").unwrap_err()[0].contains("not a map"));
    }

    #[test]
    fn the_json_is_the_one_that_helm_writes() {
        let metadata = decoded(
            "apiVersion: v2\nname: c\nversion: 1.10\nappVersion: 1.20\ndescription: \"a <b> & c\"\nkeywords: [x, 1]\n\
             maintainers:\n- name: nn\n  email: e@x\nannotations: {b: 1, a: yes}\ndependencies:\n- name: d\n  version: ^1\n  condition: d.enabled\n",
        )
        .unwrap();
        assert_eq!(
            metadata.to_go_json().unwrap(),
            "{\"name\":\"c\",\"version\":\"1.1\",\"description\":\"a \\u003cb\\u003e \\u0026 c\",\"keywords\":[\"x\",\"1\"],\
             \"maintainers\":[{\"name\":\"nn\",\"email\":\"e@x\"}],\"apiVersion\":\"v2\",\"appVersion\":\"1.2\",\
             \"annotations\":{\"a\":\"true\",\"b\":\"1\"},\"dependencies\":[{\"name\":\"d\",\"version\":\"^1\",\"repository\":\"\",\
             \"condition\":\"d.enabled\"}]}"
        );
    }
}
