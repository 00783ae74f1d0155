//! Resource Manager's error bodies in readable lines.
//!
//! The form is that of the Azure REST guidelines ("Handling errors"): `error` with `code`, `message`, `target`, `details`
//! (errors again) and `additionalInfo`. Services put whole error bodies as text into `message`, and some leave the outer
//! `error` away: both are read. Depth, number and length of lines are bounded.

use serde_json::{Map, Value};

/// At most so many lines are kept; what is beyond is counted.
const LINES: usize = 12;
/// Characters of a line.
const LENGTH: usize = 400;
/// Errors within errors.
const DEPTH: usize = 6;

/// What an error body says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Told {
    /// The outermost code.
    pub code: Option<String>,
    /// The outermost message, on one line; may be empty.
    pub message: String,
    /// What is beneath: details and additional information, a line each.
    pub lines: Vec<String>,
}

struct Body {
    code: Option<String>,
    message: Option<String>,
    target: Option<String>,
    details: Option<Vec<Value>>,
    additional_info: Option<Vec<Value>>,
    innererror: Option<Value>,
}

/// Reads an error body; `None` when it is none.
pub fn told(body: &[u8]) -> Option<Told> {
    let value: Value = serde_json::from_slice(body).ok()?;
    told_of(&value)
}

/// The same of a value: a whole body, or what its `error` holds.
pub fn told_of(value: &Value) -> Option<Told> {
    let body = read(value)?;
    let mut told = Told {
        code: body.code.as_deref().map(one_line).filter(|code| !code.is_empty()),
        message: one_line(body.message.as_deref().unwrap_or_default()),
        lines: Vec::new(),
    };
    let mut lines = Vec::new();
    if let Some(within) = within(body.message.as_deref()) {
        // The message is an error body itself: it says more than its own text would.
        told.message = String::new();
        line_of(&within, 1, &mut lines);
    }
    beneath(&body, 1, &mut lines);
    if told.message.is_empty() && !lines.is_empty() {
        told.message = lines.remove(0);
    }
    lines.retain(|line| !line.is_empty() && *line != told.message);
    let mut seen = std::collections::BTreeSet::new();
    lines.retain(|line| seen.insert(line.clone()));
    if lines.len() > LINES {
        let more = lines.len() - LINES;
        lines.truncate(LINES);
        lines.push(format!("and {more} more"));
    }
    told.lines = lines;
    Some(told)
}

fn read(value: &Value) -> Option<Body> {
    let object = value.get("error").unwrap_or(value).as_object()?;
    // Field by field: one of an unexpected type must not hide the others.
    let text = |name: &str| field(object, name).and_then(Value::as_str).map(str::to_owned);
    let list = |name: &str| field(object, name).and_then(Value::as_array).cloned();
    let body = Body {
        code: text("code"),
        message: text("message"),
        target: text("target"),
        details: list("details"),
        additional_info: list("additionalInfo"),
        innererror: field(object, "innererror").cloned(),
    };
    (body.code.is_some() || body.message.is_some() || body.details.is_some()).then_some(body)
}

/// Names differ in case from service to service.
fn field<'v>(object: &'v Map<String, Value>, name: &str) -> Option<&'v Value> {
    object.get(name).or_else(|| {
        object
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    })
}

fn within(message: Option<&str>) -> Option<Value> {
    let text = message?.trim();
    if !text.starts_with('{') {
        return None;
    }
    let value: Value = serde_json::from_str(text).ok()?;
    read(&value).map(|_| value)
}

fn line_of(value: &Value, depth: usize, lines: &mut Vec<String>) {
    if depth > DEPTH || lines.len() > 10 * LINES {
        return;
    }
    let Some(body) = read(value) else {
        return;
    };
    match within(body.message.as_deref()) {
        Some(within) => line_of(&within, depth + 1, lines),
        None => lines.push(shown(&body)),
    }
    beneath(&body, depth + 1, lines);
}

fn beneath(body: &Body, depth: usize, lines: &mut Vec<String>) {
    for detail in body.details.iter().flatten() {
        line_of(detail, depth, lines);
    }
    for info in body.additional_info.iter().flatten() {
        lines.extend(info_line(info));
    }
    if let Some(inner) = &body.innererror {
        line_of(inner, depth, lines);
    }
}

/// `Code: message (target)`.
fn shown(body: &Body) -> String {
    let mut line = match (body.code.as_deref(), body.message.as_deref()) {
        (Some(code), Some(message)) if !message.trim().is_empty() => format!("{code}: {message}"),
        (Some(text), _) | (None, Some(text)) => text.to_owned(),
        (None, None) => String::new(),
    };
    if let Some(target) = body.target.as_deref().filter(|target| !line.contains(target)) {
        line = format!("{line} ({target})");
    }
    one_line(&line)
}

