#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]
#![allow(
    clippy::format_push_string,
    clippy::format_collect,
    reason = "test texts are built for reading, not for speed"
)]

use super::*;

fn one(text: &str) -> Tree<'_> {
    let (mut trees, broken) = parse(text, 1);
    assert_eq!(broken, None, "{text:?}");
    assert_eq!(trees.len(), 1, "{text:?}");
    trees.remove(0)
}

/// Follows keys and indexes joined by spaces.
fn at<'t>(tree: &'t Tree<'_>, path: &str) -> Option<(&'t str, u64)> {
    let mut id = tree.root?;
    for step in path.split_whitespace() {
        id = match step.parse::<usize>() {
            Ok(index) if !tree.items(id).is_empty() => *tree.items(id).get(index)?,
            _ => tree.get(id, step)?,
        };
    }
    Some((tree.scalar(id)?.text.as_ref(), tree.line(id)))
}

#[test]
fn every_style_gives_its_text_and_line() {
    let text = "# c\na: plain # c\nb: 'sin''gle'\nc: \"dou\\tble\"\nd: >-\n  folded\n  text\ne: |\n  lit\n\n  eral\nf: {g: [1, \"x\"], h: }\ni:\n- - deep\n";
    let tree = one(text);
    let rows = [
        ("a", "plain", 2),
        ("b", "sin'gle", 3),
        ("c", "dou\tble", 4),
        ("d", "folded text", 6),
        ("e", "lit\n\neral\n", 9),
        ("f g 1", "x", 12),
        ("i 0 0", "deep", 14),
    ];
    for (path, value, line) in rows {
        assert_eq!(at(&tree, path), Some((value, line)), "{path}");
    }
}

#[test]
fn lines_inside_literal_texts_are_known() {
    let tree = one("a: |\n\n  x\n\n  y\nb: >\n  p\n\n  q\n");
    let line = |key: &str, inner| {
        let id = tree.get(tree.root.unwrap(), key).unwrap();
        tree.scalar(id).unwrap().inner_line(tree.line(id), inner)
    };
    assert_eq!((line("a", 0), line("a", 1), line("a", 3)), (2, 3, 5));
    assert_eq!((line("b", 0), line("b", 1)), (7, 7));
}

#[test]
fn lines_count_from_where_the_text_starts_in_the_whole() {
    let (trees, _) = parse("a: b\nc: d\n", 40);
    assert_eq!(at(&trees[0], "c"), Some(("d", 41)));
    let (_, broken) = parse("a: b\nc: [\n", 40);
    assert!(broken.unwrap().line >= 41);
}

#[test]
fn carriage_returns_marks_and_directives_do_no_harm() {
    assert_eq!(at(&one("a: b\r\nc: d\r\ne: |\r\n  x\r\n"), "c"), Some(("d", 2)));
    assert_eq!(at(&one("\u{feff}a: b\n"), "a"), Some(("b", 1)));
    assert_eq!(at(&one("%YAML 1.1\n---\na: b\n"), "a"), Some(("b", 3)));
    assert_eq!(
        at(&one("%TAG !x! tag:x,2000:\n--- !x!y\na: !x!z b\n"), "a"),
        Some(("b", 3))
    );
    assert_eq!(at(&one("a: \"tab\tinside\"\t# c\nb:\tc\n"), "b"), Some(("c", 2)));
}

#[test]
fn scalars_mean_what_kubernetes_readers_take_them_for() {
    use ScalarKind as K;
    let rows = [
        ("x", K::Text),
        ("'1'", K::Text),
        ("\"true\"", K::Text),
        ("!!str 1", K::Text),
        ("''", K::Text),
        ("1.2.3", K::Text),
        ("v1", K::Text),
        ("y", K::Text),
        (".", K::Text),
        ("~", K::Null),
        ("", K::Null),
        ("null", K::Null),
        ("true", K::Boolean),
        ("off", K::Boolean),
        ("1", K::Number),
        ("-1.5e3", K::Number),
        ("0x1F", K::Number),
        ("0o17", K::Number),
        ("1.25", K::Number),
    ];
    for (text, kind) in rows {
        let document = format!("a: {text}\n");
        let tree = one(&document);
        let id = tree.get(tree.root.unwrap(), "a").unwrap();
        assert_eq!(tree.scalar(id).unwrap().kind(), kind, "{text}");
    }
}

