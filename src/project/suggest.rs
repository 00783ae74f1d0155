//! "Did you mean": the nearest of some known words.

/// The known word nearest to what was written, if any is near enough to be meant.
pub(crate) fn nearest<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let plain = |text: &str| text.to_lowercase().replace(['_', ' ', '.'], "-");
    let wanted = plain(written);
    known
        .into_iter()
        .map(|word| {
            let candidate = plain(word);
            let distance = strsim::damerau_levenshtein(&wanted, &candidate);
            // One slip in short words, one in three letters of longer ones.
            let allowed = (candidate.chars().count().min(wanted.chars().count()) / 3).max(1);
            (distance, allowed, word)
        })
        .filter(|(distance, allowed, _)| distance <= allowed)
        .min_by_key(|(distance, _, _)| *distance)
        .map(|(_, _, word)| word)
}

/// A hint for an unknown word: the nearest one, else all there are.
pub(crate) fn hint(written: &str, known: &[&str], what: &str) -> String {
    match nearest(written, known.iter().copied()) {
        Some(word) => format!("did you mean `{word}`?"),
        None if known.is_empty() => format!("there are no {what}"),
        None => {
            let list: Vec<String> = known.iter().map(|word| format!("`{word}`")).collect();
            format!("{what}: {}", list.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_is_found_and_far_ones_are_not() {
        let known = ["name", "namespace", "values", "image-sources", "include-crds", "set"];
        let cases = [
            ("nmae", Some("name")),
            ("Name", Some("name")),
            ("name_space", Some("namespace")),
            ("image_sources", Some("image-sources")),
            ("imageSources", Some("image-sources")),
            ("value", Some("values")),
            ("incldue-crds", Some("include-crds")),
            ("sett", Some("set")),
            ("x", None),
            ("completely-else", None),
        ];
        for (written, expected) in cases {
            assert_eq!(nearest(written, known), expected, "{written}");
        }
    }

    #[test]
    fn without_a_near_word_the_hint_lists_all() {
        assert_eq!(
            hint("zzz", &["a-key", "b-key"], "known keys"),
            "known keys: `a-key`, `b-key`"
        );
        assert_eq!(hint("zzz", &[], "stores"), "there are no stores");
    }
}
