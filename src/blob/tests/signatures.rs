//! Signatures: what is told of a bad one, how one is renewed, and that none is ever shown.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::service::{Fault, Rule};
use super::*;
use crate::blob::{BlobError, BlobErrorKind, Condition, Right, SasSource, SasUrl};

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

fn assert_clean(error: &BlobError) {
    let all = format!("{error} {error:?} {error:#?}");
    assert!(!all.contains("s3cret"), "{all}");
}

#[test]
fn container_urls_of_all_kinds_are_read() {
    for (text, label) in [
        (URL, "disks.blob.core.windows.net/c"),
        (
            "https://d.blob.core.windows.net/c/?sv=1&sr=c&sp=r&se=2100-01-01T00:00Z&sig=s3cret",
            "d.blob.core.windows.net/c",
        ),
        (
            "  https://d.blob.core.windows.net/c?sv=1&ss=bf&srt=sco&sp=r&se=2100-01-01&sig=s3cret\n",
            "d.blob.core.windows.net/c",
        ),
        (
            "https://d.blob.core.windows.net/c?sv=1&sr=c&si=policy&sig=s3cret",
            "d.blob.core.windows.net/c",
        ),
        (
            "http://127.0.0.1:10000/devstoreaccount1/c?sv=1&sr=c&se=2100-01-01&sig=s3cret",
            "127.0.0.1:10000/devstoreaccount1/c",
        ),
        (
            "https://disks.example.com/c?sv=1&sr=c&se=2100-01-01&sig=s3cret",
            "disks.example.com/c",
        ),
        (
            "https://d.blob.core.usgovcloudapi.net/c?sv=1&sr=c&se=2100-01-01&sig=s3cret",
            "d.blob.core.usgovcloudapi.net/c",
        ),
    ] {
        let access = ContainerAccess::parse(text, "X").unwrap();
        assert_eq!((access.label().as_str(), access.container()), (label, "c"), "{text}");
        assert!(!access.url.place.as_str().contains("s3cret") && !format!("{access:?}").contains("s3cret"));
    }
}

#[test]
fn what_is_no_container_url_is_told_without_repeating_it() {
    for (text, words) in [
        ("", "is empty"),
        ("s3cret", "is no URL"),
        ("?sv=1&sig=s3cret", "a signature alone"),
        ("sv=1&sig=s3cret", "a signature alone"),
        ("\"https://d/c?sig=s3cret\"", "stands in quotes"),
        ("https://d/c?sv=1& sig=s3cret", "white space"),
        ("https://d/c?sv=1&amp;sig=s3cret", "&amp;"),
        ("ftp://d/c?sig=s3cret", "not the URL of a web server"),
        ("https://me:s3cret@d/c?sig=s3cret", "holds a login"),
        ("https://d/c?sv=1#s3cret", "holds a `#`"),
        ("https://d.x/s3cret", "holds no signature"),
        ("https://d.x/c?sv=1&sr=c&se=2100-01-01&sig=", "`sig` is missing"),
        ("https://d.x/c?sr=c&se=2100-01-01&sig=s3cret", "`sv` is missing"),
        ("https://d.x/c?sv=1&sr=c&sig=s3cret", "`se`, its end, is missing"),
        ("https://d.x/c?sv=1&sr=c&se=2100&sig=s3cret", "is no time"),
        ("https://d.x/c/b?sv=1&sr=b&se=2100-01-01&sig=s3cret", "single blob"),
        ("https://d.x/c?sv=1&sr=d&se=2100-01-01&sig=s3cret", "single folder"),
        ("https://d.x/c?sv=1&se=2100-01-01&sig=s3cret", "`sr` is missing"),
        (
            "https://d.x/c?sv=1&ss=q&srt=o&se=2100-01-01&sig=s3cret",
            "not for blobs",
        ),
        (
            "https://d.x/c?sv=1&ss=b&srt=c&se=2100-01-01&sig=s3cret",
            "`srt` without `o`",
        ),
        ("https://d.x/?sv=1&sr=c&se=2100-01-01&sig=s3cret", "names no container"),
        (
            "https://d.x/c/d?sv=1&sr=c&se=2100-01-01&sig=s3cret",
            "within a container",
        ),
        (
            "http://127.0.0.1:1/c?sv=1&sr=c&se=2100-01-01&sig=s3cret",
            "names no container",
        ),
    ] {
        let error = ContainerAccess::parse(text, "the variable X").unwrap_err();
        assert!(error.detail.contains(words), "{text}: {error}");
        assert!(
            error.to_string().contains("the variable X") && error.hint.is_some(),
            "{error}"
        );
        assert_clean(&error);
    }
}

