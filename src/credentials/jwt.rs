//! What a JSON Web Token says (RFC 7519). Read to be shown and to know when to renew; never believed for more, as nothing here
//! checks a signature.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::DeserializeOwned;

/// Longer tokens are not looked into, in bytes.
pub(super) const LENGTH_LIMIT: usize = 256 * 1024;

/// The claims of a token; `None` where it is no such token, or its claims are others.
pub fn claims_of<T: DeserializeOwned>(token: &str) -> Option<T> {
    let payload = token.split('.').nth(1).filter(|part| part.len() <= LENGTH_LIMIT)?;
    let bytes = URL_SAFE_NO_PAD.decode(payload.trim_end_matches('=')).ok()?;
    serde_json::from_slice(&bytes).ok()
}
