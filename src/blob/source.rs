//! Who hands out signatures: somebody wrote one down, in a variable or a file, or a service issues them for a short time.

use camino::Utf8Path;

use super::{BlobError, BlobErrorKind, ContainerAccess};

/// Hands out the signature of one container. Issued by hand, or by AOSM for a short time.
#[async_trait::async_trait]
pub trait SasSource: Send + Sync {
    /// The current one.
    async fn get(&self) -> Result<ContainerAccess, BlobError>;

    /// The service refused the one of this generation: get another if you can. `false`: there is none.
    async fn rejected(&self, generation: u64) -> bool;

    /// Host and container, for people; known without asking anybody.
    fn label(&self) -> String;

    /// The service took the one of this generation.
    fn accepted(&self, _generation: u64) {}

    /// What to do about a signature that is refused, where that is not to write another one down.
    fn remedy(&self) -> Option<String> {
        None
    }
}

/// A signature that somebody wrote down: never renewed.
pub struct FixedSas(pub ContainerAccess);

#[async_trait::async_trait]
impl SasSource for FixedSas {
    async fn get(&self) -> Result<ContainerAccess, BlobError> {
        Ok(self.0.clone())
    }

    async fn rejected(&self, _generation: u64) -> bool {
        false
    }

    fn label(&self) -> String {
        self.0.label()
    }
}

/// A credential file is small.
const FILE_LIMIT: u64 = 64 * 1024;

impl FixedSas {
    /// The container URL that an environment variable holds.
    pub fn from_variable(name: &str) -> Result<Self, BlobError> {
        let text = read_variable(name)?;
        Ok(Self(ContainerAccess::parse(&text, &format!("the variable {name}"))?))
    }

    /// The container URL that a file holds: alone, in a line `NAME=URL`, or as a member of a JSON object. `name`: whose line
    /// or member it is; needed where there are several. With what is worth warning of.
    pub fn from_file(path: &Utf8Path, name: Option<&str>) -> Result<(Self, Option<String>), BlobError> {
        let (text, warning) = read_file(path, name)?;
        Ok((Self(ContainerAccess::parse(&text, path.as_str())?), warning))
    }
}

/// The text that an environment variable holds.
pub fn read_variable(name: &str) -> Result<String, BlobError> {
    let failed = |detail: &str| {
        BlobError::new(BlobErrorKind::Denied, "read", format!("the variable {name}"), detail)
            .hint("set it to the container's URL with its signature")
    };
    match std::env::var(name) {
        Ok(text) if text.trim().is_empty() => Err(failed("is empty")),
        Ok(text) => Ok(text),
        Err(std::env::VarError::NotPresent) => Err(failed("is not set")),
        Err(std::env::VarError::NotUnicode(_)) => Err(failed("holds no text")),
    }
}

/// The URL in a credential file (see [`FixedSas::from_file`]) and what is worth warning of: others may read the file.
pub fn read_file(path: &Utf8Path, name: Option<&str>) -> Result<(String, Option<String>), BlobError> {
    let failed = |detail: String| BlobError::new(BlobErrorKind::Local, "read", path.as_str(), detail);
    let meta = std::fs::metadata(path).map_err(|error| failed(error.to_string()))?;
    if !meta.is_file() {
        return Err(failed("is no file".into()));
    }
    if meta.len() > FILE_LIMIT {
        return Err(failed(format!(
            "holds {} bytes, which no credential file does",
            meta.len()
        )));
    }
    let text = std::fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
    let text = text.trim_start_matches('\u{feff}').trim();
    let url = pick(text, name).map_err(|detail| {
        failed(detail).hint("it holds the container's URL alone, lines NAME=URL, or a JSON object of them")
    })?;
    Ok((url, open_to_others(path, &meta)))
}

