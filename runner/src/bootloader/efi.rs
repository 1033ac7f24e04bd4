//! EFI variables of the Boot Loader Interface (<https://systemd.io/BOOT_LOADER_INTERFACE/>), as files of efivarfs.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use health_checks::Root;
use rustix::fs::{IFlags, ioctl_getflags, ioctl_setflags};

use crate::sys::mountinfo::Mount;
use crate::sys::writable::with_write_access;

const DIRECTORY: &str = "/sys/firmware/efi/efivars";
/// Vendor of the Boot Loader Interface.
const VENDOR: &str = "4a67b082-0a4c-41cf-b6c7-440b29bb8c4f";
/// Non-volatile, seen by the boot loader, seen by us.
const ATTRIBUTES: [u8; 4] = [7, 0, 0, 0];

/// The variables below a root.
#[derive(Debug, Clone)]
pub struct Variables {
    root: Root,
    mounts: Vec<Mount>,
}

impl Variables {
    /// Of a system.
    pub fn new(root: &Root, mounts: &[Mount]) -> Self {
        Self {
            root: root.clone(),
            mounts: mounts.to_owned(),
        }
    }

    fn file(name: &str) -> PathBuf {
        Path::new(DIRECTORY).join(format!("{name}-{VENDOR}"))
    }

    /// A text, `None` where it is not set.
    ///
    /// # Errors
    /// When it is set and cannot be read or understood.
    pub fn read(&self, name: &str) -> Result<Option<String>> {
        match fs::read(self.root.join(Self::file(name))) {
            Ok(bytes) => decode(&bytes)
                .map(Some)
                .with_context(|| format!("EFI variable {name} is no text")),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("EFI variable {name} cannot be read")),
        }
    }

    /// A number, as for flags, `None` where it is not set.
    ///
    /// # Errors
    /// When it is set and cannot be read.
    pub fn read_number(&self, name: &str) -> Result<Option<u64>> {
        match fs::read(self.root.join(Self::file(name))) {
            Ok(bytes) => {
                let value = bytes.iter().skip(ATTRIBUTES.len()).take(8).rev();
                Ok(Some(
                    value.fold(0, |number, byte| number << 8 | u64::from(*byte)),
                ))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("EFI variable {name} cannot be read")),
        }
    }

    /// Whether it is set.
    pub fn is_set(&self, name: &str) -> bool {
        self.root.join(Self::file(name)).exists()
    }

    /// Sets a text and reads it back. Firmware keeps variables in flash: the same text is not written again.
    ///
    /// # Errors
    /// When it is not set afterwards.
    pub fn write(&self, name: &str, value: &str) -> Result<()> {
        if matches!(self.read(name), Ok(Some(old)) if old == value) {
            return Ok(());
        }
        let path = self.root.join(Self::file(name));
        self.change(|| {
            let was_immutable = make_mutable(&path);
            let written = write_at_once(&path, &encode(value));
            if was_immutable {
                set_immutable(&path);
            }
            written.with_context(|| format!("EFI variable {name} cannot be set to '{value}'"))
        })?;
        match self.read(name)? {
            Some(new) if new == value => Ok(()),
            _ => {
                bail!("EFI variable {name} was set to '{value}', but the firmware did not keep it")
            }
        }
    }

    /// Unsets it.
    ///
    /// # Errors
    /// When it is still set afterwards.
    pub fn remove(&self, name: &str) -> Result<()> {
        let path = self.root.join(Self::file(name));
        if !path.exists() {
            return Ok(());
        }
        self.change(|| {
            make_mutable(&path);
            fs::remove_file(&path).with_context(|| format!("EFI variable {name} cannot be removed"))
        })
    }

    fn change(&self, act: impl FnOnce() -> Result<()>) -> Result<()> {
        with_write_access(&self.root, &self.mounts, Path::new(DIRECTORY), act)
    }
}

/// efivarfs takes a variable only as a whole, in one write(2).
fn write_at_once(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::options()
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)?;
    file.write_all(bytes)?;
    // efivarfs has done so by itself.
    if file.metadata()?.len() > bytes.len() as u64 {
        file.set_len(bytes.len() as u64)?;
    }
    file.sync_all().or_else(|error| match error.kind() {
        // efivarfs has nothing to sync.
        io::ErrorKind::InvalidInput => Ok(()),
        _ => Err(error),
    })
}

