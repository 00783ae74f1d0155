#![allow(clippy::unwrap_used, reason = "tests may fail loudly")]
use super::*;

const GENERATED: &str = r"// Copyright (c) Microsoft Corporation.
/* several
   lines */
param location string
@description('It''s the (publisher)')
param publisherName string
@secure() param other array = [ 'x' ]

resource publisher 'Microsoft.HybridNetwork/publishers@2023-09-01' existing = {
  name: publisherName
  scope: resourceGroup()
}

resource manifest 'Microsoft.Hybridnetwork/publishers/artifactStores/artifactManifests@2024-04-15' = {
  parent: publisher
  name: 'fixed'
  properties: {
    artifacts: [
      {
        artifactName: 'release/a' // the first
        'artifactVersion': '1.0.0'
      }
      { artifactName: 'it\'s \u{e9}', artifactVersion: '2' }
    ]
  }
}
";

fn member<'a>(value: &'a Value, key: &str) -> &'a Value {
    let Value::Object(members) = value else {
        panic!("{value:?}")
    };
    &members.iter().find(|member| member.key == key).unwrap().value
}

#[test]
fn a_generated_file_is_read_with_comments_decorators_and_commas() {
    let all = resources(GENERATED).unwrap();
    assert_eq!(all.len(), 2);
    assert!(all[0].existing && !all[1].existing);
    assert_eq!(all[0].members[1].value, Value::Call("resourceGroup".to_owned()));
    assert_eq!(
        (all[1].symbol.as_str(), all[1].kind.as_str()),
        (
            "manifest",
            "Microsoft.Hybridnetwork/publishers/artifactStores/artifactManifests"
        )
    );
    let root = Value::Object(all[1].members.clone());
    assert_eq!(member(&root, "parent"), &Value::Word("publisher".to_owned()));
    let Value::List(items) = member(member(&root, "properties"), "artifacts") else {
        panic!("{root:?}")
    };
    assert_eq!(
        member(&items[0].0, "artifactName"),
        &Value::Text("release/a".to_owned())
    );
    assert_eq!(member(&items[1].0, "artifactName"), &Value::Text("it's é".to_owned()));
    let span = items[0].1.clone();
    assert!(GENERATED[span.clone()].starts_with('{') && GENERATED[span].ends_with('}'));
}

/// A default is a star behind the name.
fn declared(text: &str) -> Vec<String> {
    let star = |parameter: Parameter| format!("{}{}", parameter.name, if parameter.has_default { "*" } else { "" });
    parameters(text).into_iter().map(star).collect()
}

#[test]
fn parameters_are_found_in_any_file() {
    assert_eq!(declared(GENERATED), ["location", "publisherName", "other*"]);
    let richer = "targetScope = 'x'\nvar a = loadJsonContent('p.json')\nparam one string = '${a}/b'\n@minLength(3)\nparam two object = {\n  param: 1\n}\nparam three string?\noutput param string = one\nparam four string\n";
    assert_eq!(declared(richer), ["one*", "two*", "three*", "four"]);
    assert_eq!(declared(""), Vec::<String>::new());
}

#[test]
fn whatever_is_not_of_the_generated_shape_is_refused_with_what_was_expected() {
    let wrap = |body: &str| format!("resource a 'T@1' = {{\n{body}\n}}\n");
    for (text, expected, found) in [
        ("var x = 1\n".to_owned(), "`param` or `resource`", "`var`"),
        (
            "module m 'x.bicep' = {}\n".to_owned(),
            "`param` or `resource`",
            "`module`",
        ),
        ("resource a 'T' = {}\n".to_owned(), "a type with a version", "a text"),
        ("resource a 'T@1' = if (x) {}\n".to_owned(), "`{`", "`if`"),
        ("resource a 'T@1' = [for x in y: {}]\n".to_owned(), "`{`", "`[`"),
        (wrap("name: 'a${b}'"), "a value written out", "a text that is computed"),
        (wrap("name: a.b"), "the end of the line", "`.`"),
        (wrap("name: f(1)"), "`)`", "`1`"),
        (wrap("name 'x'"), "`:`", "a text"),
        (wrap("list: [for i in x: i]"), "the end of the line", "`i`"),
        (wrap("name: 'never ends"), "a value written out", "never ends"),
        (
            "resource a 'T@1' = {\n".to_owned(),
            "the name of a property",
            "the end of the file",
        ),
        ("@description('x'\n".to_owned(), "`)`", "the end of the file"),
        (wrap(&format!("a: {}", "[".repeat(40))), "fewer levels", "`[`"),
    ] {
        let error = resources(&text).unwrap_err();
        assert!(error.expected.contains(expected), "{text}: {error:?}");
        assert!(error.found.contains(found), "{text}: {error:?}");
        assert!(error.span.end <= text.len());
    }
}

#[test]
fn no_bytes_make_it_stumble() {
    // Every prefix of a file, and every file with one character changed.
    for end in 0..GENERATED.len() {
        if let Some(prefix) = GENERATED.get(..end) {
            let _ = (resources(prefix), parameters(prefix));
        }
    }
    for bad in ['\'', '\\', '$', '{', '}', '\u{0}', 'ß', '/', '*', '\n'] {
        for at in (0..GENERATED.len()).filter(|at| GENERATED.is_char_boundary(*at)) {
            let mut text = GENERATED.to_owned();
            text.insert(at, bad);
            if let Err(error) = resources(&text) {
                assert!(error.span.start <= error.span.end && error.span.end <= text.len());
            }
        }
    }
}
