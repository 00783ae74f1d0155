//! No input makes discovery panic, hang or forget what came before.

use super::*;

fn sample() -> String {
    [
        deployment("image: r.io/a:1\nenv:\n- name: X_IMAGE\n  value: |\n    a=r.io/b:1\nargs: [\"--img=r.io/é:1\", '--x']"),
        custom("image: &i r.io/c:1\nother: {image: *i, <<: {a: b}}\nfold: >-\n  text\n  more\n"),
        "%YAML 1.1\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: m}\ndata:\n  x.yaml: |\n    image: r.io/d:1\n  y: '{\"image\": \"r.io/e:1\"}'\n".to_owned(),
    ]
    .concat()
}

/// A small generator of our own: the same bytes on every machine.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, n: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(n).unwrap()).unwrap()
    }
}

#[test]
fn a_render_cut_off_at_any_byte_keeps_what_is_before_the_cut() {
    let sample = sample();
    let whole = run(&sample);
    assert!(whole.problems.iter().all(|p| !p.error), "{whole:#?}");
    let second = sample.find("# Source: c/templates/cr.yaml").unwrap();
    for end in (0..sample.len()).filter(|end| sample.is_char_boundary(*end)) {
        let found = run(&sample[..end]);
        if end >= second {
            assert!(references(&found.images).contains(&"r.io/a:1"), "cut at {end}");
        }
        let last = sample[..end].lines().count() as u64 + 1;
        assert!(
            found.problems.iter().all(|p| p.line <= last),
            "cut at {end}: {found:#?}"
        );
    }
}

#[test]
fn changed_bytes_do_no_harm() {
    let sample = sample();
    let mut random = Random(0x5eed);
    let alphabet: Vec<char> = "{}[]:,-|>&*!%@`\"'#?~<=\\ \n\t\r\u{feff}\u{0}é0aZ".chars().collect();
    for _ in 0..3_000 {
        let mut text: Vec<char> = sample.chars().collect();
        for _ in 0..=random.below(6) {
            let at = random.below(text.len());
            text[at] = alphabet[random.below(alphabet.len())];
        }
        let text: String = text.into_iter().collect();
        assert_eq!(run(&text), run(&text));
    }
}

#[test]
fn random_text_does_no_harm() {
    let mut random = Random(0xa05e);
    let words = [
        "image:",
        " ",
        "\n",
        "- ",
        "{",
        "}",
        "[",
        "]",
        "a",
        "&a",
        "*a",
        "|",
        ">",
        "\"",
        "'",
        ": ",
        "---\n",
        "...\n",
        "kind: Pod\n",
        "containers:\n",
        "%YAML 1.1\n",
        "<<: ",
        "\t",
        "? ",
        "!!str ",
        "\u{feff}",
        "r.io/a:1",
        "#",
    ];
    for _ in 0..3_000 {
        let text: String = (0..random.below(60))
            .map(|_| words[random.below(words.len())])
            .collect();
        run(&text);
    }
}

#[test]
fn ten_thousand_brackets_are_one_clear_error_and_hide_nothing() {
    for nested in [
        "[".repeat(10_000),
        format!("{}{}", "{b: ".repeat(10_000), "}".repeat(10_000)),
    ] {
        let found = run(&format!(
            "{}---\nkind: Pod\nspec: {nested}\n{}",
            deployment("image: r.io/a:1"),
            custom("image: r.io/b:1")
        ));
        assert_eq!(references(&found.images), ["r.io/a:1", "r.io/b:1"]);
        assert_eq!(found.problems.len(), 1);
        assert!(
            found.problems[0].message.contains("nested more than"),
            "{:?}",
            found.problems
        );
        assert!(found.problems[0].excerpt.chars().count() <= 201);
    }
    let inside = format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: m}}\ndata:\n  a: '{}'\n",
        "[".repeat(10_000)
    );
    assert_eq!(run(&inside), Discovered::default(), "inside a text it is only a text");
}

#[test]
fn alias_bombs_are_one_clear_error_and_hide_nothing() {
    let mut bomb = String::from("---\nkind: Bomb\na0: &a0 [{image: 'r.io/x:1'}]\n");
    for n in 1..40 {
        let last = n - 1;
        bomb +=
            &format!("a{n}: &a{n} [*a{last}, *a{last}, *a{last}, *a{last}, *a{last}, *a{last}, *a{last}, *a{last}]\n");
    }
    bomb.push_str("---\n# Source: c/t.yaml\n");
    let found = run(&format!(
        "{}{bomb}{}",
        deployment("image: r.io/a:1"),
        custom("image: r.io/b:1")
    ));
    assert!(
        found.images.iter().any(|f| f.reference == "r.io/a:1")
            && found.images.iter().any(|f| f.reference == "r.io/b:1")
    );
    assert!(
        found
            .problems
            .iter()
            .any(|p| p.error && p.message.contains("aliases stand for")),
        "{:?}",
        found.problems
    );
}

#[test]
fn long_lines_are_no_trouble() {
    let long = "x".repeat(1024 * 1024);
    let rendered = deployment(&format!(
        "image: r.io/a:1\nargs: ['{long}', '--image={long}']\nenv: [{{name: IMAGE, value: \"{}\"}}]",
        "a,".repeat(500_000)
    ));
    assert_eq!(references(&run(&rendered).images), ["r.io/a:1"]);
    let bad = run(&deployment(&format!("image: '{long}'")));
    assert_eq!(bad.problems.len(), 1);
    assert!(bad.problems[0].message.len() < 1000 && bad.problems[0].excerpt.len() < 1000);
}