/// `PolicyViolation: policyDefinitionDisplayName = …, …`: what is a plain value in it.
fn info_line(info: &Value) -> Option<String> {
    let object = info.as_object()?;
    let kind = field(object, "type")
        .and_then(Value::as_str)
        .unwrap_or("additional information");
    let values: Vec<String> = match field(object, "info") {
        Some(Value::Object(fields)) => fields
            .iter()
            .filter_map(|(name, value)| plain(value).map(|value| format!("{name} = {value}")))
            .collect(),
        Some(value) => plain(value).into_iter().collect(),
        None => Vec::new(),
    };
    Some(one_line(&if values.is_empty() {
        kind.to_owned()
    } else {
        format!("{kind}: {}", values.join(", "))
    }))
}

fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(bool) => Some(bool.to_string()),
        _ => None,
    }
}

/// One bounded line without what could move a terminal's cursor.
pub fn one_line(text: &str) -> String {
    let mut line = String::new();
    let mut length = 0;
    for word in text
        .split(|c: char| c.is_whitespace() || c.is_control())
        .filter(|word| !word.is_empty())
    {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
        length += word.chars().count() + 1;
        if length > LENGTH {
            return line.chars().take(LENGTH).chain(['…']).collect();
        }
    }
    // Services end their sentences; here the line goes on or ends by itself.
    line.trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests may fail loudly")]

    use super::*;

    #[test]
    fn error_bodies_become_lines_however_they_nest() {
        let cases: [(&str, Option<&str>, &str, &[&str]); 9] = [
            (
                r#"{"error":{"code":"AuthorizationFailed","message":"The client does not have\r\n authorization."}}"#,
                Some("AuthorizationFailed"),
                "The client does not have authorization",
                &[],
            ),
            (
                r#"{"error":{"code":"BadRequest","message":"Validation failed.","details":[
                    {"code":"InvalidName","message":"The name is bad.","target":"artifactName"},
                    {"code":"Outer","details":[{"code":"Inner","message":"deep"}]}]}}"#,
                Some("BadRequest"),
                "Validation failed",
                &["InvalidName: The name is bad. (artifactName)", "Outer", "Inner: deep"],
            ),
            (
                r#"{"error":{"code":"RequestDisallowedByPolicy","message":"Denied.","additionalInfo":[
                    {"type":"PolicyViolation","info":{"policyDefinitionDisplayName":"No stores here","evaluation":{"x":1}}}]}}"#,
                Some("RequestDisallowedByPolicy"),
                "Denied",
                &["PolicyViolation: policyDefinitionDisplayName = No stores here"],
            ),
            // An error body as the message of another one.
            (
                r#"{"error":{"code":"DeploymentFailed","message":"{\"error\":{\"code\":\"Conflict\",\"message\":\"it is sealed\"}}"}}"#,
                Some("DeploymentFailed"),
                "Conflict: it is sealed",
                &[],
            ),
            (r#"{"Code":"A","Message":"b"}"#, Some("A"), "b", &[]),
            (
                r#"{"error":{"code":"A","message":7,"details":"x"}}"#,
                Some("A"),
                "",
                &[],
            ),
            (
                r#"{"error":{"code":"A","message":"b","innererror":{"code":"C","message":"d"}}}"#,
                Some("A"),
                "b",
                &["C: d"],
            ),
            (r#"{"error":{"code":"","message":"b"}}"#, None, "b", &[]),
            (
                r#"{"error":{"code":"A","message":"b","details":[{"code":"C","message":"d"},{"code":"C","message":"d"},"x"]}}"#,
                Some("A"),
                "b",
                &["C: d"],
            ),
        ];
        for (body, code, message, lines) in cases {
            let told = told(body.as_bytes()).unwrap();
            assert_eq!(told.code.as_deref(), code, "{body}");
            assert_eq!(told.message, message, "{body}");
            assert_eq!(told.lines, lines, "{body}");
        }
        for body in ["", "<html>", "[]", "{}", "{\"error\":7}", "null"] {
            assert_eq!(told(body.as_bytes()), None, "{body}");
        }
    }

    #[test]
    fn a_body_of_any_size_and_depth_becomes_few_short_lines() {
        let mut deep = String::from(r#"{"code":"X","message":"m"}"#);
        for _ in 0..60 {
            deep = format!(r#"{{"code":"X","message":"m","details":[{deep},{{"code":"Y","message":"n"}}]}}"#);
        }
        let told = told(format!(r#"{{"error":{deep}}}"#).as_bytes()).unwrap();
        assert!(told.lines.len() <= LINES + 1, "{}", told.lines.len());
        let many: Vec<String> = (0..1000)
            .map(|n| format!(r#"{{"code":"C{n}","message":"{}"}}"#, "word ".repeat(500)))
            .collect();
        let told =
            super::told(format!(r#"{{"error":{{"code":"A","details":[{}]}}}}"#, many.join(",")).as_bytes()).unwrap();
        assert_eq!(told.lines.len(), LINES + 1);
        assert!(told.lines.iter().all(|line| line.chars().count() <= LENGTH + 1));
        assert!(told.lines.last().unwrap().starts_with("and "));
    }

    #[test]
    fn control_characters_never_reach_a_line() {
        assert_eq!(one_line("a\u{1b}[31m\u{7}b\r\n c."), "a [31m b c");
    }
}
