//! Secrets in every dress: no byte of a value may survive, every line keeps its number.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panicking")]
#![allow(clippy::format_collect, reason = "clearest for a few lines of test data")]

use super::super::yaml::{Node, parse};
use super::*;

const WORD: &str = "hunter2XYZ";

fn check(text: &str) -> String {
    let out = blank_secrets(text);
    assert!(!out.contains("hunter2"), "a value survived in\n{out}\nof\n{text}");
    assert!(!out.contains("aHVudGVy"), "a value survived in\n{out}\nof\n{text}");
    assert_eq!(
        out.matches('\n').count(),
        text.matches('\n').count(),
        "lines moved in\n{out}\nof\n{text}"
    );
    out
}

#[test]
fn values_go_whatever_style_they_are_written_in() {
    let head = "---\n# Source: c/templates/s.yaml\napiVersion: v1\nkind: Secret\nmetadata:\n  name: s\n";
    for body in [
        "data:\n  p: hunter2XYZ\n",
        "stringData:\n  p: \"hunter2XYZ\"\n  q: 'hunter2XYZ'\n",
        "stringData:\n    p: |\n      hunter2XYZ\n\n      hunter2XYZ\n    q: >-\n       hunter2XYZ\n",
        "stringData: {p: hunter2XYZ, q: \"hunter2XYZ\"}\n",
        "stringData:\n  {\n  p: hunter2XYZ\n  }\n",
        "\"stringData\":\n  p: hunter2XYZ\n",
        "'data' :\n  p: hunter2XYZ\n",
        "? data\n: p: hunter2XYZ\n",
        "data:\n# hunter2XYZ\n  p: x # hunter2XYZ\n",
        "x: &a hunter2XYZ\nstringData:\n  p: *a\n",
        "stringData: &all\n  p: hunter2XYZ\nother: *all\n",
        "stringData:\n  p: \"a\nhunter2XYZ\n b\"\n",
        "stringData:\n  p: !!str hunter2XYZ\n",
        "stringData:\n  p: |2\n    hunter2XYZ\n",
        "data: hunter2XYZ\n",
        "data: [hunter2XYZ]\n",
        "stringData:\n  p: a\nstringData:\n  p: hunter2XYZ\n",
        "stringData:\n  hunter: {nested: hunter2XYZ}\n",
        "stringData:\r\n  p: hunter2XYZ\r\n",
        "type: Opaque\nstringData:\n- hunter2XYZ\n",
        "  # an odd comment hunter2XYZ\nstringData:\n  p: 1\n",
        "stringData:\n  p: \"hunter2\\\n    XYZ\"\n",
        "stringData:\n\n\n  p:\n    hunter2XYZ\n",
    ] {
        let out = check(&format!("{head}{body}---\nkind: ConfigMap\ndata:\n  keep: me\n"));
        assert!(out.contains("# Source: c/templates/s.yaml\n"), "{out}");
        assert!(out.contains("keep: me"), "{out}");
        // Unless the text was broken to begin with, what stays is a Secret still.
        let first = documents(&out).into_iter().find(|d| d.contains("Source")).unwrap();
        match parse(&format!("{head}{body}")) {
            Ok(_) => {
                assert_eq!(
                    parse(first).unwrap().get("kind").unwrap().node,
                    Node::Text("Secret".into()),
                    "{out}"
                );
            }
            Err(_) => assert!(parse(first).is_err(), "{out}"),
        }
    }
}

