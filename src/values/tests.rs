//! The search against a chart of a few lines: which values it takes and where they come out is written in the test.
#![allow(clippy::unwrap_used, reason = "tests may fail loudly")]

use std::collections::BTreeSet;
use std::sync::Mutex;

use async_trait::async_trait;
use serde_json::{Value, json};

use super::*;
use crate::chart::EffectiveValues;
use crate::discover::{Discovered, Found, PullSecrets, Tier};
use crate::fault::Fault;

/// A chart: values in, references (one an object) and pull secrets out, or a refusal.
type Template = fn(&Value) -> Result<Vec<(String, Vec<String>)>, String>;

struct Fake {
    values: Value,
    template: Template,
    asked: Mutex<usize>,
}

fn merge(under: &mut Value, over: &Value) {
    match (under, over) {
        (Value::Object(under), Value::Object(over)) => {
            for (key, value) in over {
                merge(under.entry(key.clone()).or_insert(Value::Null), value);
            }
        }
        (under, over) => *under = over.clone(),
    }
}

impl Fake {
    fn render(&self, over: &Value) -> Answer {
        let mut values = self.values.clone();
        merge(&mut values, over);
        let objects = match (self.template)(&values) {
            Ok(objects) => objects,
            Err(why) => return Answer::Refused(why),
        };
        let mut rendered = Rendered {
            discovered: Discovered::default(),
            pull_secrets: Vec::new(),
        };
        for (at, (reference, names)) in objects.into_iter().enumerate() {
            let object = format!("Pod/{at}");
            rendered.pull_secrets.push(PullSecrets {
                object: object.clone(),
                names,
            });
            rendered.discovered.images.push(Found {
                reference,
                package: "p".into(),
                template: "t.yaml".into(),
                object,
                pointer: "/image".into(),
                line: at as u64 + 1,
                tier: Tier::T1,
                hook: None,
                named: None,
                confidence: None,
            });
        }
        Answer::Rendered(rendered)
    }
}

#[async_trait]
impl Prober for Fake {
    async fn probe(&self, over: &Value) -> Result<Answer, Fault> {
        *self.asked.lock().unwrap() += 1;
        Ok(self.render(over))
    }
}

async fn asked(values: Value, template: Template) -> (PackageValues, usize) {
    let fake = Fake {
        values: values.clone(),
        template,
        asked: Mutex::new(0),
    };
    let Answer::Rendered(plain) = fake.render(&json!({})) else {
        unreachable!("the plain render works")
    };
    let effective = EffectiveValues {
        values,
        set: BTreeSet::new(),
        app_versions: BTreeSet::from(["2.7.0".to_owned()]),
    };
    let subject = Subject {
        package: "p",
        chart: Some(("c", "1.0.0")),
        images: &plain.discovered.images,
        values: &effective,
        placeholders: &[],
    };
    let found = analyse(&subject, &fake).await.unwrap();
    let asked = *fake.asked.lock().unwrap();
    assert_eq!(found.renders, asked + 1, "the plain render is counted");
    (found, asked)
}

fn t(value: &Value, pointer: &str) -> String {
    match value.pointer(pointer) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        _ => String::new(),
    }
}

fn or(first: String, second: impl FnOnce() -> String) -> String {
    if first.is_empty() { second() } else { first }
}

fn paths(made: &[MadeBy]) -> Vec<(&str, bool)> {
    made.iter().map(|made| (made.path.as_str(), made.current)).collect()
}

#[tokio::test]
async fn one_render_is_enough_where_every_value_comes_out() {
    let values =
        json!({"registry": "docker.io", "image": {"repository": "team/app", "tag": ""}, "imagePullSecrets": []});
    let (found, asked) = asked(values, |v| {
        let tag = or(t(v, "/image/tag"), || "2.7.0".into());
        let names = v["imagePullSecrets"]
            .as_array()
            .unwrap()
            .iter()
            .map(|s| t(s, "/name"))
            .collect();
        Ok(vec![(
            format!("{}/{}:{tag}", t(v, "/registry"), t(v, "/image/repository")),
            names,
        )])
    })
    .await;
    assert_eq!(asked, 1);
    let image = &found.images[0];
    assert_eq!(image.status, Status::Redirected);
    assert_eq!(paths(&image.registry), [("registry", true)]);
    assert_eq!(paths(&image.repository), [("image.repository", true)]);
    assert_eq!(paths(&image.tag), [("image.tag", false)]);
    assert!(image.tag_is_app_version);
    assert_eq!(found.registry_values_paths, ["registry"]);
    assert_eq!(found.image_pull_secrets_values_paths, ["imagePullSecrets"]);
}

