//! Replaces a file as a whole: who reads it sees the old text or the new one, also after the machine has failed.
//!
//! The new text is written beside it (`PATH.new`), synced and renamed over it; then its folder is synced. One writer per
//! path: two would write to the same file beside it. Waits for the disk, so it is for threads of its own.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

/// Puts `bytes` in place of what is at `path`, mode 0600. Gives the file, open for adding.
///
/// # Errors
/// What the system says. The old file is there then, or, if only its folder could not be synced, the new one.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<File> {
    let beside = path.with_added_extension("new");
    // A file that is there keeps its mode.
    match fs::remove_file(&beside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().append(true).create_new(true).mode(0o600).open(&beside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&beside, path)?;
    File::open(folder(path))?.sync_all()?;
    Ok(file)
}

/// The folder that a file is in.
pub(crate) fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn it_is_replaced_and_nobody_else_can_read_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("last.yaml");
        fs::write(folder.path().join("last.yaml.new"), "left behind by a crash").unwrap();
        for text in ["one", "two"] {
            let mut file = replace(&path, text.as_bytes()).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
            file.write_all(b" and more").unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), format!("{text} and more"));
        }
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
        assert!(replace(&folder.path().join("no/such"), b"").is_err());
    }
}