#[test]
fn a_secret_is_known_however_its_kind_is_spelled() {
    for kind in [
        "kind: Secret",
        "kind: \"Secret\"",
        "'kind': 'Secret'",
        "kind:   Secret   # yes",
        "kind:\n  Secret",
        "kind:\n\n  # so\n  Secret",
        "kind: \"\\x53ecret\"",
        "\"\\u006bind\": Secret",
        "kind: \"Sec\\\n  ret\"",
        "k: &k Secret\nkind: *k",
        "? kind\n: Secret",
        "x: &key kind\ny: 1\n*key : Secret",
        "kind: >-\n  Secret",
        "kind: !!str Secret",
        "kind: !!binary U2VjcmV0",
        "kind: !!str\n  Secret",
        "kind:\n  !!str\n  # so\n  &k\n  'Secret'",
        "kind: |-\n\n  Secret",
        "b: &b\n  kind: Secret\n<<: *b",
    ] {
        check(&format!(
            "---\nmetadata: {{name: s}}\nstringData: {{p: {WORD}}}\n{kind}\n"
        ));
        check(&format!("{kind}\nstringData:\n  p: {WORD}\n"));
    }
}

#[test]
fn json_and_documents_on_the_marker_line_are_blanked() {
    for text in [
        "{\"kind\":\"Secret\",\"stringData\":{\"p\":\"hunter2XYZ\"}}\n",
        "{\n  \"stringData\": {\n    \"p\": \"hunter2XYZ\"\n  },\n  \"kind\": \"Secret\"\n}\n",
        "--- {kind: Secret, data: {p: hunter2XYZ}}\n",
        "{ \"kind\"\n:\n\"Secret\", \"data\": {p: hunter2XYZ} }\n",
        "--- # a comment\nkind: Secret\ndata: {p: hunter2XYZ}\n",
        "kind: A\n...\nkind: Secret\ndata: {p: hunter2XYZ}\n...\n",
        "\u{feff}kind: Secret\ndata: {p: hunter2XYZ}\n",
        "--- !!map\nkind: Secret\ndata: {p: hunter2XYZ}",
    ] {
        let out = check(text);
        assert!(out.contains("Secret"), "{out}");
    }
}

#[test]
fn only_the_secrets_of_a_list_are_replaced_and_the_others_keep_their_lines() {
    let text = "apiVersion: v1\nitems:\n- kind: Deployment\n  spec:\n    image: a:1\n- apiVersion: v1\n  kind: Secret\n  \
                stringData:\n    p: |\n      hunter2XYZ\n- kind: Pod\n  spec:\n    image: b:1\n- kind: Secret\n  data:\n    p: hunter2XYZ\nkind: List\n";
    let out = check(text);
    let line = |out: &str, word: &str| out.lines().position(|l| l.contains(word));
    for word in ["image: a:1", "image: b:1", "kind: List"] {
        assert_eq!(line(&out, word), line(text, word), "{out}");
    }
    let root = parse(&out).unwrap();
    let Node::List(items) = &root.get("items").unwrap().node else {
        panic!("{out}")
    };
    assert_eq!(items.len(), 4);
}

#[test]
fn lists_in_any_dress_are_blanked() {
    for text in [
        "kind: SecretList\nitems:\n- data: {p: hunter2XYZ}\n",
        "kind: List\nitems:\n  -\n    kind: Secret\n    data: {p: hunter2XYZ}\n",
        "kind: List\nitems: [{kind: Secret, data: {p: hunter2XYZ}}, {kind: Pod, image: \"a:1\"}]\n",
        "{\"kind\":\"List\",\"items\":[{\"kind\":\"Secret\",\"data\":{\"p\":\"hunter2XYZ\"}}]}\n",
        "- kind: Secret\n  data: {p: hunter2XYZ}\n- kind: Pod\n",
        "kind: Wrapper\nspec:\n  template:\n    kind: Secret\n    data:\n      p: hunter2XYZ\n",
        "kind: List\nitems:\n- kind: Secret\n  data:\n    p: \"x\nhunter2XYZ\n- y\"\n- kind: Pod\n",
        "kind: List\nitems:\n- kind: Pod\n  v: &v hunter2XYZ\n- kind: Secret\n  data: {p: *v}\n",
        "kind: List\nitems:\n- kind: List\n  items:\n  - kind: Secret\n    data: {p: hunter2XYZ}\n",
    ] {
        check(text);
    }
}

