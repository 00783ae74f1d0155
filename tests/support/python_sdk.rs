//! The official Python SDK as an independent client of storage accounts: small programs, run in the folder that
//! `scripts/tools pythonsdk` fills.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::tools;

/// What every program begins with: its arguments, the SDK, and a way to answer.
const PRELUDE: &str = r"
import hashlib, json, sys
from azure.storage.blob import BlobClient, ContainerClient
def answer(value):
    json.dump(value, sys.stdout)
def headers(blob):
    p = blob.get_blob_properties()
    ranges, _ = blob.get_page_ranges() if p.blob_type == 'PageBlob' else ([], [])
    return {
        'type': p.blob_type.value, 'size': p.size, 'etag': p.etag, 'metadata': p.metadata,
        'md5': bytes(p.content_settings.content_md5).hex() if p.content_settings.content_md5 else None,
        'content_type': p.content_settings.content_type,
        'ranges': [[r['start'], r['end'] + 1] for r in ranges],
    }
";

/// Could `scripts/test` not get it?
pub fn available() -> bool {
    !tools::without("pythonsdk")
}

/// Runs a program with these arguments (`sys.argv[1:]`); what it gives to `answer(…)` comes back.
pub fn run(program: &str, arguments: &[&str]) -> Value {
    let text = tools::run(
        Command::new(tools::pythonsdk())
            .args(["-c", &format!("{PRELUDE}{program}")])
            .args(arguments)
            .env_remove("HTTP_PROXY")
            .env_remove("http_proxy"),
    );
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("no answer ({e}): {text}"))
}

/// Uploads a file as page blob to a blob's URL with its signature.
pub fn upload(url: &str, file: &Path) {
    let program = "
blob = BlobClient.from_blob_url(sys.argv[1])
with open(sys.argv[2], 'rb') as file:
    blob.upload_blob(file, blob_type='PageBlob', overwrite=True)
answer(None)
";
    run(program, &[url, file.to_str().expect("UTF-8")]);
}

/// Downloads a blob and says its SHA-256 in hex.
pub fn sha256(url: &str) -> String {
    let program = "
hash = hashlib.sha256()
for chunk in BlobClient.from_blob_url(sys.argv[1]).download_blob().chunks():
    hash.update(chunk)
answer(hash.hexdigest())
";
    run(program, &[url]).as_str().expect("a text").to_owned()
}

/// Type, size, metadata, MD5 (hex), content type and page ranges (ends exclusive) of a blob.
pub fn properties(url: &str) -> Value {
    run("answer(headers(BlobClient.from_blob_url(sys.argv[1])))\n", &[url])
}
