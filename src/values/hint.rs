//! What the name of a value says about it.

use super::path::ValuesPath;

/// What a value may be, judged by its name or by where it occurs. Decides the first sentinel's shape, nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Hint {
    Registry,
    Repository,
    Tag,
    Digest,
    PullSecret,
}

/// Ends of keys that name a registry, lower case, without `-` and `_`. AOSM's own examples call it `registryPath` and
/// `repoPath`.
const REGISTRIES: [&str; 8] = [
    "registry",
    "registryurl",
    "registryhost",
    "registryserver",
    "registryprefix",
    "registrypath",
    "repopath",
    "hub",
];

/// What a path suggests; `None` when nothing in it speaks of images.
pub(super) fn hint(path: &ValuesPath) -> Option<Hint> {
    let keys: Vec<String> = path.keys().map(plain).collect();
    let (last, above) = keys.split_last()?;
    if keys.iter().any(|key| key.contains("pullsecret")) {
        return Some(Hint::PullSecret);
    }
    if last.contains("pullpolicy") {
        return None;
    }
    let ends = |ends: &[&str]| ends.iter().any(|end| last.ends_with(end));
    let in_image = above
        .last()
        .is_some_and(|key| key.contains("image") || key.contains("container"));
    if ends(&REGISTRIES) || (in_image && matches!(last.as_str(), "host" | "port" | "server" | "domain")) {
        return Some(Hint::Registry);
    }
    if ends(&["digest", "sha256"]) || last == "sha" || (last.ends_with("sha") && last.contains("image")) {
        return Some(Hint::Digest);
    }
    if last == "tag" || ends(&["imagetag", "imageversion", "tag"]) || (in_image && last == "version") {
        return Some(Hint::Tag);
    }
    let is_part = matches!(
        last.as_str(),
        "name" | "path" | "org" | "organization" | "project" | "namespace" | "prefix" | "suffix" | "base" | "variant"
    );
    if ends(&["repository", "repo", "image", "imagename", "imagepath", "imagerepo"]) || (in_image && is_part) {
        return Some(Hint::Repository);
    }
    // `images.main: registry/app:1.0`, `images: [app:1.0]`
    let listed = last.ends_with("images") || above.last().is_some_and(|key| key.ends_with("images"));
    listed.then_some(Hint::Repository)
}

fn plain(key: &str) -> String {
    key.chars()
        .filter(|c| !matches!(c, '-' | '_'))
        .flat_map(char::to_lowercase)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::path::Step;
    use super::*;

    #[test]
    fn names_say_what_a_value_may_be() {
        let rows = [
            ("global.imageRegistry", Some(Hint::Registry)),
            ("global.hub", Some(Hint::Registry)),
            ("global.registryPath", Some(Hint::Registry)),
            ("global.registry.docker.repoPath", Some(Hint::Registry)),
            ("image.registry", Some(Hint::Registry)),
            ("image.host", Some(Hint::Registry)),
            ("ingress.host", None),
            ("image.repository", Some(Hint::Repository)),
            ("main.image", Some(Hint::Repository)),
            ("image.name", Some(Hint::Repository)),
            ("images.main", Some(Hint::Repository)),
            ("service.name", None),
            ("image.tag", Some(Hint::Tag)),
            ("imageTag", Some(Hint::Tag)),
            ("image.version", Some(Hint::Tag)),
            ("version", None),
            ("image.digest", Some(Hint::Digest)),
            ("image.sha", Some(Hint::Digest)),
            ("image.pullPolicy", None),
            ("image.pullSecrets", Some(Hint::PullSecret)),
            ("global.image_pull_secrets", Some(Hint::PullSecret)),
            ("imagePullSecret.name", Some(Hint::PullSecret)),
            ("replicas", None),
        ];
        for (path, wanted) in rows {
            let steps = path.split('.').map(|key| Step::Key(key.to_owned())).collect();
            assert_eq!(hint(&ValuesPath(steps)), wanted, "{path}");
        }
    }
}
