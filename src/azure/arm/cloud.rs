//! Where Resource Manager is: by cloud, or at an endpoint that somebody names.

use reqwest::Url;

use crate::credentials::entra::Cloud;
use crate::fault::{Fault, Kind};
use crate::oci::registry::is_loopback;

/// A cloud by the names that people and the Azure CLI use.
pub fn cloud_named(text: &str) -> Result<Cloud, String> {
    match text.to_ascii_lowercase().replace(['-', '_', ' '], "").as_str() {
        "public" | "azurecloud" | "azurepublic" => Ok(Cloud::Public),
        "usgovernment" | "azureusgovernment" | "usgov" => Ok(Cloud::UsGovernment),
        "china" | "azurechinacloud" | "azurechina" => Ok(Cloud::China),
        _ => Err(format!(
            "{text:?} is no cloud that is known: use public, us-government or china"
        )),
    }
}

/// The address of Resource Manager: `given`, else the cloud's own. It ends with a slash.
///
/// What is given must have TLS, as a bearer token goes there with each request; on loopback it need not.
pub fn endpoint_of(cloud: Cloud, given: Option<&str>) -> Result<Url, Fault> {
    let text = match (given, cloud) {
        (Some(given), _) => given,
        (None, Cloud::Public) => "https://management.azure.com/",
        (None, Cloud::UsGovernment) => "https://management.usgovcloudapi.net/",
        (None, Cloud::China) => "https://management.chinacloudapi.cn/",
    };
    endpoint_named("AOSM_ARM_ENDPOINT", text)
}

/// An address of Resource Manager that somebody gave, by the same rules; `what` says where, in messages.
pub fn endpoint_named(what: &str, text: &str) -> Result<Url, Fault> {
    let text = text.trim();
    let wrong = |why: &str| {
        // Something in it may be a secret: only what is certainly none is shown.
        let shown = text.split(['?', '#']).next().unwrap_or_default();
        let shown = shown.rsplit_once('@').map_or(shown, |(_, host)| host);
        Fault::new(Kind::Invalid, format!("{what} {shown}: {why}"))
            .hint("give the address of Resource Manager alone: https://management.azure.com")
    };
    let mut url = Url::parse(text).map_err(|error| wrong(&format!("is no URL: {error}")))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong("holds a login, which Resource Manager does not take"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(wrong("has more than scheme, host and path"));
    }
    let host = url.host_str().unwrap_or_default();
    match url.scheme() {
        "https" if !host.is_empty() => {}
        "http" if is_loopback(host) => {}
        "http" => return Err(wrong("has no TLS: a bearer token would be sent there for all to read")),
        _ => return Err(wrong("is no https address")),
    }
    if !url.path().ends_with('/') {
        url.set_path(&format!("{}/", url.path()));
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests may fail loudly")]

    use super::*;

    #[test]
    fn each_cloud_has_its_own_endpoint_and_several_names() {
        for (names, host) in [
            (&["public", "AzureCloud"][..], "management.azure.com"),
            (&["us-government", "AzureUSGovernment"], "management.usgovcloudapi.net"),
            (&["china", "AzureChinaCloud"], "management.chinacloudapi.cn"),
        ] {
            for name in names {
                let url = endpoint_of(cloud_named(name).unwrap(), None).unwrap();
                assert_eq!(url.host_str(), Some(host), "{name}");
            }
        }
        assert!(cloud_named("germany").unwrap_err().contains("us-government"));
    }

    #[test]
    fn an_endpoint_has_tls_or_is_on_this_machine_and_holds_nothing_else() {
        for (given, url) in [
            ("https://management.local", "https://management.local/"),
            (" https://management.local/arm ", "https://management.local/arm/"),
            ("http://127.0.0.1:5000", "http://127.0.0.1:5000/"),
            ("http://localhost", "http://localhost/"),
        ] {
            assert_eq!(endpoint_of(Cloud::Public, Some(given)).unwrap().as_str(), url);
        }
        for (given, why) in [
            ("http://management.azure.com", "no TLS"),
            ("http://127.0.0.1.evil.test", "no TLS"),
            ("ftp://management.azure.com", "no https address"),
            ("management.azure.com", "no URL"),
            ("https://me:hush@management.azure.com", "a login"),
            ("https://management.azure.com?sig=hush", "more than"),
            ("", "no URL"),
        ] {
            let fault = endpoint_of(Cloud::Public, Some(given)).unwrap_err();
            assert!(fault.message().contains(why), "{given}: {fault}");
            assert!(!fault.to_string().contains("hush"), "{fault}");
            assert_eq!(fault.kind(), Kind::Invalid);
        }
    }
}
