//! Credentials from outside: clients by principal, logins that a server does not know yet, mounts by what a login opens.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use super::fake::{Fake, FakeHost, Fault, Login};
use super::*;
use crate::credentials::{Credential, CredentialError, CredentialSource, Obtained, Secret, Wanted};
use crate::oci::registry::Client;
use crate::oci::{ErrorKind, Selector};

const HOST: &str = "registry.test";

/// A login that was made just now: shown again after a wait when it is refused, for a minute.
struct Young {
    principal: &'static str,
    made: Instant,
    settles: bool,
    opens: Option<&'static [&'static str]>,
    state: Mutex<(u64, bool)>,
    accepted: AtomicU32,
}

impl Young {
    fn new(principal: &'static str) -> Self {
        Self {
            principal,
            made: Instant::now(),
            settles: true,
            opens: None,
            state: Mutex::new((1, false)),
            accepted: AtomicU32::new(0),
        }
    }
}

#[async_trait::async_trait]
impl CredentialSource for Young {
    fn principal(&self) -> String {
        self.principal.to_owned()
    }

    async fn get(&self, _wanted: &Wanted<'_>) -> Result<Obtained, CredentialError> {
        if self.state.lock().unwrap().1 {
            if self.made.elapsed() > Duration::from_secs(60) || !self.settles {
                return Err(CredentialError {
                    detail: "given up".into(),
                    hint: None,
                });
            }
            tokio::time::sleep(Duration::from_secs(5)).await;
            let mut state = self.state.lock().unwrap();
            *state = (state.0 + 1, false);
        }
        Ok(Obtained {
            credential: Credential::Basic {
                username: "me".into(),
                password: Secret::new("right"),
            },
            generation: self.state.lock().unwrap().0,
            from: "manifest".into(),
        })
    }

    fn rejected(&self, generation: u64) {
        let mut state = self.state.lock().unwrap();
        state.1 |= state.0 == generation;
    }

    fn accepted(&self, _generation: u64) {
        self.accepted.fetch_add(1, Ordering::Relaxed);
    }

    fn is_settling(&self) -> bool {
        self.settles
    }

    fn opens(&self, repository: &str) -> Option<bool> {
        self.opens.map(|opened| opened.contains(&repository))
    }

    fn remedy(&self) -> String {
        "see what is granted".into()
    }
}

fn bearer() -> Login {
    Login::Bearer {
        user: "me",
        password: "right",
        identity: "identity",
        anonymous: false,
        life: 300,
    }
}

fn host(login: Login) -> Fake {
    let fake = Fake::default().host(
        HOST,
        FakeHost {
            login,
            ..FakeHost::default()
        },
    );
    plant(&fake, HOST, "app", "1", 1, 2, 7);
    fake
}

async fn resolve(client: &Arc<Client>) -> Result<Descriptor, OciError> {
    crate::oci::registry::RegistrySource::new(Arc::clone(client), HOST, job())
        .resolve("app", &Selector::Tag("1".into()))
        .await
}

/// Everything that shows a login is refused for so many seconds.
fn not_known_for(fake: &Fake, seconds: u64, part: &'static str) {
    let start = Instant::now();
    fake.order(move |seen, _| {
        let early = start.elapsed() < Duration::from_secs(seconds) && seen.authorization.is_some();
        let scheme = match part {
            "/token" => Vec::new(),
            "basic" => vec![("www-authenticate", "Basic realm=\"fake\"".to_owned())],
            _ => vec![(
                "www-authenticate",
                format!("Bearer realm=\"https://auth.{HOST}/token\",scope=\"repository:app:pull\""),
            )],
        };
        let here = (part == "/token") == (seen.url.path() == "/token");
        (early && here).then_some(Fault::Status(401, scheme, ""))
    });
}

