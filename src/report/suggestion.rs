//! Commands that a hint suggests, as they have to be typed in the run at hand.

/// Commands that see the stores of an environment.
const DEPENDENT: [&str; 14] = [
    "apply",
    "artifact",
    "artifact-manifest",
    "check",
    "credential",
    "doctor",
    "export",
    "graph",
    "images",
    "lock",
    "plan",
    "store",
    "vhd",
    "why",
];

/// The text with each `aosm-build COMMAND` in it said for this environment: without it a suggested command would reach the
/// stores of another one.
pub fn in_environment(text: &str, environment: &str) -> String {
    let mut parts = text.split("aosm-build ");
    let mut said = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        said.push_str("aosm-build ");
        let word = part.split(|c: char| !c.is_ascii_alphanumeric() && c != '-').next();
        if word.is_some_and(|word| DEPENDENT.contains(&word)) {
            said.push_str("--environment ");
            said.push_str(environment);
            said.push(' ');
        }
        said.push_str(part);
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_suggested_command_stays_in_the_environment_of_the_run() {
        for (text, said) in [
            (
                "make it: aosm-build artifact-manifest create --store images (or deploy it)",
                "make it: aosm-build --environment qa artifact-manifest create --store images (or deploy it)",
            ),
            (
                "run `aosm-build plan`, then aosm-build apply",
                "run `aosm-build --environment qa plan`, then aosm-build --environment qa apply",
            ),
            (
                "log in with: aosm-build login host",
                "log in with: aosm-build login host",
            ),
            (
                "use a version of aosm-build that can",
                "use a version of aosm-build that can",
            ),
            ("aosm-build --store aosm plan", "aosm-build --store aosm plan"),
            ("nothing of it", "nothing of it"),
        ] {
            assert_eq!(in_environment(text, "qa"), said);
        }
    }
}
