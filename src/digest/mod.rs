//! SHA-256 digests: the only algorithm this tool creates; sha512 references are carried as text.

use std::fmt;
use std::io::{self, Read};
use std::str::FromStr;

use camino::Utf8Path;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A content digest `algorithm:hex` (image-spec, descriptor.md, "Digests"): sha256 or sha512.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(Box<str>);

/// Why a text is no digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadDigest(String);

impl fmt::Display for BadDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?} is not a digest: sha256: and 64, or sha512: and 128 lower-case hex digits, are needed",
            self.0
        )
    }
}

impl std::error::Error for BadDigest {}

impl Digest {
    /// The SHA-256 of some bytes.
    pub fn of(bytes: &[u8]) -> Self {
        let mut hasher = Hasher::new();
        hasher.update(bytes);
        hasher.finish()
    }

    /// The SHA-256 of everything a reader gives, and how many bytes that was.
    pub fn of_reader(mut reader: impl Read) -> io::Result<(Self, u64)> {
        let mut hasher = Hasher::new();
        let mut buffer = vec![0_u8; 128 * 1024];
        let mut total = 0_u64;
        loop {
            let n = match reader.read(&mut buffer) {
                Ok(0) => return Ok((hasher.finish(), total)),
                Ok(n) => n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(e) => return Err(e),
            };
            hasher.update(buffer.get(..n).unwrap_or_default());
            total += n as u64;
        }
    }

    /// From 64 hex digits without the algorithm.
    pub fn from_sha256_hex(hex: &str) -> Result<Self, BadDigest> {
        format!("sha256:{hex}").parse()
    }

    /// `sha256:…`, whole.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// `sha256` or `sha512`.
    pub fn algorithm(&self) -> &str {
        self.0.split_once(':').map_or("", |(a, _)| a)
    }

    /// The hex digits alone.
    pub fn hex(&self) -> &str {
        self.0.split_once(':').map_or("", |(_, h)| h)
    }

    /// The first 12 hex digits, for people.
    pub fn short(&self) -> &str {
        self.hex().get(..12).unwrap_or_default()
    }

    /// A hasher of the digest's own algorithm, to verify content against it.
    pub fn verifier(&self) -> Hasher {
        if self.algorithm() == "sha512" {
            Hasher::sha512()
        } else {
            Hasher::new()
        }
    }
}

impl FromStr for Digest {
    type Err = BadDigest;
    fn from_str(text: &str) -> Result<Self, BadDigest> {
        let good = text.split_once(':').is_some_and(|(algorithm, hex)| {
            let length = match algorithm {
                "sha256" => 64,
                "sha512" => 128,
                _ => return false,
            };
            hex.len() == length && hex.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
        });
        if good {
            Ok(Self(text.into()))
        } else {
            Err(BadDigest(text.chars().take(200).collect()))
        }
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl schemars::JsonSchema for Digest {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Digest".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "pattern": "^(sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$",
            "description": "a content digest: algorithm, colon, lower-case hex"
        })
    }
}

/// A running digest. AWS-LC's assembly is fast in unoptimised builds too, and is linked already through rustls.
#[derive(Clone)]
pub struct Hasher(aws_lc_rs::digest::Context, &'static str);

impl Hasher {
    /// A SHA-256 hasher.
    pub fn new() -> Self {
        Self(aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256), "sha256")
    }

    /// A SHA-512 hasher, only to verify content that others named so.
    pub fn sha512() -> Self {
        Self(aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA512), "sha512")
    }

    /// Takes more bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The digest of all bytes taken.
    pub fn finish(self) -> Digest {
        use std::fmt::Write as _;
        let mut text = String::with_capacity(self.1.len() + 1 + 128);
        text.push_str(self.1);
        text.push(':');
        for byte in self.0.finish().as_ref() {
            // Writing to a String cannot fail.
            let _ = write!(text, "{byte:02x}");
        }
        Digest(text.into())
    }
}

impl Default for Hasher {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Hasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hasher({})", self.1)
    }
}

/// Hashes files, remembering what did not change. The stat table of `cache` implements it; [`ReadFiles`] always reads.
pub trait FileDigests: Send + Sync {
    /// The SHA-256 and size in bytes of a regular file.
    fn file_digest(&self, path: &Utf8Path) -> io::Result<(Digest, u64)>;

    /// A small text derived from a file's content by `purpose`, remembered while the file's stat is unchanged.
    fn remembered(&self, _path: &Utf8Path, _purpose: &str) -> Option<String> {
        None
    }

    /// Remembers a derived text for [`FileDigests::remembered`].
    fn remember(&self, _path: &Utf8Path, _purpose: &str, _value: &str) {}
}

/// Reads and hashes every time.
#[derive(Debug, Default, Clone, Copy)]
pub struct ReadFiles;

impl FileDigests for ReadFiles {
    fn file_digest(&self, path: &Utf8Path) -> io::Result<(Digest, u64)> {
        Digest::of_reader(std::fs::File::open(path)?)
    }
}