#[tokio::test]
async fn a_value_that_hides_another_is_taken_away_for_a_second_look() {
    let values = json!({"global": {"registry": ""}, "a": {"registry": "docker.io", "image": "x"}, "b": {"registry": "quay.io", "image": "y"}});
    let (found, asked) = asked(values, |v| {
        let image = |part: &str| {
            let registry = or(t(v, "/global/registry"), || t(v, &format!("/{part}/registry")));
            (format!("{registry}/{}:1", t(v, &format!("/{part}/image"))), vec![])
        };
        Ok(vec![image("a"), image("b")])
    })
    .await;
    assert_eq!(asked, 2);
    assert_eq!(
        paths(&found.images[0].registry),
        [("a.registry", true), ("global.registry", false)]
    );
    assert_eq!(
        found.registry_values_paths,
        ["global.registry"],
        "one value reaches all"
    );
}

#[tokio::test]
async fn a_local_value_may_win_over_a_global_one() {
    let values = json!({"global": {"registry": ""}, "image": {"registry": "docker.io", "name": "x"}, "side": {"image": {"registry": "", "name": "y"}}});
    let (found, _) = asked(values, |v| {
        let image = |part: &str| {
            let registry = or(t(v, &format!("{part}/registry")), || t(v, "/global/registry"));
            let registry = or(registry, || "docker.io".into());
            (format!("{registry}/{}:1", t(v, &format!("{part}/name"))), vec![])
        };
        Ok(vec![image("/image"), image("/side/image")])
    })
    .await;
    assert_eq!(
        found.registry_values_paths,
        ["image.registry", "global.registry"]
            .map(str::to_owned)
            .into_iter()
            .rev()
            .collect::<Vec<_>>()
    );
    assert!(
        found.images.iter().all(|image| image.status == Status::Redirected),
        "{found:#?}"
    );
}

#[tokio::test]
async fn a_chart_that_refuses_is_asked_for_parts() {
    let values =
        json!({"registry": "docker.io", "image": {"repository": "team/app", "tag": "1.2.3"}, "side": {"image": "s:1"}});
    let (found, asked) = asked(values, |v| {
        if t(v, "/image/tag") != "1.2.3" {
            return Err("execution error: this tag is not supported".into());
        }
        let app = format!(
            "{}/{}:{}",
            t(v, "/registry"),
            t(v, "/image/repository"),
            t(v, "/image/tag")
        );
        Ok(vec![(app, vec![]), (t(v, "/side/image"), vec![])])
    })
    .await;
    assert!(asked <= 6, "{asked}");
    assert_eq!(found.registry_values_paths, ["registry"]);
    let guarded: Vec<_> = found
        .guarded
        .iter()
        .map(|g| (g.path.as_str(), g.why.contains("not supported")))
        .collect();
    assert_eq!(guarded, [("image.tag", true)]);
    assert_eq!(found.images[1].status, Status::FixedRegistry);
}

#[tokio::test]
async fn a_refusal_that_names_its_value_costs_two_renders_more() {
    let mut values = json!({"registry": "docker.io"});
    for n in 0..40 {
        values[format!("part{n}")] = json!({"image": {"repository": format!("team/part-{n}")}});
    }
    let (found, asked) = asked(values, |v| {
        if t(v, "/part7/image/repository") != "team/part-7" {
            return Err("values don't meet the specifications: at '/part7/image/repository': must be one of".into());
        }
        let image = |n: usize| {
            (
                format!(
                    "{}/{}:1",
                    t(v, "/registry"),
                    t(v, &format!("/part{n}/image/repository"))
                ),
                vec![],
            )
        };
        Ok((0..40).map(image).collect())
    })
    .await;
    assert_eq!(asked, 3);
    assert_eq!(found.guarded.len(), 1);
    assert!(found.images.iter().all(|image| image.status == Status::Redirected));
}

#[tokio::test]
async fn a_chart_that_refuses_everything_ends_within_the_bound_and_says_so() {
    let mut values = json!({});
    for n in 0..200 {
        values[format!("part{n:03}")] = json!({"image": format!("docker.io/team/part-{n}:1")});
    }
    let (found, asked) = asked(values.clone(), |v| {
        let mine: Vec<_> = v
            .as_object()
            .unwrap()
            .values()
            .map(|part| (t(part, "/image"), vec![]))
            .collect();
        if mine.iter().any(|(image, _)| image.contains("zq")) {
            Err("no".into())
        } else {
            Ok(mine)
        }
    })
    .await;
    assert_eq!(asked, MAX_RENDERS);
    assert_eq!(found.guarded.len() + found.undecided.len(), 200);
    assert!(!found.undecided.is_empty());
    assert!(found.images.iter().all(|image| image.status == Status::Unknown));
    assert!(found.registry_values_paths.is_empty());
}

#[tokio::test]
async fn a_value_that_switches_parts_is_no_part_of_an_image() {
    let values = json!({"image": {"repository": "team/app", "name": "debian"}, "registry": "docker.io"});
    let (found, _) = asked(values, |v| {
        let mut all = vec![(format!("{}/{}:1", t(v, "/registry"), t(v, "/image/repository")), vec![])];
        if t(v, "/image/name") == "debian" {
            all.push(("fixed.dev/tools:2".into(), vec![]));
        }
        Ok(all)
    })
    .await;
    assert_eq!(found.registry_values_paths, ["registry"]);
    assert_eq!(found.guarded[0].path, "image.name");
    assert_eq!(found.images[1].status, Status::HardCoded);
}