#[test]
fn time_and_rights_are_checked_before_anything_is_asked() {
    let access = |query: &str| {
        ContainerAccess::parse(&format!("https://d.x/c?sv=1&sr=c&sig=s3cret&{query}"), "the variable X").unwrap()
    };
    let now = at(1_900_000_000);
    for (query, needed, words) in [
        (
            "se=2100-01-01&sp=rcw",
            &[Right::Read, Right::Create, Right::Write][..],
            None,
        ),
        ("se=2100-01-01&sp=rw", &[Right::Create], None),
        ("si=policy", &[Right::Delete], None),
        ("se=2100-01-01", &[Right::Delete], None),
        (
            "se=2030-03-17T17:46:40Z&sp=r",
            &[Right::Read],
            Some("expired at 2030-03-17T17:46:40Z; this machine's clock says 2030-03-17T17:46:40Z"),
        ),
        (
            "se=2100-01-01&st=2030-03-18&sp=r",
            &[Right::Read],
            Some("is good from 2030-03-18T00:00:00Z only"),
        ),
        (
            "se=2100-01-01&sp=r",
            &[Right::Write],
            Some("the right w (write) is needed and the signature grants only r"),
        ),
        (
            "se=2100-01-01&sp=rl",
            &[Right::Create, Right::Write, Right::Read],
            Some("the rights c (create), w (write) are needed and the signature grants only r, l"),
        ),
    ] {
        let checked = access(query).check(needed, now);
        match (checked, words) {
            (Ok(()), None) => {}
            (Err(error), Some(words)) => {
                assert!(error.detail.contains(words), "{query}: {error}");
                assert_eq!(error.hint.as_deref(), Some("put a new signature into the variable X"));
                assert_clean(&error);
            }
            (checked, _) => panic!("{query}: {checked:?}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_403_says_which_of_its_reasons_it_is() {
    for (url, code, words) in [
        (
            URL.replace("sp=rcwd", "sp=cw"),
            "AuthorizationPermissionMismatch",
            "the right r (read) is needed and the signature grants only c, w",
        ),
        (
            URL.replace("2100", "2001"),
            "AuthenticationFailed",
            "the signature expired at 2001-01-01T00:00:00Z",
        ),
        (
            URL.replace("sp=rcwd&", "st=2099-01-01&sp=r&"),
            "AuthorizationFailure",
            "is good from 2099-01-01",
        ),
        (
            URL.into(),
            "AuthenticationFailed",
            "the signature is refused: 403 AuthenticationFailed",
        ),
        (
            URL.into(),
            "AuthorizationFailure",
            "the signature is refused: 403 AuthorizationFailure",
        ),
        (
            format!("{URL}&sip=10.0.0.1"),
            "AuthorizationSourceIPMismatch",
            "(it is for 10.0.0.1)",
        ),
        (URL.into(), "AuthorizationProtocolMismatch", "for https only"),
        (
            URL.into(),
            "AuthorizationPermissionMismatch",
            "a right is missing, r (read) is needed",
        ),
        (URL.into(), "", "the signature is refused: 403"),
    ] {
        let fake = Fake::with_containers(&["c"]);
        fake.service()
            .rules
            .push(Rule::next("HEAD", Fault::Refuse(403, code.into(), None)));
        let error = container(&fake, &url)
            .blob("a.vhd")
            .properties(&job())
            .await
            .unwrap_err();
        assert_eq!(error.kind, BlobErrorKind::Denied, "{error}");
        assert!(error.detail.contains(words), "{code}: {error}");
        assert!(error.hint.is_some(), "{error}");
        assert_clean(&error);
        assert_eq!(fake.service().log.len(), 1, "a refusal is not tried again");
    }
}

/// Hands out `first` until it is rejected, then `second`.
struct Renewing {
    used: AtomicU64,
    asked: AtomicU64,
}

#[async_trait::async_trait]
impl SasSource for Renewing {
    async fn get(&self) -> Result<ContainerAccess, BlobError> {
        let generation = self.used.load(Ordering::SeqCst);
        let mut access =
            ContainerAccess::parse(&URL.replace("s3cret%2Fs3cret%3D", &format!("s3cret{generation}")), "x")?;
        access.generation = generation;
        Ok(access)
    }

    async fn rejected(&self, generation: u64) -> bool {
        self.asked.fetch_add(1, Ordering::SeqCst);
        if generation == self.used.load(Ordering::SeqCst) && generation < 1 {
            self.used.store(generation + 1, Ordering::SeqCst);
        }
        self.used.load(Ordering::SeqCst) > generation
    }

    fn label(&self) -> String {
        "d/c".into()
    }
}

#[tokio::test(start_paused = true)]
async fn a_source_that_has_another_signature_is_asked_for_it_once() {
    let fake = Fake::with_containers(&["c"]);
    fake.service().refused.insert("s3cret0".into());
    let source = Arc::new(Renewing {
        used: AtomicU64::new(0),
        asked: AtomicU64::new(0),
    });
    let container = containers(&fake).open(source.clone());
    container
        .blob("a")
        .create(512, &metadata(&[]), &Condition::none(), &job())
        .await
        .unwrap();
    assert_eq!((fake.service().log.len(), source.asked.load(Ordering::SeqCst)), (2, 1));
    fake.service().refused.insert("s3cret1".into());
    let error = container.blob("a").properties(&job()).await.unwrap_err();
    assert_eq!(error.kind, BlobErrorKind::Denied);
    assert_clean(&error);
    assert_eq!((fake.service().log.len(), source.asked.load(Ordering::SeqCst)), (3, 2));
}

#[tokio::test(start_paused = true)]
async fn plain_http_is_refused_before_the_signature_leaves() {
    let fake = Fake::with_containers(&["c"]);
    let url = URL.replace("https://", "http://");
    let error = container(&fake, &url).blob("a").properties(&job()).await.unwrap_err();
    assert_eq!(error.kind, BlobErrorKind::Refused);
    assert!(
        error.detail.contains("without TLS") && error.hint.as_ref().unwrap().contains("plain-http"),
        "{error}"
    );
    assert_eq!(fake.service().log, []);
}

#[tokio::test(start_paused = true)]
async fn what_a_service_repeats_of_a_signature_is_blanked() {
    let (fake, blob) = blob();
    for words in [SIGNATURE, "s3cret%2Fs3cret%3D", "https://d/c?a=b&sig=s3cret"] {
        // A service that repeats the signature where a code belongs.
        fake.service()
            .rules
            .push(Rule::next("HEAD", Fault::Refuse(400, words.into(), None)));
        let error = blob.properties(&job()).await.unwrap_err();
        assert_clean(&error);
        assert!(error.detail.contains("(signature)"), "{error}");
    }
    let source = SasUrl::parse("https://x.y/s?sig=s3cret", "x").unwrap();
    assert!(!format!("{source:?}").contains("s3cret"));
}
