//! Opening a disk image, and reading it at an offset. Only regular files are opened: a pipe would block for ever, and a device
//! may act when it is opened.

use std::fs::{File, Metadata};
use std::io;

use camino::Utf8Path;

use crate::fault::{Fault, Place};

/// Opens a regular file for reading.
pub fn open_image(path: &Utf8Path) -> Result<File, Fault> {
    regular(path)?;
    let mut options = File::options();
    options.read(true);
    // Something else may be there since it was looked at: do not wait for the other end of a pipe.
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.custom_flags(i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).unwrap_or(0));
    }
    let file = options.open(path).map_err(|error| unreadable(path, &error))?;
    let meta = file.metadata().map_err(|error| unreadable(path, &error))?;
    judge(path, &meta)?;
    Ok(file)
}

/// The facts about a regular file that is not empty.
pub(super) fn regular(path: &Utf8Path) -> Result<Metadata, Fault> {
    let meta = std::fs::metadata(path).map_err(|error| unreadable(path, &error))?;
    judge(path, &meta)?;
    Ok(meta)
}

fn judge(path: &Utf8Path, meta: &Metadata) -> Result<(), Fault> {
    if meta.is_dir() {
        return Err(invalid(path, "is a folder").hint("name the disk image in it"));
    }
    if !meta.is_file() {
        return Err(
            invalid(path, "is no regular file but a pipe, a socket or a device").hint("copy it to a file first")
        );
    }
    if meta.len() == 0 {
        return Err(invalid(path, "is empty: 0 bytes").hint("make or download it again"));
    }
    Ok(())
}

fn invalid(path: &Utf8Path, what: &str) -> Fault {
    Fault::invalid(format!("{path}: {what}")).at(Place::file_only(path))
}

/// Why a file cannot be read.
pub(super) fn unreadable(path: &Utf8Path, error: &io::Error) -> Fault {
    match error.kind() {
        io::ErrorKind::NotFound => invalid(path, "there is no such file").hint("check the path and its spelling"),
        io::ErrorKind::NotADirectory => {
            invalid(path, "there is no such file").hint("a part of the path is a file, not a folder")
        }
        io::ErrorKind::PermissionDenied => Fault::infrastructure(format!("{path}: cannot be read"))
            .at(Place::file_only(path))
            .because(error)
            .hint("give this user the right to read it"),
        _ => Fault::infrastructure(format!("{path}: cannot be read"))
            .at(Place::file_only(path))
            .because(error)
            .hint("check the disk or the network share it is on"),
    }
}

/// The fault of a file that is not what it was when reading began.
pub fn changed_meanwhile(path: &Utf8Path) -> Fault {
    Fault::invalid(format!("{path}: changed while it was read"))
        .at(Place::file_only(path))
        .hint("run the command again when nothing writes to the file any more")
}

/// Fills the buffer from an offset. A file that ends before that changed since its length was taken.
pub fn read_exact_at(file: &File, path: &Utf8Path, buffer: &mut [u8], offset: u64) -> Result<(), Fault> {
    let wanted = buffer.len();
    if read_full_at(file, path, buffer, offset)? == wanted {
        Ok(())
    } else {
        Err(changed_meanwhile(path))
    }
}

/// Fills the buffer from an offset as far as the file goes; how many bytes that were.
pub fn read_full_at(file: &File, path: &Utf8Path, buffer: &mut [u8], offset: u64) -> Result<usize, Fault> {
    let mut done = 0;
    while let Some(rest) = buffer.get_mut(done..).filter(|rest| !rest.is_empty()) {
        match read_at(file, rest, offset + done as u64) {
            Ok(0) => break,
            Ok(read) => done += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(unreadable(path, &error)),
        }
    }
    Ok(done)
}

#[cfg(unix)]
fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, buffer, offset)
}

#[cfg(windows)]
fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, buffer, offset)
}
