//! Walking a tar or tar.gz entry by entry, within limits.

use std::collections::HashSet;
use std::io::{self, Read};
use std::ops::ControlFlow;

use camino::Utf8Path;
use flate2::read::MultiGzDecoder;
use tar::EntryType;

use super::format::{Format, of_head};
use super::{EntryName, Limits};
use crate::fault::{Fault, Place};

/// One regular file of an archive, in the order stored. Folders are not shown: a file's name implies them.
pub struct Entry<'a> {
    /// Its name, safe to join to a folder.
    pub name: EntryName,
    /// Its name as it stands in the archive.
    pub raw_name: String,
    /// Bytes of content, within the limits.
    pub size: u64,
    /// Set when the archive marks it executable by its owner.
    pub executable: bool,
    reader: &'a mut dyn Read,
    label: &'a Utf8Path,
}

impl Entry<'_> {
    /// Reads the content whole.
    pub fn read(&mut self) -> Result<Vec<u8>, Fault> {
        // The size was checked against the limits; the capacity is still kept modest, as a header costs nothing.
        let mut bytes = Vec::with_capacity(usize::try_from(self.size.min(1 << 20)).unwrap_or(0));
        self.copy(&mut bytes)?;
        Ok(bytes)
    }

    /// Copies the content; an error when the archive ends before the size its header claims.
    pub fn copy(&mut self, out: &mut dyn io::Write) -> Result<(), Fault> {
        let copied = io::copy(&mut self.reader.take(self.size), out).map_err(|e| unreadable(self.label, &e))?;
        if copied == self.size {
            Ok(())
        } else {
            Err(cut_short(self.label))
        }
    }
}

