#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::sync::Mutex;

use bytes::Bytes;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::event::Silent;
use crate::oci::manifest::{OCI_INDEX, OCI_MANIFEST};
use crate::oci::{ByteStream, Moved, Origin};

/// A repository in memory that knows who refers to what, and writes down what it was asked.
struct Repo {
    origin: Origin,
    held: BTreeMap<Digest, Bytes>,
    referrers: BTreeMap<Digest, Vec<Descriptor>>,
    tags: BTreeMap<String, Descriptor>,
    refuses: Option<ErrorKind>,
    asked: Mutex<Vec<String>>,
}

impl Repo {
    fn new() -> Self {
        Self {
            origin: Origin {
                label: "a.test/x".into(),
                mount: None,
            },
            held: BTreeMap::new(),
            referrers: BTreeMap::new(),
            tags: BTreeMap::new(),
            refuses: None,
            asked: Mutex::default(),
        }
    }

    fn put(&mut self, media_type: &str, text: &str) -> Descriptor {
        let descriptor = Descriptor::of(media_type, text.as_bytes());
        self.held
            .insert(descriptor.digest.clone(), Bytes::from(text.to_owned()));
        descriptor
    }

    fn image(&mut self, seed: &str) -> Descriptor {
        let blob = self.put("text/plain", seed);
        let blob = serde_json::to_string(&blob).unwrap();
        self.put(
            OCI_MANIFEST,
            &format!(r#"{{"schemaVersion":2,"config":{blob},"layers":[{blob}]}}"#),
        )
    }

    fn index(&mut self, children: &[&Descriptor]) -> Descriptor {
        let list = serde_json::to_string(children).unwrap();
        self.put(OCI_INDEX, &format!(r#"{{"schemaVersion":2,"manifests":{list}}}"#))
    }

    fn refer(&mut self, subject: &Descriptor, kind: &str, seed: &str) -> Descriptor {
        let mut referrer = self.image(seed);
        referrer.other.insert("artifactType".into(), kind.into());
        self.referrers
            .entry(subject.digest.clone())
            .or_default()
            .push(referrer.clone());
        referrer
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

#[async_trait::async_trait]
impl Content for Repo {
    fn origin(&self) -> &Origin {
        &self.origin
    }

    async fn manifest(&self, descriptor: &Descriptor) -> Result<Bytes, OciError> {
        let held = self.held.get(&descriptor.digest).cloned();
        held.ok_or_else(|| OciError::new(ErrorKind::Absent, "read manifest", "x", "gone"))
    }

    async fn blob(&self, descriptor: &Descriptor, _offset: u64) -> Result<ByteStream, OciError> {
        let bytes = self.manifest(descriptor).await?;
        Ok(stream::iter([Ok(bytes)]).boxed())
    }

    async fn referrers(&self, subject: &Digest) -> Result<Vec<Descriptor>, OciError> {
        self.asked
            .lock()
            .unwrap()
            .push(format!("referrers {}", subject.short()));
        if let Some(kind) = self.refuses {
            return Err(OciError::new(kind, "list referrers", "a.test/x", "refused"));
        }
        Ok(self.referrers.get(subject).cloned().unwrap_or_default())
    }
}

struct Tags(Arc<Repo>, bool);

#[async_trait::async_trait]
impl TagLookup for Tags {
    async fn tag(&self, tag: &str, _job: &Job) -> Result<Descriptor, OciError> {
        self.0.asked.lock().unwrap().push(format!("tag {}", tag.len()));
        let held = self.0.tags.get(tag).cloned();
        held.ok_or_else(|| OciError::new(ErrorKind::Absent, "find", tag, "gone"))
    }

    async fn all(&self, _job: &Job) -> Result<Option<Vec<String>>, OciError> {
        self.0.asked.lock().unwrap().push("all tags".to_owned());
        Ok(self.1.then(|| self.0.tags.keys().cloned().collect()))
    }
}

fn job() -> Job {
    Job::new("test", Arc::new(Silent), CancellationToken::new())
}

async fn found(
    repo: Repo,
    root: &Descriptor,
    selection: Selection,
) -> Result<(Vec<ReferrerFound>, Vec<String>), OciError> {
    let repo = Arc::new(repo);
    let content: Arc<dyn Content> = Arc::clone(&repo) as Arc<dyn Content>;
    let tags = Tags(Arc::clone(&repo), true);
    let found = find_referrers(&content, Some(&tags), root, &selection, &job()).await?;
    Ok((found, repo.asked()))
}

#[tokio::test]
async fn referrers_of_children_and_of_referrers_are_found_nearest_first() {
    let mut repo = Repo::new();
    let (a, b) = (repo.image("a"), repo.image("b"));
    let root = repo.index(&[&a, &b]);
    let signed = repo.refer(&root, "signature/example", "s");
    let sbom = repo.refer(&a, "sbom/example", "sbom");
    let deep = repo.refer(&sbom, "signature/example", "signature of the sbom");
    let (found, _) = found(repo, &root, Selection::All).await.unwrap();
    let digests: HashSet<&Digest> = found.iter().map(|one| &one.descriptor.digest).collect();
    assert_eq!(digests, HashSet::from([&signed.digest, &sbom.digest, &deep.digest]));
    assert_eq!(
        found.last().map(|one| (&one.subject, &one.descriptor.digest)),
        Some((&sbom.digest, &deep.digest))
    );
}

#[tokio::test]
async fn a_selection_of_types_holds_on_every_level_and_none_asks_nothing() {
    let mut repo = Repo::new();
    let root = repo.image("root");
    let sbom = repo.refer(&root, "sbom/example", "sbom");
    repo.refer(&root, "signature/example", "s");
    repo.refer(&sbom, "signature/example", "deep");
    let only = Selection::Types(vec!["sbom/example".into()]);
    let (taken, asked) = found(repo, &root, only).await.unwrap();
    assert_eq!(taken.len(), 1);
    assert_eq!(
        asked.iter().filter(|ask| ask.starts_with("referrers")).count(),
        2,
        "{asked:?}"
    );

    let mut repo = Repo::new();
    let root = repo.image("root");
    repo.refer(&root, "x", "s");
    let (taken, asked) = found(repo, &root, Selection::None).await.unwrap();
    assert!(taken.is_empty() && asked.is_empty(), "{asked:?}");
}

#[tokio::test]
async fn a_circle_of_referrers_ends() {
    let mut repo = Repo::new();
    let root = repo.image("root");
    let one = repo.refer(&root, "x", "one");
    let two = repo.refer(&one, "x", "two");
    // No honest digest can do this; a hostile list of referrers can.
    repo.referrers.entry(two.digest.clone()).or_default().push(one.clone());
    repo.referrers.entry(two.digest.clone()).or_default().push(root.clone());
    let (all, asked) = found(repo, &root, Selection::All).await.unwrap();
    assert_eq!(all.len(), 4);
    assert_eq!(
        asked.iter().filter(|ask| ask.starts_with("referrers")).count(),
        3,
        "{asked:?}"
    );
}

#[tokio::test]
async fn referrers_that_go_too_deep_are_refused() {
    let mut repo = Repo::new();
    let root = repo.image("root");
    let mut last = root.clone();
    for n in 0..REFERRERS_DEPTH {
        last = repo.refer(&last, "x", &format!("{n}"));
    }
    let error = found(repo, &root, Selection::All).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::TooLarge);
}

#[tokio::test]
async fn who_cannot_tell_is_never_taken_for_none() {
    for kind in [
        ErrorKind::Denied,
        ErrorKind::Throttled,
        ErrorKind::Server,
        ErrorKind::BadCredentials,
    ] {
        let mut repo = Repo::new();
        let root = repo.image("root");
        repo.refuses = Some(kind);
        assert_eq!(found(repo, &root, Selection::All).await.unwrap_err().kind, kind);
    }
}

#[tokio::test]
async fn cosign_tags_are_found_one_by_one_or_in_a_listing() {
    for (children, listed) in [(0, false), (4, true)] {
        let mut repo = Repo::new();
        let images: Vec<Descriptor> = (0..children).map(|n| repo.image(&format!("child {n}"))).collect();
        let root = if children == 0 {
            repo.image("root")
        } else {
            repo.index(&images.iter().collect::<Vec<_>>())
        };
        let signature = repo.image("signature");
        let tag = format!("sha256-{}.sig", root.digest.hex());
        repo.tags.insert(tag.clone(), signature.clone());
        repo.tags.insert("1.0".into(), root.clone());
        let (found, asked) = found(repo, &root, Selection::All).await.unwrap();
        let tags: Vec<Option<&str>> = found.iter().map(|one| one.tag.as_deref()).collect();
        assert_eq!(tags, [Some(tag.as_str())]);
        assert_eq!(asked.iter().any(|ask| ask == "all tags"), listed);
        let single = asked.iter().filter(|ask| ask.starts_with("tag ")).count();
        assert_eq!(single, if listed { 1 } else { 3 }, "{asked:?}");
    }
}

#[tokio::test]
async fn cosign_tags_count_by_their_first_layer_when_types_are_chosen() {
    let mut repo = Repo::new();
    let root = repo.image("root");
    let signature = repo.image("signature");
    repo.tags.insert(format!("sha256-{}.sig", root.digest.hex()), signature);
    let repo = Arc::new(repo);
    let content: Arc<dyn Content> = Arc::clone(&repo) as Arc<dyn Content>;
    for (kind, count) in [("text/plain", 1), ("other/type", 0)] {
        let only = Selection::Types(vec![kind.into()]);
        let tags = Tags(Arc::clone(&repo), false);
        let found = find_referrers(&content, Some(&tags), &root, &only, &job())
            .await
            .unwrap();
        assert_eq!(found.len(), count, "{kind}");
    }
}

/// Writes down the order in which manifests and tags come.
#[derive(Default)]
struct Put(Mutex<Vec<String>>, Option<Digest>);

#[async_trait::async_trait]
impl Target for Put {
    fn label(&self) -> &'static str {
        "b.test/x"
    }

    async fn has_blob(&self, _blob: &Descriptor, _job: &Job) -> Result<bool, OciError> {
        Ok(false)
    }

    async fn put_blob(&self, _blob: &Descriptor, _from: &Arc<dyn Content>, _job: &Job) -> Result<Moved, OciError> {
        Ok(Moved::Sent)
    }

    async fn has_manifest(&self, _manifest: &Descriptor, _job: &Job) -> Result<bool, OciError> {
        Ok(false)
    }

    async fn put_manifest(&self, manifest: &Descriptor, _bytes: Bytes, _job: &Job) -> Result<(), OciError> {
        if self.1.as_ref() == Some(&manifest.digest) {
            return Err(OciError::new(ErrorKind::Server, "write manifest", "b.test/x", "500"));
        }
        self.0.lock().unwrap().push(manifest.digest.short().to_owned());
        Ok(())
    }

    async fn tag(
        &self,
        tag: &str,
        root: &Descriptor,
        bytes: Option<Bytes>,
        _guard: &Guard,
        _job: &Job,
    ) -> Result<(), OciError> {
        assert_eq!(
            bytes.map(|bytes| Digest::of(&bytes)),
            Some(root.digest.clone()),
            "the root's bytes come along"
        );
        self.0.lock().unwrap().push(format!("{tag} = {}", root.digest.short()));
        Ok(())
    }
}

#[tokio::test]
async fn subjects_go_before_their_referrers_and_the_tag_goes_last() {
    let mut repo = Repo::new();
    let child = repo.image("child");
    let root = repo.index(&[&child]);
    let sbom = repo.refer(&root, "sbom/example", "sbom");
    let deep = repo.refer(&sbom, "signature/example", "deep");
    let cosign = repo.image("cosign");
    let cosign_tag = format!("sha256-{}.sig", root.digest.hex());
    repo.tags.insert(cosign_tag.clone(), cosign.clone());
    let repo = Arc::new(repo);
    let content: Arc<dyn Content> = Arc::clone(&repo) as Arc<dyn Content>;
    let tags = Tags(Arc::clone(&repo), false);
    let mut referrers = find_referrers(&content, Some(&tags), &root, &Selection::All, &job())
        .await
        .unwrap();
    // A lock may list them in any order, and more than once.
    referrers.reverse();
    referrers.push(referrers.first().unwrap().clone());
    let asked = repo.asked().len();
    let guards = BTreeMap::new();
    let along = Along {
        referrers: &referrers,
        guards: &guards,
    };
    let put = Put::default();
    let tag = TagAs {
        tag: "1.0",
        guard: &Guard::Create,
    };
    copy_with_referrers(&content, &put, &root, Some(tag), along, CopyOptions::default(), &job())
        .await
        .unwrap();
    assert_eq!(repo.asked().len(), asked, "a known list is not asked for again");
    let order = put.0.lock().unwrap().clone();
    let at = |text: &str| {
        order
            .iter()
            .position(|put| put == text)
            .unwrap_or_else(|| panic!("{text}: {order:?}"))
    };
    assert!(at(child.digest.short()) < at(root.digest.short()));
    assert!(at(root.digest.short()) < at(sbom.digest.short()));
    assert!(at(sbom.digest.short()) < at(deep.digest.short()));
    assert!(at(root.digest.short()) < at(&format!("{cosign_tag} = {}", cosign.digest.short())));
    assert_eq!(order.last(), Some(&format!("1.0 = {}", root.digest.short())));
    assert_eq!(order.len(), 6, "{order:?}");
}

#[tokio::test]
async fn when_a_referrer_cannot_be_put_the_tag_is_not_written() {
    let mut repo = Repo::new();
    let root = repo.image("root");
    let sbom = repo.refer(&root, "sbom/example", "sbom");
    let content: Arc<dyn Content> = Arc::new(repo);
    let referrers = find_referrers(&content, None, &root, &Selection::All, &job())
        .await
        .unwrap();
    let put = Put(Mutex::default(), Some(sbom.digest.clone()));
    let guards = BTreeMap::new();
    let along = Along {
        referrers: &referrers,
        guards: &guards,
    };
    let tag = TagAs {
        tag: "1.0",
        guard: &Guard::Create,
    };
    let error = copy_with_referrers(&content, &put, &root, Some(tag), along, CopyOptions::default(), &job())
        .await
        .unwrap_err();
    assert!(
        error
            .to_string()
            .contains(&format!("it refers to {}", root.digest.short())),
        "{error}"
    );
    assert_eq!(*put.0.lock().unwrap(), [root.digest.short().to_owned()]);
}
