//! Is this login good? Asked of the API's root, as `docker login` does.

use super::client::Client;
use super::wire::Caller;
use crate::credentials::Obtained;
use crate::oci::OciError;

impl Client {
    /// Logs in and returns the credential that was taken; `None` when the registry asked for none, so that nothing is
    /// known about it.
    pub async fn check_login(&self, caller: &Caller) -> Result<Option<Obtained>, OciError> {
        let (login, _) = self.enter(caller).await?;
        Ok(login)
    }
}
