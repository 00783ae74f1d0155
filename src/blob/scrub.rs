//! Takes signatures out of any text: what is about to be shown, kept or told goes through here.
//!
//! A signature is the value of the parameter `sig` of a shared access signature. It is recognised as a parameter of a URL
//! or query, with `=` or `%3D`, in any case, so also in a URL that stands percent-encoded within another one.

/// What is shown in a signature's place.
const BLANK: &str = "(signature)";

/// The same text with the value of each `sig=` blanked.
pub fn scrub(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, marker, after)) = next_marker(rest) {
        clean.push_str(before);
        clean.push_str(marker);
        let nested = !marker.ends_with('=');
        let length = value_length(after, nested);
        if length > 0 {
            clean.push_str(BLANK);
        }
        rest = after.get(length..).unwrap_or_default();
    }
    clean.push_str(rest);
    clean
}

/// The same, and every other place where one of these signatures stands, as it is written or decoded.
pub fn scrub_known(text: &str, queries: &[&str]) -> String {
    let mut clean = scrub(text);
    for query in queries {
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            if name.eq_ignore_ascii_case("sig") && !value.is_empty() {
                clean = clean.replace(value.as_ref(), BLANK);
                let encoded: String = url::form_urlencoded::byte_serialize(value.as_bytes()).collect();
                clean = clean.replace(&encoded, BLANK);
            }
        }
    }
    clean
}

/// What stands before the next `sig=` or `sig%3D`, the marker as it is written, and what follows it.
fn next_marker(text: &str) -> Option<(&str, &str, &str)> {
    let bytes = text.as_bytes();
    let start = (0..bytes.len()).find(|&at| marker_length(bytes.get(at..).unwrap_or_default()) > 0)?;
    let length = marker_length(bytes.get(start..)?);
    let end = start + length;
    // Markers are ASCII, so both ends are ends of characters.
    Some((text.get(..start)?, text.get(start..end)?, text.get(end..)?))
}

fn marker_length(bytes: &[u8]) -> usize {
    ["sig=", "sig%3d", "sig%253d"]
        .iter()
        .find(|marker| {
            bytes
                .get(..marker.len())
                .is_some_and(|start| start.eq_ignore_ascii_case(marker.as_bytes()))
        })
        .map_or(0, |marker| marker.len())
}

/// How many bytes of the text belong to a signature: base64, percent-encoded or not. Within an encoded URL an encoded `&`
/// ends it.
fn value_length(text: &str, nested: bool) -> usize {
    let bytes = text.as_bytes();
    let ends = |at: usize| {
        let rest = bytes.get(at..).unwrap_or_default();
        let next = |prefix: &[u8]| {
            rest.get(..prefix.len())
                .is_some_and(|start| start.eq_ignore_ascii_case(prefix))
        };
        nested && (next(b"%26") || next(b"%2526"))
            || !rest
                .first()
                .is_some_and(|byte| byte.is_ascii_alphanumeric() || b"%+/=_-~.".contains(byte))
    };
    (0..=bytes.len()).find(|&at| ends(at)).unwrap_or(bytes.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_are_blanked_wherever_they_stand() {
        for (text, clean) in [
            ("", ""),
            ("nothing to hide", "nothing to hide"),
            (
                "https://a/c?sp=r&sig=ab%2Fc%3D&se=2030",
                "https://a/c?sp=r&sig=(signature)&se=2030",
            ),
            ("https://a/c?sig=ab+/c==", "https://a/c?sig=(signature)"),
            ("SIG=abc Sig=def", "SIG=(signature) Sig=(signature)"),
            ("\"sig=abc\", next", "\"sig=(signature)\", next"),
            (
                "<Source>https://a/b?sig=abc&amp;sp=r</Source>",
                "<Source>https://a/b?sig=(signature)&amp;sp=r</Source>",
            ),
            (
                "u=https%3A%2F%2Fa%3Fsig%3Dabc%252F%26sp%3Dr",
                "u=https%3A%2F%2Fa%3Fsig%3D(signature)%26sp%3Dr",
            ),
            ("sig%253Dabc%2526sp", "sig%253D(signature)%2526sp"),
            ("sig=", "sig="),
            ("zürich?sig=äbc", "zürich?sig=äbc"),
            ("sig=abcü", "sig=(signature)ü"),
            ("signature and design=1", "signature and design=1"),
        ] {
            assert_eq!(scrub(text), clean);
        }
    }

    #[test]
    fn a_known_signature_is_blanked_without_its_parameter_too() {
        let query = "sp=r&sig=ab%2Fc%3D";
        assert_eq!(
            scrub_known("got ab/c= and ab%2Fc%3D", &[query]),
            "got (signature) and (signature)"
        );
        assert_eq!(scrub_known("nothing", &[query, ""]), "nothing");
    }
}