#[tokio::test]
async fn a_registry_of_two_values_or_with_a_path_cannot_be_set_by_one() {
    let values = json!({"host": "reg.dev", "port": "5000", "mirror": {"registry": "reg.dev/mirror"}});
    let (found, _) = asked(values, |v| {
        let split = format!("{}:{}/a:1", t(v, "/host"), t(v, "/port"));
        Ok(vec![
            (split, vec![]),
            (format!("{}/b:1", t(v, "/mirror/registry")), vec![]),
        ])
    })
    .await;
    assert!(found.registry_values_paths.is_empty(), "{found:#?}");
    assert!(
        found.images.iter().all(|image| image.status == Status::FixedRegistry),
        "{found:#?}"
    );
}

#[tokio::test]
async fn pull_secrets_tell_in_which_form_they_are_taken() {
    let values = json!({"a": {"imagePullSecrets": []}, "b": {"imagePullSecrets": []}, "c": {"imagePullSecret": ""}, "image": "i:1"});
    let (found, _) = asked(values, |v| {
        let list = |part: &str| v[part]["imagePullSecrets"].as_array().unwrap().clone();
        let maps = list("a").iter().map(|item| t(item, "/name")).collect();
        // `- name: {{ . }}` prints a map as Go does.
        let texts = list("b")
            .iter()
            .map(|item| {
                item.as_str()
                    .map_or_else(|| format!("map[name:{}]", t(item, "/name")), str::to_owned)
            })
            .collect();
        let one = vec![t(v, "/c/imagePullSecret")];
        Ok(vec![
            (t(v, "/image"), maps),
            (t(v, "/image"), texts),
            (t(v, "/image"), one),
        ])
    })
    .await;
    let forms: Vec<_> = found.pull_secrets.iter().map(|s| (s.path.as_str(), s.form)).collect();
    assert_eq!(
        forms,
        [
            ("a.imagePullSecrets", SecretForm::Maps),
            ("b.imagePullSecrets", SecretForm::Texts),
            ("c.imagePullSecret", SecretForm::Text)
        ]
    );
    assert_eq!(found.image_pull_secrets_values_paths, ["a.imagePullSecrets"]);
}

#[tokio::test]
async fn a_digest_before_a_tag_hides_it_only_once() {
    let values = json!({"image": {"repository": "docker.io/team/app", "tag": "1.0.0", "digest": ""}});
    let (found, asked) = asked(values, |v| {
        let digest = t(v, "/image/digest");
        let end = if digest.is_empty() {
            format!(":{}", t(v, "/image/tag"))
        } else {
            format!("@{digest}")
        };
        Ok(vec![(format!("{}{end}", t(v, "/image/repository")), vec![])])
    })
    .await;
    assert_eq!(asked, 2);
    assert_eq!(paths(&found.images[0].digest), [("image.digest", false)]);
    assert_eq!(paths(&found.images[0].tag), [("image.tag", true)]);
    assert_eq!(paths(&found.images[0].registry), [("image.repository", true)]);
    assert_eq!(
        found.images[0].status,
        Status::FixedRegistry,
        "its registry is in the same value as its name"
    );
}

#[tokio::test]
async fn images_of_parts_that_are_off_are_listed() {
    let values = json!({"image": {"registry": "docker.io", "repository": "team/app", "tag": "1"},
        "metrics": {"enabled": false, "image": {"registry": "docker.io", "repository": "team/exporter", "tag": "0.9"}}});
    let (found, asked) = asked(values, |v| {
        let i = |part: &str| t(v, &format!("/image/{part}"));
        Ok(vec![(
            format!("{}/{}:{}", i("registry"), i("repository"), i("tag")),
            vec![],
        )])
    })
    .await;
    assert_eq!(asked, 1, "what is off explains nothing that is there");
    let unused: Vec<_> = found
        .unused
        .iter()
        .map(|u| (u.path.as_str(), u.reference.as_deref()))
        .collect();
    assert_eq!(unused, [("metrics.image", Some("docker.io/team/exporter:0.9"))]);
}

#[tokio::test]
async fn a_registry_that_changes_the_name_as_well_is_found_out_by_setting_it_alone() {
    let values = json!({"registry": "", "other": {"registry": "docker.io"}, "image": {"repository": "team/app"}});
    let (found, asked) = asked(values, |v| {
        let registry = t(v, "/registry");
        let name = t(v, "/image/repository");
        let mirrored = if registry.is_empty() {
            format!("docker.io/{name}:1")
        } else {
            format!("{registry}/mirror/{name}:1")
        };
        Ok(vec![
            (mirrored, vec![]),
            (format!("{}/b:1", t(v, "/other/registry")), vec![]),
        ])
    })
    .await;
    assert_eq!(asked, 2, "one that sets what the service would");
    assert_eq!(found.registry_values_paths, ["other.registry"]);
    assert_eq!(found.images[1].status, Status::FixedRegistry, "{found:#?}");
}
