//! Is this login good? Asked of the API's root, as `docker login` does.

use reqwest::Method;
use reqwest::header::HeaderMap;

use super::client::{Ask, Client};
use super::scopes::Scopes;
use super::wire::Caller;
use crate::credentials::Obtained;
use crate::oci::OciError;

impl Client {
    /// Logs in and returns the credential that was taken; `None` when the registry asked for none, so that nothing is
    /// known about it.
    pub async fn check_login(&self, caller: &Caller) -> Result<Option<Obtained>, OciError> {
        let ask = Ask {
            operation: "log in to",
            subject: self.host.name.clone(),
            method: Method::GET,
            url: self.host.at("/v2/")?,
            headers: HeaderMap::new(),
            body: bytes::Bytes::new(),
            scopes: Scopes::default(),
            also_good: None,
        };
        self.ask(ask, caller).await?;
        self.login_in_use(caller).await
    }
}
