//! What is wrong is said, with its place, and hides nothing else.

use super::*;

fn only_error(found: &Discovered) -> &Problem {
    let errors: Vec<_> = found.problems.iter().filter(|p| p.error).collect();
    assert_eq!(errors.len(), 1, "{:#?}", found.problems);
    errors[0]
}

#[test]
fn a_broken_document_has_its_line_and_template_and_hides_no_other() {
    for newline in ["\n", "\r\n"] {
        let broken = "---\n# Source: c/templates/bad.yaml\napiVersion: v1\nkind: Service\nspec: a: b\n";
        let rendered = [&deployment("image: r.io/a:1"), broken, &custom("image: r.io/b:1")]
            .concat()
            .replace('\n', newline);
        let found = run(&rendered);
        assert_eq!(references(&found.images), ["r.io/a:1", "r.io/b:1"]);
        let problem = only_error(&found);
        assert_eq!(
            (problem.template.as_str(), problem.line, problem.excerpt.as_str()),
            ("c/templates/bad.yaml", 17, "spec: a: b")
        );
        assert!(
            problem.message.starts_with("broken YAML from c/templates/bad.yaml: "),
            "{}",
            problem.message
        );
        assert!(problem.hint.is_some());
    }
}

#[test]
fn an_image_field_without_an_image_is_an_error() {
    for (line, words) in [
        ("image:", "is empty"),
        ("image: ''", "is empty"),
        ("image: '  '", "is empty"),
        ("image: null", "is empty"),
        ("image: true", "is a boolean"),
        ("image: 1.25", "is a number"),
        ("image: {a: b}", "is a mapping"),
        ("image: [a]", "is a list"),
        ("command: [x]", "is missing"),
    ] {
        let found = run(&deployment(line));
        assert!(
            only_error(&found).message.contains(words),
            "{line}: {:?}",
            found.problems
        );
        assert_eq!(
            run_with(&deployment(line), |d| d.ignore = vec![String::new()]).problems,
            [],
            "{line}"
        );
    }
}

#[test]
fn a_bad_image_names_the_object_the_pointer_and_the_reason() {
    let found = run(&deployment("image: r.io/App:1"));
    let problem = only_error(&found);
    assert_eq!(
        problem.message,
        "Deployment/d /spec/template/spec/containers/0/image: `r.io/App:1` is no image: the repository has upper-case letters in `App`"
    );
    assert_eq!((problem.line, problem.excerpt.trim()), (12, "image: r.io/App:1"));
    assert_eq!(problem.package, "pkg");
}

#[test]
fn placeholders_are_errors_until_they_are_ignored() {
    let rendered = deployment("image: auto");
    let found = run(&rendered);
    assert_eq!(found.images, []);
    let problem = only_error(&found);
    assert!(problem.message.contains("`auto` is a placeholder"));
    assert!(problem.hint.as_deref().unwrap().contains("ignore = [\"auto\"]"));
    assert_eq!(
        run_with(&rendered, |d| d.ignore = vec!["auto".into()]),
        Discovered::default()
    );
    assert_eq!(
        references(&run(&deployment("image: auto:1")).images),
        ["auto:1"],
        "an image of that name is one"
    );
}

#[test]
fn ignored_texts_are_ignored_in_every_tier() {
    let rendered = [
        deployment("image: r.io/skip/a:1\nargs: [--img=r.io/skip/b:1]"),
        custom("image: r.io/skip/c:1\nother: {image: r.io/Skip:1}"),
    ]
    .concat();
    let found = run_with(&rendered, |d| d.ignore = vec!["r.io/[sS]kip*".into()]);
    assert_eq!(found, Discovered::default());
}

#[test]
fn patterns_of_policies_are_warned_of() {
    let rendered = "apiVersion: kyverno.io/v1\nkind: ClusterPolicy\nmetadata: {name: p}\nspec: {rules: [{validate: {pattern: {spec: {containers: [{image: '!*:latest'}]}}}}]}\n";
    let found = run(rendered);
    assert_eq!(found.images, []);
    assert_eq!(found.problems.len(), 1);
    assert!(!found.problems[0].error);
    let hint = found.problems[0].hint.as_deref().unwrap();
    assert!(hint.contains("!*:latest".replace('*', "[*]").as_str()), "{hint}");
    assert_eq!(
        run_with(rendered, |d| d.ignore = vec!["![*]:latest".into()]),
        Discovered::default(),
        "the hint holds"
    );
}

#[test]
fn no_tag_means_latest_and_is_said_once_an_image() {
    let found = run(&[deployment("image: r.io/a"), custom("image: r.io/a")].concat());
    assert_eq!(found.images.len(), 2);
    assert_eq!(found.problems.len(), 1);
    assert!(
        !found.problems[0].error
            && found.problems[0]
                .message
                .ends_with("`r.io/a` has no tag, so `latest` is taken")
    );
    assert_eq!(run(&deployment("image: r.io/a:latest")).problems, []);
}

#[test]
fn an_empty_registry_is_warned_of() {
    let found = run(&deployment("image: /release/a:1"));
    assert_eq!(references(&found.images), ["/release/a:1"]);
    assert!(!found.problems[0].error && found.problems[0].hint.as_deref().unwrap().contains("azure.io"));
}

#[test]
fn rules_that_name_what_is_no_image_are_errors() {
    let with_rule = |spec: &str| {
        run_with(&custom(spec), |d| {
            d.rules = vec![rule(|r| r.pointer = Some("/spec/pkg".into()))];
        })
    };
    assert!(only_error(&with_rule("pkg: No Image")).message.contains("is no image"));
    let empty = with_rule("pkg: ''");
    assert!(!empty.problems[0].error && empty.problems[0].message.contains("it is empty"));
    let bad = run_with("", |d| d.rules = vec![rule(|r| r.regex = Some("(".into()))]);
    assert!(only_error(&bad).message.starts_with("discovery rule 1: "));
}

#[test]
fn documents_that_are_no_objects_are_warned_of() {
    for text in ["just words\n", "- a\n- b\n", "42\n"] {
        let found = run(text);
        assert_eq!(found.problems.len(), 1, "{text}");
        assert!(!found.problems[0].error);
    }
    for text in ["", "~\n", "null\n", "---\n# Source: x\n\n---\n"] {
        assert_eq!(run(text), Discovered::default(), "{text}");
    }
}

#[test]
fn problems_come_in_the_order_of_lines_and_are_bounded() {
    let container = "{image: 'Bad:1'}, ".repeat(3000);
    let rendered = format!("kind: Pod\nmetadata: {{name: p}}\nspec: {{containers: [{container}]}}\n---\nspec: a: b\n");
    let found = run(&rendered);
    assert_eq!(found.problems.len(), 1001);
    assert!(found.problems.last().unwrap().message.contains("2001 more problems"));
}