/// The URL within a file's text.
fn pick(text: &str, name: Option<&str>) -> Result<String, String> {
    if text.is_empty() {
        return Err("is empty".into());
    }
    let named: Vec<(String, String)> = if text.starts_with('{') {
        // What the parser says of a text could repeat it.
        let object: serde_json::Map<String, serde_json::Value> =
            serde_json::from_str(text).map_err(|error| format!("is no JSON object (line {})", error.line()))?;
        object
            .into_iter()
            .filter_map(|(name, value)| Some((name, value.as_str()?.to_owned())))
            .collect()
    } else {
        let lines = text
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty() && !line.starts_with('#'));
        let mut named = Vec::new();
        for line in lines {
            match assignment(line) {
                Some(pair) => named.push(pair),
                None if named.is_empty() => return Ok(line.to_owned()),
                None => return Err("holds a line that is not NAME=URL".into()),
            }
        }
        named
    };
    let known = || {
        named
            .iter()
            .map(|(name, _)| name.as_str())
            .collect::<Vec<_>>()
            .join(", ")
    };
    match (name, named.as_slice()) {
        (Some(name), _) => named
            .iter()
            .find(|(held, _)| held == name)
            .map(|(_, url)| url.clone())
            .ok_or_else(|| format!("holds no {name}, only {}", known())),
        (None, [(_, url)]) => Ok(url.clone()),
        (None, []) => Err("holds no URL".into()),
        (None, _) => Err(format!("holds several: {}", known())),
    }
}

/// `NAME=URL` or `export NAME="URL"`; a URL alone is none, though it holds a `=`.
fn assignment(line: &str) -> Option<(String, String)> {
    let (name, value) = line.split_once('=')?;
    let name = name.trim().trim_start_matches("export ").trim();
    let plain = !name.is_empty()
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'));
    if !plain {
        return None;
    }
    let value = value.trim();
    let unquoted = ['"', '\'']
        .iter()
        .find_map(|quote| value.strip_prefix(*quote)?.strip_suffix(*quote))
        .unwrap_or(value);
    Some((name.to_owned(), unquoted.to_owned()))
}

#[cfg(unix)]
fn open_to_others(path: &Utf8Path, meta: &std::fs::Metadata) -> Option<String> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = meta.permissions().mode() & 0o777;
    (mode & 0o077 != 0)
        .then(|| format!("{path} holds a signature and others may read it (mode {mode:03o}): chmod 600 {path}"))
}

#[cfg(not(unix))]
fn open_to_others(_path: &Utf8Path, _meta: &std::fs::Metadata) -> Option<String> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_found_alone_by_name_and_in_json() {
        let url = "https://a.blob.core.windows.net/c?sv=1&sig=x=";
        for (text, name) in [
            (url.to_owned(), None),
            (url.to_owned(), Some("DISKS")),
            (format!("# disks\n\n{url}\n"), None),
            (format!("DISKS={url}"), None),
            (format!("export DISKS=\"{url}\"\nOTHER=x"), Some("DISKS")),
            (format!("OTHER=x\nDISKS='{url}'"), Some("DISKS")),
            (format!("{{\"DISKS\": \"{url}\", \"n\": 1}}"), None),
            (format!("{{\"DISKS\": \"{url}\", \"o\": \"x\"}}"), Some("DISKS")),
        ] {
            assert_eq!(pick(&text, name).as_deref(), Ok(url), "{text}");
        }
    }

    #[test]
    fn what_is_unclear_is_told_without_its_content() {
        for (text, name, expected) in [
            ("", None, "is empty"),
            ("# nothing", None, "holds no URL"),
            ("A=secret\nB=secret", None, "holds several: A, B"),
            ("A=secret\nB=secret", Some("C"), "holds no C, only A, B"),
            ("A=secret\nhttps://secret?x", None, "holds a line that is not NAME=URL"),
            ("{\"A\": \"secret\"", None, "is no JSON object (line 1)"),
            ("{}", None, "holds no URL"),
        ] {
            assert_eq!(pick(text, name), Err(expected.to_owned()), "{text}");
        }
    }
}