#[test]
fn aliases_and_merge_keys_are_resolved() {
    let text = "base: &b {image: x, tag: 1}\nother: &o {tag: 2, name: n}\nuse: *b\nmix:\n  <<: [*b, *o]\n  tag: 3\nsolo: {<<: *o, <<x: y}\n\"<<\": kept\n";
    let tree = one(text);
    assert_eq!(at(&tree, "use image"), Some(("x", 1)));
    assert_eq!(at(&tree, "mix image"), Some(("x", 1)));
    assert_eq!(at(&tree, "mix tag"), Some(("3", 6)));
    assert_eq!(at(&tree, "mix name"), Some(("n", 2)));
    assert_eq!(at(&tree, "solo name"), Some(("n", 2)));
    assert_eq!(
        at(&tree, "<<"),
        Some(("kept", 8)),
        "a quoted << is a key like any other"
    );
    assert_eq!(tree.notes, []);
}

#[test]
fn odd_keys_are_noted() {
    let tree = one("a: 1\nb: 2\na: 3\n? [x]\n: 4\n1: five\ntrue: six\n~: seven\n<<: 8\n&k c: 9\n*k : 10\n");
    assert_eq!(at(&tree, "a"), Some(("3", 3)));
    assert_eq!(at(&tree, "1"), Some(("five", 6)));
    assert_eq!(at(&tree, "true"), Some(("six", 7)));
    assert_eq!(at(&tree, "c"), Some(("10", 11)), "an alias of a scalar is a key");
    let mut notes: Vec<(u64, &Oddity)> = tree.notes.iter().map(|n| (n.line, &n.oddity)).collect();
    notes.sort_by_key(|(line, _)| *line);
    let (a, c) = (Oddity::DuplicateKey("a".into()), Oddity::DuplicateKey("c".into()));
    assert_eq!(
        notes,
        [(3, &a), (4, &Oddity::ComplexKey), (9, &Oddity::BadMerge), (11, &c)]
    );
}

#[test]
fn notes_are_bounded() {
    assert_eq!(one(&"a: 1\n".repeat(10_000)).notes.len(), MAX_NOTES);
}

#[test]
fn documents_before_a_fault_are_kept() {
    let (trees, broken) = parse("a: b\n...\n---\nc: [d\n", 1);
    assert_eq!(trees.len(), 1);
    assert!(broken.is_some());
}

#[test]
fn faults_have_their_line() {
    for (text, line) in [
        ("a: b\nc: d: e\n", 2),
        ("a:\n\t- b\n", 2),
        ("a: *nowhere\n", 1),
        ("a: 1\n- b\n", 2),
        ("a: &x [*x]\n", 1),
    ] {
        let (_, broken) = parse(text, 1);
        assert_eq!(broken.unwrap().line, line, "{text:?}");
    }
}

#[test]
fn nesting_is_bounded_in_every_style() {
    let flow = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let maps = format!("{}1{}", "{a: ".repeat(10_000), "}".repeat(10_000));
    let block: String = (0..4_000).map(|n| format!("{}a:\n", " ".repeat(n))).collect();
    let dashes = "- ".repeat(10_000);
    for text in [flow, maps, block, dashes, "[".repeat(10_000)] {
        let (trees, broken) = parse(&text, 1);
        assert!(trees.is_empty());
        assert_eq!(broken.unwrap().message, TOO_DEEP);
    }
    let fine = format!("{}{}", "[".repeat(MAX_DEPTH), "]".repeat(MAX_DEPTH));
    assert!(parse(&fine, 1).1.is_none());
}

#[test]
fn alias_bombs_cost_no_memory() {
    let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
    for n in 1..60 {
        let last = n - 1;
        text += &format!(
            "a{n}: &a{n} [*a{last}, *a{last}, *a{last}, *a{last}, *a{last}, *a{last}, *a{last}, *a{last}, *a{last}]\n"
        );
    }
    assert!(one(&text).nodes.len() < 1000);
}

#[test]
fn merge_bombs_are_refused() {
    let mut text = String::from("base: &b\n");
    for n in 0..2000 {
        text += &format!("  k{n}: v\n");
    }
    for n in 0..2000 {
        text += &format!("m{n}: {{<<: *b}}\n");
    }
    assert_eq!(parse(&text, 1).1.unwrap().message, TOO_MANY);
}

#[test]
fn node_count_and_size_are_bounded() {
    assert_eq!(
        parse(&format!("[{}]", "1,".repeat(MAX_NODES)), 1).1.unwrap().message,
        TOO_MANY
    );
    assert!(
        parse(&" ".repeat(MAX_BYTES + 1), 1)
            .1
            .unwrap()
            .message
            .contains("bytes")
    );
}

#[test]
fn long_lines_are_read_in_whole() {
    let long = "x".repeat(1024 * 1024);
    let text = format!("a: {long}\nb: \"{long}\"\nc: [{}]\n", "y, ".repeat(300_000));
    let tree = one(&text);
    assert_eq!(at(&tree, "a").unwrap().0.len(), long.len());
    assert_eq!(at(&tree, "c 299999"), Some(("y", 3)));
}
