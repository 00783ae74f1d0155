//! What an access token says about itself. Read to name the identity and to know when to renew; never believed for
//! more, as nothing here checks a signature.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::Deserialize;

use crate::credentials::jwt::claims_of;

/// Claims of Entra's tokens, and of ACR's.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Claims {
    /// The tenant.
    pub tid: Option<String>,
    /// The user or service principal.
    pub oid: Option<String>,
    /// The application, in tokens of version 1.
    pub appid: Option<String>,
    /// Seconds since 1970.
    pub exp: Option<u64>,
}

impl Claims {
    /// Those of a JWT; none of anything else.
    pub fn of(token: &str) -> Self {
        let claims: Self = claims_of(token).unwrap_or_default();
        // Ids become part of messages and requests: only such as are ids.
        let id = |text: Option<String>| {
            text.filter(|text| text.len() <= 64 && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-'))
        };
        Self {
            tid: id(claims.tid),
            oid: id(claims.oid),
            appid: id(claims.appid),
            exp: claims.exp,
        }
    }

    /// How long the token is good from now on.
    pub fn life(&self) -> Option<Duration> {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
            .as_secs();
        self.exp.map(|exp| Duration::from_secs(exp.saturating_sub(now)))
    }

    /// Who this is: `entra:<tenant>:<object or application>`.
    pub fn who(&self) -> Option<String> {
        let who = self.oid.as_deref().or(self.appid.as_deref())?;
        Some(format!("entra:{}:{who}", self.tid.as_deref().unwrap_or("?")))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::*;
    use crate::credentials::jwt::LENGTH_LIMIT;

    fn token(payload: &str) -> String {
        format!("x.{}.y", URL_SAFE_NO_PAD.encode(payload))
    }

    #[test]
    fn claims_name_the_identity_and_its_tenant() {
        let claims = Claims::of(&token(
            r#"{"tid":"t-1","oid":"o-1","appid":"a-1","exp":9999999999,"more":[1]}"#,
        ));
        assert_eq!(claims.who().unwrap(), "entra:t-1:o-1");
        assert!(claims.life().unwrap() > Duration::from_secs(1000));
        assert_eq!(Claims::of(&token(r#"{"appid":"a"}"#)).who().unwrap(), "entra:?:a");
        assert_eq!(Claims::of(&token(r#"{"exp":1}"#)).life().unwrap(), Duration::ZERO);
    }

    #[test]
    fn what_is_no_such_token_says_nothing() {
        for text in [
            String::new(),
            "opaque".into(),
            "a.b.c".into(),
            token("[]"),
            token(r#"{"tid":1}"#),
            token(r#"{"tid":"a b","oid":"<script>"}"#),
            format!("x.{}.y", "A".repeat(LENGTH_LIMIT + 1)),
        ] {
            let claims = Claims::of(&text);
            assert_eq!((claims.who(), claims.tid), (None, None));
        }
    }
}