/// Shows every regular file to `visit`, until it breaks. Everything else than files and folders is refused, as are
/// names that lead out and entries named twice. `label` is the archive's path as people know it.
pub fn for_each_entry(
    mut reader: impl Read,
    label: &Utf8Path,
    limits: &Limits,
    visit: &mut dyn FnMut(&mut Entry<'_>) -> Result<ControlFlow<()>, Fault>,
) -> Result<(), Fault> {
    let mut head = Vec::with_capacity(512);
    (&mut reader)
        .take(512)
        .read_to_end(&mut head)
        .map_err(|e| unreadable(label, &e))?;
    let format = of_head(&head);
    let whole = io::Cursor::new(head).chain(reader);
    match format {
        Format::Gzip => walk(MultiGzDecoder::new(whole), label, limits, visit),
        Format::Tar => walk(whole, label, limits, visit),
        Format::Other => Err(
            Fault::invalid(format!("{label}: neither a tar nor a gzip-compressed tar"))
                .at(Place::file_only(label))
                .hint("a chart archive is what `helm package` or `tar -czf` writes"),
        ),
    }
}

/// All files of an archive in memory, in the order stored.
pub fn read_all(reader: impl Read, label: &Utf8Path, limits: &Limits) -> Result<Vec<(EntryName, Vec<u8>)>, Fault> {
    let mut files = Vec::new();
    for_each_entry(reader, label, limits, &mut |entry| {
        files.push((entry.name.clone(), entry.read()?));
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(files)
}

fn walk(
    reader: impl Read,
    label: &Utf8Path,
    limits: &Limits,
    visit: &mut dyn FnMut(&mut Entry<'_>) -> Result<ControlFlow<()>, Fault>,
) -> Result<(), Fault> {
    // Headers and padding come on top of the content; long names and extended headers are read by the tar reader
    // itself, so its input is bounded as well.
    let allowance = limits.entries.saturating_mul(2048).saturating_add(64 * 1024);
    let mut archive = tar::Archive::new(Bounded {
        inner: reader,
        limit: limits.total_size,
        left: limits.total_size.saturating_add(allowance),
    });
    let (mut entries, mut total) = (0_u64, 0_u64);
    let mut seen: HashSet<EntryName> = HashSet::new();
    let listed = archive.entries().map_err(|e| unreadable(label, &e))?;
    for entry in listed {
        let mut entry = entry.map_err(|e| unreadable(label, &e))?;
        entries += 1;
        if entries > limits.entries {
            return Err(too_much(label, &format!("more than {} entries", limits.entries)));
        }
        let kind = entry.header().entry_type();
        // The global header that `git archive` writes holds a comment, no file.
        if kind == EntryType::XGlobalHeader {
            continue;
        }
        let raw = entry.path_bytes().into_owned();
        let shown = String::from_utf8_lossy(&raw).into_owned();
        let name = EntryName::parse(&raw, limits.path_length).map_err(|why| {
            refused(label, &shown, &why.to_string()).hint("the archive is damaged or hostile: pack the chart again")
        })?;
        match kind {
            EntryType::Directory => continue,
            EntryType::Regular | EntryType::Continuous => {}
            EntryType::Symlink | EntryType::Link => {
                return Err(refused(label, &shown, "it is a link").hint(
                    "pack the file itself instead of a link to it (`tar -h` follows links, `helm package` does too)",
                ));
            }
            _ => {
                return Err(refused(label, &shown, "it is neither a file nor a folder")
                    .hint("a chart holds files and folders only: pack it again without this entry"));
            }
        }
        let Some(name) = name else {
            return Err(refused(label, &shown, "it has no name").hint("pack the chart again"));
        };
        let size = entry.size();
        if size > limits.file_size {
            return Err(too_much(
                label,
                &format!("{name} is larger than {}", mib(limits.file_size)),
            ));
        }
        total = total.saturating_add(size);
        if total > limits.total_size {
            return Err(too_much(label, &format!("{OVER}{}", mib(limits.total_size))));
        }
        if !seen.insert(name.clone()) {
            return Err(refused(label, &shown, "the name occurs twice")
                .hint("which of the two counts depends on who reads it: pack the chart again"));
        }
        let executable = entry.header().mode().is_ok_and(|mode| mode & 0o100 != 0);
        let mut shown = Entry {
            name,
            raw_name: shown,
            size,
            executable,
            reader: &mut entry,
            label,
        };
        if visit(&mut shown)?.is_break() {
            return Ok(());
        }
    }
    // Read on to the end, so that gzip's checksum is compared. What follows a tar's end mark is padding.
    let mut rest = archive.into_inner();
    match io::copy(&mut rest, &mut io::sink()) {
        Ok(_) => Ok(()),
        // Bytes after a whole gzip member are ignored, as Helm ignores them.
        Err(e) if e.to_string().contains("invalid gzip header") => Ok(()),
        Err(e) => Err(unreadable(label, &e)),
    }
}

/// A reader that fails once it has given more than it may.
struct Bounded<R> {
    inner: R,
    limit: u64,
    left: u64,
}

/// What [`Bounded`] fails with.
const OVER: &str = "unpacks to more than ";

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buffer)?;
        match self.left.checked_sub(n as u64) {
            Some(left) => self.left = left,
            None => return Err(io::Error::other(format!("{OVER}{}", mib(self.limit)))),
        }
        Ok(n)
    }
}

fn mib(bytes: u64) -> String {
    if bytes >= 1024 * 1024 {
        format!("{} MiB", bytes / (1024 * 1024))
    } else {
        format!("{bytes} B")
    }
}

fn refused(label: &Utf8Path, name: &str, why: &str) -> Fault {
    let name: String = name.chars().take(200).collect();
    Fault::invalid(format!("{label}: entry {name:?} is refused: {why}")).at(Place::file_only(label))
}

fn too_much(label: &Utf8Path, what: &str) -> Fault {
    Fault::invalid(format!("{label}: {what}"))
        .at(Place::file_only(label))
        .hint("this is more than Helm takes: leave what is not part of the chart out of it (`.helmignore`)")
}

fn cut_short(label: &Utf8Path) -> Fault {
    Fault::invalid(format!("{label}: the archive is cut short"))
        .at(Place::file_only(label))
        .hint("fetch or pack it again")
}

fn unreadable(label: &Utf8Path, error: &io::Error) -> Fault {
    let text = error.to_string();
    if text.contains(OVER) {
        return too_much(label, &text);
    }
    if error.kind() == io::ErrorKind::UnexpectedEof {
        return cut_short(label);
    }
    Fault::invalid(format!("{label}: the archive cannot be read"))
        .at(Place::file_only(label))
        .because(text)
        .hint("fetch or pack it again")
}
