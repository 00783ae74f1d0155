//! Azure registries by their names: identities found, exchanged, refused and gone without, all in memory.

use std::collections::BTreeMap;
use std::sync::Mutex;

use reqwest::Method;

use super::super::transport::{Body, Request, Response, Transport, TransportError, TransportFailure};
use super::fake::{Fake, FakeHost, Login};
use super::reply::{Reply, reply, respond};
use super::*;
use crate::credentials::Variables;
use crate::credentials::entra::EntraSettings;
use crate::oci::{ErrorKind, Selector};

const HOST: &str = "my-registry.azurecr.us";

/// What Entra and the registry's exchange answer, in front of a fake registry.
struct Azure {
    fake: Fake,
    /// Audiences that the tenant knows.
    audiences: &'static [&'static str],
    /// Audiences whose tokens the registry exchanges.
    exchanged: &'static [&'static str],
    /// Entra answers so before it thinks again.
    broken: Mutex<Option<(u16, usize)>>,
    seen: Mutex<Vec<String>>,
}

impl Azure {
    fn new(anonymous: bool, audiences: &'static [&'static str], exchanged: &'static [&'static str]) -> Arc<Self> {
        let fake = Fake::default().host(
            HOST,
            FakeHost {
                login: Login::Bearer {
                    user: "me",
                    password: "right",
                    identity: "refresh",
                    anonymous,
                    life: 300,
                },
                ..FakeHost::default()
            },
        );
        plant(&fake, HOST, "app", "1", 1, 2, 7);
        Arc::new(Self {
            fake,
            audiences,
            exchanged,
            broken: Mutex::default(),
            seen: Mutex::default(),
        })
    }

    fn count(&self, part: &str) -> usize {
        self.seen
            .lock()
            .unwrap()
            .iter()
            .filter(|seen| seen.contains(part))
            .count()
    }

    fn answer(&self, url: &reqwest::Url, form: &BTreeMap<String, String>) -> Option<Reply> {
        let of = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
        if url.host_str() == Some("login.microsoftonline.us") {
            if let Some((status, left)) = self.broken.lock().unwrap().as_mut()
                && *left > 0
            {
                *left -= 1;
                return Some(reply(*status));
            }
            let audience = of("scope").trim_end_matches("/.default");
            if of("client_secret") != "secret" {
                return Some(reply(401).body(r#"{"error":"invalid_client","error_description":"AADSTS7000215: no"}"#));
            }
            if !self.audiences.contains(&audience) {
                return Some(reply(400).body(r#"{"error":"invalid_resource","error_description":"AADSTS500011: no"}"#));
            }
            return Some(reply(200).body(format!(r#"{{"access_token":"for {audience}","expires_in":3600}}"#)));
        }
        if url.path() == "/oauth2/exchange" {
            let audience = of("access_token").trim_start_matches("for ");
            let good = self.exchanged.contains(&audience) && of("service") == HOST;
            return Some(if good {
                reply(200).body(r#"{"refresh_token":"refresh"}"#)
            } else {
                reply(401).body(r#"{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}"#)
            });
        }
        None
    }
}

/// One transport over both.
struct Over(Arc<Azure>);

#[async_trait::async_trait]
impl Transport for Over {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        self.0
            .seen
            .lock()
            .unwrap()
            .push(format!("{} {}", request.method, request.url));
        if request.url.host_str() == Some("169.254.169.254") {
            return Err(TransportError {
                failure: TransportFailure::Connect,
                detail: "no route to host".into(),
            });
        }
        let form = match &request.body {
            Body::Bytes(bytes) => url::form_urlencoded::parse(bytes).into_owned().collect(),
            Body::Stream { .. } => BTreeMap::new(),
        };
        match self.0.answer(&request.url, &form) {
            Some(answer) => {
                let seen = super::fake::Seen {
                    method: Method::POST,
                    url: request.url,
                    authorization: None,
                    range: None,
                    content_range: None,
                };
                Ok(respond(answer, None, &seen))
            }
            None => self.0.fake.send(request).await,
        }
    }
}

fn registries(azure: &Arc<Azure>, variables: &[(&str, &str)], config: &str) -> (Arc<Registries>, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let path = Utf8PathBuf::from_path_buf(folder.path().join("config.json")).unwrap();
    std::fs::write(&path, config).unwrap();
    let options = RegistryOptions {
        identities: EntraSettings {
            variables: Variables::of(variables.iter().copied()),
            azure_cli: "no-such-azure-cli".to_owned(),
        },
        ..options(LoginFiles::new([path]))
    };
    let transport = Arc::new(Over(Arc::clone(azure)));
    (
        Registries::with_transport(transport, &Network::default(), options),
        folder,
    )
}

async fn resolve(registries: &Registries) -> Result<Descriptor, OciError> {
    registries
        .source(HOST, Auth::Auto, &job())?
        .resolve("app", &Selector::Tag("1".into()))
        .await
}

const PRINCIPAL: [(&str, &str); 3] = [
    ("AZURE_CLIENT_ID", "app"),
    ("AZURE_TENANT_ID", "t"),
    ("AZURE_CLIENT_SECRET", "secret"),
];
const REGISTRY: &str = "https://containerregistry.azure.net";
const ARM: &str = "https://management.usgovcloudapi.net";

#[tokio::test(start_paused = true)]
async fn the_registrys_audience_goes_before_the_clouds_resource_manager() {
    for (audiences, exchanged, tokens, exchanges) in [
        (&[REGISTRY][..], &[REGISTRY][..], 1, 1),
        // The tenant does not know the audience; the registry does not take it.
        (&[ARM], &[ARM], 2, 1),
        (&[REGISTRY, ARM], &[ARM], 2, 2),
    ] {
        let azure = Azure::new(false, audiences, exchanged);
        let (registries, _folder) = registries(&azure, &PRINCIPAL, "{}");
        for _ in 0..3 {
            resolve(&registries).await.unwrap();
        }
        assert_eq!(azure.count("login.microsoftonline.us/t/oauth2/v2.0/token"), tokens);
        assert_eq!(azure.count(&format!("POST https://{HOST}/oauth2/exchange")), exchanges);
        assert_eq!(azure.count("169.254"), 0, "nobody else is asked");
    }
}

#[tokio::test(start_paused = true)]
async fn without_an_identity_a_public_registry_is_read_and_a_private_one_says_what_was_tried() {
    for anonymous in [true, false] {
        let azure = Azure::new(anonymous, &[], &[]);
        let (registries, _folder) = registries(&azure, &[], "{}");
        let found = resolve(&registries).await;
        assert_eq!(azure.count("169.254"), 1, "asked once, and not again");
        if anonymous {
            found.unwrap();
            continue;
        }
        let error = found.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Denied, "it may be absent: {error}");
        let hint = error.hint.unwrap();
        for part in [
            "AZURE_CLIENT_ID is not set",
            "no metadata service",
            "az is not installed",
        ] {
            assert!(hint.contains(part), "{hint}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_identity_that_fails_makes_a_denial_a_bad_login_and_leaves_public_content_alone() {
    let mut wrong = PRINCIPAL;
    wrong[2].1 = "old secret";
    for (variables, exchanged, part) in [
        (wrong, &[REGISTRY][..], "AADSTS7000215"),
        (PRINCIPAL, &[], "does not take"),
    ] {
        for anonymous in [true, false] {
            let azure = Azure::new(anonymous, &[REGISTRY], exchanged);
            let (registries, _folder) = registries(&azure, &variables, "{}");
            let found = resolve(&registries).await;
            if anonymous {
                found.unwrap();
                continue;
            }
            let error = found.unwrap_err();
            assert_eq!(error.kind, ErrorKind::BadCredentials, "{error}");
            assert!(
                error.detail.contains(part) && !error.detail.contains("secret\""),
                "{error}"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_passing_trouble_of_entra_is_waited_out() {
    for status in [429, 503] {
        let azure = Azure::new(false, &[REGISTRY], &[REGISTRY]);
        *azure.broken.lock().unwrap() = Some((status, 3));
        let (registries, _folder) = registries(&azure, &PRINCIPAL, "{}");
        resolve(&registries).await.unwrap();
        assert_eq!(azure.count("login.microsoftonline.us"), 4);
    }
}

#[tokio::test(start_paused = true)]
async fn a_kept_login_goes_first_and_one_that_ran_out_gives_way_to_the_identity() {
    let config = |password: &str| format!(r#"{{"auths":{{"{HOST}":{{"username":"me","password":"{password}"}}}}}}"#);
    for (password, tokens) in [("right", 0), ("of yesterday", 1)] {
        let azure = Azure::new(false, &[REGISTRY], &[REGISTRY]);
        let (registries, _folder) = registries(&azure, &PRINCIPAL, &config(password));
        resolve(&registries).await.unwrap();
        assert_eq!(azure.count("login.microsoftonline.us"), tokens, "{password}");
    }
    // Without an identity it is what it was: a login that is refused, and where it came from.
    let azure = Azure::new(false, &[], &[]);
    let (registries, _folder) = registries(&azure, &[], &config("of yesterday"));
    let error = resolve(&registries).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::BadCredentials);
    assert!(error.detail.contains("config.json"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_refresh_token_is_renewed_before_its_three_hours_are_over() {
    let azure = Azure::new(false, &[REGISTRY], &[REGISTRY]);
    let (registries, _folder) = registries(&azure, &PRINCIPAL, "{}");
    for (hours, exchanges) in [(0, 1), (2, 1), (1, 2)] {
        tokio::time::sleep(std::time::Duration::from_secs(hours * 3600)).await;
        resolve(&registries).await.unwrap();
        assert_eq!(azure.count("/oauth2/exchange"), exchanges);
    }
}

#[test]
fn azure_registries_are_known_by_their_names() {
    use crate::credentials::entra::is_azure_registry;
    for (host, is) in [
        ("a.azurecr.io", true),
        ("A-b-1.AzureCR.io:443", true),
        ("a.azurecr.us", true),
        ("a.azurecr.cn", true),
        ("azurecr.io", false),
        (".azurecr.io", false),
        ("a.azurecr.io.evil.test", false),
        ("a.azurecr.de", false),
        ("evil.test/a.azurecr.io", false),
        ("a.eastus.data.azurecr.io", false),
    ] {
        assert_eq!(is_azure_registry(host), is, "{host}");
    }
}
