//! The profiles as a Bicep file, to be imported where the network function definition is written.
//!
//! Microsoft's Bicep documentation, "Strings" (escapes in single-quoted strings) and "Imports" (`@export`).

use std::fmt::Write as _;

use super::document::ValuesPathsDocument;
use super::profile::profiles;

/// The file's text; the same document gives the same bytes.
pub fn bicep(document: &ValuesPathsDocument) -> String {
    let mut text = String::from(
        "// written by `aosm-build images --values-paths --format bicep`\n\
         // import { helmArtifactProfiles } from 'values-paths.bicep', then\n\
         // helmArtifactProfile: helmArtifactProfiles['NAME OF THE APPLICATION']\n\
         @export()\nvar helmArtifactProfiles = {\n",
    );
    for (name, profile) in profiles(document) {
        let _ = writeln!(text, "  {}: {{", quoted(name));
        let _ = writeln!(text, "    helmPackageName: {}", quoted(&profile.helm_package_name));
        let version = quoted(&profile.helm_package_version_range);
        let _ = writeln!(text, "    helmPackageVersionRange: {version}");
        list(&mut text, "registryValuesPaths", &profile.registry_values_paths);
        list(
            &mut text,
            "imagePullSecretsValuesPaths",
            &profile.image_pull_secrets_values_paths,
        );
        text.push_str("  }\n");
    }
    text.push_str("}\n");
    text
}

fn list(text: &mut String, name: &str, items: &[String]) {
    if items.is_empty() {
        let _ = writeln!(text, "    {name}: []");
        return;
    }
    let _ = writeln!(text, "    {name}: [");
    for item in items {
        let _ = writeln!(text, "      {}", quoted(item));
    }
    text.push_str("    ]\n");
}

fn quoted(text: &str) -> String {
    let mut quoted = String::from("'");
    for c in text.chars() {
        match c {
            '\\' => quoted.push_str("\\\\"),
            '\'' => quoted.push_str("\\'"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            // `${` begins an interpolation.
            '$' => quoted.push_str("\\$"),
            c if c.is_control() => {
                let _ = write!(quoted, "\\u{{{:x}}}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('\'');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_escaped_as_bicep_reads_them() {
        assert_eq!(quoted("a\\.b'c${d}\n\u{1}"), "'a\\\\.b\\'c\\${d}\\n\\u{1}'");
    }
}
