//! Copies for Helm's eyes, in a scratch folder: where what is keyed is not what lies on the disk.

use std::io::Write as _;

use camino::{Utf8Path, Utf8PathBuf};

use super::pack::contents;
use super::tree::ChartTree;
use crate::archive::windows_trouble;
use crate::fault::Fault;

/// Writes every file of a chart below `scratch` and gives the chart's folder.
pub(super) fn stage(tree: &ChartTree, scratch: &Utf8Path) -> Result<Utf8PathBuf, Fault> {
    let root = scratch.join("chart").join(tree.name());
    for (name, content) in contents(tree)? {
        if cfg!(windows)
            && let Some(trouble) = windows_trouble(&name)
        {
            return Err(
                Fault::invalid(format!("chart {}: Windows cannot hold {trouble}", tree.name()))
                    .hint("rename the file in the chart, or run on another system"),
            );
        }
        let path = root.join(&name);
        let folder = path.parent().unwrap_or(&root);
        std::fs::create_dir_all(folder)
            .and_then(|()| std::fs::write(&path, content))
            .map_err(|e| no_scratch(&e))?;
    }
    Ok(root)
}

/// A new private folder in the scratch folder; removed when dropped.
pub(super) fn scratch_in(scratch: &Utf8Path) -> Result<(tempfile::TempDir, Utf8PathBuf), Fault> {
    let made = std::fs::create_dir_all(scratch)
        .and_then(|()| tempfile::Builder::new().prefix("helm-").tempdir_in(scratch))
        .map_err(|e| no_scratch(&e))?;
    let path = Utf8PathBuf::from_path_buf(made.path().to_owned()).map_err(|path| {
        Fault::infrastructure(format!("temporary folder {}: not UTF-8", path.display()))
            .hint("name another one in TMPDIR")
    })?;
    // Helm reports real paths; a link on the way would keep ours from being found in its messages.
    let path = path.canonicalize_utf8().unwrap_or(path);
    Ok((made, path))
}

/// Writes a file that only this user can read.
pub(super) fn private_file(folder: &Utf8Path, name: &str, content: &str) -> Result<Utf8PathBuf, Fault> {
    let path = folder.join(name);
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    options
        .open(&path)
        .and_then(|mut file| file.write_all(content.as_bytes()))
        .map_err(|e| no_scratch(&e))?;
    Ok(path)
}

fn no_scratch(error: &std::io::Error) -> Fault {
    Fault::infrastructure("temporary folder: cannot be written")
        .because(error)
        .hint("check free space and permissions of the temporary folder")
}
