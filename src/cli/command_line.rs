//! Commands as people type them, for hints that can be copied.

/// This call once more, with flags added. Words are quoted where a POSIX shell needs it.
pub fn command_line(added: &[&str]) -> String {
    let typed: Vec<String> = std::env::args_os()
        .skip(1)
        .map(|word| shell_word(&word.to_string_lossy()))
        .collect();
    let mut words = vec!["aosm-build".to_owned()];
    // Before `--` if there is one: what follows it are no flags.
    let end = typed.iter().position(|word| word == "--").unwrap_or(typed.len());
    let (before, after) = typed.split_at(end);
    words.extend(before.iter().cloned());
    words.extend(added.iter().map(|word| shell_word(word)));
    words.extend(after.iter().cloned());
    words.join(" ")
}

/// One word, in single quotes where it needs them.
pub fn shell_word(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./:@=,+%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_where_a_shell_needs_it() {
        for (word, quoted) in [
            ("localhost:5000/a/b:1.0,latest", "localhost:5000/a/b:1.0,latest"),
            ("k=v", "k=v"),
            ("", "''"),
            ("a b", "'a b'"),
            ("$HOME", "'$HOME'"),
            ("it's", r"'it'\''s'"),
        ] {
            assert_eq!(shell_word(word), quoted);
        }
    }
}
