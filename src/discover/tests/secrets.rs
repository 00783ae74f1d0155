//! Nothing of a Secret's values gets out, whatever is wrong with the document.

use super::*;

/// What must never be seen: shaped like an image, so that a careless detector would take it.
const PLANTED: &str = "r.io/planted/hunter2:1.0";

fn is_clean(found: &Discovered) -> bool {
    let text = format!("{found:?}");
    !text.contains("planted") && !text.contains("hunter2")
}

fn greedy(rendered: &str) -> Discovered {
    run_with(rendered, |d| {
        d.candidates = Candidates::Include;
        d.rules = vec![
            rule(|r| r.pointer = Some("/**".into())),
            rule(|r| r.regex = Some(r"(\S+/\S+)".into())),
            rule(|r| r.env = Some("*".into())),
            rule(|r| r.repository = Some("image".into())),
        ];
    })
}

#[test]
fn values_of_secrets_are_never_found_even_by_greedy_rules() {
    let secret = format!(
        "apiVersion: v1\nkind: Secret\nmetadata: {{name: s, annotations: {{image: '{PLANTED}'}}}}\nstringData:\n  image: {PLANTED}\n  containers: [{{image: '{PLANTED}'}}, {{image: '{PLANTED} x'}}]\n  env: [{{name: IMAGE, value: '{PLANTED}'}}]\n  args: ['--image={PLANTED}']\n  conf.yaml: |\n    image: {PLANTED}\ndata:\n  image: {PLANTED}\n"
    );
    let list = format!("apiVersion: v1\nkind: List\nitems:\n- {}", secret.replace('\n', "\n  "));
    for rendered in [&secret, &list, &secret.replace('\n', "\r\n")] {
        for found in [run(rendered), greedy(rendered)] {
            assert!(is_clean(&found), "{found:#?}");
            assert_eq!((found.images, found.candidates), (vec![], vec![]));
        }
    }
}

#[test]
fn a_broken_secret_is_reported_without_a_line_of_it() {
    for broken in [
        format!("kind: Secret\nstringData:\n  a: {PLANTED}: {PLANTED}\n"),
        format!("stringData:\n  a: \"{PLANTED}\n"),
        format!("data:\n  a: {PLANTED}: x\n"),
        format!("{{\"kind\": \"Secret\", \"data\": {{\"a\": \"{PLANTED}\" \"b\"}}}}\n"),
        format!("data:\n  a: {PLANTED}: x\nkind: Secret\n"),
        format!("kind: Secret\ndata:\n  *{PLANTED}\n"),
        format!("kind: Secret\ndata:\n  a: !<{PLANTED} x\n"),
        format!("kind: Secret\ndata:\n  a: \"\\q{PLANTED}\"\n"),
    ] {
        let found = run(&broken);
        assert_eq!(found.problems.len(), 1, "{broken}: {found:#?}");
        assert!(found.problems[0].error);
        assert_eq!(found.problems[0].excerpt, "");
        assert!(is_clean(&found), "{broken}: {found:#?}");
    }
}

#[test]
fn duplicate_keys_of_a_secret_are_not_named() {
    let found = run("kind: Secret\nstringData:\n  hunter2: a\n  hunter2: b\n");
    assert_eq!(found.problems.len(), 1);
    assert!(is_clean(&found), "{found:#?}");
}

#[test]
fn a_problem_beside_a_secret_on_one_line_shows_no_excerpt() {
    let rendered = format!(
        "{{\"kind\": \"List\", \"items\": [{{\"kind\": \"Secret\", \"data\": {{\"a\": \"{PLANTED}\"}}}}, {{\"kind\": \"Pod\", \"spec\": {{\"containers\": [{{\"image\": \"Bad:1\"}}]}}}}]}}\n"
    );
    let found = run(&rendered);
    assert!(
        found.problems.iter().any(|p| p.error && p.message.contains("Bad:1")),
        "{found:#?}"
    );
    assert!(is_clean(&found), "{found:#?}");
}

#[test]
fn a_secret_cut_off_at_any_byte_shows_nothing() {
    let secret = format!(
        "---\n# Source: c/templates/s.yaml\napiVersion: v1\nkind: Secret\nmetadata:\n  name: \"s\"\nstringData:\n  a: \"{PLANTED}\"\n  image: '{PLANTED}'\n  b: {{image: \"{PLANTED}\"}}\n"
    );
    let (_, body) = secret.split_once("apiVersion: v1\n").unwrap();
    for end in 0..secret.len() {
        let head = &secret[..end];
        assert!(is_clean(&run(head)), "{head}");
        assert!(is_clean(&greedy(head)), "{head}");
    }
    // Cut off at the front there is no kind left to go by in a well-formed rest; a broken rest still shows nothing.
    for start in 0..body.len() {
        let found = run(&body[start..]);
        assert!(
            found.problems.iter().all(|p| !p.excerpt.contains("hunter2")),
            "{}: {found:#?}",
            &body[start..]
        );
    }
}

#[test]
fn secret_looking_variables_are_not_repeated() {
    let found = run(&deployment(&format!(
        "image: r.io/a:1\nenv: [{{name: DB_PASSWORD, value: '{PLANTED}'}}]\nargs: ['--token={PLANTED}', --password, '{PLANTED}']"
    )));
    assert!(is_clean(&found), "{found:#?}");
}
