//! Whole pictures, as a person sees them.

use super::*;
use crate::fault::SourceFile;

fn file() -> Arc<SourceFile> {
    SourceFile::new(
        "aosm.toml",
        "[project]\nverison = \"1.0.0\"\n\n[stores.a]\nkind = \"local\"\n\n\n\n\n\n\nlast = 1\n",
    )
}

fn plain(fault: &Fault) -> String {
    render(
        fault,
        Style {
            color: false,
            unicode: false,
            width: 80,
        },
    )
}

#[test]
fn an_error_shows_its_line_and_its_hint() {
    let fault = Fault::invalid("project.verison: unknown key")
        .at(Place::new(file(), 10..17))
        .hint("did you mean `version`?");
    let expected = "  error: project.verison: unknown key
   ,-[aosm.toml:2:1]
 1 | [project]
 2 | verison = \"1.0.0\"
   : ^^^^^^^
 3 |
   `----
  help: did you mean `version`?
";
    assert_eq!(plain(&fault), expected);
}

#[test]
fn lines_break_at_spaces_only_so_that_paths_and_references_stay_whole() {
    let path = format!("contoso/{}/templates/app-0.yaml", "sub-chart/".repeat(9));
    let fault = Fault::invalid(format!("image r.example/a/b:1: not found ({path}, rendered line 15)")).because(&path);
    let drawn = plain(&fault);
    assert_eq!(drawn.matches(path.as_str()).count(), 2, "{drawn}");
}

#[test]
fn places_in_two_files_get_an_excerpt_each_and_the_hint_comes_last() {
    let other = SourceFile::new("cnf-input.jsonc", "{\n  \"version\": \"2.0.0\"\n}\n");
    let fault = Fault::invalid("version: the two files differ")
        .at(Place::new(file(), 10..17))
        .label(Place::new(other, 15..22), "the other version")
        .hint("keep one");
    let expected = "  error: version: the two files differ
   ,-[aosm.toml:2:1]
 1 | [project]
 2 | verison = \"1.0.0\"
   : ^^^^^^^
 3 |
   `----
  note: the other version
   ,-[cnf-input.jsonc:2:14]
 1 | {
 2 |   \"version\": \"2.0.0\"
   :              ^^^^^^^
 3 | }
   `----
  help: keep one
";
    assert_eq!(plain(&fault), expected);
}

#[test]
fn near_places_share_an_excerpt_and_far_ones_do_not() {
    let near = Fault::invalid("x")
        .at(Place::new(file(), 10..17))
        .label(Place::new(file(), 30..38), "first here");
    assert_eq!(
        plain(&near).matches("aosm.toml").count(),
        2,
        "two texts that are not the same source"
    );
    let source = file();
    let near = Fault::invalid("x")
        .at(Place::new(Arc::clone(&source), 10..17))
        .label(Place::new(Arc::clone(&source), 30..38), "first here");
    assert_eq!(plain(&near).matches("aosm.toml").count(), 1);
    assert!(plain(&near).contains("first here"));
    let far = Fault::invalid("x")
        .at(Place::new(Arc::clone(&source), 10..17))
        .label(Place::new(source, 60..64), "far");
    assert!(plain(&far).contains("note: far"), "{}", plain(&far));
}

#[test]
fn warnings_and_causes_are_named() {
    let fault = Fault::warning("chart x: odd")
        .because("first cause")
        .because("second\nof two lines");
    let text = plain(&fault);
    assert!(text.starts_with("  warning: chart x: odd\n"), "{text}");
    let first = text.find("first cause").unwrap_or(usize::MAX);
    let second = text.find("second").unwrap_or(0);
    assert!(first < second && text.contains("of two lines"), "{text}");
}

#[test]
fn a_place_without_text_shows_its_path_once() {
    let fault = Fault::invalid("cannot be read").at(Place::file_only("a/b.toml"));
    assert_eq!(plain(&fault), "  error: cannot be read (a/b.toml)\n");
    let fault = Fault::invalid("a/b.toml: cannot be read").at(Place::file_only("a/b.toml"));
    assert_eq!(plain(&fault), "  error: a/b.toml: cannot be read\n");
}

#[test]
fn colours_and_box_characters_come_only_when_asked_for() {
    let fault = Fault::invalid("x")
        .at(Place::new(file(), 10..17))
        .because("y")
        .hint("z");
    assert!(plain(&fault).is_ascii());
    let unicode = render(
        &fault,
        Style {
            color: false,
            unicode: true,
            width: 80,
        },
    );
    assert!(!unicode.contains('\u{1b}') && !unicode.is_ascii());
    let colored = render(
        &fault,
        Style {
            color: true,
            unicode: false,
            width: 80,
        },
    );
    assert!(colored.contains('\u{1b}') && colored.contains("error:"));
}

#[test]
fn nothing_from_a_file_can_steer_the_terminal() {
    let source = SourceFile::new("a\u{1b}[2J.toml", "k = \"\u{1b}[2Jx\"\n");
    let fault = Fault::invalid("m\u{1b}[2J")
        .at(Place::new(source, 0..1))
        .because("c\u{1b}[2J")
        .hint("h\u{7}");
    assert!(!plain(&fault).contains(['\u{1b}', '\u{7}']));
    assert!(!one_line(&fault).contains(['\u{1b}', '\u{7}']));
}

#[test]
fn any_span_of_any_text_can_be_drawn() {
    for text in ["", "a", "\n", "ä\nö", "a\r\nb\r\n", "\t\tx\n\n", "日本語\n"] {
        let source = SourceFile::new("x", text);
        for start in 0..=text.len() + 1 {
            for end in start..=text.len() + 1 {
                let fault = Fault::invalid("m").at(Place::new(Arc::clone(&source), start..end));
                assert!(plain(&fault).starts_with("  error: m"), "{text:?} {start}..{end}");
            }
        }
    }
}

#[test]
fn a_narrow_screen_wraps_words() {
    let fault = Fault::invalid("word ".repeat(40)).hint("word ".repeat(40));
    for width in [0, 1, 40, 60] {
        let text = render(
            &fault,
            Style {
                color: false,
                unicode: false,
                width,
            },
        );
        assert!(text.lines().all(|line| line.chars().count() <= width.max(40)), "{text}");
    }
}

#[test]
fn one_line_holds_everything_on_one_line() {
    let fault = Fault::invalid("a: b")
        .at(Place::new(file(), 10..17))
        .because("one\ntwo")
        .hint("do\nthis");
    assert_eq!(one_line(&fault), "error: a: b (aosm.toml:2:1): one two; hint: do this");
    assert_eq!(one_line(&Fault::warning("x")), "warning: x");
    assert_eq!(
        one_line(&Fault::invalid("x.toml: y").at(Place::file_only("x.toml"))),
        "error: x.toml: y"
    );
}