#[tokio::test(start_paused = true)]
async fn a_login_that_was_made_just_now_is_waited_for_wherever_it_is_refused() {
    for (login, part) in [
        (bearer(), "/token"),
        (bearer(), "/v2/"),
        (Login::Basic("me", "right"), "basic"),
    ] {
        let fake = host(login);
        not_known_for(&fake, 42, part);
        let source = Arc::new(Young::new("m"));
        let client = registries(&fake)
            .client_with(HOST, Arc::clone(&source) as _, false)
            .unwrap();
        resolve(&client).await.unwrap_or_else(|error| panic!("{part}: {error}"));
        let shown = fake.seen().iter().filter(|seen| seen.authorization.is_some()).count();
        assert!((9..=24).contains(&shown), "{part}: {shown}");
        assert_eq!(source.accepted.load(Ordering::Relaxed), 1, "{part}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_login_that_is_never_taken_is_given_up_with_the_last_answer() {
    for (login, part) in [
        (bearer(), "/token"),
        (bearer(), "/v2/"),
        (Login::Basic("me", "right"), "basic"),
    ] {
        let fake = host(login);
        not_known_for(&fake, u64::MAX, part);
        let client = registries(&fake)
            .client_with(HOST, Arc::new(Young::new("m")), false)
            .unwrap();
        let error = resolve(&client).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::BadCredentials, "{part}: {error}");
        assert!(
            error.detail.contains("given up; the last answer was:"),
            "{part}: {error}"
        );
        let sent = fake.seen().len();
        assert!(sent < 40, "{part}: {sent}");
        assert!(resolve(&client).await.is_err());
        assert!(fake.seen().len() <= sent + 1, "{part}: not begun again");
    }
}

#[tokio::test(start_paused = true)]
async fn an_old_login_is_not_waited_for() {
    let fake = host(bearer());
    not_known_for(&fake, 1, "/token");
    let source = Young {
        settles: false,
        ..Young::new("m")
    };
    let client = registries(&fake).client_with(HOST, Arc::new(source), false).unwrap();
    let error = resolve(&client).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::BadCredentials, "{error}");
    assert_eq!(fake.count("auth.registry.test", ""), 1);
}

#[tokio::test(start_paused = true)]
async fn a_repository_that_is_denied_for_good_does_not_wait_for_ever_because_others_are_let_in() {
    let fake = host(bearer());
    fake.with(HOST, |host| host.denied.insert("other".into()));
    let registries = registries(&fake);
    let client = registries.client_with(HOST, Arc::new(Young::new("m")), false).unwrap();
    let denied = crate::oci::registry::RegistrySource::new(Arc::clone(&client), HOST, job());
    let tag = Selector::Tag("1".into());
    let (denied, _) = tokio::join!(denied.resolve("other", &tag), async {
        for _ in 0..30 {
            resolve(&client).await.unwrap();
            tokio::time::sleep(Duration::from_secs(2)).await;
        }
    });
    assert!(denied.is_err());
    assert!(fake.seen().len() < 200, "{}", fake.seen().len());
}

#[tokio::test(start_paused = true)]
async fn clients_are_told_apart_by_principal_and_share_the_hosts_permits() {
    let registries = registries(&host(Login::Open));
    let of = |principal| {
        registries
            .client_with(HOST, Arc::new(Young::new(principal)), false)
            .unwrap()
    };
    let (a, again, b) = (of("a"), of("a"), of("b"));
    assert!(Arc::ptr_eq(&a, &again) && !Arc::ptr_eq(&a, &b));
    assert!(Arc::ptr_eq(&a.gate, &b.gate));
    assert!(!Arc::ptr_eq(&a.placements, &b.placements));
    let own = registries.client(HOST, Auth::Auto).unwrap();
    assert!(Arc::ptr_eq(&a.gate, &own.gate) && !Arc::ptr_eq(&a, &own));
}

#[tokio::test]
async fn only_this_machine_is_believed_to_have_no_tls() {
    let registries = registries(&Fake::default());
    for (host, plain, origin) in [
        ("registry.test", false, "https://registry.test"),
        ("registry.test", true, "https://registry.test"),
        ("127.0.0.1:5000", true, "http://127.0.0.1:5000"),
        ("127.0.0.1:5000", false, "https://127.0.0.1:5000"),
    ] {
        let client = registries.client_with(host, Arc::new(Young::new("m")), plain).unwrap();
        assert_eq!(client.host.origin(), origin, "{plain}");
    }
}

#[tokio::test(start_paused = true)]
async fn another_logins_content_is_mounted_where_the_grant_opens_its_repository_and_only_there() {
    for (opens, mounts) in [
        (Some(&["app", "to"][..]), true),
        (Some(&["to"][..]), false),
        (None, false),
    ] {
        let fake = host(bearer());
        let (registries, _folder) = registries_with(
            &fake,
            &format!(r#"{{"auths":{{"{HOST}":{{"username":"me","password":"right"}}}}}}"#),
        );
        let source = Young {
            opens,
            ..Young::new("m")
        };
        let client = registries.client_with(HOST, Arc::new(source), false).unwrap();
        let store = RegistryStore::with_client("images", client, "", CopyOptions::default());
        let (job, from) = (job(), registries.source(HOST, Auth::Auto, &job()).unwrap());
        let root = from.resolve("app", &Selector::Tag("1".into())).await.unwrap();
        let filled = store
            .fill(&name("to", "1"), &root, from.content("app"), &Guard::Create, &job)
            .await
            .unwrap();
        assert_eq!(filled.bytes_mounted > 0, mounts, "{opens:?}");
        let asked = fake
            .seen()
            .iter()
            .filter(|seen| seen.url.as_str().contains("from=app"))
            .count();
        assert_eq!(asked > 0, mounts, "{opens:?}");
        fake.verify(HOST, "to", "1").unwrap();
    }
}
