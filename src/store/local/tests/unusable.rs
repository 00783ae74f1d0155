//! Stores that cannot be written, or hold what this tool did not write.

use super::*;

#[tokio::test]
async fn a_store_that_cannot_be_written_is_one_clear_error() {
    let (_keep, path) = folder();
    std::fs::write(path.join("file"), "in the way").unwrap();
    for place in [path.join("file"), path.join("file/below")] {
        let (content, root, _) = image("seed");
        let error = store(&place)
            .fill(&name("a:1"), &root, content, &Guard::Create, &job())
            .await
            .unwrap_err();
        assert_eq!(error.kind, ErrorKind::Disk, "{error}");
        assert!(error.subject.contains(place.as_str()), "{error}");
        assert!(error.hint.is_some());
    }
}

#[tokio::test]
async fn a_garbled_index_is_damage_and_its_text_is_kept_when_a_new_one_is_written() {
    let (_keep, path) = folder();
    let first = store(&path);
    put(&first, "a:1", "seed").await;
    first.flush().await.unwrap();
    std::fs::write(path.join("index.json"), "garbage").unwrap();
    let second = store(&path);
    let seen = second.observe(&name("a:1"), false, &job()).await.unwrap();
    assert!(
        matches!(&seen, Observed::Damaged { root: None, why } if why.contains("index.json")),
        "{seen:?}"
    );
    // Looking changes nothing.
    assert_eq!(std::fs::read_to_string(path.join("index.json")).unwrap(), "garbage");
    let root = put(&second, "b:1", "other").await;
    second.flush().await.unwrap();
    assert_eq!(
        std::fs::read_to_string(path.join("index.json.damaged")).unwrap(),
        "garbage"
    );
    assert_eq!(observe(&store(&path), "b:1").await, Observed::Present(root));
    assert_eq!(observe(&store(&path), "a:1").await, Observed::Absent);
}

#[tokio::test]
async fn a_name_that_the_index_has_twice_is_damaged_until_it_is_written_anew() {
    let (_keep, path) = folder();
    let first = store(&path);
    let root = put(&first, "a:1", "seed").await;
    put(&first, "b:1", "other").await;
    first.flush().await.unwrap();
    let index = std::fs::read_to_string(path.join("index.json")).unwrap();
    std::fs::write(path.join("index.json"), index.replace("\"b:1\"", "\"a:1\"")).unwrap();
    let second = store(&path);
    let seen = second.observe(&name("a:1"), false, &job()).await.unwrap();
    assert!(matches!(seen, Observed::Damaged { root: Some(_), .. }), "{seen:?}");
    let (content, wanted, _) = image("seed");
    let Observed::Damaged { root: Some(held), .. } = seen else {
        unreachable!("checked above")
    };
    second
        .fill(&name("a:1"), &wanted, content, &Guard::Replace(held.digest), &job())
        .await
        .unwrap();
    second.flush().await.unwrap();
    assert_eq!(observe(&store(&path), "a:1").await, Observed::Present(root));
}

#[tokio::test]
async fn another_layout_version_is_somebody_elses_and_left_alone() {
    let (_keep, path) = folder();
    let foreign = "{\"imageLayoutVersion\":\"2.0.0\"}";
    std::fs::write(path.join("oci-layout"), foreign).unwrap();
    let (content, root, _) = image("seed");
    let error = store(&path)
        .fill(&name("a:1"), &root, content, &Guard::Create, &job())
        .await
        .unwrap_err();
    assert!(error.to_string().contains("2.0.0"), "{error}");
    assert_eq!(std::fs::read_to_string(path.join("oci-layout")).unwrap(), foreign);
}
