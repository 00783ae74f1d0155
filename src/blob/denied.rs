//! Which of the many reasons a 403 has: told by the service's code and by what the signature says of itself.

use std::time::SystemTime;

use super::answer::Refusal;
use super::sas::spelt;
use super::{BlobErrorKind, ContainerAccess, Right};

/// A refusal in words, with what to do about it.
pub struct Explained {
    /// The sort.
    pub kind: BlobErrorKind,
    /// In words.
    pub detail: String,
    /// What to do.
    pub hint: Option<String>,
}

/// Explains a 401 or 403.
pub fn explain(refusal: &Refusal, access: &ContainerAccess, needed: &[Right], now: SystemTime) -> Explained {
    let service = refusal.text();
    let renew = format!("put a new signature into {}", access.origin);
    let url = &access.url;
    let told = |detail: String, hint: String| Explained {
        kind: BlobErrorKind::Denied,
        detail,
        hint: Some(hint),
    };
    match refusal.code.as_str() {
        "AuthorizationSourceIPMismatch" => {
            let allowed = url
                .field("sip")
                .map_or(String::new(), |sip| format!(" (it is for {sip})"));
            return told(
                format!("the signature is not for this machine's address{allowed}: {service}"),
                "use one without an address, or run where that address is".into(),
            );
        }
        "AuthorizationProtocolMismatch" => {
            return told(
                format!("the signature is for https only: {service}"),
                "write the URL with https".into(),
            );
        }
        "AuthorizationServiceMismatch" | "AuthorizationResourceTypeMismatch" => {
            return told(format!("the signature is for something else: {service}"), renew);
        }
        _ => {}
    }
    if let Some(objection) = url.objection(needed, now) {
        return told(format!("{objection} (the service says {service})"), renew);
    }
    // Who may only create may not replace.
    let letters = url.rights().unwrap_or_default();
    if needed.contains(&Right::Create) && letters.contains('c') && !letters.contains('w') {
        return told(
            format!(
                "the right w (write) is needed to replace what is there, and the signature grants only {}: {service}",
                spelt(&letters)
            ),
            renew,
        );
    }
    match refusal.code.as_str() {
        "AuthorizationPermissionMismatch" => {
            let words: Vec<&str> = needed.iter().map(|right| right.words()).collect();
            told(
                format!("a right is missing, {} is needed: {service}", words.join(", ")),
                renew,
            )
        }
        // What the emulator calls everything; the real service says so where its network rules are in the way.
        "AuthorizationFailure" => told(
            format!("the signature is refused: {service}"),
            format!(
                "it may be cut off, for another container than {}, or signed with a key that was changed since; or the \
                 account's network rules do not let this machine in",
                access.container()
            ),
        ),
        "AuthenticationFailed" | "NoAuthenticationInformation" | "InvalidAuthenticationInfo" | "" => told(
            format!("the signature is refused: {service}"),
            format!(
                "it may be cut off, for another container than {}, or signed with a key that was changed since; {renew}",
                access.container()
            ),
        ),
        _ => Explained {
            kind: refusal.kind(),
            detail: service,
            hint: None,
        },
    }
}
