#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use super::*;

const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// `location | repository | selector | more tags` in words.
fn words(text: &str, stores: &Stores<'_>) -> String {
    match reference(text, stores) {
        Ok(typed) => {
            let location = match typed.location {
                Location::Registry(host) => format!("registry {host}"),
                Location::Store(name) => format!("store {name}"),
                Location::Layout(folder) => format!("layout {folder}"),
            };
            let selector = typed.selector.map_or_else(|| "-".to_owned(), |s| s.to_string());
            format!(
                "{location} | {} | {selector} | {}",
                typed.repository,
                typed.more_tags.join(" ")
            )
        }
        Err(fault) => format!("{fault} ({})", fault.hint_text().unwrap_or("no hint")),
    }
}

#[test]
fn every_form_of_reference_is_taken_apart() {
    let stores = Some(vec!["images", "local"]);
    let long = format!("oci:dir@{DIGEST}");
    let table: &[(&str, &str)] = &[
        ("a.test/x/y:1", "registry a.test | x/y | :1 | "),
        ("a.test:5000/x", "registry a.test:5000 | x | - | "),
        ("localhost/x:1", "registry localhost | x | :1 | "),
        (
            "localhost:5000/x:1,2,latest",
            "registry localhost:5000 | x | :1 | 2 latest",
        ),
        ("[::1]:5000/x:1", "registry [::1]:5000 | x | :1 | "),
        ("MyReg.azurecr.io/x:1", "registry myreg.azurecr.io | x | :1 | "),
        ("docker.io/nginx:1.25", "registry docker.io | library/nginx | :1.25 | "),
        ("index.docker.io/acme/x", "registry docker.io | acme/x | - | "),
        (
            "images:samples/artifact:1.0",
            "store images | samples/artifact | :1.0 | ",
        ),
        ("local:x", "store local | x | - | "),
        // A number after a store's name is no port.
        ("images:5000/x:1", "store images | 5000/x | :1 | "),
        ("other:5000/x:1", "registry other:5000 | x | :1 | "),
        ("oci:dir", "layout dir |  | - | "),
        ("oci:dir:1.0", "layout dir |  | :1.0 | "),
        (
            "oci:some/dir:release/a:1.0,2.0",
            "layout some/dir | release/a | :1.0 | 2.0",
        ),
        ("oci:dir:localhost:5000/a:1", "layout dir | localhost:5000/a | :1 | "),
        ("oci:C:\\images:1.0", "layout C:\\images |  | :1.0 | "),
        ("oci:C:/images:a/b:1.0", "layout C:/images | a/b | :1.0 | "),
        ("oci:with@sign:1", "layout with@sign |  | :1 | "),
        ("oci:a,b:1", "layout a,b |  | :1 | "),
        ("oci:a,b", "layout a,b |  | - | "),
    ];
    for (text, want) in table {
        assert_eq!(words(text, &stores), *want, "{text}");
    }
    assert_eq!(words(&long, &stores), format!("layout dir |  | @{DIGEST} | "));
    assert_eq!(
        words(&format!("oci:dir:a:1@{DIGEST}"), &stores),
        format!("layout dir | a | @{DIGEST} | ")
    );
    assert_eq!(
        words(&format!("a.test/x:1@{DIGEST}"), &stores),
        format!("registry a.test | x | @{DIGEST} | "),
        "the digest decides"
    );
}

#[test]
fn what_is_no_reference_says_what_is_wrong_and_what_to_write() {
    let project = Some(vec!["images", "local"]);
    let table: &[(&str, &Stores<'_>, &[&str])] = &[
        ("", &None, &["empty"]),
        (
            "nginx:1.25",
            &None,
            &["names no registry", "docker.io/library/nginx:1.25"],
        ),
        ("acme/x:1", &None, &["names no registry", "docker.io/acme/x:1"]),
        (
            "nginx:1.25",
            &project,
            &["docker.io/library/nginx:1.25", "images, local"],
        ),
        ("imgs:samples/x:1", &project, &["no store \"imgs\"", "images, local"]),
        ("imgs:samples/x:1", &None, &["no project here", "\"imgs\""]),
        ("https://a.test/x:1", &None, &["scheme"]),
        ("a.test/X:1", &None, &["lower case"]),
        ("images:X:1", &project, &["lower case"]),
        ("a.test/x:", &None, &["tag"]),
        ("a.test/x:a b", &None, &["white space"]),
        ("a.test/x@sha256:12", &None, &["hex digits"]),
        ("a.test/x@", &None, &["digest"]),
        ("a.test:99999/x:1", &None, &["65535"]),
        ("[::1/x:1", &None, &["host"]),
        ("a.test/x:1,", &None, &["tag"]),
        ("a.test/x:1,-", &None, &["tags are"]),
        ("a.test/x,y", &None, &["no tag before it"]),
        ("a.test//x", &None, &["slash"]),
        ("a.test/", &None, &["no repository"]),
        ("images:", &project, &["no repository"]),
        ("oci:", &None, &["no folder"]),
        ("oci::1", &None, &["no folder"]),
        ("oci:dir:", &None, &["nothing after its colon"]),
        ("oci:dir@sha256:12", &None, &["digest"]),
    ];
    for (text, stores, parts) in table {
        let words = words(text, stores);
        for part in *parts {
            assert!(words.contains(part), "{text}: {words}");
        }
    }
}

#[test]
fn a_whole_registry_store_or_layout_is_named_by_itself() {
    let stores = Some(vec!["images"]);
    for (text, want) in [
        ("a.test", Location::Registry("a.test".into())),
        ("a.test/", Location::Registry("a.test".into())),
        ("localhost:5000", Location::Registry("localhost:5000".into())),
        ("[::1]:5000", Location::Registry("[::1]:5000".into())),
        ("localhost", Location::Registry("localhost".into())),
        ("images", Location::Store("images".into())),
        ("images:", Location::Store("images".into())),
        ("oci:dir", Location::Layout("dir".into())),
        ("oci:C:\\dir", Location::Layout("C:\\dir".into())),
    ] {
        assert_eq!(registry(text, &stores).unwrap(), want, "{text}");
    }
    for (text, part) in [
        ("a.test/x", "more than a registry"),
        ("imgs", "names no registry"),
        ("", "names no registry"),
        ("oci:", "no folder"),
        ("https://a.test", "registry"),
    ] {
        let fault = registry(text, &stores).unwrap_err();
        assert!(fault.to_string().contains(part), "{text}: {fault}");
    }
}
