//! Disk images in words.

use super::bytes;
use super::diagnostic::printable;
use crate::disk::{VhdDocument, VhdOutcome};

/// What became of a disk image that was to be uploaded.
pub fn uploaded(document: &VhdDocument) -> String {
    let length = document.length.unwrap_or_default();
    let data = document.data_bytes.unwrap_or_default();
    let first = match document.outcome {
        VhdOutcome::Present => format!("already there: {}", document.blob),
        _ => format!("uploaded {}, {} sent", document.blob, bytes(document.bytes_moved)),
    };
    let mut lines = vec![first];
    if document.bytes_resumed > 0 {
        lines.push(format!("  before {} were there already", bytes(document.bytes_resumed)));
    }
    lines.push(format!("  size   {}, {}", bytes(length), zero_share(data, length)));
    lines.extend(document.digest.as_ref().map(|digest| format!("  digest {digest}")));
    lines.join("\n")
}

/// What became of a disk image that was to be copied.
pub fn copied(document: &VhdDocument) -> String {
    let first = match document.way {
        None => format!("already there: {}", document.blob),
        Some("streamed") => format!("copied to {}, {} sent", document.blob, bytes(document.bytes_moved)),
        Some("joined") => format!("copied to {} by the service, which was at it already", document.blob),
        Some(_) => format!("copied to {} by the service", document.blob),
    };
    let mut lines = vec![printable(&first)];
    lines.extend(
        document
            .source
            .as_ref()
            .map(|source| format!("  from   {}", printable(source))),
    );
    if document.bytes_resumed > 0 {
        lines.push(format!("  before {} were there already", bytes(document.bytes_resumed)));
    }
    lines.push(format!("  size   {}", bytes(document.length.unwrap_or_default())));
    lines.push(match &document.digest {
        Some(digest) => format!("  digest {digest}"),
        None => "  digest not known: the source does not say it, and --verify full reads everything back".to_owned(),
    });
    lines.join("\n")
}

/// What became of a disk image that was to be downloaded.
pub fn downloaded(document: &VhdDocument, proven: bool) -> String {
    let length = document.length.unwrap_or_default();
    let data = document.data_bytes.unwrap_or_default();
    let file = document.file.as_deref().unwrap_or_default();
    let mut lines = vec![format!("downloaded {file}, {} fetched", bytes(document.bytes_moved))];
    lines.push(printable(&format!("  from   {}", document.blob)));
    if document.bytes_resumed > 0 {
        lines.push(format!("  before {} were there already", bytes(document.bytes_resumed)));
    }
    lines.push(format!("  size   {}, {}", bytes(length), zero_share(data, length)));
    let how = if proven {
        "as the blob says"
    } else {
        "computed: the blob does not say what it holds"
    };
    lines.extend(
        document
            .digest
            .as_ref()
            .map(|digest| format!("  digest {digest} ({how})")),
    );
    lines.extend(
        document
            .md5
            .as_ref()
            .map(|md5| format!("  md5    {md5} (as the blob says)")),
    );
    lines.join("\n")
}

/// What is known of a disk image in a storage account. What others wrote is shown on one line.
pub fn shown(document: &VhdDocument) -> String {
    let length = document.length.unwrap_or_default();
    let mut lines = vec![printable(&document.blob)];
    let mut line = |name: &str, text: String| lines.push(format!("  {name:<8}{}", printable(&text)));
    if let Some(kind) = &document.r#type {
        let page = if kind == "page" { "page blob" } else { kind };
        line("type", page.to_owned());
    }
    line("size", format!("{} ({length} bytes)", bytes(length)));
    if let Some(data) = document.data_bytes {
        line("data", format!("{}, {}", bytes(data), zero_share(data, length)));
    }
    match (&document.digest, &document.upload) {
        (Some(digest), _) => line("digest", digest.clone()),
        (None, Some(_)) => line("digest", "none: it is not whole".to_owned()),
        (None, None) => line("digest", "none: another tool put it there".to_owned()),
    }
    if let Some(upload) = &document.upload {
        let begun = upload
            .begun
            .as_ref()
            .map_or_else(String::new, |begun| format!(", begun {begun}"));
        let of = upload.digest.as_deref().unwrap_or("content that nobody can tell");
        line("upload", format!("has not ended{begun}: {of}"));
    }
    if let Some(copy) = &document.copy {
        let so_far = match (copy.bytes_done, copy.bytes_total) {
            (Some(done), Some(total)) => format!(", {} of {}", bytes(done), bytes(total)),
            _ => String::new(),
        };
        let source = copy
            .source
            .as_ref()
            .map_or_else(String::new, |source| format!(", from {source}"));
        let reason = copy
            .reason
            .as_ref()
            .map_or_else(String::new, |reason| format!(": {reason}"));
        line("copy", format!("{}{so_far}{source}{reason}", copy.status));
    }
    if document.leased == Some(true) {
        line(
            "lease",
            "held: somebody is writing it, or died a minute ago at most".to_owned(),
        );
    }
    if let Some(md5) = &document.md5 {
        line("md5", md5.clone());
    }
    if let Some(etag) = &document.etag {
        line("etag", etag.clone());
    }
    lines.join("\n")
}

/// `94 % zero`; never 100 where there is data, nor 0 where there are zeros.
pub fn zero_share(data: u64, length: u64) -> String {
    let zero = length.saturating_sub(data);
    let share = u128::from(zero) * 100 / u128::from(length.max(1));
    match share {
        0 if zero > 0 => "less than 1 % zero".to_owned(),
        share => format!("{share} % zero"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_never_better_than_they_are() {
        for (data, length, words) in [
            (0, 0, "0 % zero"),
            (512, 512, "0 % zero"),
            (999, 1000, "less than 1 % zero"),
            (1, 1_000_000, "99 % zero"),
            (0, 10, "100 % zero"),
            (u64::MAX, u64::MAX, "0 % zero"),
        ] {
            assert_eq!(zero_share(data, length), words, "{data} of {length}");
        }
    }
}
