//! Kubernetes objects in a document: which they are, and what kind of place that makes them.

use super::yaml::{NodeId, Tree, Value};

/// One object of a document: the document itself, or an item of a `List`.
#[derive(Debug)]
pub(super) struct Object {
    /// Where it starts in the tree.
    pub(super) root: NodeId,
    /// Its kind; empty if it has none.
    pub(super) kind: String,
    /// Its API group; empty for the core group.
    pub(super) group: String,
    /// `Kind/name`.
    pub(super) label: String,
    /// The `helm.sh/hook` annotation.
    pub(super) hook: Option<String>,
}

/// What sort of place an object is for images.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Kubernetes' own workloads: images stand in containers and nowhere else.
    Workload,
    /// `ConfigMap`: texts.
    ConfigMap,
    /// Holds nothing we may look at (`Secret`), or only schemas (`CustomResourceDefinition`).
    Closed,
    /// Everything else, custom resources above all.
    Other,
}

impl Object {
    /// What sort of place it is.
    pub(super) fn place(&self) -> Place {
        match (self.group.as_str(), self.kind.as_str()) {
            // The group is not looked at: whatever calls itself a Secret is treated as one.
            (_, "Secret") | ("apiextensions.k8s.io", "CustomResourceDefinition") => Place::Closed,
            ("", "ConfigMap") => Place::ConfigMap,
            ("", "Pod" | "PodTemplate" | "ReplicationController")
            | ("apps" | "extensions", "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet")
            | ("batch", "Job" | "CronJob") => Place::Workload,
            _ => Place::Other,
        }
    }

    /// True when the object's hooks, if it has any, are all left out.
    pub(super) fn is_left_out(&self, hooks: bool, tests: bool) -> bool {
        let Some(hook) = &self.hook else { return false };
        // One object may serve several hooks; it counts as long as one of them does.
        !hook.split(',').map(str::trim).any(|hook| match hook {
            "test" | "test-success" | "test-failure" => tests,
            _ => hooks,
        })
    }
}

/// How deep lists of lists are followed.
const LIST_DEPTH: usize = 8;

/// The objects of a document, items of lists in their place. `None` when the document is no object at all.
pub(super) fn objects(tree: &Tree<'_>) -> Option<Vec<Object>> {
    let root = tree.root?;
    matches!(tree.node(root).map(|n| &n.value), Some(Value::Mapping(_))).then(|| {
        let mut found = Vec::new();
        collect(tree, root, LIST_DEPTH, &mut found);
        found
    })
}

fn collect(tree: &Tree<'_>, root: NodeId, depth: usize, found: &mut Vec<Object>) {
    let kind = tree.text_at(root, "kind").unwrap_or_default();
    let items = tree
        .get(root, "items")
        .map(|items| tree.items(items))
        .unwrap_or_default();
    let is_list =
        kind.ends_with("List") && !items.is_empty() && items.iter().all(|item| tree.text_at(*item, "kind").is_some());
    if is_list && depth > 0 {
        for item in items {
            collect(tree, *item, depth - 1, found);
        }
        return;
    }
    found.push(describe(tree, root, kind));
}

fn describe(tree: &Tree<'_>, root: NodeId, kind: &str) -> Object {
    let metadata = tree.get(root, "metadata");
    let name = metadata.and_then(|m| {
        let scalar = |key| {
            tree.get(m, key)
                .and_then(|id| tree.scalar(id))
                .map(|s| s.text.to_string())
        };
        scalar("name").or_else(|| scalar("generateName"))
    });
    let hook = metadata
        .and_then(|m| tree.get(m, "annotations"))
        .and_then(|annotations| tree.text_at(annotations, "helm.sh/hook"))
        .map(str::to_owned);
    let api_version = tree.text_at(root, "apiVersion").unwrap_or_default();
    Object {
        root,
        kind: kind.to_owned(),
        group: api_version.split_once('/').map_or("", |(group, _)| group).to_owned(),
        label: format!(
            "{}/{}",
            if kind.is_empty() { "?" } else { kind },
            name.as_deref().unwrap_or("?")
        ),
        hook,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]
    use super::super::yaml::parse;
    use super::*;

    fn of(text: &str) -> Vec<Object> {
        objects(&parse(text, 1).0[0]).unwrap()
    }

    #[test]
    fn objects_say_what_they_are() {
        let found = of(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a, annotations: {helm.sh/hook: pre-install}}\n",
        );
        let object = &found[0];
        assert_eq!((object.label.as_str(), object.group.as_str()), ("Deployment/a", "apps"));
        assert_eq!(object.hook.as_deref(), Some("pre-install"));
        assert_eq!(of("kind: Job\nmetadata: {generateName: run-}\n")[0].label, "Job/run-");
        assert_eq!(of("a: b\n")[0].label, "?/?");
        assert_eq!(of("kind: Pod\nmetadata: {name: 7}\n")[0].label, "Pod/7");
    }

    #[test]
    fn lists_of_lists_are_opened() {
        let text = "kind: List\nitems:\n- {kind: Pod, metadata: {name: a}}\n- {kind: PodList, items: [{kind: Pod, metadata: {name: b}}]}\n";
        let labels: Vec<_> = of(text).into_iter().map(|o| o.label).collect();
        assert_eq!(labels, ["Pod/a", "Pod/b"]);
        assert_eq!(
            of("kind: AllowList\nitems: [x, y]\n")[0].label,
            "AllowList/?",
            "a custom resource of that name"
        );
    }

    #[test]
    fn only_kubernetes_own_workloads_are_workloads() {
        let rows = [
            ("apps/v1", "Deployment", Place::Workload),
            ("batch/v1", "CronJob", Place::Workload),
            ("v1", "Pod", Place::Workload),
            ("batch.volcano.sh/v1alpha1", "Job", Place::Other),
            ("v1", "ConfigMap", Place::ConfigMap),
            ("v1", "Secret", Place::Closed),
            ("other/v1", "Secret", Place::Closed),
            ("apiextensions.k8s.io/v1", "CustomResourceDefinition", Place::Closed),
            ("v1", "Service", Place::Other),
        ];
        for (api, kind, place) in rows {
            assert_eq!(
                of(&format!("apiVersion: {api}\nkind: {kind}\n"))[0].place(),
                place,
                "{api} {kind}"
            );
        }
    }

    #[test]
    fn hooks_and_tests_are_left_out_apart() {
        let hook = |value: &str| {
            of(&format!(
                "kind: Pod\nmetadata: {{annotations: {{helm.sh/hook: \"{value}\"}}}}\n"
            ))
            .remove(0)
        };
        assert!(hook("test").is_left_out(true, false));
        assert!(hook("test-success, test-failure").is_left_out(true, false));
        assert!(!hook("test").is_left_out(false, true));
        assert!(hook("pre-install,post-upgrade").is_left_out(false, true));
        assert!(!hook("pre-install, test").is_left_out(true, false));
        assert!(!of("kind: Pod\n")[0].is_left_out(false, false));
    }
}
