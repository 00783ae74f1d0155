//! Deleting a manifest (distribution-spec, "Deleting Manifests"), and taking it off the list of what refers to its subject.

use reqwest::{Method, StatusCode};

use super::answer::words_of;
use super::client::Answer;
use super::repository::Repository;
use super::scopes::Scopes;
use super::wire::Caller;
use crate::digest::Digest;
use crate::oci::referrer::subject_of;
use crate::oci::{ErrorKind, OciError, Selector};

impl Repository {
    /// Deletes a manifest with all tags that name it. It is read first: what refers to something is taken off the
    /// fallback list of referrers afterwards, where the registry keeps none of its own. Not there:
    /// [`ErrorKind::Absent`].
    pub async fn delete_manifest(&self, digest: &Digest, caller: &Caller) -> Result<(), OciError> {
        let read = self.manifest(&Selector::Digest(digest.clone()), None, caller).await;
        let subject = match read {
            Ok((_, bytes)) => subject_of(&bytes),
            // What is damaged there can be deleted all the same.
            Err(error) if matches!(error.kind, ErrorKind::Corrupt | ErrorKind::TooLarge) => None,
            Err(error) => return Err(error),
        };
        self.delete_only(digest, caller).await?;
        match subject {
            Some(subject) => self.unlist_referrer(&subject, digest, caller).await,
            None => Ok(()),
        }
    }

    /// Deletes a manifest that is known to be there. Gone meanwhile (or by a try whose answer was lost) is fine.
    pub(super) async fn delete_only(&self, digest: &Digest, caller: &Caller) -> Result<(), OciError> {
        let what = format!("@{digest}");
        let mut ask = self.ask("delete", &what, Method::DELETE, &format!("manifests/{digest}"))?;
        ask.scopes = Scopes::delete(&self.name);
        ask.also_good = Some(StatusCode::METHOD_NOT_ALLOWED);
        let subject = ask.subject.clone();
        match self.client.ask(ask, caller).await {
            Ok(Answer { status, body, .. }) if status == StatusCode::METHOD_NOT_ALLOWED => {
                let words = words_of(body).await;
                let answer = if words.is_empty() {
                    "405 Method Not Allowed".to_owned()
                } else {
                    format!("405 Method Not Allowed ({words})")
                };
                Err(not_allowed(&subject, &answer))
            }
            Ok(_) => Ok(()),
            Err(error) if error.kind == ErrorKind::Absent => Ok(()),
            // Some say so with 400 or 403.
            Err(error) if error.detail.contains("UNSUPPORTED") => Err(not_allowed(&subject, &error.detail)),
            Err(error) if error.kind == ErrorKind::Denied => Err(error
                .hint("deleting needs a right of its own: `delete` (`content/delete` on Azure, the role AcrDelete)")),
            Err(error) => Err(error),
        }
    }
}

/// A refusal that no other login would change.
pub(super) fn not_allowed(subject: &str, answer: &str) -> OciError {
    // Azure's words for what is locked.
    let hint = if answer.contains("disallowed on this registry, repository or image") {
        "it is locked: az acr repository update --delete-enabled true opens it again"
    } else {
        "switch it on there: distribution needs REGISTRY_STORAGE_DELETE_ENABLED=true"
    };
    OciError::new(
        ErrorKind::Denied,
        "delete",
        subject,
        format!("the registry does not allow deletion: {answer}"),
    )
    .hint(hint)
}
