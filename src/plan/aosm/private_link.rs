//! Private link in a run: what has to be let in before a store can be reached, shown by `plan`, done by `apply`; and refusals that
//! come from a firewall or a private zone, told as such.

use std::collections::BTreeMap;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::Serialize;

use super::AosmSite;
use crate::azure::{ArtifactStore, PublicAccess};
use crate::event::Event;
use crate::fault::Fault;
use crate::plan::{Action, PlanStep, Planned, Session};

/// What `apply` lets in at a store before anything moves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct PrivateLinkStep {
    /// The store's name in the project.
    pub store: String,
    /// Private endpoints that are approved, by resource id.
    pub private_endpoints: Vec<String>,
    /// Network fabric controllers that are connected, by resource id.
    pub network_fabric_controllers: Vec<String>,
}

/// What is to be let in: at stores where not everything is in place. Where nothing moves, nobody has to be let in.
pub(in crate::plan) fn private_links(
    sites: &BTreeMap<usize, Arc<AosmSite>>,
    steps: &[PlanStep],
) -> Vec<PrivateLinkStep> {
    let moves = |site: &AosmSite| {
        let mut own = steps.iter().filter(|step| step.store == site.name);
        own.any(|step| matches!(step.action, Action::Run | Action::Unknown))
    };
    let links = sites.values().filter_map(|site| {
        let link = &site.config.private_link;
        let texts = |list: &[crate::project::Spanned<String>]| list.iter().map(|id| id.value.clone()).collect();
        (!link.is_empty() && site.reached.is_some() && moves(site)).then(|| PrivateLinkStep {
            store: site.name.clone(),
            private_endpoints: texts(&link.endpoints),
            network_fabric_controllers: texts(&link.controllers),
        })
    });
    links.collect()
}

/// Lets in what the plan says, once a store. True if steps were unknown there: then the plan is to be made again, as they may be
/// known now. What fails is added to the faults of the plan, and the rest goes on.
pub async fn let_in(session: &Session, planned: &mut Planned) -> Result<bool, Fault> {
    if session.mode.offline {
        return Ok(false);
    }
    let mut again = false;
    for link in planned.plan.private_links.clone() {
        let Some(site) = planned
            .world
            .sites
            .values()
            .find(|site| site.name == link.store)
            .cloned()
        else {
            continue;
        };
        let Some(reached) = &site.reached else { continue };
        let (store, job) = (
            &reached.id.store,
            session.job(&format!("private link of {}", link.store)),
        );
        session.events.emit(Event::Detail(format!(
            "store {}: letting in {}",
            link.store,
            words(&link)
        )));
        let endpoints: Vec<&str> = link.private_endpoints.iter().map(String::as_str).collect();
        let controllers: Vec<&str> = link.network_fabric_controllers.iter().map(String::as_str).collect();
        let done = async {
            if !endpoints.is_empty() {
                ArtifactStore::approve_private_endpoints(&reached.arm, store, &endpoints, &job).await?;
            }
            if !controllers.is_empty() {
                ArtifactStore::add_network_fabric_controllers(&reached.arm, store, &controllers, &job).await?;
            }
            Ok::<_, crate::azure::arm::ArmError>(())
        };
        let done = done.await;
        session.stopped()?;
        match done {
            Ok(()) => {
                let mut own = planned.plan.steps.iter().filter(|step| step.store == link.store);
                again |= own.any(|step| step.action == Action::Unknown);
            }
            Err(error) => planned.faults.push(
                Fault::from(error)
                    .context(format!("store {}", link.store))
                    .at_opt(site.place.clone()),
            ),
        }
    }
    Ok(again)
}

/// `2 private endpoints and 1 network fabric controller`.
fn words(link: &PrivateLinkStep) -> String {
    let count = |number: usize, what: &str| match number {
        0 => None,
        1 => Some(format!("1 {what}")),
        more => Some(format!("{more} {what}s")),
    };
    let parts = [
        count(link.private_endpoints.len(), "private endpoint"),
        count(link.network_fabric_controllers.len(), "network fabric controller"),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" and ")
}

impl PrivateLinkStep {
    /// In words: `2 private endpoints and 1 network fabric controller`.
    pub fn words(&self) -> String {
        words(self)
    }
}

/// Words of Azure's registries, of its storage accounts and of resolvers when a network is not let in (Container Registry,
/// "Troubleshoot network issues"; Storage REST, "Common error codes", `AuthorizationFailure` by network rules).
const SHUT_OUT: [&str; 6] = [
    "is not allowed access",
    "aka.ms/acr/firewall",
    "public network access is disabled",
    "network rules",
    "failed to lookup address",
    "dns error",
];

/// What to do where a store seems to be closed to this machine's network; `None` where nothing speaks for that. `unreachable`: the
/// address did not answer at all.
pub(in crate::plan) fn closed_hint(site: &AosmSite, detail: &str, unreachable: bool) -> Option<String> {
    let public = site.record.as_ref().and_then(|record| record.public_access.as_ref());
    looks_closed(public, detail, unreachable).then(|| {
        let name = &site.name;
        match public {
            Some(PublicAccess::Disabled) => format!(
                "the artifact store is closed to the public: run it from a network with a private endpoint that is approved \
                 (`private-endpoints` in [stores.{name}]), whose DNS knows the private zone"
            ),
            _ => format!(
                "a firewall or DNS seems to keep this machine out: allow its address there, or run it from a network with a private \
                 endpoint (`private-endpoints` in [stores.{name}])"
            ),
        }
    })
}

fn looks_closed(public: Option<&PublicAccess>, detail: &str, unreachable: bool) -> bool {
    let detail = detail.to_lowercase();
    // The credential opens what is asked for, so a refusal without a word (an answer to HEAD has none) is not about rights.
    let wordless = detail.trim() == "403 forbidden";
    wordless
        || unreachable && public == Some(&PublicAccess::Disabled)
        || SHUT_OUT.iter().any(|words| detail.contains(words))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_by_firewall_or_dns_are_recognised() {
        let (enabled, disabled) = (Some(&PublicAccess::Enabled), Some(&PublicAccess::Disabled));
        let firewall = "403: DENIED: client with IP '203.0.113.7' is not allowed access. Refer https://aka.ms/acr/firewall to grant access.";
        for (public, detail, unreachable, closed) in [
            (enabled, firewall, false, true),
            (None, firewall, false, true),
            (enabled, "403 Forbidden", false, true),
            (
                enabled,
                "403: DENIED: the operation is not allowed on a read-only replica",
                false,
                false,
            ),
            (disabled, "connection refused", true, true),
            (enabled, "connection refused", true, false),
            (disabled, "500: internal error", false, false),
            (
                enabled,
                "failed to lookup address information: Name or service not known",
                true,
                true,
            ),
            (enabled, "401: authentication required", false, false),
        ] {
            assert_eq!(looks_closed(public, detail, unreachable), closed, "{public:?} {detail}");
        }
    }

    #[test]
    fn what_is_let_in_is_counted() {
        let link = |endpoints: usize, controllers: usize| PrivateLinkStep {
            store: "images".into(),
            private_endpoints: vec!["e".into(); endpoints],
            network_fabric_controllers: vec!["c".into(); controllers],
        };
        assert_eq!(link(1, 0).words(), "1 private endpoint");
        assert_eq!(
            link(2, 1).words(),
            "2 private endpoints and 1 network fabric controller"
        );
    }
}