/// The kernel protects variables that it does not know from 'rm -rf' by the immutable flag. Whether it was set.
fn make_mutable(path: &Path) -> bool {
    let Ok(file) = File::open(path) else {
        return false;
    };
    match ioctl_getflags(&file) {
        Ok(flags) if flags.contains(IFlags::IMMUTABLE) => {
            ioctl_setflags(&file, flags - IFlags::IMMUTABLE).is_ok()
        }
        Ok(_) | Err(_) => false,
    }
}

/// As far as possible: it only protects from accidents.
fn set_immutable(path: &Path) {
    let protect = || -> io::Result<()> {
        let file = File::open(path)?;
        let flags = ioctl_getflags(&file)?;
        Ok(ioctl_setflags(&file, flags | IFlags::IMMUTABLE)?)
    };
    if let Err(error) = protect() {
        log::debug!("'{}' is not protected any more: {error}", path.display());
    }
}

/// Attributes, then UTF-16LE, ended by NUL.
fn decode(bytes: &[u8]) -> Option<String> {
    let text = bytes.get(ATTRIBUTES.len()..)?;
    if text.len() % 2 != 0 {
        return None;
    }
    let units = text
        .chunks_exact(2)
        .map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
    let units: Vec<u16> = units.take_while(|unit| *unit != 0).collect();
    String::from_utf16(&units).ok()
}

fn encode(text: &str) -> Vec<u8> {
    let units = text.encode_utf16().chain([0]);
    ATTRIBUTES
        .into_iter()
        .chain(units.flat_map(u16::to_le_bytes))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_utf_16_after_four_bytes_of_attributes() {
        assert_eq!(encode("a\u{e9}"), [7, 0, 0, 0, b'a', 0, 0xe9, 0, 0, 0]);
        for text in ["", "snap-3.conf", "\\loader\\entries\\\u{1f600}+2-1.conf"] {
            assert_eq!(decode(&encode(text)).unwrap(), text);
        }
        // Without NUL, as some loaders write it; with something behind it.
        assert_eq!(decode(&[6, 0, 0, 0, b'a', 0]).unwrap(), "a");
        assert_eq!(decode(&[6, 0, 0, 0, b'a', 0, 0, 0, b'b', 0]).unwrap(), "a");
        for bad in [
            &b""[..],
            &[7, 0, 0],
            &[7, 0, 0, 0, 1],
            &[7, 0, 0, 0, 0, 0xd8],
        ] {
            assert_eq!(decode(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn what_is_set_is_read_back_and_can_be_removed() {
        let directory = tempfile::tempdir().unwrap();
        let root = Root::at(directory.path());
        fs::create_dir_all(root.join(DIRECTORY)).unwrap();
        let variables = Variables::new(&root, &[]);
        assert_eq!(variables.read("LoaderEntryDefault").unwrap(), None);
        for value in ["a-long-name.conf", "b.conf"] {
            variables.write("LoaderEntryDefault", value).unwrap();
            assert_eq!(
                variables.read("LoaderEntryDefault").unwrap().unwrap(),
                value
            );
        }
        let file = root.join(Variables::file("LoaderEntryDefault"));
        assert_eq!(fs::read(file).unwrap().len(), 4 + 2 * "b.conf".len() + 2);
        variables.remove("LoaderEntryDefault").unwrap();
        variables.remove("LoaderEntryDefault").unwrap();
        assert!(!variables.is_set("LoaderEntryDefault"));
    }

    #[test]
    fn without_efi_nothing_is_set_and_writing_says_so() {
        let directory = tempfile::tempdir().unwrap();
        let variables = Variables::new(&Root::at(directory.path()), &[]);
        assert_eq!(variables.read("LoaderInfo").unwrap(), None);
        let error = variables.write("LoaderEntryDefault", "a.conf").unwrap_err();
        assert!(format!("{error:#}").contains(DIRECTORY), "{error:#}");
    }
}