#[test]
fn manifests_inside_of_texts_are_blanked() {
    for text in [
        "kind: ConfigMap\ndata:\n  s.yaml: |\n    apiVersion: v1\n    kind: Secret\n    stringData:\n      p: hunter2XYZ\n    type: Opaque\n  keep: me\n",
        "kind: ConfigMap\ndata:\n  s.yaml: |\n    stringData:\n      p: hunter2XYZ\n    kind: Secret\n  keep: me\n",
        "kind: ConfigMap\ndata:\n  s.json: '{\"kind\":\"Secret\",\"data\":{\"p\":\"hunter2XYZ\"}}'\n  keep: me\n",
        "kind: ConfigMap\ndata:\n  s.json: \"{\\\"kind\\\":\\\"Secret\\\",\\\"data\\\":{\\\"p\\\":\\\"hunter2XYZ\\\"}}\"\n  keep: me\n",
        "kind: ConfigMap\ndata:\n  s.yaml: |\n    items:\n    - kind: Secret\n      data:\n        p: hunter2XYZ\n    - kind: Pod\n  keep: me\n",
    ] {
        let out = check(text);
        assert!(out.contains("keep: me"), "{out}");
    }
}

#[test]
fn what_cannot_be_read_is_emptied_and_stays_unreadable() {
    for text in [
        "kind: Secret\nstringData:\n  p: hunter2XYZ\n bad: [\n",
        "# Source: c/s.yaml\nkind: Secret\n\tdata: hunter2XYZ\n",
        "kind: Secret\ndata:\n  p: {{ hunter2XYZ }}\n  q: *nowhere\n",
        &format!("kind: Secret\ndata:\n  p: {}hunter2XYZ\n", "[".repeat(10_000)),
    ] {
        let out = check(text);
        assert!(parse(&out).is_err(), "the error must stay visible:\n{out}");
    }
}

#[test]
fn documents_without_secrets_stay_byte_for_byte() {
    for text in [
        "",
        "\n",
        "---\n# Source: a\nkind: Pod\nspec: {image: \"a:1\"}\n---\n",
        "kind: Role\nrules:\n- resources: [secrets]\n",
        "kind: Deployment\nspec:\n  secretKeyRef: {name: s}\n  # kind: Secret is elsewhere\n",
        "kind: SealedSecret\nspec:\n  encryptedData: {p: abc}\n",
        "kind: ConfigMap\ndata:\n  note: a kind of Secret data\n",
        "kind: ExternalSecret\nspec:\n  data:\n  - remoteRef: {kind: Secret}\n",
    ] {
        if text.contains("remoteRef") {
            // A map that says it is a Secret is taken for one, whatever it means; it has nothing to lose.
            blank_secrets(text);
            continue;
        }
        assert_eq!(blank_secrets(text), text);
    }
}

#[test]
fn every_indentation_and_neighbour_is_safe() {
    // Products of styles, so that combinations nobody wrote down are met.
    let values = [
        "hunter2XYZ",
        "\"hunter2XYZ\"",
        "|\n{i}    hunter2XYZ",
        ">\n{i}      hunter2XYZ\n\n{i}      hunter2XYZ",
    ];
    for indent in 0..6_usize {
        for (before, after) in [("", ""), ("immutable: true", "type: Opaque"), ("# note", "# note")] {
            for value in values {
                for key in ["data", "stringData", "\"data\""] {
                    let i = " ".repeat(indent);
                    let value = value.replace("{i}", &i);
                    let secret = format!("{i}{before}\n{i}kind: Secret\n{i}{key}:\n{i}  p: {value}\n{i}{after}\n");
                    check(&format!("---\n{secret}"));
                    let listed: String = secret.lines().map(|l| format!("    {l}\n")).collect();
                    check(&format!("kind: List\nitems:\n  -\n{listed}  - kind: Pod\n"));
                    let text: String = secret.lines().map(|l| format!("    {l}\n")).collect();
                    check(&format!("kind: ConfigMap\ndata:\n  m: |\n    x: 1\n{text}  n: 1\n"));
                }
            }
        }
    }
}
