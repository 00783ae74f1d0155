//! Effective values against those that Helm itself shows to a template.

use serde_json::{Value, json};

use super::*;
use crate::chart::effective_values;

/// Helm copies `global` into every subchart; ours stands at the top alone.
fn without_globals_below(values: &mut Value, is_top: bool) {
    if let Some(map) = values.as_object_mut() {
        if !is_top {
            map.remove("global");
        }
        for below in map.values_mut() {
            without_globals_below(below, false);
        }
    }
}

#[test]
fn values_are_those_that_helm_computes_whatever_they_come_from() {
    let folder = Folder::new(&[
        (
            "c/Chart.yaml",
            "apiVersion: v2\nname: contoso\nversion: 1.0.0\nappVersion: \"2.0\"\ndependencies:\n\
             - {name: store, version: 1.0.0, alias: first}\n- {name: store, version: 1.0.0, alias: second}\n- {name: web, version: 1.0.0}\n",
        ),
        (
            "c/values.yaml",
            "a: {b: 1, c: [x, {y: 1}]}\nsecond: {image: {tag: '2'}}\nglobal: {top: own}\nempty:\n",
        ),
        (
            "c/templates/all.yaml",
            "kind: ConfigMap\n# VALUES {{ .Values | toJson }}\n",
        ),
        (
            "c/charts/store/Chart.yaml",
            "apiVersion: v2\nname: store\nversion: 1.0.0\nappVersion: 9.1.0\n",
        ),
        (
            "c/charts/store/values.yaml",
            "image: {name: store, tag: '1'}\nglobal: {top: store}\n",
        ),
        ("c/charts/web/Chart.yaml", "apiVersion: v2\nname: web\nversion: 1.0.0\n"),
        ("c/charts/web/values.yaml", "image: web:1\n"),
        (
            "c/charts/web/charts/deep/Chart.yaml",
            "apiVersion: v2\nname: deep\nversion: 1.0.0\n",
        ),
        ("c/charts/web/charts/deep/values.yaml", "image: deep:1\n"),
        (
            "more.yaml",
            "a: {c: [z, {y: 2}], d: more}\nweb: {deep: {image: deep:2}}\n",
        ),
    ]);
    let mut package = package(&folder.join("c"));
    package.values = vec![Spanned::default_value(folder.join("more.yaml"))];
    set(&mut package, &[("a.c[1].y", "three"), ("first.image.tag", "v7")]);
    let text = rendered(&package).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("# VALUES ")).unwrap();
    let mut theirs: Value = serde_json::from_str(line).unwrap();
    without_globals_below(&mut theirs, true);
    let found = effective_values(&package, &tree_of(&folder.join("c"))).unwrap();
    let mut ours = found.values.clone();
    // A null that nothing overrides is there for us, as it can be set.
    assert_eq!(ours.as_object_mut().unwrap().remove("empty"), Some(Value::Null));
    theirs.as_object_mut().unwrap().remove("empty");
    assert_eq!(ours, theirs);
    assert_eq!(ours["first"]["image"], json!({"name": "store", "tag": "v7"}));
    assert!(found.set.contains("a.c[1].y") && found.app_versions.contains("9.1.0"));
    assert!(
        !format!("{found:?}").contains("three"),
        "values of `set` are not printed"
    );
}

#[test]
fn a_global_of_a_subchart_is_named_at_the_top() {
    let folder = Folder::new(&[
        ("c/Chart.yaml", CHART_YAML),
        ("c/charts/sub/Chart.yaml", "apiVersion: v2\nname: sub\nversion: 1.0.0\n"),
        ("c/charts/sub/values.yaml", "global: {registry: ''}\n"),
    ]);
    let found = effective_values(&package(&folder.join("c")), &tree_of(&folder.join("c"))).unwrap();
    assert_eq!(found.values, json!({"global": {"registry": ""}, "sub": {}}));
}

#[test]
fn values_that_are_no_map_or_too_many_are_refused() {
    let many = "x: [".to_owned() + &"1,".repeat(300_000) + "1]\n";
    for text in ["[1, 2]\n", "a: [\n", &many] {
        let folder = Folder::new(&[("c/Chart.yaml", CHART_YAML), ("c/values.yaml", text)]);
        let fault = effective_values(&package(&folder.join("c")), &tree_of(&folder.join("c"))).unwrap_err();
        assert_eq!(fault.kind(), crate::fault::Kind::Invalid);
        assert!(fault.hint_text().is_some());
    }
}
