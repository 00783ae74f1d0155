//! Token scopes: which actions on which repositories (distribution token specification, "scope").

use std::collections::{BTreeMap, BTreeSet};

/// A sorted set of scopes; equal sets are equal keys.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Scopes(BTreeMap<String, BTreeSet<String>>);

impl Scopes {
    /// Reading one repository.
    pub fn pull(repository: &str) -> Self {
        Self::default().and(repository, &["pull"])
    }

    /// Reading and writing one repository.
    pub fn push(repository: &str) -> Self {
        Self::default().and(repository, &["pull", "push"])
    }

    /// Also reading another repository: what a mount needs.
    #[must_use]
    pub fn and_pull(self, repository: &str) -> Self {
        self.and(repository, &["pull"])
    }

    /// Reading and deleting in one repository.
    pub fn delete(repository: &str) -> Self {
        Self::default().and(repository, &["delete", "pull"])
    }

    /// Reading what a registry keeps about one repository beside its content (Azure Container Registry).
    pub fn metadata(repository: &str) -> Self {
        Self::default().and(repository, &["metadata_read"])
    }

    /// Listing the repositories of a registry.
    pub fn catalog() -> Self {
        Self::default().and_asked("registry:catalog:*")
    }

    fn and(mut self, repository: &str, actions: &[&str]) -> Self {
        let known = self.0.entry(format!("repository:{repository}")).or_default();
        known.extend(actions.iter().map(|action| (*action).to_owned()));
        self
    }

    /// Also what a challenge asks for: scopes separated by spaces. Registries may want more than we would think of
    /// (`metadata_read`, `delete`).
    #[must_use]
    pub fn and_asked(mut self, asked: &str) -> Self {
        for scope in asked.split_ascii_whitespace().take(32) {
            if let Some((resource, actions)) = scope.rsplit_once(':') {
                let known = self.0.entry(resource.to_owned()).or_default();
                known.extend(actions.split(',').filter(|a| !a.is_empty()).map(str::to_owned));
            }
        }
        self
    }

    /// One text per resource, sorted: `repository:a:pull,push`.
    pub fn texts(&self) -> impl Iterator<Item = String> + '_ {
        self.0.iter().map(|(resource, actions)| {
            let actions: Vec<&str> = actions.iter().map(String::as_str).collect();
            format!("{resource}:{}", actions.join(","))
        })
    }

    /// The repository that a request with these is about: the one that is written to, else the first.
    pub fn main_repository(&self) -> Option<&str> {
        let repositories = || {
            self.0
                .iter()
                .filter_map(|(resource, actions)| Some((resource.strip_prefix("repository:")?, actions)))
        };
        let written = repositories().find(|(_, actions)| actions.contains("push"));
        written
            .or_else(|| repositories().next())
            .map(|(repository, _)| repository)
    }

    /// Does a token for these serve a request that needs `needed`?
    pub fn covers(&self, needed: &Self) -> bool {
        needed
            .0
            .iter()
            .all(|(resource, actions)| self.0.get(resource).is_some_and(|held| actions.is_subset(held)))
    }
}

impl std::fmt::Display for Scopes {
    /// As the refresh-token grant wants it: separated by spaces.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.texts().collect::<Vec<_>>().join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_one_sorted_set_however_they_were_put_together() {
        let a = Scopes::push("b").and_pull("a");
        let b = Scopes::default().and_asked("repository:a:pull repository:b:push,pull");
        assert_eq!(a, b);
        assert_eq!(a.to_string(), "repository:a:pull repository:b:pull,push");
        assert_eq!(Scopes::push("a").and_pull("a"), Scopes::push("a"));
    }

    #[test]
    fn what_a_challenge_asks_for_is_added_and_nonsense_is_not() {
        let scopes = Scopes::pull("a").and_asked("repository:a:metadata_read,pull nonsense registry:catalog:*");
        assert_eq!(scopes.to_string(), "registry:catalog:* repository:a:metadata_read,pull");
    }

    #[test]
    fn a_wider_token_serves_a_narrower_need_and_not_the_other_way_round() {
        assert!(Scopes::push("a").covers(&Scopes::pull("a")));
        assert!(!Scopes::pull("a").covers(&Scopes::push("a")));
        assert!(!Scopes::push("a").covers(&Scopes::pull("b")));
    }
}
