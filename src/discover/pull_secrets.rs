//! Which pull secrets the pods of a rendered text use, their service accounts' included.
//!
//! Kubernetes: a pod takes `spec.imagePullSecrets` (a list of maps with `name`), and where it has none, those of its
//! service account ("Configure Service Accounts for Pods"). What charts write there may be broken; texts are taken as
//! they stand, so that a caller can see a wrong form.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::documents;
use super::object::{self, Place};
use super::walk::{MAX_VISITS, walk};
use super::yaml::{self, NodeId, Tree};

/// Most names that are kept of one render.
const MAX_NAMES: usize = 100_000;

/// The pull secrets of one object that holds pods.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct PullSecrets {
    /// `Kind/name`, as in `Found::object`.
    pub object: String,
    /// Names of the secrets as rendered, sorted.
    pub names: Vec<String>,
}

/// One object while it is being looked at.
#[derive(Default)]
struct Seen {
    names: Vec<String>,
    accounts: Vec<String>,
}

/// The pull secrets of all objects of a rendered text, sorted by object.
pub fn pull_secrets(rendered: &str) -> Vec<PullSecrets> {
    let mut accounts: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut objects: BTreeMap<String, Seen> = BTreeMap::new();
    let mut left = MAX_NAMES;
    for document in documents::split(rendered) {
        let (trees, _) = yaml::parse(document.text, document.line);
        for tree in &trees {
            for object in object::objects(tree).unwrap_or_default() {
                if object.place() == Place::Closed {
                    continue;
                }
                let seen = look(tree, object.root, &mut left);
                if let Some(name) = object.label.strip_prefix("ServiceAccount/") {
                    accounts.entry(name.to_owned()).or_default().extend(seen.names);
                } else {
                    let all = objects.entry(object.label).or_default();
                    all.names.extend(seen.names);
                    all.accounts.extend(seen.accounts);
                }
            }
        }
    }
    let with_accounts = |(object, mut seen): (String, Seen)| {
        for account in &seen.accounts {
            seen.names.extend(accounts.get(account).cloned().unwrap_or_default());
        }
        seen.names.sort();
        seen.names.dedup();
        PullSecrets {
            object,
            names: seen.names,
        }
    };
    let mut found: Vec<PullSecrets> = objects.into_iter().map(with_accounts).collect();
    found.retain(|secrets| !secrets.names.is_empty());
    found
}

fn look(tree: &Tree<'_>, root: NodeId, left: &mut usize) -> Seen {
    let mut seen = Seen::default();
    let mut budget = MAX_VISITS;
    // Too many or too deeply nested nodes were told by discovery.
    let _ = walk(tree, root, None, &mut budget, |here| {
        let Some(key) = here.key() else { return };
        match key {
            "imagePullSecrets" => {
                for item in here.tree.items(here.id) {
                    let name = here.tree.get(*item, "name").unwrap_or(*item);
                    if let Some(scalar) = here.tree.scalar(name).filter(|_| *left > 0) {
                        *left -= 1;
                        seen.names.push(scalar.text.to_string());
                    }
                }
            }
            "serviceAccountName" | "serviceAccount" => {
                seen.accounts.extend(here.tree.text(here.id).map(str::to_owned));
            }
            _ => {}
        }
    });
    seen
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<(String, Vec<String>)> {
        pull_secrets(text).into_iter().map(|s| (s.object, s.names)).collect()
    }

    #[test]
    fn pods_have_their_own_secrets_and_those_of_their_service_account() {
        let text = "kind: ServiceAccount\nmetadata: {name: sa}\nimagePullSecrets: [{name: from-account}]\n---\n\
                    kind: Deployment\nmetadata: {name: a}\nspec: {template: {spec: {serviceAccountName: sa, \
                    imagePullSecrets: [{name: own}]}}}\n---\nkind: Pod\nmetadata: {name: b}\nspec: {}\n";
        let names = vec!["from-account".to_owned(), "own".to_owned()];
        assert_eq!(found(text), [("Deployment/a".to_owned(), names)]);
    }

    #[test]
    fn broken_forms_are_shown_as_they_stand_and_secrets_stay_closed() {
        let text = "kind: Pod\nmetadata: {name: a}\nspec: {imagePullSecrets: [text, {name: 'map[name:x]'}, {other: 1}]}\n---\n\
                    kind: Secret\nmetadata: {name: s}\nimagePullSecrets: [{name: hidden}]\n---\nkind: Pod\nspec: [\n";
        let names = vec!["map[name:x]".to_owned(), "text".to_owned()];
        assert_eq!(found(text), [("Pod/a".to_owned(), names)]);
    }
}
