//! A certificate as proof of identity: a JWT signed with its key (Microsoft identity platform, "certificate
//! credentials"; RFC 7523).

use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::rand::{SecureRandom as _, SystemRandom};
use aws_lc_rs::signature::{RSA_PSS_SHA256, RsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::json;

use super::super::Secret;

/// Seconds that an assertion is good for.
const LIFE: u64 = 600;
/// Certificates of a chain that are sent along at most.
const CHAIN_LIMIT: usize = 16;

/// A certificate with its key, out of a PEM file. Neither is ever shown.
pub(super) struct Certificate {
    /// DER, the leaf first.
    chain: Vec<Vec<u8>>,
    key: RsaKeyPair,
}

impl Certificate {
    /// Reads a PEM text. The error says, without any of it, what is missing.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let blocks = blocks(text)?;
        let chain: Vec<Vec<u8>> = blocks
            .iter()
            .filter(|(label, _)| *label == "CERTIFICATE")
            .take(CHAIN_LIMIT)
            .map(|(_, der)| der.clone())
            .collect();
        if chain.is_empty() {
            return Err("holds no certificate in PEM form".to_owned());
        }
        let key = blocks.iter().find_map(|(label, der)| match *label {
            "PRIVATE KEY" => Some(RsaKeyPair::from_pkcs8(der)),
            "RSA PRIVATE KEY" => Some(RsaKeyPair::from_der(der)),
            _ => None,
        });
        match key {
            Some(Ok(key)) => Ok(Self { chain, key }),
            Some(Err(_)) => Err("holds a key that is no usable RSA key".to_owned()),
            None if blocks.iter().any(|(label, _)| *label == "ENCRYPTED PRIVATE KEY") => {
                Err("holds an encrypted key, which is not read".to_owned())
            }
            None => Err("holds no RSA private key in PEM form".to_owned()),
        }
    }

    /// A signed assertion that this application is who it says, for one token endpoint.
    pub(super) fn assertion(&self, application: &str, audience: &str, send_chain: bool) -> Result<Secret, String> {
        let random = SystemRandom::new();
        let mut id = [0; 16];
        random.fill(&mut id).map_err(|_| "no random numbers are to be had")?;
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
            .as_secs();
        let leaf = self.chain.first().map(Vec::as_slice).unwrap_or_default();
        let thumbprint = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, leaf);
        let mut header = json!({
            "alg": "PS256",
            "typ": "JWT",
            "x5t#S256": URL_SAFE_NO_PAD.encode(thumbprint),
        });
        if send_chain && let Some(header) = header.as_object_mut() {
            let chain: Vec<String> = self.chain.iter().map(|der| STANDARD.encode(der)).collect();
            header.insert("x5c".to_owned(), chain.into());
        }
        let claims = json!({
            "aud": audience,
            "iss": application,
            "sub": application,
            "jti": URL_SAFE_NO_PAD.encode(id),
            "iat": now,
            // Clocks differ.
            "nbf": now.saturating_sub(60),
            "exp": now + LIFE,
        });
        let signed = format!(
            "{}.{}",
            URL_SAFE_NO_PAD.encode(header.to_string()),
            URL_SAFE_NO_PAD.encode(claims.to_string())
        );
        let mut signature = vec![0; self.key.public_modulus_len()];
        self.key
            .sign(&RSA_PSS_SHA256, &random, signed.as_bytes(), &mut signature)
            .map_err(|_| "the certificate's key cannot sign")?;
        Ok(Secret::new(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))))
    }
}

/// The blocks of a PEM text (RFC 7468), with their labels.
fn blocks(text: &str) -> Result<Vec<(&str, Vec<u8>)>, String> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some((_, after)) = rest.split_once("-----BEGIN ") {
        let broken = || "is no PEM file: a block does not end".to_owned();
        let (label, after) = after.split_once("-----").ok_or_else(broken)?;
        let (body, after) = after.split_once(&format!("-----END {label}-----")).ok_or_else(broken)?;
        // Older keys have headers in the block, encrypted ones among them: these are not base64.
        let body: String = body.split_whitespace().collect();
        if let Ok(der) = STANDARD.decode(body) {
            found.push((label, der));
        }
        rest = after;
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

    use aws_lc_rs::rsa::KeySize;
    use aws_lc_rs::signature::{KeyPair as _, RSA_PSS_2048_8192_SHA256, UnparsedPublicKey};

    use super::*;

    fn pem(label: &str, der: &[u8]) -> String {
        format!(
            "-----BEGIN {label}-----\n{}\n-----END {label}-----\n",
            STANDARD.encode(der)
        )
    }

    #[test]
    fn an_assertion_is_signed_by_the_certificates_key_and_names_the_certificate() {
        let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
        let der = aws_lc_rs::encoding::AsDer::<aws_lc_rs::encoding::Pkcs8V1Der<'_>>::as_der(&pair).unwrap();
        let text = pem("CERTIFICATE", b"leaf") + &pem("PRIVATE KEY", der.as_ref()) + &pem("CERTIFICATE", b"issuer");
        let certificate = Certificate::parse(&text).unwrap();
        for send_chain in [false, true] {
            let token = certificate
                .assertion("app", "https://login.test/t", send_chain)
                .unwrap();
            let parts: Vec<&str> = token.expose().split('.').collect();
            let decoded = |at: usize| URL_SAFE_NO_PAD.decode(parts[at]).unwrap();
            let header: serde_json::Value = serde_json::from_slice(&decoded(0)).unwrap();
            assert_eq!(header["alg"], "PS256");
            let thumbprint = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, b"leaf");
            assert_eq!(header["x5t#S256"], URL_SAFE_NO_PAD.encode(thumbprint));
            assert_eq!(header["x5c"].as_array().map(Vec::len), send_chain.then_some(2));
            let claims: serde_json::Value = serde_json::from_slice(&decoded(1)).unwrap();
            assert_eq!((&claims["iss"], &claims["sub"]), (&"app".into(), &"app".into()));
            assert_eq!(claims["aud"], "https://login.test/t");
            assert!(claims["exp"].as_u64() > claims["nbf"].as_u64());
            UnparsedPublicKey::new(&RSA_PSS_2048_8192_SHA256, pair.public_key().as_ref())
                .verify(format!("{}.{}", parts[0], parts[1]).as_bytes(), &decoded(2))
                .unwrap();
        }
    }

    #[test]
    fn what_cannot_be_used_says_why_and_nothing_of_itself() {
        let certificate = pem("CERTIFICATE", b"leaf");
        for (text, why) in [
            (String::new(), "no certificate"),
            ("\u{30}\u{82} a pfx".to_owned(), "no certificate"),
            (certificate.clone(), "no RSA private key"),
            (certificate.clone() + &pem("PRIVATE KEY", b"hush"), "no usable RSA key"),
            (
                certificate.clone() + &pem("EC PRIVATE KEY", b"hush"),
                "no RSA private key",
            ),
            (
                certificate.clone() + &pem("ENCRYPTED PRIVATE KEY", b"hush"),
                "encrypted",
            ),
            ("-----BEGIN CERTIFICATE-----\nAA".to_owned(), "does not end"),
            ("-----BEGIN ".to_owned(), "does not end"),
        ] {
            let error = Certificate::parse(&text).err().unwrap();
            assert!(error.contains(why) && !error.contains("aHVzaA"), "{error}");
        }
    }
}
